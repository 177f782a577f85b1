package e2e

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"mime/multipart"
	"regexp"
	"strings"
	"testing"
)

// useAPI uses the example's API as its users would, and as attackers would.
func (c *client) useAPI() {
	c.t.Helper()
	c.expect("unknown page of the API", c.get("/api/nowhere"), 404)
	c.expect("wrong method", c.do("DELETE", "/api/notes", ""), 405)
	created := c.expect("create", c.postJSON("/api/notes", `{"title": "Milk", "body": "two"}`), 201)
	_, path, found := strings.Cut(created.header.Get("Location"), "/api/notes/")
	if !found {
		c.t.Fatalf("create: Location is %q", created.header.Get("Location"))
	}
	c.expect("read", c.get("/api/notes/"+path), 200)
	for name, test := range map[string]struct {
		body     string
		statuses []int
	}{
		"duplicate":        {`{"title": "Milk"}`, []int{409}},
		"empty":            {`{"title": " "}`, []int{422}},
		"too long":         {`{"title": "` + strings.Repeat("x", 201) + `"}`, []int{422}},
		"a number":         {`{"title": 1}`, []int{422}},
		"a NUL byte":       {`{"title": "a\u0000b"}`, []int{400, 422}},
		"a lone surrogate": {`{"title": "a\ud800b"}`, []int{400, 422}},
		"malformed":        {`{"title": `, []int{400, 422}},
		"no object":        {`[1]`, []int{400, 422}},
		"not UTF-8":        {"{\"title\": \"\xff\"}", []int{400, 422}},
		"deep":             {strings.Repeat("[", 100_000), []int{400, 413, 422}},
	} {
		a := c.expect(name, c.postJSON("/api/notes", test.body), test.statuses...)
		var problem struct{ Error string }
		if err := json.Unmarshal([]byte(a.body), &problem); err != nil || problem.Error == "" {
			c.t.Errorf("%s: no error in %.200s", name, a.body)
		}
	}
	c.oversized()
	c.expect("no such note", c.get("/api/notes/00000000-0000-4000-8000-000000000000"), 404)
	c.expect("no note's name", c.get("/api/notes/%27%3B--"), 404, 422)
	c.expect("bad page", c.get("/api/notes?limit=-1"), 400, 422)
	if titles := c.titles(); len(titles) != 1 || titles[0] != "Milk" {
		c.t.Errorf("notes: %q", titles)
	}
}

// oversized sends more than MAX_BODY_BYTES, with and without saying so in advance.
func (c *client) oversized() {
	c.t.Helper()
	body := `{"title": "x", "body": "` + strings.Repeat("x", 5<<20) + `"}`
	c.expect("oversized", c.insist("/api/notes", body, "Content-Length", "5300000"), 413)
	chunk := "500000\r\n" + body[:5<<20] + "\r\n"
	refusals := []int{413}
	if c.streams {
		refusals = append(refusals, 502)
	}
	c.expect("oversized in chunks", c.insist("/api/notes", chunk+chunk+"0\r\n\r\n", "Transfer-Encoding", "chunked"), refusals...)
}

// titles are those of the notes that the API lists, all on one page.
func (c *client) titles() []string {
	c.t.Helper()
	list := c.expect("list", c.get("/api/notes?limit=100"), 200)
	var notes struct{ Notes []struct{ Title string } }
	if err := json.Unmarshal([]byte(list.body), &notes); err != nil {
		c.t.Fatalf("list: %v: %.600s", err, list.body)
	}
	var titles []string
	for _, note := range notes.Notes {
		titles = append(titles, note.Title)
	}
	return titles
}

var (
	csrfField  = regexp.MustCompile(`<input[^>]*name="([^"]*csrf[^"]*)"[^>]*value="([^"]+)"`)
	styleSheet = regexp.MustCompile(`href="(/static/[^"]+)"`)
	attachment = regexp.MustCompile(`/notes/[0-9a-f-]+/attachment`)
)

// find is the first group of a pattern that the page must have.
func (c *client) find(pattern *regexp.Regexp, page answer) []string {
	c.t.Helper()
	found := pattern.FindStringSubmatch(page.body)
	if found == nil {
		c.t.Fatalf("%v is not in the page:\n%.2000s", pattern, page.body)
	}
	return found
}

// useForm posts the page's form with its token and a file, without the token, and with what is not valid.
func (c *client) useForm() {
	c.t.Helper()
	page := c.expect("page", c.get("/"), 200)
	field := c.find(csrfField, page)
	cookie := strings.Join(page.header.Values("Set-Cookie"), "; ")
	if !strings.Contains(cookie, "HttpOnly") || !strings.Contains(strings.ToLower(cookie), "samesite=lax") {
		c.t.Errorf("page: cookie %q", cookie)
	}
	secure := strings.Contains(cookie, "; Secure") && (strings.HasPrefix(cookie, "__Host-") || strings.HasPrefix(cookie, "__Secure-"))
	if secure != c.hsts {
		c.t.Errorf("page: cookie %q, over HTTPS: %v", cookie, c.hsts)
	}
	c.expect("style sheet", c.get(c.find(styleSheet, page)[1]), 200)
	c.expect("no such file", c.get("/static/nothing.css"), 404)
	c.expect("wrong method on a page", c.do("PUT", "/", ""), 405)

	const content = "saved with the database\x00\xff"
	contentType, body := form(c.t, map[string]string{"title": "Bread <b>", "body": "one"}, content)
	c.expect("no token", c.post("/notes", contentType, body), 400, 403)
	contentType, body = form(c.t, map[string]string{"title": "", field[1]: field[2]}, "")
	c.expect("invalid form", c.post("/notes", contentType, body), 422)
	contentType, body = form(c.t, map[string]string{"title": "Bread <b>", "body": "one", field[1]: field[2]}, content)
	c.expect("form", c.post("/notes", contentType, body), 303)
	page = c.expect("page with notes", c.get("/"), 200)
	if strings.Contains(page.body, "Bread <b>") || !strings.Contains(page.body, "Bread &lt;b&gt;") {
		c.t.Errorf("page: the title is missing or not escaped\n%.2000s", page.body)
	}
	file := c.expect("attachment", c.get(c.find(attachment, page)[0]), 200)
	disposition, parameters, err := mime.ParseMediaType(file.header.Get("Content-Disposition"))
	name := parameters["filename"]
	if err != nil || disposition != "attachment" || !strings.HasSuffix(name, "html") || strings.ContainsAny(name, `/\`) {
		c.t.Errorf("attachment: Content-Disposition is %q", file.header.Get("Content-Disposition"))
	}
	if kind := file.header.Get("Content-Type"); file.body != content || kind != "application/octet-stream" {
		c.t.Errorf("attachment: %q of type %q", file.body, kind)
	}
}

// form encodes fields, and a file if it has content, under a name that is not to be trusted.
func form(t testing.TB, fields map[string]string, content string) (contentType, body string) {
	t.Helper()
	var out bytes.Buffer
	writer := multipart.NewWriter(&out)
	for name, value := range fields {
		if err := writer.WriteField(name, value); err != nil {
			t.Fatal(err)
		}
	}
	if content != "" {
		part, err := writer.CreateFormFile("attachment", `../e "vil".html`)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(part, content); err != nil {
			t.Fatal(err)
		}
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return writer.FormDataContentType(), out.String()
}
