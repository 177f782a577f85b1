package lock

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// poetryRecording is what poetry wrote for one stack; refresh/record_poetry.py makes them.
type poetryRecording struct {
	project Project
	digest  string // of the whole text
	lines   string // those that may differ with the stack
}

func readPoetryRecording(t testing.TB, path string) (r poetryRecording) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, lines, _ := strings.Cut(string(data), "\n\n")
	r.lines = lines
	for line := range strings.SplitSeq(head, "\n") {
		word, value, _ := strings.Cut(line, " ")
		switch word {
		case "runtime":
			r.project.Runtime = strings.Fields(value)
		case "development":
			r.project.Development = strings.Fields(value)
		case "index":
			r.project.Index = value
		case "sha256":
			r.digest = value
		default:
			t.Fatalf("%s: unknown line %q", path, line)
		}
	}
	return r
}

// poetryRecordings returns all recordings by the names of their stacks.
func poetryRecordings(t testing.TB) map[string]poetryRecording {
	t.Helper()
	paths, _ := filepath.Glob("testdata/poetry/*.txt")
	if len(paths) < 45 {
		t.Fatalf("only %d recordings", len(paths))
	}
	recordings := map[string]poetryRecording{}
	for _, path := range paths {
		recordings[strings.TrimSuffix(filepath.Base(path), ".txt")] = readPoetryRecording(t, path)
	}
	return recordings
}

// Why poetry spells a package's marker otherwise than Poetry does. The meaning is the same.
const (
	// ddtrace makes poetry divide the resolution at patch releases, such as python_version >= "3.14.0". The parts' markers
	// are joined to < "3.14.0", ~= "3.12.0" or <= "3.14.0", and poetry does not see that the last one always holds.
	patchReleases = "ddtrace's ranges of patch releases"
	// google-auth makes poetry divide the resolution at Python 3.14, and the parts' markers are joined in another order.
	dividedOrder = "the order of factors after a divided resolution"
)

// differences has, for each recording that is not equal, the reason and the packages whose markers are spelled otherwise.
var differences = map[string]struct{ reason, packages string }{
	"random-18": {patchReleases, "backports-zstd cffi pycparser typing-extensions"},
	"random-19": {patchReleases, "typing-extensions"},
	"random-24": {patchReleases, "backports-zstd"},
	"random-26": {dividedOrder, "pycparser"},
	"random-27": {patchReleases, "backports-zstd"},
	"random-29": {patchReleases, "backports-zstd"},
	"random-31": {patchReleases, "backports-zstd cffi pycparser"},
	"random-34": {patchReleases, "cffi pycparser"},
	"random-35": {patchReleases, "cffi pycparser"},
	"random-38": {patchReleases, "cffi pycparser"},
	"random-40": {patchReleases, "cffi pycparser typing-extensions"},
	"random-42": {patchReleases, "backports-zstd cffi pycparser"},
	"random-43": {patchReleases, "cffi pycparser"},
	"random-45": {patchReleases, "backports-zstd"},
}

func TestPoetryEqualsPoetry(t *testing.T) {
	table, recordings := open(t), poetryRecordings(t)
	for name := range differences {
		if _, found := recordings[name]; !found {
			t.Errorf("no recording %s", name)
		}
	}
	for name, want := range recordings {
		t.Run(name, func(t *testing.T) {
			text := writePoetry(t, table, want.project)
			for p := range strings.FieldsSeq(differences[name].packages) {
				text = respell(t, text, p, differences[name].reason, markersOf(t, want.lines, p))
			}
			compareLines(t, decidedLines(text), want.lines)
			digest := sha256.Sum256([]byte(text))
			if hex.EncodeToString(digest[:]) != want.digest {
				t.Error("the whole text differs from poetry's")
			}
		})
	}
}

