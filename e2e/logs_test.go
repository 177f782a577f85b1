package e2e

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// shippedTo are the destinations that a shipper sends to.
var shippedTo = []string{"elk", "splunk", "datadog", "logstash"}

// The lines come in two halves, of which the first meets a destination that fails, and the second a shipper that is killed.
const (
	firstLines = 30_000
	allLines   = 100_000
)

// logWriter is a service that writes lines with the repository's own formatter, a half of them whenever a file asks for it.
const logWriter = `
import logging
import sys
import time
from pathlib import Path

from shop import logs

logs.configure("INFO")
for name, begin, end in (("first", 0, %[1]d), ("second", %[1]d, %[2]d)):
    while not Path("/control", name).exists():
        time.sleep(0.05)
    for serial in range(begin, end):
        logs.request_id.set(f"request-{serial}")
        logging.getLogger("shop.access").info(
            "GET /api/notes %%d", serial,
            extra={"method": "GET", "path": "/api/notes", "status": 200, "duration_ms": 12.5, "serial": serial, "password": "%[3]s"},
        )
print(Path("/control/others").read_text(), end="", flush=True)
time.sleep(3600)
`

// logStack runs the shipper of compose.yaml as it is, on the host's network, beside the writer in place of the application.
const logStack = `services:
  app:
    image: python:3.14-slim
    build: !reset null
    depends_on: !reset {}
    secrets: !reset []
    environment: !override {PYTHONPATH: /app}
    entrypoint: [python, /app/writer.py]
    healthcheck: {disable: true}
    volumes: !override
      - ./:/app:ro
      - ./control:/control:ro
  shipper:
    networks: !reset []
    network_mode: host
`

// TestShipper has containers write lines by the repository's own formatter, and the shipper of its compose.yaml send them. The other
// side is down for a while, which costs and doubles nothing; then the shipper is killed, which costs nothing either.
func TestShipper(t *testing.T) {
	t.Parallel()
	for _, name := range shippedTo {
		if !thorough && name != "splunk" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kind := destinations[name]
			project := fmt.Sprintf("e2e%d-logs-%s", os.Getpid(), name)
			r := generate(t, "--logs", name, "--name", project, "--package", "shop", "--proxy", "none")
			var search *searchNode
			switch name {
			case "elk":
				search = newSearchNode(r, project)
				kind.receive = search.receive
			case "logstash":
				kind.receive = newLogstashInput().receive
			}
			s := newLogServer(t, kind)
			address := strings.TrimPrefix(s.URL, "https://")
			certificate := filepath.Join(t.TempDir(), "ca.pem")
			writeFile(t, certificate, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})))
			kind.settings(r, address)
			r.configure("LOGS_CA_FILE", certificate)
			r.configure("DOCKER_ROOT", strings.TrimSpace(r.run("docker", "info", "--format", "{{.DockerRootDir}}")))
			r.configure("COMPOSE_FILE", "compose.yaml:logs.yaml")
			writeFile(t, r.path("logs.yaml"), logStack)
			writeFile(t, r.path("writer.py"), fmt.Sprintf(logWriter, firstLines, allLines, "hunter2"))
			others := "plain text\n"
			if search != nil {
				r.with("ELASTICSEARCH_URL="+search.url, "LOGS_CA_FILE=").run("scripts/logs-setup")
				others += r.troubled()
			}
			writeFile(t, r.path("control/others"), others)
			for _, readable := range []string{"writer.py", "control", "control/others"} {
				if err := os.Chmod(r.path(readable), 0o755); err != nil {
					t.Fatal(err)
				}
			}

			t.Cleanup(func() {
				if t.Failed() {
					t.Log(tail(r.compose("logs", "--no-color", "--tail", "20", "shipper")))
				}
			})
			r.leavesNothing(project)
			r.run("scripts/secrets")
			r.compose("build", "--quiet", "shipper")
			r.compose("up", "--detach", "--no-deps", "app", "shipper")
			if told := r.inspect("{{.Config.Env}} {{.Args}}"); strings.Contains(told, logKey) {
				t.Error("docker inspect shows the key")
			}

			start := time.Now()
			writeFile(t, r.path("control/first"), "")
			s.awaitLines(t, firstLines/3)
			before := s.set(true)
			if err := await(func() error {
				if s.set(true) < before+max(2, len(kind.refusals)) {
					return errors.New("nothing is sent again")
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			s.set(false)
			s.awaitLines(t, firstLines)
			if lines, again := s.counts(); lines != firstLines || again != 0 {
				t.Errorf("%d lines of %d came, %d again, although nobody was killed", lines, firstLines, again)
			}
			if search != nil {
				search.retried(t)
			}

			writeFile(t, r.path("control/second"), "")
			s.awaitLines(t, firstLines+(allLines-firstLines)/3)
			r.compose("kill", "--signal", "KILL", "shipper")
			r.compose("up", "--detach", "--no-deps", "shipper")
			s.awaitLines(t, allLines)
			lines, again := s.counts()
			t.Logf("%5.1f s  %d lines, %d of them again after the kill", time.Since(start).Seconds(), lines, again)

			if err := await(func() error {
				s.mutex.Lock()
				defer s.mutex.Unlock()
				if want := strings.Count(others, "\n"); s.plain != want {
					return fmt.Errorf("%d of the other %d lines came", s.plain, want)
				}
				return nil
			}); err != nil {
				t.Error(err)
			}
			s.mutex.Lock()
			defer s.mutex.Unlock()
			if s.secret || len(s.problems) > 0 {
				t.Errorf("a password came: %t; %q", s.secret, s.problems)
			}
			for _, field := range []string{"time", "timestamp", "@timestamp"} {
				if _, there := s.first[field]; there {
					s.first[field] = 0
				}
			}
			got, _ := json.Marshal(s.first)
			var want any
			if err := json.Unmarshal([]byte(strings.ReplaceAll(kind.line, "PROJECT", project)), &want); err != nil {
				t.Fatal(err)
			}
			if wanted, _ := json.Marshal(want); !bytes.Equal(got, wanted) {
				t.Errorf("the first line is\n%s\nand not\n%s", got, wanted)
			}
			if search != nil {
				search.holds(t, allLines+s.plain)
				search.answers(t, r.savedSearches(), allLines+s.plain)
			}
			r.compose("stop")
			if exited := r.run("docker", "inspect", "--format", "{{.State.ExitCode}}", strings.TrimSpace(r.compose("ps", "--all", "--quiet", "shipper"))); strings.TrimSpace(exited) != "0" {
				t.Errorf("the shipper ended with %s", exited)
			}
		})
	}
}

