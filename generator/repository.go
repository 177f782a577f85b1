package generator

import (
	"bytes"
	"fmt"
	"path"

	"github.com/kitout/kitout/generator/merge"
	"github.com/spf13/afero"
)

// Repository is a folder that kitout has written into, as its record and the disk say it.
type Repository struct {
	Record *Record
	Files  []TrackedFile // those of the record, in its order

	target afero.Fs
}

// TrackedFile is a recorded file and what has become of it.
type TrackedFile struct {
	RecordedFile
	State   State
	Pending bool // a merge has left conflict markers in it, and they are still there

	base []byte   // the pristine text; managed files alone have one
	disk *version // nil: there is none
}

// State says what has become of a file since kitout wrote it.
type State string

// The states. A secret that is there is unchanged: nobody remembers what it was. So is a file whose lines end in another way.
// What is no regular file, such as a link, is edited.
const (
	Unchanged State = "unchanged"
	Edited    State = "edited"
	Missing   State = "missing"
)

// OpenRepository reads the record of the folder and holds the files against it. A folder without a record is a FileError.
func OpenRepository(target afero.Fs) (*Repository, error) {
	record, err := ReadRecord(target)
	if err != nil {
		return nil, err
	}
	if record == nil {
		return nil, &FileError{
			Path: recordFile, Problem: "is not there: kitout has not written this repository",
			Hint: "name a folder with one; kitout new writes a repository",
		}
	}
	base, err := record.Base(target)
	if err != nil {
		return nil, err
	}
	repository := &Repository{Record: record, target: target}
	for _, recorded := range record.Files {
		file := TrackedFile{RecordedFile: recorded, base: base[recorded.Path]}
		if file.disk, err = readTracked(target, recorded.Path, recorded.Policy); err != nil {
			return nil, err
		}
		file.State = file.state()
		repository.Files = append(repository.Files, file)
	}
	for _, name := range record.Pending {
		if file := repository.File(name); file.disk != nil {
			file.Pending = merge.Marked(file.disk.Content)
		}
	}
	return repository, nil
}

// File returns the recorded file at a path, or nil.
func (r *Repository) File(name string) *TrackedFile {
	for i := range r.Files {
		if r.Files[i].Path == name {
			return &r.Files[i]
		}
	}
	return nil
}

// Pending returns the paths of the files in which conflict markers are left.
func (r *Repository) Pending() (paths []string) {
	for _, file := range r.Files {
		if file.Pending {
			paths = append(paths, file.Path)
		}
	}
	return paths
}

// Given are the answers of the record.
func (r *Repository) Given() Given {
	return Given{Origin: recordFile + ": %s", Values: r.Record.Answers}
}

func (f *TrackedFile) state() State {
	switch {
	case f.disk == nil:
		return Missing
	case f.Policy == Secret:
		return Unchanged
	case f.disk.unread, !f.isText(f.disk.Content), f.isExecutable() != (f.disk.Mode&executable != 0):
		return Edited
	}
	return Unchanged
}

// isText says whether a content is the recorded one; a checkout may have ended its lines in another way.
func (f *TrackedFile) isText(content []byte) bool {
	return sum(content) == f.SHA256 || sum(withoutReturns(content)) == f.SHA256
}

func withoutReturns(content []byte) []byte {
	if !bytes.Contains(content, []byte("\r\n")) {
		return content
	}
	return bytes.ReplaceAll(content, []byte("\r\n"), []byte("\n"))
}

func (f *TrackedFile) isExecutable() bool { return f.Mode == fmt.Sprintf("%04o", 0o755) }

// Own says that an edited file is one of the user's own rather than one that kitout wrote: less than half of it is kitout's, or it
// has less than a quarter of what kitout wrote. So is a file that was there before kitout came, and was kept. Of a few lines nothing can
// be said.
func (f *TrackedFile) Own() bool {
	if f.State != Edited || f.base == nil {
		return false
	}
	base, disk := linesOf(f.base), linesOf(f.disk.Content)
	const few = 4
	both := 0
	for line := range disk {
		if base[line] {
			both++
		}
	}
	return len(base) > few && (2*both < len(disk) || 4*both < len(base))
}

// linesOf are the lines that say something, each once.
func linesOf(text []byte) map[string]bool {
	lines := map[string]bool{}
	for line := range bytes.Lines(text) {
		if line = bytes.TrimSpace(line); len(line) > 0 {
			lines[string(line)] = true
		}
	}
	return lines
}

// Text returns the pristine text of a managed file and what stands on the disk; nil where there is none, or it was not read.
func (f *TrackedFile) Text() (base, disk []byte) {
	if f.disk != nil && !f.disk.unread {
		disk = f.disk.Content
	}
	return f.base, disk
}

// DiskMode is the mode on the disk as the record would write it: whether the file is executable is all that counts.
func (f *TrackedFile) DiskMode() string {
	switch {
	case f.disk == nil || f.disk.unread || f.disk.Mode&executable != 0 == f.isExecutable():
		return f.Mode
	case f.isExecutable():
		return fmt.Sprintf("%04o", 0o644)
	}
	return fmt.Sprintf("%04o", 0o755)
}

// Drift says what this version of kitout would do with a file that it generates from the record's answers.
type Drift string

// The drifts.
const (
	DriftNone    Drift = ""
	DriftChanged Drift = "changed"
	DriftAdded   Drift = "added"
	DriftRemoved Drift = "removed"
)

// Drift compares the record with what is rendered now, by path; files that have not drifted are left out. What the user has
// already, or has deleted, has not.
func (r *Repository) Drift(files []File) map[string]Drift {
	drift, rendered := map[string]Drift{}, map[string]bool{}
	for _, file := range files {
		rendered[file.Path] = true
		old := r.File(file.Path)
		switch {
		case old == nil:
			drift[file.Path] = DriftAdded
		case old.Policy == Secret, old.Policy == Once, old.disk == nil:
		case sum(file.Content) != old.SHA256 && !bytes.Equal(file.Content, old.disk.Content), fmt.Sprintf("%04o", file.Mode) != old.Mode:
			drift[file.Path] = DriftChanged
		}
	}
	for _, old := range r.Files {
		if !rendered[old.Path] && old.Policy != Once && old.disk != nil {
			drift[old.Path] = DriftRemoved
		}
	}
	return drift
}

// emptied says whether the user has deleted everything that kitout had written into the folder of a path, or into one above it.
func (r *Repository) emptied(name string) bool {
	for folder := path.Dir(name); folder != "."; folder = path.Dir(folder) {
		missing, left := 0, 0
		for _, file := range r.Files {
			switch {
			case len(file.Path) <= len(folder) || file.Path[:len(folder)+1] != folder+"/":
			case file.State == Missing:
				missing++
			default:
				left++
			}
		}
		if missing > 0 && left == 0 {
			return true
		}
	}
	return false
}
