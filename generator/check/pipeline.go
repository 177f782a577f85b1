package check

import (
	"path"
	"regexp"
	"strings"

	"github.com/kitout/kitout/generator/internal/document"
	"github.com/kitout/kitout/generator/internal/lazy"
	"github.com/kitout/kitout/generator/internal/makefile"
	"github.com/kitout/kitout/generator/internal/shell"
)

// step is something that CI does: a script, or an action.
type step struct {
	Path string
	Line int    // where the text begins
	Job  string // "" where the system has none
	Text string // the script, or the name of an action
}

// pipelines are the files of CI systems.
var pipelines = []string{
	".github/workflows/*.y{,a}ml", ".gitlab-ci.y{,a}ml", ".gitlab/**/*.y{,a}ml", ".travis.y{,a}ml", ".circleci/config.y{,a}ml",
	"bitbucket-pipelines.y{,a}ml", "azure-pipelines.y{,a}ml", ".woodpecker.y{,a}ml", ".drone.y{,a}ml", "appveyor.y{,a}ml", "Jenkinsfile",
}

func (r *repository) pipelineFiles() []string {
	var paths []string
	for _, pattern := range pipelines {
		paths = append(paths, r.index().glob(pattern)...)
	}
	return paths
}

func hasPipeline(r *repository) bool { return len(r.pipelineFiles()) > 0 }

// workflow is one file of GitHub Actions.
type workflow struct {
	Path string
	document.Value
}

func (w workflow) finding(line int, message string) Finding {
	return Finding{Path: w.Path, Line: line, Message: message}
}

func (r *repository) readWorkflows() (workflows []workflow) {
	for _, name := range r.index().glob(pipelines[0]) {
		data, _ := r.tree.Text(name)
		for _, document := range document.Parse(data) {
			workflows = append(workflows, workflow{name, document})
		}
	}
	return workflows
}

func hasWorkflow(r *repository) bool { return len(r.workflows()) > 0 }

// on reports whether an event starts a workflow, and where that stands.
func (w workflow) on(event string) (line int, found bool) {
	on := w.Get("on")
	if on.Map() {
		for _, pair := range on.Pairs() {
			if pair.Key == event {
				return pair.Line, true
			}
		}
		return 0, false
	}
	for _, item := range on.Items() {
		if item.Text() == event {
			return item.Line(), true
		}
	}
	return 0, false
}

// eachStep visits the steps of every workflow.
func (r *repository) eachStep(visit func(w workflow, job document.Pair, step document.Value)) {
	for _, w := range r.workflows() {
		for _, job := range w.Get("jobs").Pairs() {
			for _, step := range job.Value.Get("steps").Items() {
				visit(w, job, step)
			}
		}
	}
}

func (r *repository) readSteps() (steps []step) {
	r.eachStep(func(w workflow, job document.Pair, each document.Value) {
		if uses := each.Get("uses"); uses.There() {
			steps = append(steps, step{w.Path, uses.Line(), job.Key, uses.Text()})
		}
		if run := each.Get("run"); run.There() {
			steps = append(steps, step{w.Path, run.TextLine(), job.Key, run.Text()})
		}
	})
	for _, name := range r.pipelineFiles() {
		switch {
		case path.Base(name) == "Jenkinsfile":
			steps = append(steps, groovy(name, r.text(name))...)
		case !strings.HasPrefix(name, ".github/"):
			for _, each := range document.Parse([]byte(r.text(name))) {
				each.Walk(func(pair document.Pair) { steps = append(steps, scriptOf(name, pair)...) })
			}
		}
	}
	return r.unfold(steps)
}

// scriptOf takes what other systems than GitHub's run, under whatever key.
func scriptOf(name string, pair document.Pair) (steps []step) {
	switch pair.Key {
	case "script", "before_script", "after_script", "install", "run", "command", "commands", "bash", "after_success", "deploy":
		for _, item := range pair.Value.Items() {
			steps = append(steps, step{Path: name, Line: item.TextLine(), Text: item.Text()})
		}
	}
	return steps
}

var shOfGroovy = lazy.Regexp("(?s)\\bsh\\b\\s*\\(?\\s*(?:script:\\s*)?('''.*?'''|\"\"\".*?\"\"\"|'[^'\\n]*'|\"[^\"\\n]*\")")

// groovy takes the arguments of `sh` in a Jenkinsfile.
func groovy(name, text string) (steps []step) {
	for _, match := range shOfGroovy().FindAllStringSubmatchIndex(text, -1) {
		script := text[match[2]:match[3]]
		steps = append(steps, step{Path: name, Line: 1 + strings.Count(text[:match[2]], "\n"), Text: strings.Trim(script, `'"`)})
	}
	return steps
}

var madeTargets = lazy.Regexp(`(?m)(?:^|[;&|]\s*|\s)make((?:\s+[A-Za-z0-9_./=-]+)+)`)

// unfold adds the recipes of the targets that steps make, and the hooks of pre-commit where a step runs it.
func (r *repository) unfold(steps []step) []step {
	rules := makefile.Parse(r.text("Makefile"))
	for _, each := range steps {
		for _, match := range madeTargets().FindAllStringSubmatch(each.Text, -1) {
			for _, target := range strings.Fields(match[1]) {
				for _, line := range rules.Commands(target) {
					steps = append(steps, step{"Makefile", line.Line, each.Job, line.Text})
				}
			}
		}
		if strings.Contains(each.Text, "pre-commit") {
			steps = append(steps, step{".pre-commit-config.yaml", 0, each.Job, r.text(".pre-commit-config.yaml")})
		}
		if fields := strings.Fields(each.Text); len(fields) > 0 && (fields[0] == "tox" || fields[0] == "nox") {
			steps = append(steps, step{"tox.ini", 0, each.Job, r.text("tox.ini") + r.text("noxfile.py")})
		}
	}
	return steps
}

// does reports whether CI runs something that matches.
func (r *repository) does(expression *regexp.Regexp) bool {
	for _, step := range r.steps() {
		if expression.MatchString(step.Text) {
			return true
		}
	}
	return false
}

// commands are those of a step. What GitHub fills in before a shell sees the script is no shell's syntax: a secret becomes a word of its own.
func (s step) commands() []shell.Command {
	text := secretOfGitHub().ReplaceAllString(s.Text, aSecret)
	commands := shell.Parse(valueOfGitHub().ReplaceAllString(text, "value")).Commands
	for i := range commands {
		commands[i].Line += s.Line - 1
	}
	return commands
}

const aSecret = "kitout_secret"

var (
	secretOfGitHub = lazy.Regexp(`\$\{\{\s*secrets\.[^}]*\}\}`)
	valueOfGitHub  = lazy.Regexp(`\$\{\{[^}]*\}\}`)
)
