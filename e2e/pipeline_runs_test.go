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

// travisJob is a job as Travis CI runs it.
type travisJob struct {
	Name, Python  string
	Env, Cache    []string
	BeforeInstall []string `json:"before_install"`
	Install       []string
	BeforeScript  []string `json:"before_script"`
	Script        []string
}

// travis runs the jobs of a build, each in a clone and a home of its own, until a stage has failed. It says which job did.
func (r *repository) travis(kind string, chosen func(travisJob) bool) (output, failed string) {
	r.t.Helper()
	r.onBranch("main")
	script, err := filepath.Abs("travis.py")
	if err != nil {
		r.t.Fatal(err)
	}
	var jobs []travisJob
	if err := json.Unmarshal([]byte(r.run(toolPath(r.t, "python"), script, ".travis.yml", kind, "main")), &jobs); err != nil {
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
		home := r.travisHome(job)
		var lines []string
		if job.Python != "" {
			lines = append(lines, ". ~/virtualenv/bin/activate")
		}
		for _, pair := range job.Env {
			lines = append(lines, "export "+pair)
		}
		lines = append(lines, "TIMEFORMAT='%1R s  make setup'")
		for _, line := range slices.Concat(job.BeforeInstall, job.Install, job.BeforeScript) {
			if line == "make setup" {
				line = "time " + line
			}
			lines = append(lines, line+" || exit")
		}
		lines = append(lines, "result=0")
		for _, line := range job.Script {
			lines = append(lines, line+" || result=1") // and goes on
		}
		clone := &repository{t: r.t, dir: dir, env: append(slices.Clip(r.env), "CI=true", "TRAVIS=true", "HOME="+home)}
		start := time.Now()
		text, err := clone.try("bash", "-c", strings.Join(append(lines, "exit $result"), "\n"))
		r.t.Logf("%5.1f s  %s %s", time.Since(start).Seconds(), job.Name, took.FindAllString(text, -1))
		output += text
		if err != nil {
			return output, job.Name
		}
	}
	return output, ""
}

// travisHome is an account's folder with a Python of its own, and what jobs on the same Python have kept before.
func (r *repository) travisHome(job travisJob) string {
	r.t.Helper()
	home := r.t.TempDir()
	if job.Python != "" {
		r.run(newestPython(), "-m", "venv", filepath.Join(home, "virtualenv"))
	}
	for _, folder := range job.Cache {
		name := strings.TrimPrefix(folder, "~/")
		kept, link := filepath.Join(filepath.Dir(r.dir), "caches", job.Python, name), filepath.Join(home, name)
		for _, dir := range []string{kept, filepath.Dir(link)} {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				r.t.Fatal(err)
			}
		}
		if err := os.Symlink(kept, link); err != nil {
			r.t.Fatal(err)
		}
	}
	return home
}

// fromCache lets uv take from the cache alone what it installs, so that a job that keeps nothing fails. With pip it would depend on
// the index, which says what may be kept.
const fromCache = "UV_OFFLINE=1"

// notCached is what uv says then, of what it looks up or of what it downloads.
var notCached = regexp.MustCompile(`the network was disabled|wasn't found in the cache`)

// Images of this machine that stand in for public ones.
const (
	jobImage    = "python:3.14"
	helperImage = "kitout-e2e-helper"
	waitImage   = "kitout-e2e-wait"
)

