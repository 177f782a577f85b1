package e2e

import (
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// TestRepositories takes each framework on each database from nothing to a drilled restore, and through the loss of its
// example. Each dependency tool meets each framework and each database once,
// and what reads the settings meets each of the three.
func TestRepositories(t *testing.T) {
	t.Parallel()
	for i, framework := range frameworks {
		for j, tool := range depsTools {
			// The last tool meets databases that the framework has met: its repositories are only installed, tested and started
			kind, config := databases[(i+j)%len(databases)], configs[(i+2*j)%len(configs)]
			t.Run(framework+"/"+kind+"/"+tool, func(t *testing.T) {
				t.Parallel()
				if j < len(databases) {
					inProduction(t, framework, kind, tool, config)
				} else {
					inDevelopment(t, framework, kind, tool, config)
				}
			})
			for k, kind := range databases {
				if thorough && k != (i+j)%len(databases) {
					t.Run(framework+"/"+kind+"/"+tool, func(t *testing.T) {
						t.Parallel()
						inDevelopment(t, framework, kind, tool, configs[(i+j+k)%len(configs)])
					})
				}
			}
		}
	}
}

// inDevelopment installs, tests and starts one repository, whose tests need no runner but the standard library's.
func inDevelopment(t *testing.T, framework, kind, tool, config string) {
	r := generateWith(t, tool, "--framework", framework, "--database", kind, "--tests", "unittest", "--config", config)
	r.configure("DATABASE_URL", r.newStore(kind, "shop_"+framework+"_"+tool).url)
	r.make("setup")
	r.isComplete()
	r.make("test", "check", "migrate", "migrations-check")
	s := r.serve("/readyz")
	s.answersBesides()
	s.useAPI()
	s.stop(s.pid, syscall.SIGTERM)
	r.noPasswordLeft()
}

// inProduction does all that there is to be done with one repository.
func inProduction(t *testing.T, framework, kind, tool, config string) {
	r := generateWith(t, tool, "--framework", framework, "--database", kind, "--config", config)
	data := r.newStore(kind, "shop_"+framework)
	r.configure("DATABASE_URL", data.url)
	calls := r.recordCalls()

	r.make("setup")
	r.isComplete()
	r.make("test")
	r.make("check")
	if shown := r.make("config-check"); strings.Contains(shown, r.configured("SECRET_KEY")) {
		t.Errorf("config-check shows the secret key:\n%s", shown)
	}
	r.make("migrate")
	r.make("migrate") // nothing to do is no failure
	r.make("migrations-check")
	if kind == "sqlite" {
		r.checksFail(framework)
	}

	s := r.serve("/readyz")
	s.answersBesides()
	s.useAPI()
	s.useForm()
	s.identifiesRequests()
	r.processesHidePassword()
	r.backsUp(data, s)
	s.logsAreJSON()

	r.servesHTTPS(r.newStore(kind, "bare_"+framework))
	r.refuses()
	if kind == "sqlite" {
		r.develops()
	}
	if status := r.run("git", "status", "--porcelain"); status != "" {
		t.Errorf("what the targets made is not ignored:\n%s", status)
	}

	r.make("remove-example")
	r.make("test", "check", "migrate")
	s = r.serve("/readyz")
	s.answersBesides()
	s.expect("no page, as the README says", s.get("/"), 404)
	if readme := readFile(t, r.path("README.md")); strings.Contains(readme, "first migration of your own") {
		t.Error("README.md still has words about the example")
	}
	s.stop(s.pid, syscall.SIGTERM)
	calls.hidePassword(kind != "sqlite")
	r.noPasswordLeft()
}

// answersBesides checks what the service answers without its example.
func (s *service) answersBesides() {
	s.t.Helper()
	s.expect("live", s.get("/livez"), 200)
	s.expect("ready", s.get("/readyz"), 200)
	s.expect("health before host checks", s.get("/livez", "Host", "10.1.2.3:8000"), 200)
	if a := s.expect("metrics", s.get("/metrics"), 200); !strings.Contains(a.body, "# TYPE http_requests_total counter") {
		s.t.Errorf("metrics: no metrics in\n%.300s", a.body)
	}
	s.expect("unknown host", s.get("/", "Host", "evil.example"), 400)
	s.expect("unknown page", s.get("/nowhere"), 404)
	s.expect("a path out of the folder", s.get("/static/..%2f..%2f.env"), 400, 404)
	s.expect("not UTF-8", s.get("/%ff"), 400, 404)
}

// servesHTTPS runs the service in production behind a proxy, on a database without tables until migrations make them.
func (r *repository) servesHTTPS(empty store) {
	r.t.Helper()
	production := r.with("ENVIRONMENT=production", "HTTPS=true", "PROXY_COUNT=1", "ALLOWED_HOSTS=shop.example.com",
		"DATABASE_URL="+empty.url)
	s := production.serve("/livez")
	s.hsts = true
	s.expect("not ready", s.get("/readyz"), 503)
	s.headers = []string{"Host", "shop.example.com", "X-Forwarded-Proto", "https", "X-Forwarded-For", "192.0.2.1"}
	s.expect("no tables", s.get("/api/notes"), 500)
	s.expect("no tables for the page", s.get("/"), 500)
	production.make("migrate")
	s.expect("ready", s.do("GET", "/readyz", ""), 200)

	s.base = "https://shop.example.com" // as browsers see it
	s.http.Transport = asProxy{s.http.Transport, s.port}
	s.useForm()
	for name, proto := range map[string]string{"plain HTTP": "http", "a forged scheme": "https, http"} {
		a := s.expect(name, s.get("/notes?a=b", "X-Forwarded-Proto", proto), 301, 307, 308)
		if location := a.header.Get("Location"); location != "https://shop.example.com/notes?a=b" {
			s.t.Errorf("%s leads to %q", name, location)
		}
	}
	for _, path := range []string{"/livez", "/readyz", "/metrics"} {
		s.expect(path+" by plain HTTP", s.get(path, "X-Forwarded-Proto", "http", "Host", "10.0.0.1"), 200)
	}
	s.stop(s.pid, syscall.SIGTERM)
	s.logsAreJSON()
}

// refuses starts the server with settings that production must not accept, and expects it to name them.
func (r *repository) refuses() {
	r.t.Helper()
	for setting, value := range map[string]string{
		"SECRET_KEY": "change-me", "ALLOWED_HOSTS": "*", "DATABASE_URL": "oracle://u:" + passwordMark + "@h/x", "PORT": "70000",
		"HTTPS": "perhaps", "LOG_LEVEL": "LOUD",
	} {
		production := r.with("ENVIRONMENT=production", "ALLOWED_HOSTS=shop.example.com", setting+"="+value)
		production.fails(setting, "make", "serve")
	}
}

// develops runs the development server, on the port of the environment and on that of .env.
func (r *repository) develops() {
	r.t.Helper()
	port := freePort(r.t)
	s := r.with("PORT="+strconv.Itoa(port)).start("run", port, "/readyz")
	s.expect("page", s.get("/"), 200)
	s.expect("live", s.get("/livez"), 200)
	s.restyles()
	s.stop(-s.pid, syscall.SIGINT) // as a terminal does
	if words := s.output.String(); strings.Contains(words, "no effect") {
		r.t.Errorf("make run has an option that does nothing:\n%s", tail(words))
	}
	port = freePort(r.t)
	r.configure("PORT", strconv.Itoa(port))
	s = r.start("run", port, "/readyz")
	s.stop(-s.pid, syscall.SIGINT)
}

// restyles changes the style sheet: the next page must lead to it, by an address that no browser has kept.
func (s *service) restyles() {
	s.t.Helper()
	before := s.find(styleSheet, s.get("/"))[1]
	file := s.r.path("shop/static/style.css")
	sheet := readFile(s.t, file)
	writeFile(s.t, file, sheet+"/* changed */\n")
	defer writeFile(s.t, file, sheet)
	after := s.find(styleSheet, s.get("/"))[1]
	a := s.expect("style sheet", s.get(after), 200)
	if !strings.Contains(a.body, "/* changed */") || strings.Contains(before, "?v=") && after == before {
		s.t.Errorf("a changed style sheet is at %s, which was %s before:\n%.600s", after, before, a.body)
	}
}

// noPasswordLeft looks for the database's password in everything that the repository has written but .env.
func (r *repository) noPasswordLeft() {
	r.t.Helper()
	err := filepath.WalkDir(r.dir, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.Name() == ".venv":
			return filepath.SkipDir
		case entry.Name() == ".env", !entry.Type().IsRegular():
			return nil
		}
		data, err := os.ReadFile(name)
		if strings.Contains(string(data), passwordMark) {
			r.t.Errorf("%s holds the password", name)
		}
		return err
	})
	if err != nil {
		r.t.Error(err)
	}
}
