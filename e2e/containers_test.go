package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

const domain = "shop.example.com"

// stack is one repository that is built and run as containers.
type stack struct {
	framework, database, tool string
	domain                    string // empty for plain HTTP
}

// stacks are each framework and each database once, MySQL being the real one. Poetry's images are built by TestPrivateIndex:
// its default index is one that not every machine reaches from a container.
func stacks() []stack {
	if !thorough {
		return []stack{{"django", "postgres", "uv", domain}, {"flask", "mysql", "pipenv", domain}, {"fastapi", "sqlite", "pip", ""}}
	}
	var all []stack
	for i, framework := range frameworks {
		for j, database := range databases {
			tools := []string{"pip", "uv", "pipenv"}
			all = append(all, stack{framework, database, tools[(i+j)%3], ""}, stack{framework, database, tools[(i+j+1)%3], domain})
		}
	}
	return all
}

// project is a name that no other run uses at the same time.
func (s stack) project() string {
	return fmt.Sprintf("e2e%d-%s", os.Getpid(), s)
}

func (s stack) String() string {
	name := s.framework + "-" + s.database + "-" + s.tool
	if s.domain != "" {
		name += "-https"
	}
	return name
}

// TestContainers builds the images, boots the stack behind its proxy, uses it, restores its backup, and holds the image and
// the proxy against what they promise.
func TestContainers(t *testing.T) {
	t.Parallel()
	for _, s := range stacks() {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			project := s.project()
			flags := []string{"--framework", s.framework, "--database", s.database, "--name", project, "--package", "shop"}
			if s.domain != "" {
				flags = append(flags, "--domain", s.domain, "--email", "admin@example.com")
			}
			r := generateWith(t, s.tool, flags...)
			r.leavesNothing(project)
			var c *client
			if s.domain == "" {
				c = r.plainSite()
			} else {
				c = r.secureSite(s.domain)
			}
			r.fails("bind source path does not exist: "+r.path("secrets"), "docker", "compose", "run", "--rm", "--build", "--no-deps", "--no-TTY", "app", "true")
			r.run("scripts/secrets")
			r.make("image")
			r.run("docker", "image", "rm", project, project+"-proxy") // Compose builds them again, from the cache
			if s.database != "sqlite" {
				r.drillsInside()
			}
			r.up()
			c.expect("ready", c.get("/readyz"), 200)
			c.useAPI()
			c.useForm()
			c.behindProxy()
			if s.domain != "" {
				r.secured(c)
			}
			r.unchangedByUp()
			r.restoresInside(c)
			r.followsRunbook(c, s.framework, s.database)
			r.changesPassword(c)
			r.imageKeepsPromises(project)
			c.rateLimited()
			if s.domain == "" && s.database == "sqlite" {
				r.rollsOut(project)
				c.expect("ready after a roll-out", c.get("/readyz"), 200)
			}
			r.stopsCleanly()
			if s.domain == "" && s.database == "sqlite" {
				r.developsInside()
				r.buildsTheSame(project)
			}
		})
	}
}

// leavesNothing removes the containers, the volumes and the images at the end of the test, also those of a rehearsal.
func (r *repository) leavesNothing(project string) {
	r.t.Helper()
	r.t.Cleanup(func() {
		r.compose("down", "--volumes", "--remove-orphans", "--timeout", "5")
		for _, name := range []string{project, project + "-rehearsal"} {
			built := r.run("docker", "images", "--quiet", "--filter", "label=com.docker.compose.project="+name)
			if ids := strings.Fields(built); len(ids) > 0 {
				r.run("docker", append([]string{"image", "rm", "--force"}, ids...)...)
			}
		}
	})
}

// plainSite is the repository's proxy by plain HTTP.
func (r *repository) plainSite() *client {
	r.t.Helper()
	port := strconv.Itoa(freePort(r.t))
	r.configure("HTTP_PORT", port)
	c := newClient(r.t, "http://localhost:"+port, "127.0.0.1:"+port, &http.Transport{})
	c.patient = true
	return c
}

func (r *repository) compose(args ...string) string {
	r.t.Helper()
	return r.run("docker", append([]string{"compose"}, args...)...)
}

// up starts the stack as the documentation says, and waits until all of it is healthy.
func (r *repository) up(files ...string) {
	r.t.Helper()
	r.run("scripts/secrets")
	start := time.Now()
	args := slices.Concat([]string{"compose"}, files, []string{"up", "--build", "--detach", "--wait", "--wait-timeout", "240"})
	if output, err := r.try("docker", args...); err != nil {
		r.t.Fatalf("docker compose up: %v\n%s\n%s", err, tail(output), tail(r.compose("logs", "--no-color", "--tail", "40")))
	}
	r.t.Logf("%5.1f s  docker compose up", time.Since(start).Seconds())
}

