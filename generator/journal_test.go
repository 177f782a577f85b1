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

// before is what a folder holds, and mix a change of each kind to it.
var before = tree{"old.sh": "old\n", "dir/old.txt": "old\n", "dir/keep.txt": "keep\n", "dir/gone.txt": "gone\n", "merged": "theirs\n", recordFile: "old record\n"}

func mix(tb testing.TB, folder *Folder) []Change {
	tb.Helper()
	status := map[string]Status{
		".env": Create, "a/b/c.txt": Create, "a/d.sh": Create, "dir/gone.txt": Delete, "dir/keep.txt": Beside, "dir/old.txt": Replace, "merged": Merge,
		"old.sh": Replace, ".gitignore": Create, recordFile: Replace, baseFile: Create,
	}
	changes, err := compareAll(folder.Fs, []File{
		{Path: ".env", Content: []byte("KEY=new\n"), Mode: 0o600, Policy: Secret}, {Path: ".gitignore", Content: []byte(".env\n"), Mode: 0o644},
		{Path: recordFile, Content: []byte("new record\n"), Mode: 0o644}, {Path: baseFile, Content: []byte("new base\n"), Mode: 0o644},
		{Path: "a/b/c.txt", Content: []byte("new c\n"), Mode: 0o644}, {Path: "a/d.sh", Content: []byte("new d\n"), Mode: 0o755},
		{Path: "dir/gone.txt"}, {Path: "dir/keep.txt", Content: []byte("new keep\n"), Mode: 0o644},
		{Path: "dir/old.txt", Content: []byte("new old\n"), Mode: 0o644}, {Path: "merged", Content: []byte("theirs\nnew\n"), Mode: 0o640},
		{Path: "old.sh", Content: []byte("new sh\n"), Mode: 0o755},
	})
	must(tb, err)
	for i := range changes {
		changes[i].Status = status[changes[i].Path]
	}
	return changes
}

// after is the folder when the mix has been applied.
func after() map[string]string {
	return map[string]string{
		".": "drwxr-xr-x", ".env": "-rw------- KEY=new\n", ".gitignore": "-rw-r--r-- .env\n", "a": "drwxr-xr-x", "a/b": "drwxr-xr-x",
		"a/b/c.txt": "-rw-r--r-- new c\n", "a/d.sh": "-rwxr-xr-x new d\n", "dir": "drwxr-xr-x", "dir/keep.txt": "-rw-r----- keep\n",
		"dir/keep.txt.kitout-new": "-rw-r--r-- new keep\n", "dir/old.txt": "-rw-r--r-- new old\n", "merged": "-rw-r----- theirs\nnew\n",
		"old.sh": "-rwxr-xr-x new sh\n", ".kitout": "drwxr-xr-x", recordFile: "-rw-r--r-- new record\n", baseFile: "-rw-r--r-- new base\n",
	}
}

// files is a snapshot without the journals.
func files(tb testing.TB, dir string) map[string]string {
	tb.Helper()
	found := snapshot(tb, dir)
	for name := range found {
		if name == undoFolder || strings.HasPrefix(name, undoFolder+"/") {
			delete(found, name)
		}
	}
	return found
}

