package e2e

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// newReleases is a deployment whose key is made, and whose pipeline is that of a CI system.
func newReleases(t *testing.T, ci string) *deployment {
	t.Helper()
	if !thorough {
		t.Skip("TestDeploy runs the scripts of these jobs; make e2e-all runs the jobs themselves")
	}
	d := newDeployment(t, ci, "--ci", ci)
	d.buildsTools()
	d.repository = d.with(d.keyPair()...)
	d.run("git", "remote", "add", "origin", "https://github.com/team/shop.git")
	d.onBranch("main")
	return d
}

// variables are those that the jobs `publish` and `deploy` read, with their values: secrets and others.
func (d *deployment) variables() (secrets, others map[string]string) {
	d.t.Helper()
	secrets, others = map[string]string{}, map[string]string{}
	table := regexp.MustCompile("(?m)^\\| `([A-Z_]+)` \\|( yes)? \\| (.*) \\| ")
	for _, row := range table.FindAllStringSubmatch(readFile(d.t, d.path("docs/production.md")), -1) {
		if value := d.getenv(row[1]); value != "" && strings.Contains(row[3], "`make ") {
			if row[2] == "" {
				others[row[1]] = value
			} else {
				secrets[row[1]] = value
			}
		}
	}
	if len(secrets) != 4 || len(others) < 5 {
		d.t.Fatalf("docs/production.md tells of %d secrets and %d other variables", len(secrets), len(others))
	}
	return secrets, others
}

// inOneLine has keys in base64, as they are told to CI systems that take or mask one line alone.
func (d *deployment) inOneLine(secrets map[string]string) map[string]string {
	d.t.Helper()
	told := map[string]string{}
	for name, value := range secrets {
		if strings.Contains(value, "\n") {
			value = base64.StdEncoding.EncodeToString([]byte(value))
			d.sentinel = append(d.sentinel, value)
		}
		told[name] = value
	}
	return told
}

// released expects that the pipeline has put this commit on the server, signed, by whom builds.
func (d *deployment) released(output, builder string) {
	d.t.Helper()
	d.hasNoSecret("the pipeline", output)
	commit := strings.TrimSpace(d.run("git", "rev-parse", "HEAD"))
	for _, promise := range []string{commit + " is signed, with its provenance and its contents", commit + " runs"} {
		if !strings.Contains(output, promise) {
			d.t.Errorf("the pipeline does not say %q:\n%s", promise, tail(output))
		}
	}
	d.site.expect("ready", d.site.get("/readyz"), http.StatusOK)
	file := filepath.Join(d.server, "current", "release.env")
	release := readFile(d.t, file)
	if !strings.Contains(release, "RELEASE="+commit+"\n") {
		d.t.Errorf("on the server is\n%s", release)
	}
	var statement struct {
		Predicate struct {
			RunDetails struct {
				Builder  struct{ ID string }
				Metadata struct{ InvocationID string }
			}
		}
	}
	app := regexp.MustCompile(`(?m)^APP_IMAGE=(.*)$`).FindStringSubmatch(release)[1]
	envelope := d.run("scripts/tool", "cosign", "verify-attestation", "--key", "deploy/cosign.pub", "--insecure-ignore-tlog",
		"--type", "slsaprovenance1", app)
	var signed struct{ Payload []byte }
	// Between words for people, before or after it
	if err := json.NewDecoder(strings.NewReader(envelope[strings.Index(envelope, `{"payload`):])).Decode(&signed); err != nil {
		d.t.Fatalf("%v\n%s", err, envelope)
	}
	if err := json.Unmarshal(signed.Payload, &statement); err != nil {
		d.t.Fatal(err)
	}
	details := statement.Predicate.RunDetails
	if found := details.Builder.ID + " " + details.Metadata.InvocationID; !regexp.MustCompile("^" + builder + "$").MatchString(found) {
		d.t.Errorf("the provenance says that it was built by %q, not %s", found, builder)
	}
}

// without is the repository without these in its environment, so that a job has what its CI system gives it.
func (d *deployment) without(values ...map[string]string) *repository {
	d.t.Helper()
	var env []string
	for _, some := range values {
		for name := range some {
			env = append(env, name+"=")
		}
	}
	return d.with(env...)
}

func (d *deployment) writesJSON(values map[string]string) string {
	d.t.Helper()
	text, err := json.Marshal(values)
	if err != nil {
		d.t.Fatal(err)
	}
	file := filepath.Join(d.t.TempDir(), "values.yaml")
	writeFile(d.t, file, string(text))
	return file
}

