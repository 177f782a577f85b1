package generator

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/afero"
)

// createFlags make a file that must not exist yet.
const createFlags = os.O_WRONLY | os.O_CREATE | os.O_EXCL

// Folder is a real folder that is about to receive a repository: nothing outside it can be reached through it.
type Folder struct {
	// Fs is the folder, or nil when there is none yet: everything in it would be new.
	Fs afero.Fs
	// Exists says whether the folder was there.
	Exists bool

	name string
	root *os.Root
}

// OpenFolder opens the folder at name. One that does not exist is no error.
func OpenFolder(name string) (*Folder, error) {
	name = filepath.Clean(name)
	folder := &Folder{name: name}
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, err := os.Lstat(name); err == nil {
			return nil, &ConflictError{Folder: name, Problem: "is a link to nothing"}
		}
		return folder, nil
	case err != nil:
		return nil, fmt.Errorf("%s: %w", name, Cause(err))
	case !info.IsDir():
		return nil, &ConflictError{Folder: name, Problem: "is a file, not a folder"}
	}
	if folder.root, err = os.OpenRoot(name); err != nil {
		return nil, fmt.Errorf("%s: %w", name, Cause(err))
	}
	folder.Fs, folder.Exists = rootFs{folder.root}, true
	return folder, nil
}

// Entries returns the names in the folder but .git: a repository without a commit counts as empty.
func (f *Folder) Entries() ([]string, error) {
	if !f.Exists {
		return nil, nil
	}
	entries, err := os.ReadDir(f.name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.name, Cause(err))
	}
	var names []string
	for _, entry := range entries {
		if entry.Name() != ".git" {
			names = append(names, entry.Name())
		}
	}
	return names, nil
}

// FS is the folder, which must exist, for who only reads.
func (f *Folder) FS() fs.FS { return f.root.FS() }

// Close lets go of the folder.
func (f *Folder) Close() error {
	if f.root == nil {
		return nil
	}
	return f.root.Close()
}

// Write applies the changes. A folder that does not exist is made beside its place and renamed once, when it is whole, and
// so is one that is empty, where it can be replaced: first is called with the path that it has until then, for what belongs
// to it but is no file of the plan; its error takes the new folder back, and the ones above it that were made for it. In a
// folder that stays, first is called when everything is in place, and its error changes nothing.
func (f *Folder) Write(changes []Change, first func(folder string) error) error {
	if !f.Exists {
		parent := filepath.Dir(f.name)
		made := missing(parent)
		err := f.stage(parent, changes, first)
		if err == nil {
			return nil
		}
		for _, folder := range made {
			_ = os.Remove(folder) // somebody else may have put something there
		}
		return fmt.Errorf("%s: %w", f.name, err)
	}
	if f.replaceable() {
		var refused error
		err := f.stage(filepath.Dir(f.name), changes, func(folder string) error {
			refused = first(folder)
			return refused
		})
		switch {
		case err == nil:
			return nil
		case refused != nil:
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	if err := Apply(f.Fs, changes); err != nil {
		if _, is := errors.AsType[*ConflictError](err); is {
			return err // it names the folder itself
		}
		return fmt.Errorf("%s: %w", f.name, err)
	}
	_ = first(f.name)
	return nil
}

// replaceable says whether nobody would miss the folder itself: it is empty, no link, and nobody stands in it. Where its
// parent is out of reach, or a file system is mounted on it, only the attempt tells.
func (f *Folder) replaceable() bool {
	info, err := os.Lstat(f.name)
	here, hereErr := os.Stat(".")
	if err != nil || hereErr != nil || !info.IsDir() || os.SameFile(info, here) {
		return false
	}
	entries, err := os.ReadDir(f.name)
	return err == nil && len(entries) == 0
}

// missing returns the folder at name and those above it that do not exist, the innermost first.
func missing(name string) (folders []string) {
	for {
		if _, err := os.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
			return folders
		}
		folders = append(folders, name)
		name = filepath.Dir(name)
	}
}

func (f *Folder) stage(parent string, changes []Change, first func(string) error) error {
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return err
	}
	stage, err := os.MkdirTemp(parent, "."+filepath.Base(f.name)+".kitout-*")
	if err != nil {
		return Cause(err)
	}
	if err := f.fill(stage, changes, first); err != nil {
		return errors.Join(err, os.RemoveAll(stage))
	}
	return nil
}

func (f *Folder) fill(stage string, changes []Change, first func(string) error) error {
	root, err := os.OpenRoot(stage)
	if err != nil {
		return Cause(err)
	}
	err = write(rootFs{root}, due(changes))
	if err == nil {
		err = f.dress(root)
	}
	if err := errors.Join(err, root.Close()); err != nil {
		return err
	}
	if err := first(stage); err != nil {
		return err
	}
	// this replaces a folder that is empty, and refuses one with files; os.Rename refuses both
	if err := syscall.Rename(stage, f.name); err != nil {
		return fmt.Errorf("cannot move the new folder to its place: %w", err)
	}
	return nil
}

// dress gives the new folder the mode of the one that it is to replace, or the one that all new folders have.
func (f *Folder) dress(root *os.Root) error {
	if !f.Exists {
		return openUp(rootFs{root}, ".")
	}
	old, err := f.root.Stat(".")
	if err != nil {
		return err
	}
	return root.Chmod(".", old.Mode())
}

// rootFs makes an afero.Fs of an os.Root, which refuses every path that leads outside.
type rootFs struct{ root *os.Root }

var _ afero.Fs = rootFs{}

// Name is the folder's, as the user wrote it.
func (r rootFs) Name() string { return r.root.Name() }

func (r rootFs) Create(name string) (afero.File, error) { return file(r.root.Create(name)) }

func (r rootFs) Open(name string) (afero.File, error) { return file(r.root.Open(name)) }

func (r rootFs) OpenFile(name string, flag int, mode fs.FileMode) (afero.File, error) {
	return file(r.root.OpenFile(name, flag, mode))
}

// file keeps a nil *os.File from becoming an interface that is not nil.
func file(f *os.File, err error) (afero.File, error) {
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (r rootFs) Mkdir(name string, mode fs.FileMode) error    { return r.root.Mkdir(name, mode) }
func (r rootFs) MkdirAll(name string, mode fs.FileMode) error { return r.root.MkdirAll(name, mode) }
func (r rootFs) Remove(name string) error                     { return r.root.Remove(name) }
func (r rootFs) RemoveAll(name string) error                  { return r.root.RemoveAll(name) }
func (r rootFs) Rename(from, to string) error                 { return r.root.Rename(from, to) }
func (r rootFs) Stat(name string) (fs.FileInfo, error)        { return r.root.Stat(name) }
func (r rootFs) Chmod(name string, mode fs.FileMode) error    { return r.root.Chmod(name, mode) }
func (r rootFs) Chown(name string, uid, gid int) error        { return r.root.Chown(name, uid, gid) }
func (r rootFs) Chtimes(name string, a, m time.Time) error    { return r.root.Chtimes(name, a, m) }

// LstatIfPossible describes a link itself rather than what it points to.
func (r rootFs) LstatIfPossible(name string) (fs.FileInfo, bool, error) {
	info, err := r.root.Lstat(name)
	return info, true, err
}
