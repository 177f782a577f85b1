package main

import (
	"fmt"
	"io"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kitout/kitout/generator"
	"github.com/kitout/kitout/generator/check"
	"github.com/rogpeppe/go-internal/diff"
)

// report is what `kitout new` says of its work; its JSON form is an interface that scripts rely on.
type report struct {
	Folder   string           `json:"folder"`
	Written  bool             `json:"written"`
	Answers  map[string]any   `json:"answers"`
	Files    []reportedFile   `json:"files"`
	Next     []generator.Step `json:"next"`
	Warnings []string         `json:"warnings,omitempty"`
	Command  []string         `json:"command"`
	changes  []generator.Change
	titles   [][2]string
	status   map[generator.Status]int
}

// reportedFile is one file and what happens to it.
type reportedFile struct {
	Path   string           `json:"path"`
	Status generator.Status `json:"status"`
	Mode   string           `json:"mode"`
	Layer  string           `json:"layer"`
	Policy generator.Policy `json:"policy"`
}

func newReport(catalog *generator.Catalog, plan *generator.Plan, folder string, changes []generator.Change) *report {
	answers := plan.Answers
	r := &report{
		Folder: filepath.ToSlash(filepath.Clean(folder)), Next: plan.Next(), changes: changes,
		Command: append([]string{"kitout"}, catalog.Command(answers, folder)...), status: map[generator.Status]int{},
		Answers: map[string]any{},
	}
	for _, free := range generator.Free {
		r.Answers[free.Key] = answers.Value(free.Key)[0]
	}
	if r.Folder != "." {
		there := r.Folder
		if strings.HasPrefix(there, "-") {
			there = "./" + there
		}
		r.Next = append([]generator.Step{{Command: "cd " + shellWord(there), Help: "go there"}}, r.Next...)
	}
	for _, question := range catalog.Questions {
		r.Answers[question.Name] = answers.Choices[question.Name]
		r.titles = append(r.titles, [2]string{question.Title, strings.Join(answers.Choices[question.Name], ", ")})
	}
	manifest, _ := plan.Fact("deps", "manifest").(string)
	if kept := changeOf(changes, manifest); kept != nil && kept.Status == generator.Keep {
		for _, change := range changes {
			if change.Policy == generator.Locked && change.Status.Writes() {
				r.Warnings = append(r.Warnings, fmt.Sprintf("%s was kept, and %s is made for another one: lock again", manifest, change.Path))
			}
		}
	}
	for _, change := range changes {
		if change.Status == generator.Skip {
			r.Warnings = append(r.Warnings, change.Path+" was left out, because the .gitignore that is kept does not ignore it")
		}
		r.status[change.Status]++
		r.Files = append(r.Files, reportedFile{change.Path, change.Status, fmt.Sprintf("%04o", change.Mode), change.Layer, change.Policy})
	}
	return r
}

