package check

import (
	"cmp"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/kitout/kitout/generator/detect"
	"github.com/kitout/kitout/generator/tree"
	"golang.org/x/tools/txtar"
)

const fixtures = "../../testdata/check"

// today is when the fixtures are judged.
var today = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// TestRules holds every rule against testdata/check/RULE.txtar: two repositories, good/… and bad/…, and before them the facts about both, a
// line `key=value`, and the places in the bad one, a line `! path:line`, or `!` alone for what has no place.
func TestRules(t *testing.T) {
	t.Parallel()
	unseen, err := filepath.Glob(filepath.Join(fixtures, "*.txtar"))
	must(t, err)
	for _, rule := range Rules() {
		file := filepath.Join(fixtures, rule.ID+".txtar")
		unseen = slices.DeleteFunc(unseen, func(name string) bool { return name == file })
		t.Run(rule.ID, func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatalf("the rule has no fixture: %v", err)
			}
			facts, want := parseComment(string(archive.Comment))
			good, bad := fixture(t, archive, "good", facts), fixture(t, archive, "bad", facts)
			if rule.when != nil && (!rule.when(good) || !rule.when(bad)) {
				t.Fatalf("applies to good: %v, to bad: %v", rule.when(good), rule.when(bad))
			}
			if got := places(rule.findings(good)); len(got) > 0 {
				t.Errorf("the good one: %v", got)
			}
			if got := places(rule.findings(bad)); !slices.Equal(got, want) || len(want) == 0 {
				t.Errorf("the bad one: %q, want %q", got, want)
			}
		})
	}
	if len(unseen) > 0 {
		t.Errorf("no rule has these fixtures: %s", unseen)
	}
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func parseComment(comment string) (facts map[string]detect.Fact, want []string) {
	facts = map[string]detect.Fact{}
	for line := range strings.Lines(comment) {
		line = strings.TrimSpace(line)
		if place, found := strings.CutPrefix(line, "!"); found {
			want = append(want, strings.TrimSpace(place))
		} else if key, value, found := strings.Cut(line, "="); found {
			facts[key] = detect.Fact{Value: strings.Split(value, ","), Confidence: 1}
		}
	}
	return facts, want
}

// fixture is the repository in one folder of an archive. A fact whose name begins with the folder's, `bad.server=…`, is about that one alone.
func fixture(t *testing.T, archive *txtar.Archive, folder string, facts map[string]detect.Fact) *repository {
	t.Helper()
	files := fstest.MapFS{}
	for _, file := range archive.Files {
		if name, inside := strings.CutPrefix(file.Name, folder+"/"); inside {
			files[name] = &fstest.MapFile{Data: file.Data, Mode: 0o644}
		}
	}
	known := map[string]detect.Fact{}
	for key, fact := range facts {
		if name, own := strings.CutPrefix(key, folder+"."); own {
			known[name] = fact
		} else if !strings.Contains(key, ".") {
			known[key] = fact
		}
	}
	return newRepository(readTree(t, files), &detect.Findings{Facts: known}, today)
}

func readTree(tb testing.TB, fsys fs.FS) *tree.Tree {
	tb.Helper()
	files, err := tree.Read(fsys)
	must(tb, err)
	return files
}

func places(findings []Finding) (places []string) {
	for _, finding := range findings {
		places = append(places, finding.Place())
	}
	return places
}

// TestRulesAreWhole wants what the documentation, SARIF and the table of a check print of every rule.
func TestRulesAreWhole(t *testing.T) {
	t.Parallel()
	rules := Rules()
	ids := map[string]bool{}
	sections := map[int]int{}
	for _, rule := range rules {
		if ids[rule.ID] {
			t.Errorf("%s is there twice", rule.ID)
		}
		ids[rule.ID] = true
		sections[rule.Section]++
		if rule.Title == "" || !strings.HasSuffix(rule.Why, ".") || rule.Fix == "" || strings.HasSuffix(rule.Fix, ".") || rule.Severity.String() == "" || rule.find == nil && rule.looks == nil {
			t.Errorf("%s is not whole: %+v", rule.ID, rule)
		}
	}
	if len(rules) < 60 || len(sections) != len(Titles()) {
		t.Errorf("%d rules in %d sections", len(rules), len(sections))
	}
}

func TestScore(t *testing.T) {
	t.Parallel()
	rules := []*Rule{{ID: "a", Severity: Error}, {ID: "b", Severity: Warning}, {ID: "c", Severity: Note}}
	section := func(broken ...Finding) Section {
		s := Section{Rules: rules, Findings: broken}
		s.judge()
		return s
	}
	for _, test := range []struct {
		broken []Finding
		want   float64
	}{
		{nil, 100},
		{[]Finding{{Rule: rules[0]}}, 100.0 / 3},
		{[]Finding{{Rule: rules[0]}, {Rule: rules[0]}}, 100.0 / 3},
		{[]Finding{{Rule: rules[0], Ignored: "built by hand"}}, 100},
		{[]Finding{{Rule: rules[2]}}, 1400.0 / 15},
		{[]Finding{{Rule: rules[0]}, {Rule: rules[1]}, {Rule: rules[2]}}, 0},
	} {
		if got := section(test.broken...).Score; fmt.Sprintf("%.6f", got) != fmt.Sprintf("%.6f", test.want) {
			t.Errorf("%d findings: %f, want %f", len(test.broken), got, test.want)
		}
	}
	report := &Report{Sections: []Section{section(), {}, section(Finding{Rule: rules[2]})}}
	if got := report.Score(); got != 96 {
		t.Errorf("the total is %d, want the mean of 100 and 93.3, rounded down", got)
	}
	if got := (&Report{Sections: []Section{{}}}).Score(); got != 0 {
		t.Errorf("of nothing: %d", got)
	}
}

