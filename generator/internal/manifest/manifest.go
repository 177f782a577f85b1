// Package manifest reads the files in which Python projects declare and lock their dependencies. It never fails: of a broken file
// it gives what can be read.
package manifest

import (
	"bytes"
	"path"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/kitout/kitout/generator/internal/lazy"
)

// Manifest is one file.
type Manifest struct {
	Path string
	// Lock says that it was written by a tool and names whatever is installed, not only what the code asks for.
	Lock         bool
	Name         Text // of the project
	Python       Text // the versions that it runs on, as it is written
	Dependencies []Dependency
	// Includes are the paths, from the repository's root, of further requirements files.
	Includes []string
	// Roots are the folders, relative to the file's, in which packages are, such as "src".
	Roots []string
}

// Text is a value and its line.
type Text struct {
	Value string
	Line  int
}

// Dependency is a distribution that is asked for, or that a lock has.
type Dependency struct {
	Name   string // normalised: psycopg2-binary
	Extras []string
	// Version is what stands behind the name, as it is written: ">=4.2,<5", "^5.0"; with markers.
	Version string
	// Group is "" for what the service runs on, otherwise a group or an extra: "dev", "test".
	Group string
	Line  int
}

// readers are the formats by the file's name; the first that fits counts.
var readers = []struct {
	pattern string // a name, or with a slash a path
	read    func(*Manifest, *lines)
}{
	{"pyproject.toml", readProject},
	{"{uv,poetry,pdm}.lock", readLock},
	{"Pipfile.lock", readPipfileLock},
	{"Pipfile", readPipfile},
	{"setup.py", readSetup},
	{"setup.cfg", readSetupConfig},
	{"environment*.y{,a}ml", readEnvironment},
	{"*requirements*.{txt,in,pip}", readRequirements},
	{"{,**/}requirements/**/*.{txt,in,pip}", readRequirements},
}

// Is says whether a path is one that Read understands.
func Is(name string) bool { return reader(name) != nil }

func reader(name string) func(*Manifest, *lines) {
	switch path.Ext(name) {
	case ".toml", ".lock", "", ".cfg", ".yml", ".yaml", ".txt", ".in", ".pip":
	case ".py": // of which there are many
		if path.Base(name) != "setup.py" {
			return nil
		}
	default:
		return nil
	}
	for _, r := range readers {
		subject := name
		if !strings.Contains(r.pattern, "/") {
			subject = path.Base(name)
		}
		if matched, err := doublestar.Match(r.pattern, subject); err == nil && matched {
			return r.read
		}
	}
	return nil
}

// Read reads the file at name, a path from the repository's root. A name that is none of a manifest is read as requirements.
func Read(name string, data []byte) *Manifest {
	read := reader(name)
	if read == nil {
		read = readRequirements
	}
	m := &Manifest{Path: name}
	read(m, newLines(data))
	return m
}

// add notes a dependency unless its name is none.
func (m *Manifest) add(d Dependency) {
	if d.Name = Normal(d.Name); d.Name != "" && d.Name != "python" {
		m.Dependencies = append(m.Dependencies, d)
	}
}

var separators = lazy.Regexp(`[-_.]+`)

// Normal is the form in which names of distributions are compared (PEP 503).
func Normal(name string) string { return strings.ToLower(separators().ReplaceAllString(name, "-")) }

var (
	requirement = lazy.Regexp(`^([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?:\[([^\]]*)\])?\s*(.*)$`)
	egg         = lazy.Regexp(`[#&]egg=([A-Za-z0-9._-]+)`)
)

// Requirement reads `name[extra,…]version; marker` (PEP 508), and addresses that name what they bring with #egg=.
func Requirement(text string) (d Dependency, found bool) {
	text = strings.TrimSpace(text)
	if match := egg().FindStringSubmatch(text); match != nil {
		return Dependency{Name: Normal(match[1])}, true
	}
	match := requirement().FindStringSubmatch(text)
	if match == nil || strings.HasPrefix(match[3], ":") || strings.HasPrefix(match[3], "/") || strings.HasPrefix(match[3], "+") {
		return d, false
	}
	d = Dependency{Name: Normal(match[1]), Version: match[3]}
	for extra := range strings.SplitSeq(match[2], ",") {
		if extra = strings.TrimSpace(extra); extra != "" {
			d.Extras = append(d.Extras, extra)
		}
	}
	return d, true
}

// lines is a text with its lines, without their ends and without a byte order mark.
type lines struct {
	data []byte
	all  []string
}

func newLines(data []byte) *lines {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	data = bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))
	return &lines{data: data, all: strings.Split(string(data), "\n")}
}

// find returns the number of the first line from a number on that fits; a text that is in no line is in none: 0.
func (l *lines) find(from int, fits func(line string) bool) int {
	for i := max(from, 1); i <= len(l.all); i++ {
		if fits(l.all[i-1]) {
			return i
		}
	}
	return 0
}

// holding returns the first line from a number on that holds a text, or that number.
func (l *lines) holding(from int, text string) int {
	if n := l.find(from, func(line string) bool { return strings.Contains(line, text) }); n > 0 {
		return n
	}
	return max(from, 1)
}

// table returns the line of a table's header in TOML or INI, or 0.
func (l *lines) table(name string) int {
	return l.find(1, func(line string) bool {
		line = strings.TrimSpace(line)
		return strings.HasPrefix(line, "["+name+"]") || strings.HasPrefix(line, "[[") && strings.HasPrefix(line, "[["+name+"]]")
	})
}

// key returns the line of a key below a line.
func (l *lines) key(from int, key string) int {
	n := l.find(from+1, func(line string) bool {
		rest, found := strings.CutPrefix(strings.Trim(line, " \t"), key)
		if !found {
			rest, found = strings.CutPrefix(strings.TrimSpace(line), `"`+key+`"`)
		}
		rest = strings.TrimLeft(rest, " \t")
		return found && (strings.HasPrefix(rest, "=") || strings.HasPrefix(rest, ":") || strings.HasPrefix(rest, "."))
	})
	if n == 0 {
		return max(from, 1)
	}
	return n
}
