package check

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kitout/kitout/generator/internal/ini"
	"github.com/kitout/kitout/generator/internal/python"
)

func serverRules() []Rule {
	return []Rule{
		{
			ID: "server", Severity: Error, Title: "An application server for production runs the code",
			Why: "Servers for development serve one request at a time, and are not made to face the network.",
			Fix: "start gunicorn, uWSGI or uvicorn", Add: "server",
			when: made("framework", "django", "flask", "fastapi"),
			find: func(r *repository) []Finding {
				started := slices.ContainsFunc(r.starts(), func(s start) bool { return isServer(s.Command) })
				return unless(started || r.fact("server") != "", "nothing starts an application server")
			},
		},
		{
			ID: "server-development", Severity: Error, Title: "The development server stays on the developer's machine",
			Why: "It is slow, leaks its debugger, and nobody has looked at its safety.",
			Fix: "start gunicorn, uWSGI or uvicorn in the image and in Compose", Add: "server",
			when: hasStarts, find: developmentServers,
		},
		{
			ID: "server-reload", Severity: Error, Title: "The server does not watch for changed files",
			Why:  "A reloader runs the code in a second process, costs CPU, and restarts when a file is touched.",
			Fix:  "remove --reload from what production starts",
			when: hasStarts, find: reloads,
		},
		{
			ID: "server-timeout", Severity: Warning, Title: "A request that hangs ends",
			Why: "Without a limit, a few slow calls take every worker, and the service stands.",
			Fix: "timeout of gunicorn, harakiri of uWSGI", Add: "server",
			when: made("server", "gunicorn", "uwsgi"), find: endlessRequests,
		},
		{
			ID: "server-workers", Severity: Note, Title: "The number of workers follows the machine",
			Why: "A number in the code, or one taken from the host's CPUs, does not fit what the container may use.",
			Fix: "take it from WEB_CONCURRENCY, or from the container's share of the CPUs", Add: "server",
			when: hasStarts, find: fixedWorkers,
		},
		{
			ID: "server-recycle", Severity: Note, Title: "Workers are replaced after some requests",
			Why: "What leaks grows until the container is killed.",
			Fix: "max_requests with max_requests_jitter, max-requests of uWSGI", Add: "server",
			when: made("server", "gunicorn", "uwsgi"), find: neverRecycled,
		},
		{
			ID: "server-forwarded", Severity: Warning, Title: "Only the proxy's forwarded headers count",
			Why:  "With * every client chooses the address that is logged and limited, and says that it came by HTTPS.",
			Fix:  "name the proxy's addresses in forwarded_allow_ips",
			when: hasStarts, find: forwardedByAll,
		},
		{
			ID: "server-grace", Severity: Warning, Title: "Containers get the time that the server needs to stop",
			Why: "Docker kills after 10 seconds, Kubernetes after 30: requests in flight are cut off.",
			Fix: "stop_grace_period or terminationGracePeriodSeconds above the server's graceful timeout", Add: "deploy",
			when: all(made("server", "gunicorn", "uwsgi"), either(hasServices, hasServing)), find: shortGrace,
		},
		{
			ID: "server-exec", Severity: Warning, Title: "Start scripts hand over to the server",
			Why:  "The shell that stays swallows SIGTERM: the server is killed, with its requests.",
			Fix:  "exec gunicorn …",
			when: hasStarts,
			find: func(r *repository) (findings []Finding) {
				for _, s := range r.starts() {
					if s.Script && isServer(s.Command) && !s.Exec {
						findings = append(findings, s.finding("starts the server without exec"))
					}
				}
				return findings
			},
		},
	}
}

func hasStarts(r *repository) bool { return len(r.starts()) > 0 }

// eachStart returns a finding for each command about which a function says something.
func (r *repository) eachStart(judge func(start) string) (findings []Finding) {
	for _, s := range r.starts() {
		if message := judge(s); message != "" {
			findings = append(findings, s.finding(message))
		}
	}
	return findings
}

func developmentServers(r *repository) []Finding {
	return r.eachStart(func(s start) string {
		if name := developmentServer(s.Command); name != "" {
			return name + " is for development"
		}
		name, rest := program(s.Args)
		if !strings.HasPrefix(name, "python") || len(rest) == 0 || !strings.HasSuffix(rest[0], ".py") {
			return ""
		}
		for _, file := range r.tree.Paths() {
			if strings.HasSuffix("/"+file, "/"+strings.TrimPrefix(rest[0], "./")) && startsDirectly().MatchString(r.text(file)) && r.is("framework", "flask") {
				return rest[0] + " starts the framework's development server"
			}
		}
		return ""
	})
}

