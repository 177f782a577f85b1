package generator

import (
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestRender(t *testing.T) {
	files, err := shop().render(t, "colour=blue", "extras=bell,horn")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for path, file := range files {
		got[path] = file.Mode.String() + " " + string(file.Policy) + " " + file.Layer
	}
	wantSame(t, got, map[string]string{ // never.txt came out blank: no file
		"README.md": "-rw-r--r-- managed base", "my_shop/x.py": "-rw-r--r-- managed base", "run.sh": "-rwxr-xr-x managed base",
		".env": "-rw------- secret base", "edges": "-rw-r--r-- managed shape/square", "ice": "-rw-r--r-- managed extras/horn",
	})
	wantSame(t, string(files["README.md"].Content), "# my-shop\n\n    blue 4\n\n      deeper\n\nend\n")
	wantSame(t, string(files["edges"].Content), "edges:\nbell\nhorn\n")
	if !regexp.MustCompile(`^KEY=[A-Za-z0-9_-]{43}\n$`).Match(files[".env"].Content) {
		t.Errorf(".env: %q", files[".env"].Content)
	}
}

func TestEmptySlotVanishes(t *testing.T) {
	files, err := shop().render(t)
	if err != nil {
		t.Fatal(err)
	}
	wantSame(t, string(files["README.md"].Content), "# my-shop\n\n\nend\n")
}

func TestBlocks(t *testing.T) {
	const frame = "before\n\n  <% blocks \"base.text\" %>\n\nafter\n"
	one := func() tree {
		return shop().with("base/files/text.tmpl", frame).with("base/slots/base.text", "\none\n\n")
	}
	for want, layers := range map[string]tree{
		"before\n\nafter\n":                          one().with("base/slots/base.text", nil),
		"before\n\n  one\n\nafter\n":                 one(),
		"before\n\n  one\n\n  two\n\n  2\n\nafter\n": one().with("colour/red/slots/base.text", "two\n\n2\n"),
	} {
		files, err := layers.render(t)
		if err != nil {
			t.Fatal(err)
		}
		wantSame(t, string(files["text"].Content), want)
	}
}

func TestSlotsDroppedForNone(t *testing.T) {
	files, err := shop().render(t, "shape=none", "extras=horn")
	if err != nil {
		t.Fatal(err)
	}
	if _, found := files["edges"]; found {
		t.Error("edges belongs to another choice")
	}
}

func TestSlotOrder(t *testing.T) {
	tree := shop().with("base/slots/shape.edges", "base\n").with("parts/rim/slots/shape.edges", "rim\n").
		with("parts/rim/layer.yaml", "title: Rim\n").with("colour/red/slots/shape.edges.tmpl", "<% .axes.tone %>\n").
		with("extras/bell/tone=warm,cold/slots/shape.edges", "more\n").with("extras/bell/layer.yaml", "title: Bell\nincludes: [rim]\n")
	files, err := tree.render(t, "extras=horn,bell")
	if err != nil {
		t.Fatal(err)
	}
	wantSame(t, string(files["edges"].Content), "edges:\nbase\nwarm\nrim\nbell\nmore\nhorn\n")
}

func TestSlotsRefuse(t *testing.T) {
	for name, test := range map[string]struct {
		tree tree
		want []string
	}{
		"nobody opens":     {shop().with("extras/bell/slots/no.such", "x\n"), []string{`extras/bell/slots/no.such: fills the slot "no.such"`, "no chosen layer opens"}},
		"owner forgets it": {shop().with("shape/square/files/edges.tmpl", nil).with("extras/bell/slots/shape.edges", nil), []string{`shape/square: does not open the slot "shape.edges", as shape/question.yaml asks`}},
		"fills itself": {
			shop().with("extras/bell/slots/shape.edges", nil).with("extras/bell/slots/shape.edges.tmpl", "<% slot \"shape.edges\" %>\n"),
			[]string{`the slot "shape.edges" fills itself`, "layer extras/bell"},
		},
		"not alone on its line": {
			shop().with("shape/square/files/more.tmpl", "a <% slot \"shape.edges\" %>\n"),
			[]string{"layer shape/square: shape/square/files/more.tmpl:1:", "a slot stands alone on its line"},
		},
		"without a space": {
			shop().with("shape/square/files/more.tmpl", "<%slot \"shape.edges\"%>\n"), []string{"a slot stands alone on its line"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := test.tree.render(t)
			wantError(t, err, test.want...)
		})
	}
}

func TestSlotWithinASlot(t *testing.T) {
	tree := shop().with("shape/square/files/edges.tmpl", "  <% slot \"shape.edges\" %>\n").with("extras/bell/slots/shape.edges", nil).
		with("extras/bell/slots/shape.edges.tmpl", "bell:\n  <%- slot \"bell.parts\" %>\n").with("colour/red/slots/bell.parts", "clapper\n\nrope\n")
	files, err := tree.render(t)
	if err != nil {
		t.Fatal(err)
	}
	wantSame(t, string(files["edges"].Content), "  bell:\n    clapper\n\n    rope\n")
}

func TestSortImports(t *testing.T) {
	for text, want := range map[string]string{
		"": "",
		"from b import x\nimport z\nfrom A import y\n\nimport c\nimport z\n": "import c\nimport z\nfrom A import y\nfrom b import x",
		"from a.b import c\nfrom a import d\nimport a.b\nimport a\n":         "import a\nimport a.b\nfrom a import d\nfrom a.b import c",
	} {
		got, err := sortImports(text)
		if err != nil || got != want {
			t.Errorf("%q becomes %q, %v", text, got, err)
		}
	}
	for _, text := range []string{"from a import (\n    b,\n)\n", "x = 1\n", "# noqa\n"} {
		if _, err := sortImports(text); err == nil {
			t.Errorf("%q is no list of imports", text)
		}
	}
	tree := shop().with("shape/square/files/a.py.tmpl", "\"\"\"Doc.\"\"\"\n\n<% slot \"a.imports\" %>\n").
		with("base/slots/a.imports", "import os\n").with("colour/red/slots/a.imports", "import ast\n").with("extras/bell/slots/a.imports", "import os\n")
	files, err := tree.render(t)
	if err != nil {
		t.Fatal(err)
	}
	wantSame(t, string(files["a.py"].Content), "\"\"\"Doc.\"\"\"\n\nimport ast\nimport os\n")
}

func TestTemplateErrorsAreLocated(t *testing.T) {
	for text, want := range map[string]string{
		"a\n<% .nothing %>\n":                        `no entry for key "nothing"`,
		"a\n<% .shape.corners %>\n":                  `no entry for key "corners"`,
		"a\n<% at .shape \"corners\" %>\n":           `no key "corners"; there are help, paint, sides, title`,
		"a\n<% index .shape \"sides\" %>\n":          "index hides holes: use at",
		"a\n<% .shape.sides.x %>\n":                  "can't evaluate field x",
		"a\n<% if %>\n":                              "missing value for if",
		"a\n<% nothing %>\n":                         `function "nothing" not defined`,
		"a\n<% secret %>\n":                          "secret: only a file of policy secret may hold one",
		"a\n<% version \"ring\" %>\n":                `no package "ring" is locked`,
		"a\n<% where .packages \"nmae\" \"x\" %>":    `no key "nmae"`,
		"a\n<% env \"HOME\" %>\n":                    `function "env" not defined`,
		"a\n<% now %>\n":                             `function "now" not defined`,
		"a\n<% randAlpha 3 %>\n":                     `function "randAlpha" not defined`,
		"a\n<% get .shape \"x\" %>\n":                `function "get" not defined`,
		"a\n<% keys .shape %>\n":                     `function "keys" not defined`,
		"<% slot \"readme.more\" %>\n<% .nothing %>": `no entry for key "nothing"`,
	} {
		_, err := shop().with("colour/red/files/a.txt.tmpl", text).render(t)
		wantError(t, err, "layer colour/red: colour/red/files/a.txt.tmpl:2", want)
	}
	// a fill names itself as well as the file that it is for
	_, err := shop().with("colour/red/slots/readme.lines.tmpl", "a\nb\n<% .nothing %>\n").render(t)
	wantError(t, err, "layer base: base/files/README.md.tmpl:3", "layer colour/red: colour/red/slots/readme.lines.tmpl:3", `"nothing"`)
}

func TestNamedTemplatesAreRefused(t *testing.T) {
	for _, text := range []string{
		"<% define \"x\" %>x<% end %>", "<% block \"x\" . %>x<% end %>", "<% template \"base/files/README.md.tmpl\" . %>",
		"<% if false %><% else %><% range .packages %><% with 1 %><% template \"x\" %><% end %><% end %><% end %>",
	} {
		_, err := shop().with("colour/red/files/a.txt.tmpl", text).render(t)
		wantError(t, err, "layer colour/red: colour/red/files/a.txt.tmpl: ", "define, block and template are not for layers")
		_, err = shop().adding("base/layer.yaml", "tasks: [{name: a, help: '"+text+"'}]\n").render(t)
		wantError(t, err, "base/layer.yaml: ", "define, block and template are not for layers")
	}
}

func TestFunctionsChangeNothing(t *testing.T) {
	for _, name := range []string{"set", "unset", "merge", "mergeOverwrite", "push", "env", "now", "uuidv4", "randAlpha"} {
		if slices.Contains(fromSprig, name) {
			t.Errorf("%s changes what it is given, or depends on more than that", name)
		}
	}
	for _, name := range fromSprig {
		if pure()[name] == nil || reflect.ValueOf(pure()[name]).IsNil() {
			t.Errorf("sprig has no %s", name)
		}
	}
}

func TestSlotsCountTheirDepth(t *testing.T) {
	plan, err := shop().with("extras/bell/slots/shape.edges", nil).with("extras/bell/slots/shape.edges.tmpl", "<% slot \"shape.edges\" %>\n").plan(t)
	must(t, err)
	texts, err := plan.readTexts()
	must(t, err)
	r := newRenderer(plan, texts)
	_, err = r.contributions("shape.edges")
	wantError(t, err, "fills itself")
	wantSame(t, r.depth, 0) // the next file of this worker starts anew
}

func TestPolicies(t *testing.T) {
	tree := shop().with("base/files/notes/a/b.md", "x\n").with("base/files/notes.md", "x\n").with("base/files/notes/run", "#!/bin/sh\n")
	files, err := tree.render(t)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]Policy{"notes/a/b.md": Once, "notes/run": Once, "notes.md": Managed, ".env": Secret} {
		wantSame(t, files[path].Policy, want)
	}
	wantSame(t, files["notes/run"].Mode, fs.FileMode(0o755))
}

