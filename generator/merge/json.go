package merge

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// jsonSyntax edits JSON. The part of an entry is its key and value; the value of an object includes its brackets.
type jsonSyntax struct{}

type jsonReader struct {
	text    string
	decoder *json.Decoder
}

func (jsonSyntax) parse(text string) (*node, error) {
	r := &jsonReader{text, json.NewDecoder(strings.NewReader(text))}
	r.decoder.UseNumber()
	token, start, err := r.token()
	if err != nil {
		return nil, err
	}
	root, err := r.value(token, start)
	if err != nil {
		return nil, err
	}
	if _, err := r.decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one value")
	}
	return root, nil
}

// token reads the next token, and says where it begins.
func (r *jsonReader) token() (json.Token, int, error) {
	before := int(r.decoder.InputOffset())
	token, err := r.decoder.Token()
	start := before + len(r.text[before:]) - len(strings.TrimLeft(r.text[before:], " \t\r\n,:"))
	return token, start, err
}

func (r *jsonReader) value(token json.Token, start int) (*node, error) {
	result := &node{tag: fmt.Sprintf("%T", token), scalar: fmt.Sprint(token)}
	switch token {
	case json.Delim('{'):
		result = newMapping()
		for r.decoder.More() {
			key, keyStart, err := r.token()
			if err != nil {
				return nil, err
			}
			name := key.(string)
			token, start, err := r.token()
			if err != nil {
				return nil, err
			}
			if result.values[name] != nil {
				return nil, fmt.Errorf("%s is there twice", name)
			}
			entry, err := r.value(token, start)
			if err != nil {
				return nil, err
			}
			entry.parts = []span{{keyStart, entry.value.end}}
			result.put(name, entry)
		}
	case json.Delim('['):
		result = &node{kind: sequence}
		for r.decoder.More() {
			token, start, err := r.token()
			if err != nil {
				return nil, err
			}
			item, err := r.value(token, start)
			if err != nil {
				return nil, err
			}
			result.items = append(result.items, item)
		}
	}
	if _, brackets := token.(json.Delim); brackets {
		if _, err := r.decoder.Token(); err != nil {
			return nil, err
		}
	}
	result.value = span{start, int(r.decoder.InputOffset())}
	return result, nil
}

func (jsonSyntax) add(ours *document, into *node, theirs *document, from *node, key string) ([]edit, bool) {
	entry := from.at(key).parts[0]
	text := entry.of(theirs.text)
	column := func(text string, at int) int { return indentation(text[lineStart(text, at):]) }
	moved := func(to int) string {
		first := lineEnd(text, 0)
		return text[:first] + shift(text[first:], to-column(theirs.text, entry.start))
	}
	if len(into.keys) == 0 {
		outer := column(ours.text, into.value.start)
		lines := "{\n" + strings.Repeat(" ", outer+2) + moved(outer+2) + "\n" + strings.Repeat(" ", outer) + "}"
		return []edit{{into.value, lines}}, true
	}
	before, after := neighbours(into, from, key, func(*node) bool { return true })
	if before == nil && after == nil {
		before = into.values[into.keys[len(into.keys)-1]]
	}
	sibling := before
	if sibling == nil {
		sibling = after
	}
	part := sibling.parts[0]
	gap := strings.ReplaceAll(ours.text[len(strings.TrimRight(ours.text[:part.start], " \t\r\n")):part.start], "\r\n", "\n")
	if gap == "" && sibling == into.values[into.keys[0]] {
		gap = " " // right behind the bracket
	}
	text = moved(column(ours.text, part.start))
	if before != nil {
		return []edit{{span{part.end, part.end}, "," + gap + text}}, true
	}
	return []edit{{span{part.start, part.start}, text + "," + gap}}, true
}

func (jsonSyntax) set(_ *document, old *node, theirs *document, new *node) ([]edit, bool) {
	return []edit{{old.value, new.value.of(theirs.text)}}, true
}

func (jsonSyntax) remove(ours *document, from *node, key string) ([]edit, bool) {
	part := from.at(key).parts[0]
	for i, name := range from.keys {
		switch {
		case name != key:
		case i+1 < len(from.keys):
			part.end = from.values[from.keys[i+1]].parts[0].start
		case i > 0:
			part.start = from.values[from.keys[i-1]].parts[0].end
		}
	}
	return []edit{{part, ""}}, true
}
