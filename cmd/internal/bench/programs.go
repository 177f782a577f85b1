package main

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// machine has what is measured, and where.
type machine struct{ kitout, tools, folder string }

func (m *machine) path(elements ...string) string {
	return filepath.Join(append([]string{m.folder}, elements...)...)
}

// tool is one of the other programs.
func (m *machine) tool(name string) string { return filepath.Join(m.tools, name) }

// about says where and with what it was measured.
func (m *machine) about() string {
	version := func(name string, args ...string) string {
		output, err := exec.Command(name, args...).Output()
		if err != nil {
			return "?"
		}
		for _, word := range strings.Fields(string(output)) {
			if word[0] >= '0' && word[0] <= '9' {
				return word
			}
		}
		return strings.TrimSpace(string(output))
	}
	load, _, _ := strings.Cut(read("/proc/loadavg"), " ")
	return fmt.Sprintf("%s, %s/%s, %d CPUs, a load of %s before; cookiecutter %s, copier %s, Django %s, uv %s; medians of %d rounds",
		time.Now().UTC().Format("2 January 2006"), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), load,
		version(m.tool("cookiecutter"), "--version"), version(m.tool("copier"), "--version"),
		version(m.tool("django-admin"), "--version"), version(m.tool("uv"), "--version"), rounds)
}

func read(name string) string {
	data, _ := os.ReadFile(name)
	return string(data)
}

// timed runs a program to its end, and says what it took.
func timed(dir string, args ...string) (time.Duration, error) {
	command := exec.Command(args[0], args[1:]...)
	command.Dir = dir
	start := time.Now()
	output, err := command.CombinedOutput()
	took := time.Since(start)
	if err != nil {
		return 0, fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, output)
	}
	return took, nil
}

// peak is the largest resident size of a program, in MiB. Python starts it, because a child of this process would inherit the size of
// this one; what is smaller than Python, 14 MiB or so, counts as that.
func peak(dir string, args ...string) (float64, error) {
	const script = "import resource, subprocess, sys\n" +
		"subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)\n" +
		"print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
	command := exec.Command("python3", append([]string{"-c", script}, args...)...)
	command.Dir = dir
	output, err := command.Output()
	if err != nil {
		return 0, fmt.Errorf("%s: %w", strings.Join(args, " "), err)
	}
	kib, err := strconv.Atoi(strings.TrimSpace(string(output)))
	return float64(kib) / 1024, err
}

// numbered is a command that ends in a folder of its own in each round.
func (m *machine) numbered(prefix string, args ...string) func(int) (string, []string) {
	return func(round int) (string, []string) {
		return m.folder, append(append([]string{}, args...), m.path(prefix+strconv.Itoa(round)))
	}
}

// newRepository holds `kitout new` against a copy of the same files, and against programs that make repositories: two of them from
// a template of the very same files, which has the name of the project and of the package as variables.
func newRepository(m *machine) (table, error) {
	original := m.path("original")
	if _, err := timed(m.folder, m.kitout, "new", "--no-git", "--yes", "--name", "shop", original); err != nil {
		return table{}, err
	}
	if err := m.templates(original); err != nil {
		return table{}, err
	}
	fresh := func(prefix string) func(int) error {
		return func(round int) error { return os.Mkdir(m.path(prefix+strconv.Itoa(round)), 0o755) }
	}
	return table{"A new repository", []*entry{
		{name: "`cp -r`, of the same files", command: m.numbered("copy", "cp", "-r", original)},
		{name: "`kitout new`", command: m.numbered("new", m.kitout, "new", "--no-git", "--yes", "--name", "shop")},
		{name: "copier, the same files", command: m.numbered("copier", m.tool("copier"), "copy", "--quiet", "--defaults", m.path("copier.template"))},
		{name: "cookiecutter, the same files", command: m.numbered("cookiecutter", m.tool("cookiecutter"), "--no-input", m.path("cookiecutter.template"), "--output-dir")},
		{name: "`django-admin startproject`, 6 files", prepare: fresh("django"), command: m.numbered("django", m.tool("django-admin"), "startproject", "shop")},
		{name: "`uv init`, 5 files", command: m.numbered("uv", m.tool("uv"), "init", "--quiet", "--offline", "--name", "shop", "--vcs", "none")},
	}}.measure()
}

// templates makes templates for copier and cookiecutter of a repository that is called shop.
func (m *machine) templates(original string) error {
	for _, kind := range []struct{ folder, into, slug string }{
		{"copier.template", "template", "[[ name ]]"},
		{"cookiecutter.template", "[[ cookiecutter.name ]]", "[[ cookiecutter.name ]]"},
	} {
		err := filepath.WalkDir(original, func(file string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			relative, err := filepath.Rel(original, file)
			if err != nil {
				return err
			}
			data, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			target := strings.ReplaceAll(filepath.ToSlash(relative), "shop", kind.slug)
			if kind.into == "template" {
				target += ".jinja"
			}
			// What looks like a directive of theirs, such as a condition in shell
			text := strings.NewReplacer("[[", "( (", "]]", ") )", "[%", "( %", "[#", "( #", "shop", kind.slug).Replace(string(data))
			return write(m.path(kind.folder, kind.into, target), text)
		})
		if err != nil {
			return err
		}
	}
	const envops = "_envops: {block_start_string: '[%', block_end_string: '%]', variable_start_string: '[[', variable_end_string: ']]', comment_start_string: '[#', comment_end_string: '#]'}\n"
	if err := write(m.path("copier.template", "copier.yml"), "_subdirectory: template\n"+envops+"name: {type: str, default: shop}\n"); err != nil {
		return err
	}
	return write(m.path("cookiecutter.template", "cookiecutter.json"), `{"name": "shop", "_jinja2_env_vars": {"block_start_string": "[%", "block_end_string": "%]",
  "variable_start_string": "[[", "variable_end_string": "]]", "comment_start_string": "[#", "comment_end_string": "#]"}}`)
}

