package e2e

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestCertificates has an ACME server issue and renew the certificate of a repository, as Let's Encrypt does: it asks the
// published port for its proof.
func TestCertificates(t *testing.T) {
	t.Parallel()
	for proxy, account := range map[string]string{"nginx": "101", "apache": "33"} {
		t.Run(proxy, func(t *testing.T) {
			t.Parallel()
			certifies(t, proxy, account)
		})
	}
}

func certifies(t *testing.T, proxy, account string) {
	project := fmt.Sprintf("e2e%d-%s-certificates", os.Getpid(), proxy)
	r := generateWith(t, "pip", "--framework", "fastapi", "--database", "sqlite", "--domain", domain, "--proxy", proxy, "--name", project,
		"--package", "shop")
	r.leavesNothing(project)
	address := r.publishes(domain)
	server := startPebble(t, r.configured("HTTP_PORT"))

	r.run("scripts/secrets")
	r.compose("up", "--build", "--detach", "--wait", "proxy")
	plain := newClient(t, "http://"+domain, r.configured("HTTP_PORT"), &http.Transport{})
	plain.expect("plain HTTP without a certificate", plain.get("/"), 308)
	if _, err := tls.Dial("tcp", address, &tls.Config{ServerName: domain, InsecureSkipVerify: true}); err == nil {
		t.Error("there is a certificate before one was issued")
	}

	r.configure("ACME_SERVER", server.directory)
	r.configure("ACME_CA_FILE", "certificates/acme.pem")
	writeFile(t, r.path("certificates/acme.pem"), server.identity)
	if err := os.Chmod(r.path("certificates/acme.pem"), 0o644); err != nil { // the service is another user
		t.Fatal(err)
	}
	r.up()
	r.hasLogged("proxy", `"message":"GET /.well-known/acme-challenge/`)
	config := &tls.Config{RootCAs: server.roots(), ServerName: domain}
	c := secureClient(r, domain, address, config)
	if err := await(func() error { _, err := c.try("GET", "/livez", ""); return err }); err != nil {
		t.Fatalf("the proxy does not show the certificate: %v", err)
	}
	c.expect("ready", c.get("/readyz"), 200)
	served := func() *x509.Certificate { return servedAt(t, address, config) }
	first := served()
	r.tellsExpiry(first)
	r.certificatesAreKept(first, account)

	r.compose("restart", "proxy", "certificates")
	r.up()
	if again := served(); again.SerialNumber.Cmp(first.SerialNumber) != 0 {
		t.Error("another certificate after a restart, which was not due")
	}

	answered := c.keepsAsking(address, "/livez", config)
	r.compose("exec", "--no-TTY", "certificates", "certificates", "--renew")
	second := renewed(t, first, served)
	// Now by itself, because it is due
	r.compose("exec", "--no-TTY", "certificates", "sh", "-c",
		"sed -i '1i renew_before_expiry = 10000 days' /var/lib/certbot/*/renewal/"+domain+".conf")
	r.compose("restart", "certificates")
	last := renewed(t, second, served)
	if n := answered(); n < 100 {
		t.Errorf("only %d requests were answered during the renewals", n)
	} else {
		t.Logf("%d requests were answered during the renewals", n)
	}
	if proxy == "apache" {
		r.outlivesWatcher()
		r.compose("exec", "--no-TTY", "certificates", "certificates", "--renew")
		last = renewed(t, last, served)
	}
	r.tellsExpiry(last)

	r.survivesFailure(c)
	r.installsOwn(address, c)
	r.stopsCleanly()
}

// outlivesWatcher kills the process that looks for new certificates beside Apache: the container must start again.
func (r *repository) outlivesWatcher() {
	r.t.Helper()
	state := func() string {
		container := strings.TrimSpace(r.compose("ps", "--all", "--quiet", "proxy"))
		return strings.TrimSpace(r.run("docker", "inspect", "--format", "{{.RestartCount}} {{.State.Health.Status}}", container))
	}
	if before := state(); before != "0 healthy" {
		r.t.Errorf("the proxy's restarts and health are %s before its watcher is killed", before)
	}
	r.compose("exec", "--no-TTY", "proxy", "sh", "-c", "kill -KILL $(cat /tmp/watch.pid)")
	err := await(func() error {
		if after := state(); after != "1 healthy" {
			return fmt.Errorf("the proxy's restarts and health are %s", after)
		}
		return nil
	})
	if err != nil {
		r.t.Errorf("without its watcher: %v", err)
	}
}

