package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"sync"

	"github.com/kitout/kitout/cmd/internal/prompt"
	"github.com/kitout/kitout/generator"
	"github.com/kitout/kitout/generator/lock"
	"github.com/spf13/cobra"
)

// newFlags is what `kitout new` was told.
type newFlags struct {
	answerFlags
	outputFlags
	folder     string
	yes        bool
	onConflict *value
	noGit      bool
}

// newNew returns the command with its flags, if they are wanted: those of the questions come from the catalogue, which takes
// longer to read than all other commands take.
func newNew(s streams, wanted bool) *cobra.Command {
	flags := newFlags{}
	cmd := &cobra.Command{
		Use:   "new DIR",
		Short: "Write a new repository",
		Long: `Write a complete repository into DIR, which must not exist, or be empty but for
.git, and make the first commit.

On a terminal kitout asks what it was not told; elsewhere, and with --yes, it
takes the defaults. Later answers win over earlier ones: default, --defaults,
preset, answers file, --set, flag.`,
		Example: `  kitout new shop
  kitout new shop --framework django --database postgres --yes
  kitout new shop --preset fastapi-postgres --domain shop.example.com --yes
  kitout new shop --answers answers.yaml --dry-run`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 || args[0] == "" {
				return &generator.UsageError{Flag: "DIR", Problem: "name one folder", Hint: "for example: kitout new shop"}
			}
			return nil
		},
		ValidArgsFunction: cobra.FixedCompletions(nil, cobra.ShellCompDirectiveFilterDirs),
	}
	var catalog *generator.Catalog
	var err error
	if wanted {
		catalog, err = s.library.catalog()
		flags.define(cmd, catalog, s.library)
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err != nil {
			return err
		}
		flags.folder = args[0]
		flags.take(cmd, catalog, generator.Free)
		return runNew(cmd.Context(), catalog, flags, s)
	}
	return cmd
}

// define gives the command its flags; catalog is nil when it could not be read.
func (f *newFlags) define(cmd *cobra.Command, catalog *generator.Catalog, library library) {
	flags := cmd.Flags()
	defaults := sync.OnceValue(func() map[string][]string {
		defaults, _ := catalog.Defaults() // what is wrong with a layer, the run tells
		return defaults
	})
	byDefault := func(question *generator.Question) []string { return defaults()[question.Name] }
	pairs := f.questions(cmd, catalog, byDefault, generator.Free)
	f.preset = define(flags, "preset", "NAME|FILE", "start from a named set of answers, or from a file of that form")
	mustComplete(cmd, "preset", library.presetNames(), cobra.ShellCompDirectiveDefault)
	f.answers = define(flags, "answers", "FILE", "read answers from a YAML file, one \"question: choice\" a line")
	f.defineSet(cmd, pairs)
	libraryFlags(cmd, true)
	section(flags, "Where answers come from")
	flags.BoolVarP(&f.yes, "yes", "y", false, "ask nothing: defaults for what was not said")
	f.outputFlags.define(cmd)
	f.onConflict = define(flags, "on-conflict", "HOW", "files that exist with other content: fail (default), keep or replace them; .env is always kept")
	mustComplete(cmd, "on-conflict", generator.Resolutions)
	flags.BoolVar(&f.noGit, "no-git", false, "make no git repository and no first commit")
	section(flags, "Writing")
}

func runNew(ctx context.Context, catalog *generator.Catalog, flags newFlags, s streams) error {
	resolution, err := resolutionOf(flags.onConflict, generator.Resolutions, generator.Fail)
	if err != nil {
		return err
	}
	sources, err := flags.sources(s.library)
	if err != nil {
		return err
	}
	options, table, err := options()
	if err != nil {
		return err
	}
	absolute, err := filepath.Abs(flags.folder)
	if err != nil {
		return err
	}
	resolve := func(first []generator.Given, last ...generator.Given) (*generator.Answers, error) {
		return resolveNew(catalog, table, filepath.Base(absolute), slices.Concat(first, sources, last)...)
	}
	ask := !flags.yes && !flags.silent() && prompt.Terminal(s.in, s.err)
	answers, err := resolve(nil)
	if err != nil {
		return err
	}
	plan, err := catalog.NewPlan(answers, options)
	usage, is := errors.AsType[*generator.UsageError](err)
	if mayChange := ask && is && usage.Combination; err != nil && !mayChange {
		return err
	}
	folder, err := openFolder(flags, resolution, s)
	if err != nil {
		return err
	}
	defer func() { _ = folder.Close() }()
	if ask {
		build := func(plan *generator.Plan) (*report, error) {
			changes, err := buildNew(plan, folder, resolution, flags)
			return newReport(catalog, plan, flags.folder, changes), err
		}
		if plan, err = askFor(ctx, catalog, options, flags, sources, resolve, build, s); err != nil {
			return err
		}
	}
	return writeNew(ctx, catalog, plan, folder, resolution, flags, s)
}

// resolveNew returns the answers for a new repository in a folder of that name.
func resolveNew(catalog *generator.Catalog, table *lock.Table, directory string, sources ...generator.Given) (*generator.Answers, error) {
	answers, err := catalog.Resolve(directory, table.Provides, sources...)
	if err != nil {
		return answers, err
	}
	if _, taken := table.Version(answers.Name); taken {
		return answers, &generator.UsageError{
			Flag: "--name", Problem: fmt.Sprintf("%q is a package that services depend on, and no project depends on itself", answers.Name),
			Hint: "choose another with --name",
		}
	}
	return answers, nil
}

