package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kitout/kitout/cmd/internal/prompt"
	"github.com/kitout/kitout/generator"
	"github.com/spf13/cobra"
)

// addFlags is what `kitout add` was told.
type addFlags struct {
	answerFlags
	outputFlags
	what       []string
	all        bool
	folder     string
	yes        bool
	onConflict *value
}

// newAdd returns the command with its flags, if they are wanted.
func newAdd(s streams, wanted bool) *cobra.Command {
	var flags addFlags
	var catalog *generator.Catalog
	var err error
	cmd := &cobra.Command{
		Use:   "add [WHAT…]",
		Short: "Add what a repository lacks",
		Long: `Add to a repository what it lacks for production. WHAT is a question, for its
default choice; a choice; or question=choice. What the repository has made of
itself is found in its files, and flags say otherwise.

No line of the application changes: what is written stands around it, in a Python
package of its own. Files that exist stay as they are, unless --on-conflict says
otherwise. kitout undo takes an addition back.`,
		Example: `  kitout add --all
  kitout add nginx backup
  kitout add ci=github --on-conflict merge
  kitout add --all --entry 'shop.web:create_app()' --dry-run`,
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return whatToAdd(catalog), cobra.ShellCompDirectiveNoFileComp
		},
	}
	if wanted {
		catalog, err = s.library.catalog()
		flags.define(cmd, catalog)
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err != nil {
			return err
		}
		flags.what = args
		flags.take(cmd, catalog, freeOfAdd())
		return runAdd(cmd.Context(), catalog, flags, s)
	}
	return cmd
}

func freeOfAdd() []generator.FreeAnswer { return slices.Concat(generator.FreeExisting, generator.Free) }

func (f *addFlags) define(cmd *cobra.Command, catalog *generator.Catalog) {
	flags := cmd.Flags()
	pairs := f.questions(cmd, catalog, catalog.Default, freeOfAdd())
	f.answers = define(flags, "answers", "FILE", "read answers from a YAML file, one \"question: choice\" a line")
	f.defineSet(cmd, pairs)
	libraryFlags(cmd, true)
	section(flags, "Where answers come from")
	flags.BoolVar(&f.all, "all", false, "add everything that is missing")
	flags.StringVar(&f.folder, "dir", ".", "the repository `DIR`, or a service's folder in it")
	flags.BoolVarP(&f.yes, "yes", "y", false, "ask nothing")
	f.outputFlags.define(cmd)
	f.onConflict = define(flags, "on-conflict", "HOW", "files that exist with other content: keep them (default), add to them what they lack (merge), write beside them, replace them, or fail")
	mustComplete(cmd, "on-conflict", generator.UpdateResolutions)
	section(flags, "Writing")
}

// whatToAdd are the words that `kitout add` understands.
func whatToAdd(catalog *generator.Catalog) (words []string) {
	if catalog == nil {
		return nil
	}
	for _, question := range catalog.Questions {
		words = append(words, question.Name)
		for _, choice := range question.Choices {
			switch {
			case choice == nothing:
				continue
			case len(choicesNamed(catalog, choice)) == 1:
				words = append(words, choice)
			}
			words = append(words, question.Name+"="+choice)
		}
	}
	return words
}

