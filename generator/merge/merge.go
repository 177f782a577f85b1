// Package merge brings together two texts of one file: with the text that both came from (Merge), or without (Union).
// What the user has wins wherever only one can, and stays byte for byte; what cannot be settled is left between markers.
package merge

import (
	"bytes"
	"path"
	"strings"
)

// Result is a merged text.
type Result struct {
	Text      []byte
	Conflicts int // places that stand between markers
}

// The markers of a conflict, each alone on its line: ours, then theirs.
const (
	markOurs   = "<<<<<<< yours"
	markMiddle = "======="
	markTheirs = ">>>>>>> kitout"
)

// Marked says whether a text still has a conflict that this package left in it.
func Marked(text []byte) bool {
	found := 0
	for line := range bytes.Lines(text) {
		switch string(bytes.TrimRight(line, "\r\n")) {
		case markOurs, markTheirs:
			found++
		}
	}
	return found > 0
}

// Merge takes the changes from base to theirs over into ours, by line, or by key where the path is one of TOML, YAML or JSON
// and lines do not do: a merge by line that leaves a conflict, or a text that means something else than each change alone.
//
// By line, changes that touch each other are a conflict, unless they are the same one. The ends of the lines, a byte order mark and an
// unfinished last line are as in ours, and no reason for a conflict.
func Merge(name string, base, ours, theirs []byte) Result {
	if result, done := oneSided(base, ours, theirs); done {
		return result
	}
	how := ifContained
	if isPatterns(name) {
		how = both
	}
	byLine := mergeLines(base, ours, theirs, how)
	syntax := syntaxOf(name)
	if syntax == nil {
		return byLine
	}
	dress := dressOf(ours)
	b, o, t := parse(syntax, plain(base)), parse(syntax, dress.undress(ours)), parse(syntax, plain(theirs))
	if b == nil || o == nil || t == nil {
		return byLine
	}
	fits := func(text []byte) bool {
		got := parse(syntax, dressOf(text).undress(text))
		return got != nil && fits(b.root, o.root, t.root, got.root)
	}
	if byLine.Conflicts == 0 && fits(byLine.Text) {
		return byLine
	}
	keys := newKeyMerge(name, t)
	merged, verdict := o.follow(func(o *document) ([]edit, verdict) { return keys.changed(o, b.root, o.root, t.root, nil) }, dress.eol)
	if verdict == done && keepsComments(b.text, o.text, merged.text) {
		if text := dress.dress(merged.text); fits(text) {
			return Result{Text: text}
		}
	}
	if byLine.Conflicts > 0 {
		return byLine
	}
	return mergeLines(nil, ours, theirs, never)
}

// oneSided is the result where only one side has changed anything, or both did the same.
func oneSided(base, ours, theirs []byte) (result Result, done bool) {
	switch {
	case bytes.Equal(base, theirs), bytes.Equal(ours, theirs):
		return Result{Text: ours}, true
	case bytes.Equal(base, ours):
		return Result{Text: theirs}, true
	}
	return result, false
}

// keepsComments says whether each comment is still there that ours has and the base has not: the keys that a comment belongs to may
// be gone, but what the user wrote about them is for the user to drop.
func keepsComments(base, ours, merged string) bool {
	for line := range strings.Lines(ours) {
		if i := strings.IndexByte(line, '#'); i >= 0 {
			if comment := strings.TrimSpace(line[i:]); !strings.Contains(base, comment) && !strings.Contains(merged, comment) {
				return false
			}
		}
	}
	return true
}

// isPatterns says whether a file is a list of patterns, one a line, to which both sides may add.
func isPatterns(name string) bool {
	base := path.Base(name)
	return base == ".gitignore" || base == ".dockerignore"
}

const byteOrderMark = "\ufeff"

// dress is what a text wears that is no content: the byte order mark, the ends of its lines, and whether the last one has one.
type dress struct {
	bom   bool
	eol   string
	final bool
}

func dressOf(text []byte) dress {
	d := dress{bom: bytes.HasPrefix(text, []byte(byteOrderMark)), eol: "\n"}
	if i := bytes.IndexByte(text, '\n'); i > 0 && text[i-1] == '\r' {
		d.eol = "\r\n"
	}
	d.final = len(text) == 0 || text[len(text)-1] == '\n'
	return d
}

// undress takes off the mark, and ends the last line. The ends of the lines stay: an edit leaves them as they are.
func (d dress) undress(text []byte) string {
	result := strings.TrimPrefix(string(text), byteOrderMark)
	if !d.final {
		result += d.eol
	}
	return result
}

// dress is the way back.
func (d dress) dress(text string) []byte {
	if !d.final {
		text = strings.TrimSuffix(text, d.eol)
	}
	if d.bom {
		text = byteOrderMark + text
	}
	return []byte(text)
}

// plain is a text without a mark, whose lines all end in the plain way.
func plain(text []byte) string {
	result := strings.ReplaceAll(strings.TrimPrefix(string(text), byteOrderMark), "\r\n", "\n")
	if result != "" && !strings.HasSuffix(result, "\n") {
		result += "\n"
	}
	return result
}
