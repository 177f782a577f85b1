package check

import (
	"slices"
	"strings"

	"github.com/kitout/kitout/generator/internal/directive"
)

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
