package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kitout/kitout/cmd/internal/prompt"
	"github.com/kitout/kitout/generator"
	"github.com/spf13/cobra"
)

// newFlags is what `kitout new` was told.
type newFlags struct {
	folder     string
	preset     *value
	answers    *value
	set        *value
	given      map[string]string // questions and free answers by flag
	yes        bool
	dryRun     bool
	diff       bool
	json       bool
	onConflict *value
	noGit      bool
}

// newNew returns the command with its flags, if they are wanted: those of the questions come from the catalogue, which takes
// longer to read than all other commands take.
func newNew(s streams, wanted bool) *cobra.Command {
	flags := newFlags{given: map[string]string{}}
	cmd := &cobra.Command{
		Use:   "new DIR",
		Short: "Write a new repository",
		Long: `Write a complete repository into DIR, which must not exist, or be empty but for
.git, and make the first commit.

On a terminal kitout asks what it was not told; elsewhere, and with --yes, it
takes the defaults. Later answers win over earlier ones: default, preset,
answers file, --set, flag.`,
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
		catalog, err = loadCatalog()
		flags.define(cmd, catalog)
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err != nil {
			return err
		}
		flags.folder = args[0]
		for _, question := range catalog.Questions {
			flags.take(cmd, question.Name)
		}
		for _, free := range generator.Free {
			flags.take(cmd, free.Key)
		}
		return runNew(cmd.Context(), catalog, flags, s)
	}
	return cmd
}

// define gives the command its flags; catalog is nil when it could not be read.
func (f *newFlags) define(cmd *cobra.Command, catalog *generator.Catalog) {
	flags := cmd.Flags()
	flags.SortFlags = false
	var pairs []string
	if catalog != nil {
		for _, question := range catalog.Questions {
			help, kind := question.Choices[0]+" (default)", "CHOICE"
			if len(question.Choices) > 1 {
				help += ", " + strings.Join(question.Choices[1:], ", ")
			}
			if question.Several {
				kind = "CHOICES" // a,b
			}
			define(flags, question.Name, kind, lowerFirst(question.Title)+": "+help)
			mustComplete(cmd, question.Name, question.Choices)
			for _, choice := range question.Choices {
				pairs = append(pairs, question.Name+"="+choice)
			}
		}
	}
	section(flags, "Questions")
	for _, free := range generator.Free {
		define(flags, free.Key, free.Kind, free.Help)
	}
	section(flags, "Free answers")
	f.preset = define(flags, "preset", "NAME|FILE", "start from a named set of answers, or from a file of that form")
	mustComplete(cmd, "preset", presetNames(), cobra.ShellCompDirectiveDefault)
	f.answers = define(flags, "answers", "FILE", "read answers from a YAML file, one \"question: choice\" a line")
	f.set = define(flags, "set", "QUESTION=CHOICE", "answer one question (may be repeated)")
	mustComplete(cmd, "set", pairs)
	section(flags, "Where answers come from")
	flags.BoolVarP(&f.yes, "yes", "y", false, "ask nothing: defaults for what was not said")
	flags.BoolVar(&f.dryRun, "dry-run", false, "say what would be written, and write nothing")
	flags.BoolVar(&f.diff, "diff", false, "show the text of what would be written, and write nothing")
	flags.BoolVar(&f.json, "json", false, "print one JSON object on standard output")
	f.onConflict = define(flags, "on-conflict", "HOW", "files that exist with other content: fail (default), keep or replace them; .env is always kept")
	mustComplete(cmd, "on-conflict", generator.Resolutions)
	flags.BoolVar(&f.noGit, "no-git", false, "make no git repository and no first commit")
	section(flags, "Writing")
}

// lowerFirst begins a title in lower case, but for an abbreviation.
func lowerFirst(s string) string {
	if first, _, _ := strings.Cut(s, " "); strings.ToUpper(first) == first {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}

// mustComplete offers values of a flag: no files, unless the directive says otherwise.
func mustComplete(cmd *cobra.Command, flag string, values []string, directive ...cobra.ShellCompDirective) {
	err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, append(directive, cobra.ShellCompDirectiveNoFileComp)[0]))
	if err != nil {
		panic(err) // only a flag that is not defined fails: a mistake in this file
	}
}

// take remembers a flag that was given on the command line, even an empty one.
func (f *newFlags) take(cmd *cobra.Command, name string) {
	if flag := cmd.Flags().Lookup(name); flag.Changed {
		f.given[name] = flag.Value.String()
	}
}

// resolution is what --on-conflict says.
func (f *newFlags) resolution() (generator.Resolution, error) {
	how := f.onConflict.String()
	switch {
	case f.onConflict.words == nil:
		return generator.Fail, nil
	case !slices.Contains(generator.Resolutions, how):
		return "", &generator.UsageError{Flag: "--on-conflict", Problem: fmt.Sprintf("unknown value %q", how), Hint: generator.Hint(how, generator.Resolutions)}
	}
	return generator.Resolution(how), nil
}

