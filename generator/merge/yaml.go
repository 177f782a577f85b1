package merge

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// yamlSyntax edits YAML in block style. The body of an entry is its lines without the comments above.
type yamlSyntax struct{}

// yamlReader makes nodes of those of the library, each once, and finds their lines.
type yamlReader struct {
	text  string
	lines []int // where each begins, and the end
	known map[*yaml.Node]*node
}

func (yamlSyntax) parse(text string) (*node, error) {
	decoder := yaml.NewDecoder(strings.NewReader(text))
	var first, second yaml.Node
	if err := decoder.Decode(&first); errors.Is(err, io.EOF) {
		return newMapping(), nil // comments at most
	} else if err != nil {
		return nil, err
	}
	if err := decoder.Decode(&second); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one document")
	}
	r := &yamlReader{text: text, known: map[*yaml.Node]*node{}}
	for at := 0; at < len(text); at = lineEnd(text, at) {
		r.lines = append(r.lines, at)
	}
	last := len(r.lines)
	r.lines = append(r.lines, len(text))
	content := first.Content[0]
	root, err := r.node(content)
	if err != nil {
		return nil, err
	}
	if content.Kind == yaml.MappingNode {
		r.place(content, root, 0, last)
	}
	return root, nil
}

func (r *yamlReader) node(n *yaml.Node) (*node, error) {
	if known, found := r.known[n]; found {
		if known == nil {
			return nil, errors.New("a value within itself")
		}
		return known, nil
	}
	r.known[n] = nil
	result, err := r.build(n)
	r.known[n] = result
	return result, err
}

func (r *yamlReader) build(n *yaml.Node) (*node, error) {
	result := &node{whole: n.Style&yaml.FlowStyle != 0, tag: n.ShortTag()}
	switch n.Kind {
	case yaml.ScalarNode:
		result.scalar = n.Value
	case yaml.AliasNode:
		target, err := r.node(n.Alias)
		if err != nil {
			return nil, err
		}
		alias := *target
		alias.whole = true
		return &alias, nil
	case yaml.SequenceNode:
		result.kind = sequence
		for _, content := range n.Content {
			item, err := r.node(content)
			if err != nil {
				return nil, err
			}
			result.items = append(result.items, item)
		}
	case yaml.MappingNode:
		result.kind, result.values = mapping, map[string]*node{}
		for i := 0; i < len(n.Content); i += 2 {
			key := n.Content[i]
			if key.Kind != yaml.ScalarNode || result.values[key.Value] != nil {
				return nil, fmt.Errorf("line %d: a key that is no word, or is there twice", key.Line)
			}
			value, err := r.node(n.Content[i+1])
			if err != nil {
				return nil, err
			}
			result.put(key.Value, value)
		}
	default:
		return nil, errors.New("neither value nor alias")
	}
	return result, nil
}

// place finds the lines of the entries of a mapping, or of the items of a list, in block style, within some lines.
func (r *yamlReader) place(n *yaml.Node, result *node, from, to int) {
	step := 1
	if n.Kind == yaml.MappingNode {
		step = 2
	}
	for i := 0; i < len(n.Content); i += step {
		first, next := n.Content[i].Line-1, to
		if i+step < len(n.Content) {
			next = n.Content[i+step].Line - 1
		}
		indent := indentation(r.text[r.lines[first]:])
		for next > first+1 && r.trails(next-1, indent) {
			next--
		}
		result.indent = indent
		body := span{r.lines[first], r.lines[next]}
		above := body.start
		if i > 0 || indent > 0 { // the first comment of a file is about the file
			above = withComments(r.text, above, r.lines[from])
		}
		from = next
		if n.Kind == yaml.SequenceNode {
			result.items[i].parts = []span{{above, body.end}}
			continue
		}
		key, value := n.Content[i], n.Content[i+1]
		entry := result.values[key.Value]
		entry.body, entry.parts = body, []span{{above, body.end}}
		if next == first+1 {
			entry.value = r.inLine(key, value, body)
		}
		if !entry.whole {
			r.place(value, entry, first+1, next)
		}
	}
}

// trails says whether a line is behind an entry of that indentation rather than in it.
func (r *yamlReader) trails(line, indent int) bool {
	text := r.text[r.lines[line]:r.lines[line+1]]
	return blank(text) || strings.HasPrefix(strings.TrimLeft(text, " "), "#") && indentation(text) <= indent
}

// inLine is where the value of an entry of one line stands, without what is behind it.
func (r *yamlReader) inLine(key, value *yaml.Node, line span) span {
	if value.Line != key.Line {
		return span{}
	}
	columns := []rune(line.of(r.text))
	start := line.start + len(string(columns[:min(value.Column-1, len(columns))]))
	text := strings.TrimRight(r.text[start:line.end], "\r\n")
	for _, n := range []*yaml.Node{key, value} {
		if n.LineComment != "" {
			text = strings.TrimSuffix(text, n.LineComment)
		}
	}
	return span{start, start + len(strings.TrimRight(text, " \t"))}
}

func (yamlSyntax) add(ours *document, into *node, theirs *document, from *node, key string) ([]edit, bool) {
	entry := from.at(key)
	if len(entry.parts) == 0 {
		return nil, false
	}
	part := entry.parts[0]
	before, after := neighbours(into, from, key, func(n *node) bool { return len(n.parts) > 0 })
	at := len(ours.text)
	switch {
	case before != nil:
		at = before.parts[0].end
	case after != nil:
		at = after.parts[0].start
	case len(into.keys) > 0:
		at = into.values[into.keys[len(into.keys)-1]].body.end
	case into != ours.root:
		return nil, false
	}
	return []edit{insert(ours.text, at, shift(part.of(theirs.text), into.indent-from.indent), spaced(theirs.text, from))}, true
}

// addListed adds an item of a list of theirs behind the last one of ours.
func (yamlSyntax) addListed(ours *document, into *node, theirs *document, from, item *node) ([]edit, bool) {
	if into.whole || len(into.items) == 0 || len(item.parts) == 0 {
		return nil, false
	}
	last := into.items[len(into.items)-1].parts
	if len(last) == 0 {
		return nil, false
	}
	return []edit{insert(ours.text, last[0].end, shift(item.parts[0].of(theirs.text), into.indent-from.indent), false)}, true
}

// spaced says whether the entries of a mapping stand apart.
func spaced(text string, n *node) bool {
	return slices.ContainsFunc(n.keys[1:], func(key string) bool {
		parts := n.values[key].parts
		return len(parts) > 0 && parts[0].start > 0 && blank(text[lineStart(text, parts[0].start-1):parts[0].start])
	})
}

func (yamlSyntax) set(ours *document, old *node, theirs *document, new *node) ([]edit, bool) {
	empty := span{}
	switch {
	case old.body == empty || new.body == empty:
		return nil, false
	case old.value != empty && new.value != empty && !old.null():
		return []edit{{old.value, new.value.of(theirs.text)}}, true
	}
	columns := indentation(old.body.of(ours.text)) - indentation(new.body.of(theirs.text))
	text := shift(new.body.of(theirs.text), columns)
	if old.null() && new.value == empty { // the key's line stays
		end := lineEnd(ours.text, old.body.start)
		return []edit{{span{end, end}, text[lineEnd(text, 0):]}}, true
	}
	return []edit{{old.body, text}}, true
}

func (yamlSyntax) remove(ours *document, from *node, key string) ([]edit, bool) {
	parts := from.at(key).parts
	if len(parts) == 0 {
		return nil, false
	}
	return []edit{cut(ours.text, parts[0])}, true
}
