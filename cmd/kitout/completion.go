package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/kitout/kitout/generator"
	"github.com/spf13/cobra"
)

// shells are those that cobra writes completion scripts for.
var shells = []string{"bash", "fish", "powershell", "zsh"}

func newCompletion(s streams) *cobra.Command {
	return &cobra.Command{
		Use:   "completion SHELL",
		Short: "Print the completion script for " + strings.Join(shells[:3], ", ") + " or " + shells[3],
		Example: `  source <(kitout completion bash)
  kitout completion zsh > "${fpath[1]}/_kitout"
  kitout completion fish > ~/.config/fish/completions/kitout.fish
  kitout completion powershell | Out-String | Invoke-Expression`,
		ValidArgs: shells,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return &generator.UsageError{Flag: "SHELL", Problem: "name one shell", Hint: generator.Hint("", shells)}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return writeCompletion(cmd.Root(), args[0], s.out) },
	}
}

func writeCompletion(root *cobra.Command, shell string, w io.Writer) error {
	switch shell {
	case "bash":
		return root.GenBashCompletionV2(w, true)
	case "fish":
		return root.GenFishCompletion(w, true)
	case "powershell":
		return root.GenPowerShellCompletionWithDesc(w)
	case "zsh":
		return root.GenZshCompletion(w)
	}
	return &generator.UsageError{Flag: "SHELL", Problem: fmt.Sprintf("unknown shell %q", shell), Hint: generator.Hint(shell, shells)}
}
