package check

import (
	"path"
	"slices"
	"strings"

	"github.com/kitout/kitout/generator/internal/dockerfile"
	"github.com/kitout/kitout/generator/internal/document"
	"github.com/kitout/kitout/generator/internal/ignore"
	"github.com/kitout/kitout/generator/internal/lazy"
	"github.com/kitout/kitout/generator/internal/shell"
)

func containers() []Rule {
	return slices.Concat(imageRules(), composeRules(), kubernetesRules())
}

func imageRules() []Rule {
	return []Rule{
		{
			ID: "image", Severity: Error, Title: "The service is built into a container image",
			Why: "Without one, every machine is set up by hand, and no two are the same.",
			Fix: "write a Dockerfile", Add: "deploy",
			when: hasModules,
			find: func(r *repository) []Finding { return unless(hasImage(r), "there is no Dockerfile") },
		},
		{
			ID: "image-non-root", Severity: Error, Title: "The image does not run as root",
			Why: "Who breaks into the process as root has the container, and is one flaw of the kernel away from the machine.",
			Fix: "create a user and end the last stage with USER 10001:10001", Add: "deploy",
			when: hasImage, find: everyImage(runsAsRoot),
		},
		{
			ID: "image-base-tag", Severity: Warning, Title: "Base images have a version",
			Why:  "latest is another image next month: a build that worked fails, or works differently.",
			Fix:  "name the version, such as python:3.14-slim, and let Dependabot renew it",
			when: hasImage, find: everyImage(baseTags),
		},
		{
			ID: "image-health", Severity: Warning, Title: "The container says whether it is healthy",
			Why: "A process that hangs is left running, and gets requests.",
			Fix: "add a HEALTHCHECK that fails on an error status", Add: "deploy",
			when: all(hasImage, func(r *repository) bool { return !hasServing(r) }), find: noHealth,
		},
		{
			ID: "image-health-status", Severity: Warning, Title: "The health check fails on an error status",
			Why:  "curl without --fail is content with a 500: a broken service counts as healthy.",
			Fix:  "curl --fail, or Python's urlopen",
			when: hasImage, find: weakHealth,
		},
		{
			ID: "image-secret", Severity: Error, Title: "No secret is built into the image",
			Why:  "ENV and ARG stay in the image's history: everyone who can pull it reads them.",
			Fix:  "pass it when the container starts; for the build use RUN --mount=type=secret",
			when: hasImage, find: everyImage(builtSecrets),
		},
		{
			ID: "image-multi-stage", Severity: Note, Title: "Compilers stay out of the image",
			Why: "They make it larger and help whoever breaks in.",
			Fix: "build in one stage and copy the virtual environment into another one", Add: "deploy",
			when: hasImage, find: everyImage(compilers),
		},
		{
			ID: "image-context", Severity: Error, Title: "The build gets no secrets and no history",
			Why: "COPY . takes .env and .git into a layer, where they stay even if a later layer deletes them.",
			Fix: "write a .dockerignore with .env and .git, or copy named folders", Add: "deploy",
			when: all(hasImage, copiesAll), find: leakingContext,
		},
		{
			ID: "image-add", Severity: Note, Title: "Files come into the image by COPY, downloads with a checksum",
			Why:  "ADD takes from the network whatever is there today, and unpacks archives unasked.",
			Fix:  "COPY for files; ADD --checksum=sha256:… for downloads",
			when: hasImage, find: everyImage(adds),
		},
		{
			ID: "image-apt-lists", Severity: Note, Title: "The image holds no package lists",
			Why:  "They are some 40 MB of what nobody reads, and tell which flaws are not mended.",
			Fix:  "end the same RUN with rm -rf /var/lib/apt/lists/*, and install with --no-install-recommends",
			when: hasImage, find: everyImage(aptLists),
		},
		{
			ID: "image-exec-form", Severity: Error, Title: "The server gets the signal to stop",
			Why:  "A shell as process 1 does not pass SIGTERM on: requests in flight are cut off, and each stop takes the whole grace period.",
			Fix:  "write CMD [\"gunicorn\", …], or start the server with exec",
			when: hasImage, find: everyImage(shellForm),
		},
		{
			ID: "image-pip-cache", Severity: Note, Title: "The image holds no cache of the installer",
			Why:  "It doubles what the packages take.",
			Fix:  "pip install --no-cache-dir, or RUN --mount=type=cache",
			when: hasImage, find: everyImage(pipCache),
		},
		{
			ID: "image-layer-order", Severity: Note, Title: "Packages are installed before the code is copied",
			Why:  "Otherwise each change of a line installs everything again.",
			Fix:  "COPY the lock first, install, then COPY the rest",
			when: hasImage, find: everyImage(layerOrder),
		},
		{
			ID: "image-unbuffered", Severity: Note, Title: "Output leaves the container at once",
			Why:  "Python keeps lines back when it writes to a pipe: the last ones before a crash are lost.",
			Fix:  "ENV PYTHONUNBUFFERED=1",
			when: hasImage, find: everyImage(buffered),
		},
		{
			ID: "image-download", Severity: Warning, Title: "Nothing from the network is run unseen",
			Why:  "Who controls that server, or the way to it, controls the image.",
			Fix:  "install a package with a version, or check the download's checksum",
			when: hasImage, find: everyImage(pipedShell),
		},
	}
}

