package generator

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/spf13/afero"
)

// recorded is a repository with a record, in memory.
func recorded(tb testing.TB) (afero.Fs, map[string]Change) {
	tb.Helper()
	changes, err := build(tb, shop().with("base/files/notes/a.md", "a\n").with("base/files/empty", "").with("base/files/data.bin", "a\rb\n"))
	must(tb, err)
	target := afero.NewMemMapFs()
	for _, change := range changes {
		must(tb, afero.WriteFile(target, change.Path, change.Content, change.Mode))
	}
	return target, changes
}

func TestReadRecord(t *testing.T) {
	target, changes := recorded(t)
	record, err := ReadRecord(target)
	must(t, err)
	wantSame(t, string(record.yaml()), string(changes[recordFile].Content))
	for _, crlf := range []bool{false, true} { // as a checkout writes it where somebody else's settings ask for it
		if crlf {
			text := bytes.ReplaceAll(changes[baseFile].Content, []byte("\n"), []byte("\r\n"))
			must(t, afero.WriteFile(target, baseFile, text, 0o644))
		}
		base, err := record.Base(target)
		must(t, err)
		for path, change := range changes {
			data, archived := base[path]
			if archived != (change.Policy == Managed && change.Layer != "record") || archived && !bytes.Equal(data, change.Content) {
				t.Errorf("%s: archived %v, %q", path, archived, data)
			}
		}
	}
}

func TestReadRecordOfNone(t *testing.T) {
	_, folder := disk(t, tree{"README.md": "theirs\n", ".kitout/other": ""})
	record, err := ReadRecord(folder.Fs)
	if record != nil || err != nil {
		t.Error(record, err)
	}
}

func TestReadRecordRefuses(t *testing.T) {
	_, changes := recorded(t)
	good := string(changes[recordFile].Content)
	replace := func(old, new string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("the record has no %q", old)
		}
		return strings.Replace(good, old, new, 1)
	}
	for text, problem := range map[string]string{
		"":                                "format 0 is unknown",
		"x":                               "key: value",
		"[]":                              "key: value",
		"format: -1":                      "format -1 is unknown",
		"format: 1\nformat: 1\n":          "already defined",
		replace("format: 1", "format: 0"): "format 0 is unknown",
		replace("format: 1", "format: 2"): `was written by a newer kitout, "1.2.3", in format 2`,
		replace("format: 1", "format: 2\nnews: {}"):                     "newer kitout",
		replace("format: 1", "format: 1\nnews: {}"):                     "news",
		replace("kitout: \"1.2.3\"", `kitout: "\e[31m"`):                "kitout: is no version",
		replace("colour: [red]", "colour: []"):                          `answers: "colour" is not answered in words`,
		replace("colour: [red]", `colour: ["\n"]`):                      `answers: "colour" is not answered in words`,
		replace("colour: [red]", "colour: [red], colour: [blue]"):       "already defined",
		replace("path: README.md", "path: /etc/passwd"):                 `files: "/etc/passwd": is no path`,
		replace("path: README.md", "path: ../README.md"):                "is no path",
		replace("path: README.md", "path: a/../README.md"):              "is no path",
		replace("path: README.md", "path: ."):                           "is no path",
		replace("path: README.md", `path: ""`):                          "is no path",
		replace("path: README.md", "path: .git/hooks/pre-commit"):       "is no path",
		replace("path: README.md", "path: a/.GIT/config"):               "is no path",
		replace("path: README.md", "path: .kitout/record.yaml"):         "is no path",
		replace("path: README.md", "path: .Kitout/undo/journal.json"):   "is no path",
		replace("path: README.md", `path: 'a\..\b'`):                    "is no path",
		replace("path: README.md", `path: "a\0b"`):                      "is no path",
		replace("path: README.md", "path: edges"):                       `files: "edges" stands there twice`,
		replace("layer: base", `layer: ""`):                             "layer: \"\" is none",
		replace(`mode: "0644"`, `mode: "4755"`):                         `mode: "4755" is none of 0644, 0755, 0600`,
		replace("policy: managed", "policy: mine"):                      `policy: "mine" is unknown`,
		replace("sha256: \"", "sha256: \"0"):                            "sha256: is 64",
		replace("policy: secret", "policy: secret\n    sha256: \"00\""): "sha256: is 64",
		replace("files:", "pending: [nothing]\nfiles:"):                 `pending: "nothing" stands there twice, or not`,
		replace("files:", "pending: [edges, edges]\nfiles:"):            `pending: "edges" stands there twice, or not`,
		good + "---\nformat: 1\n":                                       "more than one document",
		good + strings.Repeat("#", recordLimit):                         "is larger than 1 MiB",
		"format: 1\nanswers: {a: &a [x], b: *a}\n":                      "holds an alias",
		"format: 1\nanswers:\n" + keys(1001):                            "a thousand keys",
	} {
		target := afero.NewMemMapFs()
		must(t, afero.WriteFile(target, recordFile, []byte(text), 0o644))
		record, err := ReadRecord(target)
		if record != nil {
			t.Errorf("%q was taken", problem)
			continue
		}
		wantError(t, err, recordFile+": ", problem)
		if broken, is := errors.AsType[*FileError](err); !is || broken.Hint == "" || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q has no hint, or several lines", err)
		}
	}
}

