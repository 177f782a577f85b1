package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// manager is where a service in production finds its secrets.
type manager struct {
	// env is what tells the service how to reach it.
	env []string
	// write replaces the values that the service finds.
	write func(values map[string]string)
	// stop makes it unreachable.
	stop func()
	// refusal is what the service says then when it starts.
	refusal string
	// answers let it answer with an error, by the word that the runbook has for that.
	answers map[string]func()
	// confidential is what must not be shown besides the values.
	confidential []string
}

// TestSecretManagers lets services find their secrets in each manager and nowhere else, rotates all of them under load, and takes the
// manager away: what runs goes on, what starts refuses.
func TestSecretManagers(t *testing.T) {
	t.Parallel()
	shared := generate(t, "--framework", "flask", "--database", "postgres", "--secrets", "vault")
	shared.make("setup") // its environment is everyone's, to which each adds what it needs
	for _, test := range []struct {
		name, kind, framework string
		flags                 []string
		start                 func(r *repository) manager
		rare                  bool // what a sample can do without
	}{
		{"vault", "postgres", "flask", []string{"--secrets", "vault", "--config", "environ"}, (*repository).startVault, false},
		{"aws", "postgres", "fastapi", []string{"--secrets", "aws", "--config", "pydantic"}, (*repository).startMoto, false},
		{"gcp", "postgres", "django", []string{"--secrets", "gcp", "--config", "dynaconf"}, (*repository).startGoogle, false},
		{"kubernetes", "postgres", "flask", []string{"--secrets", "kubernetes", "--config", "pydantic", "--deploy", "kubernetes", "--proxy", "none"}, (*repository).mounts, false},
		{"vault_of_a_cluster", "postgres", "fastapi", []string{"--secrets", "vault"}, (*repository).startVaultOfCluster, true},
		{"uwsgi_flask", "postgres", "flask", []string{"--secrets", "vault", "--server", "uwsgi"}, (*repository).startVault, true},
		{"uwsgi_django", "postgres", "django", []string{"--secrets", "kubernetes", "--server", "uwsgi", "--deploy", "kubernetes", "--proxy", "none"}, (*repository).mounts, true},
	} {
		if test.rare && !thorough {
			continue
		}
		t.Run(test.name, func(t *testing.T) {
			r := generate(t, append(test.flags, "--framework", test.framework, "--database", test.kind)...)
			r.run(shared.path(".venv/bin/python"), "-m", "pip", "install", "--quiet", "--require-hashes", "--requirement", "requirements.txt")
			if err := os.Symlink(shared.path(".venv"), r.path(".venv")); err != nil {
				t.Fatal(err)
			}
			r.rotates(test.kind, test.start(r))
		})
	}
}