// standIns makes images of this machine like those that GitLab's jobs name: Python's with its build tools, one that copies caches and
// artifacts, and one that waits for a port.
func standIns(t *testing.T) {
	t.Helper()
	for name, text := range map[string]string{
		jobImage: `FROM python:3.14-slim
RUN apt-get update -qq && apt-get install -qq --yes --no-install-recommends git make && rm -rf /var/lib/apt/lists/*
`,
		helperImage: `FROM debian:trixie-slim
RUN apt-get update -qq && apt-get install -qq --yes --no-install-recommends rsync && rm -rf /var/lib/apt/lists/*
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

// finished is what gitlab-ci-local says of a job.
var finished = regexp.MustCompile(`(?m)^.* finished in .*$`)

// TestGitLab runs the pipeline in containers, on PostgreSQL beside each job; only images are built without one.
func TestGitLab(t *testing.T) {
	t.Parallel()
	standIns(t)
	r := generateWith(t, "uv", "--name", "shop", "--framework", "flask", "--database", "postgres", "--ci", "gitlab")
	r.buildsTools()
	r.onBranch("main")
	pipeline := func(args ...string) (string, error) {
		start := time.Now()
		command := gitlab(append([]string{"--variable", atOnce}, args...)...)(r)
		output, err := r.try(command[0], command[1:]...)
		t.Logf("%5.1f s  %s %q", time.Since(start).Seconds(), strings.Join(args, " "), finished.FindAllString(output, -1))
		return output, err
	}
	if output, err := pipeline("Check", "--variable", fromCache); err == nil || !notCached.MatchString(output) {
		t.Errorf("without a cache: %v\n%s", err, tail(output))
	}
	output, err := pipeline("Check", "Test: [3.14]", "Recovery")
	if err != nil || !strings.Contains(output, "drill passed") || !strings.Contains(output, "% coverage") {
		t.Fatalf("the pipeline: %v\n%s", err, tail(output))
	}
	if _, err := os.Stat(r.path("build/reports/bandit.sarif")); err != nil {
		t.Errorf("the report is not kept: %v", err)
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
	if output, err := pipeline("Test: [3.14]", "--variable", fromCache); err == nil || !strings.Contains(output, "1 failed") {
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

// took is how long a step took.
var took = regexp.MustCompile(`\d+\.\d s  make [\w-]+`)

// TestJenkins runs the pipeline for a change, of which the last Python will do.
func TestJenkins(t *testing.T) {
	t.Parallel()
	// The account of the agent keeps what was downloaded
	r := generateWith(t, "uv", "--framework", "fastapi", "--ci", "jenkins").withPythons().with(atOnce, "HOME="+t.TempDir(), "PIP_INDEX_URL="+machineIndex())
	r.buildsTools()
	r.onBranch("topic")
	command := jenkins("Jenkinsfile", "topic", r.dir)(r)
	if output, err := r.with(fromCache).try(command[0], command[1:]...); err == nil || !notCached.MatchString(output) {
		t.Errorf("without a cache: %v\n%s", err, tail(output))
	}
	if thorough {
		r = r.with("EVERY_CELL=yes")
	}
	output := r.run(command[0], command[1:]...)
	t.Logf("the pipeline: %s", took.FindAllString(output, -1))
	for _, promise := range []string{"[stage] check", "Required test coverage", "drill passed", "+ make image", "RESULT SUCCESS"} {
		if !strings.Contains(output, promise) {
			t.Errorf("the pipeline did not say %q:\n%s", promise, tail(output))
		}
	}
	r.breaksTest()
	command = jenkins("Jenkinsfile", "main", r.dir)(r)
	output, err := r.with("FIRST=test", fromCache).try(command[0], command[1:]...)
	t.Logf("again: %s", took.FindAllString(output, -1))
	if err == nil || !strings.Contains(output, "1 failed") || !strings.Contains(output, "RESULT FAILURE") {
		t.Errorf("a broken test passes: %v\n%s", err, tail(output))
	}
}

// TestTravis runs the jobs of a pull request, of the tests those on the newest Python.
func TestTravis(t *testing.T) {
	t.Parallel()
	r := generateWith(t, "uv", "--framework", "django", "--ci", "travis").withPythons().with(atOnce, "PIP_INDEX_URL="+machineIndex())
	r.buildsTools()
	newest := func(job travisJob) bool { return job.Python == "" || job.Python == "3.14" }
	if output, failed := r.with(fromCache).travis("pull_request", newest); !strings.HasPrefix(failed, "Check") || !notCached.MatchString(output) {
		t.Errorf("without a cache, %q fails:\n%s", failed, tail(output))
	}
	output, failed := r.travis("pull_request", newest)
	if failed != "" || !strings.Contains(output, "drill passed") || !strings.Contains(output, "Required test coverage") {
		t.Fatalf("%q failed:\n%s", failed, tail(output))
	}
	r.breaksTest()
	output, failed = r.with(fromCache).travis("pull_request", func(job travisJob) bool { return newest(job) && strings.HasPrefix(job.Name, "Test") })
	if !strings.HasPrefix(failed, "Test") || !strings.Contains(output, "1 failed") {
		t.Errorf("a broken test passes, %q fails:\n%s", failed, tail(output))
	}
}