func TestApplyAndUndo(t *testing.T) {
	dir, folder := disk(t, before)
	old := snapshot(t, dir)
	must(t, Apply(folder.Fs, mix(t, folder)))
	wantSame(t, files(t, dir), after())
	found := snapshot(t, dir)
	for name := range found {
		if _, file := after()[name]; !file && !strings.HasPrefix(name, undoFolder) {
			t.Errorf("left: %s", name)
		}
	}
	wantSame(t, found[undoFolder], "drwx------")
	wantSame(t, found[ignoreFile], "-rw------- *\n")
	if journal := found[journalFile]; !strings.HasPrefix(journal, "-rw------- {") || strings.Contains(journal, "KEY") {
		t.Errorf("journal: %s", journal)
	}

	undoing, err := Undoing(folder.Fs)
	must(t, err)
	wantSame(t, files(t, dir), after())
	undone, err := Undo(folder.Fs)
	must(t, err)
	wantSame(t, undone, undoing)
	var words []string
	for _, change := range undone {
		words = append(words, string(change.Status)+" "+change.Path)
	}
	wantSame(t, words, []string{
		"delete .kitout/base.txtar", "replace .kitout/record.yaml", "delete .env", "replace old.sh", "replace merged", "replace dir/old.txt",
		"delete dir/keep.txt.kitout-new", "create dir/gone.txt", "delete a/d.sh", "delete a/b/c.txt", "delete .gitignore",
	})
	wantSame(t, snapshot(t, dir), old)
	for _, again := range []func(afero.Fs) ([]Change, error){Undoing, Undo} {
		_, err := again(folder.Fs)
		wantError(t, err, dir+": there is nothing to undo")
	}
}

// TestIdleApplyKeepsTheJournal applies the same again: nothing is written, and the first one can still be undone.
func TestIdleApplyKeepsTheJournal(t *testing.T) {
	dir, folder := disk(t, before)
	old := snapshot(t, dir)
	changes := mix(t, folder)
	must(t, Apply(folder.Fs, changes))
	found := snapshot(t, dir)
	var kept []Change
	for _, change := range mix(t, folder) {
		if change.Status == Beside {
			kept = append(kept, change)
		}
	}
	must(t, Apply(folder.Fs, kept))
	wantSame(t, snapshot(t, dir), found)
	_, err := Undo(folder.Fs)
	must(t, err)
	wantSame(t, snapshot(t, dir), old)
}

func TestFirstUndoRemovesTheRecordsFolder(t *testing.T) {
	dir, folder := disk(t, tree{"notes": "theirs\n"})
	old := snapshot(t, dir)
	must(t, Apply(folder.Fs, mix(t, folder)[:4]))
	_, err := Undo(folder.Fs)
	must(t, err)
	wantSame(t, snapshot(t, dir), old)
}

func TestUndoTakesOnlyTheLastApplyBack(t *testing.T) {
	dir, folder := disk(t, tree{"a": "0\n"})
	for _, text := range []string{"1\n", "2\n"} {
		changes, err := compareAll(folder.Fs, []File{{Path: "a", Content: []byte(text), Mode: 0o644}})
		must(t, err)
		must(t, Decide(dir, changes, Decisions{Otherwise: ReplaceWithNew}))
		must(t, Apply(folder.Fs, changes))
	}
	_, err := Undo(folder.Fs)
	must(t, err)
	wantSame(t, files(t, dir)["a"], "-rw-r----- 1\n")
	_, err = Undo(folder.Fs)
	wantError(t, err, "nothing to undo")
}

func TestUndoRefusesEditedFiles(t *testing.T) {
	for name, edit := range map[string]func(name string) error{
		"edited": func(name string) error { return os.WriteFile(name, []byte("mine\n"), 0o644) },
		"link":   func(name string) error { return errors.Join(os.Remove(name), os.Symlink("old.sh", name)) },
		"folder": func(name string) error { return errors.Join(os.Remove(name), os.Mkdir(name, 0o755)) },
	} {
		t.Run(name, func(t *testing.T) {
			dir, folder := disk(t, before)
			must(t, Apply(folder.Fs, mix(t, folder)))
			for _, name := range []string{"a/d.sh", "merged", "dir/gone.txt"} {
				if name == "dir/gone.txt" {
					must(t, os.WriteFile(filepath.Join(dir, name), nil, 0o644))
				}
				must(t, edit(filepath.Join(dir, name)))
			}
			found := snapshot(t, dir)
			_, err := Undo(folder.Fs)
			wantConflict(t, err, dir+": edited since kitout wrote it: a/d.sh, dir/gone.txt, merged")
			wantSame(t, snapshot(t, dir), found)
			for _, name := range []string{"a/d.sh", "merged", "dir/gone.txt"} { // as the hint says
				must(t, os.Remove(filepath.Join(dir, name)))
			}
			_, err = Undo(folder.Fs)
			must(t, err)
			wantSame(t, files(t, dir)["merged"], "-rw-r----- theirs\n")
		})
	}
}

