package generator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"github.com/spf13/afero"
)

// An apply first writes down, as the unfinished journal, what every file was and what it is to be. Then it puts the files into
// place. Then it renames the journal to the finished one, and in that moment it has happened. So:
//
//   - while there is an unfinished journal, somebody has to take back what it names, as often as it is interrupted: the apply
//     itself when a step fails, Recover after a crash;
//   - the finished journal is the last apply's, and Undo is nothing but to call it unfinished, and to take it back.
//
// A file that is taken back must be what the apply made of it, or what it was before, or gone: anything else is
// somebody's work, for which everything stays as it is.
const (
	undoFolder     = RecordFolder + "/undo"
	ignoreFile     = undoFolder + "/.gitignore" // it ignores the whole folder, itself too
	unfinishedFile = undoFolder + "/unfinished.json"
	journalFile    = undoFolder + "/journal.json"

	ignoreAll     = "*\n"
	journalFormat = 1
	journalLimit  = 256 << 20
)

var errLocked = &FileError{
	Path: RecordFolder, Problem: "another kitout is writing into this repository", Hint: "run kitout again when it has ended",
}

// journal is what an apply does, as it stands on the disk.
type journal struct {
	Format  int      `json:"format"`
	Folders []string `json:"folders"` // those that are made, outer ones first
	Steps   []step   `json:"steps"`
}

// step is what happens to one file.
type step struct {
	Path   string   `json:"path"`
	Old    *version `json:"old"` // nil: there is no file yet
	New    string   `json:"new"` // the SHA-256 of the new content; empty: the file goes
	Secret bool     `json:"secret,omitempty"`

	content []byte // the new one, and its mode: no journal holds them
	mode    fs.FileMode
}

// newJournal plans the steps of the changes that write something, and the folders that they need.
func newJournal(target afero.Fs, changes []Change) (*journal, error) {
	j := &journal{Format: journalFormat}
	for _, change := range due(changes) {
		s := step{Path: change.Path, Old: change.was(), New: sum(change.Content), Secret: change.Policy == Secret, content: change.Content, mode: change.Mode}
		switch change.Status {
		case Delete:
			s.New = ""
		case Beside:
			s.Path += BesideSuffix
			var err error
			if s.Old, err = readVersion(target, s.Path); err != nil {
				return nil, err
			}
			if s.Old != nil && sum(s.Old.Content) == s.New {
				continue // it stands there already
			}
		}
		if s.Old != nil && s.Old.Mode&0o200 == 0 {
			return nil, &ConflictError{Folder: target.Name(), Paths: []string{s.Path}, Problem: "is read-only"}
		}
		if err := j.needFolders(target, path.Dir(s.Path)); err != nil {
			return nil, err
		}
		j.Steps = append(j.Steps, s)
	}
	return j, j.validate()
}

