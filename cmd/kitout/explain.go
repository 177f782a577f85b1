package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/kitout/kitout/cmd/internal/origin"
	"github.com/kitout/kitout/generator"
	"github.com/kitout/kitout/generator/check"
	"github.com/spf13/cobra"
)

func newExplain(s streams) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "explain FILE|CHOICE [DIR]",
		Short: "Say why a file is there, or what a choice brings",
		Long: `Say why a file of a repository is there, which answer brought it, what you may
edit in it, and what an update does with it; or what a choice is, what it needs
and brings. A choice is a word such as postgres, or question=choice where
several questions have one of that name.`,
		Example: `  kitout explain deploy/gunicorn.conf.py
  kitout explain ci=github`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 || args[0] == "" {
				return notExplained("name a file or a choice", "for example: kitout explain Makefile")
			}
			return oneFolder(cmd, args[1:])
		},
		RunE: func(_ *cobra.Command, args []string) error {
			explained, err := explainWord(args[0], folderOf(args[1:]), s)
			if err != nil {
				return err
			}
			if asJSON {
				return encode(s, explained)
			}
			return explained.print(s)
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveFilterDirs
			}
			catalog, err := s.library.catalog()
			if err != nil {
				return nil, cobra.ShellCompDirectiveError
			}
			return append(choicesOf(catalog), recordedFiles(".")...), cobra.ShellCompDirectiveDefault
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON for programs")
	libraryFlags(cmd, false)
	return cmd
}

// recordedFiles are the files that kitout wrote into a folder; none where it has not.
func recordedFiles(dir string) (files []string) {
	folder, err := generator.OpenFolder(dir)
	if err != nil || !folder.Exists {
		return nil
	}
	defer func() { _ = folder.Close() }()
	record, err := generator.ReadRecord(folder.Fs)
	if err != nil || record == nil {
		return nil
	}
	for _, file := range record.Files {
		files = append(files, file.Path)
	}
	return files
}

// explanation is what is said of a file or a choice.
type explanation interface{ print(s streams) error }

// choicesOf are all choices, as question=choice.
func choicesOf(catalog *generator.Catalog) (pairs []string) {
	for _, question := range catalog.Questions {
		for _, choice := range question.Choices {
			pairs = append(pairs, question.Name+"="+choice)
		}
	}
	return pairs
}

// choicesNamed are the choices that a word may mean, as question=choice.
func choicesNamed(catalog *generator.Catalog, word string) (meant []string) {
	for _, pair := range choicesOf(catalog) {
		if _, choice, _ := strings.Cut(pair, "="); pair == word || choice == word {
			meant = append(meant, pair)
		}
	}
	return meant
}

// explainWord takes a word for a file of the repository, or else for a choice.
func explainWord(word, dir string, s streams) (explanation, error) {
	c, err := openCheckout(dir, true, s)
	problem := err
	if err == nil {
		defer c.Close()
		if file := c.find(word); file != nil {
			return c.explainFile(file)
		}
	}
	catalog, err := s.library.catalog()
	if err != nil {
		return nil, err
	}
	switch meant := choicesNamed(catalog, word); {
	case len(meant) > 1:
		return nil, notExplained(fmt.Sprintf("%q is a choice of several questions", word), "name one: "+strings.Join(meant, ", "))
	case len(meant) == 1:
		question, name, _ := strings.Cut(meant[0], "=")
		return explainChoice(catalog, question, name)
	}
	_, statErr := os.Stat(filepath.Join(dir, filepath.FromSlash(word)))
	switch none, is := errors.AsType[*generator.FileError](problem); {
	case statErr == nil && is:
		return nil, none
	case statErr == nil && problem == nil:
		return nil, notExplained(word+" is not from kitout: it is your own", "kitout status --json lists the files that are")
	case problem != nil && !is && !errors.Is(problem, fs.ErrNotExist):
		return nil, problem
	}
	hint := "kitout options lists the choices"
	var words []string
	for _, question := range catalog.Questions {
		words = append(words, question.Choices...)
	}
	if near := generator.Nearest(word, words); near != "" {
		hint = fmt.Sprintf("did you mean %q? %s", near, hint)
	}
	return nil, notExplained(fmt.Sprintf("%q is neither a file of kitout nor a choice", word), hint)
}

func notExplained(problem, hint string) error {
	return &generator.UsageError{Flag: "FILE|CHOICE", Problem: problem, Hint: hint}
}

// find returns the recorded file at a path in the repository, or at one from the folder at hand.
func (c *checkout) find(word string) *generator.TrackedFile {
	names := []string{path.Clean(filepath.ToSlash(word))}
	if root, err := filepath.Abs(c.name); err == nil {
		if absolute, err := filepath.Abs(word); err == nil {
			if relative, err := filepath.Rel(root, absolute); err == nil {
				names = append(names, filepath.ToSlash(relative))
			}
		}
	}
	for _, name := range names {
		if file := c.File(name); file != nil {
			return file
		}
	}
	return nil
}

