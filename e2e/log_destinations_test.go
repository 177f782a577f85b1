package e2e

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// destination is where the lines of logs go: a stand-in that takes the format that is documented and nothing else.
type destination struct {
	// settings are what the repository is told, for the address of the server.
	settings func(r *repository, address string)
	// receive takes the documents of a request, as they were sent, or says why it takes none.
	receive func(request *http.Request, body []byte) (documents []map[string]any, answer string, err error)
	// refusals are what it answers in turn while it takes nothing: 503 if there are none.
	refusals []int
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
		serial: documentSerial,
		line:   documentLine,
	},
	"logstash": {
		settings: func(r *repository, address string) {
			r.configure("LOGSTASH_URL", "https://"+address)
			r.configure("LOGSTASH_USER", "shipper")
			r.configure("LOGSTASH_PASSWORD", "'"+logstashPassword+"'")
		},
		refusals: []int{http.StatusTooManyRequests, http.StatusUnauthorized, http.StatusInternalServerError},
		serial:   documentSerial,
		line:     documentLine,
	},
}

// documentLine is the first line as the Elastic Common Schema has it.
const documentLine = `{"@timestamp": 0, "container": {"name": "app"}, "ecs": {"version": "8.17.0"}, "event": {"dataset": "PROJECT", "duration": 12500000},
	"http": {"request": {"id": "request-0", "method": "GET"}, "response": {"status_code": 200}},
	"labels": {"password": "[redacted]", "serial": 0}, "log": {"level": "INFO", "logger": "shop.access"},
	"message": "GET /api/notes 0", "service": {"name": "PROJECT"}, "url": {"path": "/api/notes"}}`

func documentSerial(document map[string]any) (any, bool) {
	labels, _ := document["labels"].(map[string]any)
	serial, found := labels["serial"]
	return serial, found
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
		status := http.StatusServiceUnavailable
		if among := len(s.kind.refusals); among > 0 {
			status = s.kind.refusals[s.refused%among]
		}
		s.refused++
		http.Error(w, "down", status)
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
