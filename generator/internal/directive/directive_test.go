package directive

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// written shows a tree: name arguments @line { … }.
func written(directives []Directive) string {
	var parts []string
	for _, d := range directives {
		part := fmt.Sprintf("%s %q @%d", d.Name, d.Args, d.Line)
		if d.Block != nil {
			part += " { " + written(d.Block) + " }"
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, "; ")
}

func TestNginx(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                      "",
		"worker_processes 2;":   `worker_processes ["2"] @1`,
		"a 'b \\' c' \"d;{\" ;": `a ["b ' c" "d;{"] @1`,
		"http {\n  # listen 80;\n  server {\n    listen 443 ssl;\n  }\n}\nx;": `http [] @1 { server [] @3 { listen ["443" "ssl"] @4 } }; x [] @7`,
		"a ${b}c;\nd":                            `a ["${b}c"] @1; d [] @2`,
		"x_by_lua_block {\n if a { b } \n} y 1;": `x_by_lua_block [] @1; y ["1"] @3`,
		"a { b { c;":                             `a [] @1 { b [] @1 { c [] @1 } }`,
		"} a; }":                                 `a [] @1`,
		"{ a; }":                                 ` [] @1 { a [] @1 }`,
		"map $a $b { default 1; \"~^\\d{2}$\" 2; } ": `map ["$a" "$b"] @1 { default ["1"] @1; ~^\d{2}$ ["2"] @1 }`,
		"log '{\"a\":\n1}';\nb;":                     `log ["{\"a\":\n1}"] @1; b [] @3`,
	} {
		if diff := cmp.Diff(want, written(Nginx("nginx.conf", text))); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
}

func TestApache(t *testing.T) {
	t.Parallel()
	text := `# comment
ServerName "shop example"
<VirtualHost *:443>
    Header always set X "a \"b\"" \
        env=C
    <Location "/api/">
        Require all granted
    </Location>
</VirtualHost>
</IfModule>
<Directory />
Options None
`
	want := `ServerName ["shop example"] @2; VirtualHost ["*:443"] @3 { Header ["always" "set" "X" "a \"b\"" "env=C"] @4; ` +
		`Location ["/api/"] @6 { Require ["all" "granted"] @7 } }; Directory ["/"] @11 { Options ["None"] @12 }`
	if diff := cmp.Diff(want, written(Apache("httpd.conf", text))); diff != "" {
		t.Error(diff)
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	tree := Nginx("a", "http { server { LISTEN 80; } server { listen 443 SSL; } }")
	found := Find(tree, "listen")
	if len(found) != 2 || !found[1].Is("Listen", "443", "ssl") || found[0].Is("listen", "80", "ssl") || found[1].Text() != "443 SSL" {
		t.Errorf("%+v", found)
	}
	depth := 0
	Walk(tree, func(_ Directive, in []Directive) { depth = max(depth, len(in)) })
	if depth != 2 {
		t.Errorf("depth %d", depth)
	}
}

func FuzzNginx(f *testing.F) {
	f.Add("http { server { listen 80; location ~ \\.php$ { a 'b'; } } }")
	f.Add(strings.Repeat("a{", 200) + strings.Repeat("}", 300))
	f.Fuzz(func(t *testing.T, text string) {
		lines := strings.Count(text, "\n") + 1
		Walk(Nginx("a", text), func(d Directive, in []Directive) {
			if d.Line < 1 || d.Line > lines || len(in) > deepest {
				t.Errorf("%+v at depth %d", d, len(in))
			}
		})
	})
}

func FuzzApache(f *testing.F) {
	f.Add("<A \"b\\\">\nc \\\n d\n</A>\n</B>")
	f.Add(strings.Repeat("<a>\n", 200))
	f.Fuzz(func(t *testing.T, text string) {
		lines := strings.Count(text, "\n") + 1
		Walk(Apache("a", text), func(d Directive, in []Directive) {
			if d.Line < 1 || d.Line > lines || len(in) > deepest {
				t.Errorf("%+v at depth %d", d, len(in))
			}
		})
	})
}