func reloads(r *repository) []Finding {
	findings := r.eachStart(func(s start) string {
		if isServer(s.Command) && (slices.Contains(s.Args, "--reload") || slices.Contains(s.Args, "--py-autoreload")) {
			return "the server reloads changed code"
		}
		return ""
	})
	for _, m := range r.gunicorn() {
		for _, a := range m.read().Assignments {
			if a.Name == "reload" && isTrue(a.Value) {
				findings = append(findings, m.finding(a.Line, "the server reloads changed code"))
			}
		}
	}
	for _, entry := range r.uwsgi("py-autoreload", "python-autoreload") {
		if entry.Value != "0" && entry.Value != "false" {
			findings = append(findings, Finding{Path: entry.path, Line: entry.Line, Message: "the server reloads changed code"})
		}
	}
	return findings
}

// gunicorn are the configuration files of Gunicorn, which are Python.
func (r *repository) gunicorn() (modules []*module) {
	for _, name := range r.glob("*gunicorn*.py", "**/gunicorn/*.py") {
		if !forDevelopment(name) {
			modules = append(modules, newModule(name, []byte(r.text(name))))
		}
	}
	return modules
}

// gunicornOption returns the places where an option of Gunicorn is set: in a configuration, by a flag, or by GUNICORN_CMD_ARGS.
func (r *repository) gunicornOption(name string) (values []option) {
	for _, m := range r.gunicorn() {
		for _, a := range m.read().Assignments {
			if a.Name == name {
				values = append(values, option{m.Path, a.Line, a.Value.Text, a.Value})
			}
		}
	}
	flag := "--" + strings.ReplaceAll(name, "_", "-")
	for _, s := range r.starts() {
		if called, _ := program(s.Args); called != "gunicorn" {
			continue
		}
		for i, word := range s.Args {
			short := map[string]string{"workers": "-w", "timeout": "-t", "bind": "-b", "worker_class": "-k"}[name]
			if value, found := strings.CutPrefix(word, flag+"="); found {
				values = append(values, option{s.Path, s.Line, value, python.Value{Kind: python.Number, Text: value}})
			} else if (word == flag || word == short) && i+1 < len(s.Args) {
				values = append(values, option{s.Path, s.Line, s.Args[i+1], python.Value{Kind: python.Number, Text: s.Args[i+1]}})
			}
		}
	}
	return values
}

type option struct {
	path  string
	line  int
	text  string
	value python.Value
}

func (o option) finding(message string) Finding {
	return Finding{Path: o.path, Line: o.line, Message: message}
}

// located is an entry with its file.
type located struct {
	ini.Entry
	path string
}

// uwsgi returns the entries of uWSGI's configurations with these keys; all of them without a key.
func (r *repository) uwsgi(keys ...string) (entries []located) {
	for _, name := range r.glob("*uwsgi*.ini", "**/uwsgi/*.ini", "*.uwsgi") {
		for _, entry := range ini.Parse(r.text(name)) {
			if forDevelopment(name) || entry.Section != "uwsgi" {
				continue
			}
			if len(keys) == 0 || slices.Contains(keys, entry.Key) {
				entries = append(entries, located{entry, name})
			}
		}
	}
	return entries
}

func endlessRequests(r *repository) (findings []Finding) {
	if r.is("server", "gunicorn") {
		for _, timeout := range r.gunicornOption("timeout") {
			if timeout.text == "0" {
				findings = append(findings, timeout.finding("a timeout of 0 is none"))
			}
		}
		return findings
	}
	flag := slices.ContainsFunc(r.starts(), func(s start) bool { return slices.Contains(s.Args, "--harakiri") })
	if !flag && len(r.uwsgi("harakiri")) == 0 {
		return r.serverFinding("uWSGI has no harakiri")
	}
	return nil
}

// serverFinding is one where the server is configured, or started, or nowhere.
func (r *repository) serverFinding(message string) []Finding {
	for _, m := range r.gunicorn() {
		return []Finding{{Path: m.Path, Message: message}}
	}
	for _, entry := range r.uwsgi() {
		return []Finding{{Path: entry.path, Message: message}}
	}
	for _, s := range r.starts() {
		if isServer(s.Command) {
			return []Finding{s.finding(message)}
		}
	}
	return missing(message)
}

