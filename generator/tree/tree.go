// Package tree reads a repository that somebody else wrote: every file that belongs to it, once, within limits. It runs nothing, follows
// no link and writes nothing.
package tree

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"path"
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

	// Small texts are kept for whoever asks next, as far as there is room, both in bytes. A service's own take less; the rest is read again.
	smallText = 64 << 10
	keptTexts = 1 << 20

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
	paths   []string
	skipped []Skipped
	kept    map[string][]byte // texts that were read
	room    int               // bytes of further ones
	guard   sync.Mutex        // of skipped, kept and room
}

// Skipped is a file or folder that was left out, and why.
type Skipped struct {
	Path   string
	Reason string
}

// Read lists the regular files below the root of fsys. A folder that cannot be read is skipped, but for the root.
func Read(fsys fs.FS) (*Tree, error) {
	t := &Tree{fsys: fsys, kept: map[string][]byte{}, room: keptTexts}
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
		case len(t.paths) == MaxFiles:
			return fmt.Errorf("more than %d files", MaxFiles)
		}
		t.paths = append(t.paths, name)
		return nil
	})
	slices.Sort(t.paths)
	return t, err
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

// Paths are those of the regular files, with slashes, relative to the root, sorted. They are not to be changed.
func (t *Tree) Paths() []string { return t.paths }

// Has reports whether there is a regular file at that path.
func (t *Tree) Has(name string) bool { _, found := slices.BinarySearch(t.paths, name); return found }

// Skipped are the files and folders that could not be read so far.
func (t *Tree) Skipped() []Skipped {
	t.guard.Lock()
	defer t.guard.Unlock()
	return slices.Clone(t.skipped)
}

// Names finds files by the last part of their paths. One list for all of them takes a tenth of what a list for each name would.
type Names struct {
	first map[string]int32
	next  []int32 // the one of the same name, or -1
}

// NewNames takes the files by their numbers below n.
func NewNames(n int, of func(i int) string) *Names {
	names := &Names{make(map[string]int32, n), make([]int32, n)}
	for i := n - 1; i >= 0; i-- {
		base := path.Base(of(i))
		names.next[i] = -1
		if following, found := names.first[base]; found {
			names.next[i] = following
		}
		names.first[base] = int32(i)
	}
	return names
}

// Of yields the numbers of the files of a name, in order.
func (n *Names) Of(name string) iter.Seq[int] {
	return func(yield func(int) bool) {
		i, found := n.first[name]
		for found && yield(int(i)) {
			i = n.next[i]
			found = i >= 0
		}
	}
}

// Glob returns the paths that match a pattern, sorted: * stays within a folder, ** does not, {a,b} is either. A pattern without a slash
// matches the name in any folder.
func (t *Tree) Glob(pattern string) (paths []string) {
	anywhere := !strings.Contains(pattern, "/")
	for _, name := range t.paths {
		subject := name
		if anywhere {
			subject = path.Base(name)
		}
		if matched, err := doublestar.Match(pattern, subject); err == nil && matched {
			paths = append(paths, name)
		}
	}
	return paths
}

// Text returns the content of a text file, which is not to be changed; false for one that is none of the tree, binary, longer than MaxSize or
// unreadable.
func (t *Tree) Text(name string) (text []byte, found bool) {
	found = t.Look(name, func(data []byte) { text = t.keep(name, data) })
	return text, found
}

// Look shows the content of a file that Text would return. It is not kept for whoever asks next, and look must not keep it either.
func (t *Tree) Look(name string, look func(text []byte)) bool {
	t.guard.Lock()
	data, found := t.kept[name]
	t.guard.Unlock()
	if found {
		look(data)
		return true
	}
	if !t.Has(name) {
		return false
	}
	buffer := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(buffer)
	if err := t.read(name, buffer); err != nil {
		t.skip(name, reason(err))
		return false
	}
	data = buffer.Bytes()
	if len(data) > MaxSize || bytes.IndexByte(data[:min(len(data), binaryProbe)], 0) >= 0 {
		return false
	}
	look(data)
	return true
}

func (t *Tree) keep(name string, data []byte) []byte {
	t.guard.Lock()
	defer t.guard.Unlock()
	if kept, found := t.kept[name]; found {
		return kept
	}
	data = bytes.Clone(data)
	if len(data) <= smallText && len(data) <= t.room {
		t.kept[name], t.room = data, t.room-len(data)
	}
	return data
}

// buffers are what files are read into: their sizes are not known, and asking takes as long as reading.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// read takes one byte more than MaxSize at most, which tells a longer file.
func (t *Tree) read(name string, buffer *bytes.Buffer) (err error) {
	opened, err := t.fsys.Open(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, opened.Close()) }()
	buffer.Reset()
	_, err = buffer.ReadFrom(io.LimitReader(opened, MaxSize+1))
	return err
}

// reason drops the operation and the path, which Skipped names already.
func reason(err error) string {
	if pathError, is := errors.AsType[*fs.PathError](err); is {
		err = pathError.Err
	}
	return err.Error()
}
