package e2e

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const registryConfiguration = `version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: %s}}
http: {addr: "%s"}
`

// Some accounts that run tests are locked, and this machine's PAM is not for tests
const sshConfiguration = `ListenAddress 127.0.0.1:%d
HostKey %[2]s/host
AuthorizedKeysFile %[2]s/user.pub
PasswordAuthentication no
StrictModes no
UsePAM no
PidFile none
`

// plantedToken is what the registry is told, which asks for nothing.
const plantedToken = "planted-token-8c1f" //nolint:gosec // it opens nothing

// deployment is a repository, a registry, and a server that is this machine, reached by SSH.
type deployment struct {
	*repository
	project  string
	server   string // the service's folder there
	registry string
	stored   string   // the registry's folder
	sentinel []string // what no output may have
	site     *client
}

// newDeployment generates a repository, whose name ends so, and starts the registry and the SSH server.
func newDeployment(t *testing.T, name string, flags ...string) *deployment {
	t.Helper()
	project := fmt.Sprintf("e2e%d-%s", os.Getpid(), name)
	r := generateWith(t, "pip", append(flags, "--framework", "flask", "--database", "postgres", "--name", project, "--package", "shop")...)
	r.leavesNothing(project)
	account, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	d := &deployment{
		repository: r, project: project, server: filepath.Join(dir, "server"),
		registry: fmt.Sprintf("127.0.0.1:%d", freePort(t)), stored: filepath.Join(dir, "registry"),
	}

	writeFile(t, filepath.Join(dir, "registry.yaml"), fmt.Sprintf(registryConfiguration, d.stored, d.registry))
	d.serves(exec.Command(toolPath(r.t, "registry"), "serve", filepath.Join(dir, "registry.yaml")), d.registry)
	port := freePort(t)
	for _, name := range []string{"host", "other", "user"} {
		r.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(dir, name))
	}
	writeFile(t, filepath.Join(dir, "sshd.conf"), fmt.Sprintf(sshConfiguration, port, dir))
	if account.Uid == "0" {
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			t.Fatal(err)
		}
	}
	d.serves(exec.Command("/usr/sbin/sshd", "-D", "-e", "-f", filepath.Join(dir, "sshd.conf")), fmt.Sprintf("127.0.0.1:%d", port))

	known := fmt.Sprintf("[127.0.0.1]:%d ", port)
	key := readFile(t, filepath.Join(dir, "user"))
	d.repository = r.with("DEPLOY_HOST=127.0.0.1", "DEPLOY_USER="+account.Username, fmt.Sprintf("DEPLOY_PORT=%d", port),
		"DEPLOY_PATH="+d.server, "DEPLOY_KNOWN_HOSTS="+known+readFile(t, filepath.Join(dir, "host.pub")), "DEPLOY_KEY="+strings.TrimSpace(key),
		"IMAGE_REPOSITORY="+d.registry+"/team/shop", "DOCKERHUB_USERNAME=e2e", "DOCKERHUB_TOKEN="+plantedToken,
		"OTHER_KNOWN_HOSTS="+known+readFile(t, filepath.Join(dir, "other.pub")))
	d.sentinel = append(d.sentinel, plantedToken, strings.Split(key, "\n")[1])

	web := freePort(t)
	writeFile(t, filepath.Join(d.server, ".env"), fmt.Sprintf("ALLOWED_HOSTS=localhost\nHTTPS=false\nHTTP_PORT=%d\n", web))
	d.site = newClient(t, fmt.Sprintf("http://localhost:%d", web), fmt.Sprintf("127.0.0.1:%d", web), &http.Transport{})
	d.site.patient = true
	t.Cleanup(func() {
		d.interrupts() // what a test that has failed leaves
		for _, image := range strings.Fields(r.run("docker", "images", "--quiet", "--no-trunc", d.registry+"/*/*")) {
			_, _ = r.try("docker", "image", "rm", "--force", image) // one image may have several names
		}
	})
	return d
}

// serves starts a server, which ends with the test, and waits for its port.
func (d *deployment) serves(cmd *exec.Cmd, address string) {
	d.t.Helper()
	var output lockedBuffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	c := newClient(d.t, "http://"+address, address, &http.Transport{})
	if err := await(func() error {
		connection, err := c.dial()
		if err == nil {
			connection.Close()
		}
		return err
	}); err != nil {
		d.t.Fatalf("%s: %v\n%s", cmd, err, output.String())
	}
}

// release is what scripts/publish writes.
type release struct{ file, commit, text string }