func runAdd(ctx context.Context, catalog *generator.Catalog, flags addFlags, s streams) error {
	resolution, err := resolutionOf(flags.onConflict, generator.UpdateResolutions, generator.KeepExisting)
	if err != nil {
		return err
	}
	wanted, err := wantedOf(catalog, flags.what)
	if err != nil {
		return err
	}
	given, err := flags.sources(s.library)
	if err != nil {
		return err
	}
	folder, err := generator.OpenFolder(flags.folder)
	if err != nil {
		return err
	}
	defer func() { _ = folder.Close() }()
	if !folder.Exists {
		return &generator.UsageError{Flag: "--dir", Problem: fmt.Sprintf("there is no folder %q", flags.folder), Hint: "kitout new writes a new repository"}
	}
	if err := recoverFolder(folder, flags.dryRun || flags.diff, s); err != nil {
		return err
	}
	record, err := generator.ReadRecord(folder.Fs)
	if err != nil {
		return err
	}
	ask := !flags.yes && !flags.silent() && prompt.Terminal(s.in, s.err)
	if len(wanted) == 0 && !flags.all && !ask {
		return &generator.UsageError{Flag: "WHAT", Problem: "say what to add", Hint: "--all, or some of: " + strings.Join(questionNames(catalog), ", ")}
	}
	if record != nil {
		return addToOwn(ctx, catalog, record, wanted, flags, given, ask, s)
	}
	a, err := lookAt(catalog, folder, flags.folder)
	if err != nil {
		return err
	}
	if ask {
		if a.hasServices(decidedBy(given, wanted)) {
			if flags.folder, err = a.askService(ctx, s); err != nil {
				return err
			}
			return runAdd(ctx, catalog, flags, s)
		}
		if given, err = a.askTies(ctx, given, wanted, s); err != nil {
			return err
		}
		a.tell(s)
		if len(wanted) == 0 && !flags.all {
			if wanted, err = a.askWhat(ctx, s); err != nil {
				return err
			}
		}
	}
	if err := a.decide(wanted, flags.all, given); err != nil {
		return err
	}
	return a.write(ctx, resolution, ask, flags, s)
}

// decidedBy says which questions and free answers the user has answered.
func decidedBy(given []generator.Given, wanted map[string][]string) func(string) bool {
	return func(key string) bool {
		return slices.ContainsFunc(given, func(g generator.Given) bool { return g.Values[key] != nil }) || wanted[key] != nil
	}
}

// wantedOf reads the words after `kitout add`: the choices by question, none for a question's default.
func wantedOf(catalog *generator.Catalog, words []string) (map[string][]string, error) {
	wanted := map[string][]string{}
	for _, word := range words {
		name, choices, isPair := strings.Cut(word, "=")
		question := catalog.Question(name)
		switch {
		case isPair && question == nil:
			return nil, &generator.UsageError{Flag: "WHAT", Problem: fmt.Sprintf("there is no question %q", name), Hint: generator.Hint(name, questionNames(catalog))}
		case isPair && slices.Contains(strings.Split(choices, ","), nothing) && slices.Contains(question.Choices, nothing):
			return nil, &generator.UsageError{Flag: "WHAT", Problem: word + " adds nothing", Hint: fmt.Sprintf("kitout update --%s %s takes away what was added", name, nothing)}
		case isPair:
			wanted[name] = strings.Split(choices, ",") // Resolve checks them
		case question != nil && slices.Contains(catalog.Default(question), nothing):
			return nil, &generator.UsageError{Flag: "WHAT", Problem: name + " alone adds nothing, as its default is " + nothing, Hint: "say " + name + "=" + strings.Join(others(question), " or "+name+"=")}
		case question != nil:
			if _, more := wanted[name]; !more {
				wanted[name] = nil
			}
		default:
			pair, err := pairOf(catalog, word)
			if err != nil {
				return nil, err
			}
			wanted[pair[0]] = append(wanted[pair[0]], pair[1])
		}
	}
	return wanted, nil
}

// others are the choices of a question that add something.
func others(question *generator.Question) []string {
	return slices.DeleteFunc(slices.Clone(question.Choices), func(choice string) bool { return choice == nothing })
}