// renewed waits until another certificate is served than before.
func renewed(t *testing.T, before *x509.Certificate, served func() *x509.Certificate) *x509.Certificate {
	t.Helper()
	after := before
	if err := await(func() error {
		if after = served(); after.SerialNumber.Cmp(before.SerialNumber) == 0 {
			return errors.New("the former certificate is served")
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return after
}

// servedAt is the certificate that is served, which must be trusted.
func servedAt(t testing.TB, address string, config *tls.Config) *x509.Certificate {
	t.Helper()
	connection, err := tls.Dial("tcp", address, config)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	return connection.ConnectionState().PeerCertificates[0]
}

// keepsAsking sends requests for a page over new connections and over kept ones, by HTTP/1.1 and by HTTP/2. The function that it
// returns ends that and says how many were answered; one that was not fails the test.
func (c *client) keepsAsking(address, path string, config *tls.Config) (answered func() int) {
	c.t.Helper()
	done := make(chan struct{})
	var group sync.WaitGroup
	var mutex sync.Mutex
	count := 0
	for _, transport := range []*http.Transport{
		{TLSClientConfig: config.Clone(), ForceAttemptHTTP2: true},
		{TLSClientConfig: config.Clone()},
		{TLSClientConfig: config.Clone(), DisableKeepAlives: true},
	} {
		asking := newClient(c.t, c.base, address, transport)
		group.Go(func() {
			tick := time.NewTicker(20 * time.Millisecond)
			defer tick.Stop()
			for {
				a, err := asking.try("GET", path, "")
				if err != nil || a.status != http.StatusOK {
					c.t.Errorf("a request in the meantime: %d %v", a.status, err)
					return
				}
				mutex.Lock()
				count++
				mutex.Unlock()
				select {
				case <-done:
					return
				case <-tick.C:
				}
			}
		})
	}
	answered = sync.OnceValue(func() int {
		close(done)
		group.Wait()
		return count
	})
	c.t.Cleanup(func() { answered() })
	return answered
}

// tellsExpiry compares what Prometheus is told with the certificate.
func (r *repository) tellsExpiry(certificate *x509.Certificate) {
	r.t.Helper()
	page := r.compose("exec", "--no-TTY", "app", "python", "-c",
		"import urllib.request as r; print(r.urlopen('http://certificates:8000/metrics', timeout=10).read().decode())")
	for name, moment := range map[string]time.Time{"before": certificate.NotBefore, "after": certificate.NotAfter} {
		want := fmt.Sprintf("\ncertificate_not_%s_timestamp_seconds{domain=%q} %d\n", name, domain, moment.Unix())
		if !strings.Contains(page, want) {
			r.t.Errorf("not in the metrics: %s\n%s", want, page)
		}
	}
}

// certificatesAreKept looks at the terms under which the key is kept, and at the way of the certificate into the volume.
func (r *repository) certificatesAreKept(first *x509.Certificate, account string) {
	r.t.Helper()
	terms := r.run("docker", "inspect", "--format", "{{.Config.User}} {{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}} {{.HostConfig.PidMode}}",
		strings.TrimSpace(r.compose("ps", "--quiet", "certificates")))
	if strings.TrimSpace(terms) != account+":"+account+" true [ALL]" {
		r.t.Errorf("the certificate is renewed under the terms %s", terms)
	}
	modes := r.compose("exec", "--no-TTY", "certificates", "stat", "--format", "%a %u %n",
		"/srv/certificates", "/srv/certificates/"+domain+".pem", "/var/lib/certbot")
	want := fmt.Sprintf("700 %[1]s /srv/certificates\n600 %[1]s /srv/certificates/%[2]s.pem\n700 %[1]s /var/lib/certbot\n", account, domain)
	if modes != want {
		r.t.Errorf("modes and owners are\n%swant\n%s", modes, want)
	}
	r.fails("Read-only", "docker", "compose", "exec", "--no-TTY", "proxy", "touch", "/srv/certificates/x")
	var line struct{ Logger, Level, Expires string }
	r.logged("the certificate is installed", &line)
	if expires, err := time.Parse(time.RFC3339, line.Expires); err != nil || !expires.Equal(first.NotAfter) || line.Logger != "certificates" {
		r.t.Errorf("logged was %+v", line)
	}
}

// logged reads the line of the service that has a message.
func (r *repository) logged(message string, line any) {
	r.t.Helper()
	if err := await(func() error {
		for text := range strings.Lines(r.compose("logs", "--no-log-prefix", "certificates")) {
			if !json.Valid([]byte(text)) {
				r.t.Fatalf("not JSON: %s", text)
			}
			if strings.Contains(text, strconv.Quote(message)) {
				return json.Unmarshal([]byte(text), line)
			}
		}
		return fmt.Errorf("%q was not logged", message)
	}); err != nil {
		r.t.Fatal(err)
	}
}

// pauses are those of the service after nine failures, a success and a failure.
const pauses = `
import asyncio, importlib.machinery, importlib.util, random

loader = importlib.machinery.SourceFileLoader("certificates", "/usr/local/bin/certificates")
service = importlib.util.module_from_spec(importlib.util.spec_from_loader("certificates", loader))
loader.exec_module(service)
seconds = []

async def renew(*, force):
    if len(seconds) != 9:
        raise OSError("refused")

async def sleep(pause):
    seconds.append(int(pause))
    if len(seconds) == 11:
        raise asyncio.CancelledError

service.renew, asyncio.sleep, random.uniform, service.log = renew, sleep, lambda low, high: 1, lambda *words, **more: None
try:
    asyncio.run(service.keep())
except asyncio.CancelledError:
    print(*seconds)
`

// survivesFailure has an ACME server that nobody reaches: the service says so and stays, and the site is served.
func (r *repository) survivesFailure(c *client) {
	r.t.Helper()
	r.configure("ACME_SERVER", "https://127.0.0.1:9/dir")
	r.up()
	var line struct {
		Level, Error string
		Again        float64 `json:"again_in_seconds"`
	}
	r.logged("the certificate was neither issued nor renewed", &line)
	if line.Level != "ERROR" || !strings.Contains(line.Error, "127.0.0.1") || line.Again != 900 {
		r.t.Errorf("a failure was logged as %+v", line)
	}
	if again := r.compose("exec", "--no-TTY", "certificates", "python3", "-c", pauses); again != "900 1800 3600 7200 14400 28800 43200 43200 43200 43200 900\n" {
		r.t.Errorf("it tries again after %s", again)
	}
	c.expect("ready without an ACME server", c.get("/readyz"), 200)
	state := r.run("docker", "inspect", "--format", "{{.State.Status}} {{.State.Health.Status}} {{.RestartCount}}",
		strings.TrimSpace(r.compose("ps", "--quiet", "certificates")))
	if strings.TrimSpace(state) != "running healthy 0" {
		r.t.Errorf("the service that cannot renew is %s", state)
	}
}

// installsOwn brings a certificate as the documentation says, after some that are refused.
func (r *repository) installsOwn(address string, c *client) {
	r.t.Helper()
	r.configure("ACME_SERVER", "none")
	soon := time.Now().AddDate(0, 0, 60)
	own, other := selfSigned(r.t, soon, domain), selfSigned(r.t, soon, "evil.example")
	for why, pem := range map[string]string{
		"there is no private key":                                own.chain,
		"Unable to load PEM file":                                own.key,
		"the private key is not that of the first certificate":   own.chain + other.key,
		"the certificate is not for " + domain:                   other.chain + other.key,
		"the certificate has expired":                            expired(r.t),
		"the private key cannot be used: Password was not given": own.chain + encryptedKey(r.t),
	} {
		if output, err := r.installs(pem); err == nil || !strings.Contains(output, "certificates: "+why) {
			r.t.Errorf("installed, instead of %q: %v\n%s", why, err, output)
		}
	}
	c.expect("ready with the certificate of before", c.get("/readyz"), 200)
	install := func(p pair) {
		if output, err := r.installs(p.chain + p.key); err != nil {
			r.t.Fatalf("not installed: %v\n%s", err, output)
		}
	}
	check := []string{"compose", "exec", "--no-TTY", "certificates", "certificates", "--check"}
	r.up()
	install(selfSigned(r.t, time.Now().AddDate(0, 0, 19), domain))
	r.fails("the certificate expires on", "docker", check...)
	install(selfSigned(r.t, time.Now().AddDate(0, 0, 21), domain))
	r.run("docker", check...)
	install(own)
	r.tellsExpiry(parse(r.t, own.chain))
	if err := await(func() error {
		connection, err := tls.Dial("tcp", address, &tls.Config{RootCAs: own.pool(), ServerName: domain})
		if err == nil {
			connection.Close()
		}
		return err
	}); err != nil {
		r.t.Errorf("the own certificate is not served: %v", err)
	}
}

func expired(t testing.TB) string {
	t.Helper()
	p := selfSigned(t, time.Now().Add(-time.Minute), domain)
	return p.chain + p.key
}

// encryptedKey is a private key that needs a password.
func encryptedKey(t testing.TB) string {
	t.Helper()
	output, err := exec.Command("openssl", "genpkey", "-quiet", "-algorithm", "ED25519", "-aes-256-cbc", "-pass", "pass:secret").Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(output)
}

func parse(t testing.TB, text string) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode([]byte(text))
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

// acmeServer is a server that issues certificates to who proves, by HTTP, that a name is theirs.
type acmeServer struct {
	t                     *testing.T
	directory, management string
	identity              string // the certificate by which it is known
}

// startPebble starts Let's Encrypt's server for tests, which finds every name at a port of the loopback address, and a name
// server for it. Both end with the test.
func startPebble(t *testing.T, proof string) *acmeServer {
	t.Helper()
	// What the engine's containers know the machine by
	gateway, err := exec.Command("docker", "network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Gateway}}").Output()
	if err != nil {
		t.Fatal(err)
	}
	host := string(bytes.TrimSpace(gateway))
	_, proofPort, err := net.SplitHostPort(proof)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(proofPort)
	if err != nil {
		t.Fatal(err)
	}
	listen, management, names := freeAddress(t, host), freeAddress(t, "127.0.0.1"), freeAddress(t, "127.0.0.1")
	identity := selfSigned(t, time.Now().AddDate(0, 0, 30), host, "127.0.0.1")
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "cert.pem"), identity.chain)
	writeFile(t, filepath.Join(dir, "key.pem"), identity.key)
	settings, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress": listen, "managementListenAddress": management, "certificate": "cert.pem", "privateKey": "key.pem",
		"httpPort": port, "tlsPort": 1, "certificateValidityPeriod": 90 * 24 * 3600,
	}})
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "pebble.json"), string(settings))
	start(t, dir, "pebble-challtestsrv", "-dns01", names, "-defaultIPv4", "127.0.0.1", "-defaultIPv6", "",
		"-http01", "", "-https01", "", "-tlsalpn01", "", "-management", freeAddress(t, "127.0.0.1"))
	start(t, dir, "pebble", "-config", "pebble.json", "-dnsserver", names)
	server := &acmeServer{t, "https://" + listen + "/dir", "https://" + management, identity.chain}
	server.roots()
	return server
}

