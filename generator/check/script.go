package check

import (
	"path"
	"slices"
	"strings"

	"github.com/kitout/kitout/generator/internal/ini"
	"github.com/kitout/kitout/generator/internal/lazy"
	"github.com/kitout/kitout/generator/internal/shell"
)

// script is one shell script.
type script struct {
	Path string
	text string
	*shell.Script
}

// readScripts takes the files that say that a shell runs them, by their name or their first line.
func (r *repository) readScripts() (scripts []script) {
	for _, name := range r.tree.Paths() {
		extension := path.Ext(name)
		if aside(name) || extension != "" && extension != ".sh" && extension != ".bash" {
			continue
		}
		text := r.text(name)
		first, _, _ := strings.Cut(text, "\n")
		if extension == "" && (!strings.HasPrefix(first, "#!") || !strings.HasSuffix(strings.TrimSpace(first), "sh")) {
			continue
		}
		scripts = append(scripts, script{name, text, shell.Parse(text)})
	}
	return scripts
}

// commandsIn are all commands of the repository's scripts.
func (r *repository) eachCommand(judge func(script, shell.Command) string) (findings []Finding) {
	for _, script := range r.scripts() {
		for _, command := range script.Commands {
			if message := judge(script, command); message != "" {
				findings = append(findings, Finding{Path: script.Path, Line: command.Line, Message: message})
			}
		}
	}
	return findings
}

// start is a command that a container or a service manager starts in production.
type start struct {
	Path   string
	Script bool // it stands in a script that is started
	shell.Command
}

func (s start) finding(message string) Finding {
	return Finding{Path: s.Path, Line: s.Line, Message: message}
}

// readStarts collects what images, Compose, Kubernetes, a Procfile and units of systemd start, and goes into the scripts of the repository.
func (r *repository) readStarts() (starts []start) {
	add := func(name string, commands []shell.Command) {
		for _, command := range commands {
			for _, each := range unwrapped(command) {
				starts = append(starts, start{Path: name, Command: each})
			}
		}
	}
	for _, image := range r.images() {
		for _, name := range []string{"ENTRYPOINT", "CMD"} {
			if instruction := image.Last(name); instruction != nil {
				add(image.Path, commands(*instruction))
			}
		}
	}
	for _, service := range r.services() {
		_, name := service.get("command")
		add(name, service.commands())
	}
	for _, pod := range r.pods() {
		for _, container := range pod.containers() {
			words := append(container.Get("command").Words(), container.Get("args").Words()...)
			add(pod.Path, execCommands(words, container.Get("command").Line()))
		}
	}
	for _, line := range r.grep(lazy.Regexp(`^[a-z]+:\s*\S`)(), r.glob("Procfile")...) {
		_, text, _ := strings.Cut(line.Text, ":")
		commands := shell.Parse(text).Commands
		for i := range commands {
			commands[i].Line = line.Line
		}
		add(line.Path, commands)
	}
	for _, name := range r.glob("*.service") {
		for _, entry := range ini.Parse(r.text(name)) {
			if entry.Key == "ExecStart" {
				add(name, execCommands(strings.Fields(entry.Value), entry.Line))
			}
		}
	}
	return r.follow(starts)
}

// follow adds the commands of the scripts that are started, and of those that they start.
func (r *repository) follow(starts []start) []start {
	seen := map[string]bool{}
	for i := 0; i < len(starts); i++ {
		for _, script := range r.scripts() {
			if seen[script.Path] || !startsScript(starts[i].Args, script.Path) {
				continue
			}
			seen[script.Path] = true
			for _, command := range script.Commands {
				starts = append(starts, start{script.Path, true, command})
			}
		}
	}
	return starts
}

// startsScript reports whether the first words of a command are a script's path, wherever the image has it.
func startsScript(words []string, name string) bool {
	for _, word := range words[:min(2, len(words))] {
		if base := path.Base(word); base == path.Base(name) && (strings.Contains(word, "/") || path.Ext(base) == ".sh") {
			return true
		}
	}
	return false
}

// program is the name of what a command runs, through `python -m` and the tools that only prepare an environment.
func program(words []string) (name string, rest []string) {
	for len(words) > 0 {
		name, rest = path.Base(words[0]), words[1:]
		switch {
		case strings.HasPrefix(name, "python") && len(rest) > 1 && slices.Contains(rest, "-m"):
			words = rest[slices.Index(rest, "-m")+1:]
		case len(rest) > 1 && (name == "poetry" || name == "pipenv" || name == "uv" || name == "pdm" || name == "hatch") && rest[0] == "run":
			words = rest[1:]
		case len(rest) > 0 && (name == "ddtrace-run" || name == "tini" || name == "dumb-init" || name == "opentelemetry-instrument"):
			words = slices.DeleteFunc(slices.Clone(rest), func(word string) bool { return word == "--" })
		case len(rest) > 1 && name == "newrelic-admin" && rest[0] == "run-program":
			words = rest[1:]
		default:
			return name, rest
		}
	}
	return name, rest
}

// servers are the programs that serve Python applications in production.
var servers = map[string]bool{
	"gunicorn": true, "uvicorn": true, "hypercorn": true, "daphne": true, "uwsgi": true, "granian": true, "waitress-serve": true, "mod_wsgi-express": true,
}

// isServer reports whether a command starts an application server, as in production.
func isServer(command shell.Command) bool {
	name, rest := program(command.Args)
	return servers[name] || name == "fastapi" && len(rest) > 0 && rest[0] == "run"
}

// developmentServer says which server for development a command starts, or "".
func developmentServer(command shell.Command) string {
	name, rest := program(command.Args)
	switch {
	case strings.HasPrefix(name, "python") && len(rest) > 1 && path.Base(rest[0]) == "manage.py" && strings.HasPrefix(rest[1], "runserver"):
		return "manage.py " + rest[1]
	case path.Base(name) == "manage.py" && len(rest) > 0 && strings.HasPrefix(rest[0], "runserver"):
		return "manage.py " + rest[0]
	case name == "django-admin" && len(rest) > 0 && rest[0] == "runserver":
		return "django-admin runserver"
	case name == "flask" && slices.Contains(rest, "run"):
		return "flask run"
	case name == "fastapi" && len(rest) > 0 && rest[0] == "dev":
		return "fastapi dev"
	}
	return ""
}

// startsDirectly matches the development servers of the frameworks, as code starts them.
var startsDirectly = lazy.Regexp(`(?m)^[^#\n]*\b(app|application|socketio|create_app\(\))\.run\(`)
