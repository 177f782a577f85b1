package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/kitout/kitout/generator"
	"github.com/kitout/kitout/generator/check"
	"github.com/kitout/kitout/generator/detect"
	"github.com/kitout/kitout/generator/tree"
	"go.yaml.in/yaml/v3"
)

// checkChanges judges what would be written into an empty folder.
func checkChanges(t *testing.T, changes []generator.Change) *check.Report {
	t.Helper()
	files := fstest.MapFS{}
	for _, change := range changes {
		files[change.Path] = &fstest.MapFile{Data: change.Content, Mode: change.Mode}
	}
	return checkFS(t, files)
}

func checkFS(tb testing.TB, fsys fs.FS) *check.Report {
	tb.Helper()
	files, err := tree.Read(fsys)
	must(tb, err)
	catalog, err := loadCatalog()
	must(tb, err)
	found, err := detect.Detect(files, ".", catalog)
	must(tb, err)
	return check.Run(files, found, check.Options{Now: time.Now()})
}

// TestPresetsScore wants that there is nothing left to do in a new repository. TestCombinations wants it of every combination.
func TestPresetsScore(t *testing.T) {
	presets, err := library{}.allPresets()
	must(t, err)
	for _, preset := range presets {
		given, err := library{}.givenPreset(preset.Name)
		must(t, err)
		report := checkChanges(t, buildFor(t, given))
		for _, problem := range problemsOf(report, nil) {
			t.Errorf("%s: %s", preset.Name, problem)
		}
		if report.Score() != 100 {
			t.Errorf("%s: %d", preset.Name, report.Score())
		}
		for _, section := range report.Sections {
			if len(section.Rules) == 0 {
				t.Errorf("%s: nothing to judge in section %d", preset.Name, section.Number)
			}
		}
	}
}

// problemsOf are the findings, but for what was answered with none: that is left to do, and `kitout add` of that question does it.
func problemsOf(report *check.Report, answers *generator.Answers) (problems []string) {
	for _, section := range report.Sections {
		for _, finding := range section.Findings {
			question, _, _ := strings.Cut(finding.Rule.Add, "=")
			if answers != nil && slices.Contains(answers.Choices[question], "none") {
				continue
			}
			problems = append(problems, finding.Rule.ID+" "+finding.Place()+" "+finding.Message)
		}
	}
	return problems
}

// TestRulesTable holds docs/check.md against the rules; -update writes it again.
func TestRulesTable(t *testing.T) {
	const file = "../../docs/check.md"
	written, err := os.ReadFile(file)
	must(t, err)
	before, _, found := bytes.Cut(written, []byte(rulesHeading))
	if !found {
		t.Fatalf("%s has no heading %q", file, rulesHeading)
	}
	want := string(before) + rulesHeading + rulesTable()
	if *update {
		must(t, os.WriteFile(file, []byte(want), 0o644))
	} else if string(written) != want {
		t.Errorf("%s does not have the rules as they are: make golden", file)
	}
}

const rulesHeading = "## The rules\n"

func rulesTable() string {
	var table strings.Builder
	section := 0
	for _, rule := range check.Rules() {
		if rule.Section != section {
			section = rule.Section
			table.WriteString("\n### " + string(rune('0'+section)) + ". " + check.Titles()[section-1] + "\n\n| rule | | what holds, and why | the way out |\n| --- | --- | --- | --- |\n")
		}
		cell := strings.NewReplacer("|", `\|`, "*", `\*`, "<", `\<`).Replace
		table.WriteString("| `" + rule.ID + "` | " + rule.Severity.String() + " | **" + cell(rule.Title) + ".** " + cell(rule.Why) + " | " + cell(fix(rule)) + " |\n")
	}
	return table.String()
}

// TestFixesExist wants that what the fixes call is a question or a choice, which `kitout add` takes.
func TestFixesExist(t *testing.T) {
	catalog, err := loadCatalog()
	must(t, err)
	for _, rule := range check.Rules() {
		name, _, _ := strings.Cut(rule.Add, " ")
		question, choice, chosen := strings.Cut(name, "=")
		if rule.Add == "" {
			continue
		}
		known := catalog.Question(question)
		if known == nil || chosen && !slices.Contains(known.Choices, choice) {
			t.Errorf("%s: there is no %s", rule.ID, rule.Add)
		}
	}
}

// sampleFolder is a repository with an error that has a line, one that has none, and one that is ignored.
func sampleFolder(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	for name, text := range map[string]string{
		"app.py":      "import flask\n\napp = flask.Flask(__name__)\napp.secret_key = \"hunter2-hunter2\"\n",
		"my app.py":   "eval(input())\n",
		"kitout.yaml": "ignore: [{rule: tests, reason: a prototype}]\n",
	} {
		must(t, os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644))
	}
	return folder
}

