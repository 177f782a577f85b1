// Package document reads YAML as a tree whose values know their lines, with aliases and merge keys followed. What is missing is an empty
// value, so that a chain of Get needs no check between.
package document

import (
	"bytes"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Value is a node of a document. The zero Value is one that is not there.
type Value struct{ node *yaml.Node }

// most is how many aliases and merges are followed for one value: a document may refer to itself, and to itself many times.
const most = 64

// Parse returns the documents of a file; those before a mistake, if there is one.
func Parse(data []byte) (documents []Value) {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var node yaml.Node
		if decoder.Decode(&node) != nil {
			return documents
		}
		if len(node.Content) > 0 {
			documents = append(documents, Value{node.Content[0]})
		}
	}
}

func (v Value) resolved() *yaml.Node {
	node := v.node
	for range most {
		if node == nil || node.Kind != yaml.AliasNode {
			return node
		}
		node = node.Alias
	}
	return nil
}

// There reports whether the value exists and is not null.
func (v Value) There() bool {
	node := v.resolved()
	return node != nil && node.Tag != "!!null"
}

// Line is where the value stands, from 1; 0 for one that is not there.
func (v Value) Line() int {
	if v.node == nil {
		return 0
	}
	return v.node.Line
}

// Get returns what a mapping has at these keys, one in the other.
func (v Value) Get(keys ...string) Value {
	for _, key := range keys {
		next := Value{}
		for _, mapping := range v.mappings() {
			if value := entry(mapping, key); value != nil {
				next = Value{value}
				break
			}
		}
		v = next
	}
	return v
}

func entry(mapping *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key && mapping.Content[i].Tag != mergeTag {
			return mapping.Content[i+1]
		}
	}
	return nil
}

const mergeTag = "!!merge"

// mappings are a mapping and those that are merged into it, in the order in which their entries count; each once.
func (v Value) mappings() (found []*yaml.Node) {
	queue := []Value{v}
	for len(queue) > 0 && len(found) < most {
		node := queue[0].resolved()
		queue = queue[1:]
		if node == nil || node.Kind != yaml.MappingNode || slices.Contains(found, node) {
			continue
		}
		found = append(found, node)
		var merged []Value
		for i := 0; i+1 < len(node.Content); i += 2 {
			if source := (Value{node.Content[i+1]}); node.Content[i].Tag == mergeTag && source.List() {
				merged = append(merged, source.Items()...)
			} else if node.Content[i].Tag == mergeTag {
				merged = append(merged, source)
			}
		}
		queue = append(merged, queue...)
	}
	return found
}

// Pair is an entry of a mapping.
type Pair struct {
	Key   string
	Line  int
	Value Value
}

// Pairs returns the entries of a mapping in their order, merged ones last.
func (v Value) Pairs() (pairs []Pair) {
	seen := map[string]bool{}
	for _, mapping := range v.mappings() {
		for i := 0; i+1 < len(mapping.Content); i += 2 {
			if key := mapping.Content[i]; key.Tag != mergeTag && !seen[key.Value] {
				seen[key.Value] = true
				pairs = append(pairs, Pair{key.Value, key.Line, Value{mapping.Content[i+1]}})
			}
		}
	}
	return pairs
}

// Items returns the elements of a sequence; of a single scalar, that alone.
func (v Value) Items() (items []Value) {
	node := v.resolved()
	switch {
	case node == nil || node.Tag == "!!null":
	case node.Kind == yaml.SequenceNode:
		for _, item := range node.Content {
			items = append(items, Value{item})
		}
	case node.Kind == yaml.ScalarNode:
		items = append(items, v)
	}
	return items
}

// Text is a scalar's text; of anything else "".
func (v Value) Text() string {
	if node := v.resolved(); node != nil && node.Kind == yaml.ScalarNode && node.Tag != "!!null" {
		return node.Value
	}
	return ""
}

// TextLine is the line on which the text of a block scalar begins, or else that of the scalar.
func (v Value) TextLine() int {
	if node := v.resolved(); node != nil && node.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		return node.Line + 1
	}
	return v.Line()
}

// Words returns the words of a command: the elements of a sequence, or a text split at spaces.
func (v Value) Words() (words []string) {
	if node := v.resolved(); node != nil && node.Kind == yaml.SequenceNode {
		for _, item := range v.Items() {
			words = append(words, item.Text())
		}
		return words
	}
	return strings.Fields(v.Text())
}

// Map reports whether the value is a mapping.
func (v Value) Map() bool {
	node := v.resolved()
	return node != nil && node.Kind == yaml.MappingNode
}

// List reports whether the value is a sequence.
func (v Value) List() bool {
	node := v.resolved()
	return node != nil && node.Kind == yaml.SequenceNode
}

// True reports whether the value is the boolean true.
func (v Value) True() bool {
	node := v.resolved()
	return node != nil && node.Tag == "!!bool" && strings.EqualFold(node.Value, "true")
}

// Walk visits the entries of every mapping in a document, each once: aliases are not followed.
func (v Value) Walk(visit func(pair Pair)) {
	if v.node == nil {
		return
	}
	if v.node.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(v.node.Content); i += 2 {
			visit(Pair{v.node.Content[i].Value, v.node.Content[i].Line, Value{v.node.Content[i+1]}})
		}
	}
	for _, inner := range v.node.Content {
		Value{inner}.Walk(visit)
	}
}