// everyImage judges each image.
func everyImage(judge func(image) []Finding) func(*repository) []Finding {
	return func(r *repository) (findings []Finding) {
		for _, image := range r.images() {
			findings = append(findings, judge(image)...)
		}
		return findings
	}
}

func runsAsRoot(i image) []Finding {
	if !i.runs() {
		return nil
	}
	user := i.Last("USER")
	if user == nil {
		if base := i.Final()[0].Image; strings.Contains(base, "nonroot") || strings.Contains(base, "unprivileged") || strings.HasPrefix(base, "$") {
			return nil
		}
		return []Finding{i.finding(i.lastLine(), "no USER: the last stage runs as root")}
	}
	if name, _, _ := strings.Cut(user.Text, ":"); name == "root" || name == "0" {
		return []Finding{i.finding(user.Line, "runs as root")}
	}
	return nil
}

func baseTags(i image) (findings []Finding) {
	for n, stage := range i.Stages {
		if !i.External(n) {
			continue
		}
		if problem := unpinned(i.Expand(stage.Image)); problem != "" {
			findings = append(findings, i.finding(stage.From.Line, problem))
		}
	}
	return findings
}

func noHealth(r *repository) (findings []Finding) {
	if slices.ContainsFunc(r.services(), func(s service) bool { return s.isApplication() && s.value("healthcheck", "test").There() }) {
		return nil
	}
	for _, i := range r.images() {
		if check := i.Last("HEALTHCHECK"); i.runs() && (check == nil || strings.EqualFold(check.Text, "NONE")) {
			findings = append(findings, i.finding(i.lastLine(), "no HEALTHCHECK"))
		}
	}
	return findings
}

func weakHealth(r *repository) (findings []Finding) {
	weak := func(text string) bool {
		return strings.Contains(text, "curl ") && !strings.Contains(text, "--fail") && !weakCurl().MatchString(text)
	}
	for _, i := range r.images() {
		if check := i.Last("HEALTHCHECK"); check != nil && weak(plainWords(check.Text)) {
			findings = append(findings, i.finding(check.Line, "curl without --fail passes on a 500"))
		}
	}
	return append(findings, r.eachService(func(s service) []Finding {
		test := s.value("healthcheck", "test")
		if text := strings.Join(append(test.Words(), test.Text()), " "); weak(text) {
			return []Finding{s.finding("has a health check by curl without --fail, which passes on a 500", "healthcheck", "test")}
		}
		return nil
	})...)
}

var weakCurl = lazy.Regexp(`curl\s+(\S+\s+)*-[a-zA-Z]*f`)

// plainWords takes the brackets and quotes of the exec form away.
func plainWords(text string) string {
	return strings.NewReplacer(`["`, "", `"]`, "", `", "`, " ", `","`, " ").Replace(text)
}

func builtSecrets(i image) (findings []Finding) {
	for _, instruction := range append(i.All(), i.Global...) {
		if instruction.Name != "ENV" && instruction.Name != "ARG" {
			continue
		}
		for _, pair := range instruction.Pairs() {
			if isSecret(pair[0]) && isLiteral(pair[1]) || withPassword(pair[1]) != "" {
				findings = append(findings, i.finding(instruction.Line, instruction.Name+" "+pair[0]+" holds a secret"))
			} else if isSecret(pair[0]) && instruction.Name == "ARG" {
				findings = append(findings, i.finding(instruction.Line, "ARG "+pair[0]+" stays in the image's history"))
			}
		}
	}
	return findings
}

// compilerPackages are what builds extension modules.
var compilerPackages = []string{"build-essential", "gcc", "g++", "make", "libpq-dev", "default-libmysqlclient-dev", "python3-dev", "build-base", "musl-dev", "git"}

