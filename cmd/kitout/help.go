package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/kitout/kitout/generator"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const (
	helpWidth   = 80 // of a terminal that nobody has widened
	sectionMark = "section"
)

// value is a flag with a word that the help calls by its kind: --framework CHOICE.
type value struct {
	kind     string
	words    []string      // all that were given, or the default
	describe func() string // the help, where that takes reading; see described
}

var _ pflag.Value = (*value)(nil)

func (v *value) Set(word string) error { v.words = append(v.words, word); return nil }
func (v *value) Type() string          { return v.kind }

// String is the last word: a flag that is given twice counts once.
func (v *value) String() string {
	if len(v.words) == 0 {
		return ""
	}
	return v.words[len(v.words)-1]
}

// unsaid says that the flag was not given.
func (v *value) unsaid() bool { return v == nil || v.words == nil }

func define(flags *pflag.FlagSet, name, kind, help string) *value {
	v := &value{kind: kind}
	flags.Var(v, name, help)
	return v
}

// described is a flag with its help, which only who prints it has read.
func described(flag *pflag.Flag) *pflag.Flag {
	if v, is := flag.Value.(*value); is && v.describe != nil {
		flag.Usage = v.describe()
	}
	return flag
}

// describeAll gives the flags of all commands their help, for what reads it past usage.
func describeAll(root *cobra.Command) {
	for _, command := range root.Commands() {
		command.Flags().VisitAll(func(flag *pflag.Flag) { described(flag) })
	}
}

// section puts the flags that were defined since the last section under a title of the help.
func section(flags *pflag.FlagSet, title string) {
	flags.VisitAll(func(flag *pflag.Flag) {
		if flag.Annotations[sectionMark] == nil {
			flag.Annotations = map[string][]string{sectionMark: {title}}
		}
	})
}

// usage prints what follows a command's description: its form, the commands below it, its flags by section.
func usage(cmd *cobra.Command) error {
	w := cmd.OutOrStderr()
	line := cmd.Use
	if cmd.HasParent() {
		line = cmd.Parent().Name() + " " + line
	}
	fmt.Fprintf(w, "Usage:\n  %s\n", line)
	if cmd.HasExample() {
		fmt.Fprintf(w, "\nExamples:\n%s\n", cmd.Example)
	}
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(w, "\nCommands:\n")
		for _, command := range cmd.Commands() {
			if command.IsAvailableCommand() || command.Name() == "help" {
				fmt.Fprintf(w, "  %-17s %s\n", command.Use, command.Short)
			}
		}
	}
	printFlags(w, cmd.Flags())
	return nil
}

func printFlags(w io.Writer, flags *pflag.FlagSet) {
	var titles []string
	sections := map[string]*pflag.FlagSet{}
	flags.VisitAll(func(flag *pflag.Flag) {
		title := "Other flags"
		if marked := flag.Annotations[sectionMark]; marked != nil {
			title = marked[0]
		}
		if sections[title] == nil {
			titles = append(titles, title)
			sections[title] = pflag.NewFlagSet(title, pflag.ContinueOnError)
			sections[title].SortFlags = false
		}
		sections[title].AddFlag(described(flag))
	})
	for _, title := range titles {
		heading := title
		if len(titles) == 1 {
			heading = "Flags"
		}
		fmt.Fprintf(w, "\n%s:\n%s", heading, sections[title].FlagUsagesWrapped(helpWidth))
	}
}

func newHelp(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:     "help COMMAND",
		Short:   "Print everything that a command takes",
		Example: "  kitout help new\n  kitout help layer check",
		RunE: func(_ *cobra.Command, args []string) error {
			command, rest, err := root.Find(args)
			switch {
			case err != nil, len(rest) > 0 && command == root:
				return knownCommand(root, args)
			case len(rest) > 0:
				return &generator.UsageError{Flag: "kitout help", Problem: fmt.Sprintf("%s has no command %q", command.CommandPath(), rest[0]), Hint: helpHint(command)}
			}
			command.InitDefaultHelpFlag()
			return command.Help()
		},
	}
}

// knownCommand refuses the word that stands where a command should.
func knownCommand(root *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, command := range root.Commands() {
		if !command.Hidden {
			names = append(names, command.Name())
		}
	}
	return &generator.UsageError{Flag: "kitout", Problem: fmt.Sprintf("unknown command %q", args[0]), Hint: generator.Hint(args[0], names)}
}

// noArguments refuses every word after a command.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return &generator.UsageError{Flag: cmd.CommandPath(), Problem: fmt.Sprintf("takes no argument, but got %q", args[0]), Hint: helpHint(cmd)}
}

// helpHint leads to the help of a command.
func helpHint(cmd *cobra.Command) string {
	if !cmd.HasParent() {
		return "flags stand after their command; kitout help COMMAND lists them"
	}
	return cmd.CommandPath() + " --help lists what it takes"
}

// flagError says in kitout's words what the parser of flags did not like.
func flagError(cmd *cobra.Command, err error) error {
	problem := &generator.UsageError{Flag: cmd.CommandPath(), Problem: err.Error(), Hint: helpHint(cmd)}
	if unknown, is := errors.AsType[*pflag.NotExistError](err); is {
		problem.Flag, problem.Problem = "--"+unknown.GetSpecifiedName(), "there is no such flag"
		if unknown.GetSpecifiedShortnames() != "" {
			problem.Flag = problem.Flag[1:]
		}
		var names []string
		cmd.Flags().VisitAll(func(flag *pflag.Flag) { names = append(names, flag.Name) })
		if near := generator.Nearest(unknown.GetSpecifiedName(), names); near != "" {
			problem.Hint = fmt.Sprintf("did you mean --%s? %s", near, problem.Hint)
		}
	}
	if bare, is := errors.AsType[*pflag.ValueRequiredError](err); is {
		problem.Flag, problem.Problem, problem.Hint = "--"+bare.GetFlag().Name, "needs a value", described(bare.GetFlag()).Usage
	}
	if invalid, is := errors.AsType[*pflag.InvalidValueError](err); is { // only flags of yes or no can be wrong
		problem.Flag, problem.Problem = "--"+invalid.GetFlag().Name, fmt.Sprintf("%q is neither true nor false", invalid.GetValue())
		problem.Hint = "it needs no value"
	}
	return problem
}
