package check

import (
	"path"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/kitout/kitout/generator/internal/directive"
)

// config is one configuration of a proxy, with what it includes put in its place.
type config struct {
	Path       string
	Directives []directive.Directive
}

// find returns every directive of that name in a configuration.
func (c config) find(name string) []directive.Directive { return directive.Find(c.Directives, name) }

// place is where a directive stands.
func place(d directive.Directive, message string) Finding {
	return Finding{Path: d.Path, Line: d.Line, Message: message}
}

// proxyFiles are the files that may configure a proxy and hold one of the words.
func (r *repository) proxyFiles(marks ...string) (paths []string) {
	for _, name := range r.glob("*.conf", "*.conf.*", "*.{nginx,template,vhost}", "**/{nginx,apache,apache2,httpd}/**", "{nginx,httpd,apache}*") {
		switch path.Ext(name) {
		case ".py", ".md", ".yaml", ".yml", ".sh", ".toml", ".rst", ".json", ".html", ".pem":
			continue
		}
		text := r.text(name)
		if !forDevelopment(name) && slices.ContainsFunc(marks, func(mark string) bool { return strings.Contains(text, mark) }) {
			paths = append(paths, name)
		}
	}
	return paths
}

// readNginx reads the files that have a server of nginx, unless another one includes them.
func (r *repository) readNginx() (configs []config) {
	parsed := map[string][]directive.Directive{}
	for _, name := range r.proxyFiles("server", "proxy_pass", "add_header", "location") {
		parsed[name] = directive.Nginx(name, r.text(name))
	}
	included := map[string]bool{}
	var roots []string
	for name, directives := range parsed {
		if slices.ContainsFunc(directives, func(d directive.Directive) bool {
			return d.Is("http") && d.Block != nil || d.Is("server") && d.Block != nil && len(d.Args) == 0
		}) {
			roots = append(roots, name)
		}
		for _, include := range directive.Find(directives, "include") {
			for _, file := range includes(parsed, name, include) {
				included[file] = true
			}
		}
	}
	slices.Sort(roots)
	for _, name := range roots {
		if !included[name] {
			configs = append(configs, config{name, expand(parsed, name, parsed[name], 8)})
		}
	}
	return configs
}

// includes are the files of the repository that a directive may mean: images put them elsewhere, so the end of the path decides.
func includes(parsed map[string][]directive.Directive, from string, include directive.Directive) (names []string) {
	if len(include.Args) == 0 {
		return nil
	}
	pattern := strings.TrimSuffix(path.Base(include.Args[0]), ".template")
	for name := range parsed {
		base := strings.TrimSuffix(path.Base(name), ".template")
		if matched, err := doublestar.Match(pattern, base); err == nil && matched && name != from {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// expand puts the directives of included files in the place of the includes.
func expand(parsed map[string][]directive.Directive, from string, directives []directive.Directive, depth int) (expanded []directive.Directive) {
	for _, d := range directives {
		if d.Is("include") && depth > 0 {
			for _, name := range includes(parsed, from, d) {
				expanded = append(expanded, expand(parsed, name, parsed[name], depth-1)...)
			}
			continue
		}
		if d.Block != nil {
			d.Block = expand(parsed, from, d.Block, depth)
		}
		expanded = append(expanded, d)
	}
	return expanded
}

// readApache reads every file that passes requests on or has a virtual host, as one configuration: they are included by path.
func (r *repository) readApache() (configs []config) {
	var whole config
	for _, name := range r.proxyFiles("<VirtualHost", "ProxyPass", "LoadModule", "WSGIScriptAlias") {
		if whole.Path == "" {
			whole.Path = name
		}
		whole.Directives = append(whole.Directives, directive.Apache(name, r.text(name))...)
	}
	if whole.Path == "" {
		return nil
	}
	return []config{whole}
}

func hasNginx(r *repository) bool  { return len(r.nginx()) > 0 }
func hasApache(r *repository) bool { return len(r.apache()) > 0 }

// everyNginx returns the findings of each configuration.
func everyNginx(judge func(config) []Finding) func(*repository) []Finding {
	return func(r *repository) (findings []Finding) {
		for _, config := range r.nginx() {
			findings = append(findings, judge(config)...)
		}
		return findings
	}
}
