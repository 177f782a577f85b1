package generator

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"
)

// notesFile says, in the root of the templates, what users have to know or do when they update.
const notesFile = "notes.yaml"

// Note is what a version asks of those who come from an older one.
type Note struct {
	Version string      `yaml:"version"` // the first one that it is about
	When    []Condition `yaml:"when"`    // all must hold
	Text    string      `yaml:"text"`
}

// Notes returns what the user should know who comes from a version, in order of versions. One that is no release has no notes:
// nobody knows what it lacks.
func (p *Plan) Notes(since string) ([]Note, error) {
	notes, err := p.catalog.readNotes()
	from, problem := semver.NewVersion(since)
	if err != nil || problem != nil {
		return nil, err
	}
	var due []Note
	for _, note := range notes {
		held, err := p.holdAll(note.When)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", notesFile, note.Version, err)
		}
		if version, _ := semver.StrictNewVersion(note.Version); held && version.GreaterThan(from) {
			due = append(due, note)
		}
	}
	slices.SortStableFunc(due, func(a, b Note) int {
		first, _ := semver.StrictNewVersion(a.Version)
		second, _ := semver.StrictNewVersion(b.Version)
		return first.Compare(second)
	})
	return due, nil
}

func (c *Catalog) readNotes() ([]Note, error) {
	data, err := fs.ReadFile(c.fsys, notesFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var notes []Note
	if err == nil {
		err = strict(data, &notes)
	}
	for i := 0; i < len(notes) && err == nil; i++ {
		if _, problem := semver.StrictNewVersion(notes[i].Version); problem != nil {
			err = fmt.Errorf("%q is no version such as 1.2.3", notes[i].Version)
		} else if notes[i].Text = strings.TrimSpace(notes[i].Text); notes[i].Text == "" {
			err = fmt.Errorf("%s: text is missing", notes[i].Version)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", notesFile, err)
	}
	return notes, nil
}