func write(name, text string) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, []byte(text), 0o644)
}

const bareProgram = "package main\n\nimport \"fmt\"\n\nfunc main() { fmt.Println(\"bare\") }\n"

// startUp holds `kitout version` against a program that does nothing but print.
func startUp(m *machine) (table, error) {
	if err := write(m.path("bare", "main.go"), bareProgram); err != nil {
		return table{}, err
	}
	bare := m.path("bare", "bare")
	if _, err := timed(m.folder, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", bare, m.path("bare", "main.go")); err != nil {
		return table{}, err
	}
	say := func(args ...string) func(int) (string, []string) {
		return func(int) (string, []string) { return m.folder, args }
	}
	return table{"Start-up", []*entry{
		{name: "a Go program that prints a word", command: say(bare)},
		{name: "`kitout version`", command: say(m.kitout, "version")},
		{name: "`uv --version`", command: say(m.tool("uv"), "--version")},
		{name: "`django-admin --version`", command: say(m.tool("django-admin"), "--version")},
		{name: "`copier --version`", command: say(m.tool("copier"), "--version")},
		{name: "`cookiecutter --version`", command: say(m.tool("cookiecutter"), "--version")},
	}}.measure()
}

// existing holds what looks at a repository that is there, and what changes it, against `git status` in it.
func existing(m *machine) (table, error) {
	original := m.path("original")
	repository := func(round int) string { return m.path("there" + strconv.Itoa(round)) }
	prepare := func(name string) func(int) error {
		return func(round int) error {
			folder := repository(round) + name
			if err := os.CopyFS(folder, os.DirFS(original)); err != nil {
				return err
			}
			return commit(folder)
		}
	}
	in := func(name string, args ...string) func(int) (string, []string) {
		return func(round int) (string, []string) { return repository(round) + name, args }
	}
	return table{"A repository that is there", []*entry{
		{name: "`git status`", prepare: prepare("status"), command: in("status", "git", "status", "--porcelain")},
		{name: "`kitout check`", prepare: prepare("check"), command: in("check", m.kitout, "check")},
		{name: "`kitout diff`", prepare: prepare("diff"), command: in("diff", m.kitout, "diff")},
		{name: "`kitout add traces=opentelemetry`", prepare: prepare("add"), command: in("add", m.kitout, "add", "traces=opentelemetry", "--yes")},
		{name: "`kitout update --ci gitlab`", prepare: prepare("update"), command: in("update", m.kitout, "update", "--ci", "gitlab", "--yes")},
	}}.measure()
}

// commit makes a repository of git of a folder.
func commit(folder string) error {
	for _, args := range [][]string{{"init", "--quiet"}, {"add", "--all"}, {"-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "--quiet", "--message", "all"}} {
		if _, err := timed(folder, append([]string{"git"}, args...)...); err != nil {
			return err
		}
	}
	return nil
}

// many is the number of files of the repository that is large.
const many = 20_000

// check holds `kitout check` against `git status` on a repository of many files, a third of them Python.
func check(m *machine) (table, error) {
	folder := m.path("large")
	if err := os.CopyFS(folder, os.DirFS(m.path("original"))); err != nil {
		return table{}, err
	}
	module := []byte("\"\"\"Orders.\"\"\"\n\nfrom decimal import Decimal\n\n" + strings.Repeat("\ndef total(order: Order) -> Decimal:\n    return sum(line.price * line.count for line in order.lines)\n", 20))
	for i := range many {
		name := filepath.Join(folder, "part"+strconv.Itoa(i/100), "file"+strconv.Itoa(i)+[]string{".py", ".html", ".json"}[i%3])
		if err := write(name, string(append(module, strconv.Itoa(i)...))); err != nil {
			return table{}, err
		}
	}
	if err := commit(folder); err != nil {
		return table{}, err
	}
	in := func(args ...string) func(int) (string, []string) {
		return func(int) (string, []string) { return folder, args }
	}
	return table{"20,000 files", []*entry{
		{name: "`git status`", command: in("git", "status", "--porcelain")},
		{name: "`kitout check`", command: in(m.kitout, "check", "--fail-under", "0")},
	}}.measure()
}

// inARow makes a thousand repositories, and holds the last hundred against the first.
func inARow(m *machine) (string, error) {
	const count, part = 1000, 100
	args := func(i int) []string {
		return []string{m.kitout, "new", "--no-git", "--yes", "--name", "shop", m.path("row", strconv.Itoa(i))}
	}
	first, err := peak(m.folder, args(0)...)
	if err != nil {
		return "", err
	}
	var times []time.Duration
	for i := range count {
		took, err := timed(m.folder, args(i+1)...)
		if err != nil {
			return "", err
		}
		times = append(times, took)
	}
	last, err := peak(m.folder, args(count+1)...)
	return fmt.Sprintf("%d repositories in a row: the median of the last %d took %.2f times that of the first %d; the peak was %.0f MiB before and %.0f after.",
		count, part, float64(median(times[count-part:]))/float64(median(times[:part])), part, first, last), err
}