// respell puts poetry's line with a package's markers in the place of ours, which must differ from it and mean the same.
func respell(t *testing.T, text, name, reason, line string) string {
	t.Helper()
	start, end := blockOf(t, text, name)
	block := text[start:end]
	own := markersOf(t, block, name)
	if own == line {
		t.Errorf("%s no longer differs by %s", name, reason)
	}
	compareMeaning(t, name, own, line)
	block = strings.Replace(block, own, "", 1)
	after := "\n]\n" // behind the files
	if !strings.HasPrefix(line, "markers = {") {
		after = regexp.MustCompile(`groups = .*\n`).FindString(block)
	}
	return text[:start] + strings.Replace(block, after, after+line, 1) + text[end:]
}

// compareMeaning compares two lines with markers in all environments, for each group.
func compareMeaning(t *testing.T, name, ours, theirs string) {
	t.Helper()
	for group := range groups {
		a, b := groupMarker(t, ours, group), groupMarker(t, theirs, group)
		for _, e := range supportedEnvironments() {
			if e.meetsPoetry(a) != e.meetsPoetry(b) {
				t.Fatalf("%s, group %s: %q and %q differ in %v", name, groups[group], a, b, e)
			}
		}
	}
}

var markersLine = regexp.MustCompile(`(?m)^markers = .*\n`)

// blockOf finds a package's block in a lock, or its lines in a recording.
func blockOf(t *testing.T, text, name string) (start, end int) {
	t.Helper()
	start = strings.Index(text, "name = \""+name+"\"\n")
	if start < 0 {
		t.Fatalf("no package %s", name)
	}
	end = len(text)
	if next := strings.Index(text[start+1:], "\nname = "); next >= 0 {
		end = start + 1 + next + 1
	}
	return start, end
}

// markersOf returns a package's line with markers, or "".
func markersOf(t *testing.T, text, name string) string {
	t.Helper()
	start, end := blockOf(t, text, name)
	return markersLine.FindString(text[start:end])
}

// groupMarker reads one group's marker from a line such as `markers = "…"` or `markers = {main = "…"}`.
func groupMarker(t *testing.T, line string, group int) string {
	t.Helper()
	if line == "" {
		return ""
	}
	key := "markers"
	if strings.HasPrefix(line, "markers = {") {
		key = groups[group]
	}
	match := regexp.MustCompile(key + ` = ("(?:[^"\\]|\\.)*")`).FindStringSubmatch(line)
	if match == nil {
		return ""
	}
	marker, err := strconv.Unquote(match[1])
	if err != nil {
		t.Fatal(err)
	}
	return marker
}

// decidedLines leaves what a recording keeps.
func decidedLines(text string) string {
	const own = `(?:name|groups|markers|content-hash) = .*`
	const dependency = `\S+ = (?:\[|\{version.*)|    (?:\{version|").*`
	var kept strings.Builder
	for _, line := range regexp.MustCompile(`(?m)^(?:`+own+`|`+dependency+`)$`).FindAllString(text, -1) {
		if line != "files = [" {
			kept.WriteString(line + "\n")
		}
	}
	return kept.String()
}

// supportedEnvironments are the real ones for the table's versions of Python.
func supportedEnvironments() []environment {
	all := realEnvironments()
	for _, e := range all {
		e["platform_system"] = "Linux"
		if e["os_name"] == "nt" {
			e["platform_system"] = "Windows"
		}
		// python_version has no patch release
		e["python_full_version"] = e["python_full_version"][:len("3.12")] + ".0"
	}
	return all
}

// meetsPoetry evaluates a marker in poetry's spelling.
func (e environment) meetsPoetry(text string) bool {
	text = strings.NewReplacer(`python_version ~= "3.12.0"`, `python_version == "3.12.*"`).Replace(text)
	return e.evaluate(strings.NewReplacer(`"`, `'`, "python_version", "python_full_version").Replace(text))
}

// TestPoetryLocksTheClosure compares the packages of each group, and where they are needed, with the closure, which follows
// uv's metadata instead of poetry's.
func TestPoetryLocksTheClosure(t *testing.T) {
	table := open(t)
	for name, recording := range poetryRecordings(t) {
		text := writePoetry(t, table, recording.project)
		compareClosure(t, name, text, 0, recording.project.Runtime)
		compareClosure(t, name, text, 1, recording.project.Development)
	}
}