// needFolders adds the folder at name, and those above it, unless they are there. The record's own goes without saying.
func (j *journal) needFolders(target afero.Fs, name string) error {
	if name == "." || name == RecordFolder || slices.Contains(j.Folders, name) {
		return nil
	}
	if _, err := lstat(target, name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := j.needFolders(target, path.Dir(name)); err != nil {
		return err
	}
	j.Folders = append(j.Folders, name)
	return nil
}

// temporary is where a file is written before it is renamed: beside its place, because nothing can be renamed from one file
// system to another; but a secret where git does not see it.
func temporary(name string, secret bool) string {
	folder := path.Dir(name)
	if secret {
		folder = undoFolder
	}
	return path.Join(folder, ".kitout-"+sum([]byte(name))[:16]+".tmp")
}

// reversal is the change that puts the file of a step back; nil when there is nothing to do. A file that is neither the old
// nor the new one is edited.
func (s *step) reversal(target afero.Fs) (change *Change, edited bool, err error) {
	now, err := readVersion(target, s.Path)
	if _, is := errors.AsType[*ConflictError](err); is {
		return nil, true, nil // a link, or a folder
	}
	if err != nil || now.same(s.Old) {
		return nil, false, err
	}
	change = &Change{File: File{Path: s.Path}, Status: Create}
	if s.Secret {
		change.Policy = Secret
	}
	if s.Old != nil {
		change.Content, change.Mode = s.Old.Content, s.Old.Mode
	}
	if now != nil {
		change.Old, change.OldMode, change.Status = now.Content, now.Mode, Replace
		isOld := s.Old != nil && bytes.Equal(now.Content, s.Old.Content)
		edited = !isOld && sum(now.Content) != s.New
	}
	if s.Old == nil {
		change.Status, change.Mode = Delete, now.Mode
	}
	return change, edited, nil
}

// reversals are the changes that take the first steps back, the last one first.
func (j *journal) reversals(target afero.Fs, steps int) (changes []Change, err error) {
	var edited []string
	for i := range steps {
		change, hasEdits, err := j.Steps[i].reversal(target)
		switch {
		case err != nil:
			return nil, err
		case hasEdits:
			edited = append(edited, j.Steps[i].Path)
		case change != nil:
			changes = append(changes, *change)
		}
	}
	if len(edited) > 0 {
		return nil, &ConflictError{
			Folder: target.Name(), Paths: edited, Problem: "edited since kitout wrote it",
			Hint: "nothing was changed; move what you want to keep to another place, then run kitout again",
		}
	}
	slices.Reverse(changes)
	return changes, nil
}

// readJournal returns nil when there is none of that name.
func readJournal(target afero.Fs, name string) (*journal, error) {
	text, err := readLimited(target, name, journalLimit)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var j journal
	if err == nil {
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.DisallowUnknownFields()
		err = decoder.Decode(&j)
	}
	if err == nil {
		err = j.validate()
	}
	if errors.Is(err, fs.ErrPermission) {
		return nil, &FileError{Path: name, Problem: Cause(err).Error()} // there is something to take back, for whoever wrote it
	}
	if err != nil {
		return nil, &FileError{Path: name, Problem: err.Error(), Hint: "delete the file to leave everything as it is"}
	}
	return &j, nil
}

// validate refuses what kitout does not write: a journal is as little to be trusted as a record.
func (j *journal) validate() error {
	if j.Format != journalFormat {
		return fmt.Errorf("format %d is unknown", j.Format)
	}
	for _, folder := range j.Folders {
		if !validPath(folder) || within(folder, RecordFolder) {
			return fmt.Errorf("%q is no folder that kitout makes", folder)
		}
	}
	seen := map[string]bool{}
	for _, s := range j.Steps {
		switch {
		case !validPath(s.Path), within(s.Path, RecordFolder) && s.Path != recordFile && s.Path != baseFile, seen[s.Path]:
			return fmt.Errorf("%q is no file that kitout writes", s.Path)
		case s.New != "" && !isSum(s.New):
			return fmt.Errorf("%q has no sum", s.Path)
		case s.Old != nil && (s.Old.Content == nil || s.Old.Mode&^fs.ModePerm != 0):
			return fmt.Errorf("%q has an old version that is none", s.Path)
		}
		seen[s.Path] = true
	}
	return nil
}

// Recover takes back what an interrupted Apply has written, or ends an interrupted Undo, and says so in words; "" when there was
// nothing to do. Whatever writes into the folder calls it first, before anything is compared. A ConflictError names files that
// were edited in between: then nothing is taken back.
func Recover(target afero.Fs) (string, error) {
	if _, err := lstat(target, undoFolder); errors.Is(err, fs.ErrNotExist) {
		if left, err := afero.IsEmpty(target, RecordFolder); err != nil || !left {
			return "", nil
		} // else a kill came before the folder of the journal was made
	}
	release, err := lockFolder(target)
	if err != nil {
		return "", err
	}
	defer release()
	t := &transaction{target: target, dirty: map[string]bool{}}
	j, err := readJournal(target, unfinishedFile)
	switch {
	case err != nil:
		return "", err
	case j == nil:
		return "", t.tidy()
	}
	changes, err := t.takeBack(j, len(j.Steps))
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("what an interrupted run had written was taken back: %d of %d files", len(changes), len(j.Steps)), nil
}

// Interrupted says whether Recover has something to take back.
func Interrupted(target afero.Fs) bool {
	_, err := lstat(target, unfinishedFile)
	return err == nil
}

// Undoing returns what Undo would do, and does nothing.
func Undoing(target afero.Fs) ([]Change, error) {
	_, j, err := lastJournal(target)
	if err != nil {
		return nil, err
	}
	return j.reversals(target, len(j.Steps))
}

// Undo takes back the last Apply that wrote something, or one that was interrupted, and returns what it did. Every file is as it
// was then, byte for byte, with its mode, and the folders that were made are gone unless something else is in them. A
// ConflictError names files that were edited since, a FileError says that there is nothing to undo: then nothing has changed.
func Undo(target afero.Fs) ([]Change, error) {
	release, err := lockFolder(target)
	if err != nil {
		return nil, err
	}
	defer release()
	name, j, err := lastJournal(target)
	if err != nil {
		return nil, err
	}
	if _, err := j.reversals(target, len(j.Steps)); err != nil {
		return nil, err
	}
	t := &transaction{target: target, dirty: map[string]bool{}}
	if name == journalFile {
		if err := t.rename(journalFile, unfinishedFile); err != nil {
			return nil, err
		}
		if err := t.sync(); err != nil {
			return nil, err
		}
	}
	return t.takeBack(j, len(j.Steps))
}

// lastJournal returns the unfinished journal or else the finished one, and its name.
func lastJournal(target afero.Fs) (string, *journal, error) {
	for _, name := range []string{unfinishedFile, journalFile} {
		if j, err := readJournal(target, name); j != nil || err != nil {
			return name, j, err
		}
	}
	return "", nil, &FileError{
		Path: target.Name(), Problem: "there is nothing to undo",
		Hint: "kitout takes back its last run in a folder that held files; git does the rest",
	}
}
