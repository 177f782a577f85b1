package lock

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// pipfileEntry is one package of a Pipfile's section.
type pipfileEntry struct {
	Name    string   // normalised as PEP 503 says
	Extras  []string // normalised and sorted; nil for none
	Version string   // the table's version as lower bound: ">=6.1.3"
}

// IndexError is an index that Pipfile.lock cannot name. It does not repeat the address, which may have a password.
type IndexError struct{}

// Error says what an index must be.
func (*IndexError) Error() string {
	return "Pipfile.lock needs the URL of its index, in ASCII and without spaces, quotes and backslashes"
}

// pipfileEntries returns the section of a Pipfile for bare requirements, sorted by name. Requirements of one package become
// one entry with the extras of all, because a table of TOML has a key only once. The errors are *RequirementError and
// *UnknownPackageError, though not for an extra that the table lacks: PipfileLock has that one too.
func (t *Table) pipfileEntries(requirements []string) ([]pipfileEntry, error) {
	extras := map[string][]string{}
	for _, text := range requirements {
		name, more, err := splitRequirement(text)
		if err != nil {
			return nil, err
		}
		extras[name] = append(extras[name], more...)
	}
	entries := make([]pipfileEntry, 0, len(extras))
	for _, name := range slices.Sorted(maps.Keys(extras)) {
		version, found := t.Version(name)
		if !found {
			return nil, &UnknownPackageError{Name: name}
		}
		slices.Sort(extras[name])
		entries = append(entries, pipfileEntry{name, slices.Compact(extras[name]), ">=" + version})
	}
	return entries, nil
}