// TestPoetryLocksEveryPackage compares each package of the table, with all its extras, with its closure.
func TestPoetryLocksEveryPackage(t *testing.T) {
	table := open(t)
	for _, match := range regexp.MustCompile(`(?m)^package (\S+) `).FindAllStringSubmatch(embedded, -1) {
		requirement := match[1]
		e, err := table.entry(requirement)
		if err != nil {
			t.Fatal(err)
		}
		if len(e.extras) > 0 {
			requirement += "[" + strings.Join(e.extras, ",") + "]"
		}
		project := Project{Runtime: []string{requirement}}
		compareClosure(t, requirement, writePoetry(t, table, project), 0, project.Runtime)
	}
}

// compareClosure compares a group in the text of a lock with the closure of its requirements.
func compareClosure(t *testing.T, name, text string, group int, requirements []string) {
	t.Helper()
	pins, err := open(t).Closure(requirements)
	if err != nil {
		t.Fatal(err)
	}
	names, environments := []string(nil), supportedEnvironments()
	for _, pin := range pins {
		names = append(names, pin.Name)
		marker := groupMarker(t, markersOf(t, text, pin.Name), group)
		if marker == "" && pin.Marker == "" {
			continue
		}
		for _, e := range environments {
			if e.evaluate(pin.Marker) != e.meetsPoetry(marker) {
				t.Fatalf("%s: %s is needed if %q, not if %q", name, pin.Name, pin.Marker, marker)
			}
		}
	}
	if got := lockedNames(text, groups[group]); !slices.Equal(got, names) {
		t.Errorf("%s, group %s: got %v\nwant %v", name, groups[group], got, names)
	}
}

// lockedNames lists a group's packages.
func lockedNames(text, group string) (names []string) {
	pattern := regexp.MustCompile(`(?m)^name = "(.*)"\n(?:.*\n){4}groups = (.*)$`)
	for _, match := range pattern.FindAllStringSubmatch(text, -1) {
		if strings.Contains(match[2], `"`+group+`"`) {
			names = append(names, match[1])
		}
	}
	return names
}

func TestPoetryIsDeterministic(t *testing.T) {
	table := open(t)
	for name, recording := range poetryRecordings(t) {
		if first := writePoetry(t, table, recording.project); writePoetry(t, table, recording.project) != first {
			t.Errorf("%s: two locks differ", name)
		}
	}
}

// TestPoetryHashesEveryInput changes one input at a time.
func TestPoetryHashesEveryInput(t *testing.T) {
	text, _, _ := strings.Cut(embedded, "checksum ")
	older, err := Parse(seal(strings.Replace(text, "\npython >=3.12,<3.15\n", "\npython >=3.12,<3.14\n", 1)))
	if err != nil {
		t.Fatal(err)
	}
	table, seen := open(t), map[string]int{}
	for i, input := range []struct {
		table   *Table
		project Project
	}{
		{table, Project{}},
		{older, Project{}},
		{table, Project{Runtime: []string{"flask"}}},
		{table, Project{Development: []string{"flask"}}},
		{table, Project{Runtime: []string{"flask", "httpx"}}},
		{table, Project{Runtime: []string{"httpx", "flask"}}},
		{table, Project{Runtime: []string{"flask"}, Development: []string{"httpx"}}},
		{table, Project{Runtime: []string{"flask"}, Index: "https://packages.example.com/simple"}},
		{table, Project{Runtime: []string{"flask"}, Index: "https://packages.example.com/simple/"}},
	} {
		hash := regexp.MustCompile(`content-hash = "([0-9a-f]{64})"`).FindString(writePoetry(t, input.table, input.project))
		if earlier, found := seen[hash]; found || hash == "" {
			t.Errorf("inputs %d and %d have the hash %q", earlier, i, hash)
		}
		seen[hash] = i
	}
}

