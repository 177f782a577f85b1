package dockerfile

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const sample = `# syntax=docker/dockerfile:1
# a comment
ARG VERSION=3.14
FROM --platform=linux/amd64 python:${VERSION}-slim AS Builder
run --mount=type=cache,target=/root --network=none \
    # between two lines
    pip install \

    -r requirements.txt
ENV A=1 B="two words" C='x'
ENV OLD some old value
COPY <<TEXT /etc/motd
FROM nowhere
TEXT
RUN <<-'ONE' cat && <<TWO sh
	first
	ONE
second
TWO

FROM builder
CMD ["gunicorn", "shop:app"]
HEALTHCHECK CMD ["not json'
ENTRYPOINT []
`

func TestParse(t *testing.T) {
	t.Parallel()
	file := Parse(strings.ReplaceAll(sample, "\n", "\r\n"))
	var got []string
	for _, stage := range file.Stages {
		got = append(got, stage.Name+"="+stage.Image)
		for _, i := range stage.Instructions {
			got = append(got, strings.Join([]string{i.Name, strings.Join(i.Flags, " "), i.Text, i.Document}, "|"))
		}
	}
	want := []string{
		"builder=python:${VERSION}-slim",
		"RUN|--mount=type=cache,target=/root --network=none|pip install -r requirements.txt|",
		`ENV||A=1 B="two words" C='x'|`,
		"ENV||OLD some old value|",
		"COPY||<<TEXT /etc/motd|FROM nowhere",
		"RUN||<<-'ONE' cat && <<TWO sh|\tfirst\nsecond",
		"=builder",
		`CMD||["gunicorn", "shop:app"]|`,
		`HEALTHCHECK||CMD ["not json'|`,
		"ENTRYPOINT||[]|",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	run := file.Stages[0].Instructions[0]
	if run.Line != 5 || file.Stages[0].Instructions[3].Line != 12 || file.Last("CMD").Line != 22 {
		t.Errorf("lines: %+v", file)
	}
	if got := file.Expand(file.Stages[0].Image); got != "python:3.14-slim" {
		t.Errorf("expanded: %q", got)
	}
	if diff := cmp.Diff([][2]string{{"A", "1"}, {"B", "two words"}, {"C", "x"}}, file.Stages[0].Instructions[1].Pairs()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([][2]string{{"OLD", "some old value"}}, file.Stages[0].Instructions[2].Pairs()); diff != "" {
		t.Error(diff)
	}
	if exec := file.Last("ENTRYPOINT").Exec; exec == nil || len(exec) != 0 {
		t.Errorf("the empty exec form: %v", exec)
	}
	if chain := file.Final(); len(chain) != 2 || chain[0].Name != "builder" || !file.External(0) || file.External(1) {
		t.Errorf("the chain: %+v", chain)
	}
}

func TestEscape(t *testing.T) {
	t.Parallel()
	file := Parse("# escape=`\nFROM windows\nRUN dir C:\\ `\n  /s\nCMD x\n")
	if got := file.Stages[0].Instructions[0].Text; got != `dir C:\ /s` || file.Last("CMD").Line != 5 {
		t.Errorf("%q, %+v", got, file)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(sample)
	f.Add("FROM a AS a\nFROM a\nRUN <<A <<A\n")
	f.Fuzz(func(t *testing.T, text string) {
		file := Parse(text)
		lines := strings.Count(text, "\n") + 1
		for _, instruction := range file.All() {
			instruction.Pairs()
			if instruction.Line < 1 || instruction.Line > lines || instruction.Name == "" {
				t.Errorf("%+v in %d lines", instruction, lines)
			}
		}
		file.Final()
		file.Last("CMD")
	})
}
