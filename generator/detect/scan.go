package detect

import (
	"bytes"
	"cmp"
	"path"
	"slices"
	"strings"

	"github.com/kitout/kitout/generator/internal/manifest"
	"github.com/kitout/kitout/generator/internal/python"
	"github.com/kitout/kitout/generator/tree"
)

// role is what a file is for.
type role uint8

const (
	own   role = iota // it belongs to the service
	test              // it tests the service
	aside             // documentation, examples, copies of other projects: it says nothing about the service
)

// asides and tests are the folders that make files what they are, in lower case.
var (
	asides = words(`docs doc documentation examples example samples sample demo demos vendor vendored third_party thirdparty external extern
		node_modules bower_components benchmarks benchmark site-packages cookbook tutorials archive`)
	tests = words("tests test testing testdata fixtures e2e spec")
)

func words(text string) map[string]bool {
	set := map[string]bool{}
	for _, word := range strings.Fields(text) {
		set[word] = true
	}
	return set
}

// roleOf tells a file's role by its path.
func roleOf(name string) role {
	result := own
	folder := path.Dir(name)
	for segment := range strings.SplitSeq(strings.ToLower(folder), "/") {
		switch {
		case asides[segment], strings.Contains(segment, "{{"): // the latter is a template of another repository
			return aside
		case tests[segment]:
			result = test
		}
	}
	if base, python := strings.CutSuffix(path.Base(name), ".py"); python {
		if strings.HasPrefix(base, "test_") || strings.HasSuffix(base, "_test") || strings.HasSuffix(base, "_tests") || tests[base] || base == "conftest" {
			result = test
		}
	}
	return result
}

// file is one that has a say.
type file struct {
	path string
	role role
}

// source is a Python file that was read.
type source struct {
	file
	*python.Source
	lines []string
	stars []string // modules of which everything is imported
}

// scan is what was read of a repository.
type scan struct {
	tree      *tree.Tree
	folder    string // of the service; "." is the whole repository
	files     []file // shallow ones first
	folders   map[string]bool
	manifests []*manifest.Manifest
	sources   []*source
	texts     map[string][]string
	roots     map[string]string // of imports, by folder
	launchers []string          // globs of the files that start programs
	clusters  []string          // globs of the files with objects for a cluster
	started   []command

	versions    []string // of Python, that manifests name
	versionHits []hit
}

// read looks at the tree, without the folders that are services of their own.
func read(t *tree.Tree, folder string, without []string) *scan {
	s := &scan{tree: t, folder: folder, folders: map[string]bool{}, texts: map[string][]string{}, roots: map[string]string{}}
	for _, f := range t.Files() {
		if slices.ContainsFunc(without, func(other string) bool { return inside(f.Path, other) }) {
			continue
		}
		for dir := path.Dir(f.Path); !s.folders[dir]; dir = path.Dir(dir) {
			s.folders[dir] = true
		}
		// What stands in the service's own path is no reason to leave it out
		if role := roleOf(relative(f.Path, folder)); role != aside {
			s.files = append(s.files, file{f.Path, role})
		}
	}
	slices.SortStableFunc(s.files, func(a, b file) int {
		return cmp.Or(cmp.Compare(strings.Count(a.path, "/"), strings.Count(b.path, "/")), cmp.Compare(a.path, b.path))
	})
	s.readManifests()
	return s
}

// inside says that a path is that of a folder, or of something in it.
func inside(name, folder string) bool {
	return folder == "." || name == folder || strings.HasPrefix(name, folder) && name[len(folder)] == '/'
}

// relative is the path from a folder that it is inside of; other paths stay as they are.
func relative(name, folder string) string {
	if folder == "." || !inside(name, folder) || name == folder {
		return name
	}
	return name[len(folder)+1:]
}

func (s *scan) has(name string) bool { _, found := s.tree.File(name); return found }

// maxManifests bounds how many files include each other.
const maxManifests = 200

func (s *scan) readManifests() {
	var queue []string
	seen := map[string]bool{}
	push := func(name string) {
		if !seen[name] && len(seen) < maxManifests {
			seen[name] = true
			queue = append(queue, name)
		}
	}
	for _, f := range s.files {
		if manifest.Is(f.path) {
			push(f.path)
		}
	}
	for ; len(queue) > 0; queue = queue[1:] {
		data, found := s.tree.Text(queue[0])
		if !found {
			continue
		}
		m := manifest.Read(queue[0], data)
		s.manifests = append(s.manifests, m)
		for _, name := range m.Includes {
			push(name)
		}
	}
}

// maxText is how long the text of evidence may be, in bytes.
const maxText = 120

// evidence is the place of a line.
func evidence(name string, number int, lines []string) Evidence {
	e := Evidence{Path: name, Line: number}
	if number > 0 && number <= len(lines) {
		e.Text = strings.ToValidUTF8(strings.TrimSpace(lines[number-1]), "\uFFFD")
	}
	if len(e.Text) > maxText {
		e.Text = strings.ToValidUTF8(e.Text[:maxText], "") + "…"
	}
	return e
}

// lines returns a text file's lines, and keeps them.
func (s *scan) lines(name string) []string {
	if lines, kept := s.texts[name]; kept {
		return lines
	}
	data, _ := s.tree.Text(name)
	lines := splitLines(data)
	s.texts[name] = lines
	return lines
}

func splitLines(data []byte) []string {
	if len(data) == 0 {
		return nil
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	return strings.Split(strings.ReplaceAll(string(data), "\r\n", "\n"), "\n")
}

// comments begin a line that says nothing.
var comments = []string{"#", "//", ";", "<!--"}

func commented(line string) bool {
	line = strings.TrimLeft(line, " \t")
	return slices.ContainsFunc(comments, func(mark string) bool { return strings.HasPrefix(line, mark) })
}

// interest is for each word how many files that have it are read.
type interest map[string]int

// always are the modules that applications are usually started from: they are read whatever stands in them.
var always = words("wsgi asgi main app application run server serve manage __main__ settings config passenger_wsgi")

// parse reads the Python files that have words of interest and were not read before.
func (s *scan) parse(wanted interest) {
	read := map[string]bool{}
	for _, source := range s.sources {
		read[source.path] = true
	}
	for _, f := range s.files {
		base, python := strings.CutSuffix(path.Base(f.path), ".py")
		if !python || read[f.path] {
			continue
		}
		data, found := s.tree.Text(f.path)
		if found && (wanted.take(data) || always[base] && f.role == own) {
			s.sources = append(s.sources, newSource(f, data))
		}
	}
}

// take says whether a text has a word whose files are not enough yet, and counts it for all the words that it has.
func (i interest) take(data []byte) bool {
	wanted := false
	start := -1
	count := func(end int) {
		if left, known := i[string(data[start:end])]; known && left > 0 {
			wanted = true
		}
	}
	for at, c := range data {
		if c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' {
			if start < 0 {
				start = at
			}
			continue
		}
		if start >= 0 {
			if count(at); wanted {
				break
			}
			start = -1
		}
	}
	if !wanted && start >= 0 {
		count(len(data))
	}
	if wanted {
		for word := range i {
			if i[word] > 0 && bytes.Contains(data, []byte(word)) {
				i[word]--
			}
		}
	}
	return wanted
}

func newSource(f file, data []byte) *source {
	parsed := &source{file: f, Source: python.Parse(data), lines: splitLines(data)}
	for _, imported := range parsed.Imports {
		if imported.Name == "*" {
			parsed.stars = append(parsed.stars, imported.Module)
		}
	}
	return parsed
}

func (s *source) at(line int) Evidence { return evidence(s.path, line, s.lines) }
