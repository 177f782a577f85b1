package generator

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	"golang.org/x/tools/txtar"
)

func build(tb testing.TB, tree tree, pairs ...string) (map[string]Change, error) {
	tb.Helper()
	plan, err := tree.plan(tb, pairs...)
	must(tb, err)
	changes, err := plan.Build(nil)
	byPath := map[string]Change{}
	for _, change := range changes {
		byPath[change.Path] = change
	}
	return byPath, err
}

func TestRecord(t *testing.T) {
	tree := shop().with("base/files/notes/a.md", "a\n")
	changes, err := build(t, tree, "colour=blue", "extras=horn,bell", "domain=a.example.com")
	must(t, err)
	var record Record
	must(t, yaml.Unmarshal(changes[recordFile].Content, &record))
	wantSame(t, record.Kitout, "1.2.3")
	wantSame(t, record.Format, 1)
	wantSame(t, record.Answers, map[string][]string{
		"name": {"my-shop"}, "package": {"my_shop"}, "domain": {"a.example.com"}, "image": {"my-shop"}, "python": {"3.14"},
		"colour": {"blue"}, "shape": {"square"}, "extras": {"bell", "horn"},
	})
	recorded := map[string]RecordedFile{}
	for _, file := range record.Files {
		recorded[file.Path] = file
	}
	delete(changes, recordFile)
	base := txtar.Parse(changes[baseFile].Content)
	delete(changes, baseFile)
	wantSame(t, slices.Sorted(maps.Keys(recorded)), slices.Sorted(maps.Keys(changes)))
	for path, change := range changes {
		want := RecordedFile{Path: path, Layer: change.Layer, Mode: map[bool]string{true: "0755", false: "0644"}[change.Mode == 0o755], Policy: change.Policy}
		sum := sha256.Sum256(change.Content)
		if want.SHA256 = hex.EncodeToString(sum[:]); change.Policy == Secret {
			want.SHA256, want.Mode = "", "0600"
		}
		wantSame(t, recorded[path], want)
	}
	var kept []string
	for _, file := range base.Files {
		kept = append(kept, file.Name)
		wantSame(t, string(file.Data), string(changes[file.Name].Content))
	}
	wantSame(t, kept, []string{"README.md", "edges", "ice", "my_shop/x.py", "run.sh"}) // neither secrets nor what is the user's own
	if strings.Contains(string(changes[recordFile].Content), "KEY=") {
		t.Error("a secret is in the record")
	}
}

// TestRecordIsReadBack holds the record's own writer against the YAML library.
func TestRecordIsReadBack(t *testing.T) {
	for _, word := range []string{"", "no", "3.10", "1e5", "a b", "a: b", "a #b", "@a", "admin+x@example.com", ".env", "é", `a"b\c`, "-", "- a", "~", "%a", "[a]", "null"} {
		record := Record{
			Format: 1, Kitout: word, Answers: map[string][]string{"a": {word, "b"}, "no": {"c"}}, Pending: []string{word, "b"},
			Files: []RecordedFile{{Path: word, Layer: word, Mode: "0644", Policy: Managed, SHA256: "0123"}, {Path: "b", Layer: "c", Mode: "0600", Policy: Secret}},
		}
		var read Record
		must(t, yaml.Unmarshal(record.yaml(), &read))
		wantSame(t, read, record)
	}
}

func TestRecordIsDeterministic(t *testing.T) {
	first, err := build(t, shop(), "extras=bell,horn")
	must(t, err)
	for range 10 {
		again, err := build(t, shop(), "extras=horn,bell")
		must(t, err)
		for _, path := range []string{recordFile, baseFile} {
			wantSame(t, string(again[path].Content), string(first[path].Content))
		}
	}
}

func TestRecordRefusesWhatItCannotHold(t *testing.T) {
	_, err := build(t, shop().with("base/files/a", "no end"))
	wantError(t, err, "a (layer base): the last line does not end")
	_, err = build(t, shop().with("base/files/a", "x\n-- b --\ny\n"))
	wantError(t, err, `a (layer base): the line "-- b --" would end the file`)
	_, err = build(t, shop().with("base/files/a", "x\r\ny\n"))
	wantError(t, err, "a (layer base): a line ends with a carriage return")
	_, err = build(t, shop().with("base/files/a", "").with("base/files/notes/a", "no end"))
	must(t, err)
}
