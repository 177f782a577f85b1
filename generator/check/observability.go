package check

import (
	"slices"
	"strings"

	"github.com/kitout/kitout/generator/detect"
	"github.com/kitout/kitout/generator/internal/directive"
	"github.com/kitout/kitout/generator/internal/python"
)

func observability() []Rule {
	return []Rule{
		{
			ID: "logs-print", Severity: Note, Title: "The service logs, and does not print",
			Why:  "A printed line has no time, no level and no request, and nobody can turn it off.",
			Fix:  "logger = logging.getLogger(__name__), and logger.info(…)",
			when: hasModules, find: prints,
		},
		{
			ID: "logs-json", Severity: Warning, Title: "Log lines are JSON",
			Why: "Other lines have to be guessed apart: a stack trace becomes fifty lines that belong to nothing.",
			Fix: "a JSON formatter for the root logger", Add: "logs",
			when: hasModules,
			find: func(r *repository) []Finding {
				return unless(r.searched(jsonLogs()), "no log line is JSON")
			},
		},
		{
			ID: "logs-request-id", Severity: Note, Title: "Log lines tell which request they belong to",
			Why: "The lines of requests that run at the same time cannot be told apart.",
			Fix: "take X-Request-ID or make one, and add it to each record", Add: "logs",
			when: hasModules,
			find: func(r *repository) []Finding {
				return unless(r.searched(requestIDs()), "no log line has the id of its request")
			},
		},
		{
			ID: "logs-file", Severity: Warning, Title: "Logs go to standard output",
			Why: "A file in a container fills its disk, goes with it, and nobody collects it.",
			Fix: "a StreamHandler on standard output; the engine keeps and rotates it", Add: "logs",
			when: all(hasModules, hasImage), find: logFiles,
		},
		{
			ID: "logs-existing-loggers", Severity: Note, Title: "Configuring logs silences nobody",
			Why:  "dictConfig turns off every logger that exists already, unless it is told not to.",
			Fix:  "\"disable_existing_loggers\": False",
			when: hasModules, find: silencedLoggers,
		},
		{
			ID: "metrics", Severity: Warning, Title: "The service is measured",
			Why: "Without rates, errors and latencies the users are the alarm.",
			Fix: "expose /metrics, or run an agent", Add: "metrics",
			when: hasModules,
			find: func(r *repository) []Finding { return unless(r.fact("metrics") != "", "nothing measures the service") },
		},
		{
			ID: "metrics-private", Severity: Warning, Title: "Metrics are not public",
			Why: "They tell how much is sold, which paths exist and which release runs.",
			Fix: "location = /metrics { return 404; } in the proxy, or a token", Add: "proxy",
			when: all(hasNginx, made("metrics", "prometheus")), find: everyNginx(publicMetrics),
		},
		{
			ID: "health-routes", Severity: Error, Title: "The service says whether it lives and whether it is ready",
			Why: "Nobody can wait for it, restart it or take it out of the way, but by guessing.",
			Fix: "/livez answers at once, /readyz asks the database", Add: "framework",
			when: made("framework", "django", "flask", "fastapi"),
			find: func(r *repository) []Finding {
				return unless(len(r.found.Facts[detect.Health].Value) > 0, "there is no route that tells of health")
			},
		},
		{
			ID: "health-liveness", Severity: Warning, Title: "Liveness does not depend on the database",
			Why: "When the database is away for a moment, every pod is killed, and all come back at once.",
			Fix: "livenessProbe on a route that asks nobody, readinessProbe on one that asks the database", Add: "deploy=kubernetes",
			when: hasServing, find: sameProbes,
		},
		{
			ID: "alerts", Severity: Note, Title: "Somebody is told when something is wrong",
			Why: "A graph that nobody looks at wakes nobody.",
			Fix: "alert rules for errors, latency, saturation, certificates and backups", Add: "metrics",
			when: made("metrics", "prometheus"),
			find: func(r *repository) []Finding {
				there := slices.ContainsFunc(r.glob("*alert*.y{,a}ml", "*rules*.y{,a}ml", "**/prometheus/*.y{,a}ml"), func(name string) bool {
					return strings.Contains(r.text(name), "alert:")
				}) || slices.ContainsFunc(r.workloads(), func(w workload) bool { return w.Kind == "PrometheusRule" })
				return unless(there, "there are no alert rules")
			},
		},
	}
}