// PipfileLock writes the Pipfile.lock that pipenv 2026.10.3 would write for a Pipfile with the index as its only [[source]],
// called IndexName, verify_ssl true, [packages] and [dev-packages] as pipfileEntries returns them and no [requires].
//
// The one intended difference: pipenv locks for the platform and the Python that it runs on, and this lock serves them all.
// So it has the packages that only some environments need, with a marker that says which.
//
// The errors are *IndexError, those of Closure and the writer's.
func PipfileLock(w io.Writer, table *Table, project Project) error {
	if !isWord(project.Index) || strings.ContainsAny(project.Index, `"\`) {
		return &IndexError{}
	}
	runtime, err := table.pipfileSection(project.Runtime)
	if err != nil {
		return err
	}
	development, err := table.pipfileSection(project.Development)
	if err != nil {
		return err
	}
	development.follow(runtime)
	var text strings.Builder
	text.Grow(1024 + runtime.size() + development.size())
	writePipfileMeta(&text, project.Index, pipfileHash(project.Index, runtime, development))
	text.WriteString("    \"default\": ")
	runtime.write(&text)
	text.WriteString(",\n    \"develop\": ")
	development.write(&text)
	text.WriteString("\n}\n")
	_, err = io.WriteString(w, text.String())
	return err
}

// pipfileSection is a section of a Pipfile with what pipenv locks for it.
type pipfileSection struct {
	entries []pipfileEntry
	pins    []pipfilePin // sorted by key
}

// pipfilePin is an entry of a Pipfile.lock.
type pipfilePin struct {
	Pin
	key     string   // the name as pipenv spells it
	extras  []string // sorted
	index   bool     // names the index
	markers string   // Marker and what the release says about Python
}

// pipfileSection resolves the requirements of one section.
func (t *Table) pipfileSection(requirements []string) (pipfileSection, error) {
	entries, err := t.pipfileEntries(requirements)
	if err != nil {
		return pipfileSection{}, err
	}
	w, err := t.walk(requirements)
	if err != nil {
		return pipfileSection{}, err
	}
	section, keys, extras := pipfileSection{entries: entries}, w.dottedNames(), w.extras()
	for _, pin := range w.pins() {
		python, err := requiresPython(w.entries[pin.Name].python)
		if err != nil {
			return pipfileSection{}, err
		}
		p := pipfilePin{Pin: pin, key: pin.Name, extras: extras[pin.Name], markers: bothMarkers(pin.Marker, python)}
		if key, dotted := keys[pin.Name]; dotted {
			p.key = key
		}
		if e, direct := section.entry(pin.Name); direct {
			// What a Pipfile lists with extras gets these and no index, whatever else asks for it
			p.index = len(e.Extras) == 0
			if !p.index {
				p.extras = e.Extras
			}
		}
		section.pins = append(section.pins, p)
	}
	slices.SortFunc(section.pins, comparePipfilePins)
	return section, nil
}

// entry returns what the Pipfile itself says about a package.
func (s pipfileSection) entry(name string) (pipfileEntry, bool) {
	at := slices.IndexFunc(s.entries, func(e pipfileEntry) bool { return e.Name == name })
	if at < 0 {
		return pipfileEntry{}, false
	}
	return s.entries[at], true
}

// follow gives packages that are in both sections the other's entry, as pipenv does to keep the two compatible. The marker
// stays, and so does all of an entry that the other section needs only under a condition: elsewhere, pipenv would not see
// the other.
func (s pipfileSection) follow(other pipfileSection) {
	for i, pin := range s.pins {
		at, found := slices.BinarySearchFunc(other.pins, pin, comparePipfilePins)
		if found && other.pins[at].Marker == "" {
			s.pins[i].extras, s.pins[i].index = other.pins[at].extras, other.pins[at].index
		}
	}
}

func comparePipfilePins(a, b pipfilePin) int { return strings.Compare(a.key, b.key) }

// extras returns the extras of each package that anything asks for, sorted. Unlike the edges of the table, pipenv counts
// those that bring nothing on any Python of the table's range, such as coverage's toml: so the declarations count too.
func (w *walk) extras() map[string][]string {
	extras := map[string][]string{}
	for n, m := range w.markers {
		if m.never() {
			continue
		}
		if n.extra != "" {
			extras[n.name] = append(extras[n.name], n.extra)
		}
		e := w.entries[n.name]
		for _, need := range e.needs {
			if need.extra == n.extra {
				extras[need.name] = append(extras[need.name], e.declaredExtras(need)...)
			}
		}
	}
	for name, list := range extras {
		slices.Sort(list)
		extras[name] = slices.Compact(list)
	}
	return extras
}

// declaredExtras returns the extras with which the release itself declares a resolved dependency.
func (e *entry) declaredExtras(n need) (extras []string) {
	for _, d := range e.declared {
		optional := strings.Contains(d.marker, "extra ==")
		if n.extra != "" {
			optional = !strings.Contains(d.marker, `extra == "`+n.extra+`"`)
		}
		if !optional && normalise(d.name) == n.name {
			extras = append(extras, d.extras...)
		}
	}
	return extras
}

// dottedNames returns the names that dependents spell with a dot, which pipenv keeps.
func (w *walk) dottedNames() map[string]string {
	names := map[string]string{}
	for _, e := range w.entries {
		for _, d := range e.declared {
			if strings.Contains(d.name, ".") {
				names[normalise(d.name)] = strings.ReplaceAll(strings.ToLower(d.name), "_", "-")
			}
		}
	}
	return names
}

// bothMarkers joins two markers in text, each perhaps empty. The second has no alternatives.
func bothMarkers(edges, python string) string {
	switch {
	case edges == "":
		return python
	case python == "":
		return edges
	case strings.Contains(edges, " or "):
		edges = "(" + edges + ")"
	}
	return edges + " and " + python
}

// requiresPython returns a Requires-Python ("*": none) as the marker that pipenv makes of it: its clauses in the order of
// their versions, and those with three numbers on python_full_version. A clause that pipenv would reword, or turn into one
// that no Python meets, is a *TableError: no release of the table has one.
func requiresPython(text string) (string, error) {
	if text == "*" {
		return "", nil
	}
	type clause struct {
		version []int
		marker  string
	}
	var clauses []clause
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		number := strings.TrimLeft(part, "<>=!~")
		operator := part[:len(part)-len(number)]
		number, wildcard := strings.CutSuffix(strings.TrimSpace(number), ".*")
		version, ok := releaseNumbers(number)
		if !ok || !slices.Contains([]string{">=", "<", "!=", "==", "~="}, operator) || wildcard && len(version) != 2 {
			return "", &TableError{3, fmt.Sprintf("Requires-Python %q has a clause without a known marker: %q", text, part)}
		}
		variable := "python_version"
		if len(version) > 2 {
			variable = "python_full_version"
		}
		clauses = append(clauses, clause{version, variable + " " + operator + " '" + number + "'"})
	}
	slices.SortStableFunc(clauses, func(a, b clause) int { return slices.Compare(a.version, b.version) })
	markers := make([]string, len(clauses))
	for i, c := range clauses {
		markers[i] = c.marker
	}
	return strings.Join(markers, " and "), nil
}

// releaseNumbers reads all numbers of a version: unlike for parseVersion, 3.9.0 is not 3.9.
func releaseNumbers(text string) (numbers []int, ok bool) {
	for part := range strings.SplitSeq(text, ".") {
		number, err := strconv.ParseUint(part, 10, 16)
		if err != nil {
			return nil, false
		}
		numbers = append(numbers, int(number))
	}
	return numbers, true
}

// pipfileHash is the hash by which pipenv notices that a Pipfile has changed: of its content as JSON without spaces, its
// keys sorted.
func pipfileHash(index string, runtime, development pipfileSection) string {
	source := `{"name":"` + IndexName + `","url":"` + index + `","verify_ssl":true}`
	sum := sha256.Sum256([]byte(`{"_meta":{"requires":{},"sources":[` + source + `]},` +
		`"default":` + runtime.manifest() + `,"develop":` + development.manifest() + `}`))
	return hex.EncodeToString(sum[:])
}

// manifest returns the Pipfile's section as JSON. Names, extras and versions need no escapes.
func (s pipfileSection) manifest() string {
	members := make([]string, len(s.entries))
	for i, e := range s.entries {
		value := `"` + e.Version + `"`
		if len(e.Extras) > 0 {
			value = `{"extras":["` + strings.Join(e.Extras, `","`) + `"],"version":` + value + `}`
		}
		members[i] = `"` + e.Name + `":` + value
	}
	return "{" + strings.Join(members, ",") + "}"
}

// writePipfileMeta writes what stands before the sections.
func writePipfileMeta(text *strings.Builder, index, hash string) {
	text.WriteString(`{
    "_meta": {
        "hash": {
            "sha256": "` + hash + `"
        },
        "pipfile-spec": 6,
        "requires": {},
        "sources": [
            {
                "name": "` + IndexName + `",
                "url": "` + index + `",
                "verify_ssl": true
            }
        ]
    },
`)
}

// write writes the section as Python's json module does with an indent of four. Nothing in it needs escapes.
func (s pipfileSection) write(text *strings.Builder) {
	if len(s.pins) == 0 {
		text.WriteString("{}")
		return
	}
	separator := "{"
	for _, pin := range s.pins {
		text.WriteString(separator)
		pin.write(text)
		separator = ","
	}
	text.WriteString("\n    }")
}

func (p pipfilePin) write(text *strings.Builder) {
	text.WriteString("\n        \"" + p.key + "\": {\n")
	if len(p.extras) > 0 {
		text.WriteString("            \"extras\": [")
		writePipfileList(text, "", p.extras)
	}
	text.WriteString("            \"hashes\": [")
	writePipfileList(text, "sha256:", p.Hashes)
	if p.index {
		text.WriteString("            \"index\": \"" + IndexName + "\",\n")
	}
	if p.markers != "" {
		text.WriteString("            \"markers\": \"" + p.markers + "\",\n")
	}
	text.WriteString("            \"version\": \"==" + p.Version + "\"\n        }")
}

// writePipfileList writes the lines of a list, each element with a prefix.
func writePipfileList(text *strings.Builder, prefix string, elements []string) {
	for i, element := range elements {
		if i > 0 {
			text.WriteByte(',')
		}
		text.WriteString("\n                \"")
		text.WriteString(prefix)
		text.WriteString(element)
		text.WriteByte('"')
	}
	text.WriteString("\n            ],\n")
}

// size is about how many bytes the section takes; a growing buffer would copy half a megabyte several times.
func (s pipfileSection) size() int {
	size := 0
	for _, pin := range s.pins {
		size += 256 + len(pin.markers) + len(pin.Hashes)*100
	}
	return size
}