// sources returns the answers that were given, in rising precedence: preset, answers file, --set, flags.
func (f *newFlags) sources() ([]generator.Given, error) {
	var sources []generator.Given
	if f.preset.words != nil {
		given, err := givenPreset(f.preset.String())
		if err != nil {
			return nil, err
		}
		sources = append(sources, given)
	}
	if f.answers.words != nil {
		given, err := givenFile(f.answers.String())
		if err != nil {
			return nil, err
		}
		sources = append(sources, given)
	}
	set := generator.Given{Origin: "--set %s", Values: map[string][]string{}}
	for _, pair := range f.set.words {
		question, choice, found := strings.Cut(pair, "=")
		if !found || question == "" {
			return nil, &generator.UsageError{Flag: "--set", Problem: fmt.Sprintf("%q is not of the form question=choice", pair), Hint: "kitout options lists both"}
		}
		set.Values[question] = strings.Split(choice, ",")
	}
	flags := generator.Given{Origin: "--%s", Values: map[string][]string{}}
	for name, value := range f.given {
		flags.Values[name] = strings.Split(value, ",")
	}
	return append(sources, set, flags), nil
}

// givenFile reads an answers file.
func givenFile(name string) (generator.Given, error) {
	usage := func(problem, hint string) error {
		return &generator.UsageError{Flag: "--answers", Problem: cmp.Or(name, `""`) + ": " + problem, Hint: hint}
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return generator.Given{}, usage(generator.Cause(err).Error(), "name a readable YAML file")
	}
	given, err := generator.ParseGiven(name, data)
	if err != nil {
		return given, usage(err.Error(), "one line per answer, such as database: postgres")
	}
	return given, nil
}

func runNew(ctx context.Context, catalog *generator.Catalog, flags newFlags, s streams) error {
	resolution, err := flags.resolution()
	if err != nil {
		return err
	}
	sources, err := flags.sources()
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
	resolve := func(more ...generator.Given) (*generator.Answers, error) {
		answers, err := catalog.Resolve(filepath.Base(absolute), table.Provides, append(slices.Clone(sources), more...)...)
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
	ask := !flags.yes && !flags.json && !flags.dryRun && !flags.diff && prompt.Terminal(s.in, s.err)
	answers, err := resolve()
	if err != nil {
		return err
	}
	plan, err := catalog.NewPlan(answers, options)
	usage, is := errors.AsType[*generator.UsageError](err)
	if mayChange := ask && is && usage.Combination; err != nil && !mayChange {
		return err
	}
	folder, err := openFolder(flags.folder, resolution)
	if err != nil {
		return err
	}
	defer func() { _ = folder.Close() }()
	if ask {
		if plan, err = askFor(ctx, catalog, options, sources, resolve, s); err != nil {
			return err
		}
	}
	return writeNew(ctx, catalog, plan, folder, resolution, flags, ask, s)
}

// openFolder opens the target, which must be empty unless it was said what happens to existing files.
func openFolder(name string, resolution generator.Resolution) (*generator.Folder, error) {
	folder, err := generator.OpenFolder(name)
	if err != nil {
		return nil, err
	}
	entries, err := folder.Entries()
	if err == nil && len(entries) > 0 && resolution == generator.Fail {
		err = &generator.ConflictError{Folder: name, Paths: entries}
	}
	if err != nil {
		return nil, errors.Join(err, folder.Close())
	}
	return folder, nil
}

// askFor lets the user answer what no flag or file did.
func askFor(ctx context.Context, catalog *generator.Catalog, options generator.Options, sources []generator.Given,
	resolve func(...generator.Given) (*generator.Answers, error), s streams,
) (*generator.Plan, error) {
	known := map[string]bool{}
	for _, source := range sources {
		for key := range source.Values {
			known[key] = true
		}
	}
	with := func(asked map[string][]string) (*generator.Answers, error) {
		return resolve(generator.Given{Origin: "--%s", Values: asked})
	}
	asked, err := prompt.Ask(ctx, catalog, options, known, with, s.in, s.err)
	if err != nil {
		return nil, interrupted(err)
	}
	answers, err := with(asked)
	if err != nil {
		return nil, err
	}
	return catalog.NewPlan(answers, options)
}

func interrupted(err error) error {
	if errors.Is(err, prompt.ErrAborted) {
		return errInterrupted
	}
	return err
}

// writeNew compares the plan with the folder, shows it, and writes it.
func writeNew(ctx context.Context, catalog *generator.Catalog, plan *generator.Plan, folder *generator.Folder,
	resolution generator.Resolution, flags newFlags, ask bool, s streams,
) error {
	changes, err := plan.Build(folder.Fs)
	if err != nil {
		return err
	}
	decide := func(changes []generator.Change) error { return generator.Decide(flags.folder, changes, resolution) }
	if err := decide(changes); err != nil {
		return err
	}
	report := newReport(catalog, plan, flags, changes)
	if flags.dryRun || flags.diff {
		return report.print(s, flags)
	}
	if ask {
		if err := confirm(ctx, report, s); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	changes, incomplete, err := completeUvLock(ctx, plan, folder, changes, decide)
	if err != nil {
		return err
	}
	report = newReport(catalog, plan, flags, changes)
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
	return report.print(s, flags)
}

func confirm(ctx context.Context, report *report, s streams) error {
	report.summary(s.err)
	agreed, err := prompt.Confirm(ctx, "Write these files?", s.in, s.err)
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
