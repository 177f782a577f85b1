package generator

import (
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/afero"
)

// operation is one thing that happened on a file system.
type operation struct {
	kind     string // create, write, chmod, sync; mkdir, rename, remove, sync folder
	path, to string
	inode    int // of the file; two names of one file never exist
	data     string
	mode     fs.FileMode
}

// recorder is a file system that remembers what happened on it. It syncs nothing: the simulated disk is what counts.
type recorder struct {
	afero.Fs
	log    *[]operation
	inodes map[string]int // of the files that were made
	last   *int
}

func newRecorder(target afero.Fs) recorder {
	return recorder{target, new([]operation), map[string]int{}, new(int)}
}

func (r recorder) add(err error, o operation) error {
	if err == nil {
		*r.log = append(*r.log, o)
	}
	return err
}

func (r recorder) Mkdir(name string, mode fs.FileMode) error {
	return r.add(r.Fs.Mkdir(name, mode), operation{kind: "mkdir", path: name, mode: mode})
}

func (r recorder) Chmod(name string, mode fs.FileMode) error {
	return r.add(r.Fs.Chmod(name, mode), operation{kind: "chmod", path: name, inode: r.inodes[name], mode: mode})
}

func (r recorder) Remove(name string) error {
	delete(r.inodes, name)
	return r.add(r.Fs.Remove(name), operation{kind: "remove", path: name})
}

func (r recorder) Rename(from, to string) error {
	r.inodes[to] = r.inodes[from]
	return r.add(r.Fs.Rename(from, to), operation{kind: "rename", path: from, to: to, inode: r.inodes[from]})
}

func (r recorder) Open(name string) (afero.File, error) {
	file, err := r.Fs.Open(name)
	return recordedFolder{file, r, name}, err
}

func (r recorder) OpenFile(name string, flag int, mode fs.FileMode) (afero.File, error) {
	file, err := r.Fs.OpenFile(name, flag, mode)
	*r.last++
	r.inodes[name] = *r.last
	return recordedWrites{file, r, *r.last}, r.add(err, operation{kind: "create", path: name, inode: *r.last, mode: mode})
}

type recordedFolder struct {
	afero.File
	r    recorder
	name string
}

func (f recordedFolder) Sync() error {
	return f.r.add(nil, operation{kind: "sync folder", path: f.name})
}

type recordedWrites struct {
	afero.File
	r     recorder
	inode int
}

func (f recordedWrites) Write(data []byte) (int, error) {
	n, err := f.File.Write(data)
	return n, f.r.add(err, operation{kind: "write", inode: f.inode, data: string(data)})
}

func (f recordedWrites) Sync() error { return f.r.add(nil, operation{kind: "sync", inode: f.inode}) }

// entry is a file or a folder on a simulated disk.
type entry struct {
	inode int
	mode  fs.FileMode
	data  string
}

// image is a simulated disk: entries by path.
type image map[string]entry

func imageOf(tb testing.TB, dir string) image {
	tb.Helper()
	result := image{}
	for name, text := range snapshot(tb, dir) {
		info, err := os.Stat(filepath.Join(dir, name))
		must(tb, err)
		_, data, _ := strings.Cut(text, " ")
		result[name] = entry{mode: info.Mode(), data: data}
	}
	return result
}

// write makes a folder of an image.
func (i image) write(tb testing.TB) (string, *Folder) {
	tb.Helper()
	dir, folder := disk(tb, nil)
	for _, name := range slices.Sorted(maps.Keys(i)) {
		real := filepath.Join(dir, name)
		switch e := i[name]; {
		case name == ".":
		case e.mode.IsDir():
			must(tb, os.Mkdir(real, 0o700))
		default:
			must(tb, os.WriteFile(real, []byte(e.data), 0o600))
		}
		must(tb, os.Chmod(real, i[name].mode.Perm()))
	}
	return dir, folder
}

// crash returns what a power failure leaves of the operations on a disk. What was synced is there. Of the rest each may be
// there or not, in any combination that a tree can have, as chance has it; nil: all of it is, as after a kill.
func (i image) crash(log []operation, chance *rand.Rand) image {
	synced := func(done []operation, kind string, fits func(operation) bool) bool {
		return slices.ContainsFunc(done, func(o operation) bool { return o.kind == kind && fits(o) })
	}
	after, files := image{}, map[int]*entry{}
	for name, e := range i {
		after[name] = entry{mode: e.mode, data: e.data} // the log numbers its own files
	}
	for n, o := range log {
		later := log[n+1:]
		var lasts bool
		switch o.kind {
		case "create", "mkdir", "remove":
			lasts = synced(later, "sync folder", func(s operation) bool { return s.path == path.Dir(o.path) })
		case "rename":
			lasts = synced(later, "sync folder", func(s operation) bool { return s.path == path.Dir(o.path) }) &&
				synced(later, "sync folder", func(s operation) bool { return s.path == path.Dir(o.to) })
		default:
			lasts = synced(later, "sync", func(s operation) bool { return s.inode == o.inode })
		}
		after.apply(files, o, lasts || chance == nil, chance)
	}
	for name, e := range after {
		if e.inode != 0 {
			after[name] = *files[e.inode]
		}
	}
	return after
}