// start runs one of Pebble's programs until the test ends: it asks for every proof, without delay, and rejects no request at
// random.
func start(t *testing.T, dir, name string, args ...string) {
	t.Helper()
	log := &bytes.Buffer{}
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, log, log
	cmd.Env = append(os.Environ(), "PEBBLE_VA_NOSLEEP=1", "PEBBLE_VA_ALWAYS_VALID=0", "PEBBLE_AUTHZREUSE=0", "PEBBLE_WFE_NONCEREJECT=0")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Wait() // the test's context has killed it
		if t.Failed() {
			t.Logf("%s:\n%s", name, tail(log.String()))
		}
	})
}

// roots trusts what the server signs with; the key is made at its start.
func (s *acmeServer) roots() *x509.CertPool {
	s.t.Helper()
	trusted := pair{chain: s.identity}.pool()
	c := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted}}}
	defer c.CloseIdleConnections()
	var root answer
	if err := await(func() error {
		response, err := c.Get(s.management + "/roots/0")
		if err != nil {
			return err
		}
		root, err = read(response)
		return err
	}); err != nil {
		s.t.Fatalf("the ACME server does not answer: %v", err)
	}
	return pair{chain: root.body}.pool()
}

// freeAddress is an address with a TCP port that nothing uses at the moment.
func freeAddress(t *testing.T, host string) string {
	t.Helper()
	listener, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}