func compilers(i image) (findings []Finding) {
	for _, stage := range i.Final() {
		for _, instruction := range stage.Instructions {
			if instruction.Name != "RUN" {
				continue
			}
			words := strings.Fields(instruction.Text + " " + instruction.Document)
			installs := slices.Contains(words, "install") || slices.Contains(words, "add")
			removes := slices.Contains(words, "purge") || slices.Contains(words, "remove") || slices.Contains(words, "del")
			for _, name := range compilerPackages {
				if installs && !removes && slices.Contains(words, name) {
					findings = append(findings, i.finding(instruction.Line, "the image that runs keeps "+name))
					break
				}
			}
		}
	}
	return findings
}

// copiesAll reports whether an image takes the whole folder.
func copiesAll(r *repository) bool { return len(r.allCopies()) > 0 }

func (r *repository) allCopies() (findings []Finding) {
	for _, i := range r.images() {
		for _, instruction := range i.All() {
			words := strings.Fields(instruction.Text)
			if instruction.Exec != nil {
				words = instruction.Exec
			}
			from := slices.ContainsFunc(instruction.Flags, func(flag string) bool { return strings.HasPrefix(flag, "--from") })
			if (instruction.Name == "COPY" || instruction.Name == "ADD") && !from && len(words) > 1 && (words[0] == "." || words[0] == "./") {
				findings = append(findings, i.finding(instruction.Line, ""))
			}
		}
	}
	return findings
}

func leakingContext(r *repository) []Finding {
	copies := r.allCopies()
	var kept []Finding
	for _, finding := range copies {
		rules, found := r.dockerignore(finding.Path)
		switch {
		case !found:
			finding.Message = "takes everything, and there is no .dockerignore"
		case !ignore.Docker(rules, ".env"):
			finding.Message = "takes .env, which .dockerignore does not name"
		case !ignore.Docker(rules, ".git"):
			finding.Message = "takes .git, which .dockerignore does not name"
		default:
			continue
		}
		kept = append(kept, finding)
	}
	return kept
}

// dockerignore is the file that counts for a Dockerfile: one of its own, or that of a folder above.
func (r *repository) dockerignore(file string) (string, bool) {
	if data, found := r.tree.Text(file + ".dockerignore"); found {
		return string(data), true
	}
	for folder := path.Dir(file); ; folder = path.Dir(folder) {
		if data, found := r.tree.Text(path.Join(folder, ".dockerignore")); found {
			return string(data), true
		}
		if folder == "." || folder == "/" {
			return "", false
		}
	}
}

func adds(i image) (findings []Finding) {
	for _, instruction := range i.All() {
		if instruction.Name != "ADD" {
			continue
		}
		remote := strings.Contains(instruction.Text, "://")
		checked := slices.ContainsFunc(instruction.Flags, func(flag string) bool { return strings.HasPrefix(flag, "--checksum") })
		switch {
		case remote && !checked:
			findings = append(findings, i.finding(instruction.Line, "a download without a checksum"))
		case !remote && !strings.Contains(instruction.Text, ".tar"):
			findings = append(findings, i.finding(instruction.Line, "ADD where COPY does"))
		}
	}
	return findings
}

func aptLists(i image) (findings []Finding) {
	for _, stage := range i.Final() {
		for _, instruction := range stage.Instructions {
			text := instruction.Text + "\n" + instruction.Document
			if instruction.Name != "RUN" || !strings.Contains(text, "apt-get") && !strings.Contains(text, "apt ") || !strings.Contains(text, " install") {
				continue
			}
			cached := slices.ContainsFunc(instruction.Flags, func(flag string) bool { return strings.Contains(flag, "/var/lib/apt") })
			if !cached && !strings.Contains(text, "/var/lib/apt/lists") {
				findings = append(findings, i.finding(instruction.Line, "the package lists stay in the layer"))
			}
		}
	}
	return findings
}

func shellForm(i image) (findings []Finding) {
	for _, name := range []string{"ENTRYPOINT", "CMD"} {
		instruction := i.Last(name)
		if instruction == nil {
			continue
		}
		shells := instruction.Exec == nil
		if !shells {
			shells = len(instruction.Exec) > 2 && isShell(instruction.Exec[0]) && strings.HasSuffix(instruction.Exec[1], "c")
		}
		for _, command := range commands(*instruction) {
			if shells && command.Last && !command.Exec {
				findings = append(findings, i.finding(instruction.Line, name+" leaves a shell as process 1"))
			}
		}
	}
	return findings
}

