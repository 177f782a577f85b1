package check

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/kitout/kitout/generator/internal/document"
	"github.com/kitout/kitout/generator/internal/lazy"
	"github.com/kitout/kitout/generator/internal/shell"
)

func delivery() []Rule {
	return slices.Concat(pipelineRules(), workflowRules())
}

func pipelineRules() []Rule {
	return []Rule{
		{
			ID: "tests", Severity: Error, Title: "There are tests",
			Why: "Nobody knows whether a change, or an update of a package, breaks the service.",
			Fix: "begin with one test that starts the application and asks for a page", Add: "tests",
			when: hasModules,
			find: func(r *repository) []Finding {
				there := slices.ContainsFunc(r.tree.Paths(), func(name string) bool {
					return isTest(name) && path.Ext(name) == ".py" && path.Base(name) != "conftest.py"
				})
				return unless(there, "there are no tests")
			},
		},
		{
			ID: "ci", Severity: Error, Title: "Every change is checked by a machine",
			Why: "What is checked by hand is checked when there is time.",
			Fix: "a pipeline that runs on every push", Add: "ci",
			when: hasModules,
			find: func(r *repository) []Finding {
				return unless(hasPipeline(r) || r.fact("ci") != "", "there is no pipeline")
			},
		},
		{
			ID: "ci-tests", Severity: Error, Title: "CI runs the tests",
			Why: "Tests that nobody runs are wrong soon.",
			Fix: "run them on every change", Add: "ci",
			when: hasPipeline, find: runs(testRuns, "no step runs the tests"),
		},
		{
			ID: "ci-lint", Severity: Warning, Title: "CI runs a linter",
			Why: "Names that do not exist and imports that nobody uses wait for production.",
			Fix: "ruff check", Add: "ci",
			when: hasPipeline, find: runs(lintRuns, "no step runs a linter"),
		},
		{
			ID: "ci-scan", Severity: Warning, Title: "CI looks for known flaws",
			Why: "A package with a known hole is merged like any other.",
			Fix: "Bandit for the code, Trivy or pip-audit for what it depends on", Add: "scan",
			when: hasPipeline, find: runs(scanRuns, "no step runs a scanner"),
		},
		{
			ID: "ci-image", Severity: Warning, Title: "CI builds the image",
			Why: "Whether it can be built shows on the day of the release.",
			Fix: "docker build on every change", Add: "ci",
			when: all(hasPipeline, hasImage), find: runs(imageRuns, "no step builds the image"),
		},
		{
			ID: "ci-secret", Severity: Error, Title: "No pipeline prints a secret or has one written out",
			Why: "Logs are read by many and kept for long; masks are easy to pass by.",
			Fix: "keep it in the system's secret store, and never echo it", Add: "ci",
			when: hasPipeline, find: pipelineSecrets,
		},
		{
			ID: "ci-host-keys", Severity: Error, Title: "Deploying checks whom it talks to",
			Why:  "Who is on the way gets the key's session, and with it the server.",
			Fix:  "keep the host's key in known_hosts",
			when: either(hasPipeline, func(r *repository) bool { return len(r.scripts()) > 0 }), find: hostKeys,
		},
		{
			ID: "deploy-gate", Severity: Error, Title: "Only what has passed is deployed",
			Why: "A red pipeline is on its way to the users all the same.",
			Fix: "needs: [test] on the job that deploys, and only for the main branch", Add: "ci",
			when: hasWorkflow, find: ungatedDeploys,
		},
		{
			ID: "deploy-tag", Severity: Warning, Title: "Images are pushed under a tag of their own",
			Why: "latest is overwritten: nothing is left to roll back to, and nobody knows what runs.",
			Fix: "tag by the commit, and deploy by digest", Add: "ci",
			when: hasPipeline, find: pushedLatest,
		},
		{
			ID: "pre-commit", Severity: Note, Title: "The simple mistakes are found before the commit",
			Why: "A round through CI for a missing newline takes ten minutes.",
			Fix: "a .pre-commit-config.yaml with the linter", Add: "ci",
			when: hasModules,
			find: func(r *repository) []Finding {
				there := r.has(".pre-commit-config.y{,a}ml", "lefthook.y{,a}ml", ".husky/**", "prek.toml")
				return unless(there, "there are no hooks for git")
			},
		},
		{
			ID: "runbook", Severity: Note, Title: "What to do when it is down is written down",
			Why: "At night, and after the one who knew has left, nobody finds out in time.",
			Fix: "docs/production.md: where it runs, how to roll back, how to restore", Add: "deploy",
			when: hasModules,
			find: func(r *repository) []Finding {
				for _, name := range r.documents() {
					if runbooks().MatchString(name) || headings().MatchString(r.text(name)) {
						return nil
					}
				}
				return missing("nothing says what to do when it is down")
			},
		},
		{
			ID: "readme", Severity: Note, Title: "A README says how to start it",
			Why:  "Whoever is new asks those who are not.",
			Fix:  "write how to install, run, test and deploy it",
			when: hasModules,
			find: func(r *repository) []Finding {
				return unless(r.has("README*", "readme*", "Readme*"), "there is no README")
			},
		},
	}
}