// apply lets one operation happen, or perhaps not if it does not last. Files have their content whether or not they have a name.
func (i image) apply(files map[int]*entry, o operation, lasts bool, chance *rand.Rand) {
	lost := !lasts && chance.IntN(2) == 0
	folder := func(name string) bool { return i[path.Dir(name)].mode.IsDir() }
	file := files[o.inode]
	switch {
	case o.kind == "create":
		files[o.inode] = &entry{mode: o.mode}
		if folder(o.path) && !lost {
			i[o.path] = entry{inode: o.inode}
		}
	case o.kind == "write" && !lasts: // in part, as zeros where the length is written before the data, or in full
		file.data += []string{"", o.data[:len(o.data)/2], strings.Repeat("\x00", len(o.data)), o.data}[chance.IntN(4)]
	case o.kind == "write":
		file.data += o.data
	case lost:
	case o.kind == "chmod" && file != nil:
		file.mode = o.mode
	case o.kind == "mkdir" && folder(o.path):
		i[o.path] = entry{mode: fs.ModeDir | o.mode}
	case o.kind == "rename" && folder(o.to):
		moved, there := i[o.path]
		if o.inode != 0 {
			moved, there = entry{inode: o.inode}, true
		}
		if there {
			i[o.to] = moved
		}
		if i[o.path].inode == o.inode {
			delete(i, o.path)
		}
	case o.kind == "remove":
		within := func(name string, _ entry) bool { return strings.HasPrefix(name, o.path+"/") }
		if lasts { // and so what was in a folder is gone as well
			maps.DeleteFunc(i, within)
		}
		if !slices.ContainsFunc(slices.Collect(maps.Keys(i)), func(name string) bool { return within(name, entry{}) }) {
			delete(i, o.path)
		}
	}
}

// settled is a folder without the journals, and without the record's folder if that is empty.
func settled(tb testing.TB, dir string) map[string]string {
	tb.Helper()
	found := files(tb, dir)
	if !slices.ContainsFunc(slices.Collect(maps.Keys(found)), func(name string) bool { return strings.HasPrefix(name, RecordFolder+"/") }) {
		delete(found, RecordFolder)
	}
	return found
}

// survives crashes after each operation in several ways, once more while that is taken back, and wants one of the two trees
// in the end, whole, and no secret that git would take in on the way.
func survives(t *testing.T, start image, log []operation, trees [2]map[string]string, chances int, seed uint64) (ends [2]int) {
	t.Helper()
	seen := map[string]bool{}
	for n := range len(log) + 1 {
		for variant := range chances + 1 {
			chance := rand.New(rand.NewPCG(seed, uint64(n*1000+variant)))
			name := fmt.Sprintf("seed %d, after %d of %d operations, variant %d", seed, n, len(log), variant)
			after := start.crash(log[:n], chance)
			if variant == 0 {
				after = start.crash(log[:n], nil)
			}
			if _, secret := after[".env"]; secret && after[".gitignore"].data != ".env\n" {
				t.Errorf("%s: a secret that git would take in", name)
			}
			if _, journal := after[unfinishedFile]; journal && after[ignoreFile].data != ignoreAll {
				t.Errorf("%s: a journal that git would take in", name)
			}
			if seen[fmt.Sprint(after)] {
				continue
			}
			seen[fmt.Sprint(after)] = true
			dir, folder := after.write(t)
			again := newRecorder(folder.Fs)
			if _, err := Recover(again); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if len(*again.log) > 0 && variant%2 == 1 { // the power fails again
				dir, folder = after.crash((*again.log)[:chance.IntN(len(*again.log)+1)], chance).write(t)
				if _, err := Recover(newRecorder(folder.Fs)); err != nil {
					t.Fatalf("%s, and once more: %v", name, err)
				}
			}
			found := settled(t, dir)
			switch {
			case maps.Equal(found, trees[0]):
				ends[0]++
			case maps.Equal(found, trees[1]):
				ends[1]++
			default:
				t.Errorf("%s: neither the one tree nor the other", name)
				wantSame(t, found, trees[0])
				return ends
			}
			if left := snapshot(t, dir)[unfinishedFile]; left != "" {
				t.Errorf("%s: a journal is left: %s", name, left)
			}
		}
	}
	return ends
}

// TestCrash lets a kill and power failures interrupt Apply and Undo after each operation.
func TestCrash(t *testing.T) {
	dir, folder := disk(t, before)
	start, old := imageOf(t, dir), settled(t, dir)
	r := newRecorder(folder.Fs)
	must(t, Apply(r, mix(t, folder)))
	ends := survives(t, start, *r.log, [2]map[string]string{old, after()}, 4, 1)
	t.Logf("%d operations of Apply: %d crashes were taken back, %d came too late", len(*r.log), ends[0], ends[1])
	if ends[0] == 0 || ends[1] == 0 {
		t.Error("one of the two never happened")
	}

	start = imageOf(t, dir)
	r = newRecorder(folder.Fs)
	_, err := Undo(r)
	must(t, err)
	ends = survives(t, start, *r.log, [2]map[string]string{old, after()}, 4, 2)
	t.Logf("%d operations of Undo: %d crashes were taken back, %d left everything as it was", len(*r.log), ends[0], ends[1])
	if ends[0] == 0 || ends[1] == 0 {
		t.Error("one of the two never happened")
	}
}
