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
			when: hasModules, looks: []look{{words: []string{"print("}, judge: prints}},
		},
		{
			ID: "logs-json", Severity: Warning, Title: "Log lines are JSON",
			Why: "Other lines have to be guessed apart: a stack trace becomes fifty lines that belong to nothing.",
			Fix: "a JSON formatter for the root logger", Add: "logs",
			when: hasModules, words: jsonLogs,
			find: func(r *repository) []Finding { return unless(r.says(jsonLogs...), "no log line is JSON") },
		},
		{
			ID: "logs-request-id", Severity: Note, Title: "Log lines tell which request they belong to",
			Why: "The lines of requests that run at the same time cannot be told apart.",
			Fix: "take X-Request-ID or make one, and add it to each record", Add: "logs",
			when: hasModules, words: requestIDs,
			find: func(r *repository) []Finding {
				return unless(r.says(requestIDs...), "no log line has the id of its request")
			},
		},
		{
			ID: "logs-file", Severity: Warning, Title: "Logs go to standard output",
			Why: "A file in a container fills its disk, goes with it, and nobody collects it.",
			Fix: "a StreamHandler on standard output; the engine keeps and rotates it", Add: "logs",
			when:  all(hasModules, hasImage),
			looks: []look{{words: []string{"FileHandler"}, settings: true, judge: logFiles}},
		},
		{
			ID: "logs-existing-loggers", Severity: Note, Title: "Configuring logs silences nobody",
			Why:   "dictConfig turns off every logger that exists already, unless it is told not to.",
			Fix:   "\"disable_existing_loggers\": False",
			when:  hasModules,
			looks: []look{assignments([]string{"disable_existing_loggers"}, silencing), calls([]string{"dictConfig"}, silencingCall)},
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
			Why:  "Nobody can wait for it, restart it or take it out of the way, but by guessing.",
			Fix:  "/livez answers at once, /readyz asks the database",
			when: made("framework", "django", "flask", "fastapi"), words: healthPaths,
			find: func(r *repository) []Finding {
				return unless(len(r.found.Facts[detect.Health].Value) > 0 || r.says(healthPaths...), "there is no route that tells of health")
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
	jsonLogs = []string{
		"JsonFormatter", "JSONFormatter", "JsonLog", "JSONLog", "jsonlogger", "json_log", "json_formatter", "jsonformatter", "structlog", "ecs_logging",
		"serialize=True", //nolint:misspell // loguru spells it so
	}
	requestIDs = []string{
		"request_id", "request-id", "Request-ID", "Request-Id", "REQUEST_ID", "requestId", "correlation_id", "correlation-id", "Correlation-ID", "trace_id", "traceparent",
	}
)

// healthPaths are routes that are named by a constant, which detection does not follow.
var healthPaths = []string{"/livez", "/readyz", "/healthz", "/health", "/_health", "/ready", "/alive"}

func prints(_ *repository, m *module) (findings []Finding) {
	source := m.read()
	if tool(m, source) {
		return nil
	}
	for _, call := range source.Calls {
		if call.Text == "print" && !call.Main && !m.excused(call.Value.Line) {
			findings = append(findings, m.finding(call.Value.Line, "print in the service"))
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

func logFiles(_ *repository, m *module) (findings []Finding) {
	isHandler := func(name string) bool {
		return strings.HasPrefix(name, "logging.") && strings.HasSuffix(name, "FileHandler")
	}
	for _, call := range m.read().Calls {
		if isHandler(call.Text) {
			findings = append(findings, m.finding(call.Value.Line, "writes logs to a file in the container"))
		}
	}
	for _, text := range m.read().Strings {
		if isHandler(text.Text) {
			findings = append(findings, m.finding(text.Line, "writes logs to a file in the container"))
		}
	}
	return findings
}

func silencing(_ *repository, a python.Assignment) string {
	if value, found := a.Value.Lookup("disable_existing_loggers"); found && isTrue(value) {
		return "turns every logger off that exists already"
	}
	return ""
}

func silencingCall(call python.Called) string {
	if !strings.HasSuffix(call.Text, "dictConfig") || len(call.Items) == 0 || call.Items[0].Kind != python.Dict {
		return ""
	}
	if value, found := call.Items[0].Lookup("disable_existing_loggers"); !found || isTrue(value) {
		return "turns every logger off that exists already"
	}
	return ""
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
