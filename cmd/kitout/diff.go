package main

import (
	"bytes"
	"fmt"
	"path"

	"github.com/kitout/kitout/generator"
	"github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/cobra"
)

func newDiff(s streams) *cobra.Command {
	var update bool
	cmd := &cobra.Command{
		Use:   "diff [DIR]",
		Short: "Show what you have changed since kitout wrote it",
		Long: `Show as text what you have changed in the files that kitout keeps up to date,
since it wrote them. Files that are missing are named, and so are locks and files
that are your own from the start, of which it keeps no text.

With --update, show what kitout update would change.`,
		Example: `  kitout diff
  kitout diff --update`,
		Args:              oneFolder,
		ValidArgsFunction: completeFolders,
		RunE: func(cmd *cobra.Command, args []string) error {
			if update {
				return runUpdate(cmd.Context(), updateFlags{folder: folderOf(args), outputFlags: outputFlags{diff: true}}, s)
			}
			return withCheckout(s, func(c *checkout) error { return c.printEdits(s) })(cmd, args)
		},
	}
	cmd.Flags().BoolVar(&update, "update", false, "show what kitout update would change instead")
	libraryFlags(cmd, false)
	return cmd
}

// printEdits shows what the user has changed.
func (c *checkout) printEdits(s streams) error {
	for _, file := range c.Files {
		if file.State == generator.Unchanged {
			continue
		}
		name := path.Join(c.name, file.Path)
		base, disk := file.Text()
		switch {
		case file.Policy != generator.Managed, disk == nil:
			fmt.Fprintf(s.out, "diff %s (%s, not shown)\n", name, file.State)
			continue
		}
		if mode := file.DiskMode(); mode != file.Mode {
			fmt.Fprintf(s.out, "mode %s %s, was %s\n", name, mode, file.Mode)
		}
		if _, err := s.out.Write(diff.Diff(name, base, name, bytes.ReplaceAll(disk, []byte("\r\n"), []byte("\n")))); err != nil {
			return err
		}
	}
	return nil
}
