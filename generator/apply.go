package generator

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"github.com/spf13/afero"
)

// Apply writes the changes that are to be created or replaced. Whatever takes room is written first, beside the files that
// are to be replaced; then those are renamed into place. When a step fails, the ones before it are taken back, and the
// error says what could not be written; a file that existed is never left half-written.
func Apply(target afero.Fs, changes []Change) error {
	w := &writer{target: target, known: map[string]bool{".": true}}
	for _, step := range []func(Change) error{w.write, w.replace} {
		for _, change := range changes {
			if err := step(change); err != nil {
				return errors.Join(fmt.Errorf("%s: %w", change.Path, cause(err)), w.takeBack())
			}
		}
	}
	return nil
}

// cause drops the operation and path of a PathError, which the message names already.
func cause(err error) error {
	if pathError, is := errors.AsType[*fs.PathError](err); is {
		return pathError.Err
	}
	return err
}

type writer struct {
	target   afero.Fs
	known    map[string]bool // folders that exist
	folders  []string        // those made here, parents first
	written  []string        // files made here, temporary ones too
	replaced []Change
}

// temporarySuffix marks a file that is being written; nothing else in a repository is called so.
const temporarySuffix = ".kitout-tmp"

// write makes the file of a change, under a temporary name if it is to replace another.
func (w *writer) write(change Change) error {
	name := change.Path
	switch change.Status {
	case Create:
	case Replace:
		name += temporarySuffix
		if err := ignoreMissing(w.target.Remove(name)); err != nil { // left by a run that was killed
			return err
		}
	default:
		return nil
	}
	if err := w.folder(path.Dir(name)); err != nil {
		return err
	}
	return w.fill(name, change.Content, change.Mode, change.Status == Replace)
}

// replace renames what write made into place.
func (w *writer) replace(change Change) error {
	if change.Status != Replace {
		return nil
	}
	if err := w.rename(change.Path); err != nil {
		return err
	}
	w.replaced = append(w.replaced, change)
	return nil
}

// rename moves the temporary file of a path into place.
func (w *writer) rename(name string) error {
	temporary := name + temporarySuffix
	if err := w.target.Rename(temporary, name); err != nil {
		return err
	}
	w.written = slices.DeleteFunc(w.written, func(n string) bool { return n == temporary })
	return nil
}

// fill writes one new file. The mode is set again because the umask has its way with the first one.
func (w *writer) fill(name string, content []byte, mode fs.FileMode, sync bool) (err error) {
	file, err := w.target.OpenFile(name, createFlags, mode)
	if err != nil {
		return err
	}
	w.written = append(w.written, name)
	defer func() { err = errors.Join(err, file.Close()) }()
	if _, err := file.Write(content); err != nil {
		return err
	}
	if sync {
		if err := file.Sync(); err != nil {
			return err
		}
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
	err := w.target.Mkdir(name, 0o755)
	switch {
	case err == nil:
		w.folders = append(w.folders, name)
		err = w.target.Chmod(name, 0o755)
	case errors.Is(err, fs.ErrExist):
		err = nil
	}
	w.known[name] = err == nil
	return err
}

// takeBack restores what was replaced and removes what was made, the last one first.
func (w *writer) takeBack() error {
	var failures []error
	for _, change := range slices.Backward(w.replaced) {
		err := w.fill(change.Path+temporarySuffix, change.Old, change.OldMode, true)
		if err == nil {
			err = w.rename(change.Path)
		}
		failures = append(failures, err)
	}
	for _, name := range slices.Backward(w.written) {
		failures = append(failures, w.target.Remove(name))
	}
	for _, name := range slices.Backward(w.folders) {
		failures = append(failures, w.target.Remove(name))
	}
	if err := errors.Join(failures...); err != nil {
		return fmt.Errorf("and what was written could not be taken back: %w", err)
	}
	return nil
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
