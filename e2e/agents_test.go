package e2e

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestDatadog has the running service send traces to a test agent, metrics to a socket, and the ids of traces to its log. Without
// an agent it serves as well.
func TestDatadog(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ framework, server, span string }{
		{"flask", "uwsgi", "flask.request"},
		{"fastapi", "gunicorn", "fastapi.request"},
	} {
		t.Run(test.framework, func(t *testing.T) {
			t.Parallel()
			r := generateWith(t, "pip", "--framework", test.framework, "--database", "sqlite", "--server", test.server, "--metrics", "datadog")
			r.make("setup", "check", "test", "migrate")

			// As deployed: with that telemetry, which is the library's default, it panics while uWSGI ends
			r = r.with("DD_INSTRUMENTATION_TELEMETRY_ENABLED=false")
			silent := r.with("DD_AGENT_HOST=127.0.0.1", "DD_TRACE_AGENT_PORT=1", "DD_DOGSTATSD_PORT=1", "DD_RUNTIME_METRICS_ENABLED=true")
			s := silent.serve("/readyz")
			for range 4 {
				s.expect("without an agent", s.get("/api/notes"), 200)
			}
			s.stop(s.pid, syscall.SIGTERM)
			s.omits("dogstatsd", "Traceback", "panic")

			metrics, err := net.ListenPacket("udp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer metrics.Close()
			agent := freePort(t)
			r.runs("ddapm-test-agent", "--port", strconv.Itoa(agent))
			c := newClient(t, fmt.Sprintf("http://127.0.0.1:%d", agent), fmt.Sprintf("127.0.0.1:%d", agent), &http.Transport{})
			if err := await(func() error { _, err := c.try("GET", "/info", ""); return err }); err != nil {
				t.Fatal(err)
			}
			_, port, _ := net.SplitHostPort(metrics.LocalAddr().String())
			s = r.with("DD_AGENT_HOST=127.0.0.1", "DD_TRACE_AGENT_PORT="+strconv.Itoa(agent), "DD_DOGSTATSD_PORT="+port, "DD_SERVICE=shop",
				"DD_VERSION=the-release", "DD_LOGS_INJECTION=true", "DD_RUNTIME_METRICS_ENABLED=true").serve("/readyz")
			s.useAPI()
			err = await(func() error {
				a, err := c.try("GET", "/test/session/traces", "")
				if err == nil && !(strings.Contains(a.body, `"`+test.span+`"`) && strings.Contains(a.body, `"the-release"`)) {
					err = errors.New("no trace of a request with its release has come")
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
			r.with("BACKUP_STATSD=127.0.0.1:" + port).run("scripts/backup")
			wanted := map[string]*regexp.Regexp{}
			for name, form := range map[string]string{
				"a worker's memory": `runtime\.python\.mem\.rss:\d.*service:shop`, "the pool": `database\.pool\.usage:0?\.\d+\|d.*service:shop`,
				"the wait for a connection": `database\.pool\.wait:\d.*\|d.*version:the-release`, "the size of a backup": `^backup\.size:[1-9]\d+\|g\|#service:shop$`,
			} {
				wanted[name] = regexp.MustCompile(form)
			}
			metrics.SetReadDeadline(time.Now().Add(time.Minute))
			packet := make([]byte, 65536)
			for len(wanted) > 0 {
				n, _, err := metrics.ReadFrom(packet)
				if err != nil {
					t.Errorf("of %v nothing has come: %v", slices.Sorted(maps.Keys(wanted)), err)
					break
				}
				for line := range strings.Lines(string(packet[:n])) {
					maps.DeleteFunc(wanted, func(_ string, form *regexp.Regexp) bool { return form.MatchString(strings.TrimSpace(line)) })
				}
			}
			s.stop(s.pid, syscall.SIGTERM)
			s.omits("Traceback", "panic")
			s.logsAreJSON()
			if !strings.Contains(s.output.String(), `"dd.trace_id": "`) {
				t.Error("no log line has the id of a trace")
			}
		})
	}
}

// omits asks that no line of the service's output has one of the words.
func (s *service) omits(words ...string) {
	s.t.Helper()
	for line := range strings.Lines(s.output.String()) {
		for _, word := range words {
			if strings.Contains(line, word) {
				s.t.Errorf("the output has %q: %s", word, line)
			}
		}
	}
}

// TestNewRelic runs the service under the agent, which in its developer mode reports to nobody, with a licence key that must stay
// secret, and without one.
func TestNewRelic(t *testing.T) {
	t.Parallel()
	r := generateWith(t, "pip", "--framework", "django", "--database", "sqlite", "--metrics", "newrelic")
	r.make("setup", "check", "test", "migrate")
	s := r.serve("/readyz")
	s.expect("without an agent", s.get("/api/notes"), 200)
	s.stop(s.pid, syscall.SIGTERM)
	if strings.Contains(s.output.String(), "newrelic") {
		t.Errorf("without a key there is an agent:\n%s", tail(s.output.String()))
	}

	const key = "0123456789abcdef0123456789abcdef0123NRAL"
	writeFile(t, r.path("secrets/new_relic_license_key"), key)
	s = r.with("NEW_RELIC_LICENSE_KEY_FILE="+r.path("secrets/new_relic_license_key"), "NEW_RELIC_DEVELOPER_MODE=true", "NEW_RELIC_LOG=stderr",
		"NEW_RELIC_LOG_LEVEL=info").serve("/readyz")
	s.useAPI()
	if err := await(func() error {
		if !strings.Contains(s.output.String(), "Reporting to fake collector") {
			return errors.New("the agent reports to nobody")
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	if list := r.run("ps", "-eo", "args"); strings.Contains(list, key) {
		t.Error("a command line has the licence key")
	}
	s.stop(s.pid, syscall.SIGTERM)
	if strings.Contains(s.output.String(), key) {
		t.Error("the licence key is in the log")
	}
}
