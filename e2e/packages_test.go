package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// TestWheel packs the command as a release does, installs the wheel where nothing can be downloaded, and writes a repository with it.
func TestWheel(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the wheel's platform is this machine's")
	}
	folder := t.TempDir()
	run := func(name string, args ...string) string {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Dir = folder
		cmd.Env = append(os.Environ(), "SOURCE_DATE_EPOCH=315532800")
		output, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, tail(string(output)))
		}
		return string(output)
	}
	// What goreleaser says of its binaries, as far as it is read
	for file, content := range map[string]any{
		"metadata.json":  map[string]string{"version": "1.2.0-rc.1"},
		"artifacts.json": []map[string]string{{"type": "Binary", "path": kitout, "goos": "linux", "goarch": runtime.GOARCH}},
	} {
		data, err := json.Marshal(content)
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(folder, "dist", file), string(data))
	}
	script, err := filepath.Abs("../packages/wheels.py")
	if err != nil {
		t.Fatal(err)
	}
	wheel := strings.TrimSpace(run(toolPath(t, "python"), script, "dist", "first"))
	again := strings.TrimSpace(run(toolPath(t, "python"), script, "dist", "second"))
	if !strings.HasPrefix(filepath.Base(wheel), "kitout-1.2.0rc1-py3-none-manylinux_2_17_") {
		t.Errorf("wheel %s", wheel)
	}
	if readFile(t, filepath.Join(folder, wheel)) != readFile(t, filepath.Join(folder, again)) {
		t.Error("the same binary made two different wheels")
	}
	run(newestPython(), "-m", "venv", "environment")
	python := filepath.Join(folder, "environment", "bin", "python")
	run(python, "-m", "pip", "install", "--quiet", "--no-index", wheel)
	run(filepath.Join(folder, "environment", "bin", "kitout"), "new", "shop", "--yes", "--no-git")
	if _, err := os.Stat(filepath.Join(folder, "shop", "Makefile")); err != nil {
		t.Error(err)
	}
}

// TestImageOfTheCommand builds the container image as a release does, and runs the line that its Dockerfile begins with.
func TestImageOfTheCommand(t *testing.T) {
	t.Parallel()
	platform := "linux/" + runtime.GOARCH
	r := &repository{t: t, dir: t.TempDir(), env: environment()}
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	r.run("install", "-D", kitout, platform+"/kitout")
	image := fmt.Sprintf("kitout-e2e-command-%d", os.Getpid())
	dockerfile := filepath.Join(root, "packages", "Dockerfile")
	r.run("docker", "build", "--quiet", "--platform", platform, "--file", dockerfile, "--tag", image, ".")
	t.Cleanup(func() { r.run("docker", "image", "rm", image) })

	line, _, _ := strings.Cut(strings.TrimPrefix(readFile(t, dockerfile), "# "), "\n")
	command := strings.Replace(line, "ghcr.io/kitout/kitout", image, 1)
	if command == line {
		t.Fatalf("the Dockerfile does not say how the image is used: %s", line)
	}
	r.run("bash", "-c", command)
	makefile, err := os.Stat(r.path("shop/Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	if owner := makefile.Sys().(*syscall.Stat_t).Uid; int(owner) != os.Getuid() {
		t.Errorf("the repository belongs to %d", owner)
	}
}
