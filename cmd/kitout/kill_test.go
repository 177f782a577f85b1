//go:build unix

package main

import (
	"errors"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/kitout/kitout/generator"
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

// TestKillInPlace kills runs that write into a folder that holds files, and ones that undo that, at random points. Every file is
// the old or the new one; and after what the next run does first, the whole folder, with the record, is as it was, or as it was
// to be. KITOUT_KILLS says how many there are of each command, KITOUT_SEED when.
func TestKillInPlace(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	kills, seed := number(t, "KITOUT_KILLS", 20), number(t, "KITOUT_SEED", int(time.Now().UnixNano()))
	t.Logf("KITOUT_KILLS=%d KITOUT_SEED=%d", kills, seed)
	for _, test := range []struct {
		name    string
		prepare func(t *testing.T, dir string)
		args    func(dir string) []string
		undo    bool
	}{
		{"apply", aged, func(dir string) []string {
			return []string{"new", dir, "--name", "shop", "--no-git", "--yes", "--on-conflict", "replace"}
		}, true},
		{"add", foreign, func(dir string) []string { return []string{"add", "--all", "--dir", dir, "--on-conflict", "merge"} }, false},
		{"update", edited, func(dir string) []string { return []string{"update", dir, "--database", "postgres", "--proxy", "none"} }, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			random := rand.New(rand.NewPCG(uint64(seed), 0))
			before := filepath.Join(t.TempDir(), "shop")
			test.prepare(t, before)
			after := filepath.Join(t.TempDir(), "shop")
			copyTree(t, before, after)
			runAll(t, test.args(after))
			recorded(t, after)
			killed(t, "kills of "+test.name, kills, random, before, [2]string{before, after}, test.args)
			if test.undo {
				undo := func(dir string) []string { return []string{"undo", dir, "--yes"} }
				killed(t, "kills of undo", kills, random, after, [2]string{before, after}, undo)
			}
		})
	}
}

// killed kills a command that leads from one of two trees to the other.
func killed(t *testing.T, what string, kills int, random *rand.Rand, from string, trees [2]string, args func(string) []string) {
	t.Helper()
	contents := func(dir string) map[string]string { return withoutSecrets(contents(t, dir)) }
	old, applied := contents(trees[0]), contents(trees[1])
	parent := t.TempDir()
	dir := filepath.Join(parent, "shop")
	copyTree(t, from, dir)
	took := runAll(t, args(dir))
	ends := map[string]int{}
	for i := range kills {
		must(t, os.RemoveAll(dir))
		copyTree(t, from, dir)
		killAfter(t, time.Duration(random.Int64N(int64(took)*5/4)), args(dir)...)
		for name, text := range contents(dir) {
			if temporary := strings.HasPrefix(filepath.Base(name), ".kitout-"); text != old[name] && text != applied[name] && !temporary {
				t.Errorf("kill %d: %s is neither the old nor the new one", i, name)
			}
		}
		folder, err := generator.OpenFolder(dir)
		must(t, err)
		words, err := generator.Recover(folder.Fs)
		must(t, errors.Join(err, folder.Close()))
		found := contents(dir)
		switch {
		case maps.Equal(found, old):
			ends["old"]++
		case maps.Equal(found, applied):
			ends["new"]++
		default:
			t.Errorf("kill %d: neither the old tree nor the new one\n%s", i, cmp.Diff(old, found))
		}
		if words != "" {
			ends["on the way"]++
		}
	}
	t.Logf("%d %s left the old tree, %d the new one; %d were on the way", ends["old"], what, ends["new"], ends["on the way"])
	if ends["on the way"] == 0 {
		t.Errorf("none of the %s came while it wrote", what)
	}
}

// secretValue is what a run draws anew.
var secretValue = regexp.MustCompile(`(?m)=.*$`)

// withoutSecrets leaves the names of the settings in files of secrets alone.
func withoutSecrets(tree map[string]string) map[string]string {
	for name, text := range tree {
		if base := filepath.Base(name); base == ".env" || base == "development.env" {
			tree[name] = secretValue.ReplaceAllString(text, "=")
		}
	}
	return tree
}

// recorded wants that the record agrees with the disk: it can be read, and every file in it is there, but for what the test has taken away.
func recorded(t *testing.T, dir string) {
	t.Helper()
	folder, err := generator.OpenFolder(dir)
	must(t, err)
	defer func() { must(t, folder.Close()) }()
	repository, err := generator.OpenRepository(folder.Fs)
	must(t, err)
	for _, file := range repository.Files {
		if file.State == generator.Missing && file.Path != goneFile {
			t.Errorf("%s is recorded, and not there", file.Path)
		}
	}
}

// runAll runs kitout to its end, and returns how long that took.
func runAll(t *testing.T, args []string) time.Duration {
	t.Helper()
	start := time.Now()
	if output, err := kitout(t, args...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	return time.Since(start)
}

// aged is a fresh repository that somebody has made another of.
func aged(t *testing.T, dir string) {
	t.Helper()
	runAll(t, []string{"new", dir, "--name", "shop", "--no-git", "--yes"})
	age(t, dir)
}

// foreign is an application with files of its own where kitout has some.
func foreign(t *testing.T, dir string) {
	t.Helper()
	copyTree(t, "../../testdata/repositories/flask-factory-postgres/repository", dir)
	for name, text := range ours {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
}

// goneFile is what the user of edited has deleted.
const goneFile = "README.md"

// edited is a fresh repository with changes of the user's.
func edited(t *testing.T, dir string) {
	t.Helper()
	runAll(t, []string{"new", dir, "--name", "shop", "--no-git", "--yes"})
	appendTo(t, dir, "Makefile", "\nmine:\n\techo mine\n")
	appendTo(t, dir, "deploy/nginx/nginx.conf", "# mine\n")
	must(t, os.Remove(filepath.Join(dir, goneFile)))
}

// number is what a variable of the environment says.
func number(t *testing.T, variable string, otherwise int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	must(t, err)
	return n
}

// age makes somebody's own folder of a fresh one: a third of the files is other than kitout's, a third is not there.
func age(t *testing.T, dir string) {
	t.Helper()
	i := 0
	must(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || entry.Name() == ".env" {
			return err
		}
		switch i++; i % 3 {
		case 0:
			return os.Remove(path)
		case 1:
			return errors.Join(os.WriteFile(path, []byte("theirs\n"), 0o644), os.Chmod(path, 0o640))
		}
		return nil
	}))
	must(t, exec.Command("find", dir, "-type", "d", "-empty", "-delete").Run())
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
