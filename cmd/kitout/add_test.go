package main

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kitout/kitout/generator"
)

// refusedSamples are the samples to which nothing can be added, and the flag that says why.
var refusedSamples = map[string]string{
	"conda-flask": "--manifest", "docker-only": "--manifest", "empty": "--framework", "library": "--entry", "litestar": "--framework",
	"several-services": "--dir", "tied-apps": "--entry", "tied-ci": "--ci",
}

// TestAddAllAndUndo adds everything to each sample repository: no file that was there changes, and undo leaves the tree as it was.
func TestAddAllAndUndo(t *testing.T) {
	t.Parallel()
	samples, err := filepath.Glob("../../testdata/repositories/*/repository")
	must(t, err)
	if len(samples) < 25 {
		t.Fatalf("only %d samples", len(samples))
	}
	for _, sample := range samples {
		name := filepath.Base(filepath.Dir(sample))
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), name)
			must(t, os.CopyFS(dir, os.DirFS(sample)))
			before := treeOf(t, dir)
			if flag, refused := refusedSamples[name]; refused {
				_, problem := commandLine(t, exitUsage, "add", "--all", "--dir", dir)
				if !strings.HasPrefix(problem, "error: "+flag+": ") || !strings.Contains(problem, "\nhint: ") {
					t.Errorf("want an error about %s with a hint, got\n%s", flag, problem)
				}
				wantTree(t, before, treeOf(t, dir), false)
				return
			}
			commandLine(t, exitDone, "add", "--all", "--dir", dir)
			added := treeOf(t, dir)
			wantTree(t, before, added, true)
			if len(added) < len(before)+40 {
				t.Errorf("only %d files and folders are new", len(added)-len(before))
			}
			commandLine(t, exitDone, "add", "--all", "--dir", dir)
			wantTree(t, added, treeOf(t, dir), false)
			commandLine(t, exitDone, "undo", dir, "--yes")
			wantTree(t, before, treeOf(t, dir), false)
		})
	}
}

// treeOf describes every file and folder: mode, and a checksum of the content.
func treeOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries := map[string]string{}
	must(t, filepath.WalkDir(dir, func(file string, entry fs.DirEntry, err error) error {
		must(t, err)
		name, err := filepath.Rel(dir, file)
		must(t, err)
		info, err := entry.Info()
		must(t, err)
		entries[name] = info.Mode().String()
		if entry.Type().IsRegular() {
			content, err := os.ReadFile(file)
			must(t, err)
			entries[name] += fmt.Sprintf(" %x", sha256.Sum256(content))
		}
		return nil
	}))
	return entries
}

// wantTree holds a tree against the one before; more says whether others may have come.
func wantTree(t *testing.T, before, after map[string]string, more bool) {
	t.Helper()
	for name, was := range before {
		if is, there := after[name]; !there || is != was {
			t.Errorf("%s was %s and is %q", name, was, is)
		}
	}
	for name := range after {
		if _, was := before[name]; !was && !more {
			t.Errorf("%s was not there", name)
		}
	}
}

// What a requirement allows is taken from the newest image down; what allows none, or says nothing, takes none.
func TestNewestAllowed(t *testing.T) {
	t.Parallel()
	images := []string{"3.14", "3.13", "3.12"}
	for requirement, want := range map[string]string{
		"": "", "3.12": "3.12", "3.10": "", ">=3.10": "3.14", ">=3.10,<3.13": "3.12", ">=3.10, <3.14": "3.13", ">=3.9,<4": "3.14", ">=3.9,<3.12": "",
		"^3.11": "3.14", "~3.12": "3.12", "~=3.10": "3.14", "~=3.12.1": "3.12", "==3.13.*": "3.13", ">=3.10,!=3.14.*": "3.13", "<=3.13": "3.12",
		"<3.13.1": "3.12", ">=3.12.4": "3.14", ">3.8": "3.14", "^3.11 || ^3.12": "3.14", "pypy": "", "*": "3.14", ">=3.10,<3.13,": "",
	} {
		if got := newestAllowed(requirement, images); got != want {
			t.Errorf("%q: got %q, want %q", requirement, got, want)
		}
	}
}

