package main

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/text"
)

// wholeRoot is the tree of commands, each with all of its flags.
func wholeRoot() *cobra.Command {
	root := newRoot(streams{in: strings.NewReader(""), out: io.Discard, err: io.Discard}, []string{"new", "add", "update"})
	root.InitDefaultHelpCmd()
	for _, command := range allCommands(root) {
		command.InitDefaultHelpFlag()
	}
	return root
}

func allCommands(root *cobra.Command) (all []*cobra.Command) {
	for _, command := range root.Commands() {
		all = append(append(all, command), allCommands(command)...)
	}
	return all
}

// phrase is a piece of code in a text for users.
type phrase struct{ place, code string }

// phrasesOf returns what stands as code in the documentation: each line of a block, and each span.
func phrasesOf(t *testing.T) (phrases []phrase) {
	t.Helper()
	files := []string{"README.md", "CONTRIBUTING.md"}
	must(t, fs.WalkDir(os.DirFS("../.."), "docs", func(name string, entry fs.DirEntry, err error) error {
		if strings.HasSuffix(name, ".md") {
			files = append(files, name)
		}
		return err
	}))
	for _, file := range files {
		source, err := os.ReadFile(filepath.Join("../..", file))
		must(t, err)
		document := goldmark.DefaultParser().Parse(text.NewReader(source))
		must(t, ast.Walk(document, func(node ast.Node, entering bool) (ast.WalkStatus, error) {
			if !entering {
				return ast.WalkContinue, nil
			}
			switch node := node.(type) {
			case *ast.CodeBlock, *ast.FencedCodeBlock:
				for _, line := range node.Lines().Sliced(0, node.Lines().Len()) {
					phrases = append(phrases, phrase{file, strings.TrimSpace(string(line.Value(source)))})
				}
			case *ast.CodeSpan:
				var code strings.Builder
				for child := node.FirstChild(); child != nil; child = child.NextSibling() {
					code.Write(child.(*ast.Text).Segment.Value(source))
				}
				phrases = append(phrases, phrase{file, strings.Join(strings.Fields(strings.ReplaceAll(code.String(), `\|`, "|")), " ")})
			}
			return ast.WalkContinue, nil
		}))
	}
	return phrases
}

var (
	shellWords = regexp.MustCompile(`'[^']*'|"[^"]*"|\S+`)
	commented  = regexp.MustCompile(`\s+(#|>|\||  ).*$`)
	aFlag      = regexp.MustCompile(`^--?[a-z][a-z-]*`)
	aMeta      = regexp.MustCompile(`^\[?[A-Z][A-Z|/]*…?\]?$|^\[.*…?\]$|^…$|…$`) // DIR, [DIR], QUESTION/CHOICE, [WHAT…]
)

// commandOf returns the words of a command line of kitout, and whether it is one.
func commandOf(code string) (words []string, is bool) {
	code, is = strings.CutPrefix(strings.TrimPrefix(strings.Replace(code, "go run ./cmd/kitout ", "kitout ", 1), "source <("), "kitout ")
	if !is {
		return nil, false
	}
	for _, word := range shellWords.FindAllString(strings.TrimSuffix(commented.ReplaceAllString(code, ""), ")"), -1) {
		words = append(words, strings.Trim(word, `'"`))
	}
	return words, true
}

// parse says what is wrong with a command line.
func parse(words []string) error {
	root := wholeRoot()
	command, rest, err := root.Find(words)
	if err != nil {
		return err
	}
	if command == root || !command.Runnable() {
		return knownCommand(root, words)
	}
	return command.ParseFlags(slices.DeleteFunc(slices.Clone(rest), aMeta.MatchString))
}

// TestEveryCommandInTheDocsExists parses what README.md, CONTRIBUTING.md and docs show of kitout, and finds each flag that they name.
func TestEveryCommandInTheDocsExists(t *testing.T) {
	known := map[string]bool{}
	for _, command := range allCommands(wholeRoot()) {
		command.Flags().VisitAll(func(flag *pflag.Flag) {
			known["--"+flag.Name] = true
			if flag.Shorthand != "" {
				known["-"+flag.Shorthand] = true
			}
		})
	}
	commands, flags := 0, 0
	for _, phrase := range phrasesOf(t) {
		if words, is := commandOf(phrase.code); is {
			commands++
			if err := parse(words); err != nil {
				t.Errorf("%s: %s: %v", phrase.place, phrase.code, err)
			}
			continue
		}
		others := phrase.place == "docs/compared.md" || strings.HasPrefix(phrase.place, "docs/decisions/") // of other programs
		if others || !aFlag.MatchString(phrase.code) {
			continue
		}
		for _, word := range strings.Fields(phrase.code) {
			if flag := aFlag.FindString(word); flag != "" {
				if flags++; !known[flag] {
					t.Errorf("%s: %s: no command has %s", phrase.place, phrase.code, flag)
				}
			}
		}
	}
	if commands < 80 || flags < 60 {
		t.Errorf("only %d commands and %d flags were found", commands, flags)
	}
}

