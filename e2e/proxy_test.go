package e2e

import (
	"compress/gzip"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// behindProxy checks what the proxy adds to the application.
func (c *client) behindProxy() {
	c.t.Helper()
	c.expect("metrics are for the inside", c.get("/metrics"), 404)
	c.expect("metrics by another spelling", c.get("//metrics"), 404)
	const id = "e2e-0123456789abcdef"
	if a := c.expect("request id", c.get("/", "X-Request-ID", id), 200); a.header.Get("X-Request-ID") != id {
		c.t.Errorf("request id %q came back as %q", id, a.header.Get("X-Request-ID"))
	}
	if a := c.expect("forged request id", c.get("/", "X-Request-ID", `a b"c`), 200); strings.ContainsAny(a.header.Get("X-Request-ID"), `" `) {
		c.t.Errorf("a malformed request id came back: %q", a.header.Get("X-Request-ID"))
	}
	if a := c.expect("404", c.get("/nowhere"), 404); strings.ContainsAny(a.header.Get("Server"), "0123456789") {
		c.t.Errorf("the version is shown: %q", a.header.Get("Server"))
	}

	sheet := c.find(styleSheet, c.get("/"))[1]
	styles := c.expect("style sheet", c.get(sheet, "Accept-Encoding", "gzip"), 200)
	if cache := styles.header.Get("Cache-Control"); !strings.Contains(cache, "immutable") {
		c.t.Errorf("%s: Cache-Control is %q", sheet, cache)
	}
	if styles.header.Get("Content-Encoding") != "gzip" || !strings.HasPrefix(styles.header.Get("Content-Type"), "text/css") {
		c.t.Errorf("%s: %v", sheet, styles.header)
	}
	if unzipped, err := gzip.NewReader(strings.NewReader(styles.body)); err != nil {
		c.t.Errorf("%s: %v", sheet, err)
	} else if text, err := io.ReadAll(unzipped); err != nil || !strings.Contains(string(text), "{") {
		c.t.Errorf("%s: %v: %s", sheet, err, text)
	}
	if cache := c.expect("unhashed style sheet", c.get("/static/style.css"), 200).header.Get("Cache-Control"); strings.Contains(cache, "immutable") {
		c.t.Errorf("/static/style.css, whose name has no hash: Cache-Control is %q", cache)
	}
	c.expect("a path out of the folder", c.get("/static/..%2f..%2fetc/nginx/nginx.conf"), 400, 404)
	if !c.hsts {
		c.expect("unknown host", c.get("/", "Host", "evil.example"), 400)
	}
}

// rateLimited asks more often than anyone types, and expects the proxy to say 429 to some.
func (c *client) rateLimited() {
	c.t.Helper()
	answers := make(chan answer, 80)
	for range cap(answers) {
		go func() {
			a, err := c.try("GET", "/api/notes", "")
			if err != nil {
				a.body = err.Error()
			}
			answers <- a
		}()
	}
	limited := 0
	for range cap(answers) {
		switch a := <-answers; a.status {
		case http.StatusOK:
		case http.StatusTooManyRequests:
			limited++
			c.expect("too many requests", a, 429)
			if !strings.Contains(a.body, `"error"`) {
				c.t.Errorf("too many requests: %q", a.body)
			}
		default:
			c.t.Errorf("one request of many: %d: %.300s", a.status, a.body)
		}
	}
	if limited == 0 || limited == cap(answers) {
		c.t.Errorf("of %d requests at once, %d were limited", cap(answers), limited)
	}
}

// secureSite is the repository's proxy by TLS, with a certificate that was made for the test.
func (r *repository) secureSite(name string) *client {
	r.t.Helper()
	address := r.publishes(name)
	r.configure("ACME_SERVER", "none")
	own := selfSigned(r.t, time.Now().AddDate(0, 0, 60), name)
	if output, err := r.installs(own.chain + own.key); err != nil {
		r.t.Fatalf("the certificate was not installed: %v\n%s", err, tail(output))
	}
	return secureClient(r, name, address, &tls.Config{RootCAs: own.pool(), ServerName: name})
}

// publishes gives the proxy free ports of the loopback address, and returns the address for TLS.
func (r *repository) publishes(name string) string {
	r.t.Helper()
	https := "127.0.0.1:" + strconv.Itoa(freePort(r.t))
	r.configure("HTTP_PORT", "127.0.0.1:"+strconv.Itoa(freePort(r.t)))
	r.configure("HTTPS_PORT", https)
	r.configure("ALLOWED_HOSTS", name)
	return https
}

func secureClient(r *repository, name, address string, config *tls.Config) *client {
	r.t.Helper()
	c := newClient(r.t, "https://"+name, address, &http.Transport{TLSClientConfig: config.Clone(), ForceAttemptHTTP2: true})
	c.dial = func() (net.Conn, error) { return tls.Dial("tcp", address, config) }
	c.hsts, c.patient = true, true
	return c
}

// pair is a certificate and its key, as PEM.
type pair struct{ chain, key string }

// pool trusts the certificate.
func (p pair) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(p.chain))
	return pool
}

