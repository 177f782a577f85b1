package generator

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// wild makes a random folder, and random changes to it.
func wild(tb testing.TB, chance *rand.Rand) (string, *Folder, []Change) {
	tb.Helper()
	one := func(values ...fs.FileMode) fs.FileMode { return values[chance.IntN(len(values))] }
	text := func() []byte {
		return []byte([]string{"", "a\n", "no end", "\x00\xff\r\n", strings.Repeat("long\n", chance.IntN(9000))}[chance.IntN(5)])
	}
	var names []string
	for _, folder := range []string{"", "a/", "a/b/", "a/b/c/", "d e/", "ü/.f/"} {
		for _, name := range []string{"1", "2.py", ".3", "-4", "x y"} {
			names = append(names, folder+name)
		}
	}
	dir, folder := disk(tb, nil)
	for _, name := range names {
		if chance.IntN(2) == 0 {
			continue
		}
		real := filepath.Join(dir, name)
		must(tb, os.MkdirAll(filepath.Dir(real), 0o755))
		must(tb, os.WriteFile(real, text(), 0o644))
		must(tb, os.Chmod(real, one(0o644, 0o600, 0o755, 0o640, 0o664, 0o200)))
		if name := path.Dir(name); name != "." {
			must(tb, os.Chmod(filepath.Join(dir, name), one(0o755, 0o700, 0o775)))
		}
	}
	var files []File
	for _, name := range append(names, baseFile, recordFile, ".env") {
		file := File{Path: name, Content: text(), Mode: one(0o644, 0o755, 0o600), Policy: Managed}
		if name == ".env" {
			file.Policy = Secret
		}
		files = append(files, file)
	}
	changes, err := compareAll(folder.Fs, files)
	must(tb, err)
	for i := range changes {
		if changes[i].Status != Create {
			changes[i].Status = []Status{Keep, Replace, Merge, Beside, Delete}[chance.IntN(5)]
		} else if chance.IntN(3) == 0 {
			changes[i].Status = Keep
		}
	}
	changes = slices.DeleteFunc(changes, func(change Change) bool { return change.Status == Keep && change.Old == nil })
	return dir, folder, changes
}

// TestUndoLeavesNoTrace applies random changes to random folders, and takes them back.
func TestUndoLeavesNoTrace(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	for round := range uint64(20) {
		dir, folder, changes := wild(t, rand.New(rand.NewPCG(seed, round)))
		old := snapshot(t, dir)
		must(t, Apply(folder.Fs, changes))
		found := files(t, dir)
		for _, change := range changes {
			want, old := fmt.Sprintf("%v %s", change.Mode, change.Content), old[change.Path]
			switch change.Status {
			case Delete:
				want = ""
			case Keep:
				want = old
			case Beside:
				if found[change.Path] != old {
					t.Errorf("round %d: %s did not stay as it was", round, change.Path)
				}
				change.Path += BesideSuffix
			}
			if found[change.Path] != want {
				t.Errorf("round %d: %s, %s: %q", round, change.Status, change.Path, found[change.Path])
			}
		}
		_, err := Undo(folder.Fs)
		must(t, err)
		wantSame(t, snapshot(t, dir), old)
	}
}

// TestCrashInAnyFolder lets crashes interrupt random changes to random folders.
func TestCrashInAnyFolder(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	for round := range uint64(2) {
		dir, folder, changes := wild(t, rand.New(rand.NewPCG(seed, round)))
		changes = slices.DeleteFunc(changes, func(change Change) bool { return change.Policy == Secret }) // TestCrash has one, and its .gitignore
		chance := rand.New(rand.NewPCG(seed, round+100))
		chance.Shuffle(len(changes), func(i, j int) { changes[i], changes[j] = changes[j], changes[i] })
		changes = changes[:6]
		start, old := imageOf(t, dir), settled(t, dir)
		r := newRecorder(folder.Fs)
		must(t, Apply(r, changes))
		survives(t, start, *r.log, [2]map[string]string{old, settled(t, dir)}, 1, seed+round)
	}
}
