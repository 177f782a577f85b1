package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// searchNode is a node of OpenSearch behind a stand-in of Elasticsearch, which takes documents as Elasticsearch does, and at
// times has no time for one, or says that the key has no right.
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
	status := []int{403, 429, 401, 404}[n.came%4]
	n.came++
	item := fmt.Sprintf(`{"create":{"_index":%q,"_id":%q,"status":%d,"error":{"type":"exception","reason":"not now"}}},`, n.index, late, status)
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