// openFolder opens the target, which must be empty unless it was said what happens to existing files, and takes back what an
// interrupted run has left in it, unless nothing is to be written.
func openFolder(flags newFlags, resolution generator.Resolution, s streams) (*generator.Folder, error) {
	folder, err := generator.OpenFolder(flags.folder)
	if err != nil {
		return nil, err
	}
	err = recoverFolder(folder, flags.dryRun || flags.diff, s)
	var entries []string
	if err == nil {
		entries, err = folder.Entries()
	}
	if err == nil && len(entries) > 0 && resolution == generator.Fail {
		err = &generator.ConflictError{Folder: flags.folder, Paths: entries}
	}
	if err != nil {
		return nil, errors.Join(err, folder.Close())
	}
	return folder, nil
}

// recoverFolder takes back what an interrupted run has left in a folder, and says so; or says no more than that.
func recoverFolder(folder *generator.Folder, dry bool, s streams) (err error) {
	words := ""
	switch {
	case !folder.Exists:
	case !dry:
		words, err = generator.Recover(folder.Fs)
	case generator.Interrupted(folder.Fs):
		words = "an interrupted run has left files here, which the next one takes back before it does anything else"
	}
	if words != "" {
		fmt.Fprintf(s.err, "warning: %s\n", words)
	}
	return err
}

// askFor lets the user answer what no flag or file did, and see what comes of it. resolve lays answers over the others.
func askFor(ctx context.Context, catalog *generator.Catalog, options generator.Options, flags newFlags, sources []generator.Given,
	resolve func(first []generator.Given, last ...generator.Given) (*generator.Answers, error), build func(*generator.Plan) (*report, error), s streams,
) (*generator.Plan, error) {
	interview := &prompt.Interview{Catalog: catalog, Options: options, Known: map[string]bool{}, In: s.in, Out: s.err}
	for _, source := range sources {
		for key := range source.Values {
			interview.Known[key] = true
		}
	}
	starts := map[string][]generator.Given{"": nil}
	if flags.preset.unsaid() {
		presets, err := s.library.allPresets()
		if err != nil {
			return nil, err
		}
		for _, preset := range presets {
			given, err := preset.given(preset.Name)
			if err != nil {
				return nil, err
			}
			starts[preset.Name] = []generator.Given{given}
			interview.Starts = append(interview.Starts, prompt.Start{
				Name: preset.Name, Title: preset.Title, Help: preset.Help, Keys: slices.Collect(maps.Keys(given.Values)),
			})
		}
	}
	interview.Resolve = func(start string, asked map[string][]string) (*generator.Answers, error) {
		return resolve(starts[start], generator.Given{Origin: "--%s", Values: asked})
	}
	interview.Summary = func(plan *generator.Plan) (string, error) {
		report, err := build(plan)
		if err != nil {
			return "", err
		}
		return report.outline(plan), nil
	}
	interview.Show = func(plan *generator.Plan) error {
		report, err := build(plan)
		if err == nil {
			report.list(s.err)
		}
		return err
	}
	plan, err := interview.Ask(ctx)
	return plan, interrupted(err)
}

func interrupted(err error) error {
	if errors.Is(err, prompt.ErrAborted) {
		return errInterrupted
	}
	return err
}

// buildNew compares the plan with the folder, and decides what happens to each file.
func buildNew(plan *generator.Plan, folder *generator.Folder, resolution generator.Resolution, flags newFlags) ([]generator.Change, error) {
	changes, err := plan.Build(folder.Fs)
	if err != nil {
		return nil, err
	}
	return changes, generator.Decide(flags.folder, changes, generator.Decisions{Otherwise: resolution})
}

// writeNew compares the plan with the folder, and writes it.
func writeNew(ctx context.Context, catalog *generator.Catalog, plan *generator.Plan, folder *generator.Folder,
	resolution generator.Resolution, flags newFlags, s streams,
) error {
	build := func() ([]generator.Change, error) { return buildNew(plan, folder, resolution, flags) }
	changes, err := build()
	if err != nil {
		return err
	}
	report := newReport(catalog, plan, flags.folder, changes)
	if flags.dryRun || flags.diff {
		return report.print(s, flags.outputFlags)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	changes, incomplete, err := completeUvLock(ctx, plan, changes, build)
	if err != nil {
		return err
	}
	report = newReport(catalog, plan, flags.folder, changes)
	if incomplete != "" {
		report.Warnings = append(report.Warnings, incomplete)
	}
	entries, err := folder.Entries()
	if err != nil {
		return err
	}
	var warning string
	commit := func(path string) error {
		warning = firstCommit(ctx, path, changes, len(entries) == 0, flags.noGit)
		return ctx.Err()
	}
	if err := folder.Write(changes, commit); err != nil {
		return err
	}
	if warning != "" {
		report.Warnings = append(report.Warnings, warning)
	}
	report.Written = true
	return report.print(s, flags.outputFlags)
}

// agree asks before something is written; whoever does not say yes interrupts the command.
func agree(ctx context.Context, question string, s streams) error {
	agreed, err := prompt.Confirm(ctx, question, true, s.in, s.err)
	if err != nil {
		return interrupted(err)
	}
	if !agreed {
		return errInterrupted
	}
	return nil
}

// encode prints one JSON object, indented.
func encode(s streams, value any) error {
	encoder := json.NewEncoder(s.out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}
