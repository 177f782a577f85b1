package e2e

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestUWSGI runs each framework that speaks WSGI under uWSGI, and expects kitout to refuse the one that does not.
func TestUWSGI(t *testing.T) {
	t.Parallel()
	for _, framework := range []string{"django", "flask"} {
		t.Run(framework, func(t *testing.T) {
			t.Parallel()
			underUWSGI(t, framework)
		})
	}
	t.Run("fastapi", func(t *testing.T) {
		t.Parallel()
		dir := filepath.Join(t.TempDir(), "shop")
		output, err := exec.Command(kitout, "new", dir, "--yes", "--framework", "fastapi", "--server", "uwsgi").CombinedOutput()
		if err == nil || !strings.Contains(string(output), "uWSGI speaks WSGI") {
			t.Errorf("FastAPI on uWSGI: %v\n%s", err, output)
		}
	})
}

func underUWSGI(t *testing.T, framework string) {
	r := generate(t, "--framework", framework, "--database", "sqlite", "--server", "uwsgi")
	r.make("setup")
	r.make("test", "check", "migrate")

	s := r.serve("/readyz")
	s.answersBesides()
	s.useAPI()
	s.useForm()
	s.identifiesRequests()
	s.countsInAllWorkers()
	s.replacesWorker()
	s.reloads()
	s.stopsHalfway()
	s.logsAreJSON()

	r.servesHTTPS(r.newStore("sqlite", "bare_uwsgi_"+framework))
	r.refuses()
	r.breaks("deploy/uwsgi.ini", func(text string) string { return text + "harakri = 30\n" },
		"unknown config directive: harakri", "make", "serve")
	r.breaks("deploy/application.py", func(text string) string { return text + "\nraise RuntimeError(\"not loadable\")\n" },
		"not loadable", "make", "serve")
}

// starter is the process that runs uWSGI, below make.
func (s *service) starter() int { s.t.Helper(); return children(s.t, s.pid)[0] }

// workers are uWSGI's, below its master; there is none while the master is being replaced.
func (s *service) workers() []int {
	s.t.Helper()
	return children(s.t, children(s.t, s.starter())[0])
}

func children(t testing.TB, pid int) (pids []int) {
	t.Helper()
	for field := range strings.FieldsSeq(readFile(t, fmt.Sprintf("/proc/%d/task/%[1]d/children", pid))) {
		child, err := strconv.Atoi(field)
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, child)
	}
	return pids
}

// awaitWorkers waits until there are two that have loaded the application, and none of the former ones, and asks for
// something meanwhile.
func (s *service) awaitWorkers(ask func(), former ...int) {
	s.t.Helper()
	err := await(func() error {
		ask()
		workers, output := s.workers(), s.output.String()
		ready := slices.DeleteFunc(slices.Clone(workers), func(pid int) bool {
			return slices.Contains(former, pid) || !strings.Contains(output, fmt.Sprintf("pid: %d (default app)", pid))
		})
		if len(ready) != 2 {
			return fmt.Errorf("of the workers %v, %v are new and ready", workers, ready)
		}
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// answered is how many requests to /livez the metrics count.
func (s *service) answered() int {
	s.t.Helper()
	const prefix = `http_requests_total{method="GET",route="/livez",status="200"} `
	for line := range strings.Lines(s.get("/metrics").body) {
		if value, found := strings.CutPrefix(line, prefix); found {
			count, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil {
				s.t.Fatal(err)
			}
			return int(count)
		}
	}
	s.t.Fatal("the metrics do not count /livez")
	return 0
}

// countsInAllWorkers asks until both workers have answered, and expects each page of metrics to add them up.
func (s *service) countsInAllWorkers() {
	s.t.Helper()
	s.awaitWorkers(func() {})
	before, asked := s.answered(), 0
	err := await(func() error {
		s.expect("live", s.get("/livez"), 200)
		asked++
		if page := s.get("/metrics").body; !strings.Contains(page, `{worker="0"}`) || !strings.Contains(page, `{worker="1"}`) {
			return errors.New("the metrics do not tell of two workers")
		}
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	for range 20 {
		s.get("/livez")
		asked++
		if counted := s.answered() - before; counted != asked {
			s.t.Fatalf("of %d requests %d are counted", asked, counted)
		}
	}
}

// replacesWorker kills a worker, and expects another one in its place, which goes on counting.
func (s *service) replacesWorker() {
	s.t.Helper()
	before, workers := s.answered(), s.workers()
	if err := syscall.Kill(workers[0], syscall.SIGKILL); err != nil {
		s.t.Fatal(err)
	}
	s.awaitWorkers(func() {}, workers[0])
	s.expect("live", s.get("/livez"), 200)
	if counted := s.answered() - before; counted != 1 {
		s.t.Errorf("one request since the death of a worker, and %d are counted", counted)
	}
}

// reloads sends SIGHUP, and expects that no request is lost until both workers are new.
func (s *service) reloads() {
	s.t.Helper()
	former := s.workers()
	if err := syscall.Kill(s.starter(), syscall.SIGHUP); err != nil {
		s.t.Fatal(err)
	}
	s.awaitWorkers(func() { s.expect("live", s.get("/livez"), 200) }, former...)
	for range 20 {
		s.expect("live", s.get("/livez"), 200)
	}
}

// stopsHalfway sends SIGTERM when half a request is there, and expects the listener to close, which the idle worker does, the
// request to be answered, and a clean end.
func (s *service) stopsHalfway() {
	s.t.Helper()
	const body = `{"title": "Sent during the stop"}`
	connection, reader := s.open("POST", "/api/notes", "Content-Type", "application/json", "Content-Length", strconv.Itoa(len(body)))
	if _, err := io.WriteString(connection, body[:10]); err != nil {
		s.t.Fatal(err)
	}
	s.http.CloseIdleConnections()
	s.get("/livez") // connections are accepted in turn, so the one above has been
	if err := syscall.Kill(s.starter(), syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	s.closesListener()
	if _, err := io.WriteString(connection, body[10:]); err != nil {
		s.t.Errorf("the connection in flight was cut: %v", err)
	}
	response, err := http.ReadResponse(reader, nil)
	if err != nil {
		s.t.Fatalf("the request in flight got no answer: %v\n%s", err, tail(s.output.String()))
	}
	if a, err := read(response); err != nil || a.status != http.StatusCreated {
		s.t.Errorf("the request in flight got %d (%v): %.600s\n%s", a.status, err, a.body, tail(s.output.String()))
	}
	select {
	case err := <-s.ended:
		if err != nil {
			s.t.Errorf("SIGTERM ends the service with %v\n%s", err, tail(s.output.String()))
		}
	case <-time.After(2 * grace): // on a busy machine
		s.t.Fatalf("the service did not stop within its grace\n%s", tail(s.output.String()))
	}
}
