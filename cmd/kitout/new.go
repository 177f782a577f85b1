package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
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
	preset     string
	answers    string
	set        []string
	given      map[string]string // questions and free answers by flag
	yes        bool
	dryRun     bool
	diff       bool
	json       bool
	onConflict string
	noGit      bool
}

func newNew(s streams) *cobra.Command {
	flags := newFlags{given: map[string]string{}}
	cmd := &cobra.Command{
		Use:   "new DIR",
		Short: "Write a new repository",
		Long: `Write a complete repository into DIR, which must not exist or be empty.

On a terminal kitout asks what it was not told; elsewhere, and with --yes, it takes the defaults.`,
		Example: `  kitout new shop
  kitout new shop --framework django --database postgres --yes
  kitout new shop --preset fastapi-postgres --domain shop.example.com --yes
  kitout new shop --answers answers.yaml --dry-run`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 || args[0] == "" {
				return &generator.UsageError{Flag: "DIR", Problem: "name one folder", Hint: "kitout new shop"}
			}
			return nil
		},
		ValidArgsFunction: cobra.FixedCompletions(nil, cobra.ShellCompDirectiveFilterDirs),
	}
	f := cmd.Flags()
	f.SortFlags = false
	catalog, err := loadCatalog()
	if err == nil {
		for _, question := range catalog.Questions {
			f.String(question.Name, "", fmt.Sprintf("%s: %s (default %s)", lowerFirst(question.Title), strings.Join(question.Choices, ", "), question.Default))
			mustComplete(cmd, question.Name, question.Choices)
		}
	}
	for _, key := range generator.Free {
		f.String(key, "", freeHelp[key])
	}
	f.StringVar(&flags.preset, "preset", "", "start from a named set of answers, or from a file of that form")
	f.StringVar(&flags.answers, "answers", "", "read answers from a YAML file of question: choice")
	f.StringArrayVar(&flags.set, "set", nil, "answer one question: question=choice (may be repeated)")
	f.BoolVarP(&flags.yes, "yes", "y", false, "ask nothing: defaults for what was not said")
	f.BoolVar(&flags.dryRun, "dry-run", false, "say what would be written, and write nothing")
	f.BoolVar(&flags.diff, "diff", false, "show the text of what would be written, and write nothing")
	f.BoolVar(&flags.json, "json", false, "print one JSON object on standard output")
	f.StringVar(&flags.onConflict, "on-conflict", string(generator.Fail), "what happens to files that exist: keep, replace, fail")
	f.BoolVar(&flags.noGit, "no-git", false, "make no git repository and no first commit")
	mustComplete(cmd, "on-conflict", generator.Resolutions)

	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err != nil {
			return err
		}
		flags.folder = args[0]
		for _, question := range catalog.Questions {
			flags.take(cmd, question.Name)
		}
		for _, key := range generator.Free {
			flags.take(cmd, key)
		}
		return runNew(cmd.Context(), catalog, flags, s)
	}
	return cmd
}

var freeHelp = map[string]string{
	"name":    "the project's name (default: the folder's)",
	"package": "the Python package (default: the name with underscores)",
	"domain":  "the public host name; without it, plain HTTP for trusted networks",
	"email":   "whom the certificate authority writes to",
	"image":   "the container image, without a tag (default: the name)",
	"python":  "the image's Python version",
}

