package main

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/kitout/kitout/generator"
)

// longestLine is the line length that the generated pyproject.toml sets.
const longestLine = 100

// TestNames renders every framework with every database under names that are as long as they may be, or sort before and
// after everything else, and wants Python that a formatter would leave alone: short lines, sorted imports.
func TestNames(t *testing.T) {
	catalog, err := loadCatalog()
	must(t, err)
	options, _, err := options()
	must(t, err)
	look := newInspector()
	for _, name := range []string{"a1", "zz9", "warehouse-inventory-administration-front"} {
		for _, framework := range catalog.Question("framework").Choices {
			for _, database := range catalog.Question("database").Choices {
				answers, err := catalog.Resolve(name, nil, generator.Given{
					Origin: "%s", Values: map[string][]string{"framework": {framework}, "database": {database}},
				})
				must(t, err)
				combination := fmt.Sprintf("name=%s framework=%s database=%s", name, framework, database)
				plan, err := catalog.NewPlan(answers, options)
				if _, refused := errors.AsType[*generator.UsageError](err); refused {
					continue
				}
				must(t, err)
				files, err := plan.Render()
				must(t, err)
				for _, file := range files {
					if first, _, _ := strings.Cut(string(file.Content), "\n"); path.Ext(file.Path) == ".py" || strings.HasPrefix(first, "#!") && strings.Contains(first, "python") {
						look.format(combination, strings.ReplaceAll(file.Path, answers.Package, "PACKAGE"), string(file.Content))
					}
				}
			}
		}
	}
	look.report(t)
}

// format finds lines that are too long, and imports that are out of order.
func (look *inspector) format(combination, file, text string) {
	for line := range strings.Lines(text) {
		if line = strings.TrimRight(line, "\n"); len([]rune(line)) > longestLine {
			look.problem(combination, file, fmt.Sprintf("a line of %d characters: %s", len([]rune(line)), strings.TrimSpace(line)))
		}
	}
	for _, pair := range unsortedImports(text) {
		look.problem(combination, file, fmt.Sprintf("%q stands before %q", pair[0], pair[1]))
	}
}

var importLine = regexp.MustCompile(`^([ \t]*)(import|from) (\.*[\w.]*)(?: import .*|,.*| as .*)?(?: *#.*)?$`)

// unsortedImports returns the statements that stand before one that isort would put first. Anything but an import ends a section,
// as an empty line does.
func unsortedImports(text string) (pairs [][2]string) {
	last, lastKey, open := "", "", false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if open { // the names of an import on several lines
			open = !strings.HasPrefix(strings.TrimSpace(line), ")")
			continue
		}
		match := importLine.FindStringSubmatch(line)
		if match == nil {
			last, lastKey = "", ""
			continue
		}
		order := map[string]string{"import": "1", "from": "2"}[match[2]]
		key := order + strings.ToLower(match[3])
		if last != "" && key < lastKey {
			pairs = append(pairs, [2]string{last, line})
		}
		last, lastKey, open = line, key, strings.HasSuffix(line, "(")
	}
	return pairs
}

func TestUnsortedImports(t *testing.T) {
	for text, want := range map[string]int{
		"import a\nimport b\nfrom a import (\n    z,\n)\nfrom B import y\n\nimport a\n": 0,
		"from a import b\nimport c\n":                                                  1,
		"    import b\n    import a\nx = 1\nimport a\n":                                1,
		"from zz9.a import b\nfrom flask import c\n":                                   1,
		"import b as c\nfrom a import b  # noqa\nfrom the words of a text\nimport a\n": 0,
	} {
		if got := unsortedImports(text); len(got) != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}