func keys(n int) string {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, "  a%d: [b]\n", i)
	}
	return text.String()
}

func TestReadRecordThroughALink(t *testing.T) {
	_, changes := recorded(t)
	for _, link := range []string{RecordFolder, recordFile} {
		dir, folder := disk(t, tree{"inside/record.yaml": string(changes[recordFile].Content)})
		target := "inside"
		if link == recordFile {
			must(t, os.Mkdir(filepath.Join(dir, RecordFolder), 0o755))
			target = "../inside/record.yaml"
		}
		must(t, os.Symlink(target, filepath.Join(dir, link)))
		_, err := ReadRecord(folder.Fs)
		wantError(t, err, recordFile+": is n")
	}
}

func TestBaseRefuses(t *testing.T) {
	_, changes := recorded(t)
	good := string(changes[baseFile].Content)
	for text, problem := range map[string]string{
		"\x00": "does not hold",
		"":     `does not hold "README.md" as the record says`,
		strings.Replace(good, "hello", "", 1) + "more\n":            "as the record says",
		good + "-- edges --\n":                                      `holds "edges" twice`,
		good + "-- .env --\nKEY=1\n":                                "holds files that are not in the record",
		good + "-- x --\n" + strings.Repeat("x", baseLimit):         "is larger than 32 MiB",
		strings.Replace(good, "-- run.sh --", "-- ../run.sh --", 1): `does not hold "run.sh"`,
	} {
		target := afero.NewMemMapFs()
		must(t, afero.WriteFile(target, recordFile, changes[recordFile].Content, 0o644))
		must(t, afero.WriteFile(target, baseFile, []byte(text), 0o644))
		record, err := ReadRecord(target)
		must(t, err)
		_, err = record.Base(target)
		wantError(t, err, baseFile+": ", problem)
	}
	target := afero.NewMemMapFs()
	_, err := (&Record{}).Base(target)
	wantError(t, err, baseFile+": is missing")
}

// FuzzReadRecord wants every record that is taken to be safe to act on, and to be what writing it again gives.
func FuzzReadRecord(f *testing.F) {
	_, changes := recorded(f)
	f.Add(changes[recordFile].Content)
	f.Add([]byte("format: 1\nkitout: dev\nanswers: {a: [b, \"no\"]}\npending: [a/b]\nfiles:\n  - {path: a/b, layer: c, mode: \"0600\", policy: secret}\n"))
	f.Add([]byte("format: 1\nfiles: [{path: ../a, layer: base, mode: \"0644\", policy: once}]\n"))
	f.Add([]byte("&a [*a, &b {<<: *b}]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		target := afero.NewMemMapFs()
		must(t, afero.WriteFile(target, recordFile, text, 0o644))
		record, err := ReadRecord(target)
		if err != nil {
			if !strings.HasPrefix(err.Error(), recordFile+": ") {
				t.Errorf("%q", err)
			}
			return
		}
		for _, file := range record.Files {
			if !filepath.IsLocal(file.Path) || slices.Contains(strings.Split(strings.ToLower(file.Path), "/"), ".git") {
				t.Errorf("%q was taken", file.Path)
			}
		}
		must(t, afero.WriteFile(target, recordFile, record.yaml(), 0o644))
		again, err := ReadRecord(target)
		must(t, err)
		if diff := cmp.Diff(record, again, cmpopts.EquateEmpty()); diff != "" {
			t.Error(diff)
		}
	})
}

// FuzzBase wants whatever comes out of the archive to be what the record names, byte for byte.
func FuzzBase(f *testing.F) {
	_, changes := recorded(f)
	f.Add(changes[baseFile].Content)
	f.Add(bytes.ReplaceAll(changes[baseFile].Content, []byte("\n"), []byte("\r\n")))
	f.Add([]byte("comment\n-- a --\n--  --\n-- a --"))
	f.Fuzz(func(t *testing.T, text []byte) {
		target := afero.NewMemMapFs()
		must(t, afero.WriteFile(target, recordFile, changes[recordFile].Content, 0o644))
		must(t, afero.WriteFile(target, baseFile, text, 0o644))
		record, err := ReadRecord(target)
		must(t, err)
		base, err := record.Base(target)
		for path, data := range base {
			if !bytes.Equal(data, changes[path].Content) {
				t.Errorf("%s: %q", path, data)
			}
		}
		if (err == nil) != (len(base) > 0) {
			t.Error(err)
		}
	})
}
