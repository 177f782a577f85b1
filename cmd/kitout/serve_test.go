package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/kitout/kitout/cmd/internal/web"
)

// page is a server of the page for one test.
type page struct {
	t    *testing.T
	base string
	keys *web.Keys
}

func newPage(t *testing.T) page {
	t.Helper()
	tool, err := webTool(library{})
	must(t, err)
	keys := web.NewKeys()
	server := httptest.NewServer(web.Handler(tool, keys))
	t.Cleanup(server.Close)
	return page{t, server.URL, keys}
}

// send sends a request with the token and what a browser sends beside it; headers, in pairs, win, and an empty one is left out.
func (p page) send(method, path, body string, headers ...string) (status int, header http.Header, content string) {
	p.t.Helper()
	request, err := http.NewRequestWithContext(p.t.Context(), method, p.base+path, strings.NewReader(body))
	must(p.t, err)
	own := []string{"Authorization", "Bearer " + p.keys.Token(), "Content-Type", "application/json", "Origin", p.base, "Sec-Fetch-Site", "same-origin"}
	for pair := range slices.Chunk(slices.Concat(own, headers), 2) {
		switch {
		case pair[0] == "Host":
			request.Host = pair[1]
		case pair[1] == "":
			request.Header.Del(pair[0])
		default:
			request.Header.Set(pair[0], pair[1])
		}
	}
	response, err := http.DefaultClient.Do(request)
	must(p.t, err)
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	must(p.t, err)
	return response.StatusCode, response.Header, string(data)
}

// ask sends a request that must have a status, and reads the JSON of the answer.
func (p page) ask(status int, path string, body any, headers ...string) (answer struct {
	Token    string
	Answers  map[string][]string
	Command  string
	Sections []struct {
		Title string
		By    []string
	}
	Files []struct {
		Path, Difference string
		Executable       bool
	}
	Refused map[string]struct {
		By, Problem string
		Instead     []string
	}
	Warnings   []string
	By         string
	Problem    string
	Hint       string
	Instead    []string
	Difference string
	Origin     struct {
		Title   string
		Answers []string
		Edit    string
	}
	Lines   [][][2]string
	Changes []struct{ Kind, Text string }
},
) {
	p.t.Helper()
	data, is := body.(string)
	if !is {
		encoded, err := json.Marshal(body)
		must(p.t, err)
		data = string(encoded)
	}
	got, _, content := p.send("POST", "/api/"+path, data, headers...)
	if got != status {
		p.t.Fatalf("%s: status %d, want %d\n%.600s", path, got, status, content)
	}
	must(p.t, json.Unmarshal([]byte(content), &answer))
	return answer
}

type answersOf map[string][]string

func TestPageWantsAKey(t *testing.T) {
	p := newPage(t)
	for _, token := range []string{"", "Bearer", "Bearer " + p.keys.Ticket(), p.keys.Token(), "Bearer " + p.keys.Token() + "A"} {
		for _, path := range []string{"GET /api/offer", "POST /api/plan", "POST /api/file", "POST /api/archive"} {
			method, path, _ := strings.Cut(path, " ")
			if status, _, content := p.send(method, path, `{"answers":{},"format":"zip","path":"Makefile"}`, "Authorization", token); status != http.StatusUnauthorized || strings.Contains(content, "FROM") {
				t.Errorf("%s with %q: status %d", path, token, status)
			}
		}
	}
	p.ask(http.StatusForbidden, "session", map[string]string{"key": ""})
	p.ask(http.StatusForbidden, "session", map[string]string{"key": "AAAAAAAAAAAAAAAAAAAAAAAAAA"})
	ticket := map[string]string{"key": p.keys.Ticket()}
	for _, key := range []map[string]string{ticket, {"key": p.keys.Token()}, {"key": p.keys.Token()}} {
		if got := p.ask(http.StatusOK, "session", key, "Authorization", "").Token; got != p.keys.Token() {
			t.Errorf("%q for the key", got)
		}
	}
	p.ask(http.StatusForbidden, "session", ticket, "Authorization", "") // for the second time
	if web.NewKeys().Token() == p.keys.Token() || len(p.keys.Token()) < 26 {
		t.Error("keys can be guessed")
	}
}