// containers are the ids, what Compose has made each from and, but for the one that has ended, the times of start.
func (r *repository) containers() string {
	r.t.Helper()
	return r.inspect(`{{.Name}} {{printf "%.12s" .Id}} image {{printf "%.19s" .Image}} configuration {{printf "%.12s" (index .Config.Labels ` +
		`"com.docker.compose.config-hash")}} restarts {{.RestartCount}}{{if .State.Running}} {{.State.StartedAt}}{{end}}`)
}

// inspect writes a line about every container of the stack.
func (r *repository) inspect(format string) string {
	r.t.Helper()
	ids := strings.Fields(r.compose("ps", "--all", "--quiet"))
	return r.run("docker", append([]string{"inspect", "--format", format}, ids...)...)
}

// hasLogged waits until a service has logged a text: what it wrote just now may still be on the way.
func (r *repository) hasLogged(service, text string) {
	r.t.Helper()
	if err := await(func() error {
		if output := r.compose("logs", service); !strings.Contains(output, text) {
			return fmt.Errorf("%s has not logged %q:\n%s", service, text, tail(output))
		}
		return nil
	}); err != nil {
		r.t.Error(err)
	}
}

// unchangedByUp starts what is up already. It does not build again: that is up to the engine's cache, which gives way where a disk is
// filled by others.
func (r *repository) unchangedByUp() {
	r.t.Helper()
	before := r.containers()
	r.compose("up", "--detach", "--wait", "--wait-timeout", "240")
	if after := r.containers(); after != before {
		r.t.Errorf("a second docker compose up changed the containers: before\n%s\nafter\n%s", before, after)
	}
}

// rollsOut puts the release in its own place: the application is another container, all else the same, and the migration runs once.
func (r *repository) rollsOut(project string) {
	r.t.Helper()
	others := func() string {
		return regexp.MustCompile(`(?m)^/\S*-app-\d+ .*\n`).ReplaceAllString(r.containers(), "")
	}
	application := func() string { return r.compose("ps", "--quiet", "app") }
	beside, before := others(), application()
	started := r.startsOf(project, "migrate")
	r.run("scripts/rollout", "--no-build")
	if ids := started(); len(ids) != 1 {
		r.t.Errorf("a roll-out migrates %d times", len(ids))
	}
	if after := application(); after == before || len(strings.Fields(after)) != 1 {
		r.t.Errorf("the application is %q after a roll-out, and was %q", after, before)
	}
	if after := others(); after != beside {
		r.t.Errorf("a roll-out changed other containers: before\n%s\nafter\n%s", beside, after)
	}
}

// startsOf follows a service's containers as they start, since the engine forgets all but its last 256 events. What it returns waits
// for the first one, and has the ids of all until then.
func (r *repository) startsOf(project, service string) func() []string {
	r.t.Helper()
	var output lockedBuffer
	events := r.command(r.t.Context(), "docker", "events", "--since", time.Now().Format(time.RFC3339Nano), "--filter", "event=start",
		"--filter", "label=com.docker.compose.project="+project, "--filter", "label=com.docker.compose.service="+service,
		"--format", "{{.Actor.ID}}")
	events.Stdout, events.Stderr = &output, &output
	if err := events.Start(); err != nil {
		r.t.Fatal(err)
	}
	return func() []string {
		r.t.Helper()
		_ = await(func() error {
			if output.String() == "" {
				return errors.New("none has started")
			}
			return nil
		})
		_ = events.Process.Kill()
		_ = events.Wait()
		return strings.Fields(output.String())
	}
}

// restoresInside backs up with encryption, verifies and restores inside the stack. The key goes by the standard input to what
// reads the backup: Docker does not tell it.
func (r *repository) restoresInside(c *client) {
	r.t.Helper()
	start := time.Now()
	r.compose("exec", "--no-TTY", "backup", "scripts/verify", "latest") // the one that was made at the start
	key := filepath.Join(r.t.TempDir(), "key")
	r.run("age-keygen", "--output", key)
	identity := readFile(r.t, key)
	r.compose("exec", "--no-TTY", "--env", "AGE_RECIPIENT="+publicKey.FindString(identity), "backup", "scripts/backup")
	r.fails("is encrypted", "docker", "compose", "exec", "--no-TTY", "backup", "scripts/verify", "latest")
	saved := c.titles()
	c.expect("create after the backup", c.postJSON("/api/notes", `{"title": "Lost in the restore"}`), 201)
	r.compose("stop", "app")
	c.expect("no application", c.get("/"), 502, 504)
	c.expect("no application for the API", c.get("/api/notes"), 502, 504)
	name := fmt.Sprintf("e2e%d-restore-%d", os.Getpid(), time.Now().UnixNano())
	r.run("sh", "-c", `docker compose run --name "$1" --no-TTY --env AGE_IDENTITY_FILE=- restore --yes latest <"$2"`, "sh", name, key)
	if told := r.run("docker", "inspect", name); !strings.Contains(told, "AGE_IDENTITY_FILE=-") || strings.Contains(told, privateKey.FindString(identity)) {
		r.t.Error("docker inspect shows the key, or nothing at all")
	}
	r.run("docker", "rm", name)
	r.up()
	c.awaitReady("a restore")
	if titles := c.titles(); !slices.Equal(titles, saved) {
		r.t.Errorf("restored the notes %q, not %q", titles, saved)
	}
	page := c.expect("page", c.get("/"), 200)
	c.expect("restored attachment", c.get(c.find(attachment, page)[0]), 200)
	r.t.Logf("%5.1f s  backup and restore", time.Since(start).Seconds())
}

