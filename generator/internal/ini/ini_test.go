package ini

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	t.Parallel()
	got := Parse("\uFEFFtop = 1\r\n[uwsgi]\n; comment\nprocesses = 4\nenv = A=B\nenv = C\nstrict\n\n[options]\nrequires =\n    a\n    b\n# c\n[other]\n  x = 1\n")
	want := []Entry{
		{"", "top", "1", 1}, {"uwsgi", "processes", "4", 4}, {"uwsgi", "env", "A=B", 5}, {"uwsgi", "env", "C", 6}, {"uwsgi", "strict", "", 7},
		{"options", "requires", "a\nb", 10}, {"other", "x", "1", 15},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("[a]\nb = c\n d\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, entry := range Parse(text) {
			if entry.Line < 1 || entry.Line > strings.Count(text, "\n")+1 {
				t.Errorf("%+v", entry)
			}
		}
	})
}
