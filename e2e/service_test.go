package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// grace is what requests in flight get after SIGTERM, and with them the whole server.
const grace = 30 * time.Second

// service is a make target that runs until it is told to stop, and a client of it.
type service struct {
	*client
	r      *repository
	port   int
	pid    int // of make, which leads the process group
	ended  chan error
	output *lockedBuffer
}

// lockedBuffer collects output that one goroutine writes while another reads it.
type lockedBuffer struct {
	mutex  sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.buffer.String()
}

// start runs a target of the Makefile that listens on a port, and waits until a path is answered with 200. The test ends it
// if nothing else does.
func (r *repository) start(target string, port int, path string) *service {
	r.t.Helper()
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	s := &service{
		client: newClient(r.t, "http://"+address, address, &http.Transport{}),
		r:      r, port: port, ended: make(chan error, 1), output: &lockedBuffer{},
	}
	cmd := r.command(context.WithoutCancel(r.t.Context()), "make", "--silent", target)
	cmd.Stdout, cmd.Stderr = s.output, s.output
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	s.pid = cmd.Process.Pid
	go func() { s.ended <- cmd.Wait(); close(s.ended) }()
	r.t.Cleanup(func() {
		syscall.Kill(-s.pid, syscall.SIGKILL)
		<-s.ended
		if strings.Contains(s.output.String(), passwordMark) {
			r.t.Errorf("make %s logged the password:\n%s", target, tail(s.output.String()))
		}
	})
	err := await(func() error {
		select {
		case err := <-s.ended:
			r.t.Fatalf("make %s ended: %v\n%s", target, err, tail(s.output.String()))
		default:
		}
		a, err := s.try("GET", path, "")
		if err == nil && a.status != http.StatusOK {
			err = fmt.Errorf("GET %s: %d: %s", path, a.status, a.body)
		}
		return err
	})
	if err != nil {
		r.t.Fatalf("make %s: %v\n%s", target, err, tail(s.output.String()))
	}
	return s
}

// serve starts the production server on the port that .env names.
func (r *repository) serve(path string) *service {
	r.t.Helper()
	port := freePort(r.t)
	r.configure("PORT", strconv.Itoa(port))
	return r.with("WEB_CONCURRENCY=2").start("serve", port, path)
}

// stop sends a signal to a process, or to a group if the id is negative, and expects all of the service to end.
func (s *service) stop(id int, signal syscall.Signal) {
	s.t.Helper()
	if err := syscall.Kill(id, signal); err != nil {
		s.t.Fatal(err)
	}
	s.awaitEnd()
}

func (s *service) awaitEnd() {
	s.t.Helper()
	select {
	case <-s.ended:
	case <-time.After(2 * grace): // on a busy machine
		s.t.Fatalf("the service did not stop within its grace\n%s", tail(s.output.String()))
	}
	err := await(func() error {
		if err := syscall.Kill(-s.pid, 0); !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("make has ended, but processes that it started are left: %v", err)
		}
		return nil
	})
	if err != nil {
		s.t.Error(err)
	}
}

// stopInFlight sends SIGTERM while a request is being sent, finishes the request, and expects its answer and a clean end.
func (s *service) stopInFlight() {
	s.t.Helper()
	const body = `{"title": "Sent during the stop"}`
	connection, reader := s.open("POST", "/api/notes", "Content-Type", "application/json", "Content-Length", strconv.Itoa(len(body)),
		"Expect", "100-continue")
	response, err := http.ReadResponse(reader, nil)
	if err != nil || response.StatusCode != http.StatusContinue {
		s.t.Fatalf("the server does not ask for the body: %v, %v", response, err)
	}
	if err := syscall.Kill(s.pid, syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	s.closesListener()
	if _, err := io.WriteString(connection, body); err != nil {
		s.t.Errorf("the connection in flight was cut: %v", err)
	}
	response, err = http.ReadResponse(reader, nil)
	if err != nil {
		s.t.Fatalf("the request in flight got no answer: %v\n%s", err, tail(s.output.String()))
	}
	if a, err := read(response); err != nil || a.status != http.StatusCreated {
		s.t.Errorf("the request in flight got %d (%v): %.600s", a.status, err, a.body)
	}
	s.awaitEnd()
}

// closesListener waits until nobody can connect any more.
func (s *service) closesListener() {
	s.t.Helper()
	err := await(func() error {
		probe, err := s.dial()
		if err == nil {
			probe.Close()
			return errors.New("the listener is still open")
		}
		return nil
	})
	if err != nil {
		s.t.Error(err)
	}
}

// identifiesRequests checks that a well-formed id comes back and is logged, that another is replaced, and that no query is
// logged.
func (s *service) identifiesRequests() {
	s.t.Helper()
	const id = "e2e-0123456789abcdef"
	if a := s.get("/api/notes?token=confidential", "X-Request-ID", id); a.header.Get("X-Request-ID") != id {
		s.t.Errorf("request id %q came back as %q", id, a.header.Get("X-Request-ID"))
	}
	if a := s.get("/livez", "X-Request-ID", `a b"c`); strings.ContainsAny(a.header.Get("X-Request-ID"), `" `) {
		s.t.Errorf("a malformed request id came back: %q", a.header.Get("X-Request-ID"))
	}
	err := await(func() error {
		if !strings.Contains(s.output.String(), id) {
			return errors.New("the request id is in no log line")
		}
		return nil
	})
	if err != nil {
		s.t.Error(err)
	}
	if strings.Contains(s.output.String(), "confidential") {
		s.t.Error("a query string is in the log")
	}
}

// logsAreJSON holds every line that the service has written, make's own apart, against the promise of its log format.
func (s *service) logsAreJSON() {
	s.t.Helper()
	access := 0
	for line := range strings.Lines(s.output.String()) {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "make") {
			continue
		}
		var entry struct {
			Timestamp time.Time
			Level     string
			Logger    string
			Message   string
			RequestID string `json:"request_id"`
			Status    int
		}
		if err := json.Unmarshal([]byte(line), &entry); err != nil || entry.Level == "" || entry.Message == "" || entry.Timestamp.IsZero() {
			s.t.Errorf("a log line is no record (%v): %s", err, line)
		}
		if strings.HasPrefix(entry.Logger, "alembic") {
			s.t.Errorf("a server tells of migrations, which it does not run: %s", line)
		}
		if entry.Logger == "shop.access" {
			if access++; entry.RequestID == "" || entry.Status == 0 {
				s.t.Errorf("an access line lacks the request id or the status: %s", line)
			}
		}
	}
	if access == 0 {
		s.t.Errorf("no access line in the log\n%s", tail(s.output.String()))
	}
	if secret := s.r.configured("SECRET_KEY"); secret != "" && strings.Contains(s.output.String(), secret) {
		s.t.Error("the secret key is in the log")
	}
}

// asProxy sends on to a port what was meant for a public name, as a proxy does that ends TLS.
type asProxy struct {
	next http.RoundTripper
	port int
}

func (p asProxy) RoundTrip(request *http.Request) (*http.Response, error) {
	passed := request.Clone(request.Context())
	passed.URL.Scheme, passed.URL.Host = "http", net.JoinHostPort("127.0.0.1", strconv.Itoa(p.port))
	return p.next.RoundTrip(passed)
}