// TestGitHubRelease does the jobs of the main branch that publish and deploy, with a registry and a server.
func TestGitHubRelease(t *testing.T) {
	t.Parallel()
	d := newReleases(t, "github")
	secrets, others := d.variables()
	// The jobs before them have a test of their own
	workflow := d.path(".github/workflows/ci.yml")
	writeFile(t, workflow, regexp.MustCompile(`(?m)^    needs: .*\n`).ReplaceAllString(readFile(t, workflow), ""))
	d.onBranch("main")
	m := d.without(secrets, others).newRunner(d.project + "-runner")
	args := []string{"--insecure-secrets", "--secret-file", d.writesJSON(secrets), "--var-file", d.writesJSON(others)}
	published, err := m.runs("push", "publish", args...)
	if err != nil {
		t.Fatalf("the job publish: %v\n%s", err, tail(published))
	}
	deployed, err := m.runs("push", "deploy", args...)
	if err != nil {
		t.Fatalf("the job deploy: %v\n%s", err, tail(deployed))
	}
	d.released(published+deployed, `https://github\.com/team/shop/\.github/workflows/ci\.yml@refs/heads/main https://github\.com/team/shop/actions/runs/\d+/attempts/\d+`)
	release := readFile(t, filepath.Join(d.server, "current", "release.env"))
	for line := range strings.Lines(readFile(t, filepath.Join(m.store, "attested"))) {
		if digest, name, _ := strings.Cut(strings.TrimSpace(line), "  "); !strings.Contains(release, name+"@sha256:"+digest+"\n") {
			t.Errorf("GitHub attests %s, which was not deployed", name)
		}
	}
	if _, err := os.Stat(filepath.Join(m.store, "artifacts", "provenance", "provenance.json")); err != nil {
		t.Error(err)
	}
}

// TestOtherReleases does so with the other CI systems.
func TestOtherReleases(t *testing.T) {
	t.Parallel()
	for _, system := range []struct {
		name, builder string
		runs          func(d *deployment, secrets, others map[string]string) (string, error)
	}{
		{"gitlab", `https://github\.com/team/shop/-/runners/\S* https://github\.com/team/shop/-/jobs/\d+`, (*deployment).releasesByGitLab},
		{"jenkins", `https://ci\.example\.com/ https://ci\.example\.com/job/shop/1/`, (*deployment).releasesByJenkins},
		{"travis", `https://app\.travis-ci\.com https://app\.travis-ci\.com/team/shop/jobs/1`, (*deployment).releasesByTravis},
	} {
		t.Run(system.name, func(t *testing.T) {
			t.Parallel()
			d := newReleases(t, system.name)
			secrets, others := d.variables()
			secrets = d.inOneLine(secrets)
			start := time.Now()
			output, err := system.runs(d, secrets, others)
			t.Logf("%5.1f s  the jobs", time.Since(start).Seconds())
			if err != nil {
				t.Fatalf("%v\n%s", err, tail(output))
			}
			d.released(output, system.builder)
		})
	}
}

// maskable is what GitLab says of values that it masks.
var maskable = regexp.MustCompile(`^\S{8,}$`)

// releasesByGitLab gives each secret to the environment of its job alone.
func (d *deployment) releasesByGitLab(secrets, others map[string]string) (string, error) {
	type scoped struct {
		Type   string            `json:"type"`
		Values map[string]string `json:"values"`
	}
	values := map[string]scoped{}
	for name, value := range others {
		values[name] = scoped{"variable", map[string]string{"*": value}}
	}
	for name, value := range secrets {
		if !maskable.MatchString(value) {
			d.t.Errorf("GitLab does not mask %s", name)
		}
		environments := map[string]string{}
		if !strings.HasPrefix(name, "DEPLOY_") {
			environments["publish"] = value
		}
		if !strings.HasPrefix(name, "COSIGN_") {
			environments["production"] = value
		}
		values[name] = scoped{"variable", environments}
	}
	text, err := json.Marshal(values)
	if err != nil {
		d.t.Fatal(err)
	}
	writeFile(d.t, d.path(".gitlab-ci-local-variables.yml"), string(text))
	bin := d.t.TempDir()
	executable(d.t, filepath.Join(bin, "apk"), "#!/bin/sh\n")
	r := d.without(secrets, others).with("PATH=" + bin + string(os.PathListSeparator) + d.getenv("PATH"))
	// A job's folder is a copy in ours, without a history of its own
	command := gitlab(append(withoutContainers(d.t), "Publish", "Deploy", "--variable", "GIT_DIR="+d.path(".git"), "--variable", "GIT_WORK_TREE=.",
		"--variable", "DOCKER_HOST=unix:///var/run/docker.sock", "--variable", "DOCKER_TLS_VERIFY=")...)(r)
	return r.try(command[0], command[1:]...)
}

func (d *deployment) releasesByJenkins(secrets, _ map[string]string) (string, error) {
	env := []string{"FIRST=publish", "AGREED=yes", "JENKINS_URL=https://ci.example.com/", "BUILD_URL=https://ci.example.com/job/shop/1/"}
	for name, value := range secrets {
		env = append(env, "CREDENTIAL_"+name+"="+value)
	}
	r := d.without(secrets).with(env...)
	command := jenkins("Jenkinsfile", "main", d.dir)(r)
	return r.try(command[0], command[1:]...)
}

func (d *deployment) releasesByTravis(secrets, _ map[string]string) (string, error) {
	env := []string{"TRAVIS_JOB_WEB_URL=https://app.travis-ci.com/team/shop/jobs/1"}
	for name, value := range secrets {
		env = append(env, name+"="+value)
	}
	r := d.with(env...)
	output, failed := r.travis("api", func(job travisJob) bool { return job.Name == "Publish" || job.Name == "Deploy" })
	if failed != "" {
		return output, os.ErrInvalid
	}
	return output, nil
}
