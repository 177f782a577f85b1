// Package makefile reads which commands the targets of a Makefile run, as far as that shows without running make: no conditions, no
// functions, no included files.
package makefile

import (
	"strings"

	"github.com/kitout/kitout/generator/internal/lazy"
)

// Line is one line of a recipe, its continuations joined.
type Line struct {
	Text string
	Line int // from 1
}

// File is one Makefile.
type File struct {
	rules map[string]*rule
}

type rule struct {
	needs []string
	lines []Line
}

// head is the first line of a rule, compiled when it is needed.
var head = lazy.Regexp(`^([A-Za-z0-9_./%-]+(?:[ \t]+[A-Za-z0-9_./%-]+)*)[ \t]*::?([^=].*)?$`)

// Parse reads a Makefile.
func Parse(text string) *File {
	file := &File{rules: map[string]*rule{}}
	lines := strings.Split(text, "\n")
	var current []*rule
	for i := 0; i < len(lines); i++ {
		start, line := i, strings.TrimRight(lines[i], "\r")
		for strings.HasSuffix(line, `\`) && i+1 < len(lines) {
			i++
			line = strings.TrimRight(strings.TrimSuffix(line, `\`), " \t") + " " + strings.TrimSpace(lines[i])
		}
		if strings.HasPrefix(line, "\t") {
			for _, rule := range current {
				rule.lines = append(rule.lines, Line{strings.TrimLeft(line, "\t @-+"), start + 1})
			}
			continue
		}
		plain, _, _ := strings.Cut(line, "#")
		if strings.TrimSpace(plain) == "" {
			continue
		}
		current = nil
		if match := head().FindStringSubmatch(strings.TrimRight(plain, " \t")); match != nil {
			for _, target := range strings.Fields(match[1]) {
				if file.rules[target] == nil {
					file.rules[target] = &rule{}
				}
				current = append(current, file.rules[target])
				file.rules[target].needs = append(file.rules[target].needs, strings.Fields(match[2])...)
			}
		}
	}
	return file
}

// Commands returns what making a target runs: what it needs first, each target once.
func (f *File) Commands(target string) []Line { return f.commands(target, map[string]bool{}) }

func (f *File) commands(target string, seen map[string]bool) (lines []Line) {
	rule := f.rules[target]
	if rule == nil || seen[target] {
		return nil
	}
	seen[target] = true
	for _, need := range rule.needs {
		lines = append(lines, f.commands(need, seen)...)
	}
	return append(lines, rule.lines...)
}