func TestPoetryErrors(t *testing.T) {
	table := open(t)
	if err := Poetry(brokenWriter{}, table, Project{}); !errors.Is(err, errFull) {
		t.Errorf("got %v", err)
	}
	for requirement, want := range map[string]string{
		"No_Such.Package": "no-such-package", "psycopg[c]": "psycopg[c]", "flask[async]": "flask[async]",
	} {
		for _, project := range []Project{{Runtime: []string{"httpx", requirement}}, {Development: []string{requirement}}} {
			unknown := new(UnknownPackageError)
			if err := Poetry(io.Discard, table, project); !errors.As(err, &unknown) || unknown.Name != want {
				t.Errorf("%s: got %v", requirement, err)
			}
		}
	}
	for _, requirement := range []string{"", "flask>=3", "flask; os_name == 'nt'", "flask[", "flask[]", "-flask"} {
		malformed := new(RequirementError)
		if err := Poetry(io.Discard, table, Project{Runtime: []string{requirement}}); !errors.As(err, &malformed) {
			t.Errorf("%q: got %v", requirement, err)
		}
	}
}

// special has what the embedded table does not: a cycle, extras of extras, and values that have to be quoted.
const special = `# made by hand
format 1
python >=3.12,<3.14
before 2026-11-17T00:00:00Z

package loop 1.0
summary Back\slash, "quotes" and ` + "tab\t" + `.
python >=3.12
needs poetry ; sys_platform == 'win32'
declares poetry * ; sys_platform == "win32"
file aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa loop-1.0.tar.gz

package never 1
summary
python *
declares never-reached * ; python_version < "3.12" and sys_platform == "win32"
file dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd never-1.tar.gz

package never-reached 1
summary
python *
file eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee never_reached-1.tar.gz

package poetry 9.8
summary Ünïcode
python *
extra all
extra part
needs zope-loop
needs[all] loop
needs[part] loop
declares loop >=1 ; extra == "part"
declares Zope.Loop >=1
declares Zope.Loop <9 ; python_version >= "3.13" and extra == "part"
offers all poetry[part]
offers none
offers part loop (>=1)
file bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb poetry-9.8.tar.gz

package zope-loop 2
summary
python *
needs poetry[all] ; python_full_version < '3.13'
declares poetry[all] * ; python_version < "3.13" and sys_platform != "cygwin"
file cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc zope_loop-2.tar.gz

`

const specialLock = `# This file is automatically @generated by Poetry 9.8 and should not be changed by hand.

[[package]]
name = "loop"
version = "1.0"
description = "Back\\slash, \"quotes\" and tab\t."
optional = false
python-versions = ">=3.12"
groups = ["main", "dev"]
files = [
    {file = "loop-1.0.tar.gz", hash = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
]
markers = {main = "python_version == \"3.12\" and sys_platform != \"cygwin\""}

[package.dependencies]
poetry = {version = "*", markers = "sys_platform == \"win32\""}

[[package]]
name = "poetry"
version = "9.8"
description = "Ünïcode"
optional = false
python-versions = "*"
groups = ["main", "dev"]
files = [
    {file = "poetry-9.8.tar.gz", hash = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"},
]
markers = {main = "python_version == \"3.12\" and sys_platform != \"cygwin\"", dev = "sys_platform == \"win32\""}

[package.dependencies]
loop = {version = ">=1", optional = true, markers = "extra == \"part\""}
"Zope.Loop" = [
    {version = ">=1"},
    {version = "<9", optional = true, markers = "python_version >= \"3.13\" and extra == \"part\""},
]

[package.extras]
all = ["poetry[part]"]
none = []
part = ["loop (>=1)"]

[[package]]
name = "zope-loop"
version = "2"
description = ""
optional = false
python-versions = "*"
groups = ["main", "dev"]
files = [
    {file = "zope_loop-2.tar.gz", hash = "sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"},
]
markers = {dev = "sys_platform == \"win32\""}

[package.dependencies]
poetry = {version = "*", extras = ["all"], markers = "python_version < \"3.13\" and sys_platform != \"cygwin\""}

[metadata]
lock-version = "2.1"
python-versions = ">=3.12,<3.14"
`

