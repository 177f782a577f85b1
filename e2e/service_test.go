package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// service is a running `make serve`.
type service struct {
	t      *testing.T
	base   string // http://127.0.0.1:PORT
	addr   string
	pid    int
	ended  chan error
	output *lockedBuffer
	client *http.Client
}

// lockedBuffer collects output that two goroutines write and a test reads.
type lockedBuffer struct {
	mutex sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.Buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.Buffer.String()
}

// serve starts the production server and waits until it is ready. The test ends it if nothing else does.
func (r *repository) serve() *service {
	r.t.Helper()
	port, err := freePort()
	if err != nil {
		r.t.Fatal(err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		r.t.Fatal(err)
	}
	s := &service{
		t: r.t, addr: fmt.Sprintf("127.0.0.1:%d", port), ended: make(chan error, 1), output: &lockedBuffer{},
		client: &http.Client{
			Timeout: 30 * time.Second, Jar: jar,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	s.base = "http://" + s.addr
	cmd := r.command(r.t.Context(), "make", "serve")
	cmd.Env = append(cmd.Env, "PORT="+strconv.Itoa(port), "WEB_CONCURRENCY=2")
	cmd.Stdout, cmd.Stderr = s.output, s.output
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a signal reaches make and the server, as from a terminal or an init
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	s.pid = cmd.Process.Pid
	go func() { s.ended <- cmd.Wait(); close(s.ended) }()
	r.t.Cleanup(func() {
		syscall.Kill(-s.pid, syscall.SIGKILL)
		<-s.ended
	})
	err = await(func() error {
		select {
		case err := <-s.ended:
			r.t.Fatalf("make serve ended: %v\n%s", err, s.output)
		default:
		}
		response, err := s.client.Get(s.base + "/readyz")
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			body, _ := io.ReadAll(response.Body)
			return fmt.Errorf("/readyz: %s: %s", response.Status, body)
		}
		return nil
	})
	if err != nil {
		r.t.Fatalf("%v\n%s", err, s.output)
	}
	return s
}

// answer is a response that has been read.
type answer struct {
	status int
	header http.Header
	body   string
}

func (s *service) do(method, path, contentType, body string, headers ...string) answer {
	s.t.Helper()
	request, err := http.NewRequest(method, s.base+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i] == "Host" {
			request.Host = headers[i+1]
		}
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := s.client.Do(request)
	if err != nil {
		s.t.Fatalf("%s %s: %v\n%s", method, path, err, s.output)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	return answer{response.StatusCode, response.Header, string(data)}
}

// securityHeaders are on every response, whatever its status.
var securityHeaders = map[string]string{
	"Content-Security-Policy": "default-src 'self'",
	"X-Content-Type-Options":  "nosniff",
	"X-Frame-Options":         "DENY",
	"Referrer-Policy":         "",
	"Permissions-Policy":      "",
	"X-Request-Id":            "",
}

// expect holds a response against one of the given statuses, the headers and the absence of a trace.
func (s *service) expect(what string, a answer, statuses ...int) answer {
	s.t.Helper()
	found := false
	for _, status := range statuses {
		found = found || a.status == status
	}
	if !found {
		s.t.Errorf("%s: status %d, want %v\n%.600s", what, a.status, statuses, a.body)
	}
	for name, part := range securityHeaders {
		if value := a.header.Get(name); value == "" || !strings.Contains(value, part) {
			s.t.Errorf("%s: header %s is %q", what, name, value)
		}
	}
	if strings.Contains(a.body, "Traceback") {
		s.t.Errorf("%s: the response shows a trace:\n%.600s", what, a.body)
	}
	return a
}

const jsonType = "application/json"

// exercise uses the example as its users would, and as attackers would.
func (s *service) exercise() {
	s.t.Helper()
	s.expect("live", s.do("GET", "/livez", "", ""), 200)
	s.expect("ready", s.do("GET", "/readyz", "", ""), 200)
	s.expect("health before host checks", s.do("GET", "/livez", "", "", "Host", "10.1.2.3:8000"), 200)
	if a := s.expect("metrics", s.do("GET", "/metrics", "", ""), 200); !strings.Contains(a.body, "# TYPE") {
		s.t.Errorf("metrics: no metrics in\n%.300s", a.body)
	}
	s.expect("unknown host", s.do("GET", "/", "", "", "Host", "evil.example"), 400)
	s.expect("unknown page", s.do("GET", "/nowhere", "", ""), 404)
	s.expect("unknown page of the API", s.do("GET", "/api/nowhere", "", ""), 404)
	s.expect("wrong method", s.do("DELETE", "/api/notes", "", ""), 405)
	s.expect("wrong method on a page", s.do("PUT", "/", "", ""), 405)

	created := s.expect("create", s.do("POST", "/api/notes", jsonType, `{"title": "Milk", "body": "two"}`), 201)
	location := created.header.Get("Location")
	if location == "" {
		s.t.Fatalf("create: no Location\n%s", created.body)
	}
	s.expect("read", s.do("GET", location[strings.Index(location, "/api/"):], "", ""), 200)
	s.expect("duplicate", s.do("POST", "/api/notes", jsonType, `{"title": "Milk"}`), 409)
	s.expect("invalid", s.do("POST", "/api/notes", jsonType, `{"title": ""}`), 422)
	s.expect("too long", s.do("POST", "/api/notes", jsonType, `{"title": "`+strings.Repeat("x", 201)+`"}`), 422)
	s.expect("a NUL byte", s.do("POST", "/api/notes", jsonType, `{"title": "a\u0000b"}`), 400, 422)
	s.expect("a lone surrogate", s.do("POST", "/api/notes", jsonType, `{"title": "a\ud800b"}`), 400, 422)
	s.expect("malformed", s.do("POST", "/api/notes", jsonType, `{"title": `), 400, 422)
	s.expect("no object", s.do("POST", "/api/notes", jsonType, `[1]`), 400, 422)
	s.expect("not UTF-8", s.do("POST", "/api/notes", jsonType, "{\"title\": \"\xff\"}"), 400, 422)
	s.expect("deep", s.do("POST", "/api/notes", jsonType, strings.Repeat("[", 100_000)), 400, 413, 422)
	s.expect("oversized", s.do("POST", "/api/notes", jsonType, `{"title": "x", "body": "`+strings.Repeat("x", 6<<20)+`"}`), 413)
	s.expect("no such note", s.do("GET", "/api/notes/00000000-0000-4000-8000-000000000000", "", ""), 404)
	s.expect("no note's name", s.do("GET", "/api/notes/%27%3B--", "", ""), 404, 422)
	s.expect("bad page", s.do("GET", "/api/notes?limit=-1", "", ""), 400, 422)
	list := s.expect("list", s.do("GET", "/api/notes", "", ""), 200)
	var notes struct{ Notes []map[string]any }
	if err := json.Unmarshal([]byte(list.body), &notes); err != nil || len(notes.Notes) != 1 || notes.Notes[0]["title"] != "Milk" {
		s.t.Errorf("list: %v: %s", err, list.body)
	}
	s.form()
	s.requestID()
}

var csrfField = regexp.MustCompile(`<input[^>]*name="([^"]*csrf[^"]*)"[^>]*value="([^"]+)"`)

// form posts the page's form with its token and a file, and without the token.
func (s *service) form() {
	s.t.Helper()
	page := s.expect("page", s.do("GET", "/", "", ""), 200)
	field := csrfField.FindStringSubmatch(page.body)
	if field == nil {
		s.t.Fatalf("page: no token in the form\n%s", page.body)
	}
	if cookie := strings.Join(page.header.Values("Set-Cookie"), "; "); !strings.Contains(cookie, "HttpOnly") || !strings.Contains(cookie, "SameSite=Lax") {
		s.t.Errorf("page: cookie %q", cookie)
	}
	if style := regexp.MustCompile(`href="(/static/[^"]+)"`).FindStringSubmatch(page.body); style == nil {
		s.t.Error("page: no style sheet")
	} else {
		s.expect("style sheet", s.do("GET", style[1], "", ""), 200)
	}
	const content = "saved with the database"
	contentType, body := multipartForm(s.t, map[string]string{"title": "Bread <b>", "body": "one"}, content)
	s.expect("no token", s.do("POST", "/notes", contentType, body), 400, 403)
	contentType, body = multipartForm(s.t, map[string]string{"title": "", field[1]: field[2]}, "")
	s.expect("invalid form", s.do("POST", "/notes", contentType, body), 422)
	contentType, body = multipartForm(s.t, map[string]string{"title": "Bread <b>", "body": "one", field[1]: field[2]}, content)
	s.expect("form", s.do("POST", "/notes", contentType, body), 303)
	page = s.expect("page with notes", s.do("GET", "/", "", ""), 200)
	if strings.Contains(page.body, "Bread <b>") {
		s.t.Error("page: a title is not escaped")
	}
	link := regexp.MustCompile(`/notes/[0-9a-f-]+/attachment`).FindString(page.body)
	if link == "" {
		s.t.Fatalf("page: no link to the attachment\n%s", page.body)
	}
	attachment := s.expect("attachment", s.do("GET", link, "", ""), 200)
	if attachment.body != content || !strings.HasPrefix(attachment.header.Get("Content-Disposition"), "attachment") {
		s.t.Errorf("attachment: %q, %v", attachment.body, attachment.header)
	}
}

func multipartForm(t *testing.T, fields map[string]string, attachment string) (contentType, body string) {
	t.Helper()
	var out bytes.Buffer
	writer := multipart.NewWriter(&out)
	for name, value := range fields {
		if err := writer.WriteField(name, value); err != nil {
			t.Fatal(err)
		}
	}
	if attachment != "" {
		part, err := writer.CreateFormFile("attachment", `../e "vil".html`)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(part, attachment)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return writer.FormDataContentType(), out.String()
}

// requestID checks that a well-formed id comes back and is in the log, and that another is replaced.
func (s *service) requestID() {
	s.t.Helper()
	const id = "e2e-0123456789abcdef"
	if a := s.do("GET", "/api/notes?token=hunter2", "", "", "X-Request-ID", id); a.header.Get("X-Request-ID") != id {
		s.t.Errorf("request id %q came back as %q", id, a.header.Get("X-Request-ID"))
	}
	if a := s.do("GET", "/livez", "", "", "X-Request-ID", "a b\"c"); strings.Contains(a.header.Get("X-Request-ID"), `"`) {
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
	if strings.Contains(s.output.String(), "hunter2") {
		s.t.Error("a query string is in the log")
	}
}

// stopInFlight sends SIGTERM while a request is being sent, finishes the request, and expects its answer and a clean end.
func (s *service) stopInFlight() {
	s.t.Helper()
	connection, err := net.Dial("tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	defer connection.Close()
	body := `{"title": "Sent during the stop"}`
	fmt.Fprintf(connection, "POST /api/notes HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\nX-Request-ID: in-flight-0123456789\r\nConnection: close\r\n\r\n%s", len(body), body[:10])
	// another request that is answered shows that a worker has had time to pick the first one up
	s.do("GET", "/livez", "", "")
	time.Sleep(300 * time.Millisecond) // no sign outside the process tells that the headers were read
	if err := syscall.Kill(-s.pid, syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	err = await(func() error {
		probe, err := net.DialTimeout("tcp", s.addr, time.Second)
		if err == nil {
			probe.Close()
			return errors.New("the listener is still open")
		}
		return nil
	})
	if err != nil {
		s.t.Error(err)
	}
	if _, err := io.WriteString(connection, body[10:]); err != nil {
		s.t.Errorf("the connection in flight was cut: %v", err)
	}
	connection.SetReadDeadline(time.Now().Add(30 * time.Second))
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	if err != nil {
		s.t.Fatalf("the request in flight got no answer: %v\n%s", err, tail(s.output.String()))
	}
	response.Body.Close()
	if response.StatusCode != http.StatusCreated {
		s.t.Errorf("the request in flight got %s", response.Status)
	}
	s.awaitEnd()
	s.logsAreJSON()
}

func (s *service) awaitEnd() {
	s.t.Helper()
	select {
	case <-s.ended:
	case <-time.After(45 * time.Second):
		s.t.Fatalf("the server did not stop within its grace\n%s", tail(s.output.String()))
	}
}

// logsAreJSON holds every line that the service wrote, make's own apart, against the promise of its log format.
func (s *service) logsAreJSON() {
	s.t.Helper()
	access := 0
	for line := range strings.Lines(s.output.String()) {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "make") || !strings.HasPrefix(line, "{") && access == 0 {
			continue
		}
		var entry map[string]any
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			s.t.Errorf("a log line is not JSON: %s", line)
			continue
		}
		if logger, _ := entry["logger"].(string); strings.HasSuffix(logger, ".access") {
			if access++; entry["request_id"] == nil || entry["request_id"] == "" {
				s.t.Errorf("an access line has no request id: %s", line)
			}
		}
	}
	if access == 0 {
		s.t.Errorf("no access line in the log\n%s", tail(s.output.String()))
	}
}

func tail(text string) string { return text[max(0, len(text)-4000):] }

// refuses starts the server with a setting that production must not accept, and expects it to name the setting.
func (r *repository) refuses(setting string, env ...string) {
	r.t.Helper()
	port, err := freePort()
	if err != nil {
		r.t.Fatal(err)
	}
	broken := &repository{t: r.t, dir: r.dir, env: append(append([]string(nil), r.env...), append(env, "PORT="+strconv.Itoa(port))...)}
	output, err := broken.try("make", "serve")
	if err == nil || !strings.Contains(output, setting) || strings.Contains(output, "Traceback") {
		r.t.Errorf("with %v make serve said (%v):\n%s", env, err, output)
	}
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
