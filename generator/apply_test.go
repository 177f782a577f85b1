package generator

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/afero"
)

// disk opens a folder of this machine that holds the files.
func disk(tb testing.TB, files tree) (string, *Folder) {
	tb.Helper()
	dir := tb.TempDir()
	return dir, diskAt(tb, dir, files)
}

func diskAt(tb testing.TB, dir string, files tree) *Folder {
	tb.Helper()
	for name, text := range files {
		name = filepath.Join(dir, name)
		must(tb, os.MkdirAll(filepath.Dir(name), 0o755))
		must(tb, os.WriteFile(name, []byte(text), 0o640))
	}
	folder, err := OpenFolder(dir)
	must(tb, err)
	tb.Cleanup(func() { must(tb, folder.Close()) })
	return folder
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// snapshot is every folder and file below dir with its mode and text.
func snapshot(tb testing.TB, dir string) map[string]string {
	tb.Helper()
	found := map[string]string{}
	must(tb, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		must(tb, err)
		info, err := entry.Info()
		must(tb, err)
		text := info.Mode().String()
		if info.Mode().IsRegular() {
			data, err := os.ReadFile(path)
			must(tb, err)
			text += " " + string(data)
		}
		name, err := filepath.Rel(dir, path)
		found[filepath.ToSlash(name)] = text
		return err
	}))
	return found
}

func TestCompareAndDecide(t *testing.T) {
	files := func() []File {
		return []File{
			{Path: "new", Content: []byte("new\n"), Mode: 0o644}, {Path: "same", Content: []byte("same\n"), Mode: 0o644},
			{Path: "other", Content: []byte("ours\n"), Mode: 0o644}, {Path: "keys", Content: []byte("ours\n"), Mode: 0o600, Policy: Secret},
			{Path: recordFile, Content: []byte("ours\n"), Mode: 0o644},
		}
	}
	_, folder := disk(t, tree{"same": "same\n", "other": "theirs\n", "keys": "theirs\n", recordFile: "theirs\n"})
	for resolution, want := range map[Resolution][]Status{
		Fail:           {Create, Identical, Conflict, Keep, Replace},
		KeepExisting:   {Create, Identical, Keep, Keep, Replace},
		ReplaceWithNew: {Create, Identical, Replace, Keep, Replace},
	} {
		changes, err := compareAll(folder.Fs, files())
		must(t, err)
		err = Decide("shop", changes, Decisions{Otherwise: resolution})
		var got []Status
		for _, change := range changes {
			got = append(got, change.Status)
		}
		wantSame(t, got, want)
		conflict, is := errors.AsType[*ConflictError](err)
		if is != (resolution == Fail) {
			t.Fatalf("%s: %v", resolution, err)
		}
		if is {
			wantSame(t, conflict, &ConflictError{Folder: "shop", Paths: []string{"other"}})
		}
	}
}

// TestDecideByPath wants what is decided about one file, and what is decided otherwise about all others.
func TestDecideByPath(t *testing.T) {
	files := []File{{Path: "a", Content: []byte("ours\n")}, {Path: "b", Content: []byte("ours\n")}, {Path: "c", Content: []byte("ours\n")}}
	_, folder := disk(t, tree{"a": "theirs\n", "b": "theirs\n"})
	changes, err := compareAll(folder.Fs, files)
	must(t, err)
	must(t, Decide("shop", changes, Decisions{Otherwise: WriteBeside, Paths: map[string]Resolution{"b": ReplaceWithNew}}))
	for i, want := range []Change{{Status: Beside, Disputed: true}, {Status: Replace, Disputed: true}, {Status: Create}} {
		if got := changes[i]; got.Status != want.Status || got.Disputed != want.Disputed {
			t.Errorf("%s: %s, disputed %t; want %s", got.Path, got.Status, got.Disputed, want.Status)
		}
	}
	changes, err = compareAll(folder.Fs, files)
	must(t, err)
	err = Decide("shop", changes, Decisions{Otherwise: Fail, Paths: map[string]Resolution{"b": KeepExisting}})
	if conflict, is := errors.AsType[*ConflictError](err); !is || strings.Join(conflict.Paths, " ") != "a" {
		t.Errorf("want a conflict about a alone, got %v", err)
	}
}

