// Package lock writes lock files without a network: a table holds one consistent resolution of every package that any
// layer may use, and a repository's lock is the part of it that its requirements reach.
//
// The table, packages.txt, is made by refresh/refresh.py from union.in. It is text, so that a refresh can be reviewed as a
// diff, and it is read in place: opening it only finds where each package begins, and a lock decodes what it reaches.
//
// The format: a head, one block per package in the order of their names, and a checksum of all that precedes it, each
// set off by one empty line. A line starts with its kind. The head has comments (#) and then
//
//	format 1
//	python >=3.12,<3.15          the Python versions that the resolution holds for
//	before 2026-11-17T00:00:00Z  the moment after which releases were ignored
//
// and a block has these lines, in this order:
//
//	package uvicorn 0.54.0               normalised name and version
//	summary The lightning-fast ASGI server.
//	python >=3.10                        Requires-Python as the release states it, * for none
//	extra standard                       an extra that is resolved too
//	needs click                          a resolved dependency, its marker simplified for the head's Python versions
//	needs[standard] uvloop ; MARKER      one that the extra brings
//	declares click >=7.0                 a dependency of the active extras as poetry.lock spells it
//	offers standard httptools (>=0.8.0)  an extra's declared requirement; no requirement for an empty extra
//	file SHA256 NAME                     a file of the release
//
// A table has no address of any index: what its files are called and what they contain is enough.
package lock

import (
	_ "embed"
	"strings"
	"sync"
)

// embedded is the table of this build. It stays uncompressed: inflating it takes longer than everything else.
//
//go:embed packages.txt
var embedded string

//go:embed modules.txt
var modules string

const (
	formatLine   = "\nformat 1\n"
	blockStart   = "\n\npackage "
	blockGap     = len("\n\n") // the part of blockStart that is not the block's
	checksumMark = "\nchecksum "
)

// Table is a package table. It is immutable, and safe for concurrent use.
type Table struct {
	text       string
	start, end int // where the blocks lie in the text
}

// openOnce looks at the embedded table the first time that somebody asks.
var openOnce = sync.OnceValues(func() (*Table, error) { return index(embedded) })

// Open returns the embedded table. It does not decode the packages, and the only error is a build with a damaged table,
// which the tests of this package rule out.
func Open() (*Table, error) { return openOnce() }

// Version returns the version that the table has of a package, under any spelling of its name, and whether it has one.
func (t *Table) Version(name string) (string, bool) {
	block, ok := t.block(normalise(name))
	if !ok {
		return "", false
	}
	first, _, _ := strings.Cut(block, "\n")
	return first[strings.LastIndexByte(first, ' ')+1:], true
}

// Provides says whether a package of the table brings a Python module of that name.
func (t *Table) Provides(module string) bool {
	name := module
	for line := range strings.Lines(modules) {
		if fields := strings.Fields(line); fields[0] == module {
			name = fields[1]
		}
	}
	_, found := t.Version(name)
	return found
}

// index finds where the blocks begin and end, and no more: what it costs does not grow with the table.
func index(text string) (*Table, error) {
	head := strings.Index(text, blockStart)
	end := strings.LastIndex(text, checksumMark)
	if head < 0 || end < head || !strings.Contains(text[:head+1], formatLine) {
		return nil, &TableError{Line: 1, Problem: "want a head with `format 1`, packages and a checksum"}
	}
	return &Table{text: text, start: head + blockGap, end: end}, nil
}

// block returns a package's lines. The blocks are sorted: it halves the text until it meets the right one.
func (t *Table) block(name string) (string, bool) {
	low, high := t.start-blockGap, t.end // the block begins between them
	for low < high {
		middle := low + (high-low)/2
		next := strings.Index(t.text[middle:min(high+len(blockStart)-1, t.end)], blockStart)
		if next < 0 {
			high = middle
			continue
		}
		start := middle + next + blockGap
		at, _, _ := strings.Cut(t.text[start+len("package "):t.end], " ")
		switch {
		case name < at:
			high = middle
		case name > at:
			low = start
		default:
			stop := t.end
			if following := strings.Index(t.text[start:t.end], blockStart); following >= 0 {
				stop = start + following + 1
			}
			return t.text[start:stop], true
		}
	}
	return "", false
}

// entry decodes a package's block. The errors are *UnknownPackageError and *TableError.
func (t *Table) entry(name string) (*entry, error) {
	text, ok := t.block(name)
	if !ok {
		return nil, &UnknownPackageError{Name: name}
	}
	return decode(text)
}