func TestPageKnowsItsVisitors(t *testing.T) {
	p := newPage(t)
	_, port, err := net.SplitHostPort(strings.TrimPrefix(p.base, "http://"))
	must(t, err)
	const body = `{"answers":{"name":["shop"]}}`
	for _, test := range []struct {
		status  int
		headers []string
	}{
		{http.StatusOK, nil},
		{http.StatusOK, []string{"Host", "localhost:" + port, "Origin", "http://localhost:" + port}},
		{http.StatusOK, []string{"Origin", "", "Sec-Fetch-Site", ""}}, // no browser
		{http.StatusMisdirectedRequest, []string{"Host", "kitout.example:" + port}},
		{http.StatusMisdirectedRequest, []string{"Host", "localhost.example:" + port}},
		{http.StatusMisdirectedRequest, []string{"Host", "127.0.0.1:1"}},
		{http.StatusMisdirectedRequest, []string{"Host", "localhost"}},
		{http.StatusForbidden, []string{"Sec-Fetch-Site", "cross-site"}},
		{http.StatusForbidden, []string{"Sec-Fetch-Site", "same-site"}}, // another port of this machine
		{http.StatusForbidden, []string{"Sec-Fetch-Site", "", "Origin", "http://kitout.example"}},
		{http.StatusForbidden, []string{"Sec-Fetch-Site", "", "Origin", "http://127.0.0.1:1"}},
		{http.StatusForbidden, []string{"Sec-Fetch-Site", "", "Origin", "null"}},
	} {
		status, header, _ := p.send("POST", "/api/plan", body, test.headers...)
		if status != test.status {
			t.Errorf("%q: status %d, want %d", test.headers, status, test.status)
		}
		if header.Get("Access-Control-Allow-Origin") != "" || header.Get("Set-Cookie") != "" {
			t.Errorf("%q: %v", test.headers, header)
		}
	}
	if status, _, _ := p.send("GET", "/", "", "Host", "kitout.example:"+port); status != http.StatusMisdirectedRequest {
		t.Errorf("the page under another name: status %d", status)
	}
}

func TestPageServesItsOwnFilesAlone(t *testing.T) {
	p := newPage(t)
	for path, want := range map[string]struct {
		status int
		kind   string
	}{
		"/":                            {http.StatusOK, "text/html; charset=utf-8"},
		"/page.css":                    {http.StatusOK, "text/css; charset=utf-8"},
		"/page.js":                     {http.StatusOK, "text/javascript; charset=utf-8"},
		"/icon.svg":                    {http.StatusOK, "image/svg+xml"},
		"/web.go":                      {http.StatusNotFound, ""},
		"/assets/page.js":              {http.StatusNotFound, ""},
		"/etc/passwd":                  {http.StatusNotFound, ""},
		"/%2e%2e/%2e%2e/etc/passwd":    {http.StatusNotFound, ""},
		"/..%2f..%2f..%2fetc%2fpasswd": {http.StatusNotFound, ""},
		"/api/plan":                    {http.StatusNotFound, ""}, // as a file
	} {
		status, header, content := p.send("GET", path, "", "Authorization", "")
		if status != want.status || want.kind != "" && header.Get("Content-Type") != want.kind {
			t.Errorf("%s: status %d, %s", path, status, header.Get("Content-Type"))
		}
		for name, part := range map[string]string{
			"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self';", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
			"Referrer-Policy": "no-referrer", "Cross-Origin-Resource-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin",
		} {
			if got := header.Get(name); !strings.Contains(got, part) || strings.Contains(got, "unsafe") {
				t.Errorf("%s: header %s is %q", path, name, got)
			}
		}
		// nothing is loaded from elsewhere, and nothing stands in the markup that the policy would refuse
		for _, foreign := range []string{"https://", "http://", "//cdn", "style=", "onclick", "innerHTML"} {
			if text := strings.ReplaceAll(content, "http://www.w3.org/2000/svg", ""); status == http.StatusOK && strings.Contains(text, foreign) {
				t.Errorf("%s has %q in it", path, foreign)
			}
		}
	}
	if status, _, _ := p.send("PUT", "/page.js", "x"); status != http.StatusMethodNotAllowed {
		t.Errorf("PUT: status %d", status)
	}
}

