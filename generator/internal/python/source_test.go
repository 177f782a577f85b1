package python

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// write is a value in a short form that shows its kind.
func write(v Value) string {
	list := func(items []Value) string {
		var all []string
		for _, item := range items {
			all = append(all, write(item))
		}
		return strings.Join(all, ", ")
	}
	switch v.Kind {
	case String:
		return fmt.Sprintf("%q", v.Text)
	case Format:
		return fmt.Sprintf("f%q", v.Text)
	case Number, Bool, None, Name:
		return v.Text
	case List:
		return "[" + list(v.Items) + "]"
	case Dict:
		var all []string
		for i, key := range v.Keys {
			all = append(all, write(key)+": "+write(v.Items[i]))
		}
		return "{" + strings.Join(all, ", ") + "}"
	case Call:
		all := []string{}
		if len(v.Items) > 0 {
			all = append(all, list(v.Items))
		}
		for _, k := range v.Keywords {
			all = append(all, k.Name+"="+write(k.Value))
		}
		return v.Text + "(" + strings.Join(all, ", ") + ")"
	case Subscript:
		return v.Text + "[" + list(v.Items) + "]"
	case Operation:
		return "<" + v.Text + " " + list(v.Items) + ">"
	}
	return "?" + list(v.Items)
}

func TestValues(t *testing.T) {
	t.Parallel()
	for expression, want := range map[string]string{
		`1_000`:                           `1_000`,
		`-1`:                              `-1`,
		`1e-5`:                            `1e-5`,
		`"a" 'b'`:                         `"ab"`,
		`("a"` + "\n" + `   "b")`:         `"ab"`,
		`r"\d"`:                           `"\\d"`,
		`b'\x41\n'`:                       `"A\n"`,
		`"\u00e9\q"`:                      `"é\\q"`,
		`"it's # no comment"`:             `"it's # no comment"`,
		`"open`:                           `"open"`,
		`'''two` + "\n" + `lines'''`:      `"two\nlines"`,
		`f"{x["a"]} {y:>{w}} {{z}} '"`:    `f"{x[\"a\"]} {y:>{w}} {{z}} '"`,
		`f"{x:'>10}"`:                     `f"{x:'>10}"`,
		`f"{'}'}" "b"`:                    `f"{'}'}b"`,
		`f"{f"{f"{1}"}"}"`:                `f"{f\"{f\"{1}\"}\"}"`,
		`True`:                            `True`,
		`None`:                            `None`,
		`["*"]`:                           `["*"]`,
		`("a",)`:                          `["a"]`,
		`()`:                              `[]`,
		`"a", "b"`:                        `["a", "b"]`,
		`{"a": {"b": 1}, 'c': [2, 3,],}`:  `{"a": {"b": 1}, "c": [2, 3]}`,
		`{1, 2}`:                          `[1, 2]`,
		`{}`:                              `{}`,
		`{k: v for k, v in x}`:            `{k: <for v, k>}`,
		`a.b.c`:                           `a.b.c`,
		`f(1, *a, b=2, **c)`:              `f(1, <* a>, b=2, **=c)`,
		`os.environ["X"]`:                 `os.environ["X"]`,
		`a["b"]["c"]`:                     `a["b", "c"]`,
		`Path(__file__).resolve().parent`: `Path().resolve().parent`,
		`BASE / "static"`:                 `</ BASE, "static">`,
		`os.getenv("A") or "b"`:           `<or os.getenv("A"), "b">`,
		`x if y else z`:                   `<if x, y, z>`,
		`not DEBUG`:                       `<not DEBUG>`,
		`lambda a, b=(1): f(a)`:           `<lambda f(a)>`,
		`await g()`:                       `g()`,
		`[x for x in y]`:                  `[<for x, x, y>]`,
		`"%s" % a`:                        `<% "%s", a>`,
		`f(a)(b)`:                         `f()(b)`,
		`x[1:2]`:                          `x[2]`,
		`(y := 5)`:                        `<:= y, 5>`,
		`...`:                             `?`,
		`a` + "\\\n" + `.b`:               `a.b`,
		`[  # one` + "\n" + `1,  # two` + "\n" + `2]`: `[1, 2]`,
	} {
		source := Parse([]byte("x = " + expression + "\n"))
		if len(source.Assignments) != 1 {
			t.Errorf("%s: %d assignments", expression, len(source.Assignments))
			continue
		}
		if got := write(source.Assignments[0].Value); got != want {
			t.Errorf("%s: %s, want %s", expression, got, want)
		}
	}
}

