package check

import (
	"path"
	"strings"
)

func composeRules() []Rule {
	return []Rule{
		{
			ID: "compose-limits", Severity: Warning, Title: "Every container has a limit of memory",
			Why: "One that leaks takes the machine down with all the others.",
			Fix: "set deploy.resources.limits.memory", Add: "deploy",
			when: hasServices,
			find: stays("has no limit of memory", func(s service) bool {
				return s.value("deploy", "resources", "limits", "memory").There() || s.value("mem_limit").There()
			}),
		},
		{
			ID: "compose-restart", Severity: Warning, Title: "Containers come back after a crash",
			Why:  "Without a policy the service stays down until somebody notices, and after each reboot.",
			Fix:  "set restart: unless-stopped",
			when: hasServices,
			find: stays("does not restart", func(s service) bool {
				return s.value("restart").There() || s.value("deploy", "restart_policy").There()
			}),
		},
		{
			ID: "compose-database-port", Severity: Error, Title: "The database is not reachable from outside",
			Why:  "A published port passes the machine's firewall: everyone can try passwords.",
			Fix:  "remove ports: containers reach it by name; for yourself publish 127.0.0.1:5432:5432",
			when: hasServices, find: publishedStores,
		},
		{
			ID: "compose-secret", Severity: Error, Title: "No secret stands in the Compose file",
			Why: "It is committed: everyone who reads the repository has it.",
			Fix: "take it from the environment, ${NAME:?set it}, or from a file with secrets:", Add: "secrets",
			when: hasServices, find: composeSecrets,
		},
		{
			ID: "compose-depends", Severity: Warning, Title: "Services wait until what they need is healthy",
			Why:  "A database that has started does not answer yet: the application fails, or migrates half.",
			Fix:  "depends_on with condition: service_healthy, and a healthcheck on the other side",
			when: hasServices, find: startsTooEarly,
		},
		{
			ID: "compose-privileged", Severity: Error, Title: "No container has the powers of the machine",
			Why:  "privileged and the host's namespaces undo the walls of the container.",
			Fix:  "remove it, and add the one capability that is needed",
			when: hasServices, find: privileged,
		},
		{
			ID: "compose-docker-socket", Severity: Error, Title: "No container controls Docker",
			Why:  "Who can write to that socket is root on the machine.",
			Fix:  "put a proxy in between that allows the few calls that are needed, or do without",
			when: hasServices, find: dockerSocket,
		},
		{
			ID: "compose-image-tag", Severity: Warning, Title: "Images have a version",
			Why:  "latest may be another major version of the database after the next pull, which does not read the data.",
			Fix:  "name the version, such as postgres:18",
			when: hasServices, find: composeTags,
		},
		{
			ID: "compose-logging", Severity: Note, Title: "Container logs cannot fill the disk",
			Why: "Docker keeps everything for ever by default; a full disk stops the database.",
			Fix: "logging with max-size and max-file", Add: "deploy",
			when: hasServices,
			find: stays("keeps its log for ever", func(s service) bool { return s.value("logging").There() }),
		},
		{
			ID: "compose-hardened", Severity: Note, Title: "Containers of the application cannot gain rights",
			Why: "A flaw in the application gives what the container may do: with all capabilities, much.",
			Fix: "cap_drop: [ALL] and security_opt: [no-new-privileges:true]", Add: "deploy",
			when: hasServices, find: softContainers,
		},
		{
			ID: "compose-code-mount", Severity: Warning, Title: "Production runs the code of the image",
			Why:  "A mounted folder hides what was built and tested: what runs is what happens to lie on the machine.",
			Fix:  "mount the code in compose.override.yaml, which is for development",
			when: hasServices, find: mountedCode,
		},
		{
			ID: "compose-store-health", Severity: Warning, Title: "Databases have a health check",
			Why:  "Nothing can wait for one, and nothing tells when it is gone.",
			Fix:  "healthcheck with pg_isready, mysqladmin ping or the like",
			when: hasServices, find: storesWithoutHealth,
		},
	}
}

// stays judges the services that do not end by themselves.
func stays(message string, holds func(service) bool) func(*repository) []Finding {
	return func(r *repository) []Finding {
		return r.eachService(func(s service) []Finding {
			if holds(s) || s.oneShot() {
				return nil
			}
			return []Finding{s.finding(message)}
		})
	}
}