var releaseLine = regexp.MustCompile(`(?m)^RELEASE=([0-9a-f]{40})$`)

func (d *deployment) file(name string) release {
	d.t.Helper()
	text := readFile(d.t, d.path(name))
	// The next one is written to the same place
	file := filepath.Join(d.t.TempDir(), "release.env")
	writeFile(d.t, file, text)
	return release{file, releaseLine.FindStringSubmatch(text)[1], text}
}

// derives makes the next release: a commit, and the image of the first one with something more.
func (d *deployment) derives(what, lines string) release {
	d.t.Helper()
	d.run("git", "commit", "--quiet", "--allow-empty", "--message", what)
	commit := strings.TrimSpace(d.run("git", "rev-parse", "HEAD"))
	folder := d.t.TempDir()
	writeFile(d.t, filepath.Join(folder, "Dockerfile"), "FROM "+d.project+"\nUSER 0\n"+lines+"\nUSER 10001:10001\n")
	text := releaseLine.ReplaceAllString(readFile(d.t, d.path("build/release.env")), "RELEASE="+commit)
	text = regexp.MustCompile(`(?m)^APP_IMAGE=.*$`).ReplaceAllString(text, "APP_IMAGE="+d.pushes("shop", commit, folder))
	if strings.Contains(lines, "migrations/versions") { // which the image of the backup knows by name
		folder := d.t.TempDir()
		writeFile(d.t, filepath.Join(folder, "Dockerfile"), "FROM "+d.project+"-backup\nUSER 0\nRUN "+knows(lines)+"\nUSER 10001:10001\n")
		text = regexp.MustCompile(`(?m)^BACKUP_IMAGE=.*$`).ReplaceAllString(text, "BACKUP_IMAGE="+d.pushes("shop-backup", commit, folder))
	}
	file := filepath.Join(folder, "release.env")
	writeFile(d.t, file, text)
	return release{file, commit, text}
}

// knows adds the migrations of a Dockerfile's lines to the list of those that the code has.
func knows(lines string) string {
	names := []string{}
	for _, found := range regexp.MustCompile(`'revision = "(\w+)"'`).FindAllStringSubmatch(lines, -1) {
		names = append(names, "alembic "+found[1])
	}
	return "printf '%s\\n' '" + strings.Join(names, "' '") + "' >>/app/known-migrations"
}

// pushes builds the image of a folder, and returns it by its digest.
func (d *deployment) pushes(name, commit, folder string) string {
	d.t.Helper()
	image := d.registry + "/team/" + name
	d.run("docker", "build", "--quiet", "--tag", image+":"+commit, folder)
	d.run("docker", "push", "--quiet", image+":"+commit)
	digest := d.run("docker", "buildx", "imagetools", "inspect", "--format", `{{printf "%s" .Manifest.Digest}}`, image+":"+commit)
	return image + "@" + strings.TrimSpace(digest)
}

// buildsProxyAgain gives the release another image of the proxy, with the same files.
func (r *release) buildsProxyAgain(d *deployment) {
	d.t.Helper()
	folder := d.t.TempDir()
	writeFile(d.t, filepath.Join(folder, "Dockerfile"), "FROM "+d.project+"-proxy\nUSER 0\nRUN touch /srv/static\nUSER 101:101\n")
	r.text = regexp.MustCompile(`(?m)^PROXY_IMAGE=.*$`).ReplaceAllString(r.text, "PROXY_IMAGE="+d.pushes("shop-proxy", r.commit, folder))
	writeFile(d.t, r.file, r.text)
}

// container is the one of a service.
func (d *deployment) container(service string) string {
	d.t.Helper()
	return strings.TrimSpace(d.run("docker", "ps", "--quiet", "--no-trunc", "--filter", "label=com.docker.compose.project="+d.project,
		"--filter", "label=com.docker.compose.service="+service))
}

// migration is the line of a Dockerfile that adds one after a former one.
func migration(name, former, statement string) string {
	return fmt.Sprintf(`RUN printf '%%s\n' 'from alembic import op' 'revision = "%[1]s"' 'down_revision = "%[2]s"' \
    'def upgrade(): op.execute("%[3]s")' 'def downgrade(): pass' >migrations/versions/%[1]s.py
`, name, former, statement)
}

// tries runs a program, and looks for secrets in what is printed.
func (d *deployment) tries(name string, args ...string) (string, error) {
	d.t.Helper()
	output, err := d.try(name, args...)
	d.hasNoSecret(name, output)
	return output, err
}