var passwordStep = regexp.MustCompile("(?s)\n### The password of the database must change\n.*?```sh\n(.*?)\n```")

// changesPassword follows the runbook, where there is a server with a password.
func (r *repository) changesPassword(c *client) {
	r.t.Helper()
	if r.configured("DATABASE_PASSWORD") == "" {
		return
	}
	r.configure("DATABASE_PASSWORD", "")
	old := readFile(r.t, r.path("secrets/database_password"))
	step := passwordStep.FindStringSubmatch(readFile(r.t, r.path("docs/production.md")))
	if step == nil {
		r.t.Fatal("the runbook does not change the password")
	}
	r.run("bash", "-c", "set -euo pipefail\n"+step[1])
	if password := readFile(r.t, r.path("secrets/database_password")); password == old || len(password) != 64 {
		r.t.Errorf("the new password has %d characters", len(password))
	}
	c.awaitReady("another password")
}

// stopsCleanly expects every container to end by itself on its stop signal: one that is killed at the end of its grace says so.
func (r *repository) stopsCleanly() {
	r.t.Helper()
	r.compose("stop")
	for line := range strings.Lines(r.inspect("{{.Name}} {{.State.ExitCode}} {{.State.OOMKilled}}")) {
		if !strings.HasSuffix(strings.TrimSpace(line), " 0 false") {
			r.t.Errorf("not stopped cleanly: %s", line)
		}
	}
}

var published = regexp.MustCompile(`"127\.0\.0\.1:(\d+):(\d+)"`)

// drillsInside starts the database as for development, and drills with clients of the server's version, whatever this
// machine has.
func (r *repository) drillsInside() {
	r.t.Helper()
	port := strconv.Itoa(freePort(r.t)) // the usual one may be taken
	file := r.path("compose.dev.yaml")
	usual := published.FindStringSubmatch(strings.Split(readFile(r.t, file), "\n  database:\n")[1])[1]
	writeFile(r.t, file, strings.Replace(readFile(r.t, file), `"127.0.0.1:`+usual, `"127.0.0.1:`+port, 1))
	r.configure("DATABASE_URL", strings.Replace(r.configured("DATABASE_URL"), ":"+usual+"/", ":"+port+"/", 1))
	r.make("services")
	told := r.inspectsRuns()
	r.make("drill")
	if text := readFile(r.t, told); !strings.Contains(text, "DATABASE_URL_FILE=") || strings.Contains(text, r.configured("DATABASE_PASSWORD")) {
		r.t.Error("docker inspect shows the password to a container of the drill, or nothing at all")
	}
}

// inspectsRuns has `docker run` and `docker compose run` leave in a file, whose path it returns, what Docker tells of each container.
func (r *repository) inspectsRuns() string {
	r.t.Helper()
	docker, err := exec.LookPath("docker")
	if err != nil {
		r.t.Fatal(err)
	}
	dir := r.t.TempDir()
	told := filepath.Join(dir, "told")
	writeFile(r.t, told, "")
	writeFile(r.t, filepath.Join(dir, "docker"), strings.NewReplacer("DOCKER", docker, "DIR", dir).Replace(`#!/bin/sh
case "$1 $2 $3" in
  "run --rm "*) run=run && shift 2 ;;
  "compose run --rm") run="compose run" && shift 3 ;;
  *) exec DOCKER "$@" ;;
esac
DOCKER $run --name "kitout-e2e-$$" "$@"
status=$?
DOCKER inspect "kitout-e2e-$$" >>DIR/told
DOCKER logs "kitout-e2e-$$" >>DIR/told 2>&1
DOCKER rm "kitout-e2e-$$" >/dev/null
exit $status
`))
	if err := os.Chmod(filepath.Join(dir, "docker"), 0o755); err != nil {
		r.t.Fatal(err)
	}
	r.env = append(r.env, "PATH="+dir+string(filepath.ListSeparator)+r.getenv("PATH"))
	return told
}

// developsInside runs the stack for development, which answers without the proxy and reloads the code.
func (r *repository) developsInside() {
	r.t.Helper()
	port := strconv.Itoa(freePort(r.t))
	r.configure("PORT", port)
	files := []string{"--file", "compose.yaml", "--file", "compose.dev.yaml"}
	r.compose(append(files, "config", "--quiet")...)
	r.up(files...)
	c := newClient(r.t, "http://localhost:"+port, "127.0.0.1:"+port, &http.Transport{})
	c.expect("ready", c.get("/readyz"), 200)
	r.reloads(c)
}
