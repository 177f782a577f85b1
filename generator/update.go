package generator

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"github.com/kitout/kitout/generator/merge"
)

// updater decides what happens to the files of a repository when it gets what a plan renders.
type updater struct {
	plan       *Plan
	repository *Repository
	decisions  Decisions
	manifest   string

	changes   []Change
	conflicts []string // with Fail
	pending   []string
	renamed   map[string]*TrackedFile // by the new path
}

// Update renders the plan and decides for each file what becomes of it: the record says what it was, the disk what the user has
// made of it. What only one side has changed is taken from there; what both have is Disputed, and decisions settle it. What the
// user has deleted stays deleted. Locks that follow the manifest are replaced only where the user has changed neither. The record
// comes last. It writes nothing. A ConflictError names files that hold the markers of an earlier merge, or, with Fail, those that both have changed.
func (p *Plan) Update(repository *Repository, manifest string, decisions Decisions) ([]Change, error) {
	if pending := repository.Pending(); len(pending) > 0 {
		return nil, &ConflictError{
			Folder: repository.target.Name(), Paths: pending, Problem: "has conflict markers of the last update",
			Hint: "nothing was changed; settle what stands between <<<<<<< and >>>>>>>, delete the markers, then update again",
		}
	}
	files, err := p.Render()
	if err != nil {
		return nil, err
	}
	u := &updater{plan: p, repository: repository, decisions: decisions, manifest: manifest, renamed: map[string]*TrackedFile{}}
	gone := u.gone(files)
	for _, file := range files {
		if file.Policy != Locked {
			if err := u.file(file); err != nil {
				return nil, err
			}
		}
	}
	for _, file := range files {
		if file.Policy == Locked {
			if err := u.lock(file); err != nil {
				return nil, err
			}
		}
	}
	for _, old := range gone {
		u.remove(old)
	}
	slices.SortFunc(u.changes, func(a, b Change) int { return cmp.Compare(a.Path, b.Path) })
	if len(u.conflicts) > 0 {
		return nil, &ConflictError{
			Folder: repository.target.Name(), Paths: u.conflicts, Problem: "changed by you and by kitout",
			Hint: "nothing was changed; --on-conflict merge, keep, replace or beside settles it",
		}
	}
	skipSecrets(u.changes)
	return u.withRecord(files)
}

// gone returns the recorded files that are rendered no longer, and finds those that only have another path now: a new file of the
// same content.
func (u *updater) gone(files []File) (gone []*TrackedFile) {
	rendered, byText := map[string]bool{}, map[string][]string{}
	for _, file := range files {
		rendered[file.Path] = true
		if u.repository.File(file.Path) == nil && (file.Policy == Managed || file.Policy == Once) {
			text := sum(file.Content)
			byText[text] = append(byText[text], file.Path)
		}
	}
	for i := range u.repository.Files {
		old := &u.repository.Files[i]
		if rendered[old.Path] {
			continue
		}
		gone = append(gone, old)
		if old.disk != nil && old.disk.unread {
			continue
		}
		if paths := byText[old.SHA256]; len(paths) == 1 && u.renamed[paths[0]] == nil {
			u.renamed[paths[0]] = old
		}
	}
	return gone
}

// file decides what becomes of a rendered file that is no lock.
func (u *updater) file(file File) error {
	change := Change{File: file, Status: Create}
	now, old, err := u.onDisk(file)
	if err != nil {
		return err
	}
	if now != nil {
		change.found(now)
	}
	from := u.renamed[file.Path]
	switch {
	case now == nil && old != nil, now == nil && from != nil && from.disk == nil:
		change.Status = Keep // deleted by the user
	case now == nil && from != nil:
		change.From = from.Path
		change.Content = from.disk.Content // with what the user has made of it
	case now == nil && u.repository.emptied(file.Path):
		change.Status = Keep
	case now == nil:
	case file.Policy == Secret, file.Policy == Once && old != nil && u.plan.layer(old.Layer) != nil && !u.outdated(old, now.Content):
		change.Status = Keep
	case now.unread:
		change.Status, change.Why = Keep, irregular
	case bytes.Equal(now.Content, file.Content):
		change.Status = Identical
	case old == nil:
		u.foreign(&change)
	case old.isText(now.Content):
		change.Status = Replace
	case old.SHA256 == sum(file.Content):
		change.Status = Keep
	default:
		u.both(&change, old)
	}
	u.mode(&change, old)
	u.changes = append(u.changes, change)
	return nil
}

// irregular is why a link, or what else is no regular file, stays.
const irregular = "stays as it is: it is no regular file"

// onDisk reads what stands where a file is rendered, and finds what the record has of it. Only a file that kitout has not written may be refused.
func (u *updater) onDisk(file File) (*version, *TrackedFile, error) {
	old := u.repository.File(file.Path)
	if old == nil && file.Policy != Secret {
		now, err := readVersion(u.repository.target, file.Path)
		return now, nil, err
	}
	now, err := readTracked(u.repository.target, file.Path, file.Policy)
	return now, old, err
}

// outdated reports whether a file that is the user's own from the start was made for other answers, and never edited.
func (u *updater) outdated(old *TrackedFile, content []byte) bool {
	return old.isText(content) && !u.sameChoices()
}

// sameChoices reports whether the record was made for the choices of the plan.
func (u *updater) sameChoices() bool {
	for question, choices := range u.plan.Answers.Choices {
		if !slices.Equal(choices, u.repository.Record.Answers[question]) {
			return false
		}
	}
	return true
}