// explainedFile is the JSON form of a file.
type explainedFile struct {
	trackedReport
	origin.Origin
	Own bool `json:"own"` // it is the user's own rather than what kitout wrote

	Template string   `json:"template,omitempty"` // the layer's file that it is made of
	Warnings []string `json:"warnings,omitempty"`
}

func (c *checkout) explainFile(file *generator.TrackedFile) (*explainedFile, error) {
	plan, err := c.plan()
	usage, other := errors.AsType[*generator.UsageError](err) // the answers are of another version, or layers are not at hand
	if err != nil && !other {
		return nil, err
	}
	e := &explainedFile{
		trackedReport: trackedReport{Path: file.Path, Layer: file.Layer, Policy: file.Policy, State: file.State, Pending: file.Pending},
		Own:           file.Own(),
	}
	if e.Origin, err = origin.Of(c.catalog, plan, file.Layer, file.Policy); err != nil {
		return nil, err
	}
	if other {
		e.Warnings = []string{fmt.Sprintf("what this version would write is not known: %v: %s", usage, usage.Hint)}
		return e, nil
	}
	e.Template = plan.Template(file.Path)
	files, err := plan.Render()
	e.Drift = c.Drift(files)[file.Path]
	return e, err
}

func (e *explainedFile) print(s streams) error {
	for _, warning := range e.Warnings {
		fmt.Fprintf(s.err, "warning: %s\n", warning)
	}
	fmt.Fprintf(s.out, "%s\n", e.Path)
	from := e.Layer
	if e.Title != "" {
		from = strings.TrimSpace(e.Title + ". " + e.Help)
	}
	rows := [][2]string{{"From", from}, {"Because of", strings.Join(e.Answers, ", ")}, {"You", e.Edit}, {"Update", e.Update}, {"Template", e.Template}}
	switch {
	case len(e.Warnings) > 0:
		rows[1][1] = ""
	case len(e.Answers) == 0:
		rows[1][1] = "every repository has it"
	}
	state := map[generator.State]string{
		generator.Unchanged: "as it was written", generator.Edited: "edited", generator.Missing: "deleted; it stays deleted",
	}[e.State]
	if e.Policy == generator.Secret && e.State == generator.Unchanged {
		state = "there"
	}
	if e.Own {
		state = "your own: it has little of what kitout writes there"
	}
	if e.Pending {
		state += ", with conflict markers to settle"
	}
	if e.Drift != generator.DriftNone {
		state += "; kitout update has something for it"
	}
	printRows(s, append(rows, [2]string{"Now", state}))
	return nil
}

func printRows(s streams, rows [][2]string) {
	for _, row := range rows {
		if row[1] != "" {
			fmt.Fprintf(s.out, "  %-10s  %s\n", row[0], row[1])
		}
	}
}

// explainedChoice is the JSON form of a choice.
type explainedChoice struct {
	Question  string          `json:"question"`
	Choice    string          `json:"choice"`
	Default   bool            `json:"default"`
	Title     string          `json:"title"`
	Help      string          `json:"help"`
	Sections  []int           `json:"sections"`
	Requires  []string        `json:"requires"`
	Conflicts []string        `json:"conflicts"`
	Prefers   []string        `json:"prefers"`
	Reason    string          `json:"reason,omitempty"`
	Facts     map[string]any  `json:"facts"`
	Outside   []string        `json:"outside"` // the files of the layer that are not built in
	Files     []string        `json:"files"`
	Packages  []explainedItem `json:"packages"`
	Settings  []explainedItem `json:"settings"`
	Services  []explainedItem `json:"services"`
	Tasks     []explainedItem `json:"tasks"`
}

// explainedItem is one thing that a choice brings, and on what that depends.
type explainedItem struct {
	Name string   `json:"name"`
	Help string   `json:"help,omitempty"`
	When []string `json:"when,omitempty"`
}

func terms(conditions []generator.Condition) []string {
	result := []string{}
	for _, condition := range conditions {
		result = append(result, condition.String())
	}
	return result
}

func explainChoice(catalog *generator.Catalog, question, choice string) (*explainedChoice, error) {
	layer, err := catalog.Layer(question, choice)
	if err != nil {
		return nil, err
	}
	defaults, err := catalog.Defaults()
	if err != nil {
		return nil, err
	}
	e := &explainedChoice{
		Question: question, Choice: choice, Default: slices.Contains(defaults[question], choice), Title: layer.Title, Help: layer.Help,
		Sections: layer.Sections, Requires: terms(layer.Requires), Conflicts: terms(layer.Conflicts), Prefers: terms(layer.Prefers), Reason: layer.Reason, Outside: append([]string{}, catalog.OutsideFiles(layer.ID)...),
		Packages: []explainedItem{}, Settings: []explainedItem{}, Services: []explainedItem{}, Tasks: []explainedItem{},
	}
	if e.Files, err = catalog.LayerFiles(layer); err != nil {
		return nil, err
	}
	for i := range e.Files {
		e.Files[i] = strings.ReplaceAll(e.Files[i], "%package%", "PACKAGE")
	}
	facts, err := catalog.Facts(layer)
	if err != nil {
		return nil, err
	}
	e.Facts, _ = plainFact(facts).(map[string]any)
	if err := e.collect(catalog, layer, nil); err != nil {
		return nil, err
	}
	return e, nil
}

