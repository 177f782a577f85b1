package lock

import (
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestClosureFollowsExtrasAndMarkers(t *testing.T) {
	table, err := Parse(seal(small))
	if err != nil {
		t.Fatal(err)
	}
	for requirements, want := range map[string]string{
		"":                 "",
		"alpha":            "alpha, beta ; sys_platform == 'win32'",
		"alpha[fast]":      "alpha, beta",
		"Beta alpha":       "alpha, beta",
		"beta[C]":          "beta",
		"alpha alpha beta": "alpha, beta",
	} {
		pins, err := table.Closure(strings.Fields(requirements))
		if err != nil {
			t.Fatal(err)
		}
		texts := make([]string, len(pins))
		for i, pin := range pins {
			texts[i] = strings.TrimSuffix(pin.Name+" ; "+pin.Marker, " ; ")
		}
		if got := strings.Join(texts, ", "); got != want {
			t.Errorf("%q: got %s, want %s", requirements, got, want)
		}
	}
}

func TestClosureErrors(t *testing.T) {
	table := open(t)
	for requirement, want := range map[string]string{
		"No_Such.Package": "no-such-package",
		"psycopg[c]":      "psycopg[c]",
		"flask[async]":    "flask[async]",
	} {
		_, err := table.Closure([]string{"flask", requirement})
		unknown := new(UnknownPackageError)
		if !errors.As(err, &unknown) || unknown.Name != want || !strings.Contains(err.Error(), "make refresh-packages") {
			t.Errorf("%s: got %v", requirement, err)
		}
	}
	for _, requirement := range []string{
		"", " ", "flask>=3", "flask==3.0", "flask; os_name == 'nt'", "flask[", "flask[]", "flask[async", "flask[a,]", "flask]",
		"-flask", "flask-", "fl ask", "flask\nx", "flask[a]b", "ﬂask", "[c]",
	} {
		_, err := table.Closure([]string{requirement})
		if malformed := new(RequirementError); !errors.As(err, &malformed) || malformed.Text != requirement {
			t.Errorf("%q: got %v", requirement, err)
		}
	}
}

// TestClosureIgnoresOrder compares random stacks with themselves, shuffled and repeated.
func TestClosureIgnoresOrder(t *testing.T) {
	table, chance := open(t), rand.New(rand.NewPCG(9, 10))
	blocks := table.spans()
	for range 60 {
		stack := make([]string, 1+chance.IntN(20))
		for i := range stack {
			stack[i] = blocks[chance.IntN(len(blocks))].name
		}
		want, err := table.Closure(stack)
		if err != nil {
			t.Fatal(err)
		}
		again := slices.Concat(stack, stack[:1])
		chance.Shuffle(len(again), func(i, j int) { again[i], again[j] = again[j], again[i] })
		got, err := table.Closure(again)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%v and %v differ (%v)", stack, again, err)
		}
		checkPins(t, got)
	}
}

func checkPins(t *testing.T, pins []Pin) {
	t.Helper()
	if !slices.IsSortedFunc(pins, func(a, b Pin) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("pins are not sorted")
	}
	for _, pin := range pins {
		if len(pin.Hashes) == 0 || !slices.IsSorted(pin.Hashes) || pin.Version == "" {
			t.Errorf("%+v", pin)
		}
	}
}

// stackOf is a recorded sample with everything that a repository installs.
func stackOf(b *testing.B, path string) []string {
	b.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	line, _, _ := strings.Cut(string(data), "\n")
	return strings.Fields(line)[1:]
}

// BenchmarkLock is a whole lock from the embedded text, the opening included: from the table, and from one with twice as
// many packages, which must not take longer.
func BenchmarkLock(b *testing.B) {
	for name, text := range map[string]string{"table": embedded, "doubled": doubled()} {
		b.Run(name, func(b *testing.B) { benchmarkLock(b, text) })
	}
}

// doubled is the table with a second package for each, which nothing needs.
func doubled() string {
	end := strings.LastIndex(embedded, checksumMark)
	start := strings.Index(embedded, blockStart)
	return embedded[:end] + strings.ReplaceAll(embedded[start:end], blockStart, blockStart+"zzz-") + embedded[end:]
}

func benchmarkLock(b *testing.B, text string) {
	stack := stackOf(b, "testdata/uv/django-mysql.txt")
	b.ReportAllocs()
	for b.Loop() {
		table, err := index(text)
		if err != nil {
			b.Fatal(err)
		}
		pins, err := table.Closure(stack)
		if err != nil {
			b.Fatal(err)
		}
		if err := Requirements(io.Discard, "", "", pins); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	data := []byte(embedded)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(data); err != nil {
			b.Fatal(err)
		}
	}
}