// TestSARIF looks for what the schema of SARIF 2.1.0 requires, and for what code hosts ask besides.
func TestSARIF(t *testing.T) {
	folder := sampleFolder(t)
	read := func() sarifLog {
		result, err := checkFolder(folder)
		must(t, err)
		var out bytes.Buffer
		must(t, encode(streams{out: &out}, result.sarif()))
		var log sarifLog
		decoder := json.NewDecoder(&out)
		decoder.DisallowUnknownFields()
		must(t, decoder.Decode(&log))
		return log
	}
	log := read()
	run := log.Runs[0]
	if log.Version != "2.1.0" || len(log.Runs) != 1 || run.Tool.Driver.Name == "" || len(run.Tool.Driver.Rules) != len(check.Rules()) {
		t.Fatalf("%+v", log)
	}
	for _, rule := range run.Tool.Driver.Rules {
		if rule.ID == "" || rule.ShortDescription.Text == "" || !slices.Contains([]string{"error", "warning", "note"}, rule.Default.Level.String()) {
			t.Errorf("%+v", rule)
		}
	}
	prints := map[string]bool{}
	uris := map[string]bool{}
	suppressed := 0
	for _, result := range run.Results {
		if run.Tool.Driver.Rules[result.RuleIndex].ID != result.RuleID || result.Message.Text == "" || len(result.Locations) != 1 {
			t.Errorf("%+v", result)
			continue
		}
		place := result.Locations[0].Physical
		if place.Region == nil || place.Region.StartLine < 1 || strings.HasPrefix(place.File.URI, "/") || strings.Contains(place.File.URI, "://") {
			t.Errorf("%+v", place)
		}
		uris[place.File.URI] = true
		prints[result.Fingerprints["kitout/v1"]] = true
		suppressed += len(result.Suppressions)
	}
	if len(prints) != len(run.Results) || suppressed != 1 || !uris["my%20app.py"] || !uris["app.py"] {
		t.Errorf("%d fingerprints of %d results, %d suppressed, %v", len(prints), len(run.Results), suppressed, slices.Sorted(maps.Keys(uris)))
	}
	// A line more above moves nothing
	data, err := os.ReadFile(filepath.Join(folder, "app.py"))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(folder, "app.py"), append([]byte("# The shop\n"), data...), 0o644))
	for _, result := range read().Runs[0].Results {
		if !prints[result.Fingerprints["kitout/v1"]] {
			t.Errorf("another fingerprint: %+v", result)
		}
	}
}

// TestAction runs the script of action.yml with a kitout that writes down what it is told, and scores 87.
func TestAction(t *testing.T) {
	data, err := os.ReadFile("../../action.yml")
	must(t, err)
	var action struct {
		Runs struct {
			Steps []struct{ Uses, ID, Run string }
		}
	}
	must(t, yaml.Unmarshal(data, &action))
	folder := t.TempDir()
	fake := "#!/bin/sh\necho \"$@\" >>\"$RUNNER_TEMP/told\"\necho 'score: 87'\ncase \"$*\" in *'--fail-under 100'*) exit 3 ;; esac\n"
	must(t, os.WriteFile(filepath.Join(folder, "kitout"), []byte(fake), 0o755))
	var script string
	for _, step := range action.Runs.Steps {
		if step.ID == "check" {
			script = step.Run
		}
		if name, version, found := strings.Cut(step.Uses, "@"); found && len(version) != 40 {
			t.Errorf("%s is not pinned by commit", name)
		}
	}
	command := exec.Command("bash", "-e", "-o", "pipefail", "-c", script)
	command.Env = append(os.Environ(), "RUNNER_TEMP="+folder, "GITHUB_OUTPUT="+filepath.Join(folder, "output"), "DIRECTORY=my shop", "FAIL_UNDER=100", "SECTION=3",
		"SARIF="+filepath.Join(folder, "sarif"))
	printed, err := command.Output()
	if exit, is := errors.AsType[*exec.ExitError](err); !is || exit.ExitCode() != exitConflict {
		t.Errorf("%v, want the exit code of kitout\n%s", err, printed)
	}
	for name, want := range map[string]string{
		"output": "score=87\n",
		"told":   "check my shop --section 3 --fail-under 0 --sarif\ncheck my shop --section 3 --fail-under 100\n",
	} {
		if got, err := os.ReadFile(filepath.Join(folder, name)); string(got) != want {
			t.Errorf("%s: %q, %v, want %q", name, got, err, want)
		}
	}
}

// TestCheckAnything checks a folder of what is no text, no file, or nobody's to read.
func TestCheckAnything(t *testing.T) {
	folder := sampleFolder(t)
	for name, make := range map[string]func(name string) error{
		"huge.py":    func(name string) error { return sparse(name, 1<<30) },
		"Dockerfile": func(name string) error { return sparse(name, 1<<30) },
		"binary.py":  func(name string) error { return os.WriteFile(name, []byte("import pickle\x00"), 0o644) },
		"latin.py": func(name string) error {
			return os.WriteFile(name, []byte("# caf\xe9\npassword = 'x'\neval(a)\n"), 0o644)
		},
		"secret.py": func(name string) error { return os.WriteFile(name, []byte("a = 1\n"), 0o000) },
		"loop":      func(name string) error { return os.Symlink(".", name) },
		"kitout":    func(name string) error { return os.Symlink("/", name) },
		"compose.yaml": func(name string) error {
			return os.WriteFile(name, []byte(strings.Repeat("[", 1<<19)), 0o644)
		},
		"start.sh": func(name string) error { return os.WriteFile(name, []byte(strings.Repeat("$((", 1<<18)), 0o755) },
	} {
		must(t, make(filepath.Join(folder, name)))
	}
	result, err := checkFolder(folder)
	must(t, err)
	var places []string
	for _, group := range grouped(result.report) {
		for _, finding := range group {
			places = append(places, finding.Rule.ID+" "+finding.Place())
		}
	}
	for _, want := range []string{"eval latin.py:3", "secret-literal app.py:4"} {
		if !slices.Contains(places, want) {
			t.Errorf("%s is not among %q", want, places)
		}
	}
}

func sparse(name string, size int64) error {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(file.Truncate(size), file.Close())
}