// shellWord quotes a path for a POSIX shell where it needs it.
func shellWord(s string) string {
	const safe = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./+"
	if s != "" && strings.Trim(s, safe) == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

func (r *report) print(s streams, flags outputFlags) error {
	if done, err := flags.tell(s, r.Warnings, r, r.Folder, r.changes); done {
		return err
	}
	if flags.dryRun {
		r.list(s.out)
		return nil
	}
	fmt.Fprintf(s.out, "%s: %s\n\nNext:\n", r.Folder, counts(r.status))
	width := 0
	for _, step := range r.Next {
		width = max(width, len(step.Command))
	}
	for _, step := range r.Next {
		fmt.Fprintf(s.out, "  %-*s  # %s\n", width, step.Command, step.Help)
	}
	return nil
}

// counts says how many files have which status, in words.
func counts(status map[generator.Status]int) string {
	return countFiles(status, []counted{
		{generator.Create, "written"}, {generator.Replace, "replaced"}, {generator.Merge, "merged"}, {generator.Beside, "written beside"},
		{generator.Delete, "deleted"}, {generator.Keep, "kept"}, {generator.Identical, "identical"}, {generator.Skip, "left out"},
	})
}

// counted is a status and what has become of the files that have it.
type counted struct {
	generator.Status
	word string
}

func countFiles(status map[generator.Status]int, words []counted) string {
	var parts []string
	for _, word := range words {
		switch n := status[word.Status]; n {
		case 0:
		case 1:
			parts = append(parts, "1 file "+word.word)
		default:
			parts = append(parts, fmt.Sprintf("%d files %s", n, word.word))
		}
	}
	return strings.Join(parts, ", ")
}

// outline says in two lines how many files there will be, what becomes of those that exist, and which sections of the checklist
// are covered.
func (r *report) outline(plan *generator.Plan) string {
	var covered []int
	for _, layer := range plan.Layers {
		covered = append(covered, layer.Sections...)
	}
	var missing []string
	all := len(check.Titles())
	for number := 1; number <= all; number++ {
		if !slices.Contains(covered, number) {
			missing = append(missing, sectionsOf([]int{number})...)
		}
	}
	text := fmt.Sprintf("%s: %s.\nCovers all %d sections of the checklist.", r.Folder, r.plannedCounts(), all)
	if len(missing) > 0 {
		text = fmt.Sprintf("%s: %s.\nCovers %d of the %d sections of the checklist, not %s.", r.Folder, r.plannedCounts(), all-len(missing), all, strings.Join(missing, ", "))
	}
	return text
}

func (r *report) plannedCounts() string {
	return countFiles(r.status, []counted{
		{generator.Create, "to write"}, {generator.Replace, "to replace"}, {generator.Merge, "to add to"}, {generator.Beside, "to write beside"},
		{generator.Keep, "to keep"}, {generator.Identical, "that stay as they are"}, {generator.Skip, "to leave out"},
	})
}

// summary shows the answers and what would be written, before the first file is.
func (r *report) summary(w io.Writer) {
	domain := r.Answers["domain"]
	if domain == "" {
		domain = "none: plain HTTP for trusted networks"
	}
	fmt.Fprintf(w, "\n%s: package %s, image %s, Python %s\n", r.Folder, r.Answers["package"], r.Answers["image"], r.Answers["python"])
	for _, title := range append(r.titles, [2]string{"Domain", fmt.Sprint(domain)}) {
		fmt.Fprintf(w, "  %-20s %s\n", title[0], title[1])
	}
	for _, existing := range []struct {
		generator.Status
		title string
	}{{generator.Replace, "Replaces"}, {generator.Merge, "Adds to"}, {generator.Beside, "Writes beside"}, {generator.Keep, "Keeps"}} {
		for _, file := range r.Files {
			if file.Status == existing.Status {
				fmt.Fprintf(w, "  %-20s %s\n", existing.title, file.Path)
			}
		}
	}
	written := 0
	for status, files := range r.status {
		if status.Writes() {
			written += files
		}
	}
	fmt.Fprintf(w, "  %-20s %d\n\n", "Files to write", written)
}

// list names the files and what happens to each.
func (r *report) list(w io.Writer) {
	for _, file := range r.Files {
		fmt.Fprintf(w, "%-9s %s\n", file.Status, path.Join(r.Folder, file.Path))
	}
}

// printDiff shows the text of what changes write into a folder, but for secrets and the record, which repeats the others.
func printDiff(w io.Writer, folder string, changes []generator.Change) error {
	for _, change := range changes {
		name := path.Join(folder, change.Path)
		switch {
		case !change.Status.Writes(), path.Dir(change.Path) == generator.RecordFolder:
			continue
		case change.Policy == generator.Secret:
			fmt.Fprintf(w, "diff %s (fresh secrets, not shown)\n", name)
			continue
		}
		old, now := name, name
		switch change.Status {
		case generator.Create:
			old = "/dev/null"
		case generator.Delete:
			now = "/dev/null"
		case generator.Beside:
			now += generator.BesideSuffix
		}
		if (change.Status == generator.Replace || change.Status == generator.Merge) && change.Mode != change.OldMode {
			fmt.Fprintf(w, "mode %s %04o, was %04o\n", name, change.Mode, change.OldMode)
		}
		if _, err := w.Write(diff.Diff(old, change.Old, now, change.Content)); err != nil {
			return err
		}
	}
	return nil
}
