package e2e

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// repository is one generated repository and the environment in which its commands run.
type repository struct {
	t   testing.TB
	dir string
	env []string
}

// generate writes a repository whose package is shop, with its first commit.
func generate(t testing.TB, flags ...string) *repository {
	t.Helper()
	r := &repository{t: t, dir: filepath.Join(t.TempDir(), "shop"), env: environment()}
	r.render(flags...)
	if !slices.Contains(flags, "--no-git") {
		r.commitsAll()
	}
	return r
}

// commitsAll expects that git has nothing to add.
func (r *repository) commitsAll() {
	r.t.Helper()
	if status := r.run("git", "status", "--porcelain"); status != "" {
		r.t.Errorf("not all is committed:\n%s", status)
	}
}

// render runs kitout new on the repository's folder.
func (r *repository) render(flags ...string) {
	r.t.Helper()
	cmd := exec.Command(kitout, append([]string{"new", r.dir, "--yes"}, flags...)...)
	cmd.Env = r.env
	if output, err := cmd.CombinedOutput(); err != nil {
		r.t.Fatalf("%s: %v\n%s", cmd, err, output)
	}
}

// environment is the test's own, without what could leak into a generated service, and with a name to commit under.
func environment() []string {
	env := []string{
		"GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_NAME=e2e", "GIT_AUTHOR_EMAIL=e2e@example.com",
		"GIT_COMMITTER_NAME=e2e", "GIT_COMMITTER_EMAIL=e2e@example.com",
		"COMPOSE_ANSI=never", "COMPOSE_PROGRESS=plain",
		// Whenever the tests run, it is not the time of the daily backup, which would be newer than what they restore
		"BACKUP_TIME=" + time.Now().UTC().Add(12*time.Hour).Format("15:04"),
	}
	for _, pair := range os.Environ() {
		switch name, _, _ := strings.Cut(pair, "="); name {
		case "DATABASE_URL", "SECRET_KEY", "ENVIRONMENT", "PORT", "MAKEFLAGS", "MFLAGS", "VIRTUAL_ENV", "AWS_CA_BUNDLE", "CI":
		default:
			env = append(env, pair)
		}
	}
	return env
}

// with is the repository with more in its environment, given as NAME=VALUE.
func (r *repository) with(pairs ...string) *repository {
	return &repository{t: r.t, dir: r.dir, env: append(slices.Clip(r.env), pairs...)}
}

// getenv is a variable in the environment of the repository's commands; the last one counts.
func (r *repository) getenv(name string) (value string) {
	for _, pair := range r.env {
		if found, ok := strings.CutPrefix(pair, name+"="); ok {
			value = found
		}
	}
	return value
}

func (r *repository) path(name string) string { return filepath.Join(r.dir, name) }

// configure sets a variable in .env.
func (r *repository) configure(name, value string) {
	r.t.Helper()
	text := regexp.MustCompile(`(?m)^`+name+`=.*\n`).ReplaceAllString(readFile(r.t, r.path(".env")), "")
	writeFile(r.t, r.path(".env"), text+name+"="+value+"\n")
}

// configured is the value of a variable in .env, "" if it is not there.
func (r *repository) configured(name string) string {
	r.t.Helper()
	if found := regexp.MustCompile(`(?m)^` + name + `=(.*)$`).FindStringSubmatch(readFile(r.t, r.path(".env"))); found != nil {
		return found[1]
	}
	return ""
}

// command prepares a program in the repository. It leads a process group, which ends with the context as a whole.
func (r *repository) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = r.dir, r.env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Minute
	return cmd
}

// try runs a program and returns what it printed, in which neither the database's password may be nor a private key.
func (r *repository) try(name string, args ...string) (string, error) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.t.Context()), 10*time.Minute)
	defer cancel()
	var output bytes.Buffer
	cmd := r.command(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = &output, &output
	err := cmd.Run()
	if strings.Contains(output.String(), passwordMark) {
		r.t.Errorf("%s printed the password:\n%s", cmd, tail(output.String()))
	}
	if privateKey.MatchString(output.String()) {
		r.t.Errorf("%s printed a private key", cmd)
	}
	return output.String(), err
}

// run runs a program that must succeed, and returns what it printed.
func (r *repository) run(name string, args ...string) string {
	r.t.Helper()
	output, err := r.try(name, args...)
	if err != nil {
		r.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, tail(output))
	}
	return output
}

// fails runs a program that must fail, and say why.
func (r *repository) fails(why, name string, args ...string) {
	r.t.Helper()
	output, err := r.try(name, args...)
	if err == nil || !strings.Contains(output, why) {
		r.t.Errorf("%s %s: %v, and %q is not in\n%s", name, strings.Join(args, " "), err, why, tail(output))
	}
}

// make runs targets of the Makefile, which must succeed, and says how long they took.
func (r *repository) make(targets ...string) string {
	r.t.Helper()
	start := time.Now()
	output := r.run("make", targets...)
	r.t.Logf("%5.1f s  make %s", time.Since(start).Seconds(), strings.Join(targets, " "))
	return output
}
