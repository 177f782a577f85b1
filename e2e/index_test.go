package e2e

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// TestPrivateIndex installs with each tool, and builds the image with a driver that has to be compiled, from an index that asks for
// credentials. They come from a netrc file and end up nowhere.
func TestPrivateIndex(t *testing.T) {
	t.Parallel()
	for _, tool := range depsTools {
		t.Run(tool, func(t *testing.T) {
			t.Parallel()
			index := newPrivateIndex(t)
			netrc := filepath.Join(t.TempDir(), "netrc")
			writeFile(t, netrc, "machine 127.0.0.1 login reader password "+passwordMark+"\n")
			name := fmt.Sprintf("e2e%d-%s", os.Getpid(), tool)
			r := generateIn(t, []string{"NETRC=" + netrc}, tool, "--framework", "django", "--database", "mysql", "--name", name, "--package", "shop", "--index-url", index.address)
			r.make("setup")
			r.make("lock-check")
			index.hasServed(t, 40)
			if status := r.run("git", "status", "--porcelain"); status != "" {
				t.Errorf("the setup changed %s", status)
			}
			r.noPasswordLeft()

			t.Cleanup(func() { r.run("docker", "image", "rm", "--force", name) })
			// As make image does, but with the network of this machine, where the index is
			r.run("docker", "build", "--quiet", "--network", "host", "--no-cache-filter", "dependencies", "--secret", "id=netrc,src="+netrc, "--tag", name, ".")
			index.hasServed(t, 10)
			r.imageIsBare(name)
			if r.layersHold(name, passwordMark) {
				t.Error("a layer of the image holds the password")
			}
		})
	}
}

// imageIsBare expects the driver in the image, and nothing of what made it.
func (r *repository) imageIsBare(image string) {
	r.t.Helper()
	inside := func(script string) string {
		return strings.TrimSpace(r.run("docker", "run", "--rm", "--network", "none", image, "sh", "-c", script))
	}
	if version := inside("python -c 'import MySQLdb; print(MySQLdb.get_client_info())'"); version == "" {
		r.t.Error("the driver does not load")
	}
	if left := inside("command -v gcc cc make pip pip3 pipenv poetry uv git pytest mypy ruff bandit mysql_config; true"); left != "" {
		r.t.Errorf("left in the image:\n%s", left)
	}
	if left := inside("ls -d /root/.cache /root/.netrc /app/.venv/lib/python*/site-packages/pip /tmp/* 2>/dev/null; dpkg -l | grep -- '-dev '; true"); left != "" {
		r.t.Errorf("left in the image:\n%s", left)
	}
}

// privateIndex is an index on loopback that asks for credentials. It has what the machine's own index has: it passes pages and
// files on.
type privateIndex struct {
	address string

	lock  sync.Mutex
	files map[string]bool // that were asked for
}

const pageType = "application/vnd.pypi.simple.v1+json"

func newPrivateIndex(t *testing.T) *privateIndex {
	t.Helper()
	index := &privateIndex{files: map[string]bool{}}
	server := httptest.NewServer(index)
	t.Cleanup(server.Close)
	index.address = server.URL + "/simple"
	return index
}

func (i *privateIndex) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	user, password, _ := request.BasicAuth()
	if user != "reader" || password != passwordMark {
		w.Header().Set("WWW-Authenticate", `Basic realm="packages"`)
		http.Error(w, "who are you?", http.StatusUnauthorized)
		return
	}
	if rest, found := strings.CutPrefix(request.URL.Path, "/files/"); found {
		i.file(w, request, rest)
		return
	}
	name, found := strings.CutPrefix(request.URL.Path, "/simple/")
	if !found {
		http.NotFound(w, request)
		return
	}
	page, status, err := i.page(request, strings.Trim(name, "/"))
	if err != nil {
		http.Error(w, err.Error(), status)
		return
	}
	w.Header().Set("Content-Type", pageType)
	_, _ = w.Write(page)
}

// page is what the machine's index says of a package, with addresses of our own.
func (i *privateIndex) page(request *http.Request, name string) ([]byte, int, error) {
	response, status, err := fetch(request, machineIndex()+"/"+name+"/", pageType)
	if err != nil {
		return nil, status, err
	}
	defer response.Body.Close()
	var page map[string]any
	if err := json.NewDecoder(response.Body).Decode(&page); err != nil {
		return nil, http.StatusBadGateway, err
	}
	files, _ := page["files"].([]any)
	for _, file := range files {
		file := file.(map[string]any)
		delete(file, "upload-time") // many indexes have none
		file["url"] = fmt.Sprintf("/files/%s/%s", base64.RawURLEncoding.EncodeToString([]byte(file["url"].(string))), file["filename"])
	}
	text, err := json.Marshal(page)
	return text, http.StatusInternalServerError, err
}

// file passes a file on, or its metadata, which stands beside it.
func (i *privateIndex) file(w http.ResponseWriter, request *http.Request, rest string) {
	encoded, name, _ := strings.Cut(rest, "/")
	address, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		http.NotFound(w, request)
		return
	}
	whole, metadata := strings.CutSuffix(name, ".metadata")
	if metadata {
		address = append(address, ".metadata"...)
	}
	i.lock.Lock()
	i.files[whole] = true
	i.lock.Unlock()
	response, status, err := fetch(request, string(address), "*/*")
	if err != nil {
		http.Error(w, err.Error(), status)
		return
	}
	defer response.Body.Close()
	for _, name := range []string{"Content-Length", "Content-Range", "Content-Type", "Accept-Ranges"} {
		if value := response.Header.Get(name); value != "" {
			w.Header().Set(name, value)
		}
	}
	w.WriteHeader(response.StatusCode)
	_, _ = io.Copy(w, response.Body)
}

// fetch asks the machine's index for what was asked of this one, and returns the status to answer with if it has no answer.
func fetch(request *http.Request, address, accept string) (*http.Response, int, error) {
	upstream, err := http.NewRequestWithContext(request.Context(), request.Method, address, nil)
	if err != nil {
		return nil, http.StatusInternalServerError, err
	}
	upstream.Header.Set("Accept", accept)
	if part := request.Header.Get("Range"); part != "" {
		upstream.Header.Set("Range", part)
	}
	response, err := http.DefaultClient.Do(upstream)
	if err != nil {
		return nil, http.StatusBadGateway, err
	}
	if response.StatusCode >= http.StatusBadRequest {
		_ = response.Body.Close()
		return nil, response.StatusCode, fmt.Errorf("%s: %s", address, response.Status)
	}
	return response, 0, nil
}

// hasServed expects that at least so many files were asked for since the last time.
func (i *privateIndex) hasServed(t *testing.T, least int) {
	t.Helper()
	i.lock.Lock()
	defer i.lock.Unlock()
	if len(i.files) < least {
		t.Errorf("only %d files were fetched from the index: %v", len(i.files), i.files)
	}
	clear(i.files)
}
