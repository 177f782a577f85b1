package generator

import (
	"cmp"
	"errors"
	"path"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
)

// UsageError is a value that the user must change: an unknown choice, a bad name. Nothing has been written.
type UsageError struct {
	Flag    string // the flag or file that holds the value, such as "--database"
	Problem string
	Hint    string // the way out; may be empty

	// Combination says that the value is good, but does not go with another answer.
	Combination bool
	// Instead are other answers with which it would go, as question=choice.
	Instead []string
}

// Error writes `flag: problem`.
func (e *UsageError) Error() string { return e.Flag + ": " + e.Problem }

// ConflictError is about existing files that stand in the way. Nothing has been written.
type ConflictError struct {
	Folder  string   // as the user named it
	Paths   []string // the files in it; none: the folder itself is the matter
	Problem string   // what is wrong with them, if it is more than that they exist
	Hint    string   // the way out; empty: the one that fits every conflict
}

// Error names the folder and at most five of the paths.
func (e *ConflictError) Error() string {
	const most = 5
	if e.Problem != "" && len(e.Paths) <= 1 {
		return path.Join(append([]string{filepath.ToSlash(e.Folder)}, e.Paths...)...) + ": " + e.Problem
	}
	paths, rest := e.Paths, ""
	if len(paths) > most {
		paths, rest = paths[:most], ", …"
	}
	return e.Folder + ": " + cmp.Or(e.Problem, "these files exist already") + ": " + strings.Join(paths, ", ") + rest
}

// FileError is a file of the repository with which kitout cannot go on. Nothing has been written.
type FileError struct {
	Path    string // within the repository
	Problem string
	Hint    string // the way out
}

// Error writes `path: problem`.
func (e *FileError) Error() string { return e.Path + ": " + e.Problem }

// YAMLProblem says what is wrong with a user's YAML on one line, without the words of the library and of Go.
func YAMLProblem(err error) string {
	mistakes, is := errors.AsType[*yaml.TypeError](err)
	if !is {
		return strings.TrimPrefix(err.Error(), "yaml: ")
	}
	line, problem, _ := strings.Cut(mistakes.Errors[0], ": ")
	problem, _, _ = strings.Cut(problem, " in type ")
	if strings.HasPrefix(problem, "cannot unmarshal") {
		problem = "not of the form key: value"
	}
	return line + ": " + problem
}

// Nearest returns the candidate that word begins, or that the fewest edits turn it into, or "" when none is close.
func Nearest(word string, candidates []string) string {
	best, distance := "", len(word)/2+1
	for _, candidate := range candidates {
		if word != "" && strings.HasPrefix(candidate, word) {
			return candidate
		}
		if d := edits(word, candidate); d < distance {
			best, distance = candidate, d
		}
	}
	return best
}

// edits is the number of insertions, deletions, replacements and swaps of neighbours between two words.
func edits(a, b string) int {
	before, last, row := []int(nil), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := btoi(a[i-1] != b[j-1])
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, make([]int, len(b)+1)
	}
	return last[len(b)]
}
