package main

import (
	"fmt"
	"os"

	"github.com/kitout/kitout/generator"
	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// newMan returns the command that makes packages' manual pages; users read `kitout help`. SOURCE_DATE_EPOCH is their date.
func newMan(s streams) *cobra.Command {
	return &cobra.Command{
		Use:    "man DIR",
		Short:  "Write the manual pages",
		Hidden: true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return &generator.UsageError{Flag: "DIR", Problem: "name one folder"}
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return fmt.Errorf("manual pages: %w", err)
			}
			// With the flags of all commands, which a command line has only as far as it names them
			s.library = library{} // but no layers of whoever makes the pages
			root := newRoot(s, []string{"new", "add", "update"})
			root.DisableAutoGenTag = true
			describeAll(root)
			return doc.GenManTree(root, &doc.GenManHeader{Section: "1", Source: "kitout " + version(), Manual: "Kitout"}, args[0])
		},
	}
}