// TestEveryHelpHasExamples wants an example in the help of each command that people run, and none that would not parse.
func TestEveryHelpHasExamples(t *testing.T) {
	for _, command := range allCommands(wholeRoot()) {
		if command.Hidden || command.HasAvailableSubCommands() {
			continue
		}
		found := 0
		for line := range strings.Lines(command.Example) {
			words, is := commandOf(strings.TrimSpace(line))
			if !is {
				t.Errorf("%s: %q is no command", command.CommandPath(), line)
				continue
			}
			found++
			if err := parse(words); err != nil {
				t.Errorf("%s: %s: %v", command.CommandPath(), strings.TrimSpace(line), err)
			}
		}
		if found == 0 {
			t.Errorf("%s: no example", command.CommandPath())
		}
		help := command.Short + "\n" + command.Long
		command.Flags().VisitAll(func(flag *pflag.Flag) { help += "\n" + flag.Usage })
		for _, hint := range regexp.MustCompile(`--[a-z][a-z-]*`).FindAllString(help, -1) {
			if command.Flags().Lookup(strings.TrimPrefix(hint, "--")) == nil && hint != "--yes" && hint != "--templates" && hint != "--preset" {
				t.Errorf("%s: the help names %s", command.CommandPath(), hint)
			}
		}
	}
}

// TestExamplesRun runs the examples of the documentation and of the help texts that name real things, in a repository; what would write only says
// what it would.
func TestExamplesRun(t *testing.T) {
	phrases := phrasesOf(t)
	for _, command := range allCommands(wholeRoot()) {
		if command.Hidden {
			continue
		}
		for line := range strings.Lines(command.Example) {
			phrases = append(phrases, phrase{command.CommandPath(), strings.TrimSpace(line)})
		}
	}
	parent := t.TempDir()
	commandLine(t, exitDone, "new", filepath.Join(parent, "shop"), "--no-git", "--yes")
	must(t, os.Mkdir(filepath.Join(parent, "bare"), 0o755))
	must(t, os.WriteFile(filepath.Join(parent, "bare", "app.py"), []byte("import flask\n\napp = flask.Flask(__name__)\n"), 0o644))
	must(t, os.WriteFile(filepath.Join(parent, "bare", "requirements.txt"), []byte("flask\n"), 0o644))
	must(t, os.WriteFile(filepath.Join(parent, "shop", "answers.yaml"), []byte("database: postgres\n"), 0o644))
	commandLine(t, exitDone, "layer", "new", "ci/woodpecker", filepath.Join(parent, "our-layers"))
	ran := map[string]bool{}
	for _, phrase := range phrases {
		words, is := commandOf(phrase.code)
		if !is || slices.ContainsFunc(words, aMeta.MatchString) || ran[strings.Join(words, " ")] || len(words) == 0 {
			continue
		}
		ran[strings.Join(words, " ")] = true
		folder := filepath.Join(parent, "shop")
		switch words[0] {
		case "new":
			if len(words) == 1 {
				continue // the command as a word of a sentence
			}
			words = append(words, "--dry-run")
			if words[1] == "shop" {
				words[1] = "other"
			}
		case "add":
			folder = filepath.Join(parent, "bare")
			words = append(words, "--dry-run")
			if len(words) == 2 {
				continue
			}
		case "update", "undo":
			words = append(words, "--dry-run")
			if slices.Contains(words, "shop") || words[0] == "undo" { // another folder; nothing to undo
				continue
			}
		case "layer":
			if len(words) < 3 || words[1] != "check" {
				continue // script tests write layers
			}
		case "explain":
			if len(words) == 1 {
				continue
			}
		case "completion", "serve":
			continue // script tests have them
		}
		t.Run(strings.Join(words, "_"), func(t *testing.T) {
			t.Chdir(folder)
			var out, told strings.Builder
			code := run(t.Context(), words, streams{in: strings.NewReader(""), out: &out, err: &told})
			if code != exitDone && code != exitConflict {
				t.Errorf("%s: kitout %s: exit code %d\n%s", phrase.place, strings.Join(words, " "), code, &told)
			}
		})
	}
	if len(ran) < 50 {
		t.Errorf("only %d examples ran", len(ran))
	}
}
