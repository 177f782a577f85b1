package generator

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"

	"github.com/spf13/afero"
)

// transaction carries out a journal, or takes it back.
type transaction struct {
	target afero.Fs
	dirty  map[string]bool // folders in which names have come or gone since they were synced
}

// begin writes the unfinished journal, where git does not see it.
func (t *transaction) begin(j *journal) error {
	text, err := json.Marshal(j)
	if err != nil {
		return err
	}
	if len(text) > journalLimit {
		return fmt.Errorf("the files that are replaced take more than %d MiB", journalLimit>>20)
	}
	if err := parentsAreFolders(t.target, unfinishedFile); err != nil {
		return err
	}
	if err := t.mkdir(undoFolder); err != nil {
		return err
	}
	if err := t.target.Chmod(undoFolder, 0o700); err != nil {
		return about(undoFolder, err)
	}
	for _, file := range []Change{
		{File: File{Path: ignoreFile, Content: []byte(ignoreAll), Mode: 0o600}},
		{File: File{Path: unfinishedFile, Content: text, Mode: 0o600}},
	} {
		if err := t.put(file); err != nil {
			return err
		}
		if err := t.sync(); err != nil {
			return err
		}
	}
	return nil
}

// run makes the folders of a journal, writes all files beside their places, and only then moves them there. It returns how many
// steps it may have done.
func (t *transaction) run(j *journal) (done int, err error) {
	for _, folder := range j.Folders {
		if err := t.mkdir(folder); err != nil {
			return 0, err
		}
	}
	for _, s := range j.Steps {
		if s.New == "" {
			continue
		}
		if err := t.stage(s.Path, s.Secret, s.content, s.mode); err != nil {
			return 0, err
		}
	}
	for i, s := range j.Steps {
		if now, err := readVersion(t.target, s.Path); err != nil {
			return i, err
		} else if !now.same(s.Old) {
			return i, changedError(t.target, s.Path)
		}
		if err := t.move(s); err != nil {
			return i + 1, err
		}
	}
	return len(j.Steps), t.sync()
}

// move brings a file into its place, or removes the one that stands there.
func (t *transaction) move(s step) error {
	if s.New == "" {
		return t.remove(s.Path)
	}
	if s.Secret { // as in takeBack
		if err := t.sync(); err != nil {
			return err
		}
	}
	return t.rename(temporary(s.Path, s.Secret), s.Path)
}

// takeBack puts back what the first steps have changed, and ends the transaction. It returns the changes. When it fails, the
// journal stays.
func (t *transaction) takeBack(j *journal, steps int) ([]Change, error) {
	changes, err := j.reversals(t.target, steps)
	if err != nil {
		return nil, err
	}
	for _, s := range j.Steps {
		if err := t.remove(temporary(s.Path, s.Secret)); err != nil {
			return nil, err
		}
	}
	for _, change := range changes {
		if change.Status == Delete {
			err = t.remove(change.Path)
		} else {
			err = t.put(change)
		}
		if err == nil && change.Policy == Secret {
			err = t.sync() // it must not outlast a power failure that the .gitignore does not
		}
		if err != nil {
			return nil, err
		}
	}
	for _, folder := range slices.Backward(j.Folders) {
		if err := t.removeEmpty(folder); err != nil {
			return nil, err
		}
	}
	if err := t.sync(); err != nil {
		return nil, err
	}
	if err := t.remove(unfinishedFile); err != nil {
		return nil, err
	}
	if err := t.sync(); err != nil {
		return nil, err
	}
	return changes, t.tidy()
}

// tidy removes what is left of a journal that did not come about and, when there is no finished one, their folder.
func (t *transaction) tidy() error {
	names := []string{temporary(unfinishedFile, false), temporary(ignoreFile, false)}
	if _, err := lstat(t.target, journalFile); errors.Is(err, fs.ErrNotExist) {
		names = append(names, ignoreFile)
	}
	for _, name := range names {
		if err := t.remove(name); err != nil {
			return err
		}
	}
	if err := t.removeEmpty(undoFolder); err != nil {
		return err
	}
	return t.removeEmpty(RecordFolder)
}

// put writes a file, or replaces it.
func (t *transaction) put(change Change) error {
	secret := change.Policy == Secret
	if err := t.mkdir(path.Dir(change.Path)); err != nil {
		return err
	}
	if err := t.stage(change.Path, secret, change.Content, change.Mode); err != nil {
		return err
	}
	return t.rename(temporary(change.Path, secret), change.Path)
}

// stage writes what is to become a file, as a whole, and on to the disk.
func (t *transaction) stage(name string, secret bool, content []byte, mode fs.FileMode) error {
	staged := temporary(name, secret)
	err := t.remove(staged)
	if err == nil {
		err = writeFile(t.target, staged, content, mode, true)
	}
	t.dirty[path.Dir(staged)] = true
	return about(name, err)
}

func (t *transaction) rename(from, to string) error {
	t.dirty[path.Dir(from)], t.dirty[path.Dir(to)] = true, true
	return about(to, t.target.Rename(from, to))
}

// remove removes a file, if it is there. One behind a link that has come up meanwhile is not.
func (t *transaction) remove(name string) error {
	if parentsAreFolders(t.target, name) != nil {
		return nil
	}
	if _, err := lstat(t.target, name); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	t.dirty[path.Dir(name)] = true
	return about(name, t.target.Remove(name))
}

// removeEmpty removes a folder, if it is there and empty.
func (t *transaction) removeEmpty(name string) error {
	if info, err := lstat(t.target, name); err != nil || !info.IsDir() {
		return nil
	}
	if empty, err := afero.IsEmpty(t.target, name); err != nil || !empty {
		return nil
	}
	t.dirty[path.Dir(name)] = true
	return about(name, t.target.Remove(name))
}

// mkdir makes a folder, and those above it, if they are not there.
func (t *transaction) mkdir(name string) error {
	if _, err := lstat(t.target, name); !errors.Is(err, fs.ErrNotExist) {
		return about(name, err)
	}
	if err := t.mkdir(path.Dir(name)); err != nil {
		return err
	}
	t.dirty[path.Dir(name)] = true
	return about(name, makeFolder(t.target, name))
}

// sync makes the names in the folders outlast a power failure. What is in the files does already.
func (t *transaction) sync() error {
	for _, name := range slices.Sorted(maps.Keys(t.dirty)) {
		if parentsAreFolders(t.target, name+"/") != nil {
			continue // it has become a link
		}
		folder, err := t.target.Open(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = errors.Join(syncFolder(folder), folder.Close())
		}
		if err != nil {
			return about(name, err)
		}
		delete(t.dirty, name)
	}
	return nil
}

// about names what an error is about; no error stays none.
func about(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", name, Cause(err))
}
