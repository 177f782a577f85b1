package main

import (
	"errors"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// kitout returns a command that runs this test binary as kitout, in a process group of its own.
func kitout(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	binary, err := os.Executable()
	must(t, err)
	command := exec.Command(binary)
	command.Args = append([]string{"kitout"}, args...) // testscript.Main goes by the name
	command.Env = append(os.Environ(), "HOME="+t.TempDir(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com")
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return command
}

// TestKill kills `kitout new` at random points: the folder is whole, or as it was. Only one that holds .git cannot be replaced
// in one step: there, another run takes back what a kill has left.
func TestKill(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	for _, test := range []struct {
		name    string
		kills   int
		git     bool
		prepare func(dir string) error
	}{
		{"absent", 30, false, func(string) error { return nil }},
		{"absent, with a commit", 10, true, func(string) error { return nil }},
		{"empty", 30, false, func(dir string) error { return os.Mkdir(dir, 0o755) }},
		{"empty, with a commit", 10, true, func(dir string) error { return os.Mkdir(dir, 0o755) }},
		{"only .git", 30, false, func(dir string) error { return os.MkdirAll(filepath.Join(dir, ".git"), 0o755) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			random := rand.New(rand.NewPCG(3, 4))
			fresh := func() string {
				dir := filepath.Join(t.TempDir(), "shop")
				must(t, test.prepare(dir))
				return dir
			}
			run := func(dir string, more ...string) {
				if output, err := kitout(t, append(arguments(dir, test.git), more...)...).CombinedOutput(); err != nil {
					t.Fatalf("%v\n%s", err, output)
				}
			}
			dir := fresh()
			before := modes(t, dir, false)
			start := time.Now()
			run(dir)
			took, whole := time.Since(start), modes(t, dir, test.git)
			untouched, complete, partial := 0, 0, 0
			for i := range test.kills {
				dir := fresh()
				killAfter(t, time.Duration(random.Int64N(int64(took)*5/4)), arguments(dir, test.git)...)
				found := modes(t, dir, false)
				switch {
				case maps.Equal(found, before):
					untouched++
					if i%5 > 0 {
						continue
					}
					run(dir) // nothing that the kill left is in the way
				case maps.Equal(found, whole):
					complete++
				case before["/.git"] != 0:
					partial++
					run(dir)
				}
				if diff := cmp.Diff(whole, modes(t, dir, test.git)); diff != "" {
					t.Errorf("(-whole +found)\n%s", diff)
				}
			}
			t.Logf("%d kills left the folder as it was, %d whole, %d on the way", untouched, complete, partial)
			if untouched == 0 {
				t.Error("no kill came in time")
			}
		})
	}
}

// killAfter runs kitout and kills it, and the git that it runs, when the time is up.
func killAfter(t *testing.T, wait time.Duration, args ...string) {
	t.Helper()
	command := kitout(t, args...)
	must(t, command.Start())
	timer := time.AfterFunc(wait, func() { _ = syscall.Kill(-command.Process.Pid, syscall.SIGKILL) })
	_ = command.Wait()
	timer.Stop()
	_ = syscall.Kill(-command.Process.Pid, syscall.SIGKILL) // git, where it outlived kitout
}

func arguments(dir string, git bool) []string {
	args := []string{"new", dir, "--yes"}
	if !git {
		args = append(args, "--no-git")
	}
	return args
}

// modes are the modes of everything in a folder, but of what a kill may leave; of git's own files, only the head counts.
func modes(t *testing.T, dir string, committed bool) map[string]fs.FileMode {
	t.Helper()
	found := map[string]fs.FileMode{}
	if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
		return found
	}
	must(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		must(t, err)
		if path == filepath.Join(dir, ".kitout", "undo") {
			return fs.SkipDir
		}
		info, err := entry.Info()
		must(t, err)
		found[path[len(dir):]] = info.Mode()
		if entry.Name() == ".git" {
			if committed {
				_, err := os.Stat(filepath.Join(path, "refs/heads/main"))
				must(t, err)
			}
			return fs.SkipDir
		}
		temporary := strings.HasPrefix(entry.Name(), ".kitout-")
		if info.Mode().IsRegular() && info.Size() == 0 && entry.Name() != "__init__.py" && entry.Name() != ".gitkeep" && !temporary {
			t.Errorf("%s is empty", path)
		}
		return nil
	}))
	return found
}