// rotates has the service begin with values that only the manager has, and end with others.
func (r *repository) rotates(kind string, held manager) {
	r.t.Helper()
	former, next := r.newStore(kind, "held_"+filepath.Base(r.t.Name())), ""
	next = r.secondAccount(kind, "held_"+filepath.Base(r.t.Name()))
	keys := []string{strings.Repeat("1a", 24) + "former", strings.Repeat("2b", 24) + "newer"}
	values := map[string]string{"SECRET_KEY": keys[0], "DATABASE_URL": former.url}
	if strings.Contains(strings.Join(held.env, " "), "METRICS_TOKEN") {
		values["METRICS_TOKEN"] = strings.Repeat("3c", 20)
	}
	confidential := append(held.confidential, keys[0], keys[1], passwordMark, secondPassword)
	hides := func(what, output string) {
		r.t.Helper()
		for _, value := range confidential {
			if value != "" && strings.Contains(output, value) {
				r.t.Errorf("%s shows a secret:\n%s", what, tail(output))
			}
		}
	}

	port := freePort(r.t)
	writeFile(r.t, r.path(".env"), "ALLOWED_HOSTS=127.0.0.1\nHTTPS=false\nWEB_CONCURRENCY=2\nPORT="+strconv.Itoa(port)+"\n")
	r.env = append(r.env, "PROMETHEUS_MULTIPROC_DIR=")
	production := r.with(append(held.env, "ENVIRONMENT=production", "SECRETS_TTL=3")...)
	for word, answer := range held.answers {
		answer()
		production.fails(held.refusal+word, r.path(".venv/bin/python"), "-m", "shop.config")
	}
	held.write(values)
	hides("migrate", production.make("migrate"))
	shown := production.run(r.path(".venv/bin/python"), "-m", "shop.config")
	hides("the table of settings", shown)
	if strings.Count(shown, "********") < 2 {
		r.t.Errorf("the settings do not come from the manager:\n%s", shown)
	}

	s := production.start("serve", port, "/readyz")
	s.expect("create", s.postJSON("/api/notes", `{"title": "Milk"}`), 201)
	field := s.find(csrfField, s.expect("page", s.get("/"), 200))
	answered := s.keepsAsking(fmt.Sprintf("127.0.0.1:%d", port), "/api/notes", nil)
	server, err := servers[kind]()
	if err != nil {
		r.t.Fatal(err)
	}
	connected := func(account string) int {
		r.t.Helper()
		count, err := server.sql("SELECT count(*) FROM pg_stat_activity WHERE usename = '" + account + "'")
		if err != nil {
			r.t.Fatal(err)
		}
		number, _ := strconv.Atoi(strings.TrimSpace(count))
		return number
	}
	values = maps.Clone(values)
	maps.Copy(values, map[string]string{"SECRET_KEY": keys[1], "SECRET_KEY_FALLBACKS": keys[0], "DATABASE_URL": next})
	held.write(values)
	account := "held_" + filepath.Base(r.t.Name())
	err = await(func() error {
		if connected(account+"_2") == 0 || connected(account) > 0 {
			return fmt.Errorf("%d connections of the former account, %d of the new one", connected(account), connected(account+"_2"))
		}
		return nil
	})
	if err != nil {
		r.t.Errorf("the rotation: %v\n%s", err, tail(s.output.String()))
	}
	if _, err := server.sql("ALTER ROLE " + account + " NOLOGIN"); err != nil {
		r.t.Fatal(err)
	}
	contentType, body := form(r.t, map[string]string{"title": "Bread", "body": "", field[1]: field[2]}, "")
	s.expect("a form from before the rotation", s.post("/notes", contentType, body), 303)

	// What runs goes on without the manager, also through a reload
	held.stop()
	s.awaitLine("cannot look for changed settings")
	if err := syscall.Kill(s.starter(), syscall.SIGHUP); err != nil {
		r.t.Fatal(err)
	}
	s.awaitLine("the former settings stay in use")
	s.expect("without a manager", s.postJSON("/api/notes", `{"title": "Butter"}`), 201)
	if count := answered(); count < 100 {
		r.t.Errorf("only %d requests were answered in the meantime", count)
	} else {
		r.t.Logf("%d requests were answered in the meantime", count)
	}
	s.stop(s.pid, syscall.SIGTERM)
	s.logsAreJSON()
	hides("the log", s.output.String())

	output, err := production.try("make", "serve")
	if err == nil || !strings.Contains(output, held.refusal) || strings.Contains(output, "Traceback") {
		r.t.Errorf("without a manager the start ends with %v, and %q is not in\n%s", err, held.refusal, tail(output))
	}
	hides("the refusal", output)
	output, err = production.try("make", "config-check")
	if err == nil || !strings.Contains(output, "SECRET_KEY: ") || strings.Contains(output, "SECRETS_PATH: ") {
		r.t.Errorf("config-check asks the manager: %v\n%s", err, tail(output))
	}
	hides("config-check", output)
	if strings.HasPrefix(held.refusal, "SECRETS_PATH: ") {
		r.with(append(held.env, "ENVIRONMENT=development", "SECRET_KEY=development", "DATABASE_URL="+next)...).
			run(r.path(".venv/bin/python"), "-m", "shop.config")
	}
}

// awaitLine waits until the server has said something.
func (s *service) awaitLine(words string) {
	s.t.Helper()
	err := await(func() error {
		if !strings.Contains(s.output.String(), words) {
			return fmt.Errorf("the server has not said %q", words)
		}
		return nil
	})
	if err != nil {
		s.t.Errorf("%v\n%s", err, tail(s.output.String()))
	}
}

// secondPassword is that of an account that takes turns with the first one.
const secondPassword = "9fSecondPassword"

// secondAccount makes one with the rights of the first, and returns the URL by which it reaches the same database.
func (r *repository) secondAccount(kind, name string) string {
	r.t.Helper()
	server, err := servers[kind]()
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := server.sql(fmt.Sprintf("CREATE ROLE %s_2 LOGIN PASSWORD '%s' IN ROLE %[1]s", name, secondPassword)); err != nil {
		r.t.Fatal(err)
	}
	return fmt.Sprintf("%s://%s_2:%s@127.0.0.1:%d/%[2]s", server.scheme, name, secondPassword, server.port)
}

