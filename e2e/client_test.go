package e2e

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// client speaks HTTP to one service, follows no redirect and keeps cookies.
type client struct {
	t    testing.TB
	base string // scheme://host:port
	http *http.Client
	// dial opens a connection for what a well-behaved client cannot send.
	dial func() (net.Conn, error)
	// headers go with every request, in pairs of name and value.
	headers []string
	// hsts says that Strict-Transport-Security is due.
	hsts bool
	// patient clients try again when they are told that they ask too often.
	patient bool
	// streams says that a proxy passes bodies without a length on while they come. If the application refuses one before its end,
	// the proxy may find the connection closed, and answer 502.
	streams bool
}

// newClient makes a client whose connections all go to one address of this machine.
func newClient(t testing.TB, base, address string, transport *http.Transport) *client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		return dialer.DialContext(ctx, "tcp", address)
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &client{
		t: t, base: base,
		dial: func() (net.Conn, error) { return dialer.Dial("tcp", address) },
		http: &http.Client{
			Timeout: 30 * time.Second, Jar: jar, Transport: transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// answer is a response that has been read.
type answer struct {
	status int
	header http.Header
	proto  string
	body   string
}

func read(response *http.Response) (answer, error) {
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, response.Proto, string(body)}, err
}

// try sends one request and reads the response. Headers come in pairs; an empty value takes a header away.
func (c *client) try(method, path, body string, headers ...string) (answer, error) {
	request, err := http.NewRequest(method, c.base+path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	for pair := range slices.Chunk(slices.Concat(c.headers, headers), 2) {
		switch {
		case pair[0] == "Host":
			request.Host = pair[1]
		case pair[1] == "":
			request.Header.Del(pair[0])
		default:
			request.Header.Set(pair[0], pair[1])
		}
	}
	response, err := c.http.Do(request)
	if err != nil {
		return answer{}, err
	}
	return read(response)
}

// do sends a request that must be answered.
func (c *client) do(method, path, body string, headers ...string) answer {
	c.t.Helper()
	return c.patiently(method, path, func() (answer, error) { return c.try(method, path, body, headers...) })
}

// patiently sends a request, again if the client is patient and it was one too many.
func (c *client) patiently(method, path string, send func() (answer, error)) answer {
	c.t.Helper()
	var a answer
	err := await(func() error {
		var err error
		if a, err = send(); err != nil {
			c.t.Fatalf("%s %s: %v", method, path, err)
		}
		if c.patient && a.status == http.StatusTooManyRequests {
			return errors.New("too many requests")
		}
		return nil
	})
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	return a
}

// awaitReady waits until the service is ready: the proxy looks for a new container's address every five seconds.
func (c *client) awaitReady(after string) {
	c.t.Helper()
	if err := await(func() error {
		a, err := c.try("GET", "/readyz", "")
		if err == nil && a.status != http.StatusOK {
			err = fmt.Errorf("status %d", a.status)
		}
		return err
	}); err != nil {
		c.t.Fatalf("the service is not ready after %s: %v", after, err)
	}
}

func (c *client) get(path string, headers ...string) answer {
	c.t.Helper()
	return c.do("GET", path, "", headers...)
}

func (c *client) postJSON(path, body string) answer {
	c.t.Helper()
	return c.do("POST", path, body, "Content-Type", "application/json")
}

// post sends a form as a browser does.
func (c *client) post(path, contentType, body string) answer {
	c.t.Helper()
	return c.do("POST", path, body, "Content-Type", contentType, "Origin", c.base, "Referer", c.base+"/")
}

// open sends the head of a request on a connection of its own, which the caller may go on with.
func (c *client) open(method, path string, headers ...string) (net.Conn, *bufio.Reader) {
	c.t.Helper()
	connection, err := c.dial()
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { connection.Close() })
	connection.SetDeadline(time.Now().Add(time.Minute))
	address, err := url.Parse(c.base)
	if err != nil {
		c.t.Fatal(err)
	}
	head := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n", method, path, address.Host)
	for pair := range slices.Chunk(slices.Concat(c.headers, headers), 2) {
		head += pair[0] + ": " + pair[1] + "\r\n"
	}
	if _, err := io.WriteString(connection, head+"\r\n"); err != nil {
		c.t.Fatal(err)
	}
	return connection, bufio.NewReader(connection)
}

// insist sends a body that the service may refuse before it is through, and reads the response whatever becomes of the rest.
func (c *client) insist(path, body string, headers ...string) answer {
	c.t.Helper()
	return c.patiently("POST", path, func() (answer, error) {
		connection, reader := c.open("POST", path, append(headers, "Content-Type", "application/json")...)
		defer connection.Close()
		go io.WriteString(connection, body)
		response, err := http.ReadResponse(reader, nil)
		if err != nil {
			return answer{}, err
		}
		a, _ := read(response) // the connection may be reset behind the response
		return a, nil
	})
}

// securityHeaders are on every response once, whatever its status.
var securityHeaders = map[string]string{
	"Content-Security-Policy":    "default-src 'self'",
	"Cross-Origin-Opener-Policy": "same-origin",
	"Permissions-Policy":         "camera=()",
	"Referrer-Policy":            "strict-origin",
	"X-Content-Type-Options":     "nosniff",
	"X-Frame-Options":            "DENY",
	"X-Request-Id":               "",
}

// expect holds a response against the statuses that are right, the headers, and the absence of a trace.
func (c *client) expect(what string, a answer, statuses ...int) answer {
	c.t.Helper()
	if !slices.Contains(statuses, a.status) {
		c.t.Errorf("%s: status %d, want %v\n%.600s", what, a.status, statuses, a.body)
	}
	for name, part := range securityHeaders {
		if values := a.header.Values(name); len(values) != 1 || !strings.Contains(values[0], part) {
			c.t.Errorf("%s: header %s is %q", what, name, values)
		}
	}
	var hsts []string
	if c.hsts {
		hsts = []string{"max-age=63072000; includeSubDomains"}
	}
	if values := a.header.Values("Strict-Transport-Security"); !slices.Equal(values, hsts) {
		c.t.Errorf("%s: header Strict-Transport-Security is %q", what, values)
	}
	if strings.Contains(a.body, "Traceback") || strings.Contains(a.body, ".py\"") || strings.Contains(a.body, ".py&quot;") {
		c.t.Errorf("%s: the response shows a trace:\n%.600s", what, a.body)
	}
	return a
}