func pipCache(i image) (findings []Finding) {
	if slices.ContainsFunc(i.All(), func(d dockerfile.Instruction) bool {
		return d.Name == "ENV" && (strings.Contains(d.Text, "PIP_NO_CACHE_DIR") || strings.Contains(d.Text, "UV_NO_CACHE"))
	}) {
		return nil
	}
	for _, stage := range i.Final() {
		for _, instruction := range stage.Instructions {
			cached := slices.ContainsFunc(instruction.Flags, func(flag string) bool { return strings.Contains(flag, "type=cache") })
			if instruction.Name != "RUN" || cached || strings.Contains(instruction.Text+instruction.Document, ".cache") {
				continue
			}
			for _, command := range commands(instruction) {
				if isPip(command.Args) && !slices.Contains(command.Args, "--no-cache-dir") {
					findings = append(findings, i.finding(instruction.Line, "pip's cache stays in the layer"))
					break
				}
			}
		}
	}
	return findings
}

// isPip reports whether pip installs something.
func isPip(words []string) bool {
	name, rest := program(words)
	return (name == "pip" || name == "pip3") && slices.Contains(rest, "install")
}

// installs reports whether a command installs the packages that the code needs.
func installs(words []string) bool {
	name, rest := program(words)
	locked := name == "poetry" || name == "uv" || name == "pdm" || name == "pipenv"
	return isPip(words) || locked && (slices.Contains(rest, "install") || slices.Contains(rest, "sync"))
}

func layerOrder(i image) (findings []Finding) {
	for _, stage := range i.Stages {
		copied := false
		for _, instruction := range stage.Instructions {
			words := strings.Fields(instruction.Text)
			from := slices.ContainsFunc(instruction.Flags, func(flag string) bool { return strings.HasPrefix(flag, "--from") })
			switch {
			case (instruction.Name == "COPY" || instruction.Name == "ADD") && !from && len(words) > 1 && (words[0] == "." || words[0] == "./"):
				copied = true
			case instruction.Name == "RUN" && copied && slices.ContainsFunc(commands(instruction), func(c shell.Command) bool { return installs(c.Args) }):
				return append(findings, i.finding(instruction.Line, "installs after the whole code was copied"))
			}
		}
	}
	return findings
}

func buffered(i image) []Finding {
	python := false
	for _, stage := range i.Final() {
		python = python || strings.Contains(stage.Image, "python")
		for _, instruction := range stage.Instructions {
			if instruction.Name == "ENV" && strings.Contains(instruction.Text, "PYTHONUNBUFFERED") {
				return nil
			}
		}
	}
	if !python || !i.runs() {
		return nil
	}
	return []Finding{i.finding(i.lastLine(), "PYTHONUNBUFFERED is not set")}
}

func pipedShell(i image) (findings []Finding) {
	for _, command := range i.runCommands() {
		if len(command.From) > 0 && (command.From[0] == "curl" || command.From[0] == "wget") && (isShell(command.Args[0]) || strings.HasPrefix(command.Args[0], "python")) {
			findings = append(findings, i.finding(command.Line, "runs what "+command.From[0]+" downloads"))
		}
	}
	return findings
}

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

