package lock

import (
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
)

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
