package generator

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"

	"github.com/spf13/afero"
)

// stageFolder is where Apply writes the files before it moves them into place. One that a kill has left counts for nothing.
const stageFolder = ".kitout.tmp"

// Apply writes the changes that are to be created or replaced into a folder that may hold other files. Whatever takes room
// is written first, into a folder of its own; then it is moved into place: what holds secrets after the .gitignore that
// covers it, the record last. When a step fails, the ones before it are taken back, and the error says what could not be
// written. No file is ever half-written; what a kill has left when files were being moved, another Apply completes.
func Apply(target afero.Fs, changes []Change) error {
	if _, err := lstat(target, stageFolder); err == nil {
		if err := target.RemoveAll(stageFolder); err != nil {
			return fmt.Errorf("%s: %w", stageFolder, Cause(err))
		}
	}
	if changes = due(changes); len(changes) == 0 {
		return nil
	}
	slices.SortStableFunc(changes, func(a, b Change) int { return cmp.Compare(turn(a), turn(b)) })
	m := &mover{target: target, whole: map[string]bool{}}
	err := write(target, stageFolder, changes)
	for i := 0; i < len(changes) && err == nil; i++ {
		err = m.move(changes[i])
	}
	if err == nil {
		err = target.RemoveAll(stageFolder)
	}
	if err != nil {
		return errors.Join(err, m.takeBack())
	}
	return nil
}

// due returns the changes that write something.
func due(changes []Change) []Change {
	return slices.DeleteFunc(slices.Clone(changes), func(c Change) bool { return !c.Status.Writes() })
}

// turn is when a change is moved into place.
func turn(change Change) int {
	switch {
	case path.Dir(change.Path) == RecordFolder:
		return 2
	case change.Policy == Secret:
		return 1
	}
	return 0
}

// Cause drops the operation and paths of a file error, which the message names already.
func Cause(err error) error {
	if pathError, is := errors.AsType[*fs.PathError](err); is {
		return pathError.Err
	}
	if linkError, is := errors.AsType[*os.LinkError](err); is {
		return linkError.Err
	}
	return err
}

// write makes the files of the changes below a folder, which is made as well, and takes nothing back.
func write(target afero.Fs, below string, changes []Change) error {
	w := &writer{target: target, known: map[string]bool{".": true}}
	for _, change := range changes {
		name := path.Join(below, change.Path)
		err := w.folder(path.Dir(name))
		if err == nil {
			// an old file that is to go must not go before the new one is safe
			err = w.file(name, change.Content, change.Mode, change.Status == Replace)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", change.Path, Cause(err))
		}
	}
	return nil
}

type writer struct {
	target afero.Fs
	known  map[string]bool // folders that exist
}

// file writes one new file. The mode is set again where the umask had its way with the first one.
func (w *writer) file(name string, content []byte, mode fs.FileMode, sync bool) (err error) {
	file, err := w.target.OpenFile(name, createFlags, mode)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if _, err := file.Write(content); err != nil {
		return err
	}
	if sync {
		if err := file.Sync(); err != nil {
			return err
		}
	}
	if info, err := file.Stat(); err != nil || info.Mode().Perm() == mode {
		return err
	}
	return w.target.Chmod(name, mode)
}

func (w *writer) folder(name string) error {
	if w.known[name] {
		return nil
	}
	if err := w.folder(path.Dir(name)); err != nil {
		return err
	}
	err := w.target.Mkdir(name, folderMode)
	if err == nil {
		err = openUp(w.target, name)
	}
	w.known[name] = err == nil
	return err
}

const folderMode fs.FileMode = 0o755

// openUp undoes what the umask did to a new folder; the group that it inherits, its files inherit as well.
func openUp(target afero.Fs, name string) error {
	info, err := target.Stat(name)
	if err != nil || info.Mode().Perm() == folderMode {
		return err
	}
	return target.Chmod(name, folderMode|info.Mode()&fs.ModeSetgid)
}

// mover brings files from the stage to their places.
type mover struct {
	target afero.Fs
	whole  map[string]bool // folders that were moved with all that is in them
	moved  []move
}

type move struct {
	name     string
	replaced *Change // what stood there, if something did
}

// move renames a file into place, or the outermost folder above it that is not there yet, with all that is in it.
func (m *mover) move(change Change) error {
	done := move{name: change.Path}
	if change.Status == Replace {
		done.replaced = &change
	}
	for i, r := range change.Path {
		folder := change.Path[:i]
		if r != '/' {
			continue
		}
		if m.whole[folder] {
			return nil
		}
		if _, err := lstat(m.target, folder); errors.Is(err, fs.ErrNotExist) {
			m.whole[folder], done.name = true, folder
			break
		}
	}
	if _, err := lstat(m.target, done.name); err == nil && done.replaced == nil {
		return fmt.Errorf("%s: %w", change.Path, fs.ErrExist)
	}
	if err := m.target.Rename(path.Join(stageFolder, done.name), done.name); err != nil {
		return fmt.Errorf("%s: %w", change.Path, Cause(err))
	}
	m.moved = append(m.moved, done)
	return nil
}

// takeBack restores what was replaced and removes what was made, the last one first.
func (m *mover) takeBack() error {
	w := &writer{target: m.target}
	var failures []error
	for _, done := range slices.Backward(m.moved) {
		staged := path.Join(stageFolder, done.name)
		if done.replaced == nil {
			failures = append(failures, m.target.Rename(done.name, staged))
			continue
		}
		err := w.file(staged, done.replaced.Old, done.replaced.OldMode, true)
		if err == nil {
			err = m.target.Rename(staged, done.name)
		}
		failures = append(failures, err)
	}
	failures = append(failures, m.target.RemoveAll(stageFolder))
	if err := errors.Join(failures...); err != nil {
		return fmt.Errorf("and what was written could not be taken back: %w", err)
	}
	return nil
}