func TestIgnores(t *testing.T) {
	t.Parallel()
	ignores, err := ParseIgnores([]byte(`ignore:
  - {rule: image-non-root, path: "tools/**", reason: it builds disks}
  - {rule: image-base-tag, reason: always the newest, until: 2026-10-31}
`))
	must(t, err)
	files := fstest.MapFS{
		"tools/Dockerfile": {Data: []byte("FROM debian\nCMD [\"x\"]\n")},
		"Dockerfile":       {Data: []byte("FROM debian\nCMD [\"x\"]\n")},
	}
	report := Run(readTree(t, files), &detect.Findings{}, Options{Ignores: ignores, Now: today})
	got := map[string]string{}
	for _, finding := range report.Sections[2].Findings {
		got[finding.Rule.ID+" "+finding.Place()] = cmp.Or(finding.Ignored, "counts")
	}
	for place, want := range map[string]string{
		"image-non-root tools/Dockerfile:1": "it builds disks", "image-non-root Dockerfile:1": "counts", "image-base-tag Dockerfile:1": "counts",
	} {
		if got[place] != want {
			t.Errorf("%s: %q, want %q", place, got[place], want)
		}
	}
	if len(report.Expired) != 1 || report.Expired[0].Rule != "image-base-tag" {
		t.Errorf("expired: %v", report.Expired)
	}
}

func TestIgnoresRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"ignore: [{rule: image-nonroot, reason: x}]":            `kitout.yaml:1: unknown rule "image-nonroot"`,
		"ignore:\n- {rule: image}":                              "kitout.yaml:2: the reason is missing",
		"ignore: [{rule: image, reason: x, until: tomorrow}]":   `kitout.yaml:1: until: "tomorrow" is no day`,
		"ignore: [{rule: image, reason: x, until: 2027-02-30}]": `kitout.yaml:1: until: "2027-02-30" is no day`,
		"ignore: [{rule: image, reason: x, path: \"[\"}]":       `kitout.yaml:1: path: "[" is no pattern`,
		"ignore: [{reason: x}]":                                 `kitout.yaml: ignore 1: unknown rule ""`,
		"ignores: []":                                           "kitout.yaml: line 1: field ignores not found",
		"ignore: [{rule: image, reason: x, files: y}]":          "kitout.yaml: line 1: field files not found",
		"ignore: {rule: image}":                                 "kitout.yaml: line 1: not of the form key: value",
		"- a\n- b: [":                                           "kitout.yaml: line 2: did not find expected node content",
	} {
		if _, err := ParseIgnores([]byte(text)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	if ignores, err := ParseIgnores(nil); err != nil || len(ignores) > 0 {
		t.Errorf("an empty file: %v, %v", ignores, err)
	}
}

// Nothing stops a check: not an empty folder, nor files that are nothing but noise.
func TestAnything(t *testing.T) {
	t.Parallel()
	noise := "\x00\xff{[(<\"'`$(\n\\\n\t- &a *a: <<: {{\n[[[\n"
	files := fstest.MapFS{}
	for _, name := range []string{
		"Dockerfile", "compose.yaml", "Makefile", "nginx.conf", "httpd.conf", "uwsgi.ini", "app.py", "gunicorn.conf.py", "Procfile", "backup.sh", "pyproject.toml",
		"requirements.txt", ".github/workflows/a.yml", ".gitlab-ci.yml", "Jenkinsfile", ".gitignore", ".dockerignore", "k8s/a.yaml", ".env", "README.md", "x.service",
	} {
		files[name] = &fstest.MapFile{Data: []byte(noise[2:] + noise[2:])}
		files["binary/"+name] = &fstest.MapFile{Data: []byte(noise)}
		files["empty/"+name] = &fstest.MapFile{}
	}
	// Documents that refer to themselves, over and over
	bomb := fstest.MapFS{}
	for _, name := range []string{"compose.yaml", ".github/workflows/a.yml", ".gitlab-ci.yml", "k8s/a.yaml"} {
		bomb[name] = &fstest.MapFile{Data: []byte("a: &a {<<: [*a, *a, *a, *a, *a, *a, *a, *a], a: *a}\napiVersion: v1\nkind: Pod\nspec: *a\nservices: *a\njobs: *a\non: *a\n")}
	}
	for name, fsys := range map[string]fstest.MapFS{"noise": files, "empty": {}, "bomb": bomb} {
		report := Run(readTree(t, fsys), &detect.Findings{}, Options{Now: today})
		if score := report.Score(); score < 0 || score > 100 || len(report.Sections) != 9 {
			t.Errorf("%s: %d", name, score)
		}
	}
}
