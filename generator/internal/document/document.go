// Package document reads YAML as a tree whose values know their lines, with aliases and merge keys followed. What is missing is an empty
// value, so that a chain of Get needs no check between.
package document

import (
	"bytes"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Value is a node of a document. The zero Value is one that is not there.
type Value struct{ node *yaml.Node }

// deepest is how many aliases and merges are followed from one value: a document may refer to itself.
const deepest = 16

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
	for range deepest {
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
		v = Value{lookup(v.resolved(), key, deepest)}
	}
	return v
}

func lookup(node *yaml.Node, key string, depth int) *yaml.Node {
	if node == nil || node.Kind != yaml.MappingNode || depth == 0 {
		return nil
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == key {
			return node.Content[i+1]
		}
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Tag != "!!merge" {
			continue
		}
		merged := Value{node.Content[i+1]}.resolved()
		sources := []*yaml.Node{merged}
		if merged != nil && merged.Kind == yaml.SequenceNode {
			sources = merged.Content
		}
		for _, source := range sources {
			if found := lookup(Value{source}.resolved(), key, depth-1); found != nil {
				return found
			}
		}
	}
	return nil
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
	collect(v.resolved(), deepest, func(key *yaml.Node, value *yaml.Node) {
		if !seen[key.Value] {
			seen[key.Value] = true
			pairs = append(pairs, Pair{key.Value, key.Line, Value{value}})
		}
	})
	return pairs
}

func collect(node *yaml.Node, depth int, take func(key, value *yaml.Node)) {
	if node == nil || node.Kind != yaml.MappingNode || depth == 0 {
		return
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Tag != "!!merge" {
			take(node.Content[i], node.Content[i+1])
		}
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Tag != "!!merge" {
			continue
		}
		merged := Value{node.Content[i+1]}.resolved()
		switch {
		case merged == nil:
		case merged.Kind == yaml.SequenceNode:
			for _, source := range merged.Content {
				collect(Value{source}.resolved(), depth-1, take)
			}
		default:
			collect(merged, depth-1, take)
		}
	}
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
