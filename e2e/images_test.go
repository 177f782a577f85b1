package e2e

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// imageKeepsPromises looks into the running container of the application, and through the layers of its image.
func (r *repository) imageKeepsPromises(image string) {
	r.t.Helper()
	inside := func(script string) (string, error) {
		output, err := r.try("docker", "compose", "exec", "--no-TTY", "app", "sh", "-c", script)
		return strings.TrimSpace(output), err
	}
	for _, test := range []struct{ what, script, want string }{
		{"the user", "id -u", "10001"},
		{"the effective capabilities", "sed -n 's/^CapEff:[[:space:]]*//p' /proc/1/status", "0000000000000000"},
		{"the bounding capabilities", "sed -n 's/^CapBnd:[[:space:]]*//p' /proc/1/status", "0000000000000000"},
		{"no_new_privs", "sed -n 's/^NoNewPrivs:[[:space:]]*//p' /proc/1/status", "1"},
		{"process 1", "tr '\\0' ' ' </proc/1/cmdline | grep -c gunicorn", "1"},
		{"what can be written",
			"for folder in / /app /app/shop /app/.venv /etc /var; do touch $folder/x 2>/dev/null && echo $folder; done; true", ""},
		{"what must be writable",
			"for folder in /tmp /app/media; do touch $folder/x && rm $folder/x && echo $folder; done", "/tmp\n/app/media"},
		{"code of another owner than root", "find /app -xdev ! -user root ! -path '/app/media*' ! -path '/app/data*'", ""},
		{"programs that only a build or a developer needs", "command -v gcc cc make pip pip3 uv git pytest mypy ruff bandit; true", ""},
		{"the installer", "python -c 'import importlib.util; print(importlib.util.find_spec(\"pip\"))'", "None"},
		{"files that the service does not need",
			"ls -A /app | grep -Ex '\\.env|\\.git|\\.github|tests|docs|Dockerfile|compose.*|Makefile|.*\\.md'; true", ""},
	} {
		if output, err := inside(test.script); err != nil || output != test.want {
			r.t.Errorf("%s in the container: %q (%v), want %q", test.what, output, err, test.want)
		}
	}
	terms := r.run("docker", "inspect", "--format", "{{.Config.User}} {{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}}",
		strings.TrimSpace(r.compose("ps", "--quiet", "app")))
	if strings.TrimSpace(terms) != "10001:10001 true [ALL]" {
		r.t.Errorf("the container of the application runs under the terms %s", terms)
	}
	r.imagesHoldNoSecrets(image)
}

// imagesHoldNoSecrets looks for the secrets in the history and the layers of the images, and in what Docker tells of the
// containers.
func (r *repository) imagesHoldNoSecrets(image string) {
	r.t.Helper()
	files, err := filepath.Glob(r.path("secrets/*"))
	if err != nil {
		r.t.Fatal(err)
	}
	var secrets []string
	for _, file := range files {
		if filepath.Base(file) == ".gitignore" {
			continue
		}
		if secret := readFile(r.t, file); secret != "" {
			secrets = append(secrets, secret)
		}
	}
	if len(secrets) == 0 {
		r.t.Fatal("there are no secrets")
	}
	for name, told := range map[string]string{"docker inspect": r.inspect("{{json .}}"), "docker compose config": r.compose("config")} {
		for _, secret := range secrets {
			if strings.Contains(told, secret) {
				r.t.Errorf("%s shows a secret", name)
			}
		}
	}
	history := r.run("docker", "history", "--no-trunc", "--format", "{{.CreatedBy}}", image)
	for _, secret := range secrets {
		if strings.Contains(history, secret) {
			r.t.Error("the image's history holds a secret")
		}
	}
	if !r.layersHold(image, "class JsonFormatter") {
		r.t.Error("the code is not found in the layers: neither would a secret be")
	}
	for _, name := range strings.Fields(r.compose("config", "--images")) {
		if strings.HasPrefix(name, image) && r.layersHold(name, secrets...) {
			r.t.Errorf("a layer of %s holds a secret", name)
		}
	}
}

