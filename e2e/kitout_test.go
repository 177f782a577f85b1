package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var (
	frameworks = []string{"django", "flask", "fastapi"}
	databases  = []string{"sqlite", "postgres", "mysql"}
)

// kitout is the path of the command, built once from the checkout around this folder.
var kitout string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "kitout-e2e-*")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		// servers run as users of their own and need to pass through
		if err := os.Chmod(dir, 0o755); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		scratch, kitout = dir, filepath.Join(dir, "kitout")
		build := exec.Command("go", "build", "-o", kitout, "./cmd/kitout")
		build.Dir = ".."
		if output, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, output)
			return 1
		}
		defer stopServers()
		return m.Run()
	}())
}

// scratch is the folder of everything that a run leaves, removed at its end.
var scratch string

// repository is one generated repository and the environment in which its commands run.
type repository struct {
	t   *testing.T
	dir string
	env []string
}

// generate writes a repository named shop with the given flags.
func generate(t *testing.T, flags ...string) *repository {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "shop")
	args := append([]string{"new", dir, "--yes", "--no-git"}, flags...)
	if output, err := exec.Command(kitout, args...).CombinedOutput(); err != nil {
		t.Fatalf("kitout %s: %v\n%s", strings.Join(args, " "), err, output)
	}
	return &repository{t: t, dir: dir, env: environment()}
}

// environment is the test's own without what could leak into a generated service.
func environment() []string {
	var env []string
	for _, pair := range os.Environ() {
		switch name, _, _ := strings.Cut(pair, "="); name {
		case "DATABASE_URL", "SECRET_KEY", "ENVIRONMENT", "PORT", "MAKEFLAGS", "MFLAGS", "VIRTUAL_ENV", "AWS_CA_BUNDLE":
		default:
			env = append(env, pair)
		}
	}
	return env
}

func (r *repository) set(name, value string) { r.env = append(r.env, name+"="+value) }

// command prepares a program in the repository that ends with the test.
func (r *repository) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = r.dir
	cmd.Env = r.env
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

// run runs a program that must succeed, and returns what it printed.
func (r *repository) run(name string, args ...string) string {
	r.t.Helper()
	output, err := r.try(name, args...)
	if err != nil {
		r.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, output)
	}
	return output
}

// try runs a program and returns what it printed.
func (r *repository) try(name string, args ...string) (string, error) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 10*time.Minute)
	defer cancel()
	var output bytes.Buffer
	cmd := r.command(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = &output, &output
	err := cmd.Run()
	return output.String(), err
}

func (r *repository) make(targets ...string) string {
	r.t.Helper()
	start := time.Now()
	output := r.run("make", targets...)
	r.t.Logf("make %s: %.1f s", strings.Join(targets, " "), time.Since(start).Seconds())
	return output
}
