package merge

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// tomlSyntax edits TOML. A table is the sections with its header or that of a table in it; the body of one that has a header of
// its own, and of the root, is where its next key is written.
type tomlSyntax struct{}

// tomlReader builds nodes from the expressions of a text.
type tomlReader struct {
	text    string
	parser  unstable.Parser
	root    *node
	section *node   // that of the last header
	within  []*node // the section, and all above it
	start   int     // of the section's first line
	end     int     // of the last expression
}

func (tomlSyntax) parse(text string) (*node, error) {
	var values map[string]any // what is written twice is refused here
	if err := toml.Unmarshal([]byte(text), &values); err != nil {
		return nil, err
	}
	r := &tomlReader{text: text, root: newMapping()}
	r.section = r.root
	r.root.body = span{0, -1}
	r.parser.Reset([]byte(text))
	for r.parser.NextExpression() {
		var err error
		switch expression := r.parser.Expression(); expression.Kind {
		case unstable.KeyValue:
			err = r.keyValue(expression)
		case unstable.Table, unstable.ArrayTable:
			err = r.header(expression)
		}
		if err != nil {
			return nil, err
		}
	}
	r.finish()
	if r.root.body.end < 0 {
		r.root.body.end = len(text)
	}
	return r.root, r.parser.Error()
}

// finish ends the section.
func (r *tomlReader) finish() {
	for _, n := range r.within {
		n.parts = append(n.parts, span{r.start, r.end})
	}
}

func (r *tomlReader) header(expression *unstable.Node) error {
	r.finish()
	keys, first := r.keys(expression)
	start := lineStart(r.text, first)
	r.start = withComments(r.text, start, r.end)
	if r.root.body.end < 0 {
		r.root.body.end = r.start // no key stands above: a first one would
	}
	r.end = lineEnd(r.text, first)
	r.within = nil
	n := r.root
	for i, key := range keys {
		next := n.at(key)
		last := i == len(keys)-1
		if next == nil {
			next = newMapping()
			if last && expression.Kind == unstable.ArrayTable {
				next = &node{kind: sequence, whole: true}
			}
			n.put(key, next)
		}
		r.within = append(r.within, next)
		if next.kind == sequence {
			if last {
				next.items = append(next.items, newMapping())
			}
			if len(next.items) == 0 {
				return errors.New("a table in an array without one")
			}
			next = next.items[len(next.items)-1]
		}
		if next.kind != mapping {
			return fmt.Errorf("%s is no table", key)
		}
		n = next
	}
	r.section = n
	n.value = span{start, r.end} // its header
	n.body = span{start, r.end}
	return nil
}

// keys are those of a header or of a key with its value, and where the first one stands.
func (r *tomlReader) keys(expression *unstable.Node) (keys []string, first int) {
	first = -1
	for it := expression.Key(); it.Next(); {
		if first < 0 {
			first = int(it.Node().Raw.Offset)
		}
		keys = append(keys, string(it.Node().Data))
	}
	return keys, first
}

func (r *tomlReader) keyValue(expression *unstable.Node) error {
	keys, first := r.keys(expression)
	raw := expression.Raw
	end := int(raw.Offset + raw.Length)
	start := lineStart(r.text, first)
	part := span{withComments(r.text, start, r.end), lineEnd(r.text, end)}
	n := r.section
	for _, key := range keys[:len(keys)-1] {
		next := n.at(key)
		if next == nil {
			next = newMapping()
			next.whole = true // its keys are spelt with those above
			n.put(key, next)
		}
		next.parts = append(next.parts, part)
		n = next
	}
	value, err := r.value(expression.Value())
	if err != nil {
		return err
	}
	if n.kind != mapping {
		return errors.New("no table")
	}
	value.value = span{r.valueStart(expression), end}
	value.parts = []span{part}
	n.put(keys[len(keys)-1], value)
	r.end = part.end
	r.section.body.end = part.end
	return nil
}

