package main

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
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
