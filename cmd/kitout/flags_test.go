package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/kitout/kitout/generator"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

var (
	longFlag       = regexp.MustCompile(`(?:^|[^\w-])(--[a-z][a-z-]*)`)
	kitoutCommand  = regexp.MustCompile(`\bkitout ([a-z]+(?: (?:--)?[\w.…-]+)*)`)
	scriptWithFlag = regexp.MustCompile(`scripts/([a-z-]+)((?: --[a-z-]+)+)`)
	scriptUsage    = regexp.MustCompile(`(?s)\A#!.*?\n\n`)
	ofOthers       = regexp.MustCompile(`\$\([^)]*\)|docker compose [^"\n]*`)
	scriptMessage  = regexp.MustCompile(`\b(?:say|fail|echo|printf) +(?:"[^"]*"|'[^']*')`)
)

// flagsIn are the long flags in a text.
func flagsIn(text string) (flags []string) {
	for _, found := range longFlag.FindAllStringSubmatch(text, -1) {
		flags = append(flags, found[1])
	}
	return flags
}

// othersFlags are those that messages name of other programs.
var othersFlags = strings.Fields(`--check --checksum --defaults-extra-file --extra-index-url --fail --generate-hashes --hash --locked
	--message --mount --no-cache-dir --no-install-recommends --reload --require-hashes --single-transaction`)

// TestEveryMessageNamesFlagsThatExist looks through the texts in the code, which are those with a space in them, for flags. Where one
// names a command with them, they must be that command's.
func TestEveryMessageNamesFlagsThatExist(t *testing.T) {
	root := wholeRoot()
	known := map[string]bool{}
	for _, command := range allCommands(root) {
		command.Flags().VisitAll(func(flag *pflag.Flag) { known["--"+flag.Name] = true })
	}
	found, others := 0, map[string]bool{}
	eachText(t, func(place, text string) {
		for _, flag := range flagsIn(text) {
			found++
			switch {
			case known[flag]:
			case slices.Contains(othersFlags, flag):
				others[flag] = true
			default:
				t.Errorf("%s: nothing has %s: %s", place, flag, text)
			}
		}
		for _, line := range kitoutCommand.FindAllStringSubmatch(text, -1) {
			for _, flag := range flagsIn(line[1]) {
				if !hasFlag(root, strings.Fields(line[1]), flag) {
					t.Errorf("%s: no such command has %s: kitout %s", place, flag, line[1])
				}
			}
		}
	})
	if found < 60 || len(others) < len(othersFlags) {
		t.Errorf("%d flags were found; of those of others %d instead of %d", found, len(others), len(othersFlags))
	}
}

// hasFlag is whether the command that the words begin with has a flag.
func hasFlag(root *cobra.Command, words []string, flag string) bool {
	command, _, err := root.Find(words)
	return err == nil && command != root && command.Flags().Lookup(strings.TrimPrefix(flag, "--")) != nil
}

// eachText calls a function with each string in the product's Go code that has a space.
func eachText(t *testing.T, look func(place, text string)) {
	t.Helper()
	for _, folder := range []string{"cmd/kitout", "cmd/internal/origin", "cmd/internal/prompt", "cmd/internal/survey", "cmd/internal/web", "generator"} {
		must(t, filepath.WalkDir(filepath.Join("../..", folder), func(name string, entry fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(node ast.Node) bool {
				if literal, is := node.(*ast.BasicLit); is && literal.Kind == token.STRING {
					if text, err := strconv.Unquote(literal.Value); err == nil && strings.Contains(text, " ") {
						look(strings.TrimPrefix(filepath.ToSlash(name), "../../"), text)
					}
				}
				return true
			})
			return nil
		}))
	}
}

// TestEveryScriptHasTheFlagsThatAreNamed builds repositories with each choice. What a script says of its flags, in its usage or in a
// message, and what any other file passes to it, must be a case of it.
func TestEveryScriptHasTheFlagsThatAreNamed(t *testing.T) {
	named := 0
	for _, files := range eachChoice(t) {
		has := func(script, flag string) bool {
			return regexp.MustCompile(`(?m)^[^#\n(]*` + flag + `(?:[^\w()\n-][^()\n]*)?\)`).MatchString(files["scripts/"+script])
		}
		for name, content := range files {
			for _, call := range scriptWithFlag.FindAllStringSubmatch(content, -1) {
				for _, flag := range flagsIn(call[2]) {
					if named++; !has(call[1], flag) {
						t.Errorf("%s: scripts/%s has no %s", name, call[1], flag)
					}
				}
			}
			if path.Dir(name) != "scripts" || !strings.HasPrefix(content, "#!") {
				continue
			}
			says := scriptUsage.FindString(content) + strings.Join(scriptMessage.FindAllString(content, -1), "\n")
			for _, flag := range flagsIn(ofOthers.ReplaceAllString(scriptWithFlag.ReplaceAllString(says, ""), "")) {
				if named++; !has(path.Base(name), flag) {
					t.Errorf("%s: speaks of %s, which it has not", name, flag)
				}
			}
		}
	}
	if named < 1000 {
		t.Errorf("only %d flags were named", named)
	}
}

// eachChoice are the files of each preset, and of the repositories that have one choice other than the defaults.
func eachChoice(t *testing.T) (repositories []map[string]string) {
	t.Helper()
	presets, err := library{}.allPresets()
	must(t, err)
	var all []generator.Given
	for _, preset := range presets {
		given, err := library{}.givenPreset(preset.Name)
		must(t, err)
		all = append(all, given)
	}
	catalog, err := loadCatalog()
	must(t, err)
	for _, question := range catalog.Questions {
		for _, choice := range question.Choices {
			// What every choice goes with
			values := map[string][]string{"framework": {"django"}, "database": {"postgres"}, "proxy": {"none"}}
			values[question.Name] = []string{choice}
			all = append(all, generator.Given{Origin: "%s", Values: values})
		}
	}
	for _, given := range all {
		files := map[string]string{}
		for _, change := range buildFor(t, given) {
			files[change.Path] = string(change.Content)
		}
		repositories = append(repositories, files)
	}
	return repositories
}
