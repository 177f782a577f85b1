package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// logstashPassword has what a configuration could take for its own syntax.
const logstashPassword = logKey + ` "$HOME" \ +/`

// logstashInput is Logstash's input for HTTP, in so far as a shipper meets it, with the places of the lines that it has taken.
type logstashInput struct {
	ids    map[string]string // by the message, which each line of the tests has for itself
	places map[string]string // the message by the place
}

func newLogstashInput() *logstashInput {
	return &logstashInput{ids: map[string]string{}, places: map[string]string{}}
}

// receive takes an array of events. A line that comes again must have the place that it had, by which Elasticsearch knows it.
func (l *logstashInput) receive(request *http.Request, body []byte) (documents []map[string]any, answer string, err error) {
	user, password, given := request.BasicAuth()
	if request.Method != "POST" || request.Header.Get("Content-Type") != "application/json" || !given || user != "shipper" || password != logstashPassword {
		return nil, "", fmt.Errorf("%s %s with %q", request.Method, request.URL, request.Header)
	}
	if err := json.Unmarshal(body, &documents); err != nil {
		return nil, "", err
	}
	for _, document := range documents {
		event, _ := document["event"].(map[string]any)
		id, _ := event["id"].(string)
		message, _ := document["message"].(string)
		if former, again := l.places[id]; id == "" || again && former != message {
			return nil, "", fmt.Errorf("the place %q of %q is that of %q", id, message, former)
		}
		if former, again := l.ids[message]; again && former != id {
			return nil, "", fmt.Errorf("%q has come from %q and from %q", message, former, id)
		}
		l.ids[message], l.places[id] = id, message
		delete(event, "id") // the pipeline makes it the document's
	}
	return documents, "ok", nil
}

// logstashOptions are what the plugins of the pipeline take, by the documentation of logstash-input-http 4, -codec-json 3.1,
// -filter-mutate 3.5 and -output-elasticsearch 12; those that it does not use are left out.
var logstashOptions = map[string][]string{
	"input.http": {
		"additional_codecs", "codec", "ecs_compatibility", "host", "max_content_length", "max_pending_requests", "password", "port",
		"remote_host_target_field", "request_headers_target_field", "response_code", "response_headers", "ssl_certificate", "ssl_enabled", "ssl_key",
		"threads", "user",
	},
	"filter.drop":   {},
	"filter.mutate": {"remove_field", "rename"},
	"output.elasticsearch": {
		"action", "api_key", "data_stream", "document_id", "hosts", "ilm_enabled", "index", "manage_template", "silence_errors_in_log",
		"ssl_certificate_authorities",
	},
}

// TestLogstash parses the pipeline as Logstash does, and holds it against the options of the plugins, the index template and the shipper's
// needs; a queue in memory would lose what it has answered with 200.
func TestLogstash(t *testing.T) {
	t.Parallel()
	r := generate(t, "--logs", "logstash")
	const file = "deploy/logstash/pipeline.conf"
	python := filepath.Join(filepath.Dir(toolPath(t, "check-jsonschema")), "python")
	script, err := filepath.Abs("logstash.py")
	if err != nil {
		t.Fatal(err)
	}
	var options []struct {
		Plugin, Option string
		Value          any
	}
	if err := json.Unmarshal([]byte(r.run(python, script, file)), &options); err != nil {
		t.Fatal(err)
	}
	values := map[string]any{}
	for _, found := range options {
		known, plugin := logstashOptions[found.Plugin]
		if !plugin || found.Option != "" && !slices.Contains(known, found.Option) {
			t.Errorf("%s has no option %q", found.Plugin, found.Option)
		}
		values[found.Plugin+"."+found.Option] = found.Value
	}
	for option, want := range map[string]any{
		"input.http.ecs_compatibility":            "disabled",
		"input.http.request_headers_target_field": "[@metadata][headers]",
		"input.http.remote_host_target_field":     "[@metadata][host]",
		"input.http.ssl_enabled":                  true,
		"input.http.user":                         "${LOGSTASH_USER}",
		"input.http.password":                     "${LOGSTASH_PASSWORD}",
		"input.http.codec":                        []any{"json", []any{[]any{"ecs_compatibility", []any{"disabled"}}}},
		"input.http.additional_codecs":            []any{},
		"output.elasticsearch.index":              "logs-shop-default",
		"output.elasticsearch.action":             "create",
		"output.elasticsearch.document_id":        "%{[@metadata][id]}",
		"output.elasticsearch.data_stream":        "false",
		"output.elasticsearch.manage_template":    false,
	} {
		if !reflect.DeepEqual(values[option], want) {
			t.Errorf("%s is %v, and not %v", option, values[option], want)
		}
	}
	r.breaks(file, func(text string) string { return strings.Replace(text, "user =>", "user ->", 1) }, "Expected", python, script, file)

	settings := readFile(t, r.path("deploy/logstash/pipelines.yml"))
	for _, want := range []string{"queue.type: persisted", "queue.checkpoint.writes: 1", "dead_letter_queue.enable: true"} {
		if !strings.Contains(settings, "\n  "+want+"\n") {
			t.Errorf("the pipeline runs without %q", want)
		}
	}
}