func TestPageRefusesOtherBodies(t *testing.T) {
	p := newPage(t)
	p.ask(http.StatusUnsupportedMediaType, "plan", `{"answers":{}}`, "Content-Type", "text/plain")
	p.ask(http.StatusUnsupportedMediaType, "plan", `{"answers":{}}`, "Content-Type", "")
	p.ask(http.StatusBadRequest, "plan", `{"answers":`)
	p.ask(http.StatusBadRequest, "plan", `{"answers":{"database":"postgres"}}`)
	p.ask(http.StatusBadRequest, "plan", `{"folder":"/etc"}`)
	p.ask(http.StatusRequestEntityTooLarge, "plan", answersBody("name", strings.Repeat("a", 20<<10)))
	p.ask(http.StatusRequestEntityTooLarge, "session", map[string]string{"key": strings.Repeat("A", 20<<10)})
	for _, path := range []string{"", "/", ".", "..", "../../../etc/passwd", "/etc/passwd", ".env", "./Makefile", "scripts/../Makefile", "scripts", "Makefile\x00"} {
		p.ask(http.StatusNotFound, "file", map[string]any{"answers": answersOf{"name": {"shop"}}, "path": path})
	}
	p.ask(http.StatusNotFound, "archive", map[string]any{"answers": answersOf{"name": {"shop"}}, "format": "../x"})
	for key, values := range map[string][]string{
		"entry": {"shop:app"}, "source": {"/etc"}, "colour": {"red"}, "database": {"oracle"}, "deps": {"pip", "uv"}, "name": {"../shop"}, "package": {"json"},
		"index-url": {"https://user:word@packages.example.com/simple"}, "scan": {},
	} {
		answers := answersOf{"name": {"shop"}}
		answers[key] = values
		got := p.ask(http.StatusUnprocessableEntity, "plan", map[string]any{"answers": answers})
		if got.Problem == "" || got.By != key {
			t.Errorf("%s: %+v", key, got)
		}
	}
}

func answersBody(pairs ...string) map[string]any {
	answers := answersOf{"name": {"shop"}}
	for pair := range slices.Chunk(pairs, 2) {
		answers[pair[0]] = strings.Split(pair[1], ",")
	}
	return map[string]any{"answers": answers}
}

func TestPagePlan(t *testing.T) {
	p := newPage(t)
	plan := p.ask(http.StatusOK, "plan", answersBody("backup", "none", "domain", "shop.example.com"))
	if !strings.HasPrefix(plan.Command, "kitout new shop --name shop ") || !strings.Contains(plan.Command, " --domain shop.example.com ") || !strings.HasSuffix(plan.Command, " --backup none --yes") {
		t.Error(plan.Command)
	}
	if got := plan.Answers["package"]; !slices.Equal(got, []string{"shop"}) {
		t.Errorf("package %q", got)
	}
	for i, section := range plan.Sections {
		if (len(section.By) == 0) != (section.Title == "Recovery") {
			t.Errorf("section %d, %s: by %q", i+1, section.Title, section.By)
		}
	}
	if len(plan.Sections) != 9 || !slices.Contains(plan.Sections[4].By, "SQLite") {
		t.Errorf("%+v", plan.Sections)
	}
	for pair, by := range map[string]string{"server=uwsgi": "server=uwsgi", "deploy=kubernetes": "deploy=kubernetes", "secrets=kubernetes": "deploy=kubernetes"} {
		if got := plan.Refused[pair]; got.By != by || got.Problem == "" || len(got.Instead) == 0 {
			t.Errorf("%s: %+v", pair, got)
		}
	}
	if len(plan.Refused) != 3 {
		t.Errorf("refused: %+v", plan.Refused)
	}
	for _, file := range plan.Files {
		if file.Difference != "" || file.Path == ".env" {
			t.Errorf("%+v", file)
		}
	}
	refused := p.ask(http.StatusUnprocessableEntity, "plan", answersBody("framework", "fastapi", "server", "uwsgi"))
	if refused.By != "server=uwsgi" || !slices.Equal(refused.Instead, []string{"framework=django", "framework=flask"}) || len(refused.Refused) == 0 {
		t.Errorf("%+v", refused)
	}
	if got := p.ask(http.StatusOK, "plan", answersBody("deps", "uv")).Warnings; len(got) != 1 || !strings.HasPrefix(got[0], "uv.lock ") {
		t.Errorf("warnings of uv: %q", got)
	}
}