// valueStart is behind the equals sign that follows the last key.
func (r *tomlReader) valueStart(expression *unstable.Node) int {
	at := 0
	for it := expression.Key(); it.Next(); {
		at = int(it.Node().Raw.Offset + it.Node().Raw.Length)
	}
	at += strings.IndexByte(r.text[at:], '=') + 1
	return at + len(r.text[at:]) - len(strings.TrimLeft(r.text[at:], " \t"))
}

func (r *tomlReader) value(n *unstable.Node) (*node, error) {
	switch n.Kind {
	case unstable.InlineTable:
		table := newMapping()
		table.whole = true
		for it := n.Children(); it.Next(); {
			if it.Node().Kind != unstable.KeyValue {
				continue
			}
			inner := table
			keys, _ := r.keys(it.Node())
			for _, key := range keys[:len(keys)-1] {
				if inner.at(key) == nil {
					inner.put(key, newMapping())
				}
				inner = inner.at(key)
			}
			value, err := r.value(it.Node().Value())
			if err != nil {
				return nil, err
			}
			if inner == nil || inner.kind != mapping {
				return nil, errors.New("no table")
			}
			inner.put(keys[len(keys)-1], value)
		}
		return table, nil
	case unstable.Array:
		list := &node{kind: sequence, whole: true}
		for it := n.Children(); it.Next(); {
			if it.Node().Kind == unstable.Comment {
				continue
			}
			item, err := r.value(it.Node())
			if err != nil {
				return nil, err
			}
			raw := it.Node().Raw
			item.value = span{int(raw.Offset), int(raw.Offset + raw.Length)}
			list.items = append(list.items, item)
		}
		return list, nil
	default:
		return &node{tag: n.Kind.String(), scalar: strings.ReplaceAll(string(n.Data), "\r\n", "\n")}, nil
	}
}

// isSection says whether an entry is made of sections rather than of lines in one.
func (n *node) isSection(text string) bool {
	return len(n.parts) > 0 && strings.HasPrefix(strings.TrimLeft(firstCode(n.parts[0].of(text)), " \t"), "[")
}

// firstCode is the first line that is no comment.
func firstCode(text string) string {
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(strings.TrimLeft(line, " \t"), "#") {
			return line
		}
	}
	return ""
}

func (tomlSyntax) add(ours *document, into *node, theirs *document, from *node, key string) ([]edit, bool) {
	entry := from.at(key)
	var lines []string
	for _, part := range entry.parts {
		lines = append(lines, part.of(theirs.text))
	}
	if entry.isSection(theirs.text) {
		isSection := func(n *node) bool { return n.isSection(ours.text) }
		before, after := neighbours(into, from, key, isSection)
		at := len(ours.text)
		switch {
		case before != nil:
			at = before.parts[len(before.parts)-1].end
		case after != nil:
			at = after.parts[0].start
		case len(into.parts) > 0:
			at = into.parts[len(into.parts)-1].end
		}
		return []edit{insert(ours.text, at, strings.Join(lines, "\n"), true)}, true
	}
	text := strings.Join(lines, "")
	if into != ours.root && into.value == (span{}) { // it has no header of its own
		if from.value == (span{}) || len(into.parts) == 0 || !into.isSection(ours.text) {
			return nil, false
		}
		return []edit{insert(ours.text, into.parts[0].start, from.value.of(theirs.text)+text, true)}, true
	}
	before, after := neighbours(into, from, key, func(n *node) bool { return len(n.parts) > 0 && !n.isSection(ours.text) })
	switch {
	case before != nil:
		return []edit{insert(ours.text, before.parts[len(before.parts)-1].end, text, false)}, true
	case after != nil:
		return []edit{insert(ours.text, after.parts[0].start, text, false)}, true
	}
	alone := into == ours.root && !slices.ContainsFunc(into.keys, func(key string) bool { return !into.values[key].isSection(ours.text) })
	return []edit{insert(ours.text, into.body.end, text, alone)}, true
}