// standing are files of a user's own where kitout has some as well.
var standing = map[string]string{
	".gitignore": "# ours\n*.bak\n!keep.bak\n", ".dockerignore": "*.bak", ".gitattributes": "*.bak binary\r\n", ".editorconfig": "[*.bak]\ncharset = latin1\n",
	".env.example": "# ours\nDEBUG=0\n\n#LOG_LEVEL=debug\n", "Makefile": "# ours\n.PHONY: test\ntest: ; true\n\nmine:\n\techo mine\n",
	"compose.yaml":            "# ours\nservices:\n  helper:   # with a comment\n    image: example.com/helper:1\n    environment: {A: \"1\"}\n",
	"Dockerfile":              "FROM scratch\n",
	".pre-commit-config.yaml": "repos:\n- repo: local\n  hooks: []\n", "docs/production.md": "# Ours\n",
}

// withExisting copies a sample repository, and writes the existing files where there are none.
func withExisting(t *testing.T, sample string) string {
	t.Helper()
	dir := sampleOf(t, sample, nil)
	for name, text := range standing {
		file := filepath.Join(dir, name)
		if _, err := os.Stat(file); err != nil {
			must(t, os.MkdirAll(filepath.Dir(file), 0o755))
			must(t, os.WriteFile(file, []byte(text), 0o644))
		}
	}
	return dir
}

// TestAddOverExistingFiles adds everything to each sample repository where files of the user's stand in the way, with each --on-conflict:
// keep and beside leave every file as it was, merge leaves every line, in order; fail writes nothing; and undo takes each of them back.
func TestAddOverExistingFiles(t *testing.T) {
	t.Parallel()
	samples, err := filepath.Glob("../../testdata/repositories/*/repository")
	must(t, err)
	for _, sample := range samples {
		name := filepath.Base(filepath.Dir(sample))
		if refusedSamples[name] != "" {
			continue
		}
		for _, how := range generator.UpdateResolutions {
			t.Run(name+"/"+how, func(t *testing.T) {
				t.Parallel()
				dir := withExisting(t, name)
				trees, texts := treeOf(t, dir), contents(t, dir)
				arguments := []string{"add", "--all", "--dir", dir, "--on-conflict", how}
				if how == string(generator.Fail) {
					commandLine(t, exitConflict, arguments...)
					wantTree(t, trees, treeOf(t, dir), false)
					return
				}
				commandLine(t, exitDone, arguments...)
				added := contents(t, dir)
				replaced := 0
				for name, text := range texts {
					switch {
					case added[name] == text:
					case how == string(generator.ReplaceWithNew):
						replaced++
					case how == string(generator.MergeBoth):
						replaced++
						wantLines(t, name, text, added[name])
					default:
						t.Errorf("%s has changed", name)
					}
				}
				beside := 0
				for name := range added {
					beside += strings.Count(name, generator.BesideSuffix)
				}
				if (replaced > 3) != (how == string(generator.ReplaceWithNew) || how == string(generator.MergeBoth)) || (beside > 3) != (how == string(generator.WriteBeside)) {
					t.Errorf("%d files are others, and %d are beside theirs", replaced, beside)
				}
				commandLine(t, exitDone, "undo", dir, "--yes")
				wantTree(t, trees, treeOf(t, dir), false)
			})
		}
	}
}

// wantLines wants every line of a text in another one, in the same order.
func wantLines(t *testing.T, name, old, merged string) {
	t.Helper()
	lines := strings.Split(merged, "\n")
	for line := range strings.Lines(old) {
		line = strings.TrimSuffix(line, "\n")
		i := slices.Index(lines, line)
		if i < 0 {
			t.Errorf("%s: the line %q is gone, or in another place:\n%s", name, line, merged)
			return
		}
		lines = lines[i+1:]
	}
}
