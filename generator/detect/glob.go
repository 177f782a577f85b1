package detect

import (
	"iter"
	"path"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// matcher is a glob without alternatives, with the literal beginning and end by which nearly all names are told apart without
// matching.
type matcher struct {
	glob, prefix, suffix string
	middle               string // the longest literal part
	path                 bool   // it is about paths, not names
	plain                bool   // it has no more than one *, so that beginning and end tell all
}

// matchers compiles a glob.
func matchers(glob string) (all []matcher) {
	for _, glob := range alternatives(glob) {
		m := matcher{glob: glob, prefix: glob, path: strings.Contains(glob, "/")}
		if i := strings.IndexAny(glob, `*?[\`); i >= 0 {
			m.prefix = glob[:i]
			m.suffix = glob[strings.LastIndexAny(glob, `*?]\`)+1:]
			m.middle = longest(glob)
			m.plain = len(m.prefix)+1+len(m.suffix) == len(glob) && glob[i] == '*'
		}
		all = append(all, m)
	}
	return all
}

// longest is the longest part of a glob that is literal, without the slash that may stand for nothing.
func longest(glob string) (part string) {
	if strings.ContainsAny(glob, `[\`) {
		return ""
	}
	for run := range strings.FieldsFuncSeq(glob, func(r rune) bool { return r == '*' || r == '?' }) {
		if run = strings.TrimPrefix(run, "/"); len(run) > len(part) {
			part = run
		}
	}
	return part
}

// alternatives writes {a,b} out.
func alternatives(glob string) []string {
	open := strings.IndexByte(glob, '{')
	if open < 0 {
		return []string{glob}
	}
	var all []string
	depth, start := 0, open+1
	for i := open; i < len(glob); i++ {
		switch glob[i] {
		case '{':
			depth++
		case '}':
			depth--
		}
		if depth == 0 || depth == 1 && glob[i] == ',' {
			for _, rest := range alternatives(glob[start:i] + closing(glob, open)) {
				all = append(all, glob[:open]+rest)
			}
			start = i + 1
		}
		if depth == 0 {
			break
		}
	}
	return all
}

// closing is what stands behind the brace that closes the one at a position.
func closing(glob string, open int) string {
	depth := 0
	for i := open; i < len(glob); i++ {
		switch glob[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return glob[i+1:]
			}
		}
	}
	return ""
}

func (m matcher) fits(name, base string) bool {
	if !m.path {
		name = base
	}
	if len(name) < len(m.prefix)+len(m.suffix) || !strings.HasPrefix(name, m.prefix) || !strings.HasSuffix(name, m.suffix) {
		return false
	}
	if !strings.Contains(name, m.middle) {
		return false
	}
	if m.plain {
		return !m.path || !strings.Contains(name[len(m.prefix):len(name)-len(m.suffix)], "/")
	}
	if m.glob == m.prefix {
		return name == m.glob
	}
	matched, err := doublestar.Match(m.glob, name)
	return matched && err == nil
}

// glob returns the files that fit, and keeps them.
func (s *scan) glob(glob string) []file {
	if files, kept := s.globs[glob]; kept {
		return files
	}
	files := []file{}
	for _, m := range matchers(glob) {
		for i := range s.likely(m) {
			if f := s.files[i]; m.fits(f.path, path.Base(f.path)) {
				files = append(files, f)
			}
		}
	}
	s.globs[glob] = files
	return files
}

// likely yields the files that may fit, by their numbers: those of the name or the extension that all have that do.
func (s *scan) likely(m matcher) iter.Seq[int] {
	switch dot := strings.LastIndexByte(m.suffix, '.'); {
	case m.glob == m.prefix:
		return s.byName.Of(path.Base(m.glob))
	case dot >= 0:
		return slices.Values(s.byExtension[m.suffix[dot:]])
	}
	return func(yield func(int) bool) {
		for i := range s.files {
			if !yield(i) {
				return
			}
		}
	}
}

// matching are the files that fit one of the globs, in the order of the scan.
func (s *scan) matching(globs []string, tests bool) (files []file) {
	seen := map[string]bool{}
	for _, glob := range globs {
		for _, f := range s.glob(glob) {
			if !seen[f.path] && (f.role == own || tests) {
				seen[f.path] = true
				files = append(files, f)
			}
		}
	}
	shallow(files)
	return files
}