func kubernetesRules() []Rule {
	return []Rule{
		{
			ID: "kubernetes-probes", Severity: Error, Title: "Kubernetes asks whether a pod is ready and lives",
			Why: "Without readiness, pods get requests before they can answer; without liveness, one that hangs stays.",
			Fix: "readinessProbe on /readyz, livenessProbe on /livez", Add: "deploy=kubernetes",
			when: hasServing, find: probes,
		},
		{
			ID: "kubernetes-resources", Severity: Error, Title: "Pods state what they need, and have a limit of memory",
			Why:  "The scheduler packs them blindly, and one that leaks takes its node down.",
			Fix:  "resources.requests for cpu and memory, resources.limits.memory",
			when: hasWorkloads, find: podResources,
		},
		{
			ID: "kubernetes-security-context", Severity: Error, Title: "Pods run without root and without extra rights",
			Why:  "A flaw in the application is otherwise root in the container.",
			Fix:  "runAsNonRoot: true, allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}",
			when: hasWorkloads, find: securityContexts,
		},
		{
			ID: "kubernetes-image-tag", Severity: Warning, Title: "Images have a version or a digest",
			Why:  "Two pods of one Deployment may run different code, and there is nothing to roll back to.",
			Fix:  "a tag by commit or, better, a digest",
			when: hasWorkloads,
			find: func(r *repository) []Finding {
				return eachContainer(r.pods(), func(w workload, c document.Value) []Finding {
					image := c.Get("image")
					if problem := unpinned(image.Text()); problem != "" && !r.kustomized(image.Text()) {
						return []Finding{w.finding(image, "has no version: "+problem)}
					}
					return nil
				})
			},
		},
		{
			ID: "kubernetes-disruption-budget", Severity: Warning, Title: "A drained node does not take all replicas along",
			Why:  "An upgrade of the cluster evicts every pod at once.",
			Fix:  "a PodDisruptionBudget with maxUnavailable: 1",
			when: hasServing,
			find: func(r *repository) []Finding {
				budget := slices.ContainsFunc(r.workloads(), func(w workload) bool { return w.Kind == "PodDisruptionBudget" })
				return unless(budget, "there is no PodDisruptionBudget")
			},
		},
		{
			ID: "kubernetes-secret", Severity: Error, Title: "No Secret is committed",
			Why: "Base64 is no encryption: who reads the repository reads it.",
			Fix: "create it in the cluster, or keep it sealed or in a secret manager", Add: "secrets",
			when: func(r *repository) bool { return len(r.workloads()) > 0 }, find: committedSecrets,
		},
		{
			ID: "kubernetes-replicas", Severity: Note, Title: "More than one replica serves",
			Why:  "Each restart, and each node that goes, is an outage.",
			Fix:  "replicas: 2, or a HorizontalPodAutoscaler",
			when: hasServing, find: soleReplicas,
		},
		{
			ID: "kubernetes-token", Severity: Note, Title: "Pods get no token of the API server",
			Why:  "Who breaks into the application can ask the cluster with it.",
			Fix:  "automountServiceAccountToken: false",
			when: hasServing, find: mountedTokens,
		},
		{
			ID: "kubernetes-network-policy", Severity: Note, Title: "A policy says who reaches whom",
			Why:  "Without one every pod of the cluster reaches the database and the application's inner pages.",
			Fix:  "a NetworkPolicy that denies all, and one for each way that is needed",
			when: hasServing,
			find: func(r *repository) []Finding {
				policy := slices.ContainsFunc(r.workloads(), func(w workload) bool { return w.Kind == "NetworkPolicy" })
				return unless(policy, "there is no NetworkPolicy")
			},
		},
	}
}

func probes(r *repository) []Finding {
	return eachContainer(r.serving(), func(w workload, c document.Value) (findings []Finding) {
		if !c.Get("ports").There() {
			return nil // a side car
		}
		for _, probe := range []string{"readinessProbe", "livenessProbe"} {
			if !c.Get(probe).There() {
				findings = append(findings, w.finding(c, "has no "+probe))
			}
		}
		return findings
	})
}

func podResources(r *repository) []Finding {
	return eachContainer(r.pods(), func(w workload, c document.Value) []Finding {
		if c.Get("resources", "requests", "memory").There() && c.Get("resources", "limits", "memory").There() {
			return nil
		}
		return []Finding{w.finding(c, "states no request and limit of memory")}
	})
}

func securityContexts(r *repository) []Finding {
	return eachContainer(r.pods(), func(w workload, c document.Value) []Finding {
		own, pod := c.Get("securityContext"), w.pod().Get("securityContext")
		switch {
		case own.Get("privileged").True():
			return []Finding{w.finding(own.Get("privileged"), "is privileged")}
		case !own.Get("runAsNonRoot").True() && !pod.Get("runAsNonRoot").True():
			return []Finding{w.finding(c, "may run as root")}
		case own.Get("allowPrivilegeEscalation").Text() != "false":
			return []Finding{w.finding(c, "may gain rights")}
		}
		return nil
	})
}

func committedSecrets(r *repository) (findings []Finding) {
	for _, w := range r.workloads() {
		if w.Kind != "Secret" || forSample(w.Path) {
			continue
		}
		for _, key := range []string{"data", "stringData"} {
			for _, pair := range w.Get(key).Pairs() {
				if text := pair.Value.Text(); isLiteral(text) {
					findings = append(findings, Finding{Path: w.Path, Line: pair.Line, Message: pair.Key + " of the Secret " + w.Name + " is committed"})
				}
			}
		}
	}
	return findings
}

func soleReplicas(r *repository) (findings []Finding) {
	for _, w := range r.workloads() {
		if w.Kind == "HorizontalPodAutoscaler" {
			return nil
		}
	}
	for _, w := range r.serving() {
		if replicas := w.Get("spec", "replicas"); w.Kind == "Deployment" && (!replicas.There() || replicas.Text() == "1") {
			findings = append(findings, w.finding(replicas, "has one replica"))
		}
	}
	return findings
}

func mountedTokens(r *repository) (findings []Finding) {
	for _, w := range r.serving() {
		if w.pod().Get("automountServiceAccountToken").Text() != "false" {
			findings = append(findings, w.finding(w.pod(), "gets a token of the API server"))
		}
	}
	return findings
}