// pairOf finds the only question that has a choice of that name.
func pairOf(catalog *generator.Catalog, choice string) ([2]string, error) {
	pairs := choicesNamed(catalog, choice)
	if choice == nothing {
		return [2]string{}, &generator.UsageError{Flag: "WHAT", Problem: nothing + " adds nothing", Hint: "kitout update takes away what was added"}
	}
	switch len(pairs) {
	case 0:
		if info, err := os.Stat(choice); err == nil && info.IsDir() {
			return [2]string{}, &generator.UsageError{Flag: "WHAT", Problem: fmt.Sprintf("%q is a folder", choice), Hint: "name the repository with --dir " + choice}
		}
		var all []string
		for _, question := range catalog.Questions {
			all = append(append(all, question.Name), question.Choices...)
		}
		slices.Sort(all)
		return [2]string{}, &generator.UsageError{
			Flag: "WHAT", Problem: fmt.Sprintf("%q is neither a question nor a choice", choice), Hint: generator.Hint(choice, slices.Compact(all)),
		}
	case 1:
		question, _, _ := strings.Cut(pairs[0], "=")
		return [2]string{question, choice}, nil
	}
	return [2]string{}, &generator.UsageError{Flag: "WHAT", Problem: fmt.Sprintf("%q is a choice of several questions", choice), Hint: "say which: " + strings.Join(pairs, ", ")}
}

func questionNames(catalog *generator.Catalog) (names []string) {
	for _, question := range catalog.Questions {
		names = append(names, question.Name)
	}
	return names
}

// addToOwn adds to a repository that kitout has written into before: an update with other answers.
func addToOwn(ctx context.Context, catalog *generator.Catalog, record *generator.Record, wanted map[string][]string, flags addFlags,
	given []generator.Given, ask bool, s streams,
) error {
	unanswered := func(question *generator.Question) bool {
		now := record.Answers[question.Name]
		return len(now) == 0 || slices.Equal(now, []string{nothing})
	}
	if len(wanted) == 0 && !flags.all && ask {
		offers, err := missing(catalog, unanswered)
		if err != nil {
			return err
		}
		if wanted, err = askWhat(ctx, "What is to be added?", offers, s); err != nil {
			return err
		}
		if len(wanted) == 0 {
			words := "nothing was chosen"
			if len(offers) == 0 {
				words = "nothing is missing; kitout check says what could be better"
			}
			fmt.Fprintf(s.out, "%s: %s\n", filepath.ToSlash(filepath.Clean(flags.folder)), words)
			return nil
		}
	}
	if err := fixed(given, record.Answers); err != nil {
		return err
	}
	asked := generator.Given{Origin: "add %s", Values: map[string][]string{}}
	defaults := map[string][]string{}
	for _, question := range catalog.Questions {
		choices, is := wanted[question.Name]
		switch {
		case is && len(choices) > 0 && question.Several && !unanswered(question):
			asked.Values[question.Name] = slices.Compact(slices.Sorted(slices.Values(slices.Concat(record.Answers[question.Name], choices))))
		case is && len(choices) > 0:
			asked.Values[question.Name] = choices
		case (is || flags.all) && unanswered(question) && question.Default != nothing && !decidedBy(given, nil)(question.Name):
			defaults[question.Name] = catalog.Default(question)
		}
	}
	known := append([]generator.Given{{Origin: "%s", Values: record.Answers}}, append(given, asked)...)
	refused, err := refusals(catalog, known, len(defaults) > 0)
	if err != nil {
		return err
	}
	for name, choices := range defaults {
		_, is := wanted[name]
		if is || !slices.ContainsFunc(choices, func(choice string) bool { return refused[name+"="+choice] != nil }) {
			asked.Values[name] = choices
		}
	}
	update := updateFlags{outputFlags: flags.outputFlags, folder: flags.folder, yes: flags.yes, onConflict: flags.onConflict, own: generator.KeepExisting}
	return updateWith(ctx, update, append(given, asked), s)
}

// refusals are what does not go with the answers, where somebody needs to know: the proxy of a cluster is not missing.
func refusals(catalog *generator.Catalog, known []generator.Given, needed bool) (map[string]*generator.UsageError, error) {
	if !needed {
		return nil, nil
	}
	answers, err := catalog.Resolve("", nil, known...)
	if err != nil {
		return nil, err
	}
	return catalog.Refusals(answers)
}