func TestUndoLeavesWhatOthersPutIntoNewFolders(t *testing.T) {
	dir, folder := disk(t, before)
	must(t, Apply(folder.Fs, mix(t, folder)))
	must(t, os.WriteFile(filepath.Join(dir, "a/theirs"), nil, 0o644))
	_, err := Undo(folder.Fs)
	must(t, err)
	found := snapshot(t, dir)
	if found["a"] == "" || found["a/theirs"] == "" || found["a/b"] != "" {
		t.Errorf("%v", found)
	}
}

func TestApplyRefusesWhatChangedSince(t *testing.T) {
	for name, change := range map[string]func(dir string) error{
		"dir/old.txt": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "dir/old.txt"), []byte("mine\n"), 0o640)
		},
		"merged": func(dir string) error { return os.Chmod(filepath.Join(dir, "merged"), 0o600) },
		"a/d.sh": func(dir string) error {
			return errors.Join(os.Mkdir(filepath.Join(dir, "a"), 0o755), os.WriteFile(filepath.Join(dir, "a/d.sh"), nil, 0o755))
		},
		"dir/gone.txt": func(dir string) error { return os.Remove(filepath.Join(dir, "dir/gone.txt")) },
	} {
		dir, folder := disk(t, before)
		changes := mix(t, folder)
		must(t, change(dir))
		found := snapshot(t, dir)
		wantConflict(t, Apply(folder.Fs, changes), dir+"/"+name+": changed while kitout was running")
		wantSame(t, snapshot(t, dir), found)
	}
	for name, link := range map[string]string{"dir/old.txt": "dir/old.txt: is no regular file", "dir": "dir: is no folder", "a": "a: is no folder"} {
		dir, folder := disk(t, before)
		changes := mix(t, folder)
		must(t, os.RemoveAll(filepath.Join(dir, name)))
		must(t, os.Symlink(t.TempDir(), filepath.Join(dir, name)))
		found := snapshot(t, dir)
		wantConflict(t, Apply(folder.Fs, changes), dir+"/"+link)
		wantSame(t, snapshot(t, dir), found)
	}
}

// meddling is a file system on which somebody does something while files are moved into place.
type meddling struct {
	afero.Fs
	do func() error
}

func (m meddling) LstatIfPossible(name string) (fs.FileInfo, bool, error) {
	return m.Fs.(afero.Lstater).LstatIfPossible(name)
}

func (m meddling) Rename(from, to string) error {
	if to == "a/b/c.txt" {
		if err := m.do(); err != nil {
			return err
		}
	}
	return m.Fs.Rename(from, to)
}

