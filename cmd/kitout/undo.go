package main

import (
	"context"
	"fmt"
	"path"
	"path/filepath"

	"github.com/kitout/kitout/cmd/internal/prompt"
	"github.com/kitout/kitout/generator"
	"github.com/spf13/cobra"
)

// undoFlags is what `kitout undo` was told.
type undoFlags struct {
	folder string
	yes    bool
	dryRun bool
	json   bool
}

// undoReport is what `kitout undo` says of its work; its JSON form is an interface that scripts rely on.
type undoReport struct {
	Folder string       `json:"folder"`
	Undone bool         `json:"undone"`
	Files  []undoneFile `json:"files"`
}

// undoneFile is one file and what happens to it, as in the report of what is undone.
type undoneFile struct {
	Path   string           `json:"path"`
	Status generator.Status `json:"status"`
	Mode   string           `json:"mode"`
}

func newUndo(s streams) *cobra.Command {
	var flags undoFlags
	cmd := &cobra.Command{
		Use:   "undo [DIR]",
		Short: "Take the last run back",
		Long: `Take back what kitout wrote last into DIR, a folder that held files already:
every file is as it was, byte for byte. If one of them was edited since,
nothing is changed. DIR is the folder at hand unless it is given.`,
		Example: `  kitout undo
  kitout undo shop --dry-run`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 || len(args) == 1 && args[0] == "" {
				return &generator.UsageError{Flag: "DIR", Problem: "name one folder", Hint: "for example: kitout undo shop"}
			}
			return nil
		},
		ValidArgsFunction: cobra.FixedCompletions(nil, cobra.ShellCompDirectiveFilterDirs),
		RunE: func(cmd *cobra.Command, args []string) error {
			flags.folder = append(args, ".")[0]
			return runUndo(cmd.Context(), flags, s)
		},
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().BoolVarP(&flags.yes, "yes", "y", false, "ask nothing")
	cmd.Flags().BoolVar(&flags.dryRun, "dry-run", false, "say what would be taken back, and change nothing")
	cmd.Flags().BoolVar(&flags.json, "json", false, "print one JSON object on standard output")
	return cmd
}

func runUndo(ctx context.Context, flags undoFlags, s streams) error {
	folder, err := generator.OpenFolder(flags.folder)
	if err != nil {
		return err
	}
	defer func() { _ = folder.Close() }()
	if !folder.Exists {
		return &generator.UsageError{Flag: "DIR", Problem: fmt.Sprintf("there is no folder %q", flags.folder), Hint: "name one that kitout has written into"}
	}
	changes, err := generator.Undoing(folder.Fs)
	if err != nil {
		return err
	}
	report := newUndoReport(flags, changes)
	if flags.dryRun {
		return report.print(flags, s)
	}
	if !flags.yes && !flags.json && prompt.Terminal(s.in, s.err) {
		for _, file := range report.Files {
			fmt.Fprintf(s.err, "  %-9s %s\n", file.Status, path.Join(report.Folder, file.Path))
		}
		if err := agree(ctx, "Take this back?", s); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if changes, err = generator.Undo(folder.Fs); err != nil {
		return err
	}
	report = newUndoReport(flags, changes)
	report.Undone = true
	return report.print(flags, s)
}

func newUndoReport(flags undoFlags, changes []generator.Change) *undoReport {
	r := &undoReport{Folder: filepath.ToSlash(filepath.Clean(flags.folder)), Files: []undoneFile{}}
	for _, change := range changes {
		r.Files = append(r.Files, undoneFile{change.Path, change.Status, fmt.Sprintf("%04o", change.Mode)})
	}
	return r
}

func (r *undoReport) print(flags undoFlags, s streams) error {
	if flags.json {
		return encode(s, r)
	}
	if !r.Undone {
		for _, file := range r.Files {
			fmt.Fprintf(s.out, "%-9s %s\n", file.Status, path.Join(r.Folder, file.Path))
		}
		return nil
	}
	status := map[generator.Status]int{}
	for _, file := range r.Files {
		status[file.Status]++
	}
	fmt.Fprintf(s.out, "%s: %s\n", r.Folder, countFiles(status, []counted{
		{generator.Delete, "removed"}, {generator.Replace, "put back"}, {generator.Create, "brought back"},
	}))
	return nil
}