func TestLocks(t *testing.T) {
	tree := shop().adding("shape/square/layer.yaml", "locks: [{path: a.lock, writer: plain, groups: [runtime]}, {path: b.lock, writer: plain, groups: [runtime, development]}, {path: tool.lock, writer: plain, packages: [tool]}]\n").
		adding("shape/square/layer.yaml", "packages: [{name: 'pen[ink]'}, {name: test, group: development}]\n")
	_, err := tree.render(t)
	wantError(t, err, `a.lock: no lock writer is called "plain"`)

	catalog := tree.catalog(t)
	answers, err := catalog.Resolve("shop", nil)
	if err != nil {
		t.Fatal(err)
	}
	write := func(input LockInput) ([]byte, error) {
		return fmt.Appendf(nil, "%s: %s|%s\n", input.Path, strings.Join(input.Packages["runtime"], " "), strings.Join(input.Packages["development"], " ")), nil
	}
	plan, err := catalog.NewPlan(answers, Options{Locks: map[string]func(LockInput) ([]byte, error){"plain": write}})
	if err != nil {
		t.Fatal(err)
	}
	locks := func() map[string]string {
		t.Helper()
		files, err := plan.Render()
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for _, file := range files {
			if file.Policy == Locked {
				got[file.Path] = string(file.Content)
			}
		}
		return got
	}
	want := map[string]string{"a.lock": "a.lock: pen[ink] ring|\n", "b.lock": "b.lock: pen[ink] ring|ring test\n", "tool.lock": "tool.lock: tool|\n"}
	wantSame(t, locks(), want)
	plan.SetLock("b.lock", []byte("completed\n"))
	want["b.lock"] = "completed\n"
	wantSame(t, locks(), want)
}