// selfSigned makes a certificate for names or addresses, of a life of 90 days.
func selfSigned(t testing.TB, expires time.Time, names ...string) pair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: expires.AddDate(0, 0, -90), NotAfter: expires,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	for _, name := range names {
		if address := net.ParseIP(name); address != nil {
			template.IPAddresses = append(template.IPAddresses, address)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	encode := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	return pair{encode("CERTIFICATE", certificate), encode("PRIVATE KEY", private)}
}

// installs gives the proxy a certificate with its key, as the documentation says.
func (r *repository) installs(pem string) (string, error) {
	r.t.Helper()
	install := r.command(r.t.Context(), "docker", "compose", "run", "--rm", "--no-deps", "--no-TTY", "certificates", "--install")
	install.Stdin = strings.NewReader(pem)
	output, err := install.CombinedOutput()
	return string(output), err
}

// secured checks what holds by TLS only: versions, ciphers, names, HTTP/2, and the way from plain HTTP.
func (r *repository) secured(c *client) {
	r.t.Helper()
	if a := c.expect("HTTP/2", c.get("/livez"), 200); a.proto != "HTTP/2.0" {
		r.t.Errorf("spoken was %s", a.proto)
	}
	config := c.http.Transport.(*http.Transport).TLSClientConfig
	address := r.configured("HTTPS_PORT")
	for name, test := range map[string]struct {
		change func(*tls.Config)
		want   string // a pattern of the error; empty for a connection
	}{
		"TLS 1.1": {func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }, "protocol version"},
		"TLS 1.2": {func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }, ""},
		"TLS 1.3": {func(c *tls.Config) { c.MinVersion = tls.VersionTLS13 }, ""},
		"a weak cipher": {func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}
		}, "handshake failure"},
		"another name": {func(c *tls.Config) { c.ServerName = "evil.example" }, "unrecognized name|handshake failure"},
		"no name":      {func(c *tls.Config) { c.ServerName, c.InsecureSkipVerify = "", true }, "unrecognized name|handshake failure"},
	} {
		changed := config.Clone()
		changed.NextProtos = nil
		test.change(changed)
		connection, err := tls.Dial("tcp", address, changed)
		if err == nil {
			connection.Close()
		}
		if (err == nil) != (test.want == "") || err != nil && !regexp.MustCompile(test.want).MatchString(err.Error()) {
			r.t.Errorf("%s: %v", name, err)
		}
	}
	if a, err := c.try("GET", "/", "", "Host", "evil.example"); err == nil && a.status != http.StatusMisdirectedRequest {
		r.t.Errorf("another host than the certificate's by HTTP/2: %d\n%.300s", a.status, a.body)
	}
	older := config.Clone()
	older.NextProtos = nil
	old := newClient(r.t, c.base, address, &http.Transport{TLSClientConfig: older})
	if a, err := old.try("GET", "/", "", "Host", "evil.example"); err == nil && a.status != http.StatusMisdirectedRequest {
		r.t.Errorf("another host than the certificate's by HTTP/1.1: %d\n%.300s", a.status, a.body)
	}
	if a := old.get("/livez"); a.proto != "HTTP/1.1" || a.status != http.StatusOK {
		r.t.Errorf("by HTTP/1.1: %s %d", a.proto, a.status)
	}

	plain := newClient(r.t, "http://"+domain, r.configured("HTTP_PORT"), &http.Transport{})
	if a := plain.expect("plain HTTP", plain.get("/notes?a=b"), 308); a.header.Get("Location") != "https://"+domain+"/notes?a=b" {
		r.t.Errorf("plain HTTP leads to %q", a.header.Get("Location"))
	}
	r.compose("exec", "--no-TTY", "certificates", "sh", "-c",
		"cd /srv/challenges && mkdir -p .well-known/acme-challenge && printf proof >.well-known/acme-challenge/token")
	if a := plain.get("/.well-known/acme-challenge/token"); a.status != 200 || a.body != "proof" {
		r.t.Errorf("the certificate authority finds no proof: %d %q", a.status, a.body)
	}
	if a, err := plain.try("GET", "/", "", "Host", "evil.example"); err == nil && a.status != http.StatusMisdirectedRequest {
		r.t.Errorf("another host by plain HTTP: %d\n%.300s", a.status, a.body)
	}
}
