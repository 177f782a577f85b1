package e2e

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// stacks are the pairs that are built and run as containers: each framework and each database once, MySQL being the real one.
var stacks = map[string]string{"django": "postgres", "flask": "mysql", "fastapi": "sqlite"}

// TestContainers builds each image, boots the stack behind its proxy, uses it, and holds the image against what it promises.
func TestContainers(t *testing.T) {
	for _, framework := range frameworks {
		kind := stacks[framework]
		t.Run(framework+"/"+kind, func(t *testing.T) {
			r := generate(t, "--framework", framework, "--database", kind, "--name", "e2e-"+framework, "--package", "shop")
			port, err := freePort()
			if err != nil {
				t.Fatal(err)
			}
			r.set("HTTP_PORT", strconv.Itoa(port))
			r.set("COMPOSE_PROJECT_NAME", "e2e-"+framework)
			r.set("COMPOSE_ANSI", "never")
			t.Cleanup(func() {
				if output, err := r.clean(); err != nil {
					t.Errorf("docker compose down: %v\n%s", err, output)
				}
			})
			r.run("docker", "compose", "config", "--quiet")
			start := time.Now()
			if output, err := r.try("docker", "compose", "up", "--build", "--detach", "--wait", "--wait-timeout", "180"); err != nil {
				logs, _ := r.try("docker", "compose", "logs", "--no-color", "--tail", "80")
				t.Fatalf("docker compose up: %v\n%s\n%s", err, tail(output), tail(logs))
			}
			t.Logf("built and up: %.1f s", time.Since(start).Seconds())
			r.behindProxy(port)
			r.imageKeepsPromises()
		})
	}
}

// clean removes the stack with its volumes. It runs after the test, whose context has ended.
func (r *repository) clean() (string, error) {
	cmd := r.command(backgroundContext(), "docker", "compose", "down", "--volumes", "--remove-orphans", "--timeout", "5")
	output, err := cmd.CombinedOutput()
	return string(output), err
}

// behindProxy uses the service as the outside sees it.
func (r *repository) behindProxy(port int) {
	r.t.Helper()
	client := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}}}
	get := func(path string, host string) answer {
		r.t.Helper()
		request, err := http.NewRequest("GET", fmt.Sprintf("http://127.0.0.1:%d%s", port, path), nil)
		if err != nil {
			r.t.Fatal(err)
		}
		if host != "" {
			request.Host = host
		}
		response, err := client.Do(request)
		if err != nil {
			r.t.Fatalf("GET %s: %v", path, err)
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			r.t.Fatal(err)
		}
		return answer{response.StatusCode, response.Header, string(body)}
	}
	const host = "localhost"
	page := get("/", host)
	if page.status != 200 || !strings.Contains(page.body, "<form") {
		r.t.Errorf("page: %d\n%.500s", page.status, page.body)
	}
	for _, path := range []string{"/", "/nowhere", "/api/notes"} {
		a := get(path, host)
		for name, part := range securityHeaders {
			if values := a.header.Values(name); len(values) != 1 || !strings.Contains(values[0], part) {
				r.t.Errorf("%s: header %s is %q", path, name, values)
			}
		}
	}
	if a := get("/metrics", host); a.status != 403 && a.status != 404 {
		r.t.Errorf("/metrics is open to the outside: %d", a.status)
	}
	start := strings.Index(page.body, `href="/static/`)
	if start < 0 {
		r.t.Fatal("page: no style sheet")
	}
	sheet := page.body[start+len(`href="`):]
	sheet = sheet[:strings.IndexByte(sheet, '"')]
	if a := get(sheet, host); a.status != 200 || !strings.Contains(a.header.Get("Cache-Control"), "immutable") || a.header.Get("X-Content-Type-Options") != "nosniff" {
		r.t.Errorf("%s: %d, %v", sheet, a.status, a.header)
	}
	r.rateLimited(client, port)
}

// rateLimited sends more than anyone types and expects the proxy to say 429, not to pass all of it on.
func (r *repository) rateLimited(client *http.Client, port int) {
	r.t.Helper()
	for range 400 {
		response, err := client.Get(fmt.Sprintf("http://localhost:%d/api/notes", port))
		if err != nil {
			r.t.Fatal(err)
		}
		io.Copy(io.Discard, response.Body)
		response.Body.Close()
		if response.StatusCode == http.StatusTooManyRequests {
			return
		}
	}
	r.t.Error("400 requests in a row were not limited")
}

// imageKeepsPromises looks into the running container of the application.
func (r *repository) imageKeepsPromises() {
	r.t.Helper()
	inside := func(script string) (string, error) {
		return r.try("docker", "compose", "exec", "--no-TTY", "web", "sh", "-c", script)
	}
	if output, err := inside("id -u"); err != nil || strings.TrimSpace(output) != "10001" {
		r.t.Errorf("the application runs as %q (%v)", output, err)
	}
	if output, err := inside("touch /app/x"); err == nil {
		r.t.Errorf("the root file system can be written: %s", output)
	}
	if output, err := inside("command -v gcc cc pip pytest mypy uv || [ -e /root/.cache ]"); err == nil {
		r.t.Errorf("the image holds what only a build or a developer needs: %s", output)
	}
	if output, err := inside("ls -a /app"); err != nil || strings.Contains(output, ".env") || strings.Contains(output, "tests") || strings.Contains(output, ".git\n") {
		r.t.Errorf("the image holds more than the service (%v):\n%s", err, output)
	}
	if output, err := inside("grep -h CapEff /proc/1/status"); err != nil || !strings.HasSuffix(strings.TrimSpace(output), "0000000000000000") {
		r.t.Errorf("process 1 has capabilities: %s (%v)", output, err)
	}
	secret := ""
	for line := range strings.Lines(readFile(r.t, filepath.Join(r.dir, ".env"))) {
		if value, found := strings.CutPrefix(strings.TrimSpace(line), "SECRET_KEY="); found {
			secret = strings.Trim(value, `"'`)
		}
	}
	history, err := r.try("docker", "history", "--no-trunc", "--format", "{{.CreatedBy}}", "e2e-"+strings.TrimPrefix(filepath.Base(os.Getenv("COMPOSE_PROJECT_NAME")), "e2e-"))
	if err == nil && secret != "" && strings.Contains(history, secret) {
		r.t.Error("the image's history holds the secret key")
	}
}
