package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestApache boots stacks behind Apache, and holds it against what the default proxy promises, but for the limit of requests.
func TestApache(t *testing.T) {
	t.Parallel()
	for _, s := range []stack{{"django", "postgres", "uv", domain}, {"flask", "sqlite", "pip", ""}} {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			r, c := s.behind(t, "apache")
			c.streams = true
			r.up()
			c.expect("ready", c.get("/readyz"), 200)
			c.useAPI()
			c.useForm()
			c.behindProxy()
			c.believesNobody()
			c.servesStatic()
			if a := c.get("/static/style.css", "Accept-Encoding", "gzip;q=0"); a.header.Get("Content-Encoding") != "" {
				t.Errorf("compressed for a client that does not want it: %v", a.header)
			}
			c.outlastsSlowClients()
			if s.domain != "" {
				r.secured(c)
			}
			r.unchangedByUp()
			r.imageKeepsPromises(s.project() + "-apache")
			r.proxyLogsAreJSON(c)
			r.compose("stop", "app")
			if a := c.expect("no application", c.get("/"), 500, 503); strings.Contains(a.body, "app") {
				t.Errorf("no application: %s", a.body)
			}
			if a := c.expect("no application for the API", c.get("/api/notes"), 500, 503); !strings.HasPrefix(a.body, `{"error": "HTTP 50`) ||
				a.header.Get("Content-Type") != "application/json" {
				t.Errorf("no application for the API: %v %s", a.header, a.body)
			}
			r.stopsCleanly()
		})
	}
}

// TestNoProxy boots stacks whose application is published itself: one as a platform's load balancer sees it, one by plain HTTP.
func TestNoProxy(t *testing.T) {
	t.Parallel()
	for _, s := range []stack{{"django", "sqlite", "uv", domain}, {"fastapi", "sqlite", "pip", ""}} {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			r, c := s.behind(t, "none")
			if services := strings.Fields(r.compose("config", "--services")); slices.Contains(services, "proxy") {
				t.Errorf("services: %q", services)
			}
			r.up()
			c.expect("ready", c.get("/readyz"), 200)
			c.useAPI()
			c.useForm()
			c.servesStatic()
			c.expect("unknown host", c.get("/", "Host", "evil.example"), 400)
			r.keepsMetrics(c)
			if s.domain == "" {
				c.believesNobody()
			} else {
				for name, proto := range map[string]string{"plain HTTP": "http", "a forged scheme": "https, http"} {
					a := c.expect(name, c.get("/notes?a=b", "X-Forwarded-Proto", proto), 301, 307, 308)
					if location := a.header.Get("Location"); location != "https://"+domain+"/notes?a=b" {
						t.Errorf("%s leads to %q", name, location)
					}
				}
			}
			r.unchangedByUp()
			r.imageKeepsPromises(s.project() + "-none")
			r.stopsCleanly()
			if s.domain == "" {
				r.developsInside()
			}
		})
	}
}

// keepsMetrics asks for the metrics with the token of .env, and in every other way.
func (r *repository) keepsMetrics(c *client) {
	r.t.Helper()
	token := r.configured("METRICS_TOKEN")
	if a := c.expect("metrics", c.get("/metrics", "Authorization", "Bearer "+token), 200); !strings.Contains(a.body, "# TYPE") {
		r.t.Errorf("metrics: no metrics in\n%.300s", a.body)
	}
	for _, path := range []string{"/metrics", "//metrics", "/metrics?token=" + token} {
		for _, authorization := range []string{"", "Bearer ", "Bearer " + token + "x", "Basic " + token, token} {
			if a := c.get(path, "Authorization", authorization); a.status < 400 {
				r.t.Errorf("%s with %q: %d\n%.300s", path, authorization, a.status, a.body)
			}
		}
	}
	c.expect("metrics without a token", c.get("/metrics"), 404)
}

// behind generates a stack with a proxy, and the client of it. What the test leaves is removed.
func (s stack) behind(t *testing.T, proxy string) (*repository, *client) {
	t.Helper()
	project := s.project() + "-" + proxy
	flags := []string{"--framework", s.framework, "--database", s.database, "--proxy", proxy, "--name", project, "--package", "shop"}
	if s.domain != "" {
		flags = append(flags, "--domain", s.domain, "--email", "admin@example.com")
	}
	r := generateWith(t, s.tool, flags...)
	t.Cleanup(func() {
		r.compose("down", "--volumes", "--remove-orphans", "--timeout", "5")
		built := r.run("docker", "images", "--quiet", "--filter", "label=com.docker.compose.project="+project)
		r.run("docker", append([]string{"image", "rm", "--force"}, strings.Fields(built)...)...)
	})
	if s.domain != "" && proxy != "none" {
		return r, r.secureSite(s.domain)
	}
	c := r.plainSite()
	if s.domain != "" { // the client is the load balancer that ends TLS
		port, err := strconv.Atoi(r.configured("HTTP_PORT"))
		if err != nil {
			t.Fatal(err)
		}
		c.base, c.hsts, c.http.Transport = "https://"+s.domain, true, asProxy{c.http.Transport, port}
		c.headers = []string{"X-Forwarded-Proto", "https", "X-Forwarded-For", "192.0.2.1"}
	}
	return r, c
}

