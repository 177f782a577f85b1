// Package literal tells what must stand in a text for a regular expression to match: to look for that first is many times quicker.
package literal

import (
	"bytes"
	"regexp"
	"regexp/syntax"
	"slices"
	"unicode/utf8"
)

// Of returns texts of which each match of an expression has at least one, or nil where none can be told.
func Of(expression *regexp.Regexp) []string {
	parsed, err := syntax.Parse(expression.String(), syntax.Perl)
	if err != nil { // it is one of POSIX
		return nil
	}
	return of(parsed)
}

func of(e *syntax.Regexp) []string {
	switch e.Op {
	case syntax.OpLiteral:
		if e.Flags&syntax.FoldCase != 0 || slices.Contains(e.Rune, utf8.RuneError) { // which matches whatever is no UTF-8
			return nil
		}
		return []string{string(e.Rune)}
	case syntax.OpCapture, syntax.OpPlus:
		return of(e.Sub[0])
	case syntax.OpRepeat:
		if e.Min > 0 {
			return of(e.Sub[0])
		}
	case syntax.OpConcat:
		var best []string
		for _, part := range e.Sub {
			if texts := of(part); shortest(texts) > shortest(best) {
				best = texts
			}
		}
		return best
	case syntax.OpAlternate:
		var all []string
		for _, choice := range e.Sub {
			texts := of(choice)
			if texts == nil {
				return nil
			}
			all = append(all, texts...)
		}
		return all
	}
	return nil
}

// shortest is the length of the shortest text, by which a list of them is as good as it is.
func shortest(texts []string) int {
	if len(texts) == 0 {
		return 0
	}
	return len(slices.MinFunc(texts, func(a, b string) int { return len(a) - len(b) }))
}

// In reports whether a text may have a match: one of the texts that Of returned stands in it, or there were none.
func In(text []byte, of []string) bool {
	return len(of) == 0 || slices.ContainsFunc(of, func(literal string) bool { return bytes.Contains(text, []byte(literal)) })
}
