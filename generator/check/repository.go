package check

import (
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/kitout/kitout/generator/detect"
	"github.com/kitout/kitout/generator/internal/lazy"
	"github.com/kitout/kitout/generator/internal/literal"
	"github.com/kitout/kitout/generator/internal/manifest"
	"github.com/kitout/kitout/generator/tree"
)

// repository is what the rules judge: the files, the facts, and what is read from the files when the first rule asks for it.
type repository struct {
	tree  *tree.Tree
	found *detect.Findings
	now   time.Time

	index func() *index

	images    func() []image
	services  func() []service
	workloads func() []workload
	nginx     func() []config
	apache    func() []config
	scripts   func() []script
	starts    func() []start
	steps     func() []step
	modules   func() []string // the Python files, but tests
	code      func() *code
	manifests func() []*manifest.Manifest
	workflows func() []workflow
	ignored   func() string // the .gitignore at the root
}

func newRepository(files *tree.Tree, found *detect.Findings, now time.Time) *repository {
	r := &repository{tree: files, found: found, now: now}
	r.index = sync.OnceValue(func() *index { return newIndex(files) })
	r.images = sync.OnceValue(r.readImages)
	r.services = sync.OnceValue(r.readServices)
	r.workloads = sync.OnceValue(r.readWorkloads)
	r.nginx = sync.OnceValue(r.readNginx)
	r.apache = sync.OnceValue(r.readApache)
	r.scripts = sync.OnceValue(r.readScripts)
	r.starts = sync.OnceValue(r.readStarts)
	r.steps = sync.OnceValue(r.readSteps)
	r.modules = sync.OnceValue(r.readModules)
	r.code = sync.OnceValue(r.readCode)
	r.manifests = sync.OnceValue(r.readManifests)
	r.workflows = sync.OnceValue(r.readWorkflows)
	r.ignored = sync.OnceValue(func() string { return r.text(".gitignore") })
	return r
}

// text is a file's text, or "" if there is none that can be read.
func (r *repository) text(name string) string {
	data, _ := r.tree.Text(name)
	return string(data)
}

// glob returns the paths that match one of the patterns, without those of tests, examples and documentation.
func (r *repository) glob(patterns ...string) (paths []string) {
	for _, pattern := range patterns {
		for _, name := range r.index().glob(pattern) {
			if !aside(name) && !slices.Contains(paths, name) {
				paths = append(paths, name)
			}
		}
	}
	return paths
}

// isService reports whether a folder has code, or what builds or runs it: otherwise there is nothing to judge.
func isService(r *repository) bool {
	return hasModules(r) || hasManifest(r) || hasImage(r) || hasServices(r) || hasPipeline(r) || hasNginx(r) || hasApache(r) || len(r.workloads()) > 0 || len(r.scripts()) > 0
}

// has reports whether a file matches one of the patterns.
func (r *repository) has(patterns ...string) bool { return len(r.glob(patterns...)) > 0 }

// fact is the value of a fact that is one choice, or "" for none.
func (r *repository) fact(key string) string {
	if value := r.found.Value(key); value != "none" {
		return value
	}
	return ""
}

// is reports whether a fact has one of the values.
func (r *repository) is(key string, values ...string) bool {
	return slices.ContainsFunc(r.found.Facts[key].Value, func(value string) bool { return slices.Contains(values, value) })
}

// made returns a condition: a fact has one of the values.
func made(key string, values ...string) func(*repository) bool {
	return func(r *repository) bool { return r.is(key, values...) }
}

// all and either join conditions.
func all(conditions ...func(*repository) bool) func(*repository) bool {
	return func(r *repository) bool {
		return !slices.ContainsFunc(conditions, func(condition func(*repository) bool) bool { return !condition(r) })
	}
}

func either(conditions ...func(*repository) bool) func(*repository) bool {
	return func(r *repository) bool {
		return slices.ContainsFunc(conditions, func(condition func(*repository) bool) bool { return condition(r) })
	}
}

// missing is what a rule says where the whole thing is not there.
func missing(message string) []Finding { return []Finding{{Message: message}} }