func (d *deployment) hasNoSecret(name, output string) {
	d.t.Helper()
	secrets := d.sentinel
	// Beside them is a .gitignore, whose star ends many a line
	files, _ := filepath.Glob(filepath.Join(d.server, "secrets", "[^.]*"))
	for _, file := range files {
		if secret := readFile(d.t, file); secret != "" {
			secrets = append(secrets, secret)
		}
	}
	for _, secret := range secrets {
		if before, after, found := strings.Cut(output, secret); found {
			d.t.Errorf("%s has printed a secret:\n%s[secret]%.100s", name, tail(before), after)
		}
	}
}

// says runs what must succeed, and returns what it printed.
func (d *deployment) says(name string, args ...string) string {
	d.t.Helper()
	start := time.Now()
	output, err := d.tries(name, args...)
	if err != nil {
		d.t.Fatalf("%s %s: %v\n%s", name, args, err, tail(output))
	}
	d.t.Logf("%5.1f s  %s", time.Since(start).Seconds(), name)
	return output
}

// refuses runs what must fail, and say why.
func (d *deployment) refuses(why, name string, args ...string) string {
	d.t.Helper()
	output, err := d.tries(name, args...)
	if err == nil || !strings.Contains(output, why) {
		d.t.Errorf("%s %s: %v, and %q is not in\n%s", name, args, err, why, tail(output))
	}
	return output
}

// begun is a command that another one may overtake.
type begun struct {
	d      *deployment
	cmd    *exec.Cmd
	output bytes.Buffer
}

func (d *deployment) starts(name string, args ...string) *begun {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), 5*time.Minute)
	d.t.Cleanup(cancel)
	started := &begun{d: d, cmd: d.command(ctx, name, args...)}
	started.cmd.Stdout, started.cmd.Stderr = &started.output, &started.output
	if err := started.cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	return started
}

// kill ends it and what it has started, the connection above all.
func (r *begun) kill() {
	_ = syscall.Kill(-r.cmd.Process.Pid, syscall.SIGKILL)
	_ = r.cmd.Wait()
}

func (r *begun) wait() (string, error) {
	r.d.t.Helper()
	err := r.cmd.Wait()
	r.d.hasNoSecret(r.cmd.String(), r.output.String())
	return r.output.String(), err
}

// awaitLog waits until a release says something on the server, which may take as long as a few containers to start.
func (d *deployment) awaitLog(r release, text string) {
	d.t.Helper()
	file := filepath.Join(d.server, "releases", r.commit, "log")
	var err error
	for range 4 {
		err = await(func() error {
			if data, _ := os.ReadFile(file); !strings.Contains(string(data), text) {
				return fmt.Errorf("%q is not in %q", text, data)
			}
			return nil
		})
		if err == nil {
			return
		}
	}
	d.t.Fatal(err)
}

// interrupts ends at once whatever has the lock, as the machine does that goes down, and says how many processes that were.
func (d *deployment) interrupts() int {
	d.t.Helper()
	opened, err := filepath.Glob("/proc/[0-9]*/fd/9")
	if err != nil {
		d.t.Fatal(err)
	}
	ended := 0
	for _, file := range opened {
		if target, _ := os.Readlink(file); target == filepath.Join(d.server, "lock") {
			process, _ := strconv.Atoi(strings.Split(file, "/")[2])
			if syscall.Kill(process, syscall.SIGKILL) == nil {
				ended++
			}
		}
	}
	return ended
}

// underLoad uses the service meanwhile, as often as the proxy lets one client, and expects every request to be answered well.
func (d *deployment) underLoad(what string, do func()) {
	d.t.Helper()
	start := time.Now()
	ctx, cancel := context.WithCancel(d.t.Context())
	defer cancel()
	var users sync.WaitGroup
	var mutex sync.Mutex
	sent, lost := 0, []string{}
	for _, kind := range []struct {
		path  string
		every time.Duration
		keep  bool
	}{{"/", 60 * time.Millisecond, true}, {"/api/notes", 120 * time.Millisecond, false}} {
		c := newClient(d.t, d.site.base, strings.TrimPrefix(d.site.base, "http://"), &http.Transport{DisableKeepAlives: !kind.keep})
		users.Go(func() {
			tick := time.NewTicker(kind.every)
			defer tick.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
				}
				a, err := c.try("GET", kind.path, "")
				mutex.Lock()
				sent++
				if err != nil || a.status != http.StatusOK {
					lost = append(lost, fmt.Sprintf("%s: %d %v", kind.path, a.status, err))
				}
				mutex.Unlock()
			}
		})
	}
	do()
	cancel()
	users.Wait()
	d.t.Logf("%5.1f s  %s: %d requests, %d lost", time.Since(start).Seconds(), what, sent, len(lost))
	if len(lost) > 0 || sent < 20 {
		d.t.Errorf("%s: of %d requests %d are lost: %s", what, sent, len(lost), tail(strings.Join(lost, "\n")))
	}
}