// documents are texts at the top and in folders of documentation.
func (r *repository) documents() (names []string) {
	for _, pattern := range []string{"*.md", "*.rst", "*.adoc"} {
		for _, name := range r.index().glob(pattern) {
			if top, _, _ := strings.Cut(name, "/"); top == name || strings.Contains(strings.ToLower(path.Dir(name)), "doc") {
				names = append(names, name)
			}
		}
	}
	const most = 200
	return names[:min(len(names), most)]
}

var (
	testRuns  = lazy.Regexp(`(?i)\bpytest\b|manage\.py\s+test|unittest|\bnose2?\b|\btox\b|\bnox\b|\bcoverage\s+run|\bflask\s+test|\bmake\s+test`)
	lintRuns  = lazy.Regexp(`(?i)\bruff\b|flake8|pylint|pyflakes|\bblack\b|pre-commit|super-linter|mega-?linter|pycodestyle|\bmake\s+lint`)
	scanRuns  = lazy.Regexp(`(?i)bandit|trivy|snyk|grype|pip-audit|safety\s+(check|scan)|dependency-check|dependency-review|codeql|semgrep|sonar|gosec|osv-scanner|Security/|\buv\s+audit`)
	imageRuns = lazy.Regexp(`(?i)docker\s+(\S+\s+)*build|docker[- ]compose\s+(\S+\s+)*build|build-push-action|kaniko|buildah|podman\s+build|\bdocker\.build|pack\s+build|nixpacks`)
	runbooks  = lazy.Regexp(`(?i)runbook|playbook|operations|production|disaster|deploy(ment|ing)?\.`)
	headings  = lazy.Regexp(`(?im)^(#+|=+)?\s*(runbook|when it is down|incident|disaster recovery|rollback|rolling back|troubleshooting)\b`)
)

// runs says that no step of CI matches.
func runs(expression func() *regexp.Regexp, message string) func(*repository) []Finding {
	return func(r *repository) []Finding {
		if r.does(expression()) {
			return nil
		}
		return []Finding{{Path: r.pipelineFiles()[0], Message: message}}
	}
}

// deploying matches what changes a running service.
var deploying = lazy.Regexp(`(?i)\bkubectl\s+(\S+\s+)*(apply|set|rollout)|\bhelm\s+(upgrade|install)|\bssh\b.*@|ssh-action|\bcap\s+\S+\s+deploy|ansible-playbook|aws\s+ecs\s+update|gcloud\s+run\s+deploy|flyctl\s+deploy|heroku|docker\s+stack\s+deploy|scripts/(deploy|release|rollout)`)

func ungatedDeploys(r *repository) (findings []Finding) {
	for _, w := range r.workflows() {
		if _, called := w.on("workflow_call"); called {
			continue
		}
		_, afterwards := w.on("workflow_run")
		_, released := w.on("release")
		_, byHand := w.on("workflow_dispatch")
		_, pushed := w.on("push")
		if afterwards || (released || byHand) && !pushed {
			continue
		}
		for _, job := range w.Get("jobs").Pairs() {
			deploys, tests := false, false
			for _, step := range job.Value.Get("steps").Items() {
				text := step.Get("run").Text() + step.Get("uses").Text()
				deploys = deploys || deploying().MatchString(text)
				tests = tests || !deploys && testRuns().MatchString(text)
			}
			if deploys && !tests && !job.Value.Get("needs").There() {
				findings = append(findings, w.finding(job.Line, "job "+job.Key+" deploys, whatever the tests say"))
			}
		}
	}
	return findings
}

