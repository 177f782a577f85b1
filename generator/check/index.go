package check

import (
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/kitout/kitout/generator/tree"
)

// index finds files by a pattern without a look at each: in a large repository, a hundred patterns would take longer than all the rest.
type index struct {
	byName      *tree.Names
	byExtension map[string][]string
	byFirst     [256][]string // by the first byte of the name
	all         []string

	guard sync.Mutex
	globs map[string][]string // what fits each pattern that was asked for
}

func newIndex(files *tree.Tree) *index {
	x := &index{all: files.Paths(), byExtension: map[string][]string{}, globs: map[string][]string{}}
	x.byName = tree.NewNames(len(x.all), func(i int) string { return x.all[i] })
	for _, name := range x.all {
		base := path.Base(name)
		x.byFirst[base[0]] = append(x.byFirst[base[0]], name)
		x.byExtension[path.Ext(base)] = append(x.byExtension[path.Ext(base)], name)
	}
	return x
}

// glob returns the paths that match a pattern as tree.Glob reads it, sorted. They are not to be changed: several rules ask the same.
func (x *index) glob(pattern string) []string {
	x.guard.Lock()
	defer x.guard.Unlock()
	paths, known := x.globs[pattern]
	if !known {
		paths = x.match(pattern)
		x.globs[pattern] = paths
	}
	return paths
}

func (x *index) match(pattern string) (paths []string) {
	for _, plain := range alternatives(pattern) {
		anywhere := !strings.Contains(plain, "/")
		for _, name := range x.candidates(plain) {
			subject := name
			if anywhere {
				subject = path.Base(name)
			}
			if matched, err := doublestar.Match(plain, subject); err == nil && matched {
				paths = append(paths, name)
			}
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

// candidates are the files that may fit a pattern: by name, by extension, or by its first letter and its longest part.
func (x *index) candidates(pattern string) (paths []string) {
	base := path.Base(pattern)
	last := strings.LastIndexAny(base, "*?[]")
	if last < 0 {
		for i := range x.byName.Of(base) {
			paths = append(paths, x.all[i])
		}
		return paths
	}
	if extension := path.Ext(base); len(extension) > 1 && strings.LastIndexByte(base, '.') > last {
		return x.byExtension[extension]
	}
	among, literal := x.all, longest(pattern)
	if !strings.ContainsRune(`*?[\`, rune(base[0])) {
		among = x.byFirst[base[0]]
	}
	for _, name := range among {
		if strings.Contains(name, literal) {
			paths = append(paths, name)
		}
	}
	return paths
}

// longest is the longest part of a pattern that stands in each path that fits. No slash is in it: a/** fits a as well.
func longest(pattern string) (literal string) {
	for part := range strings.FieldsFuncSeq(pattern, func(r rune) bool { return strings.ContainsRune("*?[]\\/", r) }) {
		if len(part) > len(literal) {
			literal = part
		}
	}
	return literal
}

// alternatives writes the braces of a pattern out.
func alternatives(pattern string) (plain []string) {
	end := strings.IndexByte(pattern, '}')
	start := strings.LastIndexByte(pattern[:max(end, 0)], '{')
	if start < 0 {
		return []string{pattern}
	}
	for choice := range strings.SplitSeq(pattern[start+1:end], ",") {
		plain = append(plain, alternatives(pattern[:start]+choice+pattern[end+1:])...)
	}
	return plain
}
