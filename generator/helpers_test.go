package generator

import (
	"errors"
	"io/fs"
	"maps"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// tree is a folder of templates: path to text.
type tree map[string]string

// shop is a catalogue with one of everything: an axis, a table, a slot of every choice, a question with several answers.
func shop() tree {
	return tree{
		"base/layer.yaml":                     "title: Base\npython: {oldest: '3.12', before: '3.15', images: ['3.14', '3.13']}\nfacts: {greeting: hello}\n",
		"base/files/README.md.tmpl":           "# <% .name %>\n\n    <% slot \"readme.lines\" %>\n\nend\n",
		"base/files/%package%/x.py":           "x = 1\n",
		"base/files/run.sh":                   "#!/bin/sh\n",
		"base/files/.env.tmpl":                "KEY=<% secret %>\n",
		"base/files/never.txt.tmpl":           "<% if false %>x<% end %>\n",
		"colour/question.yaml":                "title: Colour\norder: 10\ndefault: red\nmain: true\naxes: {tone: [warm, cold]}\n",
		"colour/red/layer.yaml":               "title: Red\naxes: {tone: warm}\n",
		"colour/blue/layer.yaml":              "title: Blue\naxes: {tone: cold}\n",
		"colour/blue/slots/readme.lines.tmpl": "\nblue <% .shape.sides %>\n\n  deeper\n\n",
		"shape/question.yaml": "title: Shape\norder: 20\ndefault: square\nslots: [shape.edges]\n" +
			"facts:\n  sides: {type: int}\n  paint: {type: string, by: tone}\n",
		"shape/square/layer.yaml":         "title: Square\nfacts: {sides: 4, paint: {warm: oil, cold: water}}\n",
		"shape/square/files/edges.tmpl":   "edges:\n<% slot \"shape.edges\" %>\n",
		"shape/none/layer.yaml":           "title: None\nfacts: {sides: 0, paint: {warm: '', cold: ''}}\n",
		"extras/question.yaml":            "title: Extras\norder: 30\ndefault: bell\nseveral: true\n",
		"extras/bell/layer.yaml":          "title: Bell\npackages: [{name: ring}, {name: ring, group: development}]\n",
		"extras/bell/slots/shape.edges":   "bell\n",
		"extras/horn/layer.yaml":          "title: Horn\npackages: [{name: ring}]\n",
		"extras/horn/slots/shape.edges":   "horn\n",
		"extras/horn/tone=warm/files/hot": "hot\n",
		"extras/horn/tone=cold/files/ice": "ice\n",
	}.with("base/layer.yaml", func(text string) string { return text + "files: {.env: {policy: secret}, notes/**: {policy: once}}\n" })
}

// with changes one file: a string replaces it, a function edits it, nil removes it.
func (t tree) with(path string, change any) tree {
	t = maps.Clone(t)
	switch change := change.(type) {
	case string:
		t[path] = change
	case func(string) string:
		t[path] = change(t[path])
	case nil:
		delete(t, path)
	}
	return t
}

// adding appends text to a file.
func (t tree) adding(path, text string) tree {
	return t.with(path, func(old string) string { return old + text })
}

func (t tree) fs() fs.FS {
	fsys := fstest.MapFS{}
	for path, text := range t {
		fsys[path] = &fstest.MapFile{Data: []byte(text), Mode: 0o444}
	}
	return fsys
}

func (t tree) catalog(tb testing.TB) *Catalog {
	tb.Helper()
	catalog, err := LoadCatalog(t.fs())
	if err != nil {
		tb.Fatal(err)
	}
	return catalog
}

// plan answers with pairs such as "colour=blue".
func (t tree) plan(tb testing.TB, pairs ...string) (*Plan, error) {
	tb.Helper()
	catalog := t.catalog(tb)
	answers, err := catalog.Resolve("my-shop", nil, given("--%s", pairs...))
	if err != nil {
		return nil, err
	}
	return catalog.NewPlan(answers, Options{Kitout: "1.2.3"})
}

// render returns the files by path.
func (t tree) render(tb testing.TB, pairs ...string) (map[string]File, error) {
	tb.Helper()
	plan, err := t.plan(tb, pairs...)
	if err != nil {
		return nil, err
	}
	files, err := plan.Render()
	byPath := map[string]File{}
	for _, file := range files {
		byPath[file.Path] = file
	}
	return byPath, err
}

func given(origin string, pairs ...string) Given {
	result := Given{Origin: origin, Values: map[string][]string{}}
	for _, pair := range pairs {
		key, value, _ := strings.Cut(pair, "=")
		result.Values[key] = strings.Split(value, ",")
	}
	return result
}

// wantError fails unless err's message has every part; no parts: unless there is no error.
func wantError(tb testing.TB, err error, parts ...string) {
	tb.Helper()
	if (err == nil) != (len(parts) == 0) {
		tb.Fatalf("error %v, want one with %q", err, parts)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			tb.Errorf("error %q lacks %q", err, part)
		}
	}
}

// wantUsage fails unless err is a UsageError of these words.
func wantUsage(tb testing.TB, err error, flag, problem, hint string) {
	tb.Helper()
	usage, is := errors.AsType[*UsageError](err)
	if !is {
		tb.Fatalf("error %v, want a usage error of %s", err, flag)
	}
	if usage.Flag != flag || usage.Problem != problem || !strings.Contains(usage.Hint, hint) {
		tb.Errorf("got %q, hint %q\nwant %q, hint with %q", usage, usage.Hint, flag+": "+problem, hint)
	}
}

func wantSame(tb testing.TB, got, want any) {
	tb.Helper()
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Answers{}, Change{})); diff != "" {
		tb.Errorf("(-want +got)\n%s", diff)
	}
}
