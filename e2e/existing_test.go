package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// existing are applications that were there before kitout: a sample repository, and how its users write and read.
var existing = []struct {
	sample, contentType, path, written string
	list                               string // where what was written is read
	tests                              bool   // they need no database server
}{
	{"flask-factory-postgres", "application/json", "/items/", `{"name": "lamp", "quantity": 3}`, "/items/", true},
	{"django-postgres", "application/x-www-form-urlencoded", "/entries", "author=Ada&text=lamp", "/", false},
	{"fastapi-app-main", "application/json", "/rooms/", `{"name": "lamp", "seats": 3}`, "/rooms/", true},
}

// addAround copies a sample, and adds everything to it.
func addAround(t *testing.T, sample string, flags ...string) *repository {
	t.Helper()
	r := &repository{t: t, dir: filepath.Join(t.TempDir(), "there"), env: environment()}
	if err := os.CopyFS(r.dir, os.DirFS("../testdata/repositories/"+sample+"/repository")); err != nil {
		t.Fatal(err)
	}
	r.run("git", "init", "--quiet")
	r.run("git", "add", "--all")
	r.run("git", "commit", "--quiet", "--message", "There before")
	r.run(kitout, append([]string{"add", "--all", "--dir", r.dir, "--package", "around"}, flags...)...)
	return r
}

// TestExisting adds everything to repositories that somebody else wrote, follows what kitout then says, and uses them behind the
// proxy: they boot, migrate, keep what is written, and come back from a backup. No file that was there has changed.
func TestExisting(t *testing.T) {
	t.Parallel()
	for i, app := range existing {
		t.Run(app.sample, func(t *testing.T) {
			t.Parallel()
			project := fmt.Sprintf("e2e%d-there%d", os.Getpid(), i)
			r := addAround(t, app.sample, "--name", project)
			if changed := r.run("git", "diff", "--stat"); changed != "" {
				t.Errorf("files that were there have changed:\n%s", changed)
			}
			r.run("git", "add", "--all")
			r.leavesNothing(project)
			r.lints(linters)
			r.run("scripts/lock")
			r.make("setup", "check", "config-check")
			if app.tests {
				r.make("test")
			}

			port := strconv.Itoa(freePort(t))
			up := r.with("HTTP_PORT="+port, "HTTPS=false", "ALLOWED_HOSTS=localhost")
			up.up()
			c := newClient(t, "http://localhost:"+port, "127.0.0.1:"+port, &http.Transport{})
			status(t, "ready", c.get("/readyz"), 200)
			status(t, "alive", c.get("/livez"), 200)
			status(t, "metrics are not for outside", c.get("/metrics"), 404)
			status(t, "write", c.post(app.path, app.contentType, app.written), 201)
			if !strings.Contains(status(t, "read", c.get(app.list), 200), "lamp") {
				t.Error("what was written is not there")
			}
			samples := up.compose("exec", "--no-TTY", "app", "python", "-c",
				"import urllib.request as r; print(r.urlopen('http://127.0.0.1:8000/metrics').read().decode())")
			if !strings.Contains(samples, `route="`+app.path+`"`) {
				t.Errorf("no metric has the route %s:\n%s", app.path, tail(samples))
			}

			up.compose("exec", "--no-TTY", "backup", "scripts/backup")
			up.compose("stop", "app")
			up.compose("down", "--volumes=false")
			for _, volume := range []string{"media", "data", "database"} {
				name := project + "_" + volume
				if strings.TrimSpace(up.run("docker", "volume", "ls", "--quiet", "--filter", "name=^"+name+"$")) != "" {
					up.run("docker", "volume", "rm", name)
				}
			}
			up.up()
			c.awaitReady("the loss")
			if strings.Contains(status(t, "read", c.get(app.list), 200), "lamp") {
				t.Error("the data was not lost: there is nothing to prove")
			}
			up.compose("stop", "app")
			up.compose("run", "--rm", "--no-TTY", "restore", "--yes", "latest")
			up.up()
			c.awaitReady("a restore")
			if !strings.Contains(status(t, "read", c.get(app.list), 200), "lamp") {
				t.Error("the restore did not bring back what was written")
			}
			up.stopsCleanly()
			if changed := r.run("git", "status", "--porcelain", "--untracked-files=no"); strings.Contains("\n"+changed, "\n M") {
				t.Errorf("what was followed changed files:\n%s", changed)
			}
		})
	}
}

// status expects an answer with a status, an id and the headers of an application that sets none itself, and returns its body.
func status(t *testing.T, what string, a answer, want int) string {
	t.Helper()
	if a.status != want {
		t.Errorf("%s: status %d, want %d\n%.600s", what, a.status, want, a.body)
	}
	for _, name := range []string{"X-Request-Id", "X-Content-Type-Options", "Content-Security-Policy"} {
		if values := a.header.Values(name); len(values) != 1 {
			t.Errorf("%s: header %s is %q", what, name, values)
		}
	}
	return a.body
}