func TestSystemPackages(t *testing.T) {
	tree := shop().
		adding("shape/square/layer.yaml", "system_packages: [{name: gcc, stage: build}, {name: libpen, stage: run}, {name: libnone, stage: run, when: [shape=none]}]\n").
		adding("colour/blue/layer.yaml", "system_packages: [{name: gcc, stage: build}, {name: cmake, stage: build}]\n").
		with("shape/square/files/system.txt.tmpl", "<% .build_packages %> <% .run_packages %>\n")
	files, err := tree.render(t, "colour=blue")
	if err != nil {
		t.Fatal(err)
	}
	wantSame(t, string(files["system.txt"].Content), "[cmake gcc] [libpen]\n")
	_, err = shop().adding("shape/square/layer.yaml", "system_packages: [{name: gcc, stage: test}]\n").render(t)
	wantError(t, err, `shape/square/layer.yaml: system package gcc: stage "test" is none of build, run`)
}

// TestDefaultIndex asks for the machine's index only where a layer writes it down and no other was given.
func TestDefaultIndex(t *testing.T) {
	index := shop().adding("shape/square/layer.yaml", "default_index: true\nlocks: [{path: a.lock, writer: plain, groups: [runtime]}]\n").
		adding("shape/square/files/index.txt.tmpl", "<% .index_url %>|<% .default_index %>\n")
	asked := 0
	var unknown error
	options := Options{
		DefaultIndex: func() (string, error) { asked++; return "https://default.example.com/simple", unknown },
		Locks: map[string]func(LockInput) ([]byte, error){"plain": func(input LockInput) ([]byte, error) {
			return []byte(input.IndexURL + "|" + input.DefaultIndex + "\n"), nil
		}},
	}
	render := func(given map[string][]string) (map[string]string, error) {
		catalog := index.catalog(t)
		answers, err := catalog.Resolve("shop", nil, Given{Origin: "--%s", Values: given})
		if err != nil {
			t.Fatal(err)
		}
		plan, err := catalog.NewPlan(answers, options)
		if err != nil {
			return nil, err
		}
		files, err := plan.Render()
		texts := map[string]string{}
		for _, file := range files {
			texts[file.Path] = string(file.Content)
		}
		return texts, err
	}
	for given, want := range map[string]string{"": "|https://default.example.com/simple\n", "https://own.example.com/simple": "https://own.example.com/simple|\n"} {
		texts, err := render(map[string][]string{"index-url": {given}})
		if err != nil {
			t.Fatal(err)
		}
		wantSame(t, texts["index.txt"], want)
		wantSame(t, texts["a.lock"], want)
	}
	wantSame(t, asked, 1)
	unknown = errors.New("no pip")
	_, err := render(nil)
	wantUsage(t, err, "--shape square", "needs the address of the package index: no pip", "give it with --index-url")
	index = shop()
	if _, err := render(nil); err != nil || asked != 2 {
		t.Errorf("asked %d times: %v", asked, err)
	}
}