// expectRuns holds the folder, the containers and the log of the server against the release that should run.
func (d *deployment) expectRuns(r release) {
	d.t.Helper()
	if current, err := os.Readlink(filepath.Join(d.server, "current")); err != nil || current != "releases/"+r.commit {
		d.t.Errorf("current is %s (%v), not %s", current, err, r.commit)
	}
	images := strings.TrimSpace(d.run("docker", append([]string{"inspect", "--format", "{{.Config.Image}}"}, strings.Fields(d.container("app"))...)...))
	if wanted := regexp.MustCompile(`(?m)^APP_IMAGE=(.*)$`).FindStringSubmatch(r.text)[1]; images != wanted {
		d.t.Errorf("%s serves, not %s", images, wanted)
	}
}

// state is what a dry run must leave as it is.
func (d *deployment) state() string {
	d.t.Helper()
	return d.run("sh", "-c", `cd "$1" && find . -printf '%p %T@ %l\n' | sort; docker ps --all --no-trunc --format '{{.ID}} {{.State}}' --filter "$2"; docker volume ls --quiet --filter "$2"`,
		"sh", d.server, "label=com.docker.compose.project="+d.project)
}

// refusesOtherServers expects that no server is spoken to that is not known.
func (d *deployment) refusesOtherServers() {
	d.t.Helper()
	deploy := func(known string) (string, error) {
		return d.tries("env", "DEPLOY_KNOWN_HOSTS="+known, "scripts/deploy")
	}
	if told, err := deploy(d.getenv("OTHER_KNOWN_HOSTS")); err == nil || !strings.Contains(told, "Host key verification failed") {
		d.t.Errorf("another host key: %v\n%s", err, told)
	}
	if told, err := deploy(""); err == nil || !strings.Contains(told, "DEPLOY_KNOWN_HOSTS is missing") {
		d.t.Errorf("without a host key: %v\n%s", err, told)
	}
	if _, err := os.Stat(filepath.Join(d.server, "releases")); !os.IsNotExist(err) {
		d.t.Error("something was sent to a server that is not known")
	}
}

var restoreStep = regexp.MustCompile(`(?m)^  (cd .*|docker .*)$`)

// givesUp follows what a refused way back says: it restores what was saved, and goes back then.
func (d *deployment) givesUp(told string) {
	d.t.Helper()
	steps := restoreStep.FindAllString(told, -1)
	if len(steps) != 3 {
		d.t.Fatalf("the way back is not said:\n%s", told)
	}
	script := strings.Replace(strings.Join(steps, " &&"), "run --rm restore", "run --rm --no-TTY restore --yes", 1)
	d.says("bash", "-c", script)
	d.says("scripts/rollback")
	d.site.awaitReady("the way back")
}

// logHas holds the log of releases against what has happened.
func (d *deployment) logHas(outcomes ...string) {
	d.t.Helper()
	lines := strings.Split(strings.TrimSpace(readFile(d.t, filepath.Join(d.server, "releases.log"))), "\n")
	form := regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ [0-9a-f]{40} \S+@\S+ (\w+ \w+) sha256:[0-9a-f]{64} (-|shop-\S+\.tar)$`)
	for i, line := range lines {
		if found := form.FindStringSubmatch(line); found == nil || i >= len(outcomes) || found[1] != outcomes[i] {
			d.t.Errorf("line %s of the log: %s", strconv.Itoa(i+1), line)
		}
	}
	if len(lines) != len(outcomes) {
		d.t.Errorf("the log has %d lines, not %d", len(lines), len(outcomes))
	}
}

// hasKept expects no folder but those of the releases that have run, and nothing that was sent in vain.
func (d *deployment) hasKept(releases ...release) {
	d.t.Helper()
	entries, err := os.ReadDir(filepath.Join(d.server, "releases"))
	if err != nil {
		d.t.Fatal(err)
	}
	known := ""
	for _, r := range releases {
		known += r.commit + " "
	}
	for _, entry := range entries {
		if !strings.Contains(known, entry.Name()) {
			d.t.Errorf("releases/%s is left", entry.Name())
		}
	}
}
