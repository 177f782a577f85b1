package check

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kitout/kitout/generator/internal/directive"
	"github.com/kitout/kitout/generator/internal/ini"
	"github.com/kitout/kitout/generator/internal/python"
)

func serving() []Rule {
	return slices.Concat(serverRules(), proxyRules())
}

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
		if !slices.ContainsFunc(s.commands(), isServer) && !(r.isFinal(s) && !s.value("command").There()) {
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

func proxyRules() []Rule {
	return []Rule{
		{
			ID: "proxy-tls", Severity: Error, Title: "What is published speaks HTTPS",
			Why: "By plain HTTP everyone on the way reads and changes passwords, cookies and pages.",
			Fix: "a certificate by ACME, and a redirect from HTTP", Add: "proxy --domain HOST",
			when: either(hasNginx, hasApache), find: plainHTTP,
		},
		{
			ID: "proxy-tls-protocols", Severity: Error, Title: "Only TLS 1.2 and 1.3 are spoken",
			Why:  "Older protocols are broken, and forbidden by RFC 8996.",
			Fix:  "ssl_protocols TLSv1.2 TLSv1.3; or SSLProtocol -all +TLSv1.2 +TLSv1.3",
			when: either(hasNginx, hasApache), find: oldProtocols,
		},
		{
			ID: "proxy-redirect", Severity: Warning, Title: "Plain HTTP leads to HTTPS",
			Why:  "Who types the bare name stays on plain HTTP.",
			Fix:  "return 308 https://your.host$request_uri; in the server on port 80",
			when: hasNginx, find: everyNginx(noRedirect),
		},
		{
			ID: "proxy-version", Severity: Note, Title: "The proxy does not tell its version",
			Why: "It says to every scanner which flaws to try.",
			Fix: "server_tokens off; or ServerTokens Prod", Add: "proxy",
			when: either(hasNginx, hasApache), find: versions,
		},
		{
			ID: "proxy-body-limit", Severity: Note, Title: "The size of a request is limited on purpose",
			Why: "nginx' default of 1 MB refuses uploads that should work, and no limit at all fills the disk.",
			Fix: "client_max_body_size with the application's own limit", Add: "proxy",
			when: hasNginx, find: everyNginx(bodyLimit),
		},
		{
			ID: "proxy-timeouts", Severity: Note, Title: "The proxy waits longer than the server, and not for ever",
			Why: "The default of 60 seconds has nothing to do with what the server allows: errors come from the wrong side.",
			Fix: "proxy_read_timeout a little above the server's timeout", Add: "proxy",
			when: hasNginx, find: everyNginx(proxyTimeouts),
		},
		{
			ID: "proxy-forwarded-for", Severity: Warning, Title: "The proxy says who asks, and nobody else does",
			Why: "$proxy_add_x_forwarded_for passes on what the client claims to be; without the headers all requests come from the proxy.",
			Fix: "proxy_set_header X-Forwarded-For $remote_addr; and Host, X-Forwarded-Proto", Add: "proxy",
			when: hasNginx, find: everyNginx(forwardedFor),
		},
		{
			ID: "proxy-lost-headers", Severity: Warning, Title: "No block of nginx loses the security headers",
			Why: "A block with an add_header of its own inherits none of those above it.",
			Fix: "put the headers into a file, and include it in such blocks as well", Add: "proxy",
			when: hasNginx, find: everyNginx(lostHeaders),
		},
		{
			ID: "proxy-alias", Severity: Error, Title: "No location of nginx leads out of its folder",
			Why:  "location /static with alias /srv/static/ serves /static../settings.py as well.",
			Fix:  "end both with a slash",
			when: hasNginx, find: everyNginx(aliasTraversal),
		},
		{
			ID: "proxy-listing", Severity: Warning, Title: "Folders are not listed",
			Why:  "Whoever looks finds backups and uploads that nobody linked to.",
			Fix:  "autoindex off; or Options -Indexes",
			when: either(hasNginx, hasApache), find: listings,
		},
	}
}

// withTLS reports whether a server of nginx has a certificate, or a virtual host of Apache.
func (r *repository) withTLS() bool {
	for _, c := range r.nginx() {
		for _, listen := range c.find("listen") {
			if slices.Contains(listen.Args, "ssl") || slices.Contains(listen.Args, "quic") {
				return true
			}
		}
	}
	return slices.ContainsFunc(r.apache(), func(c config) bool { return len(c.find("SSLEngine")) > 0 })
}

func plainHTTP(r *repository) (findings []Finding) {
	if r.withTLS() {
		return nil
	}
	published := false
	for _, s := range r.services() {
		if name := s.value("build", "target").Text() + " " + s.image(); !strings.Contains(name, "nginx") && !strings.Contains(name, "proxy") && !strings.Contains(name, "httpd") && !strings.Contains(s.Name, "proxy") {
			continue
		}
		for _, port := range s.ports() {
			published = true
			if port.everywhere() && !fronted(s) {
				finding := s.finding("publishes plain HTTP, and no certificate is configured", "ports")
				finding.Line = port.Line()
				findings = append(findings, finding)
			}
		}
	}
	if published {
		return findings
	}
	for _, c := range r.nginx() {
		for _, listen := range c.find("listen") {
			if listen.Is("listen", "80") || listen.Is("listen", "[::]:80") {
				return []Finding{place(listen, "plain HTTP, and no certificate is configured")}
			}
		}
	}
	for _, c := range r.apache() {
		for _, host := range c.find("VirtualHost") {
			if strings.HasSuffix(host.Text(), ":80") {
				return []Finding{place(host, "plain HTTP, and no certificate is configured")}
			}
		}
	}
	return nil
}

// fronted reports whether labels say that another proxy stands before a service.
func fronted(s service) bool {
	labels := strings.Join(s.value("labels").Words(), " ")
	return strings.Contains(labels, "traefik") || s.value("labels", "traefik.enable").There()
}

func oldProtocols(r *repository) (findings []Finding) {
	for _, c := range append(r.nginx(), r.apache()...) {
		for _, d := range append(c.find("ssl_protocols"), c.find("SSLProtocol")...) {
			on := false
			for _, word := range d.Args {
				name := strings.TrimPrefix(strings.ToLower(word), "+")
				on = on || name == "sslv2" || name == "sslv3" || name == "tlsv1" || name == "tlsv1.0" || name == "tlsv1.1"
			}
			words := strings.Fields(strings.ToLower(d.Text()))
			if slices.Contains(words, "all") && (!slices.Contains(words, "-tlsv1") || !slices.Contains(words, "-tlsv1.1")) {
				on = true
			}
			if on {
				findings = append(findings, place(d, "a broken protocol is on"))
			}
		}
	}
	return findings
}

func noRedirect(c config) (findings []Finding) {
	if !slices.ContainsFunc(c.find("listen"), func(d directive.Directive) bool { return slices.Contains(d.Args, "ssl") }) {
		return nil
	}
	for _, server := range c.find("server") {
		plain := slices.ContainsFunc(server.Block, func(d directive.Directive) bool { return d.Is("listen", "80") || d.Is("listen", "[::]:80") })
		secure := slices.ContainsFunc(server.Block, func(d directive.Directive) bool { return d.Name == "listen" && slices.Contains(d.Args, "ssl") })
		if plain && !secure && len(directive.Find(server.Block, "proxy_pass")) > 0 {
			findings = append(findings, place(server, "serves the application by plain HTTP"))
		}
	}
	return findings
}

func versions(r *repository) (findings []Finding) {
	for _, c := range r.nginx() {
		if len(c.find("proxy_pass"))+len(c.find("uwsgi_pass")) > 0 && !slices.ContainsFunc(c.find("server_tokens"), func(d directive.Directive) bool { return d.Is("server_tokens", "off") }) {
			findings = append(findings, Finding{Path: c.Path, Message: "server_tokens is not off"})
		}
	}
	for _, c := range r.apache() {
		if !slices.ContainsFunc(c.find("ServerTokens"), func(d directive.Directive) bool { return strings.HasPrefix(strings.ToLower(d.Text()), "prod") }) {
			findings = append(findings, Finding{Path: c.Path, Message: "ServerTokens is not Prod"})
		}
	}
	return findings
}

func passesOn(c config) bool { return len(c.find("proxy_pass"))+len(c.find("uwsgi_pass")) > 0 }

func bodyLimit(c config) []Finding {
	limits := c.find("client_max_body_size")
	switch {
	case passesOn(c) && len(limits) == 0:
		return []Finding{{Path: c.Path, Message: "client_max_body_size is not set"}}
	case len(limits) > 0 && limits[0].Is("client_max_body_size", "0"):
		return []Finding{place(limits[0], "requests have no limit")}
	}
	return nil
}

func proxyTimeouts(c config) []Finding {
	if passesOn(c) && len(c.find("proxy_read_timeout"))+len(c.find("uwsgi_read_timeout")) == 0 {
		return []Finding{{Path: c.Path, Message: "proxy_read_timeout is not set"}}
	}
	return nil
}

func forwardedFor(c config) (findings []Finding) {
	set := map[string]bool{}
	for _, d := range c.find("proxy_set_header") {
		if len(d.Args) < 2 {
			continue
		}
		set[strings.ToLower(d.Args[0])] = true
		if strings.EqualFold(d.Args[0], "X-Forwarded-For") && d.Args[1] == "$proxy_add_x_forwarded_for" && len(c.find("set_real_ip_from")) == 0 {
			findings = append(findings, place(d, "passes on what the client claims"))
		}
	}
	if passes := c.find("proxy_pass"); len(passes) > 0 && (!set["host"] || !set["x-forwarded-proto"]) {
		findings = append(findings, place(passes[0], "Host and X-Forwarded-Proto are not passed on"))
	}
	return findings
}

// protective are the headers that must not get lost.
func protective(directives []directive.Directive) map[string]bool {
	names := map[string]bool{}
	for _, d := range directives {
		if d.Name != "add_header" || len(d.Args) == 0 {
			continue
		}
		switch name := strings.ToLower(d.Args[0]); name {
		case "x-content-type-options", "x-frame-options", "content-security-policy", "strict-transport-security":
			names[name] = true
		}
	}
	return names
}

func lostHeaders(c config) (findings []Finding) {
	directive.Walk(c.Directives, func(d directive.Directive, in []directive.Directive) {
		own := slices.IndexFunc(d.Block, func(inner directive.Directive) bool { return inner.Name == "add_header" })
		if own < 0 || len(in) == 0 {
			return
		}
		kept := protective(d.Block)
		for i := len(in) - 1; i >= 0; i-- {
			inherited := protective(in[i].Block)
			for name := range inherited {
				if !kept[name] {
					findings = append(findings, place(d.Block[own], "drops the headers that are set above"))
					return
				}
			}
			if len(inherited) > 0 {
				return
			}
		}
	})
	return findings
}

func aliasTraversal(c config) (findings []Finding) {
	for _, location := range c.find("location") {
		if len(location.Args) != 1 || strings.HasSuffix(location.Args[0], "/") {
			continue // exact and regular ones do not lead out
		}
		for _, d := range location.Block {
			if d.Name == "alias" && strings.HasSuffix(d.Text(), "/") {
				findings = append(findings, place(location, "leads out of "+d.Text()))
			}
		}
	}
	return findings
}

func listings(r *repository) (findings []Finding) {
	for _, c := range r.nginx() {
		for _, d := range c.find("autoindex") {
			if d.Is("autoindex", "on") {
				findings = append(findings, place(d, "lists its folders"))
			}
		}
	}
	for _, c := range r.apache() {
		for _, d := range c.find("Options") {
			if slices.Contains(d.Args, "Indexes") || slices.Contains(d.Args, "+Indexes") || slices.Contains(d.Args, "All") {
				findings = append(findings, place(d, "lists its folders"))
			}
		}
	}
	return findings
}