const everything = "\xef\xbb\xbf#!/usr/bin/env python\r\n" + `"""Docs with import flask and Flask()."""
import os, sys as system
import a.b.c
import d.e as de
from flask import (
    Flask as F,  # import nothing
    request,
)
from .models import *
from ..x import y
try:
    import simplejson as json
except ImportError:
    import json
DEBUG = True; ALLOWED = ["*"]
if os.getenv("CI"): DEBUG = False
class Config(Base, metaclass=M):
    """Docs."""
    KEY: str = "k"
    PORT: int
    def method(self): return None
@app.route("/", methods=["GET"])
@login
async def index(a, /, b: int = 1, *, c, **d) -> dict[str, int]:
    from late import thing
    return thing(request.args)
def create_app(config=None):
    app = F(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite://"
    app.config.update(X=1)
    DATABASES["default"]["ENGINE"] = 'x'
    with app.app_context():
        de.run()
    x = y = 2
    x += 3
    return app
if __name__ == "__main__":
    create_app().run()
match = 5
match system.argv:
    case ["x"]:
        a.b.c.call("z")
`

func TestParse(t *testing.T) {
	t.Parallel()
	source := Parse([]byte(everything))
	var got []string
	note := func(place Place, format string, args ...any) {
		flags := ""
		if place.Block {
			flags += " block"
		}
		if place.Main {
			flags += " main"
		}
		got = append(got, fmt.Sprintf("%d [%s%s] ", place.Line, place.Scope, flags)+fmt.Sprintf(format, args...))
	}
	for _, i := range source.Imports {
		note(i.Place, "import %s as %s", i.Target(), i.As)
	}
	for _, a := range source.Assignments {
		note(a.Place, "%s[%s] = %s %v", a.Name, a.Key, write(a.Value), a.Added)
	}
	for _, c := range source.Calls {
		note(c.Place, "call %s", write(c.Value))
	}
	for _, f := range source.Functions {
		var parts []string
		for _, d := range f.Decorators {
			parts = append(parts, "@"+write(d))
		}
		for _, p := range f.Parameters {
			parts = append(parts, fmt.Sprintf("%s:%v", p.Name, p.Optional))
		}
		for _, r := range f.Returns {
			parts = append(parts, "-> "+write(r))
		}
		note(f.Place, "def %s %s", join(f.Scope, f.Name), strings.Join(parts, " "))
	}
	for _, c := range source.Classes {
		note(c.Place, "class %s %v", c.Name, c.Bases)
	}
	var texts []string
	for _, s := range source.Strings {
		texts = append(texts, s.Text)
	}
	got = append(got, strings.Join(texts, " "))
	want := []string{
		"3 [] import os as os", "3 [] import sys as system", "4 [] import a.b.c as a", "5 [] import d.e as de",
		"7 [] import flask.Flask as F", "8 [] import flask.request as request", "10 [] import .models as *", "11 [] import ..x.y as y",
		"13 [ block] import simplejson as json", "15 [ block] import json as json", "26 [index] import late.thing as thing",
		"16 [] DEBUG[] = True false", `16 [] ALLOWED[] = ["*"] false`, "17 [ block] DEBUG[] = False false",
		`20 [Config] KEY[] = "k" false`, "29 [create_app] app[] = flask.Flask(__name__) false",
		`30 [create_app] app.config[SQLALCHEMY_DATABASE_URI] = "sqlite://" false`,
		`32 [create_app] DATABASES[default.ENGINE] = "x" false`,
		"35 [create_app] x[] = 2 false", "35 [create_app] ..x.y[] = 2 false", "36 [create_app] x[] = 3 true", "40 [] match[] = 5 false",
		`17 [] call os.getenv("CI")`, `23 [] call app.route("/", methods=["GET"])`, `27 [index] call late.thing(flask.request.args)`,
		"29 [create_app] call flask.Flask(__name__)", "31 [create_app] call app.config.update(X=1)",
		"33 [create_app] call app.app_context()", "34 [create_app block] call d.e.run()", "39 [ main] call create_app()",
		"39 [ main] call create_app().run()", `43 [ block] call a.b.c.call("z")`,
		"22 [Config] def Config.method self:false -> None",
		`25 [] def index @app.route("/", methods=["GET"]) @login a:false b:true c:false d:true -> late.thing(flask.request.args)`,
		"28 [] def create_app config:true -> app", "18 [] class Config [Base]",
		"* CI k / GET SQLALCHEMY_DATABASE_URI sqlite:// default ENGINE x __main__ x z",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// What cannot be read must not hide what can.
func TestParseBrokenFiles(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"open bracket":  "x = foo(1,\n        2\n\nimport flask\n",
		"open string":   "x = 'abc\nimport flask\n",
		"stray bracket": "x = 1)\n}\nimport flask\n",
		"carriage":      "x = 1\rimport flask\r",
		"latin":         "name = '\xe9\xff'\nimport flask\n",
		"python 2":      "print 'x' % 1\nexec 'y' in z\nimport flask\n",
		"merge":         "<<<<<<< HEAD\nx = 1\n=======\nimport flask\n>>>>>>> x\n",
		"open field":    "x = f'{a'\nimport flask\n",
		"tabs":          "if x:\n\ty = 1\n        z = 2\nimport flask\n",
		"indented":      "    import os\n  x\nimport flask\n",
		"null":          "x = \x00\nimport flask\n",
		"no newline":    "import flask",
	} {
		source := Parse([]byte(text))
		if n := len(source.Imports); n == 0 || source.Imports[n-1].Module != "flask" {
			t.Errorf("%s: imports %v", name, source.Imports)
		}
	}
}

// The cost of reading is bounded, however deep or long what stands in the file is.
func TestParseHostileFiles(t *testing.T) {
	t.Parallel()
	const size = 1 << 18
	for _, unit := range []string{
		"(", "[", "{", "f(", "f'{", `f"{f'{`, "a.", "a[0]", "a()", "a().b", "lambda x:", "not ", "-", "x,", "'a' ", "a=", "@", "\\\n", "if x:", "def f(",
		"import a.", "\t", "if x:\n ", "{'a':", "f\"{x:{", "*", ";", ":", "...",
	} {
		start := time.Now()
		Parse([]byte(strings.Repeat(unit, size/len(unit))))
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%q: took %v", unit, took)
		}
	}
}

