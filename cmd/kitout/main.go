// Command kitout fits a Python web service out for production.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/kitout/kitout/generator"
	"github.com/spf13/cobra"
)

// Exit codes; docs/commands.md lists them for users.
const (
	exitDone        = 0
	exitFailure     = 1
	exitUsage       = 2
	exitConflict    = 3
	exitInterrupted = 130
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr})
	stop()
	os.Exit(code)
}

// streams are where a command reads and writes: results on out, words for people on err.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// errInterrupted says that the user gave up; nothing has been written.
var errInterrupted = errors.New("interrupted: nothing was written")

// run executes one command line and returns its exit code.
func run(ctx context.Context, args []string, s streams) int {
	started := false
	root := &cobra.Command{
		Use:           "kitout",
		Short:         "Fit a Python web service out for production",
		Long:          "Kitout writes complete, production-ready Django, Flask and FastAPI repositories.",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRun: func(*cobra.Command, []string) {
			started = true
		},
	}
	root.SetArgs(args)
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	root.SetHelpCommandGroupID("")
	root.AddCommand(newNew(s), newOptions(s), newPresets(s), newVersion(s))

	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	fmt.Fprintf(s.err, "error: %v\n", err)
	code := exitFailure
	usage, isUsage := errors.AsType[*generator.UsageError](err)
	conflict, isConflict := errors.AsType[*generator.ConflictError](err)
	switch {
	case isUsage:
		code = exitUsage
		printHint(s.err, usage.Hint)
	case isConflict:
		code = exitConflict
		printHint(s.err, conflictHint(conflict))
	case errors.Is(err, errInterrupted), errors.Is(err, context.Canceled):
		code = exitInterrupted
	case !started: // cobra refused the command line itself
		code = exitUsage
		printHint(s.err, "kitout help lists the commands, kitout help COMMAND its flags")
	}
	return code
}

func printHint(w io.Writer, hint string) {
	if hint != "" {
		fmt.Fprintf(w, "hint: %s\n", hint)
	}
}

func conflictHint(*generator.ConflictError) string {
	return "nothing was changed; choose another folder, or --on-conflict keep or replace"
}