// lowerFirst begins a title in lower case, but for an abbreviation.
func lowerFirst(s string) string {
	if first, _, _ := strings.Cut(s, " "); strings.ToUpper(first) == first {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}

func mustComplete(cmd *cobra.Command, flag string, values []string) {
	err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
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

// sources returns the answers that were given, in rising precedence: preset, answers file, --set, flags.
func (f *newFlags) sources() ([]generator.Given, error) {
	var sources []generator.Given
	if f.preset != "" {
		given, err := givenPreset(f.preset)
		if err != nil {
			return nil, err
		}
		sources = append(sources, given)
	}
	if f.answers != "" {
		data, err := os.ReadFile(f.answers)
		if err != nil {
			return nil, &generator.UsageError{Flag: "--answers", Problem: fmt.Sprintf("%s: %s", f.answers, reason(err)), Hint: "name a readable YAML file"}
		}
		given, err := generator.ParseGiven(f.answers+": %s", data)
		if err != nil {
			return nil, &generator.UsageError{Flag: "--answers", Problem: fmt.Sprintf("%s: %v", f.answers, err), Hint: "one line per answer, such as database: postgres"}
		}
		sources = append(sources, given)
	}
	set := generator.Given{Origin: "--set %s", Values: map[string][]string{}}
	for _, pair := range f.set {
		question, choice, found := strings.Cut(pair, "=")
		if !found {
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

// reason is the cause of a file error, without the operation and the path.
func reason(err error) string {
	if pathError, is := errors.AsType[*fs.PathError](err); is {
		return pathError.Err.Error()
	}
	return err.Error()
}

func runNew(ctx context.Context, catalog *generator.Catalog, flags newFlags, s streams) error {
	if !slices.Contains(generator.Resolutions, flags.onConflict) {
		return &generator.UsageError{
			Flag: "--on-conflict", Problem: fmt.Sprintf("unknown value %q", flags.onConflict),
			Hint: generator.Hint(flags.onConflict, generator.Resolutions),
		}
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
	taken := func(distribution string) bool { _, found := table.Version(distribution); return found }
	resolve := func(more ...generator.Given) (*generator.Answers, error) {
		return catalog.Resolve(filepath.Base(absolute), taken, append(slices.Clone(sources), more...)...)
	}
	ask := !flags.yes && !flags.json && !flags.dryRun && !flags.diff && prompt.Terminal(s.in, s.err)
	answers, err := resolve()
	if err != nil {
		return err
	}
	if ask {
		if answers, err = askFor(ctx, catalog, answers, sources, resolve, s); err != nil {
			return err
		}
	}
	plan, err := catalog.NewPlan(answers, options)
	if err != nil {
		return err
	}
	return writeNew(ctx, catalog, plan, flags, ask, s)
}

// askFor lets the user answer what no flag or file did.
func askFor(ctx context.Context, catalog *generator.Catalog, answers *generator.Answers, sources []generator.Given,
	resolve func(...generator.Given) (*generator.Answers, error), s streams,
) (*generator.Answers, error) {
	known := map[string]bool{}
	for _, source := range sources {
		for key := range source.Values {
			known[key] = true
		}
	}
	asked, err := prompt.Ask(ctx, catalog, answers, known, s.in, s.err)
	if err != nil {
		return nil, interrupted(err)
	}
	return resolve(generator.Given{Origin: "%s", Values: asked})
}

func interrupted(err error) error {
	if errors.Is(err, prompt.ErrAborted) {
		return errInterrupted
	}
	return err
}

// writeNew compares the plan with the folder, shows it, and writes it.
func writeNew(ctx context.Context, catalog *generator.Catalog, plan *generator.Plan, flags newFlags, ask bool, s streams) error {
	folder, err := generator.OpenFolder(flags.folder)
	if err != nil {
		return err
	}
	defer folder.Close()
	entries, err := folder.Entries()
	if err != nil {
		return err
	}
	if len(entries) > 0 && flags.onConflict == string(generator.Fail) {
		return &generator.ConflictError{Folder: flags.folder, Paths: entries}
	}
	changes, err := plan.Build(folder.Fs)
	if err != nil {
		return err
	}
	if err := generator.Decide(flags.folder, changes, generator.Resolution(flags.onConflict)); err != nil {
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
	commit := func(path string) error {
		if warning := firstCommit(ctx, path, flags); warning != "" {
			report.Warnings = append(report.Warnings, warning)
		}
		if folder.Exists {
			return nil // the files are in place
		}
		return ctx.Err()
	}
	if err := folder.Write(changes, commit); err != nil {
		return err
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
