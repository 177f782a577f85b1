package detect_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/kitout/kitout/generator"
	"github.com/kitout/kitout/generator/detect"
	"github.com/kitout/kitout/templates"
)

func sample(t *testing.T, name string) *detect.Findings {
	t.Helper()
	findings, _ := look(t, samples+"/"+name+"/repository")
	return findings
}

// The JSON form is what programs read: a value is a string, or a list where there may be several.
func TestFactJSON(t *testing.T) {
	t.Parallel()
	findings := sample(t, "kubernetes-flask-mysql")
	for key, want := range map[string]string{
		"database": `{"value":"mysql","evidence":["requirements.txt:2","votes/main.py:2",".gitlab-ci.yml:5"],"confidence":0.88}`,
		"scan":     `{"value":["bandit","trivy"],"evidence":[".gitlab-ci.yml:11",".gitlab-ci.yml:10"],"confidence":0.6}`,
		"helm":     `{"value":["chart/Chart.yaml"],"evidence":["chart/Chart.yaml:1"],"confidence":0.99}`,
	} {
		got, err := json.Marshal(findings.Facts[key])
		must(t, err)
		if diff := cmp.Diff(want, string(got)); diff != "" {
			t.Errorf("%s: -want +got\n%s", key, diff)
		}
	}
	text, err := sample(t, "flask-factory-postgres").Facts["database"].MarshalJSON()
	must(t, err)
	if strings.Contains(string(text), "inventory:inventory") {
		t.Errorf("a password is shown: %s", text)
	}
}

// What is detected answers questions, unless it is not offered or tied.
func TestGiven(t *testing.T) {
	t.Parallel()
	catalog, err := generator.LoadCatalog(templates.FS)
	must(t, err)
	for name, want := range map[string]map[string][]string{
		"pdm-fastapi": {"framework": {"fastapi"}, "tests": {"pytest"}},
		"tied-ci":     {"framework": {"flask"}, "tests": {"pytest"}},
		"empty":       {},
	} {
		got := sample(t, name).Given(catalog)
		for key, values := range got.Values {
			if question := catalog.Question(key); question == nil || len(values) == 0 {
				t.Errorf("%s: %s=%q", name, key, values)
			}
		}
		for key := range map[string]bool{"framework": true, "tests": true, "database": true, "deps": true, "entry": true} {
			if diff := cmp.Diff(want[key], got.Values[key]); diff != "" {
				t.Errorf("%s: %s: %s", name, key, diff)
			}
		}
	}
}

// A tie is a mistake of usage that names the flag, until something decides.
func TestTie(t *testing.T) {
	t.Parallel()
	findings := sample(t, "tied-ci")
	usage, is := errors.AsType[*generator.UsageError](findings.Tie(nil))
	if !is || usage.Flag != "--ci" || usage.Hint != "say which with --ci github or --ci gitlab" {
		t.Errorf("%+v", usage)
	}
	if err := findings.Tie(func(key string) bool { return key == "ci" }); err != nil {
		t.Error(err)
	}
	several := sample(t, "several-services")
	if usage, is := errors.AsType[*generator.UsageError](several.Tie(nil)); !is || !strings.Contains(usage.Hint, "services/catalog or services/orders") {
		t.Errorf("%+v", usage)
	}
}

// A folder that somebody asks for counts, whatever it is called.
func TestFolderOfExamples(t *testing.T) {
	t.Parallel()
	catalog, err := generator.LoadCatalog(templates.FS)
	must(t, err)
	_, read := look(t, samples+"/library/repository")
	findings, err := detect.Detect(read, "examples/shop", catalog)
	must(t, err)
	if got := findings.Value(detect.Entry); got != "app:app" {
		t.Errorf("entry %q", got)
	}
}

// The folder of one of several services is looked at without the others.
func TestFolder(t *testing.T) {
	t.Parallel()
	catalog, err := generator.LoadCatalog(templates.FS)
	must(t, err)
	_, read := look(t, samples+"/several-services/repository")
	for folder, want := range map[string][2]string{"services/catalog": {"app:app", "mongodb"}, "services/orders/": {"main:app", "postgres"}} {
		findings, err := detect.Detect(read, folder, catalog)
		must(t, err)
		if got := [2]string{findings.Value(detect.Entry), findings.Value("database")}; got != want {
			t.Errorf("%s: %q, want %q", folder, got, want)
		}
		if err := findings.Tie(nil); err != nil || len(findings.Projects) != 1 {
			t.Errorf("%s: %v, %v", folder, err, findings.Projects)
		}
	}
}
