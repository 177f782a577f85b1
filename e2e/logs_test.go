package e2e

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

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
print("plain text", flush=True)
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

// destination is where the lines of logs go: a stand-in that takes the format that is documented and nothing else.
type destination struct {
	// settings are what the repository is told, for the address of the server.
	settings func(r *repository, address string)
	// receive takes the documents of a request, as they were sent, or says why it takes none.
	receive func(request *http.Request, body []byte) (documents []map[string]any, answer string, err error)
	// serial is the number of a line in a document, line what the document of the first one must be.
	serial func(document map[string]any) (any, bool)
	line   string
}

const logKey = "0a1b2c3d-" + passwordMark

var destinations = map[string]destination{
	"splunk": {
		settings: func(r *repository, address string) {
			r.configure("SPLUNK_HEC_URL", "https://"+address)
			r.configure("SPLUNK_HEC_TOKEN", logKey)
		},
		receive: func(request *http.Request, body []byte) (documents []map[string]any, answer string, err error) {
			if request.Method == "GET" && request.URL.Path == "/services/collector/health" {
				return nil, `{"text":"HEC is healthy","code":17}`, nil
			}
			if request.URL.Path != "/services/collector/event" || request.Header.Get("Authorization") != "Splunk "+logKey {
				return nil, "", fmt.Errorf("%s with %q", request.URL, request.Header)
			}
			if len(body) > 1<<20 {
				return nil, "", fmt.Errorf("%d bytes at once", len(body))
			}
			decoder := json.NewDecoder(bytes.NewReader(body))
			for decoder.More() {
				var event map[string]any
				if err := decoder.Decode(&event); err != nil {
					return nil, "", err
				}
				if _, number := event["time"].(float64); !number {
					return nil, "", fmt.Errorf("no time in %v", event)
				}
				documents = append(documents, event)
			}
			return documents, `{"text":"Success","code":0}`, nil
		},
		serial: func(document map[string]any) (any, bool) {
			event, _ := document["event"].(map[string]any)
			serial, found := event["serial"]
			return serial, found
		},
		line: `{"event": {"http_method": "GET", "logger": "shop.access", "message": "GET /api/notes 0", "password": "[redacted]",
			"request_id": "request-0", "response_time": 12.5, "serial": 0, "severity": "INFO", "status": 200, "uri_path": "/api/notes"},
			"host": "PROJECT", "source": "app", "sourcetype": "PROJECT:json", "time": 0}`,
	},
	"datadog": {
		settings: func(r *repository, address string) {
			r.configure("DD_LOGS_CONFIG_LOGS_DD_URL", address)
			r.configure("DD_API_KEY", logKey)
		},
		receive: func(request *http.Request, body []byte) (documents []map[string]any, answer string, err error) {
			if request.Method == "GET" || request.Method == "HEAD" {
				return nil, "{}", nil // whether somebody is there
			}
			if request.URL.Path != "/api/v2/logs" || request.Header.Get("DD-API-KEY") != logKey || request.Header.Get("Content-Type") != "application/json" {
				return nil, "", fmt.Errorf("%s with %q", request.URL, request.Header)
			}
			if err := json.Unmarshal(body, &documents); err != nil {
				return nil, "", err
			}
			if len(documents) > 1000 || len(body) > 5_000_000 {
				return nil, "", fmt.Errorf("%d documents, %d bytes at once", len(documents), len(body))
			}
			return documents, "{}", nil
		},
		serial: func(document map[string]any) (any, bool) {
			serial, found := document["serial"]
			return serial, found
		},
		line: `{"ddsource": "python", "ddtags": "env:production,container_name:app", "duration": 12500000, "hostname": "PROJECT",
			"http": {"method": "GET", "request_id": "request-0", "status_code": 200, "url_details": {"path": "/api/notes"}},
			"logger": {"name": "shop.access"}, "message": "GET /api/notes 0", "password": "[redacted]", "serial": 0, "service": "PROJECT",
			"status": "INFO", "timestamp": 0}`,
	},
	"elk": {
		settings: func(r *repository, address string) {
			r.configure("ELASTICSEARCH_URL", "https://"+address)
			r.configure("ELASTICSEARCH_API_KEY", logKey)
		},
		serial: func(document map[string]any) (any, bool) {
			labels, _ := document["labels"].(map[string]any)
			serial, found := labels["serial"]
			return serial, found
		},
		line: `{"@timestamp": 0, "container": {"name": "app"}, "ecs": {"version": "8.17.0"}, "event": {"dataset": "PROJECT", "duration": 12500000},
			"http": {"request": {"id": "request-0", "method": "GET"}, "response": {"status_code": 200}},
			"labels": {"password": "[redacted]", "serial": 0}, "log": {"level": "INFO", "logger": "shop.access"},
			"message": "GET /api/notes 0", "service": {"name": "PROJECT"}, "url": {"path": "/api/notes"}}`,
	},
}

