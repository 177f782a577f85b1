package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// withoutNetwork lets a command start in a network namespace of its own, which has no interface that is up: not even loopback.
func withoutNetwork(command *exec.Cmd) {
	command.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: os.Getuid(), HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: os.Getgid(), HostID: os.Getgid(), Size: 1}},
	}
}

// TestNoNetwork runs every command where there is a network and where there is none, and wants the same of both: exit code, output and files.
func TestNoNetwork(t *testing.T) {
	look := exec.Command("cat", "/proc/net/dev")
	withoutNetwork(look)
	devices, err := look.Output()
	switch {
	case errors.Is(err, os.ErrPermission) && os.Getenv("CI") == "":
		t.Skip("this kernel lets nobody make a network namespace; in CI that is a failure")
	case err != nil:
		t.Fatal(err)
	case strings.Count(string(devices), ":") > 1:
		t.Fatalf("the namespace has more than loopback:\n%s", devices)
	}
	here, err := os.MkdirTemp("", "kitout-network") // the same path for both: a failure names it
	must(t, err)
	defer func() { _ = os.RemoveAll(here) }()
	binary, err := os.Executable()
	must(t, err)
	lines := networkLines(t)
	var told [2]map[string]string
	for i := range told {
		must(t, os.RemoveAll(here))
		must(t, os.MkdirAll(filepath.Join(here, "bare"), 0o755))
		must(t, os.WriteFile(filepath.Join(here, "bare", "app.py"), []byte("import flask\n\napp = flask.Flask(__name__)\n"), 0o644))
		must(t, os.WriteFile(filepath.Join(here, "bare", "requirements.txt"), []byte("flask\n"), 0o644))
		told[i] = map[string]string{}
		for _, line := range lines {
			command := exec.Command(binary)
			command.Args = append([]string{"kitout"}, strings.Fields(line)...) // testscript.Main goes by the name
			command.Dir = here
			command.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_DATE=2026-01-01T00:00:00Z")
			if i == 1 {
				withoutNetwork(command)
			}
			output, err := command.CombinedOutput()
			if exit, is := errors.AsType[*exec.ExitError](err); err != nil && !is {
				t.Fatalf("%s: %v", line, err)
			} else if is && exit.ExitCode() == -1 {
				t.Fatalf("%s: %v", line, exit)
			}
			told[i][line] = command.ProcessState.String() + "\n" + string(output)
		}
		told[i]["files"] = filesIn(t, here)
	}
	for name, with := range told[0] {
		if diff := cmp.Diff(with, told[1][name]); diff != "" {
			t.Errorf("%s: without a network (+) it is not the same:\n%s", name, diff)
		}
	}
}

// networkLines is a command line for every command, in an order in which each has something to do.
func networkLines(t *testing.T) []string {
	t.Helper()
	lines := []string{
		"new shop --yes", "new pipenv --deps pipenv --index-url https://packages.example.com/simple --no-git --yes", "new refused --database nothing",
		"add --all --dir bare --yes", "check shop", "check --rules", "status shop", "diff shop", "diff shop --update", "explain Makefile shop", "explain postgres",
		"replay shop", "update shop --ci gitlab --yes", "undo shop --yes", "options", "presets", "version --json", "completion bash", "help new", "man manuals",
		"layer new ci/own own", "layer check own", "layer copy base/files/Makefile.tmpl mine",
	}
	for _, command := range allCommands(wholeRoot()) {
		path := strings.TrimPrefix(command.CommandPath(), "kitout ")
		if !command.HasAvailableSubCommands() && path != "serve" && // serve is a server: its own tests say where it listens
			!slices.ContainsFunc(lines, func(line string) bool { return line == path || strings.HasPrefix(line, path+" ") }) {
			t.Errorf("kitout %s is missing in the test", path)
		}
	}
	return lines
}

// filesIn is the text of all files in a folder but secrets, and what git has packed.
func filesIn(t *testing.T, folder string) string {
	t.Helper()
	var all strings.Builder
	must(t, filepath.WalkDir(folder, func(name string, entry os.DirEntry, err error) error {
		must(t, err)
		switch {
		case entry.IsDir() && entry.Name() == ".git":
			return filepath.SkipDir
		case entry.IsDir() || strings.HasSuffix(entry.Name(), ".env") || strings.Contains(name, "/undo/"):
			return nil
		}
		data, err := os.ReadFile(name)
		must(t, err)
		all.WriteString("-- " + strings.TrimPrefix(name, folder) + "\n")
		all.Write(data)
		return nil
	}))
	return all.String()
}