func TestFunctions(t *testing.T) {
	for directive, want := range map[string]string{
		`expand "a{KEY}b{data-base}{}{1}{Ab}" "$%s" "%s.local"`: "a$KEYbdata-base.local{}{1}Ab.local",
		`pystring "a"`:                             `"a"`,
		`pystring "it's"`:                          `"it's"`,
		"pystring `say \"a\"`":                     `'say "a"'`,
		"pystring `it's \"a\"`":                    `"it's \"a\""`,
		"pystring `a\\b`":                          `"a\\b"`,
		`yamlstring "a b/c-1.2"`:                   "a b/c-1.2",
		`yamlstring "yes"`:                         `"yes"`,
		`yamlstring "Null"`:                        `"Null"`,
		`yamlstring ""`:                            `""`,
		`yamlstring "1"`:                           `"1"`,
		`yamlstring "3.12"`:                        `"3.12"`,
		`yamlstring "a: b"`:                        `"a: b"`,
		`yamlstring "a #b"`:                        `"a #b"`,
		`yamlstring "- a"`:                         `"- a"`,
		"yamlstring `a\"b`":                        `"a\"b"`,
		`yamlstring "a\nb"`:                        `"a\nb"`,
		"tomlstring `a\"\\`":                       `"a\"\\"`,
		`at .shape "sides"`:                        "4",
		`len (where .packages "group" "runtime")`:  "1",
		`len (where .packages "!group" "runtime")`: "1",
		`len (where .packages "group" (list "runtime" "development"))`: "2",
	} {
		files, err := shop().with("base/files/out.tmpl", "<% "+directive+" %>").render(t)
		if err != nil {
			t.Errorf("%s: %v", directive, err)
		} else if got := string(files["out"].Content); got != want {
			t.Errorf("%s gives %s, want %s", directive, got, want)
		}
	}
}

func TestRenderIsDeterministic(t *testing.T) {
	first, err := shop().with("base/layer.yaml", func(s string) string { return s + "# x\n" }).with("base/files/.env.tmpl", nil).render(t, "extras=bell,horn")
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		again, err := shop().with("base/files/.env.tmpl", nil).render(t, "extras=horn,bell")
		if err != nil {
			t.Fatal(err)
		}
		wantSame(t, again, first)
	}
}