// collect adds what a layer and the parts that it includes bring.
func (e *explainedChoice) collect(catalog *generator.Catalog, layer *generator.Layer, seen []string) error {
	for _, p := range layer.Packages {
		e.Packages = append(e.Packages, explainedItem{plain(p.Name), p.Group, terms(p.When)})
	}
	for _, s := range layer.Settings {
		e.Settings = append(e.Settings, explainedItem{plain(s.Name), plain(s.Help), terms(s.When)})
	}
	for _, s := range layer.Services {
		e.Services = append(e.Services, explainedItem{plain(s.Name), plain(s.Image), terms(s.When)})
	}
	for _, t := range layer.Tasks {
		e.Tasks = append(e.Tasks, explainedItem{plain(t.Name), plain(t.Help), terms(t.When)})
	}
	for _, part := range layer.Includes {
		id := path.Join(generator.PartsFolder, part)
		if slices.Contains(seen, id) {
			continue
		}
		seen = append(seen, id)
		included, err := catalog.LayerAt(id)
		if err != nil || included == nil {
			return err
		}
		if err := e.collect(catalog, included, seen); err != nil {
			return err
		}
	}
	return nil
}

var (
	// otherwise is what a template has where a condition does not hold.
	otherwise    = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?s)<%-? *else.*?<%-? *end *-?%>`) })
	anyDirective = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?s)<%-?(.*?)-?%>`) })
	dotted       = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\.(\w+)(?:[ |)]|$)`) })
)

// plain is a text of a layer without the answers that it is made for: what it has where its conditions hold, and in the place of a value the
// value's name, in capitals.
func plain(text string) string {
	if !strings.Contains(text, "<%") {
		return text
	}
	return anyDirective().ReplaceAllStringFunc(otherwise().ReplaceAllString(text, ""), func(found string) string {
		words := strings.TrimSpace(anyDirective().FindStringSubmatch(found)[1])
		name := dotted().FindStringSubmatch(words)
		if name == nil || strings.HasPrefix(words, "if ") {
			return ""
		}
		return strings.ToUpper(name[1])
	})
}

// plainFact makes the texts in a fact plain.
func plainFact(fact any) any {
	switch fact := fact.(type) {
	case string:
		return plain(fact)
	case []any:
		all := make([]any, len(fact))
		for i, item := range fact {
			all[i] = plainFact(item)
		}
		return all
	case map[string]any:
		all := make(map[string]any, len(fact))
		for key, item := range fact {
			all[key] = plainFact(item)
		}
		return all
	}
	return fact
}

// sectionsOf names sections of the checklist, which are the chapters of docs/production.md in a repository.
func sectionsOf(numbers []int) (sections []string) {
	titles := check.Titles()
	for _, number := range numbers {
		if number > 0 && number <= len(titles) {
			sections = append(sections, fmt.Sprintf("%d %s", number, strings.ToLower(titles[number-1])))
		}
	}
	return sections
}

func (e *explainedChoice) print(s streams) error {
	note := ""
	if e.Default {
		note = " (default)"
	}
	fmt.Fprintf(s.out, "%s=%s%s\n", e.Question, e.Choice, note)
	because := func(conditions []string) string {
		if len(conditions) == 0 {
			return ""
		}
		return strings.Join(conditions, ", ") + ": " + e.Reason
	}
	printRows(s, [][2]string{
		{"Is", strings.TrimSpace(e.Title + ". " + e.Help)}, {"Serves", strings.Join(sectionsOf(e.Sections), ", ")},
		{"Needs", because(e.Requires)}, {"Not with", because(e.Conflicts)}, {"Recommends", strings.Join(e.Prefers, ", ")}, {"Your own", strings.Join(e.Outside, ", ")},
	})
	for _, list := range []struct {
		title string
		items []explainedItem
	}{{"Packages", e.Packages}, {"Settings", e.Settings}, {"Services", e.Services}, {"Make targets", e.Tasks}} {
		if len(list.items) > 0 {
			fmt.Fprintf(s.out, "%s:\n", list.title)
		}
		for _, item := range list.items {
			when := ""
			if len(item.When) > 0 {
				when = " (with " + strings.Join(item.When, ", ") + ")"
			}
			fmt.Fprintf(s.out, "  %-26s %s\n", item.Name, strings.TrimSpace(item.Help+when))
		}
	}
	if len(e.Files) > 0 {
		fmt.Fprintln(s.out, "Files, as far as the other answers want them:")
	}
	for _, file := range e.Files {
		fmt.Fprintf(s.out, "  %s\n", file)
	}
	return nil
}