// layersHold says whether one of the texts is in a layer of an image.
func (r *repository) layersHold(image string, texts ...string) bool {
	r.t.Helper()
	found := false
	r.stream(func(layers io.Reader) (err error) {
		found, err = holds(layers, texts)
		return err
	}, "docker", "save", image)
	return found
}

// stream runs a program that must succeed, and reads what it prints meanwhile.
func (r *repository) stream(read func(io.Reader) error, name string, args ...string) {
	r.t.Helper()
	command := r.command(r.t.Context(), name, args...)
	output, err := command.StdoutPipe()
	if err != nil {
		r.t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		r.t.Fatal(err)
	}
	if err := errors.Join(read(output), command.Wait()); err != nil {
		r.t.Fatalf("%s: %v", command, err)
	}
}

// holds reads all of a stream, piece by piece, and says whether one of the texts is in it.
func holds(stream io.Reader, texts []string) (bool, error) {
	const overlap = 256 // more than a text has, which may begin in one piece and end in the next
	buffer := make([]byte, overlap+1<<20)
	found := false
	for kept := 0; ; {
		n, err := io.ReadFull(stream, buffer[kept:])
		window := buffer[:kept+n]
		for _, text := range texts {
			found = found || bytes.Contains(window, []byte(text))
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return found, nil
		case err != nil:
			return found, err
		}
		kept = copy(buffer, window[len(window)-overlap:])
	}
}

// reloads changes the code outside the container and waits for the answer of the new code.
func (r *repository) reloads(c *client) {
	r.t.Helper()
	file := r.path("shop/liveness.py")
	code := readFile(r.t, file)
	changed := strings.Replace(code, `"ok"`, `"reloaded"`, 1)
	if changed == code {
		r.t.Fatal("shop/liveness.py has no status to change")
	}
	// In place: the folder is mounted
	if err := os.WriteFile(file, []byte(changed), 0o644); err != nil {
		r.t.Fatal(err)
	}
	err := await(func() error {
		a, err := c.try("GET", "/livez", "")
		if err == nil && (a.status != http.StatusOK || !strings.Contains(a.body, "reloaded")) {
			err = fmt.Errorf("%d: %s", a.status, a.body)
		}
		return err
	})
	if err != nil {
		r.t.Errorf("the code was not reloaded: %v", err)
	}
}

// buildsTheSame builds the image twice without a cache: every file must have the same bytes, mode and owner.
func (r *repository) buildsTheSame(image string) {
	r.t.Helper()
	var trees [2]map[string]string
	for i := range trees {
		tag := fmt.Sprintf("%s-again%d", image, i)
		r.run("docker", "build", "--quiet", "--no-cache", "--target", "app", "--tag", tag, ".")
		trees[i] = r.tree(tag)
		r.run("docker", "image", "rm", tag)
	}
	if len(trees[0]) < 1000 {
		r.t.Errorf("the image has only %d files", len(trees[0]))
	}
	for name, first := range trees[0] {
		if second := trees[1][name]; second != first {
			r.t.Errorf("%s is %q and then %q", name, first, second)
		}
	}
	if len(trees[0]) != len(trees[1]) {
		r.t.Errorf("%d files and then %d", len(trees[0]), len(trees[1]))
	}
}

// tree lists everything in an image.
func (r *repository) tree(image string) map[string]string {
	r.t.Helper()
	container := strings.TrimSpace(r.run("docker", "create", image))
	defer r.run("docker", "rm", container)
	files := map[string]string{}
	r.stream(func(output io.Reader) error {
		archive := tar.NewReader(output)
		for {
			header, err := archive.Next()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			sum := sha256.New()
			if _, err := io.Copy(sum, archive); err != nil {
				return err
			}
			files[header.Name] = fmt.Sprintf("%v %d:%d %s %x", header.FileInfo().Mode(), header.Uid, header.Gid, header.Linkname, sum.Sum(nil))
		}
	}, "docker", "export", container)
	return files
}
