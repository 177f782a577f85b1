package lock

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
)

// Parse reads a table and checks all of it: the checksum, the form and order of every line, and that every dependency and
// extra that is named is there. The error is a *TableError. Only tests call it: a build embeds a table that has passed them.
func Parse(data []byte) (*Table, error) {
	text := string(data)
	if err := checkSum(text); err != nil {
		return nil, err
	}
	t, err := index(text)
	if err != nil {
		return nil, err
	}
	if err := t.check(); err != nil {
		return nil, err
	}
	return t, nil
}

// checkSum compares the last line with what precedes it.
func checkSum(text string) error {
	at := strings.LastIndex(text, checksumMark) + 1
	want := sha256.Sum256([]byte(text[:at]))
	if text[at:] != checksumMark[1:]+hex.EncodeToString(want[:])+"\n" {
		return &TableError{Line: strings.Count(text[:at], "\n") + 1, Problem: "the checksum does not match: run `make refresh-packages`"}
	}
	return nil
}

// span is where one package's block lies in the text.
type span struct {
	name       string
	start, end int
}

// spans walks through the blocks in the text's order.
func (t *Table) spans() (all []span) {
	for start := t.start; start < t.end; {
		stop := t.end
		if next := strings.Index(t.text[start:t.end], blockStart); next >= 0 {
			stop = start + next + 1
		}
		name, _, _ := strings.Cut(t.text[start+len("package "):stop], " ")
		all = append(all, span{name, start, stop})
		start = stop + 1
	}
	return all
}

// check decodes every block and verifies their order and what they refer to.
func (t *Table) check() error {
	blocks := t.spans()
	entries := make(map[string]*entry, len(blocks))
	for i, at := range blocks {
		if i > 0 && blocks[i-1].name >= at.name {
			return t.fault(at, 1, at.name+" is out of order")
		}
		e, err := decode(t.text[at.start:at.end])
		if inner := new(TableError); errors.As(err, &inner) {
			return t.fault(at, inner.Line, inner.Problem)
		}
		entries[at.name] = e
	}
	for _, at := range blocks {
		if problem := entries[at.name].dangling(entries); problem != "" {
			return t.fault(at, 1, problem)
		}
	}
	return nil
}

// fault is a problem in a line of a block.
func (t *Table) fault(at span, line int, problem string) error {
	return &TableError{Line: strings.Count(t.text[:at.start], "\n") + line, Problem: problem}
}

// dangling names a dependency that entries do not satisfy, or nothing.
func (e *entry) dangling(entries map[string]*entry) string {
	for _, n := range e.needs {
		target, ok := entries[n.name]
		if !ok {
			return e.name + " needs " + n.name + ", which is not in the table"
		}
		for _, extra := range n.extras {
			if !slices.Contains(target.extras, extra) {
				return e.name + " needs " + n.name + "[" + extra + "], which is not resolved"
			}
		}
	}
	return ""
}