// TestApplyNoticesWhatChangesMeanwhile wants that somebody's work of that moment stays, and everything else is as it was.
func TestApplyNoticesWhatChangesMeanwhile(t *testing.T) {
	outside := t.TempDir()
	must(t, os.WriteFile(filepath.Join(outside, "old.txt"), []byte("outside\n"), 0o644))
	beyond := snapshot(t, outside)
	merged := func(do func(name string) error) func(string) error {
		return func(dir string) error { return do(filepath.Join(dir, "merged")) }
	}
	for name, test := range map[string]struct {
		do      func(dir string) error
		problem string
	}{
		"edited":       {merged(func(name string) error { return os.WriteFile(name, []byte("mine\n"), 0o640) }), "/merged: changed while kitout was running"},
		"made private": {merged(func(name string) error { return os.Chmod(name, 0o600) }), "/merged: changed while kitout was running"},
		"deleted":      {merged(os.Remove), "/merged: changed while kitout was running"},
		"a link": {
			merged(func(name string) error { return errors.Join(os.Remove(name), os.Symlink("old.sh", name)) }), "/merged: is no regular file",
		},
		"made": {func(dir string) error {
			return errors.Join(os.MkdirAll(filepath.Join(dir, "a"), 0o755), os.WriteFile(filepath.Join(dir, "a/d.sh"), nil, 0o644))
		}, "/a/d.sh: changed while kitout was running"},
		"below a link": {func(dir string) error {
			return errors.Join(os.Rename(filepath.Join(dir, "dir"), filepath.Join(dir, "aside")), os.Symlink(outside, filepath.Join(dir, "dir")))
		}, "/dir: is no folder"},
	} {
		t.Run(name, func(t *testing.T) {
			twin, _ := disk(t, before)
			must(t, test.do(twin))
			dir, folder := disk(t, before)
			wantConflict(t, Apply(meddling{folder.Fs, func() error { return test.do(dir) }}, mix(t, folder)), dir+test.problem)
			found := settled(t, dir)
			for name := range found { // what was moved aside took with it what was written beside its place
				if strings.HasPrefix(name, "aside/.kitout-") {
					delete(found, name)
				}
			}
			wantSame(t, found, settled(t, twin))
			wantSame(t, snapshot(t, outside), beyond)
			words, err := Recover(folder.Fs)
			if words != "" || err != nil {
				t.Errorf("something was left to do: %q, %v", words, err)
			}
		})
	}
}

func TestApplySparesReadOnlyFiles(t *testing.T) {
	for _, name := range []string{"merged", "dir/gone.txt"} {
		dir, folder := disk(t, before)
		must(t, os.Chmod(filepath.Join(dir, name), 0o440))
		found := snapshot(t, dir)
		wantConflict(t, Apply(folder.Fs, mix(t, folder)), dir+"/"+name+": is read-only")
		wantSame(t, snapshot(t, dir), found)
	}
}

func TestOneRunAtATime(t *testing.T) {
	dir, folder := disk(t, before)
	must(t, Apply(folder.Fs, mix(t, folder)))
	found := snapshot(t, dir)
	release, err := lockFolder(folder.Fs)
	must(t, err)
	_, undo := Undo(folder.Fs)
	_, recovery := Recover(folder.Fs)
	for _, err := range []error{undo, recovery, Apply(folder.Fs, nil)} {
		wantError(t, err, ".kitout: another kitout is writing into this repository")
	}
	wantSame(t, snapshot(t, dir), found)
	release()
	_, err = Undo(folder.Fs)
	must(t, err)
}

// TestJournalIsNotTrusted reads journals that somebody may have put into a repository.
func TestJournalIsNotTrusted(t *testing.T) {
	for text, problem := range map[string]string{
		"":                                   "EOF",
		`{"format": 2}`:                      "format 2 is unknown",
		`{"format": 1, "more": 1}`:           `unknown field "more"`,
		`{"format": 1, "folders": [".git"]}`: `".git" is no folder that kitout makes`,
		`{"format": 1, "folders": ["../a"]}`: `"../a" is no folder that kitout makes`,
		`{"format": 1, "steps": [{"path": ".git/config"}]}`:                             `".git/config" is no file that kitout writes`,
		`{"format": 1, "steps": [{"path": ".kitout/undo/journal.json"}]}`:               "is no file that kitout writes",
		`{"format": 1, "steps": [{"path": "../a"}]}`:                                    "is no file that kitout writes",
		`{"format": 1, "steps": [{"path": "a"}, {"path": "a"}]}`:                        "is no file that kitout writes",
		`{"format": 1, "steps": [{"path": "a", "new": "x"}]}`:                           `"a" has no sum`,
		`{"format": 1, "steps": [{"path": "a", "old": {"mode": 420}}]}`:                 `"a" has an old version that is none`,
		`{"format": 1, "steps": [{"path": "a", "old": {"content": "", "mode": 2541}}]}`: `"a" has an old version that is none`,
	} {
		for _, name := range []string{unfinishedFile, journalFile} {
			dir, folder := disk(t, tree{"a": "theirs\n", name: text})
			found := snapshot(t, dir)
			_, err := Undo(folder.Fs)
			wantError(t, err, name+": ", problem)
			if name == unfinishedFile {
				_, err = Recover(folder.Fs)
				wantError(t, err, name+": ", problem)
				wantError(t, Apply(folder.Fs, nil), name+": is what an interrupted run has left")
			}
			wantSame(t, snapshot(t, dir), found)
		}
	}
}

