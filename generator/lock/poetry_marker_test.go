package lock

import (
	"errors"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

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
