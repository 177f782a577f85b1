package document

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const sample = `x-base: &base
  restart: always
  environment: &env {A: "1"}
x-other: &other
  restart: never
  init: true
web:
  <<: [*base, *other]
  environment:
    <<: *env
    B: 2
  command: |
    one
    two
empty: ~
---
second: [a, b]
--- [
`

func TestValue(t *testing.T) {
	t.Parallel()
	documents := Parse([]byte(sample))
	if len(documents) != 2 {
		t.Fatalf("%d documents", len(documents))
	}
	web := documents[0].Get("web")
	if web.Get("restart").Text() != "always" || web.Get("restart").Line() != 2 || !web.Get("init").True() || web.Get("nothing", "below").There() {
		t.Errorf("merged: %+v", web.Pairs())
	}
	var keys []string
	for _, pair := range web.Get("environment").Pairs() {
		keys = append(keys, pair.Key+"="+pair.Value.Text())
	}
	if diff := cmp.Diff([]string{"B=2", "A=1"}, keys); diff != "" {
		t.Error(diff)
	}
	command := web.Get("command")
	if command.Line() != 12 || command.TextLine() != 13 || !cmp.Equal(command.Words(), []string{"one", "two"}) {
		t.Errorf("%d, %d, %q", command.Line(), command.TextLine(), command.Words())
	}
	if empty := documents[0].Get("empty"); empty.There() || len(empty.Items()) > 0 || empty.Text() != "" {
		t.Error("null is there")
	}
	list := documents[1].Get("second")
	if !list.List() || list.Map() || len(list.Items()) != 2 || !cmp.Equal(list.Words(), []string{"a", "b"}) || len(command.Items()) != 1 {
		t.Errorf("%+v", list)
	}
	entries := 0
	documents[0].Walk(func(Pair) { entries++ })
	if entries != 14 {
		t.Errorf("%d entries", entries)
	}
}

// A document may refer to itself, and to itself many times.
func TestSelfReference(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"a: &a\n  <<: *a\n  b: 1\n",
		"a: &a {<<: [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a]}\n",
		"a: &a [*a, *a]\n",
	} {
		for _, document := range Parse([]byte(text)) {
			document.Get("a", "nothing")
			document.Get("a").Pairs()
			document.Get("a").Words()
			document.Walk(func(Pair) {})
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(sample)
	f.Add("a: &a {<<: *a}\n")
	f.Fuzz(func(t *testing.T, text string) {
		lines := strings.Count(text, "\n") + strings.Count(text, "\r") + strings.Count(text, "\u0085") + strings.Count(text, "\u2028") + strings.Count(text, "\u2029") + 2
		for _, document := range Parse([]byte(text)) {
			document.Walk(func(pair Pair) {
				pair.Value.Pairs()
				pair.Value.Words()
				pair.Value.Get(pair.Key)
				if pair.Line > lines {
					t.Errorf("line %d of %d", pair.Line, lines)
				}
			})
		}
	})
}
