package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newPresets(s streams) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "presets",
		Short: "List the named sets of answers",
		Long: `List the named sets of answers: the built-in ones, and those in the folder presets
of kitout's configuration. kitout new --preset takes one.`,
		Example: "  kitout presets\n  kitout presets --json",
		Args:    noArguments,
		RunE: func(*cobra.Command, []string) error {
			all, err := s.library.allPresets()
			if err != nil {
				return err
			}
			if asJSON {
				return encode(s, all)
			}
			for _, preset := range all {
				fmt.Fprintf(s.out, "%-18s %s. %s\n", preset.Name, preset.Title, preset.Help)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON for programs")
	return cmd
}
