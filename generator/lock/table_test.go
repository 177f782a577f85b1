package lock

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestEmbeddedTableIsWellFormed(t *testing.T) {
	table, err := Parse([]byte(embedded))
	if err != nil {
		t.Fatal(err)
	}
	if len(embedded) > 1<<20 {
		t.Errorf("%d bytes", len(embedded))
	}
	if len(table.spans()) < 100 {
		t.Errorf("only %d packages", len(table.spans()))
	}
	if url := regexp.MustCompile(`\w+://\S*/(simple|packages)\b`).FindString(embedded); url != "" {
		t.Errorf("the table has an address: %s", url)
	}
}

// TestAuditIsOfThisTable fails after a refresh until `make audit-packages` has looked at the new table, too.
func TestAuditIsOfThisTable(t *testing.T) {
	report, err := os.ReadFile("audit.txt")
	if err != nil {
		t.Fatal(err)
	}
	sum := strings.TrimSpace(embedded[strings.LastIndex(embedded, checksumMark)+len(checksumMark):])
	if !strings.Contains(string(report), sum) {
		t.Errorf("audit.txt is of another table than %s: run `make audit-packages`", sum)
	}
}

func TestIndexPointsAtEachBlock(t *testing.T) {
	table := open(t)
	if got, want := len(table.spans()), strings.Count(embedded, blockStart); got != want {
		t.Fatalf("%d blocks, want %d", got, want)
	}
	for _, at := range table.spans() {
		text := embedded[at.start:at.end]
		if !strings.HasPrefix(text, "package "+at.name+" ") || !strings.HasSuffix(text, "\n") || strings.Contains(text, "\n\n") {
			t.Errorf("%s is not the block at %d", at.name, at.start)
		}
		if e, err := table.entry(at.name); err != nil || e.name != at.name {
			t.Errorf("%s: %v", at.name, err)
		}
		for _, absent := range []string{at.name + "-", at.name[:len(at.name)-1] + "!", "-" + at.name} {
			if text, found := table.block(absent); found {
				t.Errorf("%s is %.40s", absent, text)
			}
		}
	}
}

func TestProvides(t *testing.T) {
	for module, want := range map[string]bool{"sqlalchemy": true, "flask_cors": true, "yaml": true, "shop": false, "#": false, "": false} {
		if got := open(t).Provides(module); got != want {
			t.Errorf("%q: %v", module, got)
		}
	}
	for line := range strings.Lines(modules) {
		if fields := strings.Fields(line); fields[0] != "#" && (len(fields) != 2 || !open(t).Provides(fields[0])) {
			t.Errorf("modules.txt: %s", line)
		}
	}
}

// TestTableCoversTheUnion is what fails first when union.in was edited without a refresh.
func TestTableCoversTheUnion(t *testing.T) {
	data, err := os.ReadFile("union.in")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if _, err := open(t).Closure([]string{line}); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
}

func TestVersion(t *testing.T) {
	table := open(t)
	if version, ok := table.Version("Flask_SQLAlchemy"); !ok || version == "" || strings.Trim(version, "0123456789.") != "" {
		t.Errorf("got %q, %t", version, ok)
	}
	for _, name := range []string{"", "-", "no-such-package", "flask ", "zzz"} {
		if version, ok := table.Version(name); ok {
			t.Errorf("%q has version %q", name, version)
		}
	}
}

// small is a table of two packages; seal adds its checksum.
const small = `# made by hand
format 1
python >=3.12,<3.15
before 2026-11-17T00:00:00Z

package alpha 1.0
summary First.
python >=3.12
extra fast
needs beta ; sys_platform == 'win32'
needs[fast] beta[c]
declares Beta >=2 ; sys_platform == "win32"
declares beta[c] * ; extra == "fast"
offers fast beta[c]
file aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa alpha-1.0.tar.gz

package beta 2.0
summary
python *
extra c
offers c
file bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb beta-2.0-py3-none-any.whl
file cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc beta-2.0.tar.gz

`

func seal(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	return []byte(text + "checksum " + hex.EncodeToString(sum[:]) + "\n")
}