func TestPoetryWritesSpecialCases(t *testing.T) {
	table, err := Parse(seal(special))
	if err != nil {
		t.Fatal(err)
	}
	got := writePoetry(t, table, Project{Runtime: []string{"zope-loop"}, Development: []string{"Loop"}})
	got, _, _ = strings.Cut(got, "content-hash")
	compareLines(t, got, specialLock)
	// here the parent that the package is found by first depends on it itself
	got = writePoetry(t, table, Project{Runtime: []string{"loop", "zope-loop", "never"}})
	want := `python_version == "3.12" and sys_platform != "cygwin" or sys_platform == "win32"`
	if marker := groupMarker(t, markersOf(t, got, "poetry"), 0); marker != want {
		t.Errorf("poetry is needed if %s, want %s", marker, want)
	}
	if names := lockedNames(got, "main"); !slices.Equal(names, []string{"loop", "never", "poetry", "zope-loop"}) {
		t.Errorf("locked %v", names)
	}
}

func TestPoetryRefusesMarkers(t *testing.T) {
	for _, marker := range []string{
		"x", `os_name`, `os_name ==`, `os_name == nt`, `os_name == 'nt'`, `os_name < "nt"`, `os_name == "n t"`, `color == "red"`,
		`python_version > "3.12.1"`, `python_version < "4"`, `python_version in "3.12"`, `python_version < "3.99"`,
		`extra != "c"`, `os_name == "nt" and`, `(os_name == "nt"`, ` or os_name == "nt"`, `()`, `(`, `os_name == "nt")`,
	} {
		text := strings.Replace(special, `python_version < "3.13" and sys_platform != "cygwin"`, marker, 1)
		table, err := index(string(seal(text)))
		if err != nil {
			t.Fatal(err)
		}
		fault := new(TableError)
		if err := Poetry(io.Discard, table, Project{Runtime: []string{"poetry"}}); !errors.As(err, &fault) {
			t.Errorf("%s: got %v", marker, err)
		}
	}
}

func TestQuote(t *testing.T) {
	for text, want := range map[string][2]string{
		"":             {`""`, `""`},
		`a"b\c`:        {`"a\"b\\c"`, `"a\"b\\c"`},
		"\b\t\n\f\r":   {`"\b\t\n\f\r"`, `"\b\t\n\f\r"`},
		"\x00\x1b\x7f": {`"\u0000\u001b\u007f"`, `"\u0000\u001b\u007f"`},
		"ü😀":           {`"ü😀"`, `"\u00fc\ud83d\ude00"`},
		"<&>'":         {`"<&>'"`, `"<&>'"`},
	} {
		if got := [2]string{quote(text), quoteASCII(text)}; got != want {
			t.Errorf("%q: got %q", text, got)
		}
	}
}

func TestParseConditionSetsExtrasApart(t *testing.T) {
	for text, want := range map[string][2]string{
		"":             {"", ""},
		`extra == "a"`: {"", "a"},
		`python_version >= "3.14" and extra == "a"`:                                     {`python_version >= "3.14"`, "a"},
		`extra == "a" or extra == "b"`:                                                  {"", "a b"},
		`(extra == "a" or extra == "b") and os_name == "nt"`:                            {`os_name == "nt"`, "a b"},
		`sys_platform == "win32" and (os_name == "nt" or python_version == "3.12")`:     {`sys_platform == "win32" and (os_name == "nt" or python_version == "3.12")`, ""},
		`sys_platform == "win32" and (sys_platform == "win32" or os_name == "nt")`:      {`sys_platform == "win32"`, ""},
		`python_version < "3.13" or python_version >= "3.14"`:                           {`python_version < "3.13" or python_version >= "3.14"`, ""},
		`sys_platform == "win32" and sys_platform != "win32" or os_name == "nt"`:        {`os_name == "nt"`, ""},
		`python_version >= "3.12" and python_version < "3.14" and python_version > "3"`: {"", "error"},
	} {
		c, extras, err := parseCondition(text)
		if err != nil {
			c, extras = anywhere(), []string{"error"}
		}
		if got := [2]string{c.String(), strings.Join(extras, " ")}; got != want {
			t.Errorf("%s: got %q", text, got)
		}
	}
}

