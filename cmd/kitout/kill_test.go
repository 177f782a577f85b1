package main

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
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

// TestKill kills `kitout new` at random points: the folder is whole or absent.
func TestKill(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	const kills = 60
	random := rand.New(rand.NewPCG(3, 4))
	whole, took := map[bool]map[string]fs.FileMode{}, map[bool]time.Duration{}
	for _, git := range []bool{false, true} {
		dir := filepath.Join(t.TempDir(), "shop")
		start := time.Now()
		output, err := kitout(t, arguments(dir, git)...).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, output)
		}
		took[git], whole[git] = time.Since(start), modes(t, dir)
	}
	absent, complete := 0, 0
	for i := range kills {
		git := i%4 == 3
		dir := filepath.Join(t.TempDir(), "shop")
		command := kitout(t, arguments(dir, git)...)
		must(t, command.Start())
		timer := time.AfterFunc(time.Duration(random.Int64N(int64(took[git]*5/4))), func() {
			_ = syscall.Kill(-command.Process.Pid, syscall.SIGKILL)
		})
		_ = command.Wait()
		timer.Stop()
		_ = syscall.Kill(-command.Process.Pid, syscall.SIGKILL) // git, where it outlived kitout
		if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
			absent++
			continue
		}
		complete++
		found := modes(t, dir)
		for name, mode := range whole[git] {
			if found[name] != mode {
				t.Errorf("kill %d: %s is %s, not %s", i, name, found[name], mode)
			}
		}
		if len(found) != len(whole[git]) {
			t.Errorf("kill %d: %d files, not %d", i, len(found), len(whole[git]))
		}
	}
	t.Logf("%d kills left no folder, %d a whole one", absent, complete)
	if absent == 0 {
		t.Error("no kill came in time")
	}
}

func arguments(dir string, git bool) []string {
	args := []string{"new", dir, "--yes"}
	if !git {
		args = append(args, "--no-git")
	}
	return args
}

// modes are the modes of everything in a folder; of git's own files, only the head counts.
func modes(t *testing.T, dir string) map[string]fs.FileMode {
	t.Helper()
	found := map[string]fs.FileMode{}
	must(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		must(t, err)
		info, err := entry.Info()
		must(t, err)
		found[path[len(dir):]] = info.Mode()
		if entry.Name() == ".git" {
			_, err := os.Stat(filepath.Join(path, "refs/heads/main"))
			must(t, err)
			return fs.SkipDir
		}
		if info.Mode().IsRegular() && info.Size() == 0 && filepath.Base(path) != "__init__.py" && filepath.Base(path) != ".gitkeep" {
			t.Errorf("%s is empty", path)
		}
		return nil
	}))
	return found
}