func TestParseReadsEverything(t *testing.T) {
	table, err := Parse(seal(small))
	if err != nil {
		t.Fatal(err)
	}
	alpha, _ := table.entry("alpha")
	wantDeclared := declaration{"beta", []string{"c"}, "*", `extra == "fast"`}
	if got := alpha.declared[1]; got.name != wantDeclared.name || !slices.Equal(got.extras, wantDeclared.extras) ||
		got.constraint != wantDeclared.constraint || got.marker != wantDeclared.marker {
		t.Errorf("declared: %+v", got)
	}
	beta, _ := table.entry("beta")
	if beta.python != "*" || beta.summary != "" || len(beta.files) != 2 || beta.offers[0] != (offer{"c", ""}) {
		t.Errorf("beta: %+v", beta)
	}
}

func TestParseRefuses(t *testing.T) {
	tests := map[string]struct{ old, new string }{
		"another format":          {"format 1", "format 2"},
		"no packages":             {small[strings.Index(small, "package alpha"):], ""},
		"packages out of order":   {"package beta", "package aaaa"},
		"a package twice":         {"package beta", "package alpha"},
		"a name not normalised":   {"package alpha", "package Alpha"},
		"no version":              {"package alpha 1.0", "package alpha"},
		"no files":                {"file aaaa", "summary aaaa"},
		"a short hash":            {"file aaaa", "file aaa"},
		"a hash in capitals":      {"file aaaa", "file AAAA"},
		"a path for a file":       {"alpha-1.0.tar.gz", "../alpha-1.0.tar.gz"},
		"files out of order":      {"beta-2.0-py3", "zeta-2.0-py3"},
		"an unknown line":         {"summary First.", "colour red"},
		"lines out of order":      {"summary First.\npython >=3.12", "python >=3.12\nsummary First."},
		"an empty line":           {"summary First.\n", "summary First.\n\n"},
		"a missing dependency":    {"needs beta ;", "needs gamma ;"},
		"a missing extra":         {"needs[fast] beta[c]", "needs[fast] beta[d]"},
		"an extra not resolved":   {"needs[fast]", "needs[slow]"},
		"a dependency's version":  {"needs[fast] beta[c]", "needs[fast] beta>=2"},
		"a bad marker":            {"'win32'\nneeds", "'win 32'\nneeds"},
		"a bad declaration":       {"declares Beta >=2 ;", "declares Beta ;"},
		"a declaration's name":    {"declares Beta >=2", "declares _ >=2"},
		"an extra of another key": {"offers fast", "offers[fast] x"},
		"extras out of order":     {"extra fast", "extra fast\nextra c"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			changed := strings.Replace(small, test.old, test.new, 1)
			if changed == small {
				t.Fatal("nothing was changed")
			}
			_, err := Parse(seal(changed))
			if fault := new(TableError); !errors.As(err, &fault) || fault.Line < 1 || fault.Problem == "" {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestParseRefusesTampering changes what only the checksum notices.
func TestParseRefusesTampering(t *testing.T) {
	sealed := string(seal(small))
	for name, text := range map[string]string{
		"a hash":      strings.Replace(sealed, "file aaaa", "file aaab", 1),
		"a version":   strings.Replace(sealed, "alpha 1.0", "alpha 1.1", 1),
		"the summary": strings.Replace(sealed, "First", "Second", 1),
		"the sum":     sealed[:len(sealed)-3] + "00\n",
		"a tail":      sealed + "\n",
		"cut short":   sealed[:len(sealed)/2],
		"no sum":      small,
		"nothing":     "",
	} {
		if _, err := Parse([]byte(text)); !errors.As(err, new(*TableError)) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestErrorNamesTheLine(t *testing.T) {
	text := strings.Replace(small, "beta-2.0.tar.gz", "a/b", 1)
	line := strings.Count(text[:strings.Index(text, "a/b")], "\n") + 1
	_, err := Parse(seal(text))
	if fault := new(TableError); !errors.As(err, &fault) || fault.Line != line {
		t.Errorf("got %v, want line %d", err, line)
	}
}

// FuzzParse seals what it is given, to get past the checksum. What is accepted must be usable.
func FuzzParse(f *testing.F) {
	f.Add(small)
	f.Add(strings.ReplaceAll(small, "win32' ", "win32' or os_name == 'nt'"))
	f.Fuzz(func(t *testing.T, text string) {
		table, err := Parse(seal(text))
		if err != nil {
			if !errors.As(err, new(*TableError)) {
				t.Fatalf("%T is no *TableError", err)
			}
			return
		}
		for _, at := range table.spans() {
			if _, err := table.Closure([]string{at.name}); err != nil {
				t.Fatalf("%s: %v", at.name, err)
			}
		}
	})
}
