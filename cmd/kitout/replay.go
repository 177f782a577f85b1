package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/kitout/kitout/generator"
	"github.com/spf13/cobra"
)

func newReplay(s streams) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:               "replay [DIR]",
		Short:             "Print the command that gives this repository's answers",
		Example:           "  kitout replay\n  kitout replay ../shop --json",
		Args:              oneFolder,
		ValidArgsFunction: completeFolders,
		RunE: withCheckout(s, func(c *checkout) error {
			answers, err := c.answers()
			if err != nil {
				return err
			}
			if written := c.Record.Kitout; written != version() {
				fmt.Fprintf(s.err, "warning: kitout %s wrote this repository; this is %s, and may write other files\n", written, version())
			}
			folder := answers.Name // of a new repository
			if answers.Entry != "" {
				folder = filepath.ToSlash(filepath.Clean(c.name))
			}
			if asJSON {
				return encode(s, map[string][]string{"command": append([]string{"kitout"}, c.catalog.Command(answers, folder)...)})
			}
			fmt.Fprintln(s.out, shellLine(c.catalog, answers, folder))
			return nil
		}),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the words as JSON")
	libraryFlags(cmd, false)
	return cmd
}

// shellLine is the command that gives the answers, for a folder, quoted for a POSIX shell.
func shellLine(catalog *generator.Catalog, answers *generator.Answers, folder string) string {
	words := append([]string{"kitout"}, catalog.Command(answers, folder)...)
	for i, word := range words {
		words[i] = shellWord(word)
	}
	return strings.Join(words, " ")
}