// TestConditionsEqualPoetry compares "(first and second) or third" with what poetry's own markers give for it.
func TestConditionsEqualPoetry(t *testing.T) {
	for _, texts := range [][4]string{
		{
			`sys_platform != "darwin" or python_version == "3.12"`,
			`python_version >= "3.13" and os_name == "nt"`,
			`os_name == "nt" and python_version >= "3.13" and implementation_name != "pypy"`,
			`os_name == "nt" and python_version >= "3.13" and (sys_platform != "darwin" or implementation_name != "pypy")`,
		},
		{
			`sys_platform != "darwin" or python_version >= "3.13"`,
			`os_name == "nt" or sys_platform == "linux"`,
			`sys_platform != "win32" and implementation_name != "pypy" and python_version >= "3.13"`,
			`(sys_platform != "darwin" or python_version >= "3.13") and (os_name == "nt" or sys_platform == "linux") or sys_platform != "win32" and implementation_name != "pypy" and python_version >= "3.13"`,
		},
		{
			`sys_platform == "linux" and os_name == "nt"`,
			`sys_platform == "linux"`,
			`implementation_name != "pypy" and sys_platform != "darwin" or python_version >= "3.14"`,
			`sys_platform == "linux" and os_name == "nt" or implementation_name != "pypy" and sys_platform != "darwin" or python_version == "3.14"`,
		},
		{
			`python_version < "3.14" and sys_platform == "linux"`,
			`sys_platform == "linux"`,
			`python_version == "3.12" or python_version >= "3.14" and os_name == "nt"`,
			`python_version < "3.14" and sys_platform == "linux" or python_version == "3.12" or python_version == "3.14" and os_name == "nt"`,
		},
		{
			`python_version == "3.12"`,
			`sys_platform != "win32" and python_version != "3.13" or sys_platform != "win32" and implementation_name != "pypy" and python_version >= "3.13"`,
			`sys_platform == "linux" and python_version < "3.14"`,
			`sys_platform != "win32" and python_version == "3.12" or sys_platform == "linux" and python_version < "3.14"`,
		},
		{
			`python_version == "3.13" or python_version < "3.13" and sys_platform == "linux" and os_name == "nt"`,
			`python_version == "3.12"`,
			`sys_platform != "darwin" or python_version == "3.13"`,
			`sys_platform != "darwin" or python_version == "3.13"`,
		},
		{
			`python_version == "3.13" or python_version < "3.14" and sys_platform == "linux"`,
			`sys_platform != "win32" and python_version != "3.13"`,
			`sys_platform == "linux" and python_version != "3.13" or python_version == "3.12"`,
			`sys_platform == "linux" and python_version != "3.13" or python_version == "3.12"`,
		},
		{
			`sys_platform != "win32" and python_version == "3.13"`,
			`sys_platform == "win32" and python_version < "3.14"`,
			`python_version == "3.12" and sys_platform != "win32" or python_version == "3.13"`,
			`python_version == "3.12" and sys_platform != "win32" or python_version == "3.13"`,
		},
		{
			`python_version < "3.13" and sys_platform == "linux" or python_version == "3.13"`,
			`python_version >= "3.14"`,
			`python_version >= "3.13"`,
			`python_version >= "3.13"`,
		},
		{
			`sys_platform != "win32" and implementation_name != "pypy" and python_version != "3.13"`,
			`implementation_name != "pypy" or python_version >= "3.13" and sys_platform != "win32"`,
			`python_version < "3.14"`,
			`sys_platform != "win32" and implementation_name != "pypy" or python_version < "3.14"`,
		},
		{
			`sys_platform == "win32" or python_version != "3.13"`,
			`python_version >= "3.14" and sys_platform == "win32"`,
			`sys_platform != "win32" and implementation_name != "pypy"`,
			`sys_platform == "win32" and python_version == "3.14" or sys_platform != "win32" and implementation_name != "pypy"`,
		},
		{
			`python_version >= "3.13" and sys_platform != "darwin" or os_name == "nt" and python_version == "3.13"`,
			`python_version >= "3.13" and implementation_name != "pypy"`,
			`python_version < "3.14"`,
			`sys_platform != "darwin" and implementation_name != "pypy" or python_version < "3.14"`,
		},
		{
			`sys_platform != "win32" and python_version >= "3.14"`,
			`python_version >= "3.14" or python_version == "3.12" and sys_platform != "win32"`,
			`python_version >= "3.13" or python_version < "3.13" and sys_platform == "win32"`,
			`python_version >= "3.13" or sys_platform == "win32"`,
		},
		{
			`sys_platform == "win32" and python_version != "3.13" or python_version == "3.13"`,
			`python_version < "3.14"`,
			`python_version >= "3.13"`,
			`sys_platform == "win32" or python_version >= "3.13"`,
		},
		{
			`python_version < "3.13" and os_name == "nt" or sys_platform != "darwin" and python_version >= "3.13"`,
			`sys_platform == "linux" and os_name == "nt"`,
			`python_version == "3.13"`,
			`os_name == "nt" and sys_platform == "linux" or python_version == "3.13"`,
		},
		{
			`python_version == "3.13" or os_name == "nt"`,
			`implementation_name != "pypy" and python_version < "3.13" or python_version == "3.12"`,
			`python_version >= "3.14"`,
			`os_name == "nt" and python_version == "3.12" or python_version == "3.14"`,
		},
		{
			`implementation_name != "pypy" and os_name == "nt" or python_version == "3.12"`,
			`python_version == "3.12" and sys_platform == "win32"`,
			`os_name == "nt" or python_version == "3.13"`,
			`python_version == "3.12" and sys_platform == "win32" or os_name == "nt" or python_version == "3.13"`,
		},
		{
			`implementation_name != "pypy" and python_version == "3.13"`,
			`sys_platform == "win32" or python_version == "3.12"`,
			`implementation_name != "pypy" and sys_platform == "win32" or os_name == "nt" and python_version == "3.12"`,
			`implementation_name != "pypy" and sys_platform == "win32" or os_name == "nt" and python_version == "3.12"`,
		},
		{
			`python_version == "3.13" and sys_platform != "darwin" and implementation_name != "pypy"`,
			`sys_platform != "darwin" and implementation_name != "pypy" or python_version >= "3.14" and sys_platform == "linux"`,
			`python_version >= "3.13"`,
			`python_version >= "3.13"`,
		},
		{
			`sys_platform == "win32" and python_version >= "3.13"`,
			`python_version >= "3.14"`,
			`sys_platform != "win32" or os_name == "nt" and sys_platform != "darwin"`,
			`python_version == "3.14" or sys_platform != "win32" or os_name == "nt"`,
		},
		{
			`sys_platform == "win32" and python_version >= "3.13" or os_name == "nt"`,
			`python_version >= "3.12"`,
			`sys_platform != "win32" and python_version < "3.13"`,
			`sys_platform == "win32" and python_version >= "3.13" or os_name == "nt" or sys_platform != "win32" and python_version == "3.12"`,
		},
		{
			`sys_platform == "linux"`,
			`python_version != "3.13" and os_name == "nt" or sys_platform == "win32"`,
			`sys_platform != "darwin" and sys_platform != "win32" and python_version >= "3.14" or python_version == "3.13"`,
			`sys_platform == "linux" and os_name == "nt" or python_version >= "3.13" and sys_platform != "darwin" and sys_platform != "win32" or python_version == "3.13"`,
		},
		{
			`python_version != "3.13"`,
			`python_version >= "3.13"`,
			`python_version >= "3.14" and sys_platform == "linux" or python_version == "3.13"`,
			`python_version >= "3.13"`,
		},
		{
			`python_version < "3.13"`,
			`sys_platform != "darwin" and python_version < "3.13" or python_version >= "3.13"`,
			`os_name == "nt" and python_version >= "3.13"`,
			`sys_platform != "darwin" and python_version == "3.12" or os_name == "nt" and python_version >= "3.13"`,
		},
	} {
		var parts [3]condition
		for i := range parts {
			var err error
			if parts[i], _, err = parseCondition(texts[i]); err != nil {
				t.Fatal(err)
			}
		}
		if got := parts[0].and(parts[1]).or(parts[2]).within(supportedMinors).String(); got != texts[3] {
			t.Errorf("(%s) and (%s) or %s:\ngot  %s\nwant %s", texts[0], texts[1], texts[2], got, texts[3])
		}
	}
}

