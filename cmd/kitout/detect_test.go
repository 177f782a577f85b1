package main

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/kitout/kitout/generator"
	"github.com/kitout/kitout/generator/detect"
	"github.com/kitout/kitout/generator/tree"
)

// TestDetectGenerated finds in repositories of our own the choices that they were made of: each choice of each question, beside
// every framework.
func TestDetectGenerated(t *testing.T) {
	catalog, err := loadCatalog()
	must(t, err)
	options := testOptions(t)
	made := map[string]bool{}
	for _, framework := range catalog.Question("framework").Choices {
		for _, question := range catalog.Questions {
			for _, choice := range question.Choices {
				plan, err := planWith(catalog, options, map[string][]string{"framework": {framework}, question.Name: {choice}})
				if _, refused := errors.AsType[*generator.UsageError](err); refused {
					continue
				}
				must(t, err)
				made[question.Name+"="+choice] = true
				wantDetected(t, catalog, plan)
			}
		}
	}
	for _, question := range catalog.Questions {
		for _, choice := range question.Choices {
			if !made[question.Name+"="+choice] {
				t.Errorf("%s=%s goes with nothing that was tried", question.Name, choice)
			}
		}
	}
}

// planWith gives what a choice requires, where the defaults do not.
func planWith(catalog *generator.Catalog, options generator.Options, values map[string][]string) (plan *generator.Plan, err error) {
	for _, more := range []map[string][]string{
		{}, {"proxy": {"none"}, "database": {"postgres"}}, {"proxy": {"none"}, "database": {"postgres"}, "deploy": {"kubernetes"}},
	} {
		for key, value := range values {
			more[key] = value
		}
		var answers *generator.Answers
		if answers, err = catalog.Resolve("shop", nil, generator.Given{Origin: "--%s", Values: more}); err != nil {
			return nil, err
		}
		if plan, err = catalog.NewPlan(answers, options); err == nil {
			return plan, nil
		}
	}
	return plan, err
}

func wantDetected(t *testing.T, catalog *generator.Catalog, plan *generator.Plan) {
	t.Helper()
	files, err := plan.Render()
	must(t, err)
	repository := fstest.MapFS{}
	for _, file := range files {
		repository[file.Path] = &fstest.MapFile{Data: file.Content, Mode: file.Mode}
	}
	read, err := tree.Read(repository)
	must(t, err)
	found, err := detect.Detect(read, ".", catalog)
	must(t, err)
	name := strings.Join(catalog.Command(plan.Answers, "shop"), " ")
	for _, question := range catalog.Questions {
		want := slices.DeleteFunc(slices.Clone(plan.Answers.Choices[question.Name]), func(choice string) bool { return choice == "none" })
		got := slices.Clone(found.Facts[question.Name].Value)
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("%s: %s is %q, want %q: %v", name, question.Name, got, want, found.Facts[question.Name])
		}
	}
	entry := plan.Answers.Package + "." + plan.Fact("framework", "entry").(string)
	for key, want := range map[string]string{
		detect.Entry: entry, detect.Package: plan.Answers.Package, detect.Root: ".", detect.Name: plan.Answers.Name, detect.Python: plan.Answers.Python,
		detect.Manifest: plan.Fact("deps", "manifest").(string),
	} {
		if got := found.Value(key); got != want && (key != detect.Name || got != "") { // a Pipfile names no project
			t.Errorf("%s: %s is %q, want %q", name, key, got, want)
		}
	}
	if err := found.Tie(nil); err != nil || len(found.Projects) > 0 {
		t.Errorf("%s: %v, projects %v", name, err, found.Projects)
	}
}
