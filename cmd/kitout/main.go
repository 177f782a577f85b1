// Command kitout fits a Python web service out for production.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"

	"github.com/kitout/kitout/cmd/internal/prompt"
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
	collectLate()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // who interrupts again waits for nothing
	code := run(ctx, os.Args[1:], streams{in: os.Stdin, out: os.Stdout, err: os.Stderr})
	stop()
	os.Exit(code)
}

// collectLate lets a command end before garbage is collected, if it allocates no more than 9 MiB, as a new repository takes. Those that read
// a whole repository make more: from the first collection on, the heap grows by three quarters of what is in use, which keeps them at 32 MiB.
func collectLate() {
	debug.SetGCPercent(250)
	runtime.AddCleanup(new(*byte), func(after int) { debug.SetGCPercent(after) }, 75)
}

// streams are where a command reads and writes: results on out, words for people on err. library is what it reads of the user's own.
type streams struct {
	in       io.Reader
	out, err io.Writer
	library  library
}

// errInterrupted says that the user gave up; nothing has been written.
var errInterrupted = errors.New("interrupted: nothing was written")

// run executes one command line and returns its exit code.
func run(ctx context.Context, args []string, s streams) int {
	out := &output{Writer: s.out}
	s.out, s.library = out, libraryOf(args)
	root := newRoot(s, args)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil && out.err != nil {
		err = fmt.Errorf("standard output: %w", generator.Cause(out.err))
	}
	if err == nil {
		return exitDone
	}
	return explain(s.err, err)
}

// output remembers that a write failed: results that get lost are no success.
type output struct {
	io.Writer
	err error
}

func (o *output) Write(data []byte) (int, error) {
	n, err := o.Writer.Write(data)
	if err != nil {
		o.err = err
	}
	return n, err
}

// newRoot returns the command for one command line.
func newRoot(s streams, args []string) *cobra.Command {
	root := &cobra.Command{
		Use:           "kitout COMMAND",
		Short:         "Fit a Python web service out for production",
		Long:          "Kitout writes complete, production-ready Django, Flask and FastAPI repositories.",
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !prompt.Terminal(s.in, s.err) {
				return cmd.Help()
			}
			return start(cmd, s)
		},

		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true}, // newCompletion does better
	}
	root.Args = func(cmd *cobra.Command, args []string) error { return knownCommand(root, args) }
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	root.SetVersionTemplate("kitout {{.Version}}\n")
	root.SetUsageFunc(usage)
	root.SetFlagErrorFunc(flagError)
	root.SetHelpCommand(newHelp(root))
	create := newNew(s, slices.Contains(args, "new")) // no other word leads to its flags
	root.AddCommand(create, newAdd(s, slices.Contains(args, "add")), newCheck(s), newStatus(s), newDiff(s), newUpdate(s, slices.Contains(args, "update")), newUndo(s), newExplain(s),
		newReplay(s), newServe(s), newOptions(s), newPresets(s), newLayer(s), newVersion(s), newCompletion(s), newMan(s))
	if len(args) > 1 && args[0] == cobra.ShellCompRequestCmd {
		if word := args[len(args)-1]; strings.HasPrefix(word, "-") && !strings.Contains(word, "=") { // a flag's name, which is shown with its help
			describeAll(root)
		}
	}
	return root
}

// explain prints an error and the way out, and returns the exit code.
func explain(w io.Writer, err error) int {
	if errors.Is(err, errFound) {
		return exitConflict
	}
	code, hint := exitFailure, ""
	if usage, is := errors.AsType[*generator.UsageError](err); is {
		code, hint = exitUsage, usage.Hint
	} else if conflict, is := errors.AsType[*generator.ConflictError](err); is {
		code, hint = exitConflict, conflictHint(conflict)
	} else if file, is := errors.AsType[*generator.FileError](err); is {
		hint = file.Hint
	} else if _, is := errors.AsType[*scoreError](err); is {
		code, hint = exitConflict, "kitout check --rules says why each rule is one; kitout.yaml, which findings do not count"
	} else if errors.Is(err, errInterrupted) || errors.Is(err, context.Canceled) {
		code, err = exitInterrupted, errInterrupted
	}
	fmt.Fprintf(w, "error: %v\n", err)
	if hint != "" {
		fmt.Fprintf(w, "hint: %s\n", hint)
	}
	return code
}

func conflictHint(conflict *generator.ConflictError) string {
	if conflict.Hint != "" {
		return conflict.Hint
	}
	if conflict.Problem != "" {
		return "nothing was changed; move it away first, or choose another folder"
	}
	return "nothing was changed; choose another folder, or --on-conflict keep or replace"
}
