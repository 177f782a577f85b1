package main

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"maps"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/kitout/kitout/cmd/internal/covering"
	"github.com/kitout/kitout/generator"
	"github.com/spf13/afero"
	"go.yaml.in/yaml/v3"
)

// TestCombinations renders a set of answers in which every two choices of different questions meet, and every three of which two
// are of main questions, wherever that is legal, and looks at every file of each.
func TestCombinations(t *testing.T) {
	catalog, err := loadCatalog()
	must(t, err)
	options := testOptions(t)
	parameters := parametersOf(t, catalog)
	rows, plans, impossible := coveringPlans(t, catalog, options, parameters, nil)
	t.Logf("%d combinations; %d meetings are refused", len(rows), impossible)
	look := newInspector()
	for _, row := range rows {
		name := describe(parameters, row)
		plan := plans[name]
		first, err := plan.Build(nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		again, err := plan.Build(nil)
		must(t, err)
		for i, change := range first {
			if change.Policy != generator.Secret && (!bytes.Equal(change.Content, again[i].Content) || change.Mode != again[i].Mode) {
				look.problem(name, change.Path, "two runs differ")
			}
			look.file(name, plan.Answers, change)
		}
		applyTwice(t, name, plan, first)
		for _, problem := range problemsOf(checkChanges(t, first), plan.Answers) {
			look.problem(name, "kitout check", problem)
		}
	}
	look.python(t)
	look.report(t)
}

// coveringPlans makes the plan of each row of a covering array of the parameters, by the row's description. besides, which may be nil, gives more
// answers than those of the row. Rows that a layer refuses are not in it.
func coveringPlans(t *testing.T, catalog *generator.Catalog, options generator.Options, parameters []parameter,
	besides func(generator.Given) generator.Given,
) (rows [][]int, plans map[string]*generator.Plan, impossible int) {
	t.Helper()
	plans = map[string]*generator.Plan{}
	legal := func(row []int) bool {
		name := describe(parameters, row)
		if plan, known := plans[name]; known {
			return plan != nil
		}
		given := []generator.Given{givenRow(parameters, row)}
		if besides != nil {
			given = append(given, besides(given[0]))
		}
		answers, err := catalog.Resolve("shop", nil, given...)
		must(t, err)
		plan, err := catalog.NewPlan(answers, options)
		if _, refused := errors.AsType[*generator.UsageError](err); err != nil && !refused {
			t.Errorf("%s: %v", name, err)
		}
		plans[name] = plan
		return plan != nil
	}
	rows, impossible = coveringArray(parameters, legal)
	return rows, plans, impossible
}

// applyTwice wants that a second apply finds nothing to do.
func applyTwice(t *testing.T, name string, plan *generator.Plan, changes []generator.Change) {
	t.Helper()
	target := afero.NewMemMapFs()
	must(t, generator.Apply(target, changes))
	second, err := plan.Build(target)
	must(t, err)
	for _, change := range second {
		if change.Status != generator.Identical && change.Policy != generator.Secret {
			t.Errorf("%s: a second apply would %s %s", name, change.Status, change.Path)
		}
	}
}

// parameter is one thing to vary: a question, or a free answer that changes what is rendered.
type parameter struct {
	covering.Parameter
	main bool // it is combined with every two others, of which one is main as well
}

func plainParameters(parameters []parameter) (plain []covering.Parameter) {
	for _, parameter := range parameters {
		plain = append(plain, parameter.Parameter)
	}
	return plain
}

// describe names a combination by what varies in it.
func describe(parameters []parameter, row []int) string {
	return covering.Describe(plainParameters(parameters), row)
}

// coveringArray returns rows that have every meeting that is wanted.
func coveringArray(parameters []parameter, legal func([]int) bool) (rows [][]int, impossible int) {
	return covering.Array(plainParameters(parameters), wanted(parameters), legal)
}

func parametersOf(t *testing.T, catalog *generator.Catalog) []parameter {
	t.Helper()
	pythons, err := catalog.Pythons()
	must(t, err)
	parameters := []parameter{
		{covering.Parameter{Key: "domain", Values: []string{"", "shop.example.com"}}, false}, {covering.Parameter{Key: "python", Values: pythons}, false},
	}
	for _, question := range catalog.Questions {
		values := question.Choices
		if question.Several && len(values) > 1 {
			values = append(slices.Clone(values), strings.Join(question.Choices, ","))
		}
		parameters = append(parameters, parameter{covering.Parameter{Key: question.Name, Values: values}, question.Main})
	}
	return parameters
}

func givenRow(parameters []parameter, row []int) generator.Given {
	given := generator.Given{Origin: "%s", Values: map[string][]string{}}
	for i, parameter := range parameters {
		given.Values[parameter.Key] = strings.Split(parameter.Values[row[i]], ",")
	}
	return given
}

// wanted lists every meeting of two parameters, and every one of three of which two are main.
func wanted(parameters []parameter) (missing []covering.Meeting) {
	plain := plainParameters(parameters)
	for a := range parameters {
		for b := range a {
			missing = append(missing, covering.Meetings(plain, a, b)...)
			for c := range b {
				mains := 0
				for _, i := range []int{a, b, c} {
					if parameters[i].main {
						mains++
					}
				}
				if mains >= 2 {
					missing = append(missing, covering.Meetings(plain, a, b, c)...)
				}
			}
		}
	}
	return missing
}

func TestCoveringArray(t *testing.T) {
	values := strings.Fields("a b c d")
	parameters := []parameter{{covering.Parameter{Key: "w", Values: values[:3]}, true}, {covering.Parameter{Key: "x", Values: values[:3]}, false}, {covering.Parameter{Key: "y", Values: values[:1]}, false}, {covering.Parameter{Key: "z", Values: values}, true}}
	rows, impossible := coveringArray(parameters, func(row []int) bool { return row[0] != 2 || row[1] != 2 })
	if impossible != 1+4 || len(rows) > 40 {
		t.Errorf("%d rows, %d impossible meetings", len(rows), impossible)
	}
	met := map[[3]int]bool{}
	for _, row := range rows {
		met[[3]int{row[0], row[1], row[3]}] = true
	}
	if len(met) != 8*4 {
		t.Errorf("%d of 32 triples are met", len(met))
	}
}

// words are what betrays a choice, or one of several. None of them may stand in a repository that was answered otherwise.
var words = map[string]string{
	"framework=django":     `django|manage\.py|makemigrations|wsgi\.py`,
	"framework=flask":      `flask|werkzeug|wtforms|jinja2\.Markup`,
	"framework=fastapi":    `fastapi|starlette|uvicorn|lifespan|openapi`,
	"database=postgres":    `postgres|psycopg|asyncpg|pg_dump|pg_isready|pg_restore|\bpsql\b|pgdata`,
	"database=mysql":       `mysql|mariadb|asyncmy|aiomysql|innodb`,
	"database=sqlite":      `sqlite`,
	"deps=pip":             `requirements(-dev)?\.txt`,
	"deps=pipenv":          `pipenv|pipfile`,
	"deps=poetry":          `poetry`,
	"deps=uv":              `\buv (sync|lock|run|export)|uv\.lock`,
	"server=gunicorn":      `gunicorn`,
	"server=uwsgi":         `\buwsgi\b|uwsgi\.|uwsgi_pass`,
	"proxy=nginx":          `nginx`,
	"proxy=apache":         `apache2|httpd\b`,
	"ci=github":            `github/workflows|github\.com/[a-z]+/[a-z-]+@`,
	"ci=gitlab":            `gitlab`,
	"ci=jenkins":           `jenkins`,
	"ci=travis":            `travis`,
	"scan=bandit":          `bandit`,
	"scan=trivy":           `trivy`,
	"scan=snyk":            `snyk`,
	"tests=pytest":         `pytest`,
	"tests=unittest":       `unittest\.(TestCase|main)|import unittest|from unittest import|-m unittest`,
	"metrics=prometheus":   `prometheus|metrics_token`,
	"metrics=datadog":      `ddtrace`,
	"metrics=newrelic":     `newrelic|new relic`,
	"logs=logstash":        `logstash`,
	"logs=splunk":          `splunk`,
	"secrets=vault":        `hashicorp|hvac|\bvault\b`,
	"secrets=aws":          `boto3|secretsmanager|aws secrets manager`,
	"secrets=gcp":          `google[._-]cloud|gcloud|secretmanager\.|google secret manager`,
	"secrets=kubernetes":   `external-secret|external secrets`,
	"traces=opentelemetry": `opentelemetry|otel_|traceparent`,
	"backup=continuous":    `litestream|pg_receivewal|mysqlbinlog|archive-database|archive_`,

	"metrics=datadog|logs=datadog":                    `datadog|\bdd\.trace_id`,
	"logs=elk|logs=logstash":                          `elasticsearch|kibana`,
	"logs=elk|logs=splunk|logs=datadog|logs=logstash": `rsyslog|shipper`,
}

// inspector looks at files, each text once.
type inspector struct {
	seen     map[[32]byte]bool
	betrayed map[[32]byte]map[string]string // the choices that a text betrays, each with a line that does
	words    map[string]*regexp.Regexp
	pythons  map[string]string
	problems map[string][]string // the combinations that have a problem
}

func newInspector() *inspector {
	look := &inspector{seen: map[[32]byte]bool{}, betrayed: map[[32]byte]map[string]string{}, words: map[string]*regexp.Regexp{}, pythons: map[string]string{}, problems: map[string][]string{}}
	for choice, pattern := range words {
		look.words[choice] = regexp.MustCompile(`(?i)(?:` + pattern + `)`)
	}
	return look
}

func (look *inspector) problem(combination, file, problem string) {
	look.problems[file+": "+problem] = append(look.problems[file+": "+problem], combination)
}

// betrays returns the choices that a file betrays by its path or its text, each with a line that does.
func (look *inspector) betrays(name, text string) map[string]string {
	found := map[string]string{}
	for choice, pattern := range look.words {
		for _, where := range []string{name, text} {
			if place := pattern.FindStringIndex(where); place != nil {
				start, rest := strings.LastIndexByte(where[:place[0]], '\n')+1, where[place[1]:]
				end, _, _ := strings.Cut(rest, "\n")
				found[choice] = strings.TrimSpace(where[start:place[1]] + end)
			}
		}
	}
	return found
}

func (look *inspector) report(t *testing.T) {
	t.Helper()
	for _, problem := range slices.Sorted(maps.Keys(look.problems)) {
		combinations := look.problems[problem]
		t.Errorf("%s\n\t%d combinations, such as %s", problem, len(combinations), combinations[0])
	}
}

var randomValue = regexp.MustCompile(`=[A-Za-z0-9_-]{43}\b`)

func (look *inspector) file(combination string, answers *generator.Answers, change generator.Change) {
	if change.Policy == generator.Locked || path.Dir(change.Path) == generator.RecordFolder {
		return
	}
	text := string(change.Content)
	if change.Policy == generator.Secret {
		text = randomValue.ReplaceAllString(text, "=") // it may spell anything
	}
	sum := sha256.Sum256([]byte(change.Path + "\x00" + text))
	if _, seen := look.betrayed[sum]; !seen {
		look.betrayed[sum] = look.betrays(change.Path, text)
	}
	for choice, line := range look.betrayed[sum] {
		if !slices.ContainsFunc(strings.Split(choice, "|"), func(one string) bool {
			question, name, _ := strings.Cut(one, "=")
			return slices.Contains(answers.Choices[question], name) || answers.Choices[question] == nil
		}) {
			look.problem(combination, change.Path, choice+" was not chosen: "+line)
		}
	}
	if look.seen[sum] {
		return
	}
	look.seen[sum] = true
	for _, line := range strings.Split(text, "\n") {
		if strings.TrimRight(line, " \t\r") != line {
			look.problem(combination, change.Path, "white space at the end of line "+line)
		}
		if strings.Contains(line, "<%") || strings.Contains(line, "%>") || strings.Contains(line, "<no value>") {
			look.problem(combination, change.Path, "left of the template language: "+line)
		}
	}
	if text != "" && (!strings.HasSuffix(text, "\n") || strings.HasSuffix(text, "\n\n")) {
		look.problem(combination, change.Path, "does not end with one newline")
	}
	if err := look.parse(change.Path, text); err != nil {
		look.problem(combination, change.Path, err.Error())
	}
}

func (look *inspector) parse(name, text string) error {
	first, _, _ := strings.Cut(text, "\n")
	var value any
	switch extension := path.Ext(name); {
	case extension == ".py", strings.HasPrefix(first, "#!") && strings.Contains(first, "python"):
		look.pythons[name+"\x00"+text] = text
		return nil
	case extension == ".sh", strings.HasPrefix(first, "#!") && strings.HasSuffix(first, "sh"):
		command := exec.Command("bash", "-n")
		command.Stdin = strings.NewReader(text)
		if output, err := command.CombinedOutput(); err != nil {
			return errors.New("bash: " + string(output))
		}
		return nil
	case extension == ".yaml", extension == ".yml":
		decoder := yaml.NewDecoder(strings.NewReader(text))
		for {
			var document any
			if err := decoder.Decode(&document); err != nil {
				if err.Error() == "EOF" {
					return nil
				}
				return err
			}
		}
	case extension == ".toml", name == "Pipfile":
		_, err := toml.Decode(text, &value)
		return err
	case extension == ".json":
		return json.Unmarshal([]byte(text), &value)
	}
	return nil
}

const parsePython = `
import ast, json, sys
for name, text in json.load(sys.stdin).items():
    try:
        ast.parse(text)
    except SyntaxError as error:
        print(name.partition("\0")[0], error)
`

// python parses every Python file in one process.
func (look *inspector) python(t *testing.T) {
	t.Helper()
	input, err := json.Marshal(look.pythons)
	must(t, err)
	command := exec.Command(newestPython(t), "-W", "error", "-c", parsePython)
	command.Stdin = bytes.NewReader(input)
	output, err := command.CombinedOutput()
	if err != nil || len(output) > 0 {
		t.Errorf("%s %v", output, err)
	}
}

// newestPython is an interpreter that generated code is for, or at least one.
func newestPython(t *testing.T) string {
	t.Helper()
	return cmp.Or(findPython(t.Context(), []string{"3.14", "3.13", "3.12"}), "python3")
}