// believesNobody claims to be a proxy: an application that believed it would refuse the host, or lead to HTTPS.
func (c *client) believesNobody() {
	c.t.Helper()
	for _, claim := range [][]string{
		{"X-Forwarded-Host", "evil.example"}, {"X-Forwarded-Proto", "http"}, {"X-Forwarded-For", "192.0.2.1"}, {"Forwarded", "host=evil.example"},
	} {
		c.expect(strings.Join(claim, ": "), c.get("/", claim...), 200)
	}
}

// servesStatic asks for the style sheet in each way that caches and interrupted downloads know.
func (c *client) servesStatic() {
	c.t.Helper()
	sheet := c.find(styleSheet, c.get("/"))[1]
	plain := c.expect("style sheet", c.get(sheet, "Accept-Encoding", "identity"), 200)
	packed := c.expect("compressed style sheet", c.get(sheet, "Accept-Encoding", "gzip"), 200)
	for name, a := range map[string]answer{"plain": plain, "compressed": packed} {
		header := a.header
		if header.Get("Vary") != "Accept-Encoding" || header.Get("ETag") == "" || header.Get("Content-Length") != fmt.Sprint(len(a.body)) ||
			header.Get("Content-Type") != plain.header.Get("Content-Type") {
			c.t.Errorf("%s style sheet of %d bytes: %v", name, len(a.body), header)
		}
		for condition, value := range map[string]string{"If-None-Match": header.Get("ETag"), "If-Modified-Since": header.Get("Last-Modified")} {
			again := c.expect(name+" style sheet again", c.get(sheet, "Accept-Encoding", header.Get("Content-Encoding")+", identity", condition, value), 304)
			if again.header.Get("Cache-Control") != header.Get("Cache-Control") || again.header.Get("ETag") != header.Get("ETag") {
				c.t.Errorf("%s style sheet again: %v", name, again.header)
			}
		}
	}
	if len(packed.body) >= len(plain.body) || packed.header.Get("Content-Encoding") != "gzip" {
		c.t.Errorf("compressed from %d bytes to %d: %v", len(plain.body), len(packed.body), packed.header)
	}
	if !strings.Contains(plain.header.Get("Cache-Control"), "immutable") {
		c.t.Errorf("%s: %v", sheet, plain.header)
	}
	if a := c.expect("unhashed style sheet", c.get("/static/style.css"), 200); strings.Contains(a.header.Get("Cache-Control"), "immutable") {
		c.t.Errorf("/static/style.css, whose name has no hash: %v", a.header)
	}
	part := c.expect("a part", c.get(sheet, "Accept-Encoding", "identity", "Range", "bytes=2-9"), 206)
	if part.body != plain.body[2:10] || part.header.Get("Content-Range") != fmt.Sprintf("bytes 2-9/%d", len(plain.body)) {
		c.t.Errorf("a part: %q %v", part.body, part.header)
	}
	c.expect("a part behind the end", c.get(sheet, "Accept-Encoding", "identity", "Range", "bytes=99999999-"), 416)
}

// outlastsSlowClients keeps more clients sending than the application has threads: it must not notice, and they must be cut off.
func (c *client) outlastsSlowClients() {
	c.t.Helper()
	const most = 100_000 // more than a proxy waits for by itself
	var readers []io.Reader
	for range 24 {
		connection, reader := c.open("POST", "/api/notes", "Content-Type", "application/json", "Content-Length", strconv.Itoa(most+100))
		if _, err := io.WriteString(connection, `{"title": "`+strings.Repeat("x", most)); err != nil {
			c.t.Fatal(err)
		}
		readers = append(readers, reader)
	}
	head, err := c.dial()
	if err != nil {
		c.t.Fatal(err)
	}
	defer head.Close()
	head.SetDeadline(time.Now().Add(time.Minute))
	if _, err := io.WriteString(head, "GET / HTTP/1.1\r\nHost: "); err != nil {
		c.t.Fatal(err)
	}
	start := time.Now()
	c.expect("a page beside slow clients", c.get("/"), 200)
	if took := time.Since(start); took > 5*time.Second {
		c.t.Errorf("a page beside slow clients took %v", took)
	}
	for _, reader := range append(readers, head) {
		if _, err := io.Copy(io.Discard, reader); errors.Is(err, os.ErrDeadlineExceeded) {
			c.t.Fatal("a slow client was not cut off within a minute")
		}
	}
}