func fixedWorkers(r *repository) (findings []Finding) {
	for _, workers := range r.gunicornOption("workers") {
		_, err := strconv.Atoi(workers.text)
		counted := strings.Contains(workers.value.Text, "cpu_count") || slices.ContainsFunc(workers.value.Items, countsCPUs)
		switch {
		case workers.value.Kind == python.Number && err == nil:
			findings = append(findings, workers.finding("the number of workers is written out"))
		case counted:
			findings = append(findings, workers.finding("cpu_count is of the machine, not of the container"))
		}
	}
	for _, s := range r.starts() {
		name, rest := program(s.Args)
		if i := slices.Index(rest, "--workers"); name == "uvicorn" && i >= 0 && i+1 < len(rest) {
			if _, err := strconv.Atoi(rest[i+1]); err == nil {
				findings = append(findings, s.finding("the number of workers is written out"))
			}
		}
	}
	for _, entry := range r.uwsgi("processes", "workers") {
		if _, err := strconv.Atoi(entry.Value); err == nil {
			findings = append(findings, Finding{Path: entry.path, Line: entry.Line, Message: "the number of workers is written out"})
		}
	}
	return findings
}

func countsCPUs(value python.Value) bool {
	return strings.HasSuffix(value.Text, "cpu_count") || slices.ContainsFunc(value.Items, countsCPUs)
}

func neverRecycled(r *repository) []Finding {
	switch {
	case r.is("server", "gunicorn") && len(r.gunicornOption("max_requests")) == 0:
		return r.serverFinding("workers are never replaced: no max_requests")
	case r.is("server", "uwsgi") && len(r.uwsgi("max-requests")) == 0:
		return r.serverFinding("workers are never replaced: no max-requests")
	}
	return nil
}

func forwardedByAll(r *repository) (findings []Finding) {
	for _, allowed := range r.gunicornOption("forwarded_allow_ips") {
		if allowed.text == "*" {
			findings = append(findings, allowed.finding("forwarded headers of everybody count"))
		}
	}
	return append(findings, r.eachStart(func(s start) string {
		name, rest := program(s.Args)
		if i := slices.Index(rest, "--forwarded-allow-ips"); name == "uvicorn" && (i >= 0 && i+1 < len(rest) && rest[i+1] == "*" || slices.Contains(rest, "--forwarded-allow-ips=*")) {
			return "forwarded headers of everybody count"
		}
		return ""
	})...)
}

// graceful is how long the server lets requests in flight go on: what is set, or its default.
func (r *repository) graceful() time.Duration {
	options := r.gunicornOption("graceful_timeout")
	for _, entry := range r.uwsgi("worker-reload-mercy") {
		options = append(options, option{text: entry.Value})
	}
	for _, each := range options {
		if seconds, err := strconv.Atoi(each.text); err == nil {
			return time.Duration(seconds) * time.Second
		}
	}
	return 30 * time.Second // gunicorn's graceful_timeout; uWSGI's worker-reload-mercy is 60
}

// isFinal reports whether a service is built from the last stage, the one that serves.
func (r *repository) isFinal(s service) bool {
	target := strings.ToLower(s.value("build", "target").Text())
	return s.isApplication() && (target == "" || slices.ContainsFunc(r.images(), func(i image) bool { return i.Stages[len(i.Stages)-1].Name == target }))
}

func shortGrace(r *repository) (findings []Finding) {
	wanted := r.graceful()
	for _, s := range r.services() {
		if !slices.ContainsFunc(s.commands(), isServer) && (!r.isFinal(s) || s.value("command").There()) {
			continue
		}
		grace := 10 * time.Second // Docker's
		if text := s.value("stop_grace_period").Text(); text != "" {
			grace, _ = time.ParseDuration(text)
		}
		if grace < wanted {
			findings = append(findings, s.finding("is killed after "+grace.String()+", and the server may take "+wanted.String(), "stop_grace_period"))
		}
	}
	for _, w := range r.serving() {
		grace := 30 * time.Second // Kubernetes'
		value := w.pod().Get("terminationGracePeriodSeconds")
		if seconds, err := strconv.Atoi(value.Text()); err == nil {
			grace = time.Duration(seconds) * time.Second
		}
		if grace < wanted || value.There() && grace == wanted {
			findings = append(findings, w.finding(value, "is killed after "+grace.String()+", and the server may take "+wanted.String()))
		}
	}
	return findings
}
