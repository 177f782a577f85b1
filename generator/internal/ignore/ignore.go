// Package ignore answers what a .gitignore or a .dockerignore leaves out.
package ignore

import (
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// Git reports whether a .gitignore at the root ignores a path, or one of the folders that it is in (gitignore(5)).
func Git(text, path string) bool {
	parts := strings.Split(path, "/")
	for i := range parts {
		if matches(text, strings.Join(parts[:i+1], "/"), i+1 < len(parts), true) {
			return true
		}
	}
	return false
}

// Docker reports whether a .dockerignore keeps a path out of the build: there a pattern without a slash means the root alone.
func Docker(text, path string) bool { return matches(text, path, false, false) }

// matches goes by the last pattern that fits.
func matches(text, path string, folder, git bool) (ignored bool) {
	for line := range strings.Lines(text) {
		pattern := strings.TrimSpace(line)
		if pattern == "" || pattern[0] == '#' {
			continue
		}
		pattern, negated := strings.CutPrefix(pattern, "!")
		if fits(pattern, path, folder, git) {
			ignored = !negated
		}
	}
	return ignored
}

func fits(pattern, path string, folder, git bool) bool {
	pattern, onlyFolder := strings.CutSuffix(pattern, "/")
	if onlyFolder && git && !folder {
		return false
	}
	anchored := strings.Contains(pattern, "/") || !git
	pattern = strings.TrimPrefix(strings.TrimPrefix(pattern, "./"), "/")
	if !anchored {
		pattern = "**/" + pattern
	}
	patterns := []string{pattern}
	if !git {
		patterns = append(patterns, pattern+"/**")
	}
	for _, each := range patterns {
		if matched, err := doublestar.Match(each, path); err == nil && matched {
			return true
		}
	}
	return false
}
