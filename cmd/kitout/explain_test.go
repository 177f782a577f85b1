package main

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/kitout/kitout/generator"
)

func TestChoicesNamed(t *testing.T) {
	fsys := fstest.MapFS{}
	for _, id := range []string{"a/x", "a/none", "b/y", "b/none"} {
		fsys[id+"/layer.yaml"] = &fstest.MapFile{Data: []byte("title: X\n")}
	}
	fsys["a/question.yaml"] = &fstest.MapFile{Data: []byte("title: A\ndefault: x\n")}
	fsys["b/question.yaml"] = &fstest.MapFile{Data: []byte("title: B\ndefault: y\n")}
	catalog, err := generator.LoadCatalog(fsys)
	must(t, err)
	for word, want := range map[string][]string{"x": {"a=x"}, "none": {"a=none", "b=none"}, "b=none": {"b=none"}, "z": nil, "a": nil} {
		if got := choicesNamed(catalog, word); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", word, got, want)
		}
	}
}

// TestEveryFileIsExplained explains every file and choice there is.
func TestEveryFileIsExplained(t *testing.T) {
	dir := t.TempDir() + "/shop"
	commandLine(t, exitDone, "new", dir, "--no-git", "--yes")
	c, err := openCheckout(dir, true, streams{})
	must(t, err)
	defer c.Close()
	for i := range c.Files {
		explained, err := c.explainFile(&c.Files[i])
		must(t, err)
		if explained.Title == "" || explained.Edit == "" || explained.Update == "" || len(explained.Answers) == 0 && explained.Layer != generator.BaseLayer {
			t.Errorf("%+v", explained)
		}
	}
	for _, pair := range choicesOf(c.catalog) {
		explained, err := explainWord(pair, dir, streams{})
		must(t, err)
		if choice, is := explained.(*explainedChoice); !is || choice.Title == "" {
			t.Errorf("%s: %+v", pair, explained)
		}
	}
}

// TestExplainIsPlain looks for directives of templates in what is said of each choice.
func TestExplainIsPlain(t *testing.T) {
	catalog, err := loadCatalog()
	must(t, err)
	for _, pair := range choicesOf(catalog) {
		for _, args := range [][]string{{"explain", pair}, {"explain", pair, "--json"}} {
			said, _ := commandLine(t, exitDone, args...)
			if strings.Contains(said, "<%") || strings.Contains(said, `\u003c%`) {
				t.Errorf("kitout %s: %s", strings.Join(args, " "), said)
			}
		}
	}
	for text, want := range map[string]string{
		"<% if .domain %>ACME_EMAIL<% end %>":                                 "ACME_EMAIL",
		"<% if .a.b %>the code<%- else if .c %>style<% else %>x<% end %> too": "the code too",
		"instrumentation-<% splitList `:` .database.instrumentor | first %>":  "instrumentation-INSTRUMENTOR",
		"<% .domain | default `x` %>":                                         "DOMAIN",
	} {
		if got := plain(text); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}