func TestEnvironment(t *testing.T) {
	t.Parallel()
	for expression, want := range map[string]string{
		`os.environ["A"]`:                  "A",
		`os.environ.get("A", "b")`:         "A b",
		`os.getenv("A", default="b")`:      "A b",
		`env("A", default="b")`:            "A b",
		`env.bool("A", False)`:             "A False",
		`decouple.config("A", default="")`: "A ",
		`get("A")`:                         "",
		`os.environ[x]`:                    "",
	} {
		variable, standard, _ := Parse([]byte("x = " + expression)).Assignments[0].Value.Environment()
		got := variable
		if standard.Line > 0 {
			got += " " + standard.Text
		}
		if got != want {
			t.Errorf("%s: %q, want %q", expression, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(everything))
	samples, err := filepath.Glob("../../../testdata/repositories/*/repository/*.py")
	if err != nil {
		f.Fatal(err)
	}
	for _, sample := range samples {
		data, err := os.ReadFile(sample)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		lines := strings.Count(strings.ReplaceAll(string(data), "\r\n", "\n"), "\n") + strings.Count(string(data), "\r") + 1
		source := Parse(data)
		for _, c := range source.Calls {
			if c.Place.Line < 1 || c.Place.Line > lines {
				t.Errorf("call %q in line %d of %d", c.Text, c.Place.Line, lines)
			}
		}
		for _, a := range source.Assignments {
			a.Value.Literal()
		}
	})
}

// A file of data must not take the memory of a machine.
func TestParseKeepsNoMoreThanItMust(t *testing.T) {
	t.Parallel()
	source := Parse([]byte(strings.Repeat("x = f('a', y[1])\n", 2*maxItems) + "z = [" + strings.Repeat("1,", 2*maxItems) + "]"))
	if len(source.Assignments) != maxItems || len(source.Calls) != maxItems || len(source.Strings) != maxItems || len(source.Subscripts) != maxItems {
		t.Errorf("%d assignments, %d calls, %d strings", len(source.Assignments), len(source.Calls), len(source.Strings))
	}
	if list := Parse([]byte("z = [" + strings.Repeat("1,", 2*maxItems) + "]")).Assignments[0].Value; len(list.Items) != maxItems {
		t.Errorf("%d elements", len(list.Items))
	}
}
