package manifest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// table is a TOML table of which nothing is known: the getters give zero values where there is something else.
type table map[string]any

func parseTOML(l *lines) table {
	parsed := table{}
	if _, err := toml.Decode(string(l.data), (*map[string]any)(&parsed)); err != nil {
		return table{}
	}
	return parsed
}

func (t table) table(keys ...string) table {
	for _, key := range keys {
		next, _ := t[key].(map[string]any)
		t = next
	}
	return t
}

func (t table) text(key string) string { text, _ := t[key].(string); return text }

// texts are the strings of a list.
func texts(value any) (all []string) {
	list, _ := value.([]any)
	for _, item := range list {
		if text, is := item.(string); is {
			all = append(all, text)
		}
	}
	return all
}

func sorted(t table) []string { return slices.Sorted(maps.Keys(t)) }

// readProject reads pyproject.toml: PEP 621 and PEP 735, Poetry's tables and PDM's, and where setuptools looks for packages.
func readProject(m *Manifest, l *lines) {
	root := parseTOML(l)
	project, at := root.table("project"), l.table("project")
	m.Name = l.value(at, "name", project.text("name"))
	m.Python = l.value(at, "requires-python", project.text("requires-python"))
	m.requirements(l, l.key(at, "dependencies"), "", texts(project["dependencies"]))
	for _, extra := range sorted(project.table("optional-dependencies")) {
		from := l.key(l.table("project.optional-dependencies"), extra)
		m.requirements(l, from, extra, texts(project.table("optional-dependencies")[extra]))
	}
	for _, group := range sorted(root.table("dependency-groups")) {
		m.requirements(l, l.key(l.table("dependency-groups"), group), group, texts(root.table("dependency-groups")[group]))
	}
	tool := root.table("tool")
	for _, group := range sorted(tool.table("pdm", "dev-dependencies")) {
		m.requirements(l, l.key(l.table("tool.pdm.dev-dependencies"), group), group, texts(tool.table("pdm", "dev-dependencies")[group]))
	}
	m.requirements(l, l.key(l.table("tool.uv"), "dev-dependencies"), "dev", texts(tool.table("uv")["dev-dependencies"]))
	m.poetry(l, tool.table("poetry"))
	m.Roots = append(m.Roots, texts(tool.table("setuptools", "packages", "find")["where"])...)
	if where := tool.table("setuptools", "package-dir").text(""); where != "" {
		m.Roots = append(m.Roots, where)
	}
}

// poetry reads [tool.poetry].
func (m *Manifest) poetry(l *lines, poetry table) {
	at := l.table("tool.poetry")
	if m.Name.Value == "" {
		m.Name = l.value(at, "name", poetry.text("name"))
	}
	python := l.value(l.table("tool.poetry.dependencies"), "python", poetry.table("dependencies").text("python"))
	if m.Python.Value == "" {
		m.Python = python
	}
	m.versions(l, "tool.poetry.dependencies", "", poetry.table("dependencies"))
	m.versions(l, "tool.poetry.dev-dependencies", "dev", poetry.table("dev-dependencies"))
	for _, group := range sorted(poetry.table("group")) {
		m.versions(l, fmt.Sprintf("tool.poetry.group.%s.dependencies", group), group, poetry.table("group", group, "dependencies"))
	}
	packages, _ := poetry["packages"].([]any)
	for _, entry := range packages {
		if from := (table{"": entry}).table("").text("from"); from != "" {
			m.Roots = append(m.Roots, from)
		}
	}
}

func (l *lines) value(from int, key, value string) Text {
	if value == "" {
		return Text{}
	}
	return Text{value, l.key(from, key)}
}

// requirements notes a list of PEP 508 requirements whose first line is known.
func (m *Manifest) requirements(l *lines, from int, group string, list []string) {
	for _, text := range list {
		if d, found := Requirement(text); found {
			d.Group, d.Line = group, l.holding(from, text)
			m.add(d)
		}
	}
}

// versions notes a table of names with versions, or with tables that have one.
func (m *Manifest) versions(l *lines, name, group string, dependencies table) {
	from := l.table(name)
	for _, key := range sorted(dependencies) {
		d := Dependency{Name: key, Group: group, Line: l.key(from, key)}
		switch value := dependencies[key].(type) {
		case string:
			d.Version = value
		case map[string]any:
			d.Version, d.Extras = table(value).text("version"), texts(value["extras"])
		}
		m.add(d)
	}
}

// readPipfile reads [packages], [dev-packages] and the version of Python.
func readPipfile(m *Manifest, l *lines) {
	root := parseTOML(l)
	m.versions(l, "packages", "", root.table("packages"))
	for _, group := range sorted(root) {
		if strings.HasSuffix(group, "packages") && group != "packages" {
			m.versions(l, group, strings.TrimSuffix(group, "-packages"), root.table(group))
		}
	}
	for _, key := range []string{"python_version", "python_full_version"} {
		if value := l.value(l.table("requires"), key, root.table("requires").text(key)); value.Value != "" {
			m.Python = value
		}
	}
}

// readLock reads the locks of uv, Poetry and PDM, which have a table for each package: only the name and version of each.
func readLock(m *Manifest, l *lines) {
	m.Lock = true
	inside := false
	for i, line := range l.all {
		switch {
		case strings.HasPrefix(line, "[["):
			inside = strings.HasPrefix(line, "[[package]]")
		case strings.HasPrefix(line, "["):
			inside = false
		case inside && strings.HasPrefix(line, "name = "):
			m.add(Dependency{Name: strings.Trim(line[len("name = "):], `"' `), Line: i + 1})
		case inside && strings.HasPrefix(line, "version = ") && len(m.Dependencies) > 0:
			m.Dependencies[len(m.Dependencies)-1].Version = strings.Trim(line[len("version = "):], `"' `)
		}
	}
}

// readPipfileLock reads the names of "default" and "develop", as Pipenv indents them.
func readPipfileLock(m *Manifest, l *lines) {
	m.Lock = true
	section := ""
	for i, line := range l.all {
		text := strings.TrimLeft(line, " ")
		depth := len(line) - len(text)
		key, rest, found := strings.Cut(strings.TrimPrefix(text, `"`), `"`)
		if !found || !strings.HasPrefix(strings.TrimSpace(rest), ":") {
			continue
		}
		switch {
		case depth == 4:
			section = key
		case depth == 8 && section == "default":
			m.add(Dependency{Name: key, Line: i + 1})
		case depth == 8 && section == "develop":
			m.add(Dependency{Name: key, Group: "dev", Line: i + 1})
		}
	}
}