// logServer is a destination that can be down.
type logServer struct {
	*httptest.Server
	kind destination

	mutex    sync.Mutex
	down     bool
	refused  int // requests while it was down
	problems []string
	seen     map[int]int // how often each line came
	plain    int         // lines that are no JSON
	first    map[string]any
	secret   bool
}

func newLogServer(t *testing.T, kind destination) *logServer {
	s := &logServer{kind: kind, seen: map[int]int{}}
	s.Server = httptest.NewTLSServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *logServer) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.down {
		s.refused++
		http.Error(w, "down", http.StatusServiceUnavailable)
		return
	}
	body, err := readBody(request)
	var documents []map[string]any
	var answer string
	if err == nil {
		documents, answer, err = s.kind.receive(request, body)
	}
	if err != nil {
		s.problems = append(s.problems, err.Error())
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.secret = s.secret || bytes.Contains(body, []byte("hunter2"))
	for _, document := range documents {
		serial, found := s.kind.serial(document)
		number, _ := serial.(float64)
		switch {
		case !found:
			s.plain++
			continue
		case number == 0:
			s.first = document
		}
		s.seen[int(number)]++
	}
	w.Header().Set("Content-Type", "application/json")
	io.WriteString(w, answer)
}

func readBody(request *http.Request) ([]byte, error) {
	if request.Header.Get("Content-Encoding") != "gzip" {
		return io.ReadAll(request.Body)
	}
	reader, err := gzip.NewReader(request.Body)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(reader)
}

// counts are the lines that came, and how often one came again.
func (s *logServer) counts() (lines, again int) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, times := range s.seen {
		again += times - 1
	}
	return len(s.seen), again
}

func (s *logServer) set(down bool) (refused int) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.down = down
	return s.refused
}

// awaitLines waits for so many lines, as long as more of them come.
func (s *logServer) awaitLines(t *testing.T, want int) {
	t.Helper()
	last := -1
	for {
		err := await(func() error {
			if lines, again := s.counts(); lines < want && lines+again == last {
				return fmt.Errorf("%d lines of %d", lines, want)
			}
			return nil
		})
		lines, again := s.counts()
		if lines >= want {
			return
		}
		if last = lines + again; err != nil {
			t.Fatalf("no more lines come: %v, %q", err, s.problems)
		}
	}
}