func publishedStores(r *repository) []Finding {
	return r.eachService(func(s service) (findings []Finding) {
		for _, port := range s.ports() {
			if port.everywhere() && (s.isStore() || databasePorts[port.Target] && !s.isApplication()) {
				finding := s.finding("publishes "+port.Target+" to everyone who reaches the machine", "ports")
				finding.Line = port.Line()
				findings = append(findings, finding)
			}
		}
		return findings
	})
}

func composeSecrets(r *repository) []Finding {
	return r.eachService(func(s service) (findings []Finding) {
		for _, variable := range s.environment() {
			if isSecret(variable.Name) && isLiteral(variable.Value) || withPassword(defaults(variable.Value)) != "" && !strings.Contains(withPassword(defaults(variable.Value)), "$") ||
				isSecret(variable.Name) && isLiteral(defaults(variable.Value)) {
				findings = append(findings, Finding{Path: variable.Path, Line: variable.Line, Message: s.Name + " has " + variable.Name + " written out"})
			}
		}
		return findings
	})
}

func startsTooEarly(r *repository) []Finding {
	stores := map[string]bool{}
	for _, s := range r.services() {
		stores[s.Name] = s.isStore()
	}
	return r.eachService(func(s service) (findings []Finding) {
		needs := s.value("depends_on")
		for _, item := range needs.Items() {
			if stores[item.Text()] {
				finding := s.finding("does not wait until "+item.Text()+" is healthy", "depends_on")
				finding.Line = item.Line()
				findings = append(findings, finding)
			}
		}
		for _, pair := range needs.Pairs() {
			if condition := pair.Value.Get("condition").Text(); stores[pair.Key] && condition != "service_healthy" && condition != "service_completed_successfully" {
				finding := s.finding("does not wait until "+pair.Key+" is healthy", "depends_on")
				finding.Line = pair.Line
				findings = append(findings, finding)
			}
		}
		return findings
	})
}

func privileged(r *repository) []Finding {
	return r.eachService(func(s service) (findings []Finding) {
		if s.value("privileged").True() {
			findings = append(findings, s.finding("is privileged", "privileged"))
		}
		for _, key := range []string{"network_mode", "pid", "ipc"} {
			if s.value(key).Text() == "host" {
				findings = append(findings, s.finding("shares the machine's "+key, key))
			}
		}
		for _, capability := range s.value("cap_add").Words() {
			if capability == "SYS_ADMIN" || capability == "ALL" {
				findings = append(findings, s.finding("adds "+capability, "cap_add"))
			}
		}
		return findings
	})
}

func dockerSocket(r *repository) []Finding {
	return r.eachService(func(s service) (findings []Finding) {
		for _, item := range s.value("volumes").Items() {
			if strings.Contains(item.Text(), "docker.sock") || strings.Contains(item.Get("source").Text(), "docker.sock") {
				finding := s.finding("controls Docker", "volumes")
				finding.Line = item.Line()
				findings = append(findings, finding)
			}
		}
		return findings
	})
}

func composeTags(r *repository) []Finding {
	built := map[string]bool{}
	for _, s := range r.services() {
		if s.isApplication() {
			built[s.image()] = true
		}
	}
	return r.eachService(func(s service) []Finding {
		if built[s.image()] {
			return nil
		}
		if problem := unpinned(s.image()); problem != "" {
			return []Finding{s.finding("runs an image without a version: "+problem, "image")}
		}
		return nil
	})
}

func softContainers(r *repository) []Finding {
	return r.eachService(func(s service) []Finding {
		if !s.isApplication() || s.value("cap_drop").There() && strings.Contains(strings.Join(s.value("security_opt").Words(), " "), "no-new-privileges") {
			return nil
		}
		return []Finding{s.finding("keeps Docker's default capabilities, or may gain more")}
	})
}

func mountedCode(r *repository) []Finding {
	return r.eachService(func(s service) (findings []Finding) {
		for _, item := range s.value("volumes").Items() {
			source := item.Get("source").Text()
			if source == "" {
				source, _, _ = strings.Cut(item.Text(), ":")
			}
			if clean := path.Clean(source); s.isApplication() && (clean == "." || clean == ".." || clean == "$PWD" || clean == "${PWD}") {
				finding := s.finding("runs the code of the folder, not of the image", "volumes")
				finding.Line = item.Line()
				findings = append(findings, finding)
			}
		}
		return findings
	})
}

func storesWithoutHealth(r *repository) []Finding {
	return r.eachService(func(s service) []Finding {
		if !s.isStore() || s.value("healthcheck").There() {
			return nil
		}
		return []Finding{s.finding("has no health check")}
	})
}
