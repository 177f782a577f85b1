package main

import (
	"context"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kitout/kitout/cmd/internal/prompt"
	"github.com/kitout/kitout/generator"
	"github.com/spf13/cobra"
)

// updateFlags is what `kitout update` was told.
type updateFlags struct {
	answerFlags
	outputFlags
	folder     string
	yes        bool
	onConflict *value
	own        generator.Resolution // for files of the user's own, where --on-conflict was not given; empty: merge
}

// fixedAnswers are those that a repository has for life: files, images and databases are called by them.
var fixedAnswers = []string{"name", "package"}

// newUpdate returns the command with its flags, if they are wanted.
func newUpdate(s streams, wanted bool) *cobra.Command {
	var flags updateFlags
	cmd := &cobra.Command{
		Use:   "update [DIR]",
		Short: "Take this version's templates, or other answers",
		Long: `Bring a repository that kitout has written to what this version writes from the
same answers, or from others that are given.

What you have not changed is replaced. What both sides have changed is merged; a
conflict is left between <<<<<<< and >>>>>>>, and the exit code is 3. What you
have deleted stays deleted. kitout undo takes an update back.`,
		Example: `  kitout update --diff
  kitout update
  kitout update --ci gitlab --set metrics=none`,
		Args:              oneFolder,
		ValidArgsFunction: completeFolders,
	}
	var catalog *generator.Catalog
	var err error
	free := slices.DeleteFunc(freeOfAdd(), func(f generator.FreeAnswer) bool { return slices.Contains(fixedAnswers, f.Key) })
	if wanted {
		catalog, err = s.library.catalog()
		flags.define(cmd, catalog, free)
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err != nil {
			return err
		}
		flags.folder = folderOf(args)
		flags.take(cmd, catalog, free)
		return runUpdate(cmd.Context(), flags, s)
	}
	return cmd
}

func (f *updateFlags) define(cmd *cobra.Command, catalog *generator.Catalog, free []generator.FreeAnswer) {
	flags := cmd.Flags()
	pairs := f.questions(cmd, catalog, catalog.Default, free)
	f.defineSet(cmd, pairs)
	libraryFlags(cmd, false)
	section(flags, "Free answers")
	flags.BoolVarP(&f.yes, "yes", "y", false, "ask nothing")
	f.outputFlags.define(cmd)
	f.onConflict = define(flags, "on-conflict", "HOW", "files that you and kitout have changed: merge them (default), keep or replace yours, write the new one beside it, or fail")
	mustComplete(cmd, "on-conflict", generator.UpdateResolutions)
	section(flags, "Writing")
}

// answersGiven are the answers on the command line.
func (f *updateFlags) answersGiven(library library) ([]generator.Given, error) {
	if f.set == nil {
		return nil, nil
	}
	sources, err := f.sources(library)
	if err != nil {
		return nil, err
	}
	return sources, fixed(sources, nil)
}

// fixed refuses other answers than those of now where there are to be none.
func fixed(given []generator.Given, now map[string][]string) error {
	for _, source := range given {
		for _, key := range fixedAnswers {
			if value := source.Values[key]; value != nil && !slices.Equal(value, now[key]) {
				return &generator.UsageError{
					Flag: fmt.Sprintf(source.Origin, key), Problem: "stays as it is for the life of a repository",
					Hint: "kitout new writes one of another name",
				}
			}
		}
	}
	return nil
}

func runUpdate(ctx context.Context, flags updateFlags, s streams) error {
	given, err := flags.answersGiven(s.library)
	if err != nil {
		return err
	}
	return updateWith(ctx, flags, given, s)
}

