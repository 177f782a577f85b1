package check

import (
	"path"
	"regexp"
	"runtime"
	"strings"
	"sync"

	"github.com/kitout/kitout/generator/internal/python"
)

// module is one Python file that runs in production.
type module struct {
	Path string
	text string

	read func() *python.Source
}

// readModules takes every Python file but tests and what is made for development. Which rule looks into which is decided by words: most
// files are never parsed.
func (r *repository) readModules() (modules []*module) {
	for _, file := range r.tree.Files() {
		if path.Ext(file.Path) != ".py" || aside(file.Path) || isTest(file.Path) {
			continue
		}
		modules = append(modules, &module{Path: file.Path})
	}
	var wait sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for worker := range workers {
		wait.Go(func() {
			for i := worker; i < len(modules); i += workers {
				r.load(modules[i])
			}
		})
	}
	wait.Wait()
	return modules
}

func (r *repository) load(m *module) {
	m.text = r.text(m.Path)
	m.read = sync.OnceValue(func() *python.Source { return python.Parse([]byte(m.text)) })
}

func isTest(name string) bool {
	base := path.Base(name)
	return strings.HasPrefix(base, "test_") || strings.HasSuffix(base, "_test.py") || base == "conftest.py" || base == "tests.py"
}

func hasModules(r *repository) bool { return len(r.modules()) > 0 }

// mentions reports whether one of the words stands in the file.
func (m *module) mentions(words ...string) bool {
	for _, word := range words {
		if strings.Contains(m.text, word) {
			return true
		}
	}
	return false
}

// excused reports whether a comment on the line says that somebody has looked at it: nosec of Bandit, noqa of flake8 and ruff.
func (m *module) excused(line int) bool {
	return m.mentions("nosec", "noqa") && (strings.Contains(m.line(line), "# nosec") || strings.Contains(m.line(line), "# noqa"))
}

// line is the text of a line, from 1.
func (m *module) line(number int) string {
	lines := strings.Split(m.text, "\n")
	if number < 1 || number > len(lines) {
		return ""
	}
	return lines[number-1]
}

func (m *module) finding(line int, message string) Finding {
	return Finding{Path: m.Path, Line: line, Message: message}
}

// mentioning are the modules in which one of the words stands.
func (r *repository) mentioning(words ...string) (modules []*module) {
	for _, m := range r.modules() {
		if m.mentions(words...) {
			modules = append(modules, m)
		}
	}
	return modules
}

// settingsModules are the modules that hold settings of production and mention one of the words: anything but those whose name says that
// they are for development.
func (r *repository) settingsModules(words ...string) (modules []*module) {
	for _, m := range r.mentioning(words...) {
		if !forDevelopment(m.Path) {
			modules = append(modules, m)
		}
	}
	return modules
}

// calls returns a finding for each call that a function says something about, in modules that mention one of the words.
func (r *repository) calls(words []string, judge func(call python.Called) string) (findings []Finding) {
	for _, m := range r.mentioning(words...) {
		for _, call := range m.read().Calls {
			if message := judge(call); message != "" && !m.excused(call.Value.Line) {
				findings = append(findings, m.finding(call.Value.Line, message))
			}
		}
	}
	return findings
}

// assignments returns a finding for each assignment that a function says something about, in settings that mention one of the words.
func (r *repository) assignments(words []string, judge func(assignment python.Assignment) string) (findings []Finding) {
	for _, m := range r.settingsModules(words...) {
		for _, assignment := range m.read().Assignments {
			if message := judge(assignment); message != "" {
				findings = append(findings, m.finding(assignment.Line, message))
			}
		}
	}
	return findings
}

// setting is the name of what an assignment sets, in whatever way a framework is told: DEBUG = …, app.config["DEBUG"] = …, app.debug = ….
func setting(assignment python.Assignment) string {
	if assignment.Key != "" && strings.HasSuffix(assignment.Name, "config") {
		return assignment.Key
	}
	if assignment.Key != "" {
		return ""
	}
	return assignment.Name[strings.LastIndexByte(assignment.Name, '.')+1:]
}

// searched reports whether an expression matches somewhere in the Python code.
func (r *repository) searched(expression *regexp.Regexp) bool {
	for _, m := range r.modules() {
		if expression.MatchString(m.text) {
			return true
		}
	}
	return false
}

// isTrue reports whether a value is the literal True, or a variable whose default is.
func isTrue(value python.Value) bool {
	if value.Kind == python.Bool {
		return value.Text == "True"
	}
	_, standard, found := value.Environment()
	return found && (standard.Kind == python.Bool && standard.Text == "True" ||
		standard.Kind == python.String && truthy(standard.Text) || standard.Kind == python.Number && standard.Text == "1")
}

func truthy(text string) bool {
	switch strings.ToLower(text) {
	case "1", "true", "yes", "on":
		return true
	}
	return false
}

// stringDefault is the text that a value is, or that stands in for a variable that is not set.
func stringDefault(value python.Value) string {
	if value.Kind == python.String {
		return value.Text
	}
	if _, standard, found := value.Environment(); found && standard.Kind == python.String {
		return standard.Text
	}
	return ""
}