func (tomlSyntax) set(ours *document, old *node, theirs *document, new *node) ([]edit, bool) {
	if old.isSection(ours.text) || new.isSection(theirs.text) || old.value == (span{}) || new.value == (span{}) {
		return nil, false
	}
	return []edit{{old.value, new.value.of(theirs.text)}}, true
}

func (tomlSyntax) remove(ours *document, from *node, key string) ([]edit, bool) {
	var edits []edit
	for _, part := range from.at(key).parts {
		edits = append(edits, cut(ours.text, part))
	}
	return edits, len(edits) > 0
}

// longestLine is the length up to which an array stays on one line.
const longestLine = 100

// addItem writes items into an array, in front of the one at an index or behind the last one.
func addItem(text string, list *node, at int, items []string) edit {
	inside := list.value.of(text)
	lines := strings.Contains(inside, "\n")
	words := strings.Join(items, ", ")
	if end := lineEnd(text, list.value.end); !lines && end-lineStart(text, list.value.start)+len(words) > longestLine {
		var all []string
		for _, item := range list.items {
			all = append(all, item.value.of(text))
		}
		return edit{list.value, "[\n    " + strings.Join(slices.Insert(all, at, items...), ",\n    ") + ",\n]"}
	}
	if len(list.items) == 0 {
		closing := list.value.end - 1
		if lines { // there may be comments
			closing = lineStart(text, closing)
			return edit{span{closing, closing}, "    " + strings.Join(items, ",\n    ") + ",\n"}
		}
		return edit{span{closing, closing}, words}
	}
	if at < len(list.items) {
		start := list.items[at].value.start
		if first := lineStart(text, start); lines && blank(text[first:start]) {
			indent := text[first:start]
			above := withComments(text, first, lineEnd(text, list.value.start))
			return edit{span{above, above}, indent + strings.Join(items, ",\n"+indent) + ",\n"}
		}
		return edit{span{start, start}, words + ", "}
	}
	last := list.items[len(list.items)-1].value
	comma := behindComma(text, last.end, list.value.end)
	first := lineStart(text, last.start)
	if !lines || !blank(text[first:last.start]) {
		return edit{span{last.end, last.end}, ", " + words}
	}
	indent := text[first:last.start]
	joined := indent + strings.Join(items, ",\n"+indent) + ",\n"
	if comma > 0 && lineEnd(text, comma) < list.value.end {
		end := lineEnd(text, comma)
		return edit{span{end, end}, joined}
	}
	end := lineEnd(text, last.end)
	if end >= list.value.end { // the bracket closes on the same line
		return edit{span{last.end, last.end}, ",\n" + indent + strings.Join(items, ",\n"+indent)}
	}
	return edit{span{last.end, end}, "," + strings.TrimRight(text[last.end:end], "\r\n") + "\n" + joined}
}

// behindComma is the offset behind the comma that follows an item, if there is one before the end; else 0.
func behindComma(text string, at, end int) int {
	for at < end {
		switch text[at] {
		case ',':
			return at + 1
		case '#':
			at = lineEnd(text, at)
		case ' ', '\t', '\r', '\n':
			at++
		default:
			return 0
		}
	}
	return 0
}

// cutItem removes an item of an array with its comma, and its line if it is alone there.
func cutItem(text string, list, item *node) edit {
	start, end := item.value.start, item.value.end
	if comma := behindComma(text, end, list.value.end); comma > 0 {
		end = comma
	}
	first, last := lineStart(text, start), lineEnd(text, end)
	rest := strings.TrimSpace(text[end:last])
	if last < list.value.end && blank(text[first:start]) && (rest == "" || strings.HasPrefix(rest, "#")) {
		return edit{span{first, last}, ""}
	}
	for end < list.value.end && text[end] == ' ' {
		end++
	}
	return edit{span{start, end}, ""}
}
