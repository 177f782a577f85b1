package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// report is what a refresh has done.
type report struct {
	steps    []stepOutcome
	packages []change
	pins     []change
	left     []string // what is pinned and stays, with the reason
	findings string   // of the audit; empty: nobody looked
}

// stepOutcome is how one step ended.
type stepOutcome struct {
	name   string
	failed error
}

// versions returns the pins of a table of packages.
func versions(table string) map[string]string {
	found := map[string]string{}
	for line := range strings.Lines(table) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "package" {
			found[fields[1]] = fields[2]
		}
	}
	return found
}

// packageChanges are between two tables, by name; a package that one of them does not have is none there.
func packageChanges(before, after string) (changes []change) {
	old, now := versions(before), versions(after)
	names := maps.Clone(old)
	maps.Copy(names, now)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if old[name] != now[name] {
			changes = append(changes, change{name: name, from: old[name], to: now[name]})
		}
	}
	return changes
}

func (r *report) text() string {
	var out strings.Builder
	out.WriteString("# Refresh\n\n## Steps\n\n")
	for _, step := range r.steps {
		how := "done"
		if step.failed != nil {
			how = "failed: " + step.failed.Error()
		}
		fmt.Fprintf(&out, "- %s: %s\n", step.name, how)
	}
	out.WriteString("\n## Packages\n\n" + rows(r.packages))
	out.WriteString("\n" + r.pinned())
	out.WriteString("\n## Known vulnerabilities\n\n")
	if r.findings == "" {
		out.WriteString("Nobody looked for them among these packages.\n")
	} else {
		out.WriteString("```\n" + r.findings + "```\n")
	}
	return out.String()
}

// pinned is the report's part about actions, hooks and images.
func (r *report) pinned() string {
	text := "## Actions, hooks and images\n\n" + rows(r.pins)
	if len(r.left) > 0 {
		text += "\nAs they were:\n\n- " + strings.Join(r.left, "\n- ") + "\n"
	}
	return text
}

// rows is a table of changes, or says that there are none.
func rows(changes []change) string {
	if len(changes) == 0 {
		return "None changed.\n"
	}
	text := "| | from | to |"
	if changes[0].file != "" {
		text += " in |"
	}
	text += "\n" + strings.Repeat("| --- ", strings.Count(text, "|")-1) + "|\n"
	for _, c := range changes {
		text += strings.TrimSuffix(fmt.Sprintf("| %s | %s | %s | %s |", c.name, c.from, c.to, c.file), "  |") + "\n"
	}
	return text
}
