package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// certificateMetrics are what the service `certificates` tells of a certificate; TestCertificates looks at the real ones.
const certificateMetrics = `certificate_not_before_timestamp_seconds{domain="shop.example.com"} 1
certificate_not_after_timestamp_seconds{domain="shop.example.com"} 4e9
`

// TestMonitoring has a real Prometheus collect from the running service, asks it every query of the dashboard and what each alert
// compares, and ends the service: an alert must reach Alertmanager, whose routes TestLint tests.
func TestMonitoring(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ framework, kind, server, proxy string }{
		{"flask", "sqlite", "uwsgi", "nginx"},
		{"fastapi", "postgres", "gunicorn", "none"},
		{"django", "sqlite", "gunicorn", "nginx"},
	} {
		t.Run(test.framework, func(t *testing.T) {
			t.Parallel()
			r := generateWith(t, "pip", "--framework", test.framework, "--database", test.kind, "--server", test.server, "--proxy", test.proxy,
				"--domain", "shop.example.com", "--email", "admin@example.com")
			r.configure("DATABASE_URL", r.newStore(test.kind, "monitored_"+test.framework).url)
			r.make("setup")
			r.make("migrate", "backup")
			r.run("scripts/drill", "--latest")
			s := r.serve("/readyz")
			s.useAPI()

			pages := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
				w.Header().Set("Content-Type", "text/plain; version=0.0.4")
				if strings.HasPrefix(request.Host, "localhost:") {
					io.WriteString(w, certificateMetrics)
				}
				for _, file := range []string{"backup.prom", "drill.prom"} {
					io.WriteString(w, readFile(t, r.path("backups/"+file)))
				}
			}))
			defer pages.Close()
			paged := make(chan string, 100)
			alertmanager := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, request *http.Request) {
				body, _ := io.ReadAll(request.Body)
				select {
				case paged <- string(body):
				default: // it sends again
				}
			}))
			defer alertmanager.Close()

			const config = "deploy/prometheus/prometheus.yml"
			there := strings.TrimPrefix(pages.URL, "http://")
			r.rewrite(config, "scrape_interval: 15s", "scrape_interval: 1s")
			r.rewrite(config, "evaluation_interval: 15s", "evaluation_interval: 1s")
			r.rewrite(config, "alertmanager:9093", strings.TrimPrefix(alertmanager.URL, "http://"))
			r.rewrite(config, "app:8000", "127.0.0.1:"+strconv.Itoa(s.port))
			r.rewrite(config, "node-exporter:9100", there)
			if test.proxy == "none" {
				writeFile(t, r.path("token"), r.configured("METRICS_TOKEN"))
				r.rewrite(config, "/run/secrets/metrics_token", r.path("token"))
			} else {
				r.rewrite(config, "certificates:8000", strings.Replace(there, "127.0.0.1", "localhost", 1))
			}
			r.rewrite("deploy/prometheus/alerts.yml", "for: 2m", "for: 0s")
			prometheus := freePort(t)
			r.runs("prometheus", "--config.file="+config, "--storage.tsdb.path="+t.TempDir(), "--web.listen-address=127.0.0.1:"+strconv.Itoa(prometheus))

			if err := await(func() error { return hasData(prometheus, "up") }); err != nil {
				t.Fatal(err)
			}
			for _, query := range append(r.dashboardQueries(), alertQueries(t, prometheus)...) {
				if err := await(func() error { s.get("/readyz"); return hasData(prometheus, query) }); err != nil {
					t.Errorf("%s: %v", query, err)
				}
			}
			s.stop(s.pid, syscall.SIGTERM)
			err := await(func() error {
				select {
				case body := <-paged:
					if strings.Contains(body, "InstanceDown") {
						return nil
					}
				default:
				}
				return fmt.Errorf("Alertmanager heard of no instance that is down")
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// runs runs a program beside the repository until the test ends, and returns what it prints.
func (r *repository) runs(name string, args ...string) *lockedBuffer {
	r.t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.t.Context()))
	var output lockedBuffer
	cmd := r.command(ctx, toolPath(r.t, name), args...)
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		cancel()
		cmd.Wait()
		if r.t.Failed() {
			r.t.Logf("%s: %s", name, tail(output.String()))
		}
	})
	return &output
}

// dashboardQueries are those of all panels.
func (r *repository) dashboardQueries() (queries []string) {
	r.t.Helper()
	var dashboard struct {
		Panels []struct{ Targets []struct{ Expr string } }
	}
	if err := json.Unmarshal([]byte(readFile(r.t, r.path("deploy/grafana/dashboards/service.json"))), &dashboard); err != nil {
		r.t.Fatal(err)
	}
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			queries = append(queries, target.Expr)
		}
	}
	if len(queries) < 9 {
		r.t.Errorf("only %d queries", len(queries))
	}
	return queries
}

// comparison is an operator of an alert; those of label matchers have no spaces around them.
var comparison = regexp.MustCompile(` (==|!=|[<>]=?) `)

// alertQueries ask what the alerts of a Prometheus compare, whether or not they fire: each comparison tells by a number whether it
// holds, and an alert about what is absent asks for it. What an alert joins by labels that never meet has no data.
func alertQueries(t *testing.T, port int) (queries []string) {
	t.Helper()
	var rules struct {
		Data struct {
			Groups []struct {
				Rules []struct{ Type, Query string }
			}
		}
	}
	if err := askPrometheus(port, "rules", &rules); err != nil {
		t.Fatal(err)
	}
	for _, group := range rules.Data.Groups {
		for _, rule := range group.Rules {
			if rule.Type != "alerting" {
				continue
			}
			query := comparison.ReplaceAllString(rule.Query, " $1 bool ")
			if query == rule.Query && !strings.HasPrefix(query, "absent(") {
				t.Errorf("nothing is compared in %s", query)
			}
			queries = append(queries, strings.TrimPrefix(query, "absent"))
		}
	}
	if len(queries) < 9 {
		t.Errorf("only %d alerts", len(queries))
	}
	return queries
}

// askPrometheus decodes what a path of its API answers.
func askPrometheus(port int, path string, answer any) error {
	response, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/api/v1/%s", port, path))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	return json.NewDecoder(response.Body).Decode(answer)
}

// hasData expects samples that are numbers.
func hasData(port int, query string) error {
	var found struct {
		Error string
		Data  struct{ Result []struct{ Value [2]any } }
	}
	if err := askPrometheus(port, "query?query="+url.QueryEscape(query), &found); err != nil || found.Error != "" {
		return fmt.Errorf("%s: %v", found.Error, err)
	}
	for _, sample := range found.Data.Result {
		text, _ := sample.Value[1].(string)
		if number, err := strconv.ParseFloat(text, 64); err == nil && !math.IsNaN(number) {
			return nil
		}
	}
	return fmt.Errorf("no data")
}