// unless returns one finding without a place, if something does not hold.
func unless(holds bool, message string) []Finding {
	if holds {
		return nil
	}
	return missing(message)
}

// asideNames are the folders that do not run in production.
var asideNames = map[string]bool{
	"test": true, "tests": true, "testing": true, "spec": true, "e2e": true, "fixtures": true, "testdata": true, "doc": true, "docs": true,
	"example": true, "examples": true, "sample": true, "samples": true, "demo": true, "demos": true, "tutorial": true, "tutorials": true,
	"vendor": true, "vendored": true, "third_party": true, ".devcontainer": true, "benchmarks": true, "notebooks": true, "rehearsal": true,
}

// aside reports whether a file stands in a folder of tests, examples, documentation or other people's code.
func aside(name string) bool {
	for folder := range strings.SplitSeq(path.Dir(name), "/") {
		if asideNames[strings.ToLower(folder)] {
			return true
		}
	}
	return false
}

// forDevelopment reports whether a file's name says that it is not for production: Dockerfile.dev, compose.override.yaml, settings/local.py.
func forDevelopment(name string) bool {
	for _, part := range nameParts(name) {
		switch part {
		case "dev", "devel", "develop", "development", "local", "test", "tests", "testing", "ci", "override", "debug", "e2e":
			return true
		}
	}
	return false
}

// forProduction reports whether a file's name says that it is for production.
func forProduction(name string) bool {
	for _, part := range nameParts(name) {
		switch part {
		case "prod", "production", "live", "deploy":
			return true
		}
	}
	return false
}

func nameParts(name string) []string {
	return strings.FieldsFunc(strings.ToLower(path.Base(name)), func(r rune) bool { return r == '.' || r == '-' || r == '_' })
}

// secretName matches the name of a value that is nobody's business.
var secretName = lazy.Regexp(`(?i)(^|_)(secret|password|passwd|passphrase|token|api_?key|secret_?key|private_?key|access_?key|credentials?)(_?(key|base|id|value))?$`)

// isSecret reports whether a variable of that name holds a secret itself, not the path of a file that does.
func isSecret(name string) bool { return secretName().MatchString(name) }

// isLiteral reports whether a value is written out: neither empty nor taken from elsewhere.
func isLiteral(value string) bool {
	value = strings.TrimSpace(value)
	return value != "" && !strings.ContainsAny(value, "${<") && !strings.HasPrefix(value, "/run/secrets")
}

// credentials matches a URL with a password in it.
var credentials = lazy.Regexp(`[a-z][a-z0-9+.-]*://[^\s:/@'"$<{}]*:([^\s@/'"$<{}]+)@[^\s'"]+`)

// withPassword returns the password in a URL, or "".
func withPassword(text string) string {
	if match := credentials().FindStringSubmatch(text); match != nil {
		return match[1]
	}
	return ""
}

// line is one line of a file.
type line struct {
	Path string
	Line int
	Text string
}

// grep returns the lines of files that an expression matches.
func (r *repository) grep(expression *regexp.Regexp, paths ...string) (lines []line) {
	literals := literal.Of(expression)
	for _, name := range paths {
		if text, _ := r.tree.Text(name); literal.In(text, literals) {
			lines = append(lines, matching(expression, name, string(text))...)
		}
	}
	return lines
}

// matching returns the lines of a text that an expression matches.
func matching(expression *regexp.Regexp, name, text string) (lines []line) {
	number := 0
	for each := range strings.Lines(text) {
		number++
		if expression.MatchString(each) {
			lines = append(lines, line{name, number, strings.TrimSpace(each)})
		}
	}
	return lines
}

// at makes a finding of each line.
func at(lines []line, message string) (findings []Finding) {
	for _, line := range lines {
		findings = append(findings, Finding{Path: line.Path, Line: line.Line, Message: message})
	}
	return findings
}

// Place is where a finding is: path:line, or the path alone, or "" where something is missing.
func (f Finding) Place() string {
	if f.Line == 0 {
		return f.Path
	}
	return f.Path + ":" + strconv.Itoa(f.Line)
}
