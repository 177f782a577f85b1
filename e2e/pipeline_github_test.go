package e2e

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// runner is a machine that does what a workflow says. What actions of GitHub do is done by stand-ins of testdata/actions: they keep
// caches and artifacts in a folder.
type runner struct {
	*repository
	project, store string
}

// newRunner expects the repository's name, which its containers have.
func (r *repository) newRunner(project string) *runner {
	r.t.Helper()
	return &runner{repository: r, project: project, store: r.t.TempDir()}
}

var setupTime = regexp.MustCompile(`make setup \[\S+\]`)

var usedAction = regexp.MustCompile(`uses: ([\w.-]+/([\w.-]+))\S*@([0-9a-f]{40})`)

// runs does one job of the workflow on a machine that knows nothing of earlier ones.
func (m *runner) runs(event, job string, more ...string) (string, error) {
	m.t.Helper()
	m.cleans()
	defer m.cleans()
	home := m.t.TempDir()
	file := filepath.Join(home, "event.json")
	writeFile(m.t, file, `{"ref": "refs/heads/main", "repository": {"fork": false, "private": false}}`)
	args := []string{
		event, "--job", job, "--platform", "ubuntu-24.04=-self-hosted", "--no-cache-server", "--env-file", os.DevNull,
		"--eventpath", file, "--action-cache-path", filepath.Join(home, "act"),
		"--env", "HOME=" + home, "--env", "PIP_INDEX_URL=" + machineIndex(),
		"--env", "STAND_IN_PYTHON=" + newestPython(), "--env", "STAND_IN_STORE=" + m.store,
	}
	folder, err := filepath.Abs("testdata/actions")
	if err != nil {
		m.t.Fatal(err)
	}
	for _, action := range usedAction.FindAllStringSubmatch(readFile(m.t, m.path(".github/workflows/ci.yml")), -1) {
		standIn := action[1] + "@" + action[3] + "=" + filepath.Join(folder, action[2])
		// act checks out by itself
		if action[1] != "actions/checkout" && !slices.Contains(args, standIn) {
			args = append(args, "--local-repository", standIn)
		}
	}
	start := time.Now()
	output, err := m.try(toolPath(m.t, "act"), append(args, more...)...)
	m.t.Logf("%5.1f s  act %s --job %s %s", time.Since(start).Seconds(), event, job, setupTime.FindString(output))
	return output, err
}

// succeeds does jobs that must succeed.
func (m *runner) succeeds(event string, jobs ...string) {
	m.t.Helper()
	for _, job := range jobs {
		if output, err := m.runs(event, job, "--matrix", "python:"+m.python()); err != nil {
			m.t.Errorf("the job %s: %v\n%s", job, err, tail(output))
		}
	}
}

// python is the version of the matrix that stands for all of them.
func (m *runner) python() string {
	m.t.Helper()
	found := regexp.MustCompile(`python: \["([^"]+)"`).FindStringSubmatch(readFile(m.t, m.path(".github/workflows/ci.yml")))
	if found == nil {
		m.t.Fatal("the workflow has no matrix")
	}
	return found[1]
}

// cleans takes away what a job leaves behind on a machine that is not thrown away.
func (m *runner) cleans() {
	m.t.Helper()
	m.run("docker", "compose", "--project-name", m.project, "down", "--volumes", "--remove-orphans", "--timeout", "5")
}

// TestGitHubWorkflow does the jobs of a pull request, with nothing in the cache and again with what they left there.
func TestGitHubWorkflow(t *testing.T) {
	t.Parallel()
	project := fmt.Sprintf("e2e%d-github", os.Getpid())
	// pip keeps only what an index lets it keep
	r := generateWith(t, "uv", "--framework", "flask", "--database", "postgres", "--name", project, "--package", "shop")
	t.Cleanup(func() { r.run("docker", "image", "rm", "--force", project, project+"-proxy") })
	r.buildsTools()
	port := strconv.Itoa(freePort(t))
	r.rewrite("compose.dev.yaml", "127.0.0.1:5432:", "127.0.0.1:"+port+":")
	r.rewrite(".env.example", "127.0.0.1:5432/", "127.0.0.1:"+port+"/")
	m := r.newRunner(project)
	if output, err := m.runs("pull_request", "check", "--env", fromCache); err == nil || !notCached.MatchString(output) {
		t.Errorf("without a cache: %v\n%s", err, tail(output))
	}
	m.succeeds("pull_request", "check", "test", "recovery", "image")
	m.cachesFor("uv.lock")
	report := filepath.Join(m.store, "artifacts", "test-"+m.python(), "coverage.xml")
	if !strings.Contains(readFile(t, report), "<coverage ") {
		t.Error("the report is no coverage")
	}
	m.nextRun()
	if output, err := m.runs("pull_request", "check", "--env", fromCache); err != nil {
		t.Errorf("with a cache: %v\n%s", err, tail(output))
	}

	for _, kind := range []string{"functional", "integration"} {
		if err := os.RemoveAll(r.path("tests/" + kind)); err != nil {
			t.Fatal(err)
		}
	}
	writeFile(t, r.path("tests/unit/test_broken.py"), "def test_broken() -> None:\n    assert not \"this breaks\"\n")
	m.nextRun()
	if output, err := m.runs("pull_request", "test", "--matrix", "python:"+m.python()); err == nil || !strings.Contains(output, "this breaks") {
		t.Errorf("a broken test breaks nothing: %v\n%s", err, tail(output))
	}
}

// cachesFor expects that each cache is for one state of the lock, by what GitHub calls hashFiles.
func (m *runner) cachesFor(lock string) {
	m.t.Helper()
	file := sha256.Sum256([]byte(readFile(m.t, m.path(lock))))
	key := fmt.Sprintf("-%x", sha256.Sum256(file[:]))
	cached, err := os.ReadDir(filepath.Join(m.store, "caches"))
	if err != nil || len(cached) == 0 {
		m.t.Errorf("nothing is in the cache: %v", err)
	}
	for _, entry := range cached {
		if !strings.HasSuffix(entry.Name(), key) {
			m.t.Errorf("the cache %s is not for the state of the lock, %s", entry.Name(), key)
		}
	}
}

// nextRun forgets the artifacts: each run of a workflow has its own.
func (m *runner) nextRun() {
	m.t.Helper()
	if err := os.RemoveAll(filepath.Join(m.store, "artifacts")); err != nil {
		m.t.Fatal(err)
	}
}

// TestGitHubSecret installs from an index that asks for credentials. The runner would mask them; the workflow must not print them
// in the first place.
func TestGitHubSecret(t *testing.T) {
	t.Parallel()
	index := newPrivateIndex(t)
	project := fmt.Sprintf("e2e%d-secret", os.Getpid())
	r := generate(t, "--framework", "flask", "--database", "sqlite", "--name", project, "--package", "shop", "--index-url", index.address)
	secrets := filepath.Join(t.TempDir(), "secrets")
	writeFile(t, secrets, "NETRC='machine 127.0.0.1 login reader password "+passwordMark+"'\n")
	m := r.newRunner(project)
	// try looks for the password in what is printed
	if output, err := m.runs("pull_request", "check", "--secret-file", secrets, "--insecure-secrets"); err != nil {
		t.Errorf("the job: %v\n%s", err, tail(output))
	}
	index.hasServed(t, 40)
}
