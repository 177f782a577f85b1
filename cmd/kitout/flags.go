package main

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/kitout/kitout/generator"
	"github.com/spf13/cobra"
)

// answerFlags are the flags that answer questions.
type answerFlags struct {
	preset  *value // nil where the command has no such flag
	answers *value
	set     *value
	given   map[string]string // questions and free answers by flag
}

// questions defines the flags of the questions and of free answers; catalog is nil when it could not be read. The help names what
// byDefault returns. It returns the values that --set may have.
func (f *answerFlags) questions(cmd *cobra.Command, catalog *generator.Catalog, byDefault func(*generator.Question) []string, free []generator.FreeAnswer) (pairs []string) {
	flags := cmd.Flags()
	flags.SortFlags = false
	f.given = map[string]string{}
	if catalog != nil {
		for _, question := range catalog.Questions {
			kind := "CHOICE"
			if question.Several {
				kind = "CHOICES" // a,b
			}
			define(flags, question.Name, kind, "").describe = func() string {
				choices := slices.Clone(question.Choices)
				for i, choice := range choices {
					if slices.Contains(byDefault(question), choice) {
						choices[i] += " (default)"
					}
				}
				return lowerFirst(question.Title) + ": " + strings.Join(choices, ", ")
			}
			mustComplete(cmd, question.Name, question.Choices)
			for _, choice := range question.Choices {
				pairs = append(pairs, question.Name+"="+choice)
			}
		}
	}
	section(flags, "Questions")
	for _, free := range free {
		define(flags, free.Key, free.Kind, free.Help)
	}
	section(flags, "Free answers")
	return pairs
}

func (f *answerFlags) defineSet(cmd *cobra.Command, pairs []string) {
	f.set = define(cmd.Flags(), "set", "QUESTION=CHOICE", "answer one question (may be repeated)")
	mustComplete(cmd, "set", pairs)
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

// take remembers the answers that were given on the command line, even empty ones.
func (f *answerFlags) take(cmd *cobra.Command, catalog *generator.Catalog, free []generator.FreeAnswer) {
	var names []string
	for _, question := range catalog.Questions {
		names = append(names, question.Name)
	}
	for _, free := range free {
		names = append(names, free.Key)
	}
	for _, name := range names {
		if flag := cmd.Flags().Lookup(name); flag.Changed {
			f.given[name] = flag.Value.String()
		}
	}
}

// tell prints the warnings, and the report in the form that was asked for: JSON, or the text of its changes. If words were, it is not done.
func (f *outputFlags) tell(s streams, warnings []string, report any, folder string, changes []generator.Change) (done bool, err error) {
	for _, warning := range warnings {
		fmt.Fprintf(s.err, "warning: %s\n", warning)
	}
	switch {
	case f.json:
		return true, encode(s, report)
	case f.diff:
		return true, printDiff(s.out, folder, changes)
	}
	return false, nil
}

// resolutionOf is what --on-conflict says, or else otherwise.
func resolutionOf(flag *value, valid []string, otherwise generator.Resolution) (generator.Resolution, error) {
	if flag.unsaid() {
		return otherwise, nil
	}
	how := flag.String()
	if !slices.Contains(valid, how) {
		return "", &generator.UsageError{Flag: "--on-conflict", Problem: fmt.Sprintf("unknown value %q", how), Hint: generator.Hint(how, valid)}
	}
	return generator.Resolution(how), nil
}

// sources returns the answers that were given, in rising precedence: preset, answers file, --set, flags.
func (f *answerFlags) sources(library library) ([]generator.Given, error) {
	var sources []generator.Given
	if f.preset != nil && f.preset.words != nil {
		given, err := library.givenPreset(f.preset.String())
		if err != nil {
			return nil, err
		}
		sources = append(sources, given)
	}
	if f.answers != nil && f.answers.words != nil {
		given, err := givenFile("answers", f.answers.String())
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

// givenFile reads a file of answers that a flag names.
func givenFile(flag, name string) (generator.Given, error) {
	usage := func(problem, hint string) error {
		return &generator.UsageError{Flag: "--" + flag, Problem: cmp.Or(name, `""`) + ": " + problem, Hint: hint}
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

// outputFlags say what is written, and how it is told.
type outputFlags struct {
	dryRun bool
	diff   bool
	json   bool
}

func (f *outputFlags) define(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "say what would be written, and write nothing")
	cmd.Flags().BoolVar(&f.diff, "diff", false, "show the text of what would be written, and write nothing")
	cmd.Flags().BoolVar(&f.json, "json", false, "print one JSON object on standard output")
}

// silent says that nobody is to be asked: the answer is for a program, or nothing is written.
func (f *outputFlags) silent() bool { return f.json || f.dryRun || f.diff }
