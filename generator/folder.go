package generator

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
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
		return nil, fmt.Errorf("%s: %w", name, cause(err))
	case !info.IsDir():
		return nil, &ConflictError{Folder: name, Problem: "is a file, not a folder"}
	}
	if folder.root, err = os.OpenRoot(name); err != nil {
		return nil, fmt.Errorf("%s: %w", name, cause(err))
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
		return nil, fmt.Errorf("%s: %w", f.name, cause(err))
	}
	var names []string
	for _, entry := range entries {
		if entry.Name() != ".git" {
			names = append(names, entry.Name())
		}
	}
	return names, nil
}

// Close lets go of the folder.
func (f *Folder) Close() error {
	if f.root == nil {
		return nil
	}
	return f.root.Close()
}

// Write applies the changes. A folder that does not exist is made beside its place and renamed once, when it is whole: first
// is called with the path that it has until then, for what belongs to it but is no file of the plan.
// An error of it takes the new folder back, and the ones above it that were made for it.
func (f *Folder) Write(changes []Change, first func(folder string) error) error {
	if f.Exists {
		if err := Apply(f.Fs, changes); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
		return first(f.name)
	}
	parent := filepath.Dir(f.name)
	made := missing(parent)
	if err := f.stage(parent, changes, first); err != nil {
		for _, folder := range made {
			_ = os.Remove(folder) // somebody else may have put something there
		}
		return fmt.Errorf("%s: %w", f.name, err)
	}
	return nil
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
		return cause(err)
	}
	if err := f.fill(stage, changes, first); err != nil {
		return errors.Join(err, os.RemoveAll(stage))
	}
	return nil
}

func (f *Folder) fill(stage string, changes []Change, first func(string) error) error {
	root, err := os.OpenRoot(stage)
	if err != nil {
		return cause(err)
	}
	err = Apply(rootFs{root}, changes)
	if err := errors.Join(err, root.Close()); err != nil {
		return err
	}
	if err := os.Chmod(stage, 0o755); err != nil {
		return err
	}
	if err := first(stage); err != nil {
		return err
	}
	// rename replaces an empty folder that came into being meanwhile, and refuses one with files
	if err := os.Rename(stage, f.name); err != nil {
		return fmt.Errorf("cannot move the new folder to its place: %w", errors.Unwrap(err))
	}
	return nil
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
