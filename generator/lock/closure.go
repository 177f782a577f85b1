package lock

import (
	"slices"
	"strings"
)

// Pin is one package of a lock.
type Pin struct {
	Name    string   // normalised as PEP 503 says
	Version string   // the one version that the table has
	Marker  string   // where the package is needed, as uv writes it; empty: everywhere
	Hashes  []string // SHA-256 of every file of the release, in hexadecimal, sorted
}

// node is what a requirement or a dependency asks for: a package, or one extra of a package.
type node struct{ name, extra string }

// walk is the state of one traversal of the dependency graph.
type walk struct {
	table   *Table
	entries map[string]*entry
	markers map[node]marker
	pending []node
}

// Closure returns what has to be installed for the requirements ("django", "psycopg[binary,pool]"), sorted by name. A
// package that is reached only under a condition carries it as a marker: the alternatives over all paths, where a path
// holds if all its edges do.
//
// The order and repetition of requirements do not matter. The errors are *RequirementError for text that is no bare
// requirement and *UnknownPackageError for what the table does not cover.
func (t *Table) Closure(requirements []string) ([]Pin, error) {
	w, err := t.walk(requirements)
	if err != nil {
		return nil, err
	}
	return w.pins(), nil
}

// walk reaches everything that the requirements need. The errors are those of Closure.
func (t *Table) walk(requirements []string) (*walk, error) {
	w := &walk{table: t, entries: map[string]*entry{}, markers: map[node]marker{}}
	for _, text := range requirements {
		name, extras, err := splitRequirement(text)
		if err != nil {
			return nil, err
		}
		if err := w.reach(name, extras, always()); err != nil {
			return nil, err
		}
	}
	for len(w.pending) > 0 {
		next := w.pending[len(w.pending)-1]
		w.pending = w.pending[:len(w.pending)-1]
		if err := w.follow(next); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// reach notes that a package and some of its extras are needed wherever m holds.
func (w *walk) reach(name string, extras []string, m marker) error {
	e, err := w.entry(name)
	if err != nil {
		return err
	}
	w.widen(node{name, ""}, m)
	for _, extra := range extras {
		if !slices.Contains(e.extras, extra) {
			return &UnknownPackageError{Name: name + "[" + extra + "]"}
		}
		w.widen(node{name, extra}, m)
	}
	return nil
}

// widen adds m to the places where a node is needed, and visits the node again if that changed anything. It ends because
// a marker only ever grows and the atoms of a table are finite.
func (w *walk) widen(n node, m marker) {
	old, seen := w.markers[n]
	grown := old.or(m)
	if seen && grown.equal(old) {
		return
	}
	w.markers[n] = grown
	w.pending = append(w.pending, n)
}

// follow reaches everything that a node depends on.
func (w *walk) follow(n node) error {
	for _, need := range w.entries[n.name].needs {
		if need.extra != n.extra {
			continue
		}
		if err := w.reach(need.name, need.extras, w.markers[n].and(need.marker)); err != nil {
			return err
		}
	}
	return nil
}

// entry decodes a package's block on the first visit.
func (w *walk) entry(name string) (*entry, error) {
	if e := w.entries[name]; e != nil {
		return e, nil
	}
	e, err := w.table.entry(name)
	if err != nil {
		return nil, err
	}
	w.entries[name] = e
	return e, nil
}

// pins lists the packages that were reached and that some environment needs.
func (w *walk) pins() []Pin {
	pins := make([]Pin, 0, len(w.entries))
	for name, e := range w.entries {
		m := w.markers[node{name, ""}]
		if m.never() {
			continue
		}
		pins = append(pins, Pin{Name: name, Version: e.version, Marker: m.String(), Hashes: e.hashes()})
	}
	slices.SortFunc(pins, func(a, b Pin) int { return strings.Compare(a.Name, b.Name) })
	return pins
}

// splitRequirement reads `name` or `name[extra,extra]`, and normalises both.
func splitRequirement(text string) (name string, extras []string, err error) {
	name, list, bracket := strings.Cut(strings.TrimSpace(text), "[")
	if bracket {
		list, ok := strings.CutSuffix(list, "]")
		if !ok {
			return "", nil, &RequirementError{Text: text}
		}
		for extra := range strings.SplitSeq(list, ",") {
			extras = append(extras, normalise(strings.TrimSpace(extra)))
		}
	}
	name = normalise(strings.TrimSpace(name))
	if !isName(name) || slices.ContainsFunc(extras, func(extra string) bool { return !isName(extra) }) {
		return "", nil, &RequirementError{Text: text}
	}
	return name, extras, nil
}

// normalise returns a package's or an extra's name as PEP 503 compares it: lower case, and one hyphen for any run of
// hyphens, underscores and dots.
func normalise(name string) string {
	words := strings.FieldsFunc(name, func(r rune) bool { return r == '-' || r == '_' || r == '.' })
	joined := strings.ToLower(strings.Join(words, "-"))
	if strings.Trim(name, "-_.") != name {
		return "" // no name may begin or end with a separator
	}
	return joined
}

// isName tells whether s is a normalised name.
func isName(s string) bool {
	if s == "" || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' {
			return false
		}
	}
	return true
}