func pushedLatest(r *repository) (findings []Finding) {
	tagged := r.does(commitTags())
	for _, step := range r.steps() {
		if pushesLatest().MatchString(step.Text) && !tagged {
			findings = append(findings, Finding{Path: step.Path, Line: step.Line, Message: "pushes latest alone"})
		}
	}
	r.eachStep(func(w workflow, _ document.Pair, step document.Value) {
		tags := step.Get("with", "tags")
		if strings.HasPrefix(step.Get("uses").Text(), "docker/build-push-action") && tags.There() && !strings.Contains(tags.Text(), "$") &&
			strings.HasSuffix(strings.TrimSpace(tags.Text()), "latest") {
			findings = append(findings, w.finding(tags.Line(), "pushes latest alone"))
		}
	})
	return findings
}

var (
	pushesLatest = lazy.Regexp(`docker\s+push\s+\S+(:latest|[^:\s$]+)\s*$`)
	commitTags   = lazy.Regexp(`(?i)docker\s+(push|tag)\s+.*:["']?\$`)
)

func pipelineSecrets(r *repository) (findings []Finding) {
	for _, step := range r.steps() {
		for _, command := range step.commands() {
			if (command.Args[0] == "echo" || command.Args[0] == "printf") && strings.Contains(command.Text, aSecret) && !feeds(step, command) {
				findings = append(findings, Finding{Path: step.Path, Line: command.Line, Message: "prints a secret"})
			}
		}
	}
	for _, name := range r.pipelineFiles() {
		for _, each := range document.Parse([]byte(r.text(name))) {
			each.Walk(func(pair document.Pair) {
				if isSecret(pair.Key) && isLiteral(pair.Value.Text()) && len(pair.Value.Text()) > 7 && !throwAway(pair.Value.Text()) {
					findings = append(findings, Finding{Path: name, Line: pair.Line, Message: pair.Key + " is written out"})
				}
			})
		}
	}
	return findings
}

// feeds reports whether what a command prints goes into another one, or into a file.
func feeds(s step, command shell.Command) bool {
	for _, other := range s.commands() {
		if len(other.From) > 0 && slices.Equal(other.From, command.Args) {
			return true
		}
	}
	lines := strings.Split(s.Text, "\n")
	i := command.Line - s.Line
	return i >= 0 && i < len(lines) && (strings.Contains(lines[i], ">") || strings.Contains(lines[i], "|"))
}

// throwAway reports whether a value is one for a database that lives as long as the pipeline.
func throwAway(value string) bool {
	value = strings.ToLower(value)
	for _, word := range []string{"test", "postgres", "password", "ci", "dummy", "example", "change", "root", "insecure", "fake", "write", "read", "none"} {
		if strings.Contains(value, word) {
			return true
		}
	}
	return false
}

var blindSSH = lazy.Regexp(`StrictHostKeyChecking[= ]+(no|accept-new)\b|host_key_checking\s*=\s*False|UserKnownHostsFile[= ]/dev/null`)

func hostKeys(r *repository) (findings []Finding) {
	var paths []string
	paths = append(paths, r.pipelineFiles()...)
	for _, script := range r.scripts() {
		paths = append(paths, script.Path)
	}
	paths = append(paths, r.glob("Makefile", "ansible.cfg", "fabfile.py")...)
	return append(findings, at(r.grep(blindSSH(), paths...), "takes any server for the right one")...)
}