// TestShipper has containers write lines by the repository's own formatter, and the shipper of its compose.yaml send them. The other
// side is down for a while, which costs and doubles nothing; then the shipper is killed, which costs nothing either.
func TestShipper(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"elk", "splunk", "datadog"} {
		if !thorough && name != "splunk" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kind := destinations[name]
			project := fmt.Sprintf("e2e%d-logs-%s", os.Getpid(), name)
			r := generate(t, "--logs", name, "--name", project, "--package", "shop", "--proxy", "none")
			var search *searchNode
			if name == "elk" {
				search = newSearchNode(r, project)
				kind.receive = search.receive
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
			for _, readable := range []string{"writer.py", "control"} {
				os.Mkdir(r.path(readable), 0o755)
				if err := os.Chmod(r.path(readable), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			if search != nil {
				r.with("ELASTICSEARCH_URL="+search.url, "LOGS_CA_FILE=").run("scripts/logs-setup")
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
				if s.set(true) < before+2 {
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
				if s.plain == 0 {
					return errors.New("the line that is plain text has not come")
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
	for _, name := range []string{"elk", "splunk", "datadog"} {
		project := fmt.Sprintf("e2e%d-quiet-%s", os.Getpid(), name)
		r := generate(t, "--logs", name, "--name", project, "--package", "shop")
		r.leavesNothing(project)
		r.run("scripts/secrets")
		r.compose("up", "--build", "--detach", "--wait", "--no-deps", "shipper")
		if output := r.compose("logs", "shipper"); !strings.Contains(output, "is not set: nothing is sent") {
			t.Errorf("%s: the shipper says\n%s", name, output)
		}
		r.stopsCleanly()
		r.breaks("deploy/shipper/rsyslog.conf", func(text string) string { return strings.Replace(text, "queue.type", "queue.tipe", 1) },
			"shipper --check", "docker", "compose", "build", "shipper")
	}
}

// searchNode is a node of OpenSearch behind a stand-in of Elasticsearch, which takes documents as Elasticsearch does, and at
// times has no time for one.
type searchNode struct {
	url, index string
	template   string
	postponed  map[string]bool
	requests   int
	came       int
}

// newSearchNode starts a node, which ends with the test, and knows a stream as the repository's index template has it, but for what
// OpenSearch calls otherwise or lacks.
func newSearchNode(r *repository, project string) *searchNode {
	r.t.Helper()
	n := &searchNode{index: "logs-" + project + "-default", postponed: map[string]bool{}}
	port, transport := freePort(r.t), freePort(r.t)
	n.url = fmt.Sprintf("http://127.0.0.1:%d", port)
	tools := filepath.Dir(filepath.Dir(toolPath(r.t, "kustomize")))
	source, err := filepath.Abs("opensearch/Node.java")
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.t.Context()))
	java := r.command(ctx, "java", "-Xmx768m", "-cp", filepath.Join(tools, "opensearch", "*"), source, r.t.TempDir(), strconv.Itoa(port), strconv.Itoa(transport))
	java.Dir = r.t.TempDir()
	var output lockedBuffer
	java.Stdout, java.Stderr = &output, &output
	if err := java.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		cancel()
		java.Wait()
	})
	for range 5 { // minutes: it starts slowly where much else runs
		if err = await(func() error { _, err := n.ask("GET", "/_cluster/health", ""); return err }); err == nil {
			break
		}
	}
	if err != nil {
		r.t.Fatalf("%v\n%s", err, tail(output.String()))
	}
	file := "deploy/elasticsearch/index-template.json"
	n.template = readFile(r.t, r.path(file))
	r.rewrite(file, `"lifecycle": {"data_retention": "30d"},`, "")
	r.rewrite(file, `"type": "flattened", "ignore_above": 1024`, `"type": "flat_object"`)
	return n
}

func (n *searchNode) ask(method, path, body string) (string, error) {
	request, err := http.NewRequest(method, n.url+path, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/x-ndjson")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode >= 400 {
		err = fmt.Errorf("%s: %s", response.Status, text)
	}
	return string(text), err
}

// receive hands what it can take to the node, and of every fifth request postpones a document.
func (n *searchNode) receive(request *http.Request, body []byte) (documents []map[string]any, answer string, err error) {
	if key := request.Header.Get("Authorization"); key != "ApiKey "+logKey {
		return nil, "", fmt.Errorf("%s with the authorization %q", request.URL, key)
	}
	if request.URL.Path != "/_bulk" {
		answer, err := n.ask(request.Method, request.URL.Path, "")
		return nil, answer, err
	}
	n.requests++
	lines := strings.Split(strings.TrimSuffix(string(body), "\n"), "\n")
	if len(lines)%2 != 0 {
		return nil, "", fmt.Errorf("%d lines in a request", len(lines))
	}
	var passed strings.Builder
	var late string
	for i := 0; i < len(lines); i += 2 {
		var action map[string]map[string]string
		if err := json.Unmarshal([]byte(lines[i]), &action); err != nil {
			return nil, "", fmt.Errorf("%w in %s", err, lines[i])
		}
		id := action["create"]["_id"]
		if action["create"]["_index"] != n.index || id == "" || len(action) != 1 {
			return nil, "", fmt.Errorf("the action %s", lines[i])
		}
		if n.requests%5 == 0 && late == "" && len(lines) > 2 {
			late = id
			n.postponed[late] = true
			continue
		}
		var document map[string]any
		if err := json.Unmarshal([]byte(lines[i+1]), &document); err != nil {
			return nil, "", err
		}
		delete(n.postponed, id)
		documents = append(documents, document)
		passed.WriteString(lines[i] + "\n" + lines[i+1] + "\n")
	}
	if answer, err = n.ask("POST", "/_bulk", passed.String()); err != nil || late == "" {
		return documents, answer, err
	}
	n.came++
	item := fmt.Sprintf(`{"create":{"_index":%q,"_id":%q,"status":429,"error":{"type":"es_rejected_execution_exception","reason":"busy"}}},`, n.index, late)
	answer = strings.Replace(answer, `"items":[`, `"items":[`+item, 1)
	return documents, strings.Replace(answer, `"errors":false`, `"errors":true`, 1), nil
}

// retried wants that documents were postponed, and have come since.
func (n *searchNode) retried(t *testing.T) {
	t.Helper()
	if n.came == 0 || len(n.postponed) > 0 {
		t.Errorf("%d requests of %d had a document postponed, of which %d never came", n.came, n.requests, len(n.postponed))
	}
}

// holds wants so many documents, each of which has nothing but fields that the template knows, and is understood as a whole.
func (n *searchNode) holds(t *testing.T, want int) {
	t.Helper()
	if _, err := n.ask("POST", "/"+n.index+"/_refresh", ""); err != nil {
		t.Fatal(err)
	}
	count := func(query string) int {
		t.Helper()
		text, err := n.ask("GET", "/"+n.index+"/_count", `{"query": `+query+`}`)
		var found struct{ Count int }
		if err := errors.Join(err, json.Unmarshal([]byte(text), &found)); err != nil {
			t.Fatal(err)
		}
		return found.Count
	}
	if got := count(`{"match_all": {}}`); got != want {
		t.Errorf("there are %d documents, and not %d", got, want)
	}
	if got := count(`{"exists": {"field": "_ignored"}}`); got != 0 {
		t.Errorf("%d documents have a field that is not understood", got)
	}
	if got := count(`{"bool": {"filter": [{"term": {"http.request.id": "request-7"}}, {"term": {"http.response.status_code": 200}}, {"range": {"event.duration": {"gte": 12500000}}}]}}`); got != 1 {
		t.Errorf("%d documents are of the request", got)
	}
	text, err := n.ask("GET", "/"+n.index+"/_search?size=1", `{"query": {"term": {"http.request.id": "request-0"}}}`)
	var found struct {
		Hits struct {
			Hits []struct {
				Source map[string]any `json:"_source"`
			}
		}
	}
	var template struct {
		Template struct{ Mappings mapping }
	}
	if err := errors.Join(err, json.Unmarshal([]byte(text), &found), json.Unmarshal([]byte(n.template), &template)); err != nil || len(found.Hits.Hits) != 1 {
		t.Fatalf("%v: %s", err, text)
	}
	if unknown := template.Template.Mappings.unknown("", found.Hits.Hits[0].Source); len(unknown) > 0 {
		t.Errorf("the index template has no %q", unknown)
	}
}

// mapping is what a template says of a field.
type mapping struct {
	Type       string
	Properties map[string]mapping
}

// unknown lists the fields of a document that the mapping does not have.
func (m mapping) unknown(prefix string, document map[string]any) (names []string) {
	for name, value := range document {
		field, known := m.Properties[name]
		object, nested := value.(map[string]any)
		switch {
		case !known:
			names = append(names, prefix+name)
		case nested && field.Type == "":
			names = append(names, field.unknown(prefix+name+".", object)...)
		}
	}
	return names
}

// TestKibana holds the saved objects against the index template: each is a line of JSON, what it refers to is there, and the fields
// that it shows and asks for are mapped.
func TestKibana(t *testing.T) {
	t.Parallel()
	r := generate(t, "--logs", "elk")
	var template struct {
		Template struct{ Mappings mapping }
	}
	if err := json.Unmarshal([]byte(readFile(t, r.path("deploy/elasticsearch/index-template.json"))), &template); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for line := range strings.Lines(readFile(t, r.path("deploy/elasticsearch/kibana.ndjson"))) {
		var object struct {
			Type, ID   string
			References []struct{ Type, ID, Name string }
			Attributes struct {
				Columns               []string
				KibanaSavedObjectMeta struct{ SearchSourceJSON string }
			}
		}
		if err := json.Unmarshal([]byte(line), &object); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		for _, reference := range object.References {
			if !slices.Contains(ids, reference.Type+" "+reference.ID) {
				t.Errorf("%s refers to %s, which is not before it", object.ID, reference.ID)
			}
		}
		ids = append(ids, object.Type+" "+object.ID)
		if object.Type != "search" {
			continue
		}
		var source struct {
			IndexRefName string
			Query        struct{ Query string }
		}
		if err := json.Unmarshal([]byte(object.Attributes.KibanaSavedObjectMeta.SearchSourceJSON), &source); err != nil || len(object.References) != 1 || source.IndexRefName != object.References[0].Name {
			t.Errorf("%s searches in nothing: %v", object.ID, err)
		}
		asked, _, _ := strings.Cut(source.Query.Query, ":")
		for _, field := range append(object.Attributes.Columns, asked) {
			at := template.Template.Mappings
			for _, part := range strings.Split(field, ".") {
				at = at.Properties[part]
			}
			if at.Type == "" {
				t.Errorf("%s asks for %s, which is not mapped", object.ID, field)
			}
		}
	}
	if len(ids) < 3 {
		t.Errorf("only %q", ids)
	}
}

// TestShipperOnKubernetes puts the manifests of the shipper together, and holds them against the API's types and what is known to go wrong.
func TestShipperOnKubernetes(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"elk", "splunk", "datadog"} {
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
