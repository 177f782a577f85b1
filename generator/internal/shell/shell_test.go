package shell

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	t.Parallel()
	script := Parse(`#!/bin/bash
set -euo pipefail
if [ -z "$A" ]; then
  PGPASSWORD=x pg_dump "$URL" | gzip -9 >"out $B"
fi
cat <<END | psql
SELECT 1
END
sudo env C=1 make
exec gunicorn 'shop:app' --bind 0.0.0.0:${PORT:-80} "$@"
`)
	var got []string
	for _, c := range script.Commands {
		line := strings.Join(c.Args, " ")
		if len(c.Env) > 0 {
			line += " [" + strings.Join(c.Env, " ") + "]"
		}
		if len(c.From) > 0 {
			line += " <- " + c.From[0]
		}
		if c.Exec {
			line += " exec"
		}
		if c.Last {
			line += " last"
		}
		got = append(got, line)
	}
	want := []string{
		"set -euo pipefail", "[ -z $A ]", "pg_dump $URL [PGPASSWORD=x]", "gzip -9 <- pg_dump", "cat", "psql <- cat", "make [C=1]",
		"gunicorn shop:app --bind 0.0.0.0:${PORT:-80} $@ exec last",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%q\nwant %q", got, want)
	}
	if !script.Pipefail || !script.Valid || script.Commands[2].Line != 4 || script.Commands[7].Line != 10 {
		t.Errorf("%+v", script)
	}
}

func TestFunctions(t *testing.T) {
	t.Parallel()
	var got []string
	for _, c := range Parse("a() { b; c() { d; }; e; }\nf() (g)\nh\n").Commands {
		got = append(got, c.Function+":"+c.Args[0])
	}
	if want := "a:b c:d a:e f:g :h"; strings.Join(got, " ") != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// Of a script with a mistake, what stands before it counts.
func TestParseMistake(t *testing.T) {
	t.Parallel()
	script := Parse("echo one\necho two\nif then (\n")
	if script.Valid || len(script.Commands) != 2 || script.Pipefail {
		t.Errorf("%+v", script)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("a | b && c <<E\n$(d)\nE\n")
	f.Add("exec env A=1 sudo\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, command := range Parse(text).Commands {
			if len(command.Args) == 0 {
				t.Errorf("%+v", command)
			}
		}
	})
}
