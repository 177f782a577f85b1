package detect_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/kitout/kitout/generator"
	"github.com/kitout/kitout/generator/detect"
	"github.com/kitout/kitout/generator/tree"
	"github.com/kitout/kitout/templates"
	"go.yaml.in/yaml/v3"
)

const samples = "../../testdata/repositories"

var update = flag.Bool("update", false, "write the expectations of the sample repositories again, for review")

// expectation is what is to be found in a sample: all facts, with the first place of each.
type expectation struct {
	Facts    map[string]expectedFact `yaml:"facts"`
	Projects map[string]string       `yaml:"projects,omitempty"` // by folder, the framework
	Tie      string                  `yaml:"tie,omitempty"`      // the message of the error
}

type expectedFact struct {
	Value    []string `yaml:"value,flow"`
	Evidence string   `yaml:"evidence"`
}

func found(t *testing.T, folder string) expectation {
	t.Helper()
	catalog, err := generator.LoadCatalog(templates.FS)
	must(t, err)
	read, err := tree.Read(os.DirFS(folder))
	must(t, err)
	findings, err := detect.Detect(read, ".", catalog)
	must(t, err)
	result := expectation{Facts: map[string]expectedFact{}}
	for key, fact := range findings.Facts {
		if fact.Confidence <= 0 || fact.Confidence > 1 {
			t.Errorf("%s: confidence %v", key, fact.Confidence)
		}
		result.Facts[key] = expectedFact{fact.Value, fact.Evidence[0].String()}
	}
	for _, project := range findings.Projects {
		if result.Projects == nil {
			result.Projects = map[string]string{}
		}
		result.Projects[project.Path] = project.Framework
	}
	if err := findings.Tie(nil); err != nil {
		result.Tie = err.Error()
		usage, is := errors.AsType[*generator.UsageError](err)
		if !is || usage.Hint == "" {
			t.Errorf("%v is no usage error with a hint", err)
		}
	}
	return result
}

// TestRepositories finds in each sample exactly what its expected.yaml says, neither less nor more.
func TestRepositories(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(samples + "/*/expected.yaml")
	must(t, err)
	if *update {
		files, err = filepath.Glob(samples + "/*/repository")
		must(t, err)
	}
	if len(files) < 25 {
		t.Fatalf("only %d samples", len(files))
	}
	for _, file := range files {
		folder := filepath.Dir(file)
		t.Run(filepath.Base(folder), func(t *testing.T) {
			t.Parallel()
			got := found(t, filepath.Join(folder, "repository"))
			if *update {
				text, err := yaml.Marshal(got)
				must(t, err)
				must(t, os.WriteFile(filepath.Join(folder, "expected.yaml"), text, 0o644))
				return
			}
			text, err := os.ReadFile(file)
			must(t, err)
			var want expectation
			must(t, yaml.Unmarshal(text, &want))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
