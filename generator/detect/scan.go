package detect

import (
	"bytes"
	"cmp"
	"path"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

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
	asides = words(`docs doc documentation examples example samples sample demo demos vendor vendored third_party thirdparty
		external extern node_modules bower_components benchmarks benchmark site-packages cookbook tutorials archive
		notebooks notebook`)
	tests = words("tests test testing testdata fixtures e2e spec")
)

// testFile are the modules that test, wherever they are.
var testFile = regexp.MustCompile(`^(test_.*|.*_tests?|tests?|testing|conftest)$`)

func words(text string) map[string]bool {
	set := map[string]bool{}
	for _, word := range strings.Fields(text) {
		set[word] = true
	}
	return set
}

// role tells what a file is for by its path. What the service's own folder is called is no reason to leave it out.
func (s *scan) role(name string) role {
	dir, base := path.Split(name)
	result, known := s.roleByFolder[dir]
	if !known {
		result = folderRole(relative(dir, s.folder))
		s.roleByFolder[dir] = result
	}
	if stem, python := strings.CutSuffix(base, ".py"); result == own && python && testFile.MatchString(stem) {
		return test
	}
	return result
}

func folderRole(folder string) role {
	result := own
	for segment := range strings.SplitSeq(strings.ToLower(folder), "/") {
		switch {
		case asides[segment], strings.Contains(segment, "{{"): // the latter is a template of another repository
			return aside
		case tests[segment]:
			result = test
		}
	}
	return result
}

// file is one that has a say.
type file struct {
	path  string
	role  role
	depth int // of its folder
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

	dependencies map[string][]dependency // by name
	globs        map[string][]file       // what fits each
	byName       *tree.Names             // of files
	byExtension  map[string][]int
	known        *reading        // what was read for another folder of the tree
	taken        map[string]bool // the sources, by path

	roleByFolder map[string]role

	roots   map[string]string   // of imports, by folder
	sets    map[string][]string // of globs, by name
	started []command

	versions    []string // of Python, that manifests name
	versionHits []hit
}

// reading is what was read of files, whatever they are looked at for.
type reading struct {
	sources map[string]*source
	texts   map[string][]string
	parsed  int // bytes of Python
}

// newScan looks at the tree, without the folders that are services of their own.
func newScan(t *tree.Tree, known *reading, folder string, without []string) *scan {
	s := &scan{
		tree: t, known: known, folder: folder, folders: map[string]bool{}, roots: map[string]string{}, globs: map[string][]file{},
		byExtension: map[string][]int{}, roleByFolder: map[string]role{}, taken: map[string]bool{},
		dependencies: map[string][]dependency{},
	}
	var levels [][]file
	for _, name := range t.Paths() {
		if slices.ContainsFunc(without, func(other string) bool { return inside(name, other) }) {
			continue
		}
		for dir := path.Dir(name); !s.folders[dir]; dir = path.Dir(dir) {
			s.folders[dir] = true
		}
		if role := s.role(name); role != aside {
			depth := strings.Count(name, "/")
			levels = append(levels, make([][]file, max(depth+1-len(levels), 0))...)
			levels[depth] = append(levels[depth], file{name, role, depth})
		}
	}
	s.files = slices.Concat(levels...) // of each level sorted by path, as the tree is
	s.index()
	s.readManifests()
	return s
}

// index finds the files by name and by extension.
func (s *scan) index() {
	s.byName = tree.NewNames(len(s.files), func(i int) string { return s.files[i].path })
	for i, f := range s.files {
		extension := path.Ext(f.path)
		s.byExtension[extension] = append(s.byExtension[extension], i)
	}
}

// shallow sorts files by the depth of their folders, then by path.
func shallow(files []file) {
	slices.SortFunc(files, func(a, b file) int {
		return cmp.Or(cmp.Compare(a.depth, b.depth), cmp.Compare(a.path, b.path))
	})
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

func (s *scan) has(name string) bool { return s.tree.Has(name) }

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
		for _, d := range m.Dependencies {
			s.dependencies[d.Name] = append(s.dependencies[d.Name], dependency{d, m})
		}
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
	if lines, kept := s.known.texts[name]; kept {
		return lines
	}
	data, _ := s.tree.Text(name)
	lines := splitLines(data)
	s.known.texts[name] = lines
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

const (
	// maxPython is how many bytes of Python are parsed: what comes later is deeper down and says little.
	maxPython = 4 << 20
	// maxModule is the size of the largest module that is parsed: a larger one holds data.
	maxModule = 256 << 10
	// maxModules is how many modules are looked at, for the same reason.
	maxModules = 2000
)

// parse reads the Python files down to a depth that have words of interest, in tests other ones, and were not read before.
func (s *scan) parse(wanted, inTests interest, deepest int) {
	var files []file
	for _, f := range s.files {
		if strings.HasSuffix(f.path, ".py") && !s.taken[f.path] && f.depth <= deepest && len(files) < maxModules {
			files = append(files, f)
		}
	}
	const batch = 32 // read at once
	for chunk := range slices.Chunk(files, batch) {
		texts := make([][]byte, len(chunk))
		parallel(len(chunk), func(i int) { texts[i], _ = s.tree.Text(chunk[i].path) })
		var parse []int
		for i, f := range chunk {
			words, always := wanted, always[strings.TrimSuffix(path.Base(f.path), ".py")]
			if f.role == test {
				words, always = inTests, false
			}
			if size := len(texts[i]); size > 0 && size <= maxModule && (words.take(texts[i]) || always) && s.known.parsed+size <= maxPython {
				s.known.parsed += size
				parse = append(parse, i)
			}
		}
		sources := make([]*source, len(parse))
		parallel(len(parse), func(i int) { sources[i] = s.source(chunk[parse[i]], texts[parse[i]]) })
		for _, source := range sources {
			s.taken[source.path] = true
			s.known.sources[source.path] = source
			s.sources = append(s.sources, source)
		}
	}
}

// source parses a file, unless that was done before.
func (s *scan) source(f file, data []byte) *source {
	if known, found := s.known.sources[f.path]; found {
		return &source{file: f, Source: known.Source, lines: known.lines, stars: known.stars}
	}
	return newSource(f, data)
}

// parallel calls a function with 0…n-1 on all processors.
func parallel(n int, call func(int)) {
	var next atomic.Int64
	var all sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), n) {
		all.Go(func() {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				call(int(i))
			}
		})
	}
	all.Wait()
}

// take says whether a text has a word whose files are not enough yet, and counts it for all the words that it has.
func (i interest) take(data []byte) bool {
	var has []string
	start, wanted := -1, false
	note := func(end int) {
		word := data[start:end]
		left, known := i[string(word)]
		if !known || slices.Contains(has, string(word)) {
			return
		}
		has = append(has, string(word))
		wanted = wanted || left > 0
	}
	for at, c := range data {
		switch letter := c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'; {
		case letter && start < 0:
			start = at
		case !letter && start >= 0:
			note(at)
			start = -1
		}
	}
	if start >= 0 {
		note(len(data))
	}
	if wanted {
		for _, word := range has {
			i[word]--
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
