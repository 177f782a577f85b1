package e2e

import (
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// savedSearch is a search as Kibana keeps it, in Lucene's syntax, which Kibana hands to the server as it is.
type savedSearch struct {
	id, query string
	columns   []string
	sort      [][]string
}

// savedSearches reads the saved objects: each is a line of JSON, and what it refers to is there.
func (r *repository) savedSearches() (searches []savedSearch) {
	r.t.Helper()
	var ids []string
	for line := range strings.Lines(readFile(r.t, r.path("deploy/elasticsearch/kibana.ndjson"))) {
		var object struct {
			Type, ID   string
			References []struct{ Type, ID, Name string }
			Attributes struct {
				Columns               []string
				Sort                  [][]string
				KibanaSavedObjectMeta struct{ SearchSourceJSON string }
			}
		}
		if err := json.Unmarshal([]byte(line), &object); err != nil {
			r.t.Fatalf("%v: %s", err, line)
		}
		for _, reference := range object.References {
			if !slices.Contains(ids, reference.Type+" "+reference.ID) {
				r.t.Errorf("%s refers to %s, which is not before it", object.ID, reference.ID)
			}
		}
		ids = append(ids, object.Type+" "+object.ID)
		if object.Type != "search" {
			continue
		}
		var source struct {
			IndexRefName string
			Query        struct{ Language, Query string }
		}
		if err := json.Unmarshal([]byte(object.Attributes.KibanaSavedObjectMeta.SearchSourceJSON), &source); err != nil || len(object.References) != 1 || source.IndexRefName != object.References[0].Name {
			r.t.Errorf("%s searches in nothing: %v", object.ID, err)
		}
		if source.Query.Language != "lucene" {
			r.t.Errorf("%s is asked in %s, which the server does not understand", object.ID, source.Query.Language)
		}
		searches = append(searches, savedSearch{object.ID, source.Query.Query, object.Attributes.Columns, object.Attributes.Sort})
	}
	if len(searches) < 4 {
		r.t.Errorf("only %q", ids)
	}
	return searches
}

// TestKibana wants that the fields which the saved searches show, ask for and sort by are mapped.
func TestKibana(t *testing.T) {
	t.Parallel()
	r := generate(t, "--logs", "elk")
	var template struct {
		Template struct{ Mappings mapping }
	}
	if err := json.Unmarshal([]byte(readFile(t, r.path("deploy/elasticsearch/index-template.json"))), &template); err != nil {
		t.Fatal(err)
	}
	for _, search := range r.savedSearches() {
		asked := regexp.MustCompile(`^(?:_exists_:)?([\w.]+)`).FindStringSubmatch(search.query)
		if asked == nil {
			t.Errorf("%s asks for no field", search.id)
			continue
		}
		fields := append(search.columns, asked[1])
		for _, by := range search.sort {
			fields = append(fields, by[0])
		}
		for _, field := range fields {
			at := template.Template.Mappings
			for _, part := range strings.Split(field, ".") {
				at = at.Properties[part]
			}
			if at.Type == "" {
				t.Errorf("%s asks for %s, which is not mapped", search.id, field)
			}
		}
	}
}

// answers runs each saved search on what the node holds. It must find some of it, though not all, and in that each of its columns.
func (n *searchNode) answers(t *testing.T, searches []savedSearch, documents int) {
	t.Helper()
	for _, search := range searches {
		body, _ := json.Marshal(map[string]any{
			"query":            map[string]any{"query_string": map[string]any{"query": search.query, "analyze_wildcard": true}},
			"sort":             search.sorting(),
			"fields":           search.columns,
			"track_total_hits": true,
		})
		text, err := n.ask("GET", "/"+n.index+"/_search", string(body))
		var found struct {
			Hits struct {
				Total struct{ Value int }
				Hits  []struct{ Fields map[string][]any }
			}
		}
		if err := errors.Join(err, json.Unmarshal([]byte(text), &found)); err != nil {
			t.Errorf("%s: %v", search.id, err)
			continue
		}
		if count := found.Hits.Total.Value; count == 0 || count == documents {
			t.Errorf("%s finds %d documents of %d", search.id, count, documents)
		}
		for _, column := range search.columns {
			if !slices.ContainsFunc(found.Hits.Hits, func(hit struct{ Fields map[string][]any }) bool { return len(hit.Fields[column]) > 0 }) {
				t.Errorf("%s shows nothing as %s", search.id, column)
			}
		}
	}
}

func (s savedSearch) sorting() (by []map[string]string) {
	for _, field := range s.sort {
		by = append(by, map[string]string{field[0]: field[1]})
	}
	return by
}

// troubled returns what the service logs while all is well, and while somebody else has locked its database, so that a request
// takes long, and fails.
func (r *repository) troubled() (lines string) {
	r.t.Helper()
	r.make("setup", "migrate")
	s := r.serve("/readyz")
	s.expect("create", s.postJSON("/api/notes", `{"title": "Milk"}`), 201)
	shell := r.command(r.t.Context(), "sqlite3", "-bail", "data/shop.sqlite3")
	input, err := shell.StdinPipe()
	if err != nil {
		r.t.Fatal(err)
	}
	output, err := shell.StdoutPipe()
	if err := errors.Join(err, shell.Start()); err != nil {
		r.t.Fatal(err)
	}
	_, err = io.WriteString(input, "BEGIN IMMEDIATE;\nSELECT 1;\n")
	if _, unread := output.Read(make([]byte, 2)); errors.Join(err, unread) != nil {
		r.t.Fatal(err, unread)
	}
	s.expect("create in a locked database", s.postJSON("/api/notes", `{"title": "Bread"}`), 500)
	if err := errors.Join(input.Close(), shell.Wait()); err != nil {
		r.t.Error(err)
	}
	s.stop(s.pid, syscall.SIGTERM)
	for line := range strings.Lines(s.output.String()) {
		if !strings.HasPrefix(line, "{") {
			continue
		}
		if lines += line; len(line) > 16<<10 {
			r.t.Errorf("Docker cuts a line of %d bytes, so that it is no JSON", len(line))
		}
	}
	return lines
}