// updateWith updates a repository with answers beside those of its record.
func updateWith(ctx context.Context, flags updateFlags, given []generator.Given, s streams) error {
	resolution, err := resolutionOf(flags.onConflict, generator.UpdateResolutions, generator.MergeBoth)
	if err != nil {
		return err
	}
	look := flags.dryRun || flags.diff
	c, err := openCheckout(flags.folder, look, s)
	if err != nil {
		return err
	}
	defer c.Close()
	plan, err := c.plan(given...)
	if err != nil {
		return err
	}
	build := func(d generator.Decisions) ([]generator.Change, error) {
		return plan.Update(c.Repository, manifest(plan), d)
	}
	decisions := generator.Decisions{Otherwise: resolution}
	if flags.onConflict.unsaid() {
		decisions.Own = flags.own
	}
	ask := !flags.yes && !flags.silent() && prompt.Terminal(s.in, s.err)
	if ask && flags.onConflict.unsaid() {
		if decisions, err = settle(ctx, c.name, build, needsDecision, decisions, s); err != nil {
			return err
		}
	}
	changes, err := build(decisions)
	if err != nil {
		return err
	}
	report, err := c.newUpdateReport(plan, changes)
	if err != nil {
		return err
	}
	if look {
		return report.print(s, flags)
	}
	if !generator.Idle(changes) && dirty(ctx, flags.folder) {
		const mixed = "there are changes that are not committed: kitout undo takes the update back, git would mix them"
		report.Warnings = append(report.Warnings, mixed)
	}
	if ask && !generator.Idle(changes) {
		report.list(s.err)
		if err := agree(ctx, "Update these files?", s); err != nil {
			return err
		}
	}
	changes, incomplete, err := completeUvLock(ctx, plan, changes, func() ([]generator.Change, error) { return build(decisions) })
	if err != nil {
		return err
	}
	if incomplete != "" {
		warnings := append(report.Warnings, incomplete)
		if report, err = c.newUpdateReport(plan, changes); err != nil { // one of them is kept after all
			return err
		}
		report.Warnings = warnings
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := c.folder.Write(changes, func(string) error { return nil }); err != nil {
		return err
	}
	report.Written = !generator.Idle(changes)
	if err := report.print(s, flags); err != nil {
		return err
	}
	return report.conflicts()
}

// needsDecision says of a change that both sides have made whether the merge leaves something to the user.
func needsDecision(c generator.Change) bool {
	return c.Disputed && (c.Conflicts > 0 || c.Status == generator.Beside || c.Why != "")
}

// updateReport is what `kitout update` says of its work.
type updateReport struct {
	Folder   string        `json:"folder"`
	Written  bool          `json:"written"`
	From     string        `json:"from"`
	To       string        `json:"to"`
	Files    []updatedFile `json:"files"` // those that change, and those of which there is something to say
	Pending  []string      `json:"pending,omitempty"`
	Warnings []string      `json:"warnings,omitempty"`
	Notes    []updateNote  `json:"notes,omitempty"`
	changes  []generator.Change
	status   map[generator.Status]int
}

type updatedFile struct {
	Path      string           `json:"path"`
	Status    generator.Status `json:"status"`
	From      string           `json:"from,omitempty"`
	Conflicts int              `json:"conflicts,omitempty"`
	Why       string           `json:"why,omitempty"`
	Layer     string           `json:"layer"`
	Policy    generator.Policy `json:"policy"`
}

type updateNote struct {
	Version string `json:"version"`
	Text    string `json:"text"`
}

func (c *checkout) newUpdateReport(plan *generator.Plan, changes []generator.Change) (*updateReport, error) {
	r := &updateReport{
		Folder: filepath.ToSlash(filepath.Clean(c.name)), From: c.Record.Kitout, To: version(),
		changes: changes, status: map[generator.Status]int{},
	}
	notes, err := plan.Notes(r.From)
	if err != nil {
		return nil, err
	}
	for _, note := range notes {
		r.Notes = append(r.Notes, updateNote{note.Version, note.Text})
	}
	for _, change := range changes {
		if path.Dir(change.Path) == generator.RecordFolder {
			continue
		}
		r.status[change.Status]++
		if change.Conflicts > 0 {
			r.Pending = append(r.Pending, change.Path)
		}
		why := change.Why
		if change.Policy == generator.Locked && why != "" {
			lock, _ := plan.Fact("deps", "lock").(string)
			why += "; lock again: " + lock
		}
		if change.Status == generator.Skip {
			why = "was left out, because .gitignore does not ignore it"
		}
		if why != "" {
			r.Warnings = append(r.Warnings, change.Path+": "+why)
		}
		if change.Status.Writes() || why != "" {
			r.Files = append(r.Files, updatedFile{change.Path, change.Status, change.From, change.Conflicts, why, change.Layer, change.Policy})
		}
	}
	return r, nil
}

func (r *updateReport) print(s streams, flags updateFlags) error {
	if done, err := flags.tell(s, r.Warnings, r, r.Folder, r.changes); done {
		return err
	}
	switch {
	case flags.dryRun:
		r.list(s.out)
	case !r.Written:
		fmt.Fprintf(s.out, "%s: nothing to do\n", r.Folder)
	default:
		fmt.Fprintf(s.out, "%s: %s\n", r.Folder, counts(r.status))
	}
	for _, note := range r.Notes {
		fmt.Fprintf(s.out, "\n%s: %s\n", note.Version, note.Text)
	}
	return nil
}

// list names the files that change.
func (r *updateReport) list(w io.Writer) {
	for _, file := range r.Files {
		if !file.Status.Writes() {
			continue
		}
		status := string(file.Status)
		if file.Conflicts > 0 {
			status = "conflict"
		}
		name := path.Join(r.Folder, file.Path)
		if file.From != "" {
			name += " (from " + file.From + ")"
		}
		fmt.Fprintf(w, "%-9s %s\n", status, name)
	}
}

// conflicts is the error that leads to the markers, if there are any.
func (r *updateReport) conflicts() error {
	if len(r.Pending) == 0 {
		return nil
	}
	problem := "has a conflict to settle"
	if len(r.Pending) > 1 {
		problem = "conflicts to settle"
	}
	return &generator.ConflictError{
		Folder: r.Folder, Paths: r.Pending, Problem: problem,
		Hint: "all else is written; edit what stands between <<<<<<< and >>>>>>>, and delete the markers; kitout status lists what is left",
	}
}

// dirty says whether git knows of changes in a folder that are not committed.
func dirty(ctx context.Context, folder string) bool {
	changes, err := git(ctx, folder, "status", "--porcelain", "--", ".")
	return err == nil && strings.TrimSpace(changes) != ""
}
