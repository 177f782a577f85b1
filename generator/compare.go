package generator

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/kitout/kitout/generator/merge"
	"github.com/spf13/afero"
)

// Status says what an apply would do with a file.
type Status string

// The statuses.
const (
	Create    Status = "create"
	Identical Status = "identical"
	Conflict  Status = "conflict" // the file exists with other content, or is not executable as it should be, and nothing has been decided
	Keep      Status = "keep"     // it stays as it is
	Replace   Status = "replace"
	Merge     Status = "merge"  // it becomes the content, which holds what both sides did
	Beside    Status = "beside" // it stays as it is, and the content goes into another file, of the same name and BesideSuffix
	Delete    Status = "delete" // it goes; its folder stays
	Skip      Status = "skip"   // a secret that git would take in
)

// BesideSuffix ends the name of a file that is written for comparison with the one that stays.
const BesideSuffix = ".kitout-new"

// Writes says whether a change of this status writes something.
func (s Status) Writes() bool {
	return s == Create || s == Replace || s == Merge || s == Beside || s == Delete
}

// Change is one file of the plan held against the disk.
type Change struct {
	File
	Status  Status
	Old     []byte      // the content on the disk; nil when there is none
	OldMode fs.FileMode // and its mode

	Disputed  bool   // the file exists with other content, and a Resolution has decided
	From      string // the file was there under this path, from which it moves
	Conflicts int    // places of a merged content that stand between markers
	Why       string // what the user should know of the decision; may be empty
	unread    bool   // the content on the disk is not known, and stays
}

func (c *Change) found(now *version) { c.Old, c.OldMode, c.unread = now.Content, now.Mode, now.unread }

// Build renders the plan, adds its record, and compares both with what target holds. It writes nothing.
func (p *Plan) Build(target afero.Fs) ([]Change, error) {
	files, err := p.Render()
	if err != nil {
		return nil, err
	}
	record, err := p.recordFiles(files)
	if err != nil {
		return nil, err
	}
	changes := make([]Change, 0, len(files)+len(record))
	for _, file := range append(files, record...) {
		change, err := compare(target, file)
		if err != nil {
			return nil, err
		}
		changes = append(changes, change)
	}
	return changes, nil
}

func compare(target afero.Fs, file File) (Change, error) {
	change := Change{File: file, Status: Create}
	if target == nil {
		return change, nil
	}
	now, err := readVersion(target, file.Path)
	if now == nil || err != nil {
		return change, err
	}
	change.found(now)
	switch {
	case file.Policy == Secret:
		change.Status = Keep // the user's secrets outlive every run
	case bytes.Equal(change.Old, file.Content) && (change.OldMode^file.Mode)&executable == 0:
		change.Status = Identical
	default:
		change.Status = Conflict
	}
	return change, nil
}

// version is a file as it stands on the disk.
type version struct {
	Content []byte      `json:"content"` // never nil
	Mode    fs.FileMode `json:"mode"`    // the permissions alone
	unread  bool        // the content is not known
}

// was is the version that the change was made for; nil when there was none.
func (c *Change) was() *version {
	if c.Old == nil {
		return nil
	}
	return &version{c.Old, c.OldMode, false}
}

func (v *version) same(other *version) bool {
	if v == nil || other == nil {
		return v == other
	}
	return v.Mode == other.Mode && bytes.Equal(v.Content, other.Content)
}

// readVersion returns nil when there is no such file, and a ConflictError when something else stands there, or above it.
func readVersion(target afero.Fs, name string) (*version, error) {
	if err := parentsAreFolders(target, name); err != nil {
		return nil, err
	}
	info, err := look(target, name)
	switch {
	case info == nil || err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, &ConflictError{Folder: target.Name(), Paths: []string{name}, Problem: "is no regular file"}
	}
	content, err := afero.ReadFile(target, name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, Cause(err))
	}
	return &version{content, info.Mode().Perm(), false}, nil
}

// readTracked reads what is only looked at: of a secret, no more than whether it is there. A link, or what else is no regular file, is not followed.
func readTracked(target afero.Fs, name string, policy Policy) (*version, error) {
	if policy != Secret {
		now, err := readVersion(target, name)
		if _, is := errors.AsType[*ConflictError](err); is {
			return &version{Content: []byte{}, unread: true}, nil
		}
		return now, err
	}
	info, err := look(target, name)
	if info == nil || err != nil {
		return nil, err
	}
	return &version{[]byte{}, info.Mode().Perm(), true}, nil
}

// executable is all that git, too, takes of a mode.
const executable fs.FileMode = 0o100

// withExecutable changes no more of a file's mode than whether it is executable: then it is for whoever may read it.
func withExecutable(mode fs.FileMode, is bool) fs.FileMode {
	if is == (mode&executable != 0) {
		return mode
	}
	const all = executable | executable>>3 | executable>>6
	if is {
		return mode | mode>>2&all
	}
	return mode &^ all
}

// look returns what stands at a path, links not followed, and nil when nothing does.
func look(target afero.Fs, name string) (fs.FileInfo, error) {
	info, err := lstat(target, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("%s: %w", name, Cause(err))
	}
	return info, nil
}

