package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/kitout/kitout/cmd/internal/prompt"
	"github.com/kitout/kitout/generator"
	"github.com/spf13/cobra"
)

// elsewhere is a new repository in a folder that is still to be named.
const elsewhere = "new DIR"

// start looks at the folder at hand, offers what can be done with it, and does that: `kitout` alone on a terminal.
func start(root *cobra.Command, s streams) error {
	what, lines, err := doneHere()
	if err != nil {
		return err
	}
	var options []prompt.Option
	for _, line := range lines {
		if command, _, err := root.Find([]string{word(line)}); err == nil {
			options = append(options, prompt.Option{Label: "kitout " + line + " – " + command.Short, Value: line})
		}
	}
	line, err := prompt.One(root.Context(), what+". What is to be done?", options, "", s.in, s.err)
	if err != nil {
		return interrupted(err)
	}
	args := []string{word(line)}
	switch line {
	case elsewhere:
		folder, err := prompt.Line(root.Context(), "In which folder?", isNewFolder, s.in, s.err)
		if err != nil {
			return interrupted(err)
		}
		args = append(args, "--", folder)
	case newHere:
		args = append(args, ".")
	}
	command := newRoot(s, args)
	command.SetArgs(args)
	return command.ExecuteContext(root.Context())
}

// newHere is a new repository in the folder at hand.
const newHere = "new ."

// doneHere says what the folder at hand is, and what can be done with it.
func doneHere() (what string, lines []string, err error) {
	absolute, err := filepath.Abs(".")
	if err != nil {
		return "", nil, err
	}
	folder, err := generator.OpenFolder(".")
	if err != nil {
		return "", nil, err
	}
	defer func() { _ = folder.Close() }()
	entries, err := folder.Entries()
	if err != nil {
		return "", nil, err
	}
	record, err := generator.ReadRecord(folder.Fs)
	name := filepath.Base(absolute)
	switch {
	case err != nil:
		return "", nil, err
	case record != nil:
		return name + " is a repository that kitout has written into", []string{"check", "add", "update", "status", "help"}, nil
	case len(entries) == 0:
		return name + " is empty", []string{newHere, elsewhere, "help"}, nil
	}
	return name + " is a folder that kitout has not written into", []string{"add", "check", elsewhere, "help"}, nil
}

// isNewFolder wants the name of a folder that is not there.
func isNewFolder(name string) error {
	if name == "" {
		return errors.New("name a folder, such as shop")
	}
	if _, err := os.Lstat(name); err == nil {
		return errors.New(name + " is there already")
	}
	return nil
}

// word is the command of a line.
func word(line string) string {
	first, _, _ := strings.Cut(line, " ")
	return first
}
