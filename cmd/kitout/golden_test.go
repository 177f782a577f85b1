package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kitout/kitout/generator"
	"github.com/rogpeppe/go-internal/diff"
	"golang.org/x/tools/txtar"
)

const goldenFolder = "../../testdata/golden"

var goldenChoices = []string{
	"deps=pipenv",
	"deps=poetry",
	"deps=uv",
	"proxy=apache",
	"proxy=none",
	"deploy=kubernetes,database=postgres,proxy=none",
	"domain=shop.example.com",
	"config=environ",
	"config=dynaconf",
	"tests=unittest",
	"metrics=datadog",
	"metrics=newrelic",
	"logs=elk",
	"traces=opentelemetry",
	"secrets=vault",
	"secrets=aws",
	"secrets=gcp",
}

// TestGoldenChoices holds what other choices change in the preset minimal against testdata/golden.
func TestGoldenChoices(t *testing.T) {
	minimal, err := library{}.givenPreset("minimal")
	must(t, err)
	base := archive(buildFor(t, minimal))
	for _, pairs := range goldenChoices {
		t.Run(pairs, func(t *testing.T) {
			values := map[string][]string{}
			for pair := range strings.SplitSeq(pairs, ",") {
				question, choice, _ := strings.Cut(pair, "=")
				values[question] = []string{choice}
			}
			got := archive(buildFor(t, minimal, generator.Given{Origin: "%s", Values: values}))
			got.Files = slices.DeleteFunc(got.Files, func(file txtar.File) bool { return slices.ContainsFunc(base.Files, same(file)) })
			compareGolden(t, filepath.Join(goldenFolder, pairs+".txtar"), got)
		})
	}
}

func compareGolden(t *testing.T, file string, got *txtar.Archive) {
	t.Helper()
	if *update {
		must(t, os.WriteFile(file, txtar.Format(got), 0o644))
		return
	}
	want, err := txtar.ParseFile(file)
	must(t, err)
	for _, problem := range differences(want, got) {
		t.Error(problem)
	}
}

// same returns a function that says whether a file is as this one.
func same(file txtar.File) func(txtar.File) bool {
	return func(other txtar.File) bool { return other.Name == file.Name && bytes.Equal(other.Data, file.Data) }
}

// TestGolden holds the presets' trees against testdata/golden; `make golden` writes them again.
func TestGolden(t *testing.T) {
	presets, err := library{}.allPresets()
	must(t, err)
	unseen, err := filepath.Glob(filepath.Join(goldenFolder, "*.txtar"))
	must(t, err)
	for _, preset := range presets {
		file := filepath.Join(goldenFolder, preset.Name+".txtar")
		unseen = slices.DeleteFunc(unseen, func(name string) bool { return name == file })
		t.Run(preset.Name, func(t *testing.T) {
			given, err := library{}.givenPreset(preset.Name)
			must(t, err)
			compareGolden(t, file, archive(buildFor(t, given)))
		})
	}
	for _, pair := range goldenChoices {
		unseen = slices.DeleteFunc(unseen, func(name string) bool { return filepath.Base(name) == pair+".txtar" })
	}
	if len(unseen) > 0 {
		t.Errorf("no preset has these golden trees: %s", unseen)
	}
}

// buildFor renders a repository called shop.
func buildFor(tb testing.TB, given ...generator.Given) []generator.Change {
	tb.Helper()
	catalog, err := loadCatalog()
	must(tb, err)
	options := testOptions(tb)
	answers, err := catalog.Resolve("shop", nil, given...)
	must(tb, err)
	plan, err := catalog.NewPlan(answers, options)
	must(tb, err)
	changes, err := plan.Build(nil)
	must(tb, err)
	return changes
}

// testOptions are those of the command, on a machine whose pip asks packages.example.com.
func testOptions(tb testing.TB) generator.Options {
	tb.Helper()
	options, _, err := options()
	must(tb, err)
	options.DefaultIndex = func() (string, error) { return "https://packages.example.com/simple", nil }
	return options
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// archive is a tree for review: the modes of all files, and their text but for secrets, and sums for what repeats the rest.
func archive(changes []generator.Change) *txtar.Archive {
	result := &txtar.Archive{}
	for _, change := range changes {
		result.Comment = fmt.Appendf(result.Comment, "%04o %s\n", change.Mode, change.Path)
		data := change.Content
		switch {
		case change.Policy == generator.Secret:
			continue
		case change.Policy == generator.Locked, strings.HasPrefix(change.Path, generator.RecordFolder+"/"):
			data = fmt.Appendf(nil, "%d lines, sha256 %x\n", bytes.Count(data, []byte("\n")), sha256.Sum256(data))
		}
		result.Files = append(result.Files, txtar.File{Name: change.Path, Data: data})
	}
	result.Comment = append(result.Comment, '\n')
	return result
}

// differences names every file that is missing, too many or different, and every line about modes.
func differences(want, got *txtar.Archive) []string {
	var problems []string
	files := func(a *txtar.Archive) map[string][]byte {
		result := map[string][]byte{"modes": a.Comment}
		for _, file := range a.Files {
			if _, twice := result[file.Name]; twice {
				problems = append(problems, file.Name+" is there twice")
			}
			result[file.Name] = file.Data
		}
		return result
	}
	wanted, found := files(want), files(got)
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		if _, there := found[name]; !there {
			problems = append(problems, name+" is missing")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		if old, there := wanted[name]; !there {
			problems = append(problems, name+" is not in the golden tree")
		} else if text := diff.Diff("golden/"+name, old, name, found[name]); text != nil {
			problems = append(problems, string(text))
		}
	}
	return problems
}

func TestGoldenComparisonNoticesFiles(t *testing.T) {
	a := txtar.Parse([]byte("0644 a\n-- a --\na\n-- b --\nb\n"))
	b := txtar.Parse([]byte("0755 a\n-- a --\nA\n-- c --\nc\n"))
	got := differences(a, b)
	if len(got) != 4 || got[0] != "b is missing" || got[2] != "c is not in the golden tree" || len(differences(a, a)) != 0 {
		t.Errorf("%q", got)
	}
}