// TestShipperStaysOut proves that without a destination the service works, and the shipper says what is missing.
func TestShipperStaysOut(t *testing.T) {
	if !thorough {
		t.Skip("the images of the shipper are for make e2e-all")
	}
	for _, name := range shippedTo {
		project := fmt.Sprintf("e2e%d-quiet-%s", os.Getpid(), name)
		r := generate(t, "--logs", name, "--name", project, "--package", "shop")
		r.leavesNothing(project)
		r.run("scripts/secrets")
		r.compose("up", "--build", "--detach", "--wait", "--no-deps", "shipper")
		r.hasLogged("shipper", "is not set: nothing is sent")
		r.stopsCleanly()
		r.breaks("deploy/shipper/rsyslog.conf", func(text string) string { return strings.Replace(text, "queue.type", "queue.tipe", 1) },
			"shipper --check", "docker", "compose", "build", "shipper")
	}
}

// TestShipperOnKubernetes puts the manifests of the shipper together, and holds them against the API's types and what is known to go wrong.
func TestShipperOnKubernetes(t *testing.T) {
	t.Parallel()
	for _, name := range shippedTo {
		r := generateForKubernetes(t, "--database", "postgres", "--logs", name)
		file := filepath.Join(t.TempDir(), "shipper.yaml")
		text := r.run(toolPath(t, "kustomize"), "build", "deploy/shipper")
		writeFile(t, file, regexp.MustCompile(`:unreleased\b`).ReplaceAllString(text, "@sha256:"+strings.Repeat("a", 64)))
		for _, check := range manifestChecks {
			command := check.command(r, file)
			if output, err := r.try(command[0], command[1:]...); err != nil {
				t.Errorf("%s of %s: %v\n%s", check.name, name, err, tail(output))
			}
		}
		if strings.Contains(text, "kind: Secret\n") || strings.Contains(text, "kind: ClusterRole\n") {
			t.Errorf("%s: a Secret, or rights on the cluster", name)
		}
	}
}
