package merge

import (
	"crypto/sha256"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// compiled returns an expression that is compiled when it is needed: most commands merge nothing.
func compiled(expression string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}

// kind is what a value is, in all three syntaxes.
type kind int

const (
	scalar kind = iota
	mapping
	sequence
)

// node is a value, and where it stands in its text.
type node struct {
	kind   kind
	tag    string // what the scalar is: 1 and "1" differ
	scalar string
	keys   []string // of a mapping, in order
	values map[string]*node
	items  []*node

	// whole says that nothing is written into the value: it is replaced, or stays.
	whole bool
	// value is the text of the value alone, if it is in one place.
	value span
	// parts are the key with its value and the comments above it: whole lines, except in JSON. A table may have several.
	parts []span
	// body is where the syntax writes what is added; each knows its own.
	body span
	// indent is the column of the keys of a mapping, where columns mean something.
	indent int

	sum string
}

type span struct{ start, end int }

func (s span) of(text string) string { return text[s.start:s.end] }

func newMapping() *node { return &node{kind: mapping, values: map[string]*node{}} }

// put adds a value under a key that the mapping does not have yet.
func (n *node) put(key string, value *node) {
	n.keys = append(n.keys, key)
	n.values[key] = value
}

// at returns the value under a key, or nil; of nil too.
func (n *node) at(keys ...string) *node {
	for _, key := range keys {
		if n == nil || n.kind != mapping {
			return nil
		}
		n = n.values[key]
	}
	return n
}

// open says whether entries can be written into the value.
func (n *node) open() bool { return n != nil && n.kind == mapping && !n.whole }

// meaning is equal for values that mean the same, whatever the order of their keys; that of nil is "".
func (n *node) meaning() string {
	if n == nil {
		return ""
	}
	if n.sum != "" {
		return n.sum
	}
	hash := sha256.New()
	fmt.Fprintf(hash, "%d %q %q\n", n.kind, n.tag, n.scalar)
	for _, key := range slices.Sorted(slices.Values(n.keys)) {
		fmt.Fprintf(hash, "%q %s\n", key, n.values[key].meaning())
	}
	for _, item := range n.items {
		fmt.Fprintln(hash, item.meaning())
	}
	n.sum = string(hash.Sum(nil))
	return n.sum
}

func same(a, b *node) bool { return a.meaning() == b.meaning() }

// allKeys are those of all mappings, in order; nil has none.
func allKeys(nodes ...*node) (keys []string) {
	seen := map[string]bool{}
	for _, n := range nodes {
		if n == nil {
			continue
		}
		for _, key := range n.keys {
			if !seen[key] {
				seen[key] = true
				keys = append(keys, key)
			}
		}
	}
	return keys
}

// fits says whether a merged value has each change that one side alone has made, and what neither has changed. Where both
// have changed something that is no mapping, everything fits: it has been settled by line.
func fits(base, ours, theirs, got *node) bool {
	switch {
	case same(ours, theirs), same(base, theirs):
		return same(got, ours)
	case same(base, ours):
		return same(got, theirs)
	case ours == nil || theirs == nil || got == nil || ours.kind != mapping || theirs.kind != mapping:
		return true
	case got.kind != mapping:
		return false
	}
	for _, key := range allKeys(ours, theirs, got, base) {
		if !fits(base.at(key), ours.at(key), theirs.at(key), got.at(key)) {
			return false
		}
	}
	return true
}

// united says whether a value is ours with nothing but additions, all of them from theirs.
func united(ours, theirs, got *node) bool {
	switch {
	case same(ours, got):
		return true
	case got == nil:
		return false
	case ours == nil, ours.null():
		return same(theirs, got)
	case theirs == nil || ours.kind != theirs.kind || ours.kind != got.kind:
		return false
	case ours.kind == mapping:
		for _, key := range allKeys(ours, got) {
			if !united(ours.at(key), theirs.at(key), got.at(key)) {
				return false
			}
		}
		return true
	case ours.kind == sequence:
		rest := ours.items
		for _, item := range got.items {
			if len(rest) > 0 && same(rest[0], item) {
				rest = rest[1:]
			} else if !slices.ContainsFunc(theirs.items, func(t *node) bool { return same(t, item) }) {
				return false
			}
		}
		return len(rest) == 0
	}
	return false
}

// null says whether the value is YAML's for a key without one.
func (n *node) null() bool { return n.kind == scalar && n.tag == "!!null" && n.scalar == "" }

// syntax reads a text, and says how to change it. An edit that it cannot make leaves the matter to the merge by line.
type syntax interface {
	parse(text string) (*node, error)
	// add writes the entry under a key of a mapping of theirs into one of ours.
	add(ours *document, into *node, theirs *document, from *node, key string) ([]edit, bool)
	// set gives an entry of ours the value of one of theirs.
	set(ours *document, old *node, theirs *document, new *node) ([]edit, bool)
	// remove takes the entry under a key out of a mapping of ours.
	remove(ours *document, from *node, key string) ([]edit, bool)
}

// syntaxOf is the syntax of the file at a path, or nil. Locks have names of their own, and no syntax here: nobody merges them.
func syntaxOf(name string) syntax {
	switch base := path.Base(name); path.Ext(base) {
	case ".toml":
		return tomlSyntax{}
	case ".yaml", ".yml":
		return yamlSyntax{}
	case ".json":
		return jsonSyntax{}
	default:
		if base == "Pipfile" {
			return tomlSyntax{}
		}
	}
	return nil
}

// document is a text that has been read. All lines end.
type document struct {
	syntax syntax
	text   string
	root   *node
}

// parse reads a text whose root is a mapping; nil: it is something else, or broken.
func parse(syntax syntax, text string) *document {
	root, err := syntax.parse(text)
	if err != nil || root.kind != mapping {
		return nil
	}
	return &document{syntax, text, root}
}

// edit is a piece of text that becomes another one.
type edit struct {
	span
	text string
}

// verdict is what a planner says of a text.
type verdict int

const (
	done verdict = iota
	edited
	impossible
)

// follow makes edits until the planner, which plans none twice, has none left; it says whether that was possible. What they write gets the given ends of lines.
func (d *document) follow(next func(*document) ([]edit, verdict), eol string) (*document, verdict) {
	for {
		edits, verdict := next(d)
		if verdict != edited {
			return d, verdict
		}
		slices.SortStableFunc(edits, func(a, b edit) int { return b.start - a.start })
		text, rest := d.text, len(d.text)
		for _, e := range edits {
			e.end, rest = min(e.end, rest), e.start // two cuts may both want the empty line between them
			text = text[:e.start] + strings.ReplaceAll(e.text, "\n", eol) + text[e.end:]
		}
		changed := parse(d.syntax, text)
		if changed == nil {
			return d, impossible
		}
		d = changed
	}
}

// neighbours returns the nearest entry before a key of theirs that ours has as well and that suits; if there is none, the nearest
// one after it.
func neighbours(ours, theirs *node, key string, suits func(*node) bool) (before, after *node) {
	i := slices.Index(theirs.keys, key)
	for _, name := range slices.Backward(theirs.keys[:i]) {
		if n := ours.at(name); n != nil && suits(n) {
			return n, nil
		}
	}
	for _, name := range theirs.keys[i+1:] {
		if n := ours.at(name); n != nil && suits(n) {
			return nil, n
		}
	}
	return nil, nil
}

// lineStart and lineEnd are the bounds of the line that holds an offset; the end is behind its newline.
func lineStart(text string, offset int) int { return strings.LastIndexByte(text[:offset], '\n') + 1 }

func lineEnd(text string, offset int) int {
	if i := strings.IndexByte(text[offset:], '\n'); i >= 0 {
		return offset + i + 1
	}
	return len(text)
}

// withComments moves the start of a line up over the comments of the same indentation that stand right above it, but not
// above a bound.
func withComments(text string, start, bound int) int {
	indent := indentation(text[start:])
	for start > bound {
		above := lineStart(text, start-1)
		line := text[above:start]
		if above < bound || indentation(line) != indent || !strings.HasPrefix(strings.TrimLeft(line, " \t"), "#") {
			break
		}
		start = above
	}
	return start
}

func indentation(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }

func blank(line string) bool { return strings.TrimSpace(line) == "" }

// cut removes lines, and one of two empty lines that would meet.
func cut(text string, s span) edit {
	next := span{s.end, lineEnd(text, s.end)}
	if s.end < len(text) && blank(next.of(text)) && (s.start == 0 || blank(text[lineStart(text, s.start-1):s.start])) {
		s.end = next.end
	}
	if s.end == len(text) {
		for s.start > 0 && blank(text[lineStart(text, s.start-1):s.start]) {
			s.start = lineStart(text, s.start-1)
		}
	}
	return edit{s, ""}
}

// insert adds lines, if wanted with an empty line before and after them.
func insert(text string, at int, lines string, separate bool) edit {
	if separate && at > 0 && !blank(text[lineStart(text, at-1):at]) {
		lines = "\n" + lines
	}
	if separate && at < len(text) && !blank(text[at:lineEnd(text, at)]) {
		lines += "\n"
	}
	return edit{span{at, at}, lines}
}

// shift moves all lines but empty ones by a number of columns; the first one too.
func shift(text string, columns int) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		switch {
		case blank(line):
		case columns > 0:
			line = strings.Repeat(" ", columns) + line
		default:
			line = line[min(-columns, indentation(line)):]
		}
		out.WriteString(line)
	}
	return out.String()
}
