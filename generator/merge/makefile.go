package merge

import (
	"slices"
	"strings"
)

var (
	makeVariable = compiled(`^\s*(?:(?:export|override)\s+)*([\w.-]+)\s*(?:\?|:{0,3}|\+|!)=`)
	makeRule     = compiled(`^([^\s#:=][^#:=]*?)\s*::?(?:[^=:]|$)`)
	makeOther    = compiled(`^\s*(?:-?include|sinclude|ifn?eq|ifn?def|else|endif|define|endef|undefine|unexport|vpath|load)\b`)
)

// ofAllRecipes are variables that reach every recipe of a file, also the user's own: added ones are set for the added targets.
func ofAllRecipes(line string) bool {
	name := makeVariable().FindStringSubmatch(line)[1]
	return strings.HasPrefix(line, "export") || name == "SHELL" || name == ".SHELLFLAGS"
}

// ofTheUser are variables that say how make itself behaves.
var ofTheUser = []string{".DEFAULT_GOAL", "MAKEFLAGS", ".RECIPEPREFIX"}

// makefile is what a Makefile defines.
type makefile struct {
	variables []makeItem
	rules     []makeItem
	phony     map[string]bool
	special   map[string]bool // targets that change how make works
	other     bool            // there are lines of another kind
}

// makeItem is a variable or a rule, with its comments and its recipe.
type makeItem struct {
	names    []string
	comments string
	text     string
}

func parseMakefile(text string) makefile {
	m := makefile{phony: map[string]bool{}, special: map[string]bool{}}
	var comments string
	var open *makeItem // continued, or a rule that may have a recipe
	continued := false
	for line := range strings.Lines(strings.ReplaceAll(text, "\r\n", "\n")) {
		switch {
		case continued, strings.HasPrefix(line, "\t"):
			if open != nil {
				open.text += line
			}
			continued = strings.HasSuffix(line, "\\\n")
			continue
		case blank(line):
			comments = ""
			continue
		case strings.HasPrefix(strings.TrimSpace(line), "#"):
			comments += line
			continue
		}
		open = nil
		item := makeItem{comments: comments, text: line}
		comments = ""
		continued = strings.HasSuffix(line, "\\\n")
		variable, rule := makeVariable().FindStringSubmatch(line), makeRule().FindStringSubmatch(line)
		switch {
		case makeOther().MatchString(line):
			m.other = true
		case variable != nil:
			item.names = variable[1:]
			m.variables = append(m.variables, item)
			open = &m.variables[len(m.variables)-1]
		case rule != nil && strings.HasPrefix(rule[1], "."):
			for _, name := range strings.Fields(rule[1]) {
				m.special[name] = true
			}
			if rule[1] == ".PHONY" {
				_, targets, _ := strings.Cut(line, ":")
				for _, name := range strings.Fields(targets) {
					m.phony[name] = true
				}
				comments = item.comments // about the target that follows
			}
		case rule != nil:
			item.names = strings.Fields(rule[1])
			m.rules = append(m.rules, item)
			open = &m.rules[len(m.rules)-1]
		default:
			m.other = true
		}
	}
	return m
}

func names(items []makeItem) map[string]bool {
	result := map[string]bool{}
	for _, item := range items {
		for _, name := range item.names {
			result[name] = true
		}
	}
	return result
}

// addTargets adds targets with their recipes, and the variables that the user has not set. What make does without a target stays
// as it is, and so does what surrounds the user's own recipes.
func addTargets(_, ours, theirs, eol string) (string, bool) {
	o, t := parseMakefile(ours), parseMakefile(theirs)
	if t.other || o.special[".ONESHELL"] || names(o.variables)[".RECIPEPREFIX"] {
		return "", false
	}
	variables, targets := names(o.variables), names(o.rules)
	var set, scoped, rules strings.Builder
	var added []string
	for _, rule := range t.rules {
		if slices.ContainsFunc(rule.names, func(name string) bool { return targets[name] }) {
			continue
		}
		added = append(added, rule.names...)
		rules.WriteString("\n")
		known := func(name string) bool { return !t.phony[name] || o.phony[name] }
		if phony := slices.DeleteFunc(slices.Clone(rule.names), known); len(phony) > 0 {
			rules.WriteString(".PHONY: " + strings.Join(phony, " ") + "\n")
		}
		rules.WriteString(rule.comments + rule.text)
	}
	for _, variable := range t.variables {
		name := variable.names[0]
		switch {
		case variables[name], slices.Contains(ofTheUser, name):
		case !ofAllRecipes(variable.text):
			set.WriteString(variable.comments + variable.text)
		case len(added) > 0:
			scoped.WriteString(strings.Join(added, " ") + ": " + variable.text)
		}
	}
	text := set.String()
	if scoped.Len() > 0 {
		text += "\n# For these targets alone\n" + scoped.String()
	}
	text += rules.String()
	if text == "" {
		return ours, true
	}
	return ours + gap(ours, eol) + strings.ReplaceAll(strings.TrimPrefix(text, "\n"), "\n", eol), true
}