func TestPageDifference(t *testing.T) {
	p := newPage(t)
	body := answersBody("database", "postgres")
	body["before"] = answersOf{"name": {"shop"}}
	found := map[string]string{}
	for _, file := range p.ask(http.StatusOK, "plan", body).Files {
		found[file.Path] = file.Difference
	}
	for path, want := range map[string]string{"data/.gitignore": "removed", "deploy/postgres/application-role.sh": "added", "compose.yaml": "changed", ".gitignore": "", ".kitout/record.yaml": ""} {
		got, listed := found[path]
		if !listed || got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
		body["path"] = path
		file := p.ask(http.StatusOK, "file", body)
		if file.Difference != want || (len(file.Changes) > 0) != (want != "") {
			t.Errorf("%s: %s, %d lines of changes", path, file.Difference, len(file.Changes))
		}
		for i, line := range file.Changes {
			kind := map[byte]string{'+': "added", '-': "removed", '@': "place", ' ': ""}[(line.Text + " ")[0]]
			if line.Kind != kind || (i == 0) != strings.HasPrefix(line.Text, "@@") && i == 0 || want == "added" && kind == "removed" {
				t.Errorf("%s: %+v", path, line)
			}
		}
	}
	// the repository before may be refused alone
	body["before"] = answersOf{"name": {"shop"}, "server": {"uwsgi"}}
	p.ask(http.StatusUnprocessableEntity, "plan", body)
}

// TestPageFile reads every file as `kitout new` writes it, by its lines, and the words of `kitout explain` about it.
func TestPageFile(t *testing.T) {
	p := newPage(t)
	dir := filepath.Join(t.TempDir(), "shop")
	commandLine(t, exitDone, "new", dir, "--no-git", "--yes")
	c, err := openCheckout(dir, true, streams{})
	must(t, err)
	defer c.Close()
	classes, explainedOnce := map[string]bool{}, map[string]bool{}
	for path, written := range filesBelow(t, dir) {
		body := answersBody()
		body["path"] = path
		file := p.ask(http.StatusOK, "file", body)
		var text strings.Builder
		for _, line := range file.Lines {
			for _, piece := range line {
				classes[piece[0]] = true
				text.WriteString(piece[1])
			}
			text.WriteString("\n")
		}
		if want := strings.TrimSuffix(written.content, "\n"); strings.TrimSuffix(text.String(), "\n") != want {
			t.Errorf("%s is another text: %s", path, cmp.Diff(want, text.String()))
		}
		recorded := c.File(path)
		if recorded == nil || explainedOnce[recorded.Layer+string(recorded.Policy)] {
			continue // the record itself, or nothing new
		}
		explainedOnce[recorded.Layer+string(recorded.Policy)] = true
		explained, err := c.explainFile(recorded)
		must(t, err)
		if o := file.Origin; o.Title != explained.Title || o.Title == "" || o.Edit != explained.Edit || !slices.Equal(o.Answers, explained.Answers) {
			t.Errorf("%s: %+v, and explain says %+v", path, o, explained.Origin)
		}
	}
	for _, class := range []string{"", "comment", "string", "key", "word", "number", "name"} {
		if !classes[class] {
			t.Errorf("nothing is highlighted as %q", class)
		}
	}
}

// written is a file as it was written or packed.
type written struct {
	mode    fs.FileMode
	content string
}

// TestServeEnds starts the command and interrupts it: the exit code is 0, and the port is free.
func TestServeEnds(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	reader, writer := io.Pipe()
	var words bytes.Buffer
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"serve"}, streams{in: strings.NewReader(""), out: writer, err: &words})
	}()
	address := make([]byte, 1000)
	n, err := reader.Read(address)
	must(t, err)
	base, key, found := strings.Cut(strings.TrimSpace(string(address[:n])), "/#")
	if !found || !strings.HasPrefix(base, "http://127.0.0.1:") || len(key) < 26 {
		t.Fatalf("%q is no address", address[:n])
	}
	// a connection on which a browser says nothing: it does not keep the command
	connection, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
	must(t, err)
	defer connection.Close()
	response, err := http.Get(base + "/")
	must(t, err)
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("status %d", response.StatusCode)
	}
	interrupt()
	if code := <-ended; code != exitDone {
		t.Errorf("exit code %d\n%s", code, &words)
	}
	if strings.Contains(words.String(), key) {
		t.Error("the key is among the words")
	}
	if again, err := net.Dial("tcp", strings.TrimPrefix(base, "http://")); err == nil {
		again.Close()
		t.Error("the port is still served")
	}
}

func TestServePortInUse(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	must(t, err)
	_, words := commandLine(t, exitUsage, "serve", "--port", port)
	if !strings.HasPrefix(words, "error: --port: "+port+": ") || !strings.Contains(words, "in use") || !strings.Contains(words, "\nhint: choose another, or leave it out") {
		t.Error(words)
	}
}