func workflowRules() []Rule {
	return []Rule{
		{
			ID: "actions-pinned", Severity: Warning, Title: "Actions are pinned by commit",
			Why: "A tag can be moved: whoever takes the action over runs in the pipeline, with its secrets.",
			Fix: "uses: owner/action@<commit>  # v1.2.3, and let Dependabot renew it", Add: "ci=github",
			when: hasWorkflow, find: movingActions,
		},
		{
			ID: "actions-permissions", Severity: Warning, Title: "Jobs get no more rights than they need",
			Why: "By default a token may write to the repository, and every step has it.",
			Fix: "permissions: {} at the top, and the least for each job", Add: "ci=github",
			when: hasWorkflow,
			find: func(r *repository) (findings []Finding) {
				for _, w := range r.workflows() {
					every := w.Get("jobs").Pairs()
					given := !slices.ContainsFunc(every, func(job document.Pair) bool { return !job.Value.Get("permissions").There() })
					if top := w.Get("permissions"); top.Text() == "write-all" {
						findings = append(findings, w.finding(top.Line(), "every job may write everything"))
					} else if !top.There() && !given {
						findings = append(findings, Finding{Path: w.Path, Message: "has no permissions"})
					}
				}
				return findings
			},
		},
		{
			ID: "actions-pull-request-target", Severity: Error, Title: "Strangers' code never meets secrets",
			Why:  "pull_request_target runs with the secrets; with a checkout of the pull request, its author has them.",
			Fix:  "on: pull_request",
			when: hasWorkflow, find: targetCheckouts,
		},
		{
			ID: "actions-injection", Severity: Error, Title: "No text of a stranger becomes a command",
			Why:  "The title of an issue or the name of a branch is put into the script as it is, quotation marks and all.",
			Fix:  "pass it by env: and write \"$NAME\" in the script",
			when: hasWorkflow, find: injectedScripts,
		},
		{
			ID: "actions-credentials", Severity: Note, Title: "The checkout leaves no token behind",
			Why: "It stays in .git/config, where every later step and everything that is uploaded has it.",
			Fix: "with: {persist-credentials: false}", Add: "ci=github",
			when: hasWorkflow,
			find: func(r *repository) (findings []Finding) {
				r.eachStep(func(w workflow, _ document.Pair, step document.Value) {
					uses := step.Get("uses")
					if strings.HasPrefix(uses.Text(), "actions/checkout@") && step.Get("with", "persist-credentials").Text() != "false" {
						findings = append(findings, w.finding(uses.Line(), "leaves the token in .git/config"))
					}
				})
				return findings
			},
		},
		{
			ID: "actions-timeout", Severity: Note, Title: "Jobs end",
			Why: "One that hangs runs for six hours, and is paid for.",
			Fix: "timeout-minutes: 20", Add: "ci=github",
			when: hasWorkflow,
			find: func(r *repository) (findings []Finding) {
				for _, w := range r.workflows() {
					for _, job := range w.Get("jobs").Pairs() {
						if job.Value.Get("steps").There() && !job.Value.Get("timeout-minutes").There() {
							findings = append(findings, w.finding(job.Line, "job "+job.Key+" may hang for six hours"))
						}
					}
				}
				return findings
			},
		},
	}
}

var commit = lazy.Regexp(`^[0-9a-f]{40}$`)

func movingActions(r *repository) (findings []Finding) {
	judge := func(w workflow, uses document.Value) {
		name, version, _ := strings.Cut(uses.Text(), "@")
		if name == "" || strings.HasPrefix(name, "./") || strings.HasPrefix(name, "docker://") && strings.HasPrefix(version, "sha256:") || commit().MatchString(version) {
			return
		}
		findings = append(findings, w.finding(uses.Line(), name+" is not pinned by commit"))
	}
	r.eachStep(func(w workflow, _ document.Pair, step document.Value) { judge(w, step.Get("uses")) })
	for _, w := range r.workflows() {
		for _, job := range w.Get("jobs").Pairs() {
			judge(w, job.Value.Get("uses"))
		}
	}
	return findings
}

func targetCheckouts(r *repository) (findings []Finding) {
	r.eachStep(func(w workflow, _ document.Pair, step document.Value) {
		_, targeted := w.on("pull_request_target")
		ref := step.Get("with", "ref")
		if targeted && strings.HasPrefix(step.Get("uses").Text(), "actions/checkout@") && (strings.Contains(ref.Text(), "head") || strings.Contains(ref.Text(), "pull")) {
			findings = append(findings, w.finding(ref.Line(), "checks a stranger's code out beside the secrets"))
		}
	})
	return findings
}

// strangers matches what people outside write.
var strangers = lazy.Regexp(`\$\{\{[^}]*github\.(event\.(issue|pull_request|comment|review|review_comment|discussion)\.[a-z_.]*(title|body|ref|label|name|email)|event\.(head_commit|commits)[^}]*(message|name|email)|head_ref)[^}]*\}\}`)

func injectedScripts(r *repository) (findings []Finding) {
	r.eachStep(func(w workflow, _ document.Pair, step document.Value) {
		run := step.Get("run")
		for i, line := range strings.Split(run.Text(), "\n") {
			if strangers().MatchString(line) {
				findings = append(findings, w.finding(run.TextLine()+i, "a stranger's text becomes a part of the script"))
			}
		}
	})
	return findings
}
