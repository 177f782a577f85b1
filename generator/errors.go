package generator

import "strings"

// UsageError is a value that the user must change: an unknown choice, a bad name. Nothing has been written.
type UsageError struct {
	Flag    string // the flag or file that holds the value, such as "--database"
	Problem string
	Hint    string // the way out; may be empty
}

// Error writes `flag: problem`.
func (e *UsageError) Error() string { return e.Flag + ": " + e.Problem }

// ConflictError lists existing files that stand in the way; without any, the folder itself is one. Nothing has been written.
type ConflictError struct {
	Folder string
	Paths  []string
}

// Error names the folder and at most five of the paths.
func (e *ConflictError) Error() string {
	const most = 5
	if len(e.Paths) == 0 {
		return e.Folder + ": is a file, not a folder"
	}
	paths, rest := e.Paths, ""
	if len(paths) > most {
		paths, rest = paths[:most], ", …"
	}
	return e.Folder + ": these files exist already: " + strings.Join(paths, ", ") + rest
}

// nearest returns the candidate that the fewest edits turn word into, or "" when none is close.
func nearest(word string, candidates []string) string {
	best, distance := "", len(word)/2+1
	for _, candidate := range candidates {
		if d := edits(word, candidate); d < distance {
			best, distance = candidate, d
		}
		if strings.HasPrefix(candidate, word) && word != "" && best == "" {
			best = candidate
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
