package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// rehearsals have each framework, database, server and kind of proxy at least twice, with and without a domain and an archive.
var rehearsals = []struct {
	framework, database, server, proxy, tool, domain, backup string
}{
	{"django", "postgres", "gunicorn", "nginx", "uv", domain, "daily"},
	{"django", "mysql", "uwsgi", "none", "pip", domain, "daily"},
	{"flask", "sqlite", "uwsgi", "apache", "pipenv", domain, "daily"},
	{"flask", "postgres", "gunicorn", "none", "uv", "", "continuous"},
	{"fastapi", "mysql", "gunicorn", "nginx", "pip", domain, "continuous"},
	{"fastapi", "sqlite", "gunicorn", "apache", "pip", "", "continuous"},
}

// TestRehearsal rehearses, and expects every promise to be kept, told one by one, and nothing to be left.
func TestRehearsal(t *testing.T) {
	t.Parallel()
	for i, row := range rehearsals {
		s := stack{row.framework, row.database, row.tool, row.domain}
		t.Run(s.String()+"-"+row.server+"-"+row.proxy, func(t *testing.T) {
			t.Parallel()
			project := fmt.Sprintf("e2e%d-%d", os.Getpid(), i)
			flags := []string{"--framework", s.framework, "--database", s.database, "--server", row.server, "--proxy", row.proxy, "--backup", row.backup,
				"--name", project, "--package", "shop"}
			if s.domain != "" {
				flags = append(flags, "--domain", s.domain, "--email", "admin@example.com")
			}
			r := generateWith(t, s.tool, flags...)
			r.leavesNothing(project)
			if row.server == "uwsgi" {
				r.linksPython()
			}
			if row.database == "sqlite" && row.backup == "continuous" {
				r.hasLitestream()
			}
			t.Log(r.make("rehearse"))
			r.hasRehearsed(true)
			r.leftNothing(project + "-rehearsal")
		})
	}
}

// TestBrokenPromise rehearses what does not keep a promise: a proxy that gives up before the application does, and limits that
// the rehearsal does not find.
func TestBrokenPromise(t *testing.T) {
	t.Parallel()
	s := stack{"flask", "sqlite", "pip", ""}
	for i, broken := range []struct{ file, old, new, why string }{
		{
			"deploy/nginx/nginx.conf", "proxy_read_timeout 35s;", "proxy_read_timeout 25s;",
			"the proxy has 25 seconds, no more than what comes before it",
		},
		{"deploy/nginx/nginx.conf", "proxy_read_timeout 35s;", "", "the proxy has no limit in seconds: none is found"},
		{"deploy/rehearsal/time_limit.py", "    print(", "    repr(", "a query has no limit in seconds: none is found"},
	} {
		t.Run(broken.why, func(t *testing.T) {
			t.Parallel()
			project := fmt.Sprintf("%s-broken%d", s.project(), i)
			r := generateWith(t, s.tool, "--framework", s.framework, "--database", s.database, "--name", project, "--package", "shop")
			r.leavesNothing(project)
			r.rewrite(broken.file, broken.old, broken.new)
			r.fails(broken.why, "make", "rehearse")
			r.hasRehearsed(false)
			r.leftNothing(project + "-rehearsal")
		})
	}
}

// hasRehearsed holds the report of a rehearsal against its end.
func (r *repository) hasRehearsed(kept bool) {
	r.t.Helper()
	var report struct {
		Kept     bool
		Promises []struct {
			Promise, Detail string
			Kept            bool
		}
	}
	if err := json.Unmarshal([]byte(readFile(r.t, r.path("rehearsal.json"))), &report); err != nil {
		r.t.Fatal(err)
	}
	if report.Kept != kept || len(report.Promises) < 6 {
		r.t.Errorf("the report of the rehearsal: %+v", report)
	}
	for i, promise := range report.Promises {
		if promise.Promise == "" || promise.Kept != (kept || i < len(report.Promises)-1) {
			r.t.Errorf("the report of the rehearsal: %+v", promise)
		}
	}
	if status := r.run("git", "status", "--porcelain", "--", "rehearsal.json", "scripts"); status != "" {
		r.t.Errorf("the rehearsal left what git does not ignore:\n%s", status)
	}
}

// leftNothing looks for containers, volumes and networks of a project.
func (r *repository) leftNothing(project string) {
	r.t.Helper()
	label := "label=com.docker.compose.project=" + project
	for _, list := range [][]string{{"ps", "--all"}, {"volume", "ls"}, {"network", "ls"}} {
		if left := strings.TrimSpace(r.run("docker", append(list, "--quiet", "--filter", label)...)); left != "" {
			r.t.Errorf("docker %s: %s is left of %s", strings.Join(list, " "), left, project)
		}
	}
}

// hasLitestream makes the image that Litestream comes from, of the same version's program, where no registry can be asked for it.
func (r *repository) hasLitestream() {
	r.t.Helper()
	image := regexp.MustCompile(`--from=(litestream/\S+)`).FindStringSubmatch(readFile(r.t, r.path("Dockerfile")))
	if image == nil {
		r.t.Fatal("no image of Litestream in the Dockerfile")
	}
	if _, err := r.try("docker", "image", "inspect", image[1]); err == nil {
		return
	}
	folder := r.t.TempDir()
	r.run("cp", filepath.Join(toolFolder(r.t), "bin/litestream"), folder)
	writeFile(r.t, filepath.Join(folder, "Dockerfile"), "FROM scratch\nCOPY litestream /usr/local/bin/\n")
	r.run("docker", "build", "--quiet", "--tag", image[1], folder)
}

// linksPython adds Python's shared library to the image where the base image's Python has none, as uWSGI embeds it.
func (r *repository) linksPython() {
	r.t.Helper()
	const look = `import pathlib, sysconfig
print(pathlib.Path(sysconfig.get_config_var("LIBDIR"), sysconfig.get_config_var("INSTSONAME")).exists())`
	if strings.TrimSpace(r.run("docker", "run", "--rm", "python:3.14-slim", "python", "-c", look)) == "True" {
		return
	}
	file := r.path("Dockerfile")
	text := strings.ReplaceAll(readFile(r.t, file), " libc6-dev ", " libc6-dev libpython3.14-dev ")
	writeFile(r.t, file, strings.ReplaceAll(text, " libcrypt1 ", " libcrypt1 libpython3.14 "))
}
