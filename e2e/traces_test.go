package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// span is one that has arrived, as traces.py prints it.
type span struct {
	Name, Trace, ID, Parent string
	Kind                    int // 2 is a server's, 3 a client's
	Attributes              map[string]string
	Service, Release        string
}

// TestTraces has the running service send its spans to a receiver of OTLP: each request is one, with its query as a child, in the
// caller's trace, whose id is in the log. What is left when the server ends arrives, too. Without a receiver the service works as well.
func TestTraces(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ framework, server, kind string }{
		{"flask", "uwsgi", "sqlite"},
		{"fastapi", "gunicorn", "postgres"},
		{"django", "gunicorn", "mysql"},
	} {
		t.Run(test.framework, func(t *testing.T) {
			t.Parallel()
			r := generateWith(t, "pip", "--framework", test.framework, "--database", test.kind, "--server", test.server, "--traces", "opentelemetry")
			r.configure("DATABASE_URL", r.newStore(test.kind, "traced_"+test.framework).url)
			r.make("setup", "migrate")
			if thorough || test.framework == "flask" {
				r.make("check", "test")
			}

			silent := r.with("OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_TIMEOUT=2").serve("/readyz")
			for range 20 {
				silent.expect("without a receiver", silent.get("/api/notes"), 200)
			}
			silent.stop(silent.pid, syscall.SIGTERM)
			silent.logsAreJSON()

			const token = "Bearer of-the-collector"
			writeFile(t, r.path("secrets/headers"), "authorization="+strings.ReplaceAll(token, " ", "%20"))
			port := freePort(t)
			arrived := r.runs("python", absolute(t, "traces.py"), strconv.Itoa(port))
			if err := await(func() error { return dialable(port) }); err != nil {
				t.Fatal(err)
			}
			s := r.with("OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:"+strconv.Itoa(port), "OTEL_EXPORTER_OTLP_HEADERS_FILE="+r.path("secrets/headers"),
				"RELEASE=the-release").serve("/readyz")
			const trace, caller = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
			s.expect("a request in a trace", s.get("/api/notes?token=confidential", "traceparent", "00-"+trace+"-"+caller+"-01",
				"User-Agent", "confidential", "Cookie", "name=confidential", "Authorization", "confidential"), 200)
			s.expect("no page", s.get("/confidential"), 404)
			s.stop(s.pid, syscall.SIGTERM) // sends what is left
			s.logsAreJSON()
			if strings.Contains(s.output.String(), token) {
				t.Error("the token of the receiver is in the log")
			}

			all, err := spansIn(arrived)
			if err != nil {
				t.Fatal(err)
			}
			index := slices.IndexFunc(all, func(s span) bool { return s.Kind == 2 && s.Trace == trace })
			if index < 0 {
				t.Fatalf("no span of the request has arrived: %s", tail(arrived.String()))
			}
			request := all[index]
			if request.Name != "GET /api/notes" || request.Parent != caller || request.Service != "shop" || request.Release != "the-release" ||
				request.Attributes["http.response.status_code"] != "200" {
				t.Errorf("the span of the request: %+v", request)
			}
			if !slices.ContainsFunc(all, func(s span) bool {
				return s.Kind == 3 && s.Trace == trace && s.Parent == request.ID && strings.HasPrefix(s.Attributes["db.query.text"], "SELECT")
			}) {
				t.Errorf("the query is no child of the request: %+v", all)
			}
			for _, s := range all {
				if s.Kind == 2 && strings.Contains(s.Name, "readyz") || s.Kind == 3 && s.Parent == "" {
					t.Errorf("what monitors ask is traced: %+v", s)
				}
			}
			if strings.Contains(arrived.String(), "confidential") {
				t.Error("what is private has left the service")
			}
			found := fmt.Sprintf(`"trace_id": "%s", "span_id": "%s"`, trace, request.ID)
			if !strings.Contains(s.output.String(), found) {
				t.Errorf("no log line has the ids of the request's span\n%s", tail(s.output.String()))
			}
		})
	}
}

// spansIn reads what traces.py has printed.
func spansIn(output *lockedBuffer) (spans []span, err error) {
	for line := range strings.Lines(output.String()) {
		var one span
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			return nil, fmt.Errorf("%w: %s", err, line)
		}
		if one.ID != "" {
			spans = append(spans, one)
		}
	}
	if len(spans) == 0 {
		return nil, errors.New("no span has arrived")
	}
	return spans, nil
}

// dialable says whether something listens on a port of the loopback address.
func dialable(port int) error {
	connection, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err == nil {
		connection.Close()
	}
	return err
}

// absolute is a file of this folder by its whole path.
func absolute(t testing.TB, name string) string {
	t.Helper()
	path, err := filepath.Abs(name)
	if err != nil {
		t.Fatal(err)
	}
	return path
}
