// Package tree reads a repository that somebody else wrote: every file that belongs to it, once, within limits. It runs nothing, follows
// no link and writes nothing.
package tree

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/bmatcuk/doublestar/v4"
)

const (
	// MaxSize is the size in bytes of the largest file that is read; a longer one is data, not something that a person wrote.
	MaxSize = 1 << 20
	// MaxFiles is how many files are looked at; a folder with more is no repository of one service.
	MaxFiles = 200_000

	// Small texts are kept for whoever asks next, as far as there is room, both in bytes.
	smallText = 64 << 10
	keptTexts = 32 << 20

	// binaryProbe is how many bytes git looks at for a NUL, by which it takes a file for binary (buffer_is_binary).
	binaryProbe = 8000
)

// foreign are the folders whose files are somebody else's or are made by tools.
var foreign = map[string]bool{
	".git": true, ".hg": true, ".svn": true, ".kitout": true, "node_modules": true, "site-packages": true,
	"__pycache__": true, ".venv": true, ".tox": true, ".nox": true, ".eggs": true, ".mypy_cache": true, ".pytest_cache": true,
	".ruff_cache": true, ".ipynb_checkpoints": true, ".terraform": true,
}

// environmentFile marks a folder as a virtual environment, whatever its name (PEP 405).
const environmentFile = "pyvenv.cfg"

// Tree is the list of a repository's files. Contents are read when they are asked for. It may be used by several goroutines at once.
type Tree struct {
	fsys    fs.FS
	files   []File
	skipped []Skipped
	kept    map[string][]byte // texts that were read
	room    int               // bytes of further ones
	guard   sync.Mutex        // of skipped, kept and room
}

// File is one regular file.
type File struct {
	Path string // with slashes, relative to the repository
	Size int64
	Mode fs.FileMode
}

// Skipped is a file or folder that was left out, and why.
type Skipped struct {
	Path   string
	Reason string
}

// Read lists the files below the root of fsys, sorted by path. A folder that cannot be read is skipped, but for the root.
func Read(fsys fs.FS) (*Tree, error) {
	t := &Tree{fsys: fsys, kept: map[string][]byte{}, room: keptTexts}
	var paths []string
	var entries []fs.DirEntry
	err := fs.WalkDir(fsys, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil && name == ".":
			return err
		case err != nil:
			t.skip(name, reason(err))
			return nil
		case entry.IsDir():
			return t.folder(name)
		case !entry.Type().IsRegular():
			return nil // a link shows what is elsewhere, a device nothing
		case len(paths) == MaxFiles:
			return fmt.Errorf("more than %d files", MaxFiles)
		}
		paths, entries = append(paths, name), append(entries, entry)
		return nil
	})
	t.describe(paths, entries)
	return t, err
}

// describe asks for sizes and modes, on all processors: it takes as long as finding the files.
func (t *Tree) describe(paths []string, entries []fs.DirEntry) {
	t.files = make([]File, len(paths))
	var all sync.WaitGroup
	size := len(paths)/runtime.GOMAXPROCS(0) + 1
	for start := 0; start < len(paths); start += size {
		all.Go(func() {
			for i := start; i < min(start+size, len(paths)); i++ {
				info, err := entries[i].Info()
				if err != nil {
					t.skip(paths[i], reason(err))
					continue
				}
				t.files[i] = File{Path: paths[i], Size: info.Size(), Mode: info.Mode()}
			}
		})
	}
	all.Wait()
	t.files = slices.DeleteFunc(t.files, func(f File) bool { return f.Path == "" })
	slices.SortFunc(t.files, func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
}

func (t *Tree) folder(name string) error {
	if name == "." {
		return nil
	}
	if foreign[path.Base(name)] {
		return fs.SkipDir
	}
	if _, err := fs.Stat(t.fsys, path.Join(name, environmentFile)); err == nil {
		return fs.SkipDir
	}
	return nil
}

func (t *Tree) skip(name, reason string) {
	t.guard.Lock()
	defer t.guard.Unlock()
	t.skipped = append(t.skipped, Skipped{name, reason})
}

// Files are the regular files, sorted by path.
func (t *Tree) Files() []File { return t.files }

// Skipped are the files and folders that could not be read so far.
func (t *Tree) Skipped() []Skipped {
	t.guard.Lock()
	defer t.guard.Unlock()
	return slices.Clone(t.skipped)
}

// File returns the file at that path.
func (t *Tree) File(name string) (File, bool) {
	i, found := slices.BinarySearchFunc(t.files, name, func(f File, name string) int { return cmp.Compare(f.Path, name) })
	if !found {
		return File{}, false
	}
	return t.files[i], true
}

// Glob returns the paths that match a pattern, sorted: * stays within a folder, ** does not, {a,b} is either. A pattern without a slash
// matches the name in any folder.
func (t *Tree) Glob(pattern string) (paths []string) {
	anywhere := !strings.Contains(pattern, "/")
	for _, file := range t.files {
		name := file.Path
		if anywhere {
			name = path.Base(name)
		}
		if matched, err := doublestar.Match(pattern, name); err == nil && matched {
			paths = append(paths, file.Path)
		}
	}
	return paths
}

// Text returns the content of a text file, which is not to be changed; false for one that is none of the tree, binary, longer than MaxSize or
// unreadable.
func (t *Tree) Text(name string) ([]byte, bool) {
	t.guard.Lock()
	data, found := t.kept[name]
	t.guard.Unlock()
	if found {
		return data, true
	}
	if data, found = t.readText(name); !found {
		return nil, false
	}
	t.guard.Lock()
	defer t.guard.Unlock()
	if len(data) <= smallText && len(data) <= t.room {
		t.kept[name], t.room = data, t.room-len(data)
	}
	return data, true
}

func (t *Tree) readText(name string) ([]byte, bool) {
	file, found := t.File(name)
	if !found || file.Size > MaxSize {
		return nil, false
	}
	data, err := t.read(file)
	if err != nil {
		t.skip(name, reason(err))
		return nil, false
	}
	if bytes.IndexByte(data[:min(len(data), binaryProbe)], 0) >= 0 {
		return nil, false
	}
	return data, true
}

// read takes no more than MaxSize bytes, should the file have grown.
func (t *Tree) read(file File) (data []byte, err error) {
	opened, err := t.fsys.Open(file.Path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, opened.Close()) }()
	buffer := bytes.NewBuffer(make([]byte, 0, file.Size+bytes.MinRead)) // which is enough to see the end
	_, err = buffer.ReadFrom(io.LimitReader(opened, MaxSize))
	return buffer.Bytes(), err
}

// reason drops the operation and the path, which Skipped names already.
func reason(err error) string {
	if pathError, is := errors.AsType[*fs.PathError](err); is {
		err = pathError.Err
	}
	return err.Error()
}
