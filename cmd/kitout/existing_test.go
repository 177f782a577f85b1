package main

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/kitout/kitout/generator"
)

// existing is an application that was there before, by framework: what `kitout add` is told of it.
var existing = map[string]map[string][]string{
	"django": {
		"entry": {"shop.wsgi:application"}, "settings-module": {"shop.settings"}, "migrate": {"python manage.py migrate --noinput"},
		"test": {"python manage.py test"},
	},
	"flask":   {"entry": {"shop:create_app()"}, "migrate": {"flask --app shop:create_app() db upgrade"}, "static": {"shop/static"}},
	"fastapi": {"entry": {"shop.main:app"}, "source": {"src"}},
}

var (
	// ofTheExample is what the repositories of kitout new have, and an application that was there before has not.
	ofTheExample = regexp.MustCompile(`(?i).*(rehears|/notes\b|\bnotes[/_]|\bdialect\.py|whitenoise|make (develop|deploy-check)|\bmypy\b|style, types).*`)
	inCode       = regexp.MustCompile("`([^`\n]+)`")
	target       = regexp.MustCompile(`\bmake((?: [a-z][a-z-]*)+)`)
	// fileName is a path of the repository, or the name of a file.
	fileName = regexp.MustCompile(`^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)+/?$|^[a-z_.-]+\.(py|ya?ml|conf|ini|md|toml|txt|sh|lock)$|^(Pipfile|Dockerfile|Makefile)(\.lock)?$|^[a-z]+/$`)
	// called is what a Makefile, a pipeline, an image and a script name of the repository.
	called = regexp.MustCompile(`(?:^|[\s"'=])((?:scripts|deploy|docs)/[A-Za-z0-9_./-]*[A-Za-z0-9_])`)
	// made are paths that come to be when something runs, or that are another machine's.
	made = regexp.MustCompile(`^(build|secrets|backups|media|data|certificates|collected|static)(/|$)|^/|^\.env$|^deploy/(requirements(-dev)?\.txt|development\.env|cosign\.pub)$|` +
		`^(requirements\.txt|pyproject\.toml|poetry\.lock|uv\.lock|Pipfile(\.lock)?|manage\.py)$|^network\.yaml$`)
)

// TestAddedFilesAreWhole renders what stands around an application, for many combinations, and wants that what it names is there, and that nothing
// of the example is.
func TestAddedFilesAreWhole(t *testing.T) {
	t.Parallel()
	catalog, err := loadCatalog()
	must(t, err)
	options := testOptions(t)
	var parameters []parameter
	for _, p := range parametersOf(t, catalog) {
		if slices.Contains([]string{"framework", "database", "deps", "server", "proxy", "ci", "backup"}, p.Key) {
			parameters = append(parameters, p)
		}
	}
	rows, plans, _ := coveringPlans(t, catalog, options, parameters, func(given generator.Given) generator.Given {
		return generator.Given{Origin: "%s", Values: existing[given.Values["framework"][0]]}
	})
	if len(rows) < 20 {
		t.Fatalf("only %d combinations", len(rows))
	}
	look := newInspector()
	for _, row := range rows {
		name := describe(parameters, row)
		changes, err := plans[name].Build(nil)
		must(t, err)
		whole(look, name, changes)
	}
	t.Logf("%d combinations", len(rows))
	look.report(t)
}

// whole notes what a set of files names and has not, and what of the example it has.
func whole(look *inspector, combination string, changes []generator.Change) {
	paths, names, targets := map[string]bool{}, map[string]bool{}, map[string]bool{}
	var makefile string
	for _, change := range changes {
		for dir := change.Path; dir != "."; dir = path.Dir(dir) {
			paths[dir] = true
		}
		names[path.Base(change.Path)] = true
		if change.Path == "Makefile" {
			makefile = string(change.Content)
		}
	}
	for _, match := range regexp.MustCompile(`(?m)^([a-z-]+):`).FindAllStringSubmatch(makefile, -1) {
		targets[match[1]] = true
	}
	missing := func(name string) bool {
		name = strings.TrimSuffix(name, "/")
		return !made.MatchString(name) && !paths[name] && !names[name]
	}
	for _, change := range changes {
		if change.Policy == generator.Locked || path.Dir(change.Path) == generator.RecordFolder {
			continue
		}
		text := string(change.Content)
		for _, line := range ofTheExample.FindAllString(text, -1) {
			look.problem(combination, change.Path, "of the example: "+strings.TrimSpace(line))
		}
		for _, match := range called.FindAllStringSubmatch(text, -1) {
			if missing(match[1]) {
				look.problem(combination, change.Path, "names "+match[1])
			}
		}
		calls := func(names string) {
			for name := range strings.FieldsSeq(names) {
				if !targets[name] {
					look.problem(combination, change.Path, "calls make "+name)
				}
			}
		}
		isText := path.Ext(change.Path) == ".md"
		for _, match := range inCode.FindAllStringSubmatch(text, -1) {
			if !isText {
				continue
			}
			for _, call := range target.FindAllStringSubmatch(match[1], -1) {
				calls(call[1])
			}
			for word := range strings.FieldsSeq(match[1]) {
				if fileName.MatchString(word) && missing(word) {
					look.problem(combination, change.Path, fmt.Sprintf("names `%s`", match[1]))
				}
			}
		}
		for _, call := range target.FindAllStringSubmatch(text, -1) {
			if strings.HasPrefix(change.Path, ".github/") {
				calls(call[1])
			}
		}
	}
}
