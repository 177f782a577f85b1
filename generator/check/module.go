package check

import (
	"path"
	"runtime"
	"strings"
	"sync"

	"github.com/kitout/kitout/generator/internal/python"
	"github.com/kitout/kitout/generator/internal/words"
)

// module is one Python file that runs in production.
type module struct {
	Path string
	text string

	read func() *python.Source
}

func newModule(name string, data []byte) *module {
	return &module{Path: name, text: string(data), read: sync.OnceValue(func() *python.Source { return python.Parse(data) })}
}

// look is what a rule looks for in every Python file. Most files have none of its words, and are not parsed.
type look struct {
	words    []string
	settings bool // files whose name says that they are for development do not count
	judge    func(r *repository, m *module) []Finding
}

// calls judges each call of the files that mention one of the words; "" is nothing to say.
func calls(words []string, judge func(call python.Called) string) look {
	return look{words: words, judge: func(_ *repository, m *module) (findings []Finding) {
		for _, call := range m.read().Calls {
			if message := judge(call); message != "" && !m.excused(call.Value.Line) {
				findings = append(findings, m.finding(call.Value.Line, message))
			}
		}
		return findings
	}}
}

// assignments judges each assignment of the files that mention one of the words, but of those for development.
func assignments(words []string, judge func(r *repository, a python.Assignment) string) look {
	return look{words: words, settings: true, judge: func(r *repository, m *module) (findings []Finding) {
		for _, a := range m.read().Assignments {
			if message := judge(r, a); message != "" && !m.excused(a.Line) {
				findings = append(findings, m.finding(a.Line, message))
			}
		}
		return findings
	}}
}

// code is what one pass over all Python files found.
type code struct {
	words    *words.Set
	found    words.Found          // in any of the files
	findings map[string][]Finding // by rule
}

// readCode reads every Python file once, on all processors: it keeps what the rules say about it, and nothing of the file.
func (r *repository) readCode() *code {
	rules := Rules()
	var list []string
	for _, rule := range rules {
		list = append(list, rule.words...)
		for _, look := range rule.looks {
			list = append(list, look.words...)
		}
	}
	all := &code{words: words.New(list), findings: map[string][]Finding{}}
	all.found = all.words.In(nil)
	type wanted struct {
		look
		rule string
		any  words.Found
	}
	var looks []wanted
	for _, rule := range rules {
		for _, look := range rule.looks {
			looks = append(looks, wanted{look, rule.ID, all.words.Of(look.words...)})
		}
	}
	var lock sync.Mutex
	judge := func(name string, data []byte) {
		found, findings := all.words.In(data), map[string][]Finding{}
		var m *module
		for _, look := range looks {
			if found.Meets(look.any) && (!look.settings || !forDevelopment(name)) {
				if m == nil {
					m = newModule(name, data)
				}
				findings[look.rule] = append(findings[look.rule], look.judge(r, m)...)
			}
		}
		lock.Lock()
		defer lock.Unlock()
		all.found.Add(found)
		for id, each := range findings {
			all.findings[id] = append(all.findings[id], each...)
		}
	}
	paths := r.modules()
	parallel(len(paths), func(i int) { r.tree.Look(paths[i], func(data []byte) { judge(paths[i], data) }) })
	return all
}

// parallel calls a function with each number below n, on all processors.
func parallel(n int, do func(i int)) {
	var wait sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for worker := range workers {
		wait.Go(func() {
			for i := worker; i < n; i += workers {
				do(i)
			}
		})
	}
	wait.Wait()
}

// says reports whether one of the words, which must be those of a rule, stands in some Python file.
func (r *repository) says(list ...string) bool {
	return r.code().found.Meets(r.code().words.Of(list...))
}

// readModules takes every Python file but tests.
func (r *repository) readModules() (paths []string) {
	for _, name := range r.tree.Paths() {
		if path.Ext(name) == ".py" && !aside(name) && !isTest(name) {
			paths = append(paths, name)
		}
	}
	return paths
}

func isTest(name string) bool {
	base := path.Base(name)
	return strings.HasPrefix(base, "test_") || strings.HasSuffix(base, "_test.py") || base == "conftest.py" || base == "tests.py"
}

func hasModules(r *repository) bool { return len(r.modules()) > 0 }

// excused reports whether a comment on the line says that somebody has looked at it: nosec of Bandit, noqa of flake8 and ruff.
func (m *module) excused(line int) bool {
	text := m.line(line)
	return strings.Contains(text, "# nosec") || strings.Contains(text, "# noqa")
}

// line is the text of a line, from 1.
func (m *module) line(number int) string {
	for text := range strings.Lines(m.text) {
		if number--; number == 0 {
			return text
		}
	}
	return ""
}

func (m *module) finding(line int, message string) Finding {
	return Finding{Path: m.Path, Line: line, Message: message}
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
