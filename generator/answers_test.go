package generator

import (
	"errors"
	"strings"
	"testing"
)

func TestResolvePrecedence(t *testing.T) {
	catalog := shop().catalog(t)
	answers, err := catalog.Resolve("My Shop!", nil,
		given("preset p: %s", "colour=blue", "shape=none", "domain=a.example.com", "extras=horn,bell,horn"),
		given("file: %s", "colour=red", "domain=b.example.com"),
		given("--%s", "domain="))
	if err != nil {
		t.Fatal(err)
	}
	wantSame(t, answers, &Answers{
		Name: "my-shop", Package: "my_shop", Image: "my-shop", Python: "3.14",
		Choices: map[string][]string{"colour": {"red"}, "shape": {"none"}, "extras": {"bell", "horn"}},
	})
}

func TestResolveDerives(t *testing.T) {
	for directory, name := range map[string]string{
		"shop": "shop", "My_Shop": "my-shop", "--a--b--": "a-b", "a.b c": "a-b-c", strings.Repeat("a", 40): strings.Repeat("a", 40),
	} {
		answers, err := shop().catalog(t).Resolve(directory, nil)
		if err != nil || answers.Name != name || answers.Package != strings.ReplaceAll(name, "-", "_") || answers.Image != name {
			t.Errorf("%s: %+v, %v", directory, answers, err)
		}
	}
	for _, directory := range []string{"", "1", "/", "...", "2shop", "é", strings.Repeat("a", 41)} {
		_, err := shop().catalog(t).Resolve(directory, nil)
		if usage, is := errors.AsType[*UsageError](err); !is || usage.Flag != "--name" || !strings.Contains(usage.Hint, "give one with --name") {
			t.Errorf("%q: %v", directory, err)
		}
	}
}

func TestValidAnswers(t *testing.T) {
	for _, pair := range []string{
		"name=shop", "name=a-b-c1", "package=shop", "package=my_shop2", "package=matching", "domain=example.com",
		"domain=a-b.example.co.uk", "domain=xn--bcher-kva.example", "domain=", "email=", "email=a.b+c@example.com", "image=shop",
		"image=registry.example.com/team/shop", "image=localhost:5000/a/b_c", "image=ghcr.io/o/r-x", "python=3.13",
	} {
		if _, err := shop().catalog(t).Resolve("dir", nil, given("--%s", pair)); err != nil {
			t.Errorf("%s: %v", pair, err)
		}
	}
}

func TestBadAnswers(t *testing.T) {
	taken := func(module string) bool { return module == "flask" || module == "flask_cors" }
	long := strings.Repeat("a", 41)
	host := strings.Repeat("a", 63) + "."
	for key, values := range map[string][]string{
		"name":    {"Shop", "1shop", "my_shop", "-a", "a-", "a--b", "a b", "../x", "a/b", "a\n", "a;b", "é", long},
		"package": {"class", "match", "type", "async", "json", "email", "secrets", "flask", "flask_cors", "My", "1a", "_a", "a-b", "a.b", "../x", "a\n", "a b", long},
		"domain": {
			"example", "example.com\n", "a\nb.com", "example.com;", "a.com;rm", "Example.com", "https://example.com", "example.com:80",
			"example.com/x", "-a.com", "a-.com", "a..com", ".com", "a.b c", "*.example.com", "a_b.com", "$(id).com", "10.0.0.1",
			strings.Repeat("a", 64) + ".com", host + host + host + host + "com",
		},
		"email":  {"a", "a@b", "a@b.c", "a b@c.de", "a@b.com\n", "a@b.com;", "@b.com", "<a@b.com>", "a@-b.com'"},
		"image":  {"Shop", "shop:1", "shop@sha256:0", "a//b", "/a", "a/", "../x", "..", "-x/y", "a b", "a\n", "a;b", "reg:99999999/x", "http://a/b"},
		"python": {"3", "3.11", "3.14.1", "2.7", "latest"},
	} {
		for _, value := range values {
			_, err := shop().catalog(t).Resolve("dir", taken, given("--%s", key+"="+value))
			if usage, is := errors.AsType[*UsageError](err); !is || usage.Flag != "--"+key || usage.Hint == "" {
				t.Errorf("%s=%q: %v", key, value, err)
			}
		}
	}
}