// proxyLogsAreJSON sends what would end a string or a line, and reads every line that the proxy has written.
func (r *repository) proxyLogsAreJSON(c *client) {
	r.t.Helper()
	c.get("/nowhere?token=confidential", "X-Request-ID", "e2e-logged")
	for _, request := range []string{
		"GET /\"x\\y\xe9 HTTP/1.1\r\nHost: HOST\r\nX-Request-ID: a\"b\\\r\nUser-Agent: \"\\\r\nReferer: \"\\\r\nConnection: close\r\n\r\n",
		"GET /%22%5c%0a%00 HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n",
		"GET /static/%22%5c%0a HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n",
		"G\"T / HTTP/1.1\r\nHost: HOST\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: \"\\\r\n\r\n",
		"F|%`^x / HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n",
		"\x16\x03\"\\\r\n\r\n",
	} {
		connection, err := c.dial()
		if err != nil {
			r.t.Fatal(err)
		}
		connection.SetDeadline(time.Now().Add(time.Minute))
		if _, err := io.WriteString(connection, strings.ReplaceAll(request, "HOST", strings.Split(c.base, "://")[1])); err != nil {
			r.t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, connection); errors.Is(err, os.ErrDeadlineExceeded) {
			r.t.Errorf("%q: the connection stays open", request)
		}
		connection.Close()
	}
	const last = "e2e-the-last-one"
	c.get("/", "X-Request-ID", last)
	var lines string
	err := await(func() error {
		if lines = r.compose("logs", "--no-color", "--no-log-prefix", "proxy"); !strings.Contains(lines, last) {
			return errors.New("the last request is in no line")
		}
		return nil
	})
	if err != nil {
		r.t.Fatalf("%v\n%s", err, tail(lines))
	}
	seen := false
	for line := range strings.Lines(lines) {
		var entry struct {
			Timestamp, Level, Logger, Message, Method, Path string
			RequestID                                       string `json:"request_id"`
			Status                                          int
			Seconds                                         float64
		}
		if err := json.Unmarshal([]byte(line), &entry); err != nil || entry.Level == "" || entry.Message == "" || entry.Timestamp == "" {
			r.t.Errorf("a line of the proxy is no record (%v): %s", err, line)
		}
		seen = seen || entry.RequestID == "e2e-logged" && entry.Method == "GET" && entry.Path == "/nowhere" && entry.Status == 404 && entry.Seconds > 0
	}
	if !seen || strings.Contains(lines, "confidential") {
		r.t.Errorf("a request is not logged, or with its query:\n%s", tail(lines))
	}
}

// TestProxiesLint holds repositories with each other proxy against the linters of what is in them.
func TestProxiesLint(t *testing.T) {
	t.Parallel()
	for _, proxy := range []string{"apache", "none"} {
		for _, name := range []string{"", domain} {
			t.Run(proxy+"/"+name, func(t *testing.T) {
				t.Parallel()
				flags := []string{"--proxy", proxy}
				if name != "" {
					flags = append(flags, "--domain", name)
				}
				r := generate(t, flags...)
				for _, l := range linters {
					if _, err := os.Stat(r.path(l.file)); os.IsNotExist(err) {
						continue // another proxy's
					}
					command := l.command(r)
					if output, err := r.try(command[0], command[1:]...); err != nil {
						t.Errorf("%s: %v\n%s", l.name, err, tail(output))
					}
				}
				if proxy == "apache" {
					r.configuresApache(name)
				}
			})
		}
	}
}

// configuresApache has Apache read its configuration in the proxy's image, under the terms that Compose sets, and then with a
// mistake in each file.
func (r *repository) configuresApache(name string) {
	r.t.Helper()
	const folder = "/usr/local/apache2/"
	test := []string{"docker", "run", "--rm", "--user", "33:33", "--read-only", "--tmpfs", "/tmp", "--network", "none", "--cap-drop", "ALL"}
	if name != "" {
		own := selfSigned(r.t, time.Now().AddDate(0, 0, 60), name)
		file := filepath.Join(r.t.TempDir(), name+".pem")
		writeFile(r.t, file, own.chain+own.key)
		if err := os.Chmod(file, 0o644); err != nil { // the proxy runs as another user
			r.t.Fatal(err)
		}
		test = append(test, "--volume", file+":/srv/certificates/"+name+".pem:ro", "--tmpfs", "/srv/challenges")
	}
	for _, file := range []string{"httpd.conf", "site.conf"} {
		test = append(test, "--volume", r.path("deploy/apache/"+file)+":"+folder+"conf/"+file+":ro")
	}
	test = append(test, "httpd:2.4", "httpd", "-f", folder+"conf/httpd.conf", "-t") // what apachectl configtest runs
	if output := r.run(test[0], test[1:]...); strings.TrimSpace(output) != "Syntax OK" {
		r.t.Errorf("httpd warns:\n%s", output)
	}
	for _, file := range []string{"httpd.conf", "site.conf"} {
		r.breaks("deploy/apache/"+file, func(text string) string { return text + "ProxyPas / http://app:8000/\n" }, "Invalid command 'ProxyPas'",
			test[0], test[1:]...)
	}
}
