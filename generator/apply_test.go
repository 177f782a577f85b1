package generator

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/spf13/afero"
)

// disk opens a folder of this machine that holds the files.
func disk(tb testing.TB, files tree) (string, *Folder) {
	tb.Helper()
	dir := tb.TempDir()
	for name, text := range files {
		name = filepath.Join(dir, name)
		must(tb, os.MkdirAll(filepath.Dir(name), 0o755))
		must(tb, os.WriteFile(name, []byte(text), 0o640))
	}
	folder, err := OpenFolder(dir)
	must(tb, err)
	tb.Cleanup(func() { must(tb, folder.Close()) })
	return dir, folder
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
		err = Decide("shop", changes, resolution)
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

func TestSecretsStayOutOfGit(t *testing.T) {
	files := []File{{Path: ".env", Mode: 0o600, Policy: Secret}, {Path: ".gitignore", Content: []byte(".env\n"), Mode: 0o644}}
	for gitignore, want := range map[string]Status{
		"*.pyc\n": Skip, "": Skip, "a/.env\n": Skip, ".env\n!.env\n": Skip, "#.env\n": Skip,
		".env\r\n": Create, "/.env": Create, "*.pyc\n.env*\n": Create, "**/.env\n": Create, "!.env\n.*\n": Create,
	} {
		dir, folder := disk(t, tree{".gitignore": gitignore})
		changes, err := compareAll(folder.Fs, files)
		must(t, err)
		must(t, Decide("shop", changes, KeepExisting))
		if changes[0].Status != want {
			t.Errorf("%q: %s", gitignore, changes[0].Status)
		}
		must(t, Apply(folder.Fs, changes))
		if _, written := snapshot(t, dir)[".env"]; written != (want == Create) {
			t.Errorf("%q: written %v", gitignore, written)
		}
		changes, err = compareAll(folder.Fs, files)
		must(t, err)
		must(t, Decide("shop", changes, ReplaceWithNew))
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
		must(t, Decide(dir, changes, ReplaceWithNew))
		must(t, Apply(folder.Fs, changes))
	}
	wantSame(t, snapshot(t, dir)["run"], "-rwxr-xr-x x\n")
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

// failing is a file system whose n-th operation that changes something fails, once.
type failing struct {
	afero.Fs
	left *int
}

var errDisk = &fs.PathError{Op: "write", Path: "somewhere", Err: syscall.ENOSPC}

func (f failing) fails() bool { *f.left--; return *f.left == 0 }

func (f failing) Mkdir(name string, mode fs.FileMode) error {
	if f.fails() {
		return errDisk
	}
	return f.Fs.Mkdir(name, mode)
}

func (f failing) OpenFile(name string, flag int, mode fs.FileMode) (afero.File, error) {
	if f.fails() {
		return nil, errDisk
	}
	file, err := f.Fs.OpenFile(name, flag, mode)
	return failingFile{file, f}, err
}

func (f failing) Rename(from, to string) error {
	if f.fails() {
		return errDisk
	}
	return f.Fs.Rename(from, to)
}

func (f failing) Chmod(name string, mode fs.FileMode) error {
	if f.fails() {
		return errDisk
	}
	return f.Fs.Chmod(name, mode)
}

type failingFile struct {
	afero.File
	fs failing
}

func (f failingFile) Write(data []byte) (int, error) {
	if f.fs.fails() {
		n, _ := f.File.Write(data[:len(data)/2]) // as a full disk does
		return n, errDisk
	}
	return f.File.Write(data)
}

func (f failingFile) Sync() error {
	if f.fs.fails() {
		return errDisk
	}
	return f.File.Sync()
}

func (f failingFile) Close() error {
	if f.fs.fails() {
		return errors.Join(errDisk, f.File.Close())
	}
	return f.File.Close()
}

func TestApplyTakesBackWhateverFails(t *testing.T) {
	before := tree{"old.sh": "old\n", "dir/old.txt": "old\n", "dir/keep.txt": "keep\n", "stale": "x\n", stageFolder + "/stale": "left by a kill\n"}
	files := []File{
		{Path: "a/b/c.txt", Content: []byte("new c\n"), Mode: 0o644}, {Path: "a/d.sh", Content: []byte("new d\n"), Mode: 0o755},
		{Path: "dir/keep.txt", Content: []byte("new keep\n"), Mode: 0o644}, {Path: "dir/old.txt", Content: []byte("new old\n"), Mode: 0o644},
		{Path: "old.sh", Content: []byte("new sh\n"), Mode: 0o755}, {Path: "stale", Content: []byte("new stale\n"), Mode: 0o600},
	}
	for n := 1; ; n++ {
		dir, folder := disk(t, before)
		changes, err := compareAll(folder.Fs, files)
		must(t, err)
		must(t, Decide(dir, changes, ReplaceWithNew))
		changes[2].Status = Keep
		old := snapshot(t, dir)
		for _, left := range []string{stageFolder, stageFolder + "/stale"} {
			delete(old, left)
		}

		left := n
		err = Apply(failing{folder.Fs, &left}, changes)
		got := snapshot(t, dir)
		if err != nil {
			wantSame(t, got, old)
			if !errors.Is(err, syscall.ENOSPC) || strings.Contains(err.Error(), "somewhere") || strings.Contains(err.Error(), "\n") {
				t.Errorf("operation %d: %q", n, err)
			}
			continue
		}
		if n < 20 {
			t.Fatalf("operation %d failed unnoticed", n)
		}
		wantSame(t, got, map[string]string{
			".": old["."], "a": "drwxr-xr-x", "a/b": "drwxr-xr-x", "dir": "drwxr-xr-x", "a/b/c.txt": "-rw-r--r-- new c\n", "a/d.sh": "-rwxr-xr-x new d\n",
			"dir/keep.txt": "-rw-r----- keep\n", "dir/old.txt": "-rw-r--r-- new old\n", "old.sh": "-rwxr-xr-x new sh\n", "stale": "-rw------- new stale\n",
		})
		return
	}
}

func TestApplySparesAFileThatAppeared(t *testing.T) {
	dir, folder := disk(t, tree{"b": "somebody's\n"})
	old := snapshot(t, dir)
	err := Apply(folder.Fs, []Change{{File: File{Path: "a", Mode: 0o644}, Status: Create}, {File: File{Path: "b", Mode: 0o644}, Status: Create}})
	wantError(t, err, "b: file already exists")
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
		must(t, Decide(dir, changes, Fail))
		before := snapshot(t, dir)
		must(t, Apply(folder.Fs, changes))
		if round == 1 {
			wantSame(t, snapshot(t, dir), before)
		}
	}
}

func TestApplyNamesWhatCannotBeTakenBack(t *testing.T) {
	dir, folder := disk(t, nil)
	err := Apply(stubborn{folder.Fs}, []Change{
		{File: File{Path: "a", Mode: 0o644}, Status: Create}, {File: File{Path: "b", Mode: 0o644}, Status: Create},
	})
	wantError(t, err, "b: no space left on device", "and what was written could not be taken back", "a")
	wantSame(t, len(snapshot(t, dir)), 2)
}

// stubborn moves "a" into place, once, and nothing else.
type stubborn struct{ afero.Fs }

func (s stubborn) Rename(from, to string) error {
	switch to {
	case "a":
		return s.Fs.Rename(from, to)
	case "b":
		return errDisk
	}
	return fmt.Errorf("%s: %w", from, fs.ErrPermission)
}

// TestApplyAfterAKill stops an Apply before each of its steps, as a kill does: every file is whole, a secret is not there
// without the .gitignore, the record not without the rest, and the next Apply completes what is there.
func TestApplyAfterAKill(t *testing.T) {
	files := []File{
		{Path: ".env", Content: []byte("new env\n"), Mode: 0o600, Policy: Secret}, {Path: ".gitignore", Content: []byte(".env\n"), Mode: 0o644},
		{Path: "a/b/c.txt", Content: []byte("new c\n"), Mode: 0o644}, {Path: "a/d.sh", Content: []byte("new d\n"), Mode: 0o755},
		{Path: "dir/new", Content: []byte("new new\n"), Mode: 0o644}, {Path: "dir/old", Content: []byte("new old\n"), Mode: 0o644},
		{Path: recordFile, Content: []byte("record\n"), Mode: 0o644},
	}
	apply := func(dir string, folder *Folder, steps int) {
		changes, err := compareAll(folder.Fs, files)
		must(t, err)
		must(t, Decide(dir, changes, ReplaceWithNew))
		defer func() { _ = recover() }()
		must(t, Apply(killing{folder.Fs, &steps}, changes))
	}
	for n := range 200 {
		dir, folder := disk(t, tree{"dir/old": "old\n", "theirs": "theirs\n"})
		apply(dir, folder, n)
		found := snapshot(t, dir)
		_, recorded := found[recordFile]
		_, secret := found[".env"]
		_, ignored := found[".gitignore"]
		for _, file := range files {
			text, there := found[file.Path]
			if want := file.Mode.String() + " " + string(file.Content); there && text != want && text != "-rw-r----- old\n" || !there && recorded {
				t.Errorf("step %d: %s is %q", n, file.Path, text)
			}
		}
		if secret && !ignored {
			t.Errorf("step %d: a secret that git would take in", n)
		}
		apply(dir, folder, 1000)
		wantSame(t, len(snapshot(t, dir)), len(files)+6)
		if recorded {
			return
		}
	}
	t.Error("the record never came")
}

// killing is a file system on which a program ends before the n-th operation that changes something.
type killing struct {
	afero.Fs
	left *int
}

func (k killing) step() {
	if *k.left--; *k.left < 0 {
		panic("killed")
	}
}

func (k killing) RemoveAll(name string) error { k.step(); return k.Fs.RemoveAll(name) }

func (k killing) Mkdir(name string, mode fs.FileMode) error { k.step(); return k.Fs.Mkdir(name, mode) }

func (k killing) Rename(from, to string) error { k.step(); return k.Fs.Rename(from, to) }

func (k killing) OpenFile(name string, flag int, mode fs.FileMode) (afero.File, error) {
	k.step()
	return k.Fs.OpenFile(name, flag, mode)
}