func TestSecretsStayOutOfGit(t *testing.T) {
	files := []File{{Path: ".env", Mode: 0o600, Policy: Secret}, {Path: ".gitignore", Content: []byte(".env\n"), Mode: 0o644}}
	for gitignore, want := range map[string]Status{
		"*.pyc\n": Skip, "": Skip, "a/.env\n": Skip, ".env\n!.env\n": Skip, "#.env\n": Skip,
		".env\r\n": Create, "/.env": Create, "*.pyc\n.env*\n": Create, "**/.env\n": Create, "!.env\n.*\n": Create,
	} {
		dir, folder := disk(t, tree{".gitignore": gitignore})
		changes, err := compareAll(folder.Fs, files)
		must(t, err)
		must(t, Decide("shop", changes, Decisions{Otherwise: KeepExisting}))
		if changes[0].Status != want {
			t.Errorf("%q: %s", gitignore, changes[0].Status)
		}
		must(t, Apply(folder.Fs, changes))
		if _, written := snapshot(t, dir)[".env"]; written != (want == Create) {
			t.Errorf("%q: written %v", gitignore, written)
		}
		changes, err = compareAll(folder.Fs, files)
		must(t, err)
		must(t, Decide("shop", changes, Decisions{Otherwise: ReplaceWithNew}))
		if changes[0].Status == Skip {
			t.Errorf("%q is replaced, and .env still skipped", gitignore)
		}
	}
}

func compareAll(target afero.Fs, files []File) ([]Change, error) {
	var changes []Change
	for _, file := range files {
		change, err := compare(target, file)
		if err != nil {
			return nil, err
		}
		changes = append(changes, change)
	}
	return changes, nil
}

func TestCompareModes(t *testing.T) {
	dir, folder := disk(t, tree{"run": "x\n", "read": "x\n"})
	files := []File{{Path: "read", Content: []byte("x\n"), Mode: 0o644}, {Path: "run", Content: []byte("x\n"), Mode: 0o755}}
	for _, want := range [][]Status{{Identical, Conflict}, {Identical, Identical}} { // the group's and others' bits are the user's
		changes, err := compareAll(folder.Fs, files)
		must(t, err)
		wantSame(t, []Status{changes[0].Status, changes[1].Status}, want)
		must(t, Decide(dir, changes, Decisions{Otherwise: ReplaceWithNew}))
		must(t, Apply(folder.Fs, changes))
	}
	wantSame(t, snapshot(t, dir)["run"], "-rwxr-x--- x\n")
}

func TestCompareWithoutAFolder(t *testing.T) {
	change, err := compare(nil, File{Path: "a"})
	must(t, err)
	wantSame(t, change.Status, Create)
}

func TestConflictErrorNamesAFew(t *testing.T) {
	err := &ConflictError{Folder: "shop", Paths: strings.Split("a b c d e f", " ")}
	wantSame(t, err.Error(), "shop: these files exist already: a, b, c, d, e, …")
}

func TestApplySparesAFileThatAppeared(t *testing.T) {
	dir, folder := disk(t, tree{"b": "somebody's\n"})
	old := snapshot(t, dir)
	err := Apply(folder.Fs, []Change{{File: File{Path: "a", Mode: 0o644}, Status: Create}, {File: File{Path: "b", Mode: 0o644}, Status: Create}})
	wantConflict(t, err, dir+"/b: changed while kitout was running")
	wantSame(t, snapshot(t, dir), old)
}

func TestApplyInMemory(t *testing.T) {
	target := afero.NewMemMapFs()
	must(t, Apply(target, []Change{{File: File{Path: "a/b", Content: []byte("b\n"), Mode: 0o644}, Status: Create}}))
	data, err := afero.ReadFile(target, "a/b")
	wantSame(t, string(data), "b\n")
	must(t, err)
}

func TestSecondApplyWritesNothing(t *testing.T) {
	dir, folder := disk(t, nil)
	for round := range 2 {
		plan, err := shop().plan(t, "colour=blue")
		must(t, err)
		changes, err := plan.Build(folder.Fs)
		must(t, err)
		for _, change := range changes {
			want := Create
			if round == 1 {
				want = Identical
				if change.Policy == Secret {
					want = Keep
				}
			}
			if change.Status != want {
				t.Errorf("round %d: %s is %s, not %s", round, change.Path, change.Status, want)
			}
		}
		must(t, Decide(dir, changes, Decisions{Otherwise: Fail}))
		before := snapshot(t, dir)
		must(t, Apply(folder.Fs, changes))
		if round == 1 {
			wantSame(t, snapshot(t, dir), before)
		}
	}
}