// supportedMinors are those of >=3.12,<3.15.
const supportedMinors = 1<<12 | 1<<13 | 1<<14

// TestConditionsMeanWhatTheirPartsMean checks the operations in random environments.
func TestConditionsMeanWhatTheirPartsMean(t *testing.T) {
	chance := rand.New(rand.NewPCG(11, 12))
	for range 500 {
		a, b, c := randomCondition(t, chance), randomCondition(t, chance), randomCondition(t, chance)
		joint := a.and(b).or(c)
		e := randomEnvironment(chance)
		e["python_full_version"] = "3." + strconv.Itoa(12+chance.IntN(3)) + ".0"
		want := e.meetsPoetry(a.String()) && e.meetsPoetry(b.String()) || e.meetsPoetry(c.String())
		for _, got := range []condition{joint, joint.within(supportedMinors), a.or(c).and(b.or(c))} {
			if !got.isNever() && e.meetsPoetry(got.String()) != want || got.isNever() && want {
				t.Fatalf("(%s) and (%s) or (%s) became %s, which is wrong in %v", a, b, c, got, e)
			}
		}
	}
}

func randomCondition(t *testing.T, chance *rand.Rand) condition {
	t.Helper()
	atoms := []string{
		`sys_platform == "win32"`, `sys_platform != "win32"`, `sys_platform == "linux"`, `sys_platform != "darwin"`,
		`os_name == "nt"`, `implementation_name != "pypy"`,
		`python_version < "3.13"`, `python_version >= "3.13"`, `python_version == "3.13"`, `python_version != "3.13"`,
		`python_version >= "3.14.0"`, `python_version <= "3.13"`, `python_version > "3.12"`, `python_version ~= "3.12.0"`,
	}
	alternatives := make([]string, 1+chance.IntN(2))
	for i := range alternatives {
		parts := make([]string, 1+chance.IntN(3))
		for j := range parts {
			parts[j] = atoms[chance.IntN(len(atoms))]
		}
		alternatives[i] = strings.Join(parts, " and ")
	}
	text := strings.Join(alternatives, " or ")
	c, _, err := parseCondition(text)
	if err != nil {
		t.Fatal(err)
	}
	if c.isNever() {
		return randomCondition(t, chance)
	}
	for range 3 {
		e := randomEnvironment(chance)
		e["python_full_version"] = "3." + strconv.Itoa(12+chance.IntN(3)) + ".0"
		if e.meetsPoetry(text) != e.meetsPoetry(c.String()) {
			t.Fatalf("%s was read as %s, which is wrong in %v", text, c, e)
		}
	}
	return c
}

func writePoetry(t testing.TB, table *Table, project Project) string {
	t.Helper()
	var text strings.Builder
	if err := Poetry(&text, table, project); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

// BenchmarkPoetry is a whole lock from the embedded text, the finding of the blocks included.
func BenchmarkPoetry(b *testing.B) {
	recording := readPoetryRecording(b, "testdata/poetry/django-mysql.txt")
	b.ReportAllocs()
	for b.Loop() {
		table, err := index(embedded)
		if err != nil {
			b.Fatal(err)
		}
		if err := Poetry(io.Discard, table, recording.project); err != nil {
			b.Fatal(err)
		}
	}
}
