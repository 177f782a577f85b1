package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// here are the places, from this folder.
var here = func() (here []place) {
	for _, place := range places {
		place.folder = "../../../" + place.folder
		here = append(here, place)
	}
	return here
}()

var commit = strings.Repeat("0123456789", 4)

// TestBump wants the lines that pin what the list names to change, and no other one.
func TestBump(t *testing.T) {
	folder := t.TempDir()
	there := []place{{folder, (*bumper).pins}}
	files := map[string]string{
		"ci.yml":       "      - uses: actions/checkout@" + strings.Repeat("a", 40) + "  # v6.0.0\n      - uses: github/codeql-action/upload-sarif@" + strings.Repeat("b", 40) + "  # v4.1.0\n",
		"hooks.yaml":   "  - repo: https://github.com/pre-commit/pre-commit-hooks\n    rev: " + strings.Repeat("c", 40) + "  # frozen: v5.0.0\n    hooks: []\n",
		"gitlab.yml":   "  image: docker:29\n  services: [\"docker:29-dind\"]\n",
		"compose.yaml": "    image: prom/prometheus:v3.1.0\n    image: registry.example.com/prom/prometheus:v3.1.0\n    image: <% .name %>:unreleased\n",
		"Dockerfile":   "# syntax=docker/dockerfile:1\nFROM nginx:1.30 AS proxy\nFROM python:<% .python_image %>-slim\nFROM debian:trixie-slim AS tools\n# FROM nginx:1.30\nCOPY --from=litestream/litestream:0.5.17 /usr/local/bin/litestream /usr/bin/\n",
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	pins, err := parsePins("# looked up by hand\nactions/checkout\tv7.0.1\t" + commit + "\t2026-07-17\ngithub/codeql-action\tv4.2.0\t" + commit +
		"\npre-commit/pre-commit-hooks\tv6.0.0\t" + commit + "\nprom/prometheus\tv3.2.0\nnginx\t1.28\ndocker\t30\ndebian\tforky-slim\nlitestream/litestream\t0.6.0\ndocker/dockerfile\t2\nactions/unused\tv1\t" + commit + "\n")
	if err != nil {
		t.Fatal(err)
	}
	dry, left, err := bump(there, pins, false)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"debian trixie-slim: forky-slim is no later version of it", "registry.example.com/prom/prometheus v3.1.0: not looked up"}, left); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(files, read(t, folder)); diff != "" {
		t.Errorf("a dry run writes:\n%s", diff)
	}
	changes, _, err := bump(there, pins, true)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(dry, changes, cmp.AllowUnexported(change{})); diff != "" {
		t.Error(diff)
	}
	want := map[string]string{
		"ci.yml":       "      - uses: actions/checkout@" + commit + "  # v7.0.1\n      - uses: github/codeql-action/upload-sarif@" + commit + "  # v4.2.0\n",
		"hooks.yaml":   "  - repo: https://github.com/pre-commit/pre-commit-hooks\n    rev: " + commit + "  # frozen: v6.0.0\n    hooks: []\n",
		"gitlab.yml":   "  image: docker:30\n  services: [\"docker:30-dind\"]\n",
		"compose.yaml": strings.Replace(files["compose.yaml"], "v3.1.0", "v3.2.0", 1),
		// Of nginx the list is older, and a suite is no version
		"Dockerfile": strings.NewReplacer("0.5.17", "0.6.0", "dockerfile:1", "dockerfile:2").Replace(files["Dockerfile"]),
	}
	if diff := cmp.Diff(want, read(t, folder)); diff != "" {
		t.Error(diff)
	}
	if again, _, err := bump(there, pins, true); err != nil || len(again) > 0 {
		t.Errorf("a second run changes %v, %v", again, err)
	}
}

