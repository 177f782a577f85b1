package check

import (
	"path"
	"slices"
	"strings"

	"github.com/kitout/kitout/generator/internal/dockerfile"
	"github.com/kitout/kitout/generator/internal/ignore"
	"github.com/kitout/kitout/generator/internal/lazy"
	"github.com/kitout/kitout/generator/internal/shell"
)

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
