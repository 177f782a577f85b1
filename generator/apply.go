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

// Apply writes the changes into a folder that may hold other files: all of them, or none. They go into place one by one, by
// renaming: what holds secrets after the .gitignore that covers it, the record last. A journal tells how to take them back.
// Apply does so when a step fails, and the error says what could not be written; Recover does after a crash; and Undo, until
// another Apply writes something. When a file is not as it was when the changes were made, nothing is written, and the error is
// a ConflictError.
func Apply(target afero.Fs, changes []Change) error {
	release, err := lockFolder(target)
	if err != nil {
		return err
	}
	defer release()
	if Interrupted(target) {
		return &FileError{Path: unfinishedFile, Problem: "is what an interrupted run has left", Hint: "run kitout again: it takes that back first"}
	}
	if err := unchanged(target, changes); err != nil {
		return err
	}
	j, err := newJournal(target, changes)
	if err != nil || len(j.Steps) == 0 {
		return err
	}
	t := &transaction{target: target, dirty: map[string]bool{}}
	done, err := 0, t.begin(j)
	if err == nil {
		done, err = t.run(j)
	}
	if err == nil {
		err = t.rename(unfinishedFile, journalFile) // now the apply has happened
	}
	if err != nil {
		if _, failure := t.takeBack(j, done); failure != nil {
			err = fmt.Errorf("%v; what was written could not be taken back, which the next run tries again: %v", err, failure)
		}
		return err
	}
	if err := t.sync(); err != nil {
		return fmt.Errorf("everything is written, but may not outlast a power failure: %w", err)
	}
	return nil
}

// unchanged refuses files that are no longer as they were when the changes were made.
func unchanged(target afero.Fs, changes []Change) error {
	var paths []string
	for _, change := range changes {
		if change.unread {
			continue
		}
		now, err := readVersion(target, change.Path)
		if err != nil {
			return err
		}
		if !now.same(change.was()) {
			paths = append(paths, change.Path)
		}
	}
	if len(paths) > 0 {
		return changedError(target, paths...)
	}
	return nil
}

func changedError(target afero.Fs, paths ...string) error {
	return &ConflictError{
		Folder: target.Name(), Paths: paths, Problem: "changed while kitout was running", Hint: "nothing was changed; run kitout again",
	}
}

// due returns the changes that write something, in the order in which they are moved into place.
func due(changes []Change) []Change {
	changes = slices.DeleteFunc(slices.Clone(changes), func(c Change) bool { return !c.Status.Writes() })
	slices.SortStableFunc(changes, func(a, b Change) int { return cmp.Compare(turn(a), turn(b)) })
	return changes
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

// write makes the files of the changes below a folder that holds nothing yet, several at once, and takes nothing back. The error is that
// of the first change that has one.
func write(target afero.Fs, changes []Change) error {
	w := &writer{target: target, known: map[string]bool{".": true}}
	failures := make([]error, len(changes))
	for i, change := range changes {
		if failures[i] = w.folder(path.Dir(change.Path)); failures[i] != nil {
			return fmt.Errorf("%s: %w", change.Path, Cause(failures[i]))
		}
	}
	parallel(len(changes), func() func(int) {
		return func(i int) {
			failures[i] = writeFile(target, changes[i].Path, changes[i].Content, changes[i].Mode, false)
		}
	})
	for i, err := range failures {
		if err != nil {
			return fmt.Errorf("%s: %w", changes[i].Path, Cause(err))
		}
	}
	return nil
}

// writeFile writes one new file. The mode is set again where the umask had its way with the first one.
func writeFile(target afero.Fs, name string, content []byte, mode fs.FileMode, sync bool) (err error) {
	file, err := target.OpenFile(name, createFlags, mode)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if _, err := file.Write(content); err != nil {
		return err
	}
	info, err := file.Stat()
	if err == nil && info.Mode().Perm() != mode {
		err = target.Chmod(name, mode)
	}
	if err == nil && sync {
		err = file.Sync()
	}
	return err
}

type writer struct {
	target afero.Fs
	known  map[string]bool // folders that exist
}

func (w *writer) folder(name string) error {
	if w.known[name] {
		return nil
	}
	if err := w.folder(path.Dir(name)); err != nil {
		return err
	}
	err := makeFolder(w.target, name)
	w.known[name] = err == nil
	return err
}

const folderMode fs.FileMode = 0o755

func makeFolder(target afero.Fs, name string) error {
	if err := target.Mkdir(name, folderMode); err != nil {
		return err
	}
	return openUp(target, name)
}

// openUp undoes what the umask did to a new folder; the group that it inherits, its files inherit as well.
func openUp(target afero.Fs, name string) error {
	info, err := target.Stat(name)
	if err != nil || info.Mode().Perm() == folderMode {
		return err
	}
	return target.Chmod(name, folderMode|info.Mode()&fs.ModeSetgid)
}