func TestApplyRefusesGitsOwnFiles(t *testing.T) {
	dir, folder := disk(t, tree{".git/config": "theirs\n"})
	found := snapshot(t, dir)
	err := Apply(folder.Fs, []Change{{File: File{Path: ".git/hooks/pre-commit", Mode: 0o755}, Status: Create}})
	wantError(t, err, `".git/hooks" is no folder that kitout makes`)
	wantSame(t, snapshot(t, dir), found)
}

func TestRecoverFindsNothingToDo(t *testing.T) {
	dir, folder := disk(t, before)
	for range 2 {
		found := snapshot(t, dir)
		words, err := Recover(folder.Fs)
		if words != "" || err != nil {
			t.Error(words, err)
		}
		wantSame(t, snapshot(t, dir), found)
		must(t, Apply(folder.Fs, mix(t, folder)))
	}
}

// FuzzRecover wants that no journal leads out of the repository or into git's own files.
func FuzzRecover(f *testing.F) {
	dir, folder := disk(f, before)
	must(f, Apply(folder.Fs, mix(f, folder)))
	real, err := os.ReadFile(filepath.Join(dir, journalFile))
	must(f, err)
	f.Add(real)
	f.Add([]byte(`{"format": 1, "folders": ["a"], "steps": [{"path": "a/../../theirs", "old": {"content": "", "mode": 420}, "new": ""}]}`))
	f.Add([]byte(`{"format": 1, "folders": [".git"], "steps": [{"path": ".git/config", "old": null, "new": "00"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		parent := t.TempDir()
		must(t, os.WriteFile(filepath.Join(parent, "theirs"), []byte("theirs\n"), 0o644))
		folder := diskAt(t, filepath.Join(parent, "shop"), tree{".git/config": "git's\n", "dir/old.txt": "new old\n", unfinishedFile: string(text)})
		_, _ = Recover(newRecorder(folder.Fs))
		found := snapshot(t, parent)
		for name := range found {
			if strings.HasPrefix(name, "shop/") && !strings.HasPrefix(name, "shop/.git") {
				delete(found, name)
			}
		}
		wantSame(t, found, map[string]string{
			".": "drwxr-xr-x", "theirs": "-rw-r--r-- theirs\n", "shop": "drwxr-xr-x", "shop/.git": "drwxr-xr-x", "shop/.git/config": "-rw-r----- git's\n",
		})
	})
}

// TestRecoverRemovesAnEmptyFolder kills a first Apply before the folder of the journal is made.
func TestRecoverRemovesAnEmptyFolder(t *testing.T) {
	dir, folder := disk(t, tree{"a": "a\n"})
	was := snapshot(t, dir)
	must(t, os.Mkdir(filepath.Join(dir, RecordFolder), 0o755))
	words, err := Recover(folder.Fs)
	must(t, err)
	if words != "" {
		t.Errorf("speaks of it: %s", words)
	}
	wantSame(t, snapshot(t, dir), was)
}

// denied is a folder of which nothing may be read.
type denied struct{ afero.Fs }

func (d denied) Open(name string) (afero.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
}

// TestDeniedJournalIsNoneToDelete gives no hint that would lose what is to be taken back.
func TestDeniedJournalIsNoneToDelete(t *testing.T) {
	_, folder := disk(t, tree{journalFile: "{}"})
	_, err := readJournal(denied{folder.Fs}, journalFile)
	problem, is := errors.AsType[*FileError](err)
	if !is || problem.Hint != "" || problem.Problem != fs.ErrPermission.Error() {
		t.Errorf("%#v", err)
	}
}
