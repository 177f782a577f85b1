package generator

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func changesFor(tb testing.TB, folder *Folder, resolution Resolution) ([]Change, error) {
	tb.Helper()
	plan, err := shop().plan(tb)
	must(tb, err)
	changes, err := plan.Build(folder.Fs)
	if err != nil {
		return nil, err
	}
	return changes, Decide("shop", changes, Decisions{Otherwise: resolution})
}

// writeTo does what a command does with a folder.
func writeTo(tb testing.TB, dir string, resolution Resolution) error {
	tb.Helper()
	folder, err := OpenFolder(dir)
	if err != nil {
		return err
	}
	defer folder.Close()
	changes, err := changesFor(tb, folder, resolution)
	if err != nil {
		return err
	}
	return folder.Write(changes, func(string) error { return nil })
}

func TestFolderIsMadeInOneStep(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "a", "shop")
	folder, err := OpenFolder(dir)
	must(t, err)
	changes, err := changesFor(t, folder, Fail)
	must(t, err)
	called := false
	must(t, folder.Write(changes, func(stage string) error {
		called = true
		if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) || filepath.Dir(stage) != filepath.Dir(dir) {
			t.Errorf("stage %s, folder %v", stage, err)
		}
		if _, err := os.Stat(filepath.Join(stage, recordFile)); err != nil {
			t.Error("the stage is not whole: ", err)
		}
		return nil
	}))
	found := snapshot(t, dir)
	if !called || found["."] != "drwxr-xr-x" || found["run.sh"] != "-rwxr-xr-x #!/bin/sh\n" || !strings.HasPrefix(found[".env"], "-rw------- KEY=") {
		t.Errorf("called %v, found %v", called, found)
	}
	wantSame(t, len(snapshot(t, filepath.Join(parent, "a"))), len(found)+1) // nothing left beside it
}

func TestEmptyFolderIsReplacedInOneStep(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "shop")
	must(t, os.Mkdir(dir, 0o700))
	before := snapshot(t, filepath.Dir(dir))
	stop := errors.New("stop")
	for _, refusal := range []error{stop, nil} {
		folder, err := OpenFolder(dir)
		must(t, err)
		changes, err := changesFor(t, folder, Fail)
		must(t, err)
		err = folder.Write(changes, func(stage string) error {
			if left, err := os.ReadDir(dir); len(left) > 0 || err != nil || filepath.Dir(stage) != filepath.Dir(dir) {
				t.Errorf("%s holds %v, %v", dir, left, err)
			}
			return refusal
		})
		if !errors.Is(err, refusal) {
			t.Error(err)
		}
		must(t, folder.Close())
		if refusal != nil {
			wantSame(t, snapshot(t, filepath.Dir(dir)), before)
		}
	}
	found := snapshot(t, dir)
	wantSame(t, found["."], "drwx------")
	wantSame(t, found["run.sh"], "-rwxr-xr-x #!/bin/sh\n")
}

func TestEntriesLeaveGitOut(t *testing.T) {
	dir, folder := disk(t, tree{".git/HEAD": "", "b": "", ".a": ""})
	entries, err := folder.Entries()
	must(t, err)
	wantSame(t, entries, []string{".a", "b"})
	must(t, os.RemoveAll(filepath.Join(dir, "b")))
	absent, err := OpenFolder(filepath.Join(dir, "absent"))
	must(t, err)
	entries, err = absent.Entries()
	must(t, err)
	wantSame(t, entries, []string(nil))
}

func TestLinksOutsideAreRefused(t *testing.T) {
	for name, link := range map[string]string{"of the package": "my_shop", "of a file": "run.sh", "of the record": ".kitout", "of .env": ".env"} {
		t.Run(name, func(t *testing.T) {
			for _, resolution := range []Resolution{Fail, KeepExisting, ReplaceWithNew} {
				outside := t.TempDir()
				must(t, os.WriteFile(filepath.Join(outside, "file"), []byte("theirs\n"), 0o644))
				for _, target := range []string{outside, filepath.Join(outside, "file"), filepath.Join(outside, "nothing"), "../file"} {
					dir := t.TempDir()
					must(t, os.Symlink(target, filepath.Join(dir, link)))
					before := snapshot(t, outside)
					wantConflict(t, writeTo(t, dir, resolution), dir+"/"+link+": is no ")
					wantSame(t, snapshot(t, outside), before)
					wantSame(t, len(snapshot(t, dir)), 2) // the folder and its link
				}
			}
		})
	}
}

func TestLinkToNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "shop")
	must(t, os.Symlink("nothing", dir))
	wantConflict(t, writeTo(t, dir, Fail), dir+": is a link to nothing")
}

func TestFilesInTheWay(t *testing.T) {
	parent := t.TempDir()
	file := filepath.Join(parent, "file")
	must(t, os.WriteFile(file, nil, 0o644))
	before := snapshot(t, parent)

	wantConflict(t, writeTo(t, file, ReplaceWithNew), file+": is a file, not a folder")
	wantError(t, writeTo(t, filepath.Join(file, "shop"), Fail), filepath.Join(file, "shop")+": ", "not a directory")
	wantError(t, writeTo(t, filepath.Join(file, "a", "shop"), Fail), "not a directory")
	wantSame(t, snapshot(t, parent), before)

	dir, _ := disk(t, tree{"my_shop": "a file\n"})
	before = snapshot(t, dir)
	wantConflict(t, writeTo(t, dir, ReplaceWithNew), dir+"/my_shop: is no folder")
	wantSame(t, snapshot(t, dir), before)
	dir, _ = disk(t, tree{"run.sh/file": "a folder\n"})
	wantConflict(t, writeTo(t, dir, ReplaceWithNew), dir+"/run.sh: is no regular file")
}

func TestFolderThatFillsUpMeanwhile(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "shop")
	folder, err := OpenFolder(dir)
	must(t, err)
	changes, err := changesFor(t, folder, Fail)
	must(t, err)
	err = folder.Write(changes, func(string) error {
		must(t, os.Mkdir(dir, 0o755))
		return os.WriteFile(filepath.Join(dir, "theirs"), nil, 0o644)
	})
	wantError(t, err, dir+": cannot move the new folder to its place: ")
	wantSame(t, len(snapshot(t, parent)), 3)
}

func TestFoldersAboveAreTakenBack(t *testing.T) {
	parent := t.TempDir()
	folder, err := OpenFolder(filepath.Join(parent, "a", "b", "shop"))
	must(t, err)
	changes, err := changesFor(t, folder, Fail)
	must(t, err)
	stop := errors.New("stop")
	if err := folder.Write(changes, func(string) error { return stop }); !errors.Is(err, stop) {
		t.Error(err)
	}
	wantSame(t, len(snapshot(t, parent)), 1)
}

func wantConflict(tb testing.TB, err error, message string) {
	tb.Helper()
	wantError(tb, err, message)
	if _, is := errors.AsType[*ConflictError](err); !is {
		tb.Errorf("%v is no conflict", err)
	}
}
