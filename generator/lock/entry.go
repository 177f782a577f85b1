package lock

import (
	"fmt"
	"slices"
	"strings"
)

// entry is one decoded block.
type entry struct {
	name, version string
	summary       string
	python        string   // Requires-Python, * for none
	extras        []string // those that are resolved too
	needs         []need
	declared      []declaration
	offers        []offer
	files         []file
}

// need is a resolved dependency.
type need struct {
	extra  string // the extra that brings it; empty for the package itself
	name   string
	extras []string
	marker marker
}

// declaration is a dependency as poetry.lock spells it; an optional one has an extra in its marker.
type declaration struct {
	name       string // in the release's own spelling
	extras     []string
	constraint string
	marker     string
}

// offer is one requirement of one extra that the release has, resolved or not.
type offer struct{ extra, requirement string }

// file is one file of the release.
type file struct{ name, hash string }

// kinds are the first words of a block's lines, in their order.
var kinds = []string{"package", "summary", "python", "extra", "needs", "declares", "offers", "file"}

// decode reads a block. The error is a *TableError that counts lines from the block's start.
func decode(text string) (*entry, error) {
	e, last, number := &entry{}, 0, 0
	for line := range strings.Lines(text) {
		number++
		word, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		kind, _, _ := strings.Cut(word, "[")
		rank := slices.Index(kinds, kind)
		if rank < last || (rank < 3 && rank != number-1) {
			return nil, &TableError{number, fmt.Sprintf("unexpected line %q", word)}
		}
		last = rank
		if problem := e.read(kind, word[len(kind):], value); problem != "" {
			return nil, &TableError{number, problem}
		}
	}
	if len(e.files) == 0 || number < 4 {
		return nil, &TableError{number, "a package without files"}
	}
	return e, nil
}

// read takes one line in, and returns what is wrong with it.
func (e *entry) read(kind, bracket, value string) (problem string) {
	if bracket != "" && kind != "needs" {
		return "only needs has an extra"
	}
	switch kind {
	case "package":
		return e.readPackage(value)
	case "summary":
		e.summary = value
	case "python":
		e.python = value
	case "extra":
		return e.readExtra(value)
	case "needs":
		return e.readNeed(bracket, value)
	case "declares":
		return e.readDeclaration(value)
	case "offers":
		extra, requirement, _ := strings.Cut(value, " ")
		e.offers = append(e.offers, offer{extra, requirement})
	case "file":
		return e.readFile(value)
	}
	return ""
}

func (e *entry) readPackage(value string) (problem string) {
	var ok bool
	if e.name, e.version, ok = strings.Cut(value, " "); !ok || !isName(e.name) || !isWord(e.version) {
		return "want a normalised name and a version"
	}
	return ""
}

func (e *entry) readExtra(value string) (problem string) {
	if !isName(value) || (len(e.extras) > 0 && e.extras[len(e.extras)-1] >= value) {
		return "extras must be normalised and sorted"
	}
	e.extras = append(e.extras, value)
	return ""
}

func (e *entry) readNeed(bracket, value string) (problem string) {
	n := need{marker: always()}
	if bracket != "" {
		n.extra = strings.TrimSuffix(bracket[1:], "]")
		if !slices.Contains(e.extras, n.extra) {
			return "an extra that is not resolved: " + n.extra
		}
	}
	requirement, condition, conditional := strings.Cut(value, " ; ")
	var err error
	if n.name, n.extras, err = splitRequirement(requirement); err != nil {
		return err.Error()
	}
	if conditional {
		if n.marker, err = parseMarker(condition); err != nil {
			return err.Error()
		}
	}
	e.needs = append(e.needs, n)
	return ""
}

func (e *entry) readDeclaration(value string) (problem string) {
	var d declaration
	value, d.marker, _ = strings.Cut(value, " ; ")
	name, constraint, ok := strings.Cut(value, " ")
	if !ok || constraint == "" {
		return "want a name and a constraint"
	}
	d.constraint = constraint
	d.name, name, ok = strings.Cut(name, "[")
	if ok {
		d.extras = strings.Split(strings.TrimSuffix(name, "]"), ",")
	}
	if !isName(normalise(d.name)) {
		return "not a name: " + d.name
	}
	e.declared = append(e.declared, d)
	return ""
}

func (e *entry) readFile(value string) (problem string) {
	hash, name, _ := strings.Cut(value, " ")
	switch {
	case !isHash(hash):
		return "want 64 hexadecimal digits"
	case !isWord(name) || strings.ContainsAny(name, "/:\\"):
		return "want a bare file name"
	case len(e.files) > 0 && e.files[len(e.files)-1].name >= name:
		return "files must be sorted by name"
	}
	e.files = append(e.files, file{name, hash})
	return ""
}

// hashes returns the files' hashes, sorted.
func (e *entry) hashes() []string {
	hashes := make([]string, len(e.files))
	for i, f := range e.files {
		hashes[i] = f.hash
	}
	slices.Sort(hashes)
	return hashes
}

// isHash tells whether s is a SHA-256 in lower-case hexadecimal.
func isHash(s string) bool {
	return len(s) == 64 && strings.Trim(s, "0123456789abcdef") == ""
}

// isWord tells whether s is printable ASCII without spaces.
func isWord(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}