// TestPinsAreSeen wants every commit that the templates pin to be one that a list can renew, and the images of other projects.
func TestPinsAreSeen(t *testing.T) {
	_, seen, err := bump(here, map[string]pin{}, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"actions/checkout ", "github/codeql-action ", "pre-commit/pre-commit-hooks ", "postgres ", "mysql ", "nginx ", "httpd ", "docker 29:", "docker 29-dind",
		"prom/prometheus ", "grafana/grafana ", "datadog/agent ", "aquasec/trivy ", "ghcr.io/sigstore/cosign/cosign ", "debian trixie-slim", "litestream/litestream ", "docker/dockerfile ",
	} {
		if !strings.Contains("\n"+strings.Join(seen, "\n"), "\n"+name) {
			t.Errorf("%s is not among %q", name, seen)
		}
	}
	err = filepath.WalkDir(here[0].folder, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(file)
		for line := range strings.Lines(string(data)) {
			if (strings.Contains(line, "uses: ") && strings.Contains(line, "@") || strings.Contains(line, "rev: ")) && !strings.Contains(line, "  # ") {
				t.Errorf("%s: no tag beside the commit: %s", file, line)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestImagesOfTestsFollow wants the tests, and what brings an engine up for them, to name the images that the templates pin, and to be
// renewed with them, but for what is no image of the list.
func TestImagesOfTestsFollow(t *testing.T) {
	list := map[string]pin{}
	_, pinned, err := bump(here[:1], list, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, left := range pinned {
		name, _, _ := strings.Cut(left, " ")
		list[name] = pin{tag: "999"}
	}
	changes, _, err := bump(here[1:], list, false)
	if err != nil {
		t.Fatal(err)
	}
	renewed := map[string]bool{}
	for _, change := range changes {
		renewed[strings.TrimPrefix(change.file, "../../../")+" "+change.name] = true
		if is := change.name + " " + change.from + ": not looked up"; !slices.Contains(pinned, is) {
			t.Errorf("%s runs on %s:%s, which no template pins", change.file, change.name, change.from)
		}
	}
	for _, name := range []string{"e2e/mysql_test.go mysql", "e2e/linters_test.go nginx", ".ci/run postgres", ".ci/run mysql", ".ci/run docker/dockerfile"} {
		if !renewed[name] {
			t.Errorf("%s is not among %v", name, renewed)
		}
	}

	b := bumper{list: map[string]pin{"mysql": {tag: "9.8"}}}
	text := b.words("up mysql:9.7 redis:8\nconst image = \"mysql:9.7\" // not local/mysql:9.7, mysql+x:9.7 or 127.0.0.1:80\n")
	if want := "up mysql:9.8 redis:8\nconst image = \"mysql:9.8\" // not local/mysql:9.7, mysql+x:9.7 or 127.0.0.1:80\n"; text != want || len(b.changes) != 2 || b.left != nil {
		t.Errorf("%s%v %q", text, b.changes, b.left)
	}
}

func TestListRefused(t *testing.T) {
	for text, problem := range map[string]string{
		"actions/checkout v7\n":              "line 1: not of the form",
		"a\tv1\n\na\tv2\n":                   "line 3: a stands there twice",
		"a\tv1\tv1\n":                        `line 1: "v1" is not a whole commit`,
		"\tv1\n":                             "line 1: not of the form",
		"a\t\"v1\"\n":                        "line 1: not of the form",
		"a\tv1\t" + commit + "0\t2026-01-01": "is not a whole commit",
	} {
		if _, err := parsePins(text); err == nil || !strings.Contains(err.Error(), problem) {
			t.Errorf("%q: %v, want %s", text, err, problem)
		}
	}
}

// TestReport wants the report to tell what changed, what was not looked up, and which step failed, after which none is taken.
func TestReport(t *testing.T) {
	r := report{
		packages: packageChanges("package a 1.0\npackage b 2.0\npackage c 1\n", "package a 1.1\npackage b 2.0\npackage d 3\n"),
		pins:     []change{{"templates/x.yaml", "nginx", "1.30", "1.32"}},
		left:     []string{"debian trixie-slim: not looked up"},
		findings: "findings none\n",
	}
	err := r.prove([]step{
		{"make golden", func() error { return nil }},
		{"make test", func() error { return errors.New("exit status 2") }},
		{"never", func() error { t.Error("a step after the one that failed"); return nil }},
	})
	if err == nil || !strings.Contains(err.Error(), "make test failed") {
		t.Error(err)
	}
	want := `# Refresh

## Steps

- make golden: done
- make test: failed: exit status 2

## Packages

| | from | to |
| --- | --- | --- |
| a | 1.0 | 1.1 |
| c | 1 |  |
| d |  | 3 |

## Actions, hooks and images

| | from | to | in |
| --- | --- | --- | --- |
| nginx | 1.30 | 1.32 | templates/x.yaml |

As they were:

- debian trixie-slim: not looked up

## Known vulnerabilities

` + "```\nfindings none\n```\n"
	if diff := cmp.Diff(want, r.text()); diff != "" {
		t.Error(diff)
	}
}

func read(t *testing.T, folder string) map[string]string {
	t.Helper()
	files := map[string]string{}
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		data, err := os.ReadFile(filepath.Join(folder, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[entry.Name()] = string(data)
	}
	return files
}

func TestNewer(t *testing.T) {
	for _, test := range []struct {
		tag, than, later string
		comparable       bool
	}{
		{"v7.0.1", "v6", "v7.0.1", true},
		{"1.28", "1.30", "", true},
		{"30", "29-dind", "30-dind", true},
		{"30-dind", "29-dind", "30-dind", true},
		{"19-alpine", "18", "", false},
		{"python-3.14", "python-3.13", "", false},
		{"forky-slim", "trixie-slim", "", false},
	} {
		if later, comparable := newer(test.tag, test.than); later != test.later || comparable != test.comparable {
			t.Errorf("newer(%q, %q) = %q, %t", test.tag, test.than, later, comparable)
		}
	}
}
