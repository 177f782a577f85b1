package merge

import (
	"path"
	"slices"
	"strings"
)

// Union adds to ours, a file that the user wrote, what it lacks of theirs, and changes nothing else: what both have is as in ours.
// It is false where the kind of file has no such union, or this file has none: then nothing has been decided. The result takes in
// nothing when it is united with theirs again.
func Union(name string, ours, theirs []byte) (Result, bool) {
	add := adder(name)
	if add == nil || Marked(ours) {
		return Result{}, false
	}
	dress := dressOf(ours)
	text, new := dress.undress(ours), plain(theirs)
	merged, can := "", false
	if blank(text) {
		dress.final = true
		merged = strings.ReplaceAll(new, "\n", dress.eol)
		_, can = add(name, new, new, "\n")
	} else {
		merged, can = add(name, text, new, dress.eol)
	}
	if !can {
		return Result{}, false
	}
	if merged == text || blank(new) {
		return Result{Text: ours}, true
	}
	return Result{Text: dress.dress(merged)}, true
}

// adder returns what makes a union of two texts of a kind of file; nil: nothing does.
func adder(name string) func(name, ours, theirs, eol string) (string, bool) {
	switch base := path.Base(name); {
	case isPatterns(name):
		return addPatterns
	case base == ".env.example":
		return addSettings
	case base == "Makefile":
		return addTargets
	case requirementsName().MatchString(base):
		return addRequirements
	case syntaxOf(name) != nil:
		return addKeys
	}
	return nil
}

var requirementsName = compiled(`^requirements[\w.-]*\.(txt|in)$`)

// addKeys adds entries of TOML, YAML and JSON, and holds the result against what it should mean.
func addKeys(name, ours, theirs, eol string) (string, bool) {
	syntax := syntaxOf(name)
	o, t := parse(syntax, ours), parse(syntax, theirs)
	if o == nil || t == nil || isPyproject(name) && metadataElsewhere(o.root, t.root) {
		return "", false
	}
	keys := newKeyMerge(name, t)
	merged, verdict := o.follow(func(d *document) ([]edit, verdict) { return keys.missing(d, d.root, t.root, nil) }, eol)
	if verdict != done || !united(o.root, t.root, merged.root) {
		return "", false
	}
	return merged.text, true
}

// metadataElsewhere says whether a project without the standard metadata has them in another place, which the standard ones
// would shadow.
func metadataElsewhere(ours, theirs *node) bool {
	return ours.at("project") == nil && theirs.at("project") != nil &&
		(ours.at("build-system") != nil || ours.at("tool", "poetry", "name") != nil)
}

// block is some lines, and those of comment above them, which come along.
type block struct {
	comments []string
	lines    []string
}

// blocks takes a text apart, a block for each line that is no comment. An empty line ends a comment; those that belong to
// nothing are left out. With headings, a comment is about all the lines below it up to the next one.
func blocks(text string, headings bool) (result []block) {
	var comments []string
	after := false // a line was there since the comment
	for line := range strings.Lines(text) {
		switch trimmed := strings.TrimSpace(line); {
		case trimmed == "":
			comments = nil
		case strings.HasPrefix(trimmed, "#"):
			if after {
				comments = nil
			}
			comments, after = append(comments, line), false
		default:
			result = append(result, block{comments, []string{line}})
			after = true
			if !headings {
				comments = nil
			}
		}
	}
	return result
}

// appended writes blocks behind a text, with the comments of each group once and an empty line before it.
func appended(text string, added []block, eol string) string {
	var out strings.Builder
	for i, b := range added {
		if i == 0 || len(b.comments) > 0 && !slices.Equal(b.comments, added[i-1].comments) {
			if i > 0 {
				out.WriteString("\n")
			}
			out.WriteString(strings.Join(b.comments, ""))
		}
		out.WriteString(strings.Join(b.lines, ""))
	}
	return text + gap(text, eol) + strings.ReplaceAll(out.String(), "\n", eol)
}

// gap is the empty line between a text and what is appended to it, if it does not end with one.
func gap(text, eol string) string {
	if blank(text[lineStart(text, len(text)-1):]) {
		return ""
	}
	return eol
}

// trimmedLines are the lines of a text without the space around them.
func trimmedLines(text string) map[string]bool {
	result := map[string]bool{}
	for line := range strings.Lines(text) {
		result[strings.TrimSpace(line)] = true
	}
	return result
}

// addPatterns adds patterns. An exception counts for what stands above it: with a pattern come all exceptions below it.
func addPatterns(_, ours, theirs, eol string) (string, bool) {
	known := trimmedLines(ours)
	var added []block
	for _, b := range blocks(theirs, true) {
		pattern := strings.TrimSpace(b.lines[0])
		if !known[pattern] || len(added) > 0 && strings.HasPrefix(pattern, "!") {
			added = append(added, b)
		}
	}
	if len(added) == 0 {
		return ours, true
	}
	return appended(ours, added, eol), true
}

// settingLine is a variable, or one that is commented out: an example as well.
var settingLine = compiled(`^\s*(?:#\s?)?(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=`)

// addSettings adds variables with the comments above them.
func addSettings(_, ours, theirs, eol string) (string, bool) {
	known := map[string]bool{}
	for line := range strings.Lines(ours) {
		if match := settingLine().FindStringSubmatch(line); match != nil {
			known[match[1]] = true
		}
	}
	var added []block
	var comments []string
	for line := range strings.Lines(theirs) {
		switch match := settingLine().FindStringSubmatch(line); {
		case blank(line):
			comments = nil
		case match == nil:
			comments = append(comments, line)
		default:
			if !known[match[1]] {
				added = append(added, block{comments, []string{line}})
			}
			comments = nil
		}
	}
	if len(added) == 0 {
		return ours, true
	}
	return appended(ours, added, eol), true
}

// addRequirements adds distributions. Where there are hashes the file is a lock.
func addRequirements(_, ours, theirs, eol string) (string, bool) {
	if strings.Contains(ours, "--hash") || strings.Contains(theirs, "--hash") || strings.Contains(theirs, "\\\n") {
		return "", false
	}
	known, index := map[string]bool{}, false
	for line := range strings.Lines(ours) {
		line = strings.TrimSpace(line)
		known[distribution(line)] = true
		index = index || isIndex(line)
	}
	var added []block
	for _, b := range blocks(theirs, false) {
		line := strings.TrimSpace(b.lines[0])
		if name := distribution(line); !known[name] && (!index || !isIndex(line)) {
			added = append(added, b)
		}
	}
	if len(added) == 0 {
		return ours, true
	}
	out := ours
	for _, b := range added {
		out += strings.ReplaceAll(strings.Join(b.comments, "")+strings.Join(b.lines, ""), "\n", eol)
	}
	return out, true
}

// isIndex says whether a line of requirements chooses where they come from.
func isIndex(line string) bool {
	for _, option := range []string{"-i ", "--index-url", "--extra-index-url", "--no-index", "-f ", "--find-links"} {
		if strings.HasPrefix(line, option) {
			return true
		}
	}
	return false
}
