package merge

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "write what is wanted in testdata again, for review")

// example is one of testdata: the comment is a sentence and the file's path, the files are the texts.
type example struct {
	file    string
	path    string
	archive *txtar.Archive
}

func (e example) text(name string) []byte {
	for _, file := range e.archive.Files {
		if file.Name == name {
			return file.Data
		}
	}
	return nil
}

// want holds a text against the one that is wanted.
func (e example) want(t *testing.T, got []byte) {
	t.Helper()
	if *update {
		for i := range e.archive.Files {
			if e.archive.Files[i].Name == "want" {
				e.archive.Files[i].Data = got
			}
		}
		must(t, os.WriteFile(e.file, txtar.Format(e.archive), 0o644))
	}
	if diff := cmp.Diff(string(e.text("want")), string(got)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func examples(t *testing.T, folder string) map[string]example {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", folder, "*.txtar"))
	must(t, err)
	if len(files) < 5 {
		t.Fatalf("only %d examples in %s", len(files), folder)
	}
	result := map[string]example{}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		must(t, err)
		lines := strings.Split(strings.TrimSpace(string(archive.Comment)), "\n")
		result[strings.TrimSuffix(filepath.Base(file), ".txtar")] = example{file, lines[len(lines)-1], archive}
	}
	return result
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// TestUnion holds testdata/union, in all dresses that a text may wear.
func TestUnion(t *testing.T) {
	for name, e := range examples(t, "union") {
		t.Run(name, func(t *testing.T) {
			result, can := Union(e.path, e.text("ours"), e.text("theirs"))
			if wanted := e.text("want") != nil; can != wanted {
				t.Fatalf("there is a union: %t, want %t", can, wanted)
			}
			if !can {
				return
			}
			e.want(t, result.Text)
			again, can := Union(e.path, result.Text, e.text("theirs"))
			if !can || !bytes.Equal(again.Text, result.Text) {
				t.Errorf("another union adds something: %t\n%s", can, cmp.Diff(string(result.Text), string(again.Text)))
			}
			for _, dress := range dresses {
				ours := dress.wear(e.text("ours"))
				if dressOf(ours).eol != dress.eol || blank(string(ours)) {
					continue // nothing is left of it to go by
				}
				dressed, can := Union(e.path, ours, e.text("theirs"))
				if want := dress.wear(result.Text); !can || !bytes.Equal(dressed.Text, want) {
					t.Errorf("%+v: %t\n%s", dress, can, cmp.Diff(string(want), string(dressed.Text)))
				}
			}
		})
	}
}

var dresses = []dress{{bom: true, eol: "\n", final: true}, {eol: "\r\n", final: true}, {eol: "\n"}, {bom: true, eol: "\r\n"}}

// wear puts a dress on a plain text.
func (d dress) wear(text []byte) []byte {
	return d.dress(strings.ReplaceAll(string(text), "\n", d.eol))
}

// TestMerge holds testdata/merge, in all dresses, and that the base can be told from neither side.
func TestMerge(t *testing.T) {
	for name, e := range examples(t, "merge") {
		t.Run(name, func(t *testing.T) {
			base, ours, theirs := e.text("base"), e.text("ours"), e.text("theirs")
			result := Merge(e.path, base, ours, theirs)
			e.want(t, result.Text)
			if marks := bytes.Count(result.Text, []byte(markOurs)); marks != result.Conflicts || Marked(result.Text) != (marks > 0) {
				t.Errorf("%d conflicts, and %d are marked", result.Conflicts, marks)
			}
			for _, dress := range dresses {
				dressed := Merge(e.path, base, dress.wear(ours), theirs)
				if want := dress.wear(result.Text); !bytes.Equal(dressed.Text, want) {
					t.Errorf("%+v\n%s", dress, cmp.Diff(string(want), string(dressed.Text)))
				}
			}
		})
	}
}

func TestOneSided(t *testing.T) {
	a, b := []byte("a\r\nx\n"), []byte("\ufeffb")
	for _, path := range []string{"a.txt", "a.toml", "a.yaml", "a.json", ".gitignore"} {
		for _, c := range []struct{ base, ours, theirs, want []byte }{{a, a, b, b}, {a, b, a, b}, {a, b, b, b}, {nil, nil, b, b}, {b, nil, b, nil}} {
			for name, merged := range map[string]Result{"Merge": Merge(path, c.base, c.ours, c.theirs), "Lines": Merge("notes.txt", c.base, c.ours, c.theirs)} {
				if !bytes.Equal(merged.Text, c.want) || merged.Conflicts != 0 {
					t.Errorf("%s(%s, %q, %q, %q) = %q", name, path, c.base, c.ours, c.theirs, merged.Text)
				}
			}
		}
	}
}

// TestMakeTakesTheUnion runs make itself: the user's targets do what they did, and the added ones have a shell and a path of their own.
func TestMakeTakesTheUnion(t *testing.T) {
	ours := "all:\n\t@echo mine $$FROM $(SHELL)\n\nboth: all\n\t@echo both\n"
	theirs := "SHELL := /bin/bash\nexport FROM := theirs\n.DEFAULT_GOAL := new\nWORD := word\n\n.PHONY: new\nnew: ## New\n\t@echo $(WORD) $$FROM $(SHELL)\n\nboth:\n\t@false\n"
	result, can := Union("Makefile", []byte(ours), []byte(theirs))
	if !can {
		t.Fatal("there is no union")
	}
	folder := t.TempDir()
	must(t, os.WriteFile(filepath.Join(folder, "Makefile"), result.Text, 0o644))
	for target, want := range map[string]string{"": "mine /bin/sh\n", "both": "mine /bin/sh\nboth\n", "new": "word theirs /bin/bash\n"} {
		run := exec.Command("make", "--no-print-directory", "-C", folder)
		if target != "" {
			run.Args = append(run.Args, target)
		}
		run.Env = []string{"PATH=" + os.Getenv("PATH")}
		if got, err := run.CombinedOutput(); err != nil || string(got) != want {
			t.Errorf("make %s: %v: %s\nwant %s", target, err, got, want)
		}
	}
}

func TestDistribution(t *testing.T) {
	for requirement, want := range map[string]string{
		"Django>=5": "django", "psycopg[binary] ~= 3.2": "psycopg", "zope.interface": "zope-interface", "A__b-.c ; x": "a-b-c",
		"a @ https://example.com/a.whl": "a", "https://example.com/a.whl": "https://example.com/a.whl",
		"git+https://example.com/a": "git+https://example.com/a", "-r other.txt": "-r other.txt", "": "",
	} {
		if got := distribution(requirement); got != want {
			t.Errorf("%q is about %q, want %q", requirement, got, want)
		}
	}
}

func TestMarked(t *testing.T) {
	for text, want := range map[string]bool{
		"": false, "a\n=======\nb\n": false, "<<<<<<< yours\n": true, "a\r\n>>>>>>> kitout\r\n": true, "<<<<<<< HEAD\n": false,
		" <<<<<<< yours\n": false,
	} {
		if got := Marked([]byte(text)); got != want {
			t.Errorf("%q: %t", text, got)
		}
	}
}