func TestUsageMessages(t *testing.T) {
	resolve := func(origin string, pairs ...string) error {
		_, err := shop().catalog(t).Resolve("dir", nil, given(origin, pairs...))
		return err
	}
	wantUsage(t, resolve("--%s", "colour=bleu"), "--colour", `unknown choice "bleu"`, `did you mean "blue"? valid: red, blue`)
	wantUsage(t, resolve("a.yaml: %s", "colour=zebra"), "a.yaml: colour", `unknown choice "zebra"`, "valid: red, blue")
	wantUsage(t, resolve("--set %s", "color=red"), "--set color", "there is no such question", `did you mean "colour"? valid: name, `)
	wantUsage(t, resolve("--%s", "colour=red,blue"), "--colour", "takes one choice", "valid: red, blue")
	wantUsage(t, resolve("--%s", "colour="), "--colour", `unknown choice ""`, "valid: red, blue")
	wantUsage(t, resolve("--%s", "name=2shop"), "--name", `"2shop" is not a project name`, "lower-case letters")
	_, err := shop().catalog(t).Resolve("dir", nil, Given{Origin: "a.yaml: %s", Values: map[string][]string{"extras": nil}})
	wantUsage(t, err, "a.yaml: extras", "takes at least one choice", "valid: bell, horn")
	wantUsage(t, resolve("--%s", "extras=bell,hron"), "--extras", `unknown choice "hron"`, `did you mean "horn"?`)
	wantUsage(t, resolve("--%s", "python=3.15"), "--python", `unknown version "3.15"`, "valid: 3.14, 3.13")
	wantUsage(t, resolve("a.yaml: %s", "package=for"), "a.yaml: package", `"for" is a keyword or a standard module of Python`, "--package")

	// a name that only follows from the folder's gives way
	answers, err := shop().catalog(t).Resolve("email", nil)
	must(t, err)
	if answers.Name != "email" || answers.Package != "email_service" {
		t.Errorf("in a folder called email: the project %s, the package %s", answers.Name, answers.Package)
	}

	// of several mistakes it is always the same one that is reported
	for range 20 {
		wantUsage(t, resolve("--%s", "shape=x", "extras=y", "colour=z"), "--colour", `unknown choice "z"`, "")
	}
}

func TestNearest(t *testing.T) {
	words := []string{"django", "fastapi", "flask", "postgres", "name", "framework"}
	for word, want := range map[string]string{
		"djano": "django", "jdango": "django", "fask": "flask", "postgresql": "postgres", "post": "postgres", "fastpai": "fastapi", "frame": "framework",
		"": "", "x": "", "rails": "",
	} {
		if got := Nearest(word, words); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", word, got, want)
		}
	}
}

func TestParseGiven(t *testing.T) {
	got, err := ParseGiven("100%.yaml", []byte("colour: blue\nextras: [bell, horn]\npython: 3.10\nshape: a,b\ndomain: ''\nname: no\n"))
	if err != nil {
		t.Fatal(err)
	}
	wantSame(t, got.Values, map[string][]string{
		"colour": {"blue"}, "extras": {"bell", "horn"}, "python": {"3.10"}, "shape": {"a", "b"}, "domain": {""}, "name": {"no"},
	})
	_, err = shop().catalog(t).Resolve("dir", nil, got)
	wantUsage(t, err, "100%.yaml: shape", `unknown choice "a"`, "valid: square, none")
	for text, want := range map[string]string{
		"- a\n":            "line 1: not of the form key: value",
		"a: [\n":           "line 1: did not find",
		"a: b\ncolour:\n":  "line 2: colour: neither a word nor a list of words",
		"colour: {a: b}":   "line 1: colour: neither",
		"colour: [[a]]":    "line 1: colour: neither",
		"a: b\na: c\n":     `line 2: mapping key "a" already defined at line 1`,
		"a plain sentence": "line 1: not of the form key: value",
		"\x00":             "control characters are not allowed",
	} {
		_, err := ParseGiven("a.yaml", []byte(text))
		wantError(t, err, want)
		if strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "yaml: ") || strings.Contains(err.Error(), "interface") {
			t.Errorf("%q: %q", text, err)
		}
	}
}

func TestCommandGivesTheSameAnswers(t *testing.T) {
	catalog := shop().catalog(t)
	answers, err := catalog.Resolve("dir", nil, given("--%s", "colour=blue", "extras=horn,bell", "domain=a.example.com"))
	if err != nil {
		t.Fatal(err)
	}
	wantSame(t, strings.Join(catalog.Command(answers, "dir"), " "),
		"new dir --name dir --package dir --domain a.example.com --image dir --python 3.14"+
			" --colour blue --shape square --extras bell,horn --yes")
	wantSame(t, catalog.Command(answers, "-dir")[1], "./-dir") // not a flag
}

// A command reaches the shell as it was given: the parentheses of a factory are no subshell.
func TestShellWords(t *testing.T) {
	t.Parallel()
	for command, want := range map[string]string{
		"":                                   "",
		"alembic -c db/alembic.ini upgrade":  "alembic -c db/alembic.ini upgrade",
		"flask --app shop:make() db upgrade": "flask --app 'shop:make()' db upgrade",
	} {
		if got := shellWords(command); got != want {
			t.Errorf("%q: got %q, want %q", command, got, want)
		}
	}
}
