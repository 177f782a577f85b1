package lock

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// recording is what uv wrote for one stack; refresh/record_uv.py makes them.
type recording struct {
	requirements []string
	digest       string // of the whole text
	lines        string // without the hashes
}

func readRecording(t *testing.T, path string) recording {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, lines, _ := strings.Cut(string(data), "\n\n")
	requirements, digest, _ := strings.Cut(head, "\n")
	return recording{
		requirements: strings.Fields(strings.TrimPrefix(requirements, "requirements ")),
		digest:       strings.TrimPrefix(digest, "sha256 "),
		lines:        lines,
	}
}

func TestRequirementsEqualUv(t *testing.T) {
	table := open(t)
	paths, _ := filepath.Glob("testdata/uv/*-*.txt")
	if len(paths) < 40 {
		t.Fatalf("only %d recordings", len(paths))
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			want := readRecording(t, path)
			pins, err := table.Closure(want.requirements)
			if err != nil {
				t.Fatal(err)
			}
			text := write(t, "", pins)
			compareLines(t, withoutHashes(text), want.lines)
			digest := sha256.Sum256([]byte(text))
			if hex.EncodeToString(digest[:]) != want.digest {
				t.Error("the whole text differs from uv's")
			}
		})
	}
}

// withoutHashes leaves what a recording keeps.
func withoutHashes(text string) string {
	var kept strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, " ") {
			kept.WriteString(strings.TrimSuffix(strings.TrimSuffix(line, "\n"), " \\") + "\n")
		}
	}
	return kept.String()
}

func compareLines(t *testing.T, got, want string) {
	t.Helper()
	ours, theirs := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(ours), len(theirs)) {
		if ours[i] != theirs[i] {
			t.Fatalf("line %d:\nours %s\nuv's %s", i+1, ours[i], theirs[i])
		}
	}
	if len(ours) != len(theirs) {
		t.Fatalf("%d lines, uv has %d", len(ours), len(theirs))
	}
}

func TestRequirementsHeader(t *testing.T) {
	pins := []Pin{{Name: "six", Version: "1.17.0", Marker: "os_name == 'nt'", Hashes: []string{"aa", "bb"}}}
	body := "six==1.17.0 ; os_name == 'nt' \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n"
	for header, want := range map[string]string{
		"":                      "",
		"one\n\n# two \n":       "# one\n#\n# two\n",
		"a\rb==1\nc":            "# a b==1\n# c\n", // a bare carriage return would end the comment
		"flask==0 \\\nx==1\n\n": "# flask==0\n# x==1\n",
	} {
		if got := write(t, header, pins); got != want+body {
			t.Errorf("header %q: got\n%s", header, got)
		}
	}
}

func TestRequirementsNameTheIndex(t *testing.T) {
	var text strings.Builder
	pins := []Pin{{Name: "six", Version: "1.17.0", Hashes: []string{"aa"}}}
	if err := Requirements(&text, "head", "https://packages.example.com/simple", pins); err != nil {
		t.Fatal(err)
	}
	if want := "# head\n--index-url https://packages.example.com/simple\n\nsix==1.17.0 \\\n    --hash=sha256:aa\n"; text.String() != want {
		t.Errorf("got\n%s", text.String())
	}
}

// brokenWriter fails as a full disk does.
type brokenWriter struct{}

var errFull = errors.New("no space left")

func (brokenWriter) Write([]byte) (int, error) { return 0, errFull }

func TestRequirementsReportsTheWritersError(t *testing.T) {
	if err := Requirements(brokenWriter{}, "", "", nil); !errors.Is(err, errFull) {
		t.Errorf("got %v", err)
	}
}

func write(t *testing.T, header string, pins []Pin) string {
	t.Helper()
	var text strings.Builder
	if err := Requirements(&text, header, "", pins); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

func open(t testing.TB) *Table {
	t.Helper()
	table, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	return table
}