// mode settles whether a file that stays is executable: as rendered, unless the user has changed that. Who may read and write it is the user's.
func (u *updater) mode(change *Change, old *TrackedFile) {
	if change.Old == nil || change.unread || change.Status == Beside {
		return
	}
	rendered, now := change.Mode&executable != 0, change.OldMode&executable != 0
	change.Mode = withExecutable(change.OldMode, rendered)
	theirs := old != nil && old.isExecutable() != now
	switch {
	case theirs && rendered != now:
		change.Mode = change.OldMode
	case rendered == now, change.Status == Create, change.Status.Writes():
	case old == nil && change.Status == Keep: // nothing is known of it
	case change.Status == Keep && old.Policy == Once:
	default:
		change.Status, change.Content = Replace, change.Old
	}
}

// foreign decides about a file that stands where kitout has not written one yet, or of which the user has made one of their own.
func (u *updater) foreign(change *Change) {
	change.Disputed = true
	how := u.decisions.aboutOwn(change.Path)
	if how != MergeBoth {
		u.resolve(change, how)
		return
	}
	if merged, can := merge.Union(change.Path, change.Old, change.Content); can {
		u.take(change, merged)
		return
	}
	change.Status, change.Why = Beside, "there was a file already, and it cannot be merged: compare it with "+change.Path+BesideSuffix
}

// both decides about a file that the user and the templates have changed.
func (u *updater) both(change *Change, old *TrackedFile) {
	change.Disputed = true
	how := u.decisions.about(change.Path)
	if how != MergeBoth || change.Policy != Managed || old.base == nil {
		u.resolve(change, how)
		return
	}
	merged := merge.Merge(change.Path, old.base, change.Old, change.Content)
	if merged.Conflicts > 0 && old.Own() {
		u.foreign(change) // markers around all of it would help nobody
		return
	}
	u.take(change, merged)
}

// take makes a change of a merged text.
func (u *updater) take(change *Change, merged merge.Result) {
	change.Status, change.Content, change.Conflicts = Merge, merged.Text, merged.Conflicts
	if bytes.Equal(merged.Text, change.Old) {
		change.Status = Keep
	}
	if merged.Conflicts > 0 {
		u.pending = append(u.pending, change.Path)
		change.Why = fmt.Sprintf("%d conflicts are marked in it", merged.Conflicts)
		if merged.Conflicts == 1 {
			change.Why = "a conflict is marked in it"
		}
	}
}

func (u *updater) resolve(change *Change, how Resolution) {
	change.Status = how.status()
	switch change.Status {
	case Conflict:
		u.conflicts = append(u.conflicts, change.Path)
	case Keep:
		change.Why = "stays as you have it, without what kitout has changed"
	}
}

// lock decides what becomes of a lock. The one that is rendered fits the manifest that is rendered, and no other.
func (u *updater) lock(file File) error {
	old := u.repository.File(file.Path)
	if old != nil && old.disk != nil && old.disk.unread {
		change := Change{File: file, Status: Keep, Why: irregular}
		change.found(old.disk)
		u.changes = append(u.changes, change)
		return nil
	}
	change, err := compare(u.repository.target, file)
	if err != nil {
		return err
	}
	switch {
	case change.Status == Identical:
	case change.Old == nil && old != nil:
		change.Status = Keep
	case old != nil && old.SHA256 == sum(file.Content):
		change.Status = Keep
	case u.followsManifest(file.Path) && u.manifestIsOwn():
		change.Status, change.Why = Keep, "stays as it is: it follows a "+u.manifest+" that is not as kitout wrote it"
	case change.Old != nil && (old == nil || old.State == Edited):
		change.Status, change.Why = Keep, "stays as it is: it is not as kitout wrote it"
	case change.Old != nil:
		change.replace()
	}
	u.changes = append(u.changes, change)
	return nil
}

// followsManifest says whether a lock is made from the packages of the manifest rather than from some of its own.
func (u *updater) followsManifest(name string) bool {
	return slices.ContainsFunc(u.plan.locks, func(lock Lock) bool { return lock.Path == name && len(lock.Groups) > 0 })
}

// manifestIsOwn says whether the manifest will be another one than is rendered.
func (u *updater) manifestIsOwn() bool {
	for _, change := range u.changes {
		if change.Path == u.manifest {
			return change.Status != Create && change.Status != Replace && change.Status != Identical
		}
	}
	return false
}

// remove decides about a recorded file that is rendered no longer.
func (u *updater) remove(old *TrackedFile) {
	if old.disk == nil {
		return
	}
	change := Change{
		File:   File{Path: old.Path, Mode: old.disk.Mode, Layer: old.Layer, Policy: old.Policy},
		Status: Delete,
	}
	change.found(old.disk)
	moved := slices.ContainsFunc(u.changes, func(c Change) bool { return c.From == old.Path })
	switch {
	case moved:
	case old.Policy == Secret, old.Policy == Once && u.plan.layer(old.Layer) != nil:
		change.Status = Keep
	case old.State == Edited:
		change.Status, change.Why = Keep, "belongs to nothing that was chosen, but you have edited it: it is yours now"
	}
	u.changes = append(u.changes, change)
}

// withRecord adds the record of what is rendered, which is the base of the next update.
func (u *updater) withRecord(files []File) ([]Change, error) {
	record, err := u.plan.recordFiles(files, u.pending...)
	if err != nil {
		return nil, err
	}
	for _, file := range record {
		change, err := compare(u.repository.target, file)
		if err != nil {
			return nil, err
		}
		if change.Status == Conflict {
			change.replace()
		}
		u.changes = append(u.changes, change)
	}
	return u.changes, nil
}

// Idle says whether changes write nothing.
func Idle(changes []Change) bool {
	return !slices.ContainsFunc(changes, func(c Change) bool { return c.Status.Writes() })
}