var (
	jsonLogs   = expression(`(?i)json_?formatter|jsonlogger|structlog|python_json_logger|ecs_logging|json_logging|class \w+\((logging\.)?Formatter\)[\s\S]*json\.dumps|serialize=True`)
	requestIDs = expression(`(?i)request_?id|correlation_?id|x-request-id|trace_?id`)
)

func prints(r *repository) (findings []Finding) {
	for _, m := range r.mentioning("print(") {
		source := m.read()
		if tool(m, source) {
			continue
		}
		for _, call := range source.Calls {
			if call.Text == "print" && !call.Main {
				findings = append(findings, m.finding(call.Value.Line, "print in the service"))
			}
		}
	}
	return findings
}

// tool reports whether a module is a program that people run: for them it prints.
func tool(m *module, source *python.Source) bool {
	for folder := range strings.SplitSeq(m.Path, "/") {
		switch folder {
		case "scripts", "bin", "tools", "commands", "management", "deploy", "migrations", "alembic", "setup.py", "noxfile.py", "tasks.py", "fabfile.py", "manage.py", "cli.py", "__main__.py":
			return true
		}
	}
	for _, call := range source.Calls {
		if call.Main {
			return true
		}
	}
	return slices.ContainsFunc(source.Imports, func(i python.Import) bool {
		return i.Module == "argparse" || i.Module == "click" || i.Module == "typer"
	})
}

func logFiles(r *repository) []Finding {
	const message = "writes logs to a file in the container"
	findings := r.calls([]string{"FileHandler"}, func(call python.Called) string {
		if strings.HasPrefix(call.Text, "logging.") && strings.HasSuffix(call.Text, "FileHandler") {
			return message
		}
		return ""
	})
	for _, m := range r.settingsModules("FileHandler") {
		for _, text := range m.read().Strings {
			if strings.HasPrefix(text.Text, "logging.") && strings.HasSuffix(text.Text, "FileHandler") {
				findings = append(findings, m.finding(text.Line, message))
			}
		}
	}
	return findings
}

func silencedLoggers(r *repository) []Finding {
	findings := r.assignments([]string{"disable_existing_loggers"}, func(a python.Assignment) string {
		if value, found := a.Value.Lookup("disable_existing_loggers"); found && isTrue(value) {
			return "turns every logger off that exists already"
		}
		return ""
	})
	return append(findings, r.calls([]string{"dictConfig"}, func(call python.Called) string {
		if !strings.HasSuffix(call.Text, "dictConfig") || len(call.Items) == 0 || call.Items[0].Kind != python.Dict {
			return ""
		}
		value, found := call.Items[0].Lookup("disable_existing_loggers")
		if !found || isTrue(value) {
			return "turns every logger off that exists already"
		}
		return ""
	})...)
}

// publicMetrics looks for a location that everything is passed on by, and none that keeps the metrics back.
func publicMetrics(c config) (findings []Finding) {
	for _, location := range c.find("location") {
		if strings.Contains(location.Text(), "metrics") {
			return nil
		}
	}
	for _, location := range c.find("location") {
		if location.Is("location", "/") && len(directive.Find(location.Block, "proxy_pass"))+len(directive.Find(location.Block, "uwsgi_pass")) > 0 {
			findings = append(findings, place(location, "passes /metrics on to everybody"))
		}
	}
	return findings
}

func sameProbes(r *repository) (findings []Finding) {
	for _, w := range r.serving() {
		for _, c := range w.containers() {
			live := c.Get("livenessProbe", "httpGet", "path")
			if live.Text() != "" && live.Text() == c.Get("readinessProbe", "httpGet", "path").Text() {
				findings = append(findings, w.finding(live, "is killed when it is not ready: both probes ask "+live.Text()))
			}
		}
	}
	return findings
}