// runsUntilStopped starts a program as runs does, and waits until a path of its HTTP server is answered.
func (r *repository) runsUntilStopped(port int, path, name string, args ...string) (stop func()) {
	r.t.Helper()
	var output lockedBuffer
	cmd := exec.Command(toolPath(r.t, name), args...)
	cmd.Dir, cmd.Env = r.t.TempDir(), r.env
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
			cmd.Wait()
		}
	}
	r.t.Cleanup(stop)
	err := await(func() error {
		response, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d%s", port, path))
		if err == nil {
			response.Body.Close()
		}
		return err
	})
	if err != nil {
		r.t.Fatalf("%s: %v\n%s", name, err, tail(output.String()))
	}
	return stop
}

// call sends JSON to a server that must take it, and returns the answer.
func (r *repository) call(method, address string, body any, headers ...string) map[string]any {
	r.t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		r.t.Fatal(err)
	}
	request, err := http.NewRequest(method, address, bytes.NewReader(data))
	if err != nil {
		r.t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	a, err := read(response)
	if err != nil || a.status >= 300 {
		r.t.Fatalf("%s %s: %d %v: %.600s", method, address, a.status, err, a.body)
	}
	var result map[string]any
	json.Unmarshal([]byte(a.body), &result)
	return result
}

// startMoto starts a stand-in for AWS, which boto3 reaches by its own setting.
func (r *repository) startMoto() manager {
	r.t.Helper()
	port := freePort(r.t)
	address := fmt.Sprintf("http://127.0.0.1:%d", port)
	stop := r.runsUntilStopped(port, "/moto-api/", "moto_server", "-H", "127.0.0.1", "-p", strconv.Itoa(port))
	writeFile(r.t, r.path("secrets/aws_shared_credentials"), "[default]\naws_access_key_id = e2e\naws_secret_access_key = 7dAccessKey\n")
	aws := func(action string, body map[string]string) {
		r.t.Helper()
		r.call("POST", address, body, "X-Amz-Target", "secretsmanager."+action, "Content-Type", "application/x-amz-json-1.1", "Authorization",
			"AWS4-HMAC-SHA256 Credential=e2e/20260101/eu-central-1/secretsmanager/aws4_request, SignedHeaders=host, Signature=0")
	}
	action := "CreateSecret"
	return manager{
		env: []string{
			"SECRETS_PATH=shop/production", "AWS_REGION=eu-central-1", "AWS_ENDPOINT_URL_SECRETS_MANAGER=" + address,
			"AWS_SHARED_CREDENTIALS_FILE=" + r.path("secrets/aws_shared_credentials"), "AWS_EC2_METADATA_DISABLED=true",
		},
		write: func(values map[string]string) {
			text, _ := json.Marshal(values)
			aws(action, map[string]string{"Name": "shop/production", "SecretId": "shop/production", "SecretString": string(text)})
			action = "PutSecretValue"
		},
		stop:         stop,
		refusal:      "SECRETS_PATH: AWS Secrets Manager does not give 'shop/production': EndpointConnectionError",
		confidential: []string{"7dAccessKey"},
	}
}

// mounts keeps the secrets in a folder as a cluster mounts them: files are links through one link, which is replaced as a whole.
func (r *repository) mounts() manager {
	r.t.Helper()
	folder := filepath.Join(r.t.TempDir(), "secrets")
	held := manager{
		env:     []string{},
		refusal: "SECRET_KEY: SECRET_KEY_FILE is '" + folder + "/SECRET_KEY', which cannot be read",
	}
	for _, name := range []string{"SECRET_KEY", "SECRET_KEY_FALLBACKS", "DATABASE_URL", "METRICS_TOKEN"} {
		held.env = append(held.env, name+"_FILE="+filepath.Join(folder, name))
	}
	version := 0
	held.write = func(values map[string]string) {
		version++
		data := fmt.Sprintf("..%d", version)
		for _, name := range []string{"SECRET_KEY", "SECRET_KEY_FALLBACKS", "DATABASE_URL", "METRICS_TOKEN"} {
			writeFile(r.t, filepath.Join(folder, data, name), values[name])
			os.Symlink(filepath.Join("..data", name), filepath.Join(folder, name)) // they are there after the first time
		}
		err := errors.Join(os.Symlink(data, filepath.Join(folder, "..new")), os.Rename(filepath.Join(folder, "..new"), filepath.Join(folder, "..data")))
		if err != nil {
			r.t.Fatal(err)
		}
	}
	held.stop = func() { os.Remove(filepath.Join(folder, "..data")) }
	return held
}
