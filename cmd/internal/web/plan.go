package web

import (
	"bytes"
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/kitout/kitout/cmd/internal/origin"
	"github.com/kitout/kitout/generator"
	"github.com/rogpeppe/go-internal/diff"
)

// planned is the repository that follows from the answers.
type planned struct {
	Answers  map[string][]string `json:"answers"` // with what follows from others
	Command  string              `json:"command"`
	Sections []section           `json:"sections"`
	Files    []listed            `json:"files"`
	Refused  map[string]refusal  `json:"refused"` // why a choice does not go with the answers, by question=choice
	Next     []generator.Step    `json:"next"`
	Warnings []string            `json:"warnings"`
}

// section is one of the checklist, and the choices that serve it; none: it is left to the user.
type section struct {
	Number int      `json:"number"`
	Title  string   `json:"title"`
	By     []string `json:"by"`
}

// difference says how a file differs from that of the answers before.
type difference string

const (
	equal   difference = ""
	added   difference = "added"
	changed difference = "changed"
	removed difference = "removed"
)

// listed is one file of the tree.
type listed struct {
	Path       string     `json:"path"`
	Size       int        `json:"size"` // in bytes
	Executable bool       `json:"executable"`
	Difference difference `json:"difference"`
}

func (b *builder) showPlan(sent *request) (any, error) {
	plan, files, err := b.build(sent.Answers)
	if err != nil {
		return nil, err
	}
	answers := plan.Answers
	result := planned{
		Answers: map[string][]string{}, Command: b.Command(answers), Sections: b.sections(plan),
		Next:     append([]generator.Step{{Command: "cd " + answers.Name, Help: "go there"}}, plan.Next()...),
		Warnings: append([]string{}, b.Warnings(files)...),
	}
	for _, free := range generator.Free {
		result.Answers[free.Key] = answers.Value(free.Key)
	}
	for _, question := range b.Catalog.Questions {
		result.Answers[question.Name] = answers.Choices[question.Name]
	}
	if result.Refused, err = b.refused(answers); err != nil {
		return nil, err
	}
	before := files
	if sent.Before != nil {
		if _, before, err = b.build(sent.Before); err != nil {
			return nil, err
		}
	}
	for _, file := range files {
		result.Files = append(result.Files, listedFile(file, differs(fileAt(before, file.Path), &file)))
	}
	for _, file := range before {
		if now := fileAt(files, file.Path); now == nil {
			result.Files = append(result.Files, listedFile(file, removed))
		}
	}
	slices.SortFunc(result.Files, func(a, b listed) int { return strings.Compare(a.Path, b.Path) })
	return result, nil
}

func listedFile(file generator.File, how difference) listed {
	return listed{Path: file.Path, Size: len(file.Content), Executable: file.Mode&0o100 != 0, Difference: how}
}

// differs compares a file with what it was before. The record repeats the answers and the other files: that it differs says nothing.
func differs(before, now *generator.File) difference {
	switch {
	case before == nil && now == nil:
		return equal
	case before == nil:
		return added
	case now == nil:
		return removed
	case path.Dir(now.Path) == generator.RecordFolder, bytes.Equal(before.Content, now.Content) && before.Mode == now.Mode:
		return equal
	}
	return changed
}

// sections are those of the checklist, with the titles of the choices that serve each.
func (t Tool) sections(plan *generator.Plan) []section {
	titles := map[string]string{}
	for _, layer := range plan.Layers {
		titles[strings.Replace(layer.ID, "/", "=", 1)] = layer.Title
	}
	var sections []section
	for i, title := range t.Offer.Sections {
		s := section{Number: i + 1, Title: title, By: []string{}}
		for _, layer := range plan.Layers {
			if !slices.Contains(layer.Sections, s.Number) {
				continue
			}
			for _, pair := range plan.Bringers(layer.ID) {
				if title := titles[pair]; !slices.Contains(s.By, title) {
					s.By = append(s.By, title)
				}
			}
		}
		sections = append(sections, s)
	}
	return sections
}

// shown is one file: its text, or how it differs from before.
type shown struct {
	Path       string         `json:"path"`
	Mode       string         `json:"mode"`
	Size       int            `json:"size"` // in bytes
	Layer      string         `json:"layer"`
	Origin     origin.Origin  `json:"origin"`
	Difference difference     `json:"difference"`
	Lines      []highlit      `json:"lines"`      // none: it is no text, or empty
	Changes    []comparedLine `json:"changes"`    // as in a unified diff
	OtherMode  string         `json:"other_mode"` // before, if it was another
}

// comparedLine is a line of a unified diff.
type comparedLine struct {
	Kind string `json:"kind"` // added, removed, place or empty
	Text string `json:"text"`
}

func (b *builder) showFile(sent *request) (any, error) {
	plan, files, err := b.build(sent.Answers)
	if err != nil {
		return nil, err
	}
	file := fileAt(files, sent.Path)
	var before *generator.File
	planBefore := plan
	if sent.Before != nil {
		var others []generator.File
		if planBefore, others, err = b.build(sent.Before); err != nil {
			return nil, err
		}
		before = fileAt(others, sent.Path)
	} else {
		before = file
	}
	how := differs(before, file)
	if file == nil {
		file, plan = before, planBefore
	}
	if file == nil {
		return nil, notThere{fmt.Sprintf("%q is no file of the repository", sent.Path)}
	}
	result := shown{
		Path: file.Path, Mode: fmt.Sprintf("%04o", file.Mode), Size: len(file.Content), Layer: file.Layer, Difference: how,
		Lines: []highlit{}, Changes: []comparedLine{},
	}
	if result.Origin, err = b.origin(plan, file); err != nil {
		return nil, err
	}
	if utf8.Valid(file.Content) {
		result.Lines = highlight(file.Path, string(file.Content))
		result.Changes = compare(how, before, file)
	}
	if how == changed && before.Mode != file.Mode {
		result.OtherMode = fmt.Sprintf("%04o", before.Mode)
	}
	return result, nil
}

// compare returns the lines of a unified diff, without its header.
func compare(how difference, before, now *generator.File) []comparedLine {
	lines := []comparedLine{}
	var old, text []byte
	switch how {
	case equal:
		return lines
	case added:
		text = now.Content
	case removed:
		old = now.Content
	case changed:
		old, text = before.Content, now.Content
	}
	_, body, _ := strings.Cut(string(diff.Diff("before", old, "now", text)), "\n@@")
	if body == "" {
		return lines
	}
	kinds := map[byte]string{'+': "added", '-': "removed", '@': "place"}
	for line := range strings.Lines("@@" + body) {
		line = strings.TrimSuffix(line, "\n")
		kind := ""
		if line != "" {
			kind = kinds[line[0]]
		}
		lines = append(lines, comparedLine{kind, line})
	}
	return lines
}