// lstat does not follow a link at the end of the path, where the file system can tell.
func lstat(target afero.Fs, name string) (fs.FileInfo, error) {
	if lstater, can := target.(afero.Lstater); can {
		info, _, err := lstater.LstatIfPossible(name)
		return info, err
	}
	return target.Stat(name)
}

// parentsAreFolders refuses a path through something else: a file, or a link.
func parentsAreFolders(target afero.Fs, name string) error {
	for i, r := range name {
		if r != '/' {
			continue
		}
		info, err := look(target, name[:i])
		switch {
		case info == nil || err != nil:
			return err
		case !info.IsDir():
			return &ConflictError{Folder: target.Name(), Paths: []string{name[:i]}, Problem: "is no folder"}
		}
	}
	return nil
}

// Resolution says what happens to files that exist with other content.
type Resolution string

// The resolutions.
const (
	Fail           Resolution = "fail"
	KeepExisting   Resolution = "keep"
	ReplaceWithNew Resolution = "replace"
	MergeBoth      Resolution = "merge"
	WriteBeside    Resolution = "beside"
)

// status is what becomes of a file, where nothing can be merged: then it stays.
func (r Resolution) status() Status {
	switch r {
	case ReplaceWithNew:
		return Replace
	case WriteBeside:
		return Beside
	case KeepExisting, MergeBoth:
		return Keep
	}
	return Conflict
}

// Resolutions are the values of --on-conflict for a new repository, UpdateResolutions for one that kitout knows.
var (
	Resolutions       = []string{string(KeepExisting), string(ReplaceWithNew), string(Fail)}
	UpdateResolutions = []string{string(MergeBoth), string(KeepExisting), string(ReplaceWithNew), string(WriteBeside), string(Fail)}
)

// Decisions say what happens to each file that exists with other content.
type Decisions struct {
	Otherwise Resolution            // to the files that nothing below is about
	Own       Resolution            // to those that are the user's own, where an update meets one; empty: as Otherwise
	Paths     map[string]Resolution // to one file, by its path
}

// aboutOwn is about a file that is not what kitout wrote, or no longer.
func (d Decisions) aboutOwn(path string) Resolution {
	if d.Own != "" {
		d.Otherwise = d.Own
	}
	return d.about(path)
}

func (d Decisions) about(path string) Resolution {
	if resolution, decided := d.Paths[path]; decided {
		return resolution
	}
	return d.Otherwise
}

// Decide settles the conflicts among changes. With Fail, any conflict is a ConflictError that lists them. New secrets are
// skipped where a .gitignore stays that does not ignore them.
func Decide(folder string, changes []Change, decisions Decisions) error {
	var conflicts []string
	for i := range changes {
		change := &changes[i]
		if change.Status != Conflict {
			continue
		}
		if path.Dir(change.Path) == RecordFolder {
			change.replace() // it says what was generated, also of files that were kept: the base of a merge
			continue
		}
		change.Disputed = true
		how := decisions.about(change.Path)
		switch change.Status = how.status(); how {
		case MergeBoth:
			change.unite()
		case ReplaceWithNew:
			change.replace()
		}
		if change.Status == Conflict {
			conflicts = append(conflicts, change.Path)
		}
	}
	if len(conflicts) > 0 {
		return &ConflictError{Folder: folder, Paths: conflicts}
	}
	skipSecrets(changes)
	return nil
}

// replace takes the content, and leaves to the user who may read and write it.
func (c *Change) replace() {
	c.Status, c.Mode = Replace, withExecutable(c.OldMode, c.Mode&executable != 0)
}

// unite adds to a file that is kept what it lacks, where the kind of file allows it.
func (c *Change) unite() {
	if c.Policy == Locked {
		return
	}
	if result, can := merge.Union(c.Path, c.Old, c.Content); can && !bytes.Equal(result.Text, c.Old) {
		c.Status, c.Content, c.Mode = Merge, result.Text, c.OldMode
	}
}

// skipSecrets leaves new secrets out that no .gitignore would keep out of git: those of the plan that stand above the file say so, by what
// they will hold.
func skipSecrets(changes []Change) {
	for i := range changes {
		secret := &changes[i]
		if secret.Policy != Secret || secret.Status != Create {
			continue
		}
		ignored, asked := false, false
		for _, change := range changes {
			below, above := strings.CutPrefix(secret.Path, strings.TrimSuffix(change.Path, gitignoreFile))
			if path.Base(change.Path) != gitignoreFile || !above {
				continue
			}
			content := change.Content
			if change.Status == Keep || change.Status == Beside {
				content = change.Old
			}
			asked, ignored = true, ignored || ignores(string(content), below)
		}
		if asked && !ignored {
			secret.Status = Skip
		}
	}
}

const gitignoreFile = ".gitignore"

// ignores says whether a .gitignore ignores a file beside it. It understands single patterns, not those of folders.
func ignores(gitignore, name string) bool {
	result := false
	for line := range strings.Lines(gitignore) {
		pattern, negated := strings.CutPrefix(strings.TrimSpace(line), "!")
		pattern = strings.TrimPrefix(strings.TrimPrefix(pattern, "**/"), "/")
		if matched, _ := path.Match(pattern, name); matched {
			result = !negated
		}
	}
	return result
}
