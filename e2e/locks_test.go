package e2e

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestLocks takes the lock of each tool as that tool takes it: it is valid and complete, does not change by being made again,
// grows by one package without moving another, and is refused when a hash in it is wrong.
func TestLocks(t *testing.T) {
	t.Parallel()
	for _, tool := range depsTools {
		t.Run(tool, func(t *testing.T) {
			t.Parallel()
			r := generateWith(t, tool, "--framework", "flask", "--database", "sqlite")
			r.setsUpItsOwn()
			r.make("lock-check")
			r.checksLock(tool)
			r.remakesLock(tool)
			r.addsPackage(tool)
			r.noticesDrift(tool)
			if thorough {
				r.make("update") // what it brings depends on the day
				r.make("setup", "lock-check")
			} else {
				r.knowsUpdate(tool)
			}
			r.refusesOtherHash(tool)
		})
	}
}

// TestUvLater writes a repository where uv is not installed, or at least of no use: make setup completes the lock, to the
// same bytes.
func TestUvLater(t *testing.T) {
	t.Parallel()
	flags := []string{"--framework", "flask", "--database", "sqlite"}
	want := readFile(t, generateWith(t, "uv", flags...).path("uv.lock"))
	r := &repository{t: t, dir: filepath.Join(t.TempDir(), "shop"), env: append(environment(), "UV_OFFLINE=1", "UV_NO_CACHE=1")}
	r.render(append(flags, "--deps", "uv")...)
	r.commitsAll()
	if seed := readFile(t, r.path("uv.lock")); strings.Contains(seed, "sha256:") || !strings.Contains(seed, "name = \"flask\"") {
		t.Fatalf("not the versions alone:\n%s", tail(seed))
	}
	r.env = environment()
	r = r.withTool("uv")
	r.with("CI=true").fails("needs to be updated", "make", "setup") // CI is strict
	r.make("setup", "lock-check")
	if readFile(t, r.path("uv.lock")) != want {
		t.Errorf("make setup has made another lock than kitout:\n%s", tail(r.run("git", "diff", "uv.lock")))
	}
}

// setsUpItsOwn runs make setup while another virtual environment is active, which stays as it is.
func (r *repository) setsUpItsOwn() {
	r.t.Helper()
	other := filepath.Join(r.t.TempDir(), "other")
	r.run(newestPython(), "-m", "venv", "--without-pip", other)
	r.with("VIRTUAL_ENV=" + other).make("setup")
	if _, err := os.Stat(r.path(".venv/bin/pytest")); err != nil {
		r.t.Error(err)
	}
	if left, _ := filepath.Glob(filepath.Join(other, "bin", "pytest")); left != nil {
		r.t.Errorf("make setup installed into the active environment: %s", left)
	}
}

// lockOf are the locks of a tool, the one with everything first.
var lockOf = map[string][]string{
	"pip": {"requirements-dev.txt", "requirements.txt"}, "poetry": {"poetry.lock"}, "uv": {"uv.lock"}, "pipenv": {"Pipfile.lock"},
}

// strict are the commands by which each tool says that a lock is what it would have written, or at least fits.
var strict = map[string][][]string{
	"poetry": {{"poetry", "check", "--lock", "--strict"}},
	"uv":     {{"uv", "lock", "--check"}, {"uv", "sync", "--locked", "--check"}},
	"pipenv": {{"pipenv", "verify"}, {"pipenv", "install", "--deploy", "--dev"}},
}

func (r *repository) checksLock(tool string) {
	r.t.Helper()
	for _, command := range strict[tool] {
		r.run("env", command...) // env looks for it on the repository's own PATH
	}
	r.isComplete()
}

// isComplete expects everything to be installed that what is installed needs, in versions that it can use.
func (r *repository) isComplete() {
	r.t.Helper()
	r.run(newestPython(), "-m", "pip", "--python", ".venv/bin/python", "check")
}

// remakesLock lets the tool lock again, which must change nothing. Pipenv can only lock anew, with the newest versions.
func (r *repository) remakesLock(tool string) {
	r.t.Helper()
	switch tool {
	case "pip":
		r.make("lock")
	case "poetry":
		r.run("env", "poetry", "lock", "--no-interaction")
	case "uv":
		r.run("env", "uv", "lock")
	}
	if status := r.run("git", "status", "--porcelain"); status != "" {
		r.t.Errorf("%s changed its lock: %s\n%s", tool, status, tail(r.run("git", "diff")))
	}
}

// pinned finds name and version in a lock of any tool.
var pinned = regexp.MustCompile(`(?m)^name = "(\S+)"\nversion = "(\S+)"|^([A-Za-z0-9._-]+)==(\S+) \\?|^        "([A-Za-z0-9._-]+)": \{(?:\n {12}.*)*?\n {12}"version": "==(\S+)"`)

func (r *repository) pins(file string) map[string]string {
	r.t.Helper()
	pins := map[string]string{}
	for _, found := range pinned.FindAllStringSubmatch(readFile(r.t, r.path(file)), -1) {
		pins[found[1]+found[3]+found[5]] = found[2] + found[4] + found[6]
	}
	if len(pins) < 20 || pins["flask"] == "" {
		r.t.Fatalf("%s: only %d pins were found", file, len(pins))
	}
	return pins
}

// addsPackage adds one package in the tool's own way: nothing else moves.
func (r *repository) addsPackage(tool string) {
	r.t.Helper()
	const added = "orjson"
	before := map[string]map[string]string{}
	for _, file := range lockOf[tool] {
		before[file] = r.pins(file)
	}
	switch tool {
	case "pip":
		r.rewrite("pyproject.toml", "\ndependencies = [\n", "\ndependencies = [\n    \""+added+"\",\n")
		r.make("lock")
	case "pipenv":
		r.run("env", "pipenv", "install", added)
	default:
		r.run("env", tool, "add", added)
	}
	for _, file := range lockOf[tool] {
		after := r.pins(file)
		if after[added] == "" {
			r.t.Errorf("%s: %s was not added", file, added)
		}
		delete(after, added)
		if !maps.Equal(before[file], after) {
			r.t.Errorf("%s: adding %s changed %v to %v", file, added, before[file], after)
		}
	}
	r.make("setup", "lock-check")
	r.run("git", "checkout", "--quiet", ".")
}

// rewrite replaces a text in a file, where it must be.
func (r *repository) rewrite(file, old, new string) {
	r.t.Helper()
	text := readFile(r.t, r.path(file))
	if !strings.Contains(text, old) {
		r.t.Fatalf("%s has no %q", file, old)
	}
	if err := os.WriteFile(r.path(file), []byte(strings.Replace(text, old, new, 1)), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

// noticesDrift declares a package that is not locked, or that is locked for development alone: `make lock-check` must fail, and
// name what is out of date.
func (r *repository) noticesDrift(tool string) {
	r.t.Helper()
	file, above, line := "pyproject.toml", "\ndependencies = [\n", "    \"%s\",\n"
	if tool == "pipenv" {
		file, above, line = "Pipfile", "\n[packages]\n", "%s = \"*\"\n"
	}
	for _, name := range []string{"ujson", "pyyaml"} {
		r.rewrite(file, above, above+fmt.Sprintf(line, name))
		output, err := r.try("make", "lock-check")
		if err == nil || !regexp.MustCompile(`(?i)lock|requirements\.txt`).MatchString(strings.ReplaceAll(output, "make: *** [lock-check", "")) {
			r.t.Errorf("make lock-check does not notice %s:\n%s", name, tail(output))
		}
		r.run("git", "checkout", "--quiet", ".")
	}
}

// refusals are what each tool says of a file whose hash is not the locked one.
var refusals = map[string]string{
	"pip": "DO NOT MATCH THE HASHES", "poetry": "did not match any known checksums", "uv": "Hash mismatch", "pipenv": "DO NOT MATCH THE HASHES",
}

// refusesOtherHash changes the hashes of one package.
func (r *repository) refusesOtherHash(tool string) {
	r.t.Helper()
	file := lockOf[tool][0]
	text := readFile(r.t, r.path(file))
	start := regexp.MustCompile(`(?m)^(name = "iniconfig"|iniconfig==| +"iniconfig": \{)`).FindStringIndex(text)
	if start == nil {
		r.t.Fatalf("%s has no iniconfig", file)
	}
	entry := text[start[0]:]
	entry = entry[:regexp.MustCompile(`\n(\[\[package\]\]|[a-z0-9.-]+==|        \},?\n)`).FindStringIndex(entry)[0]]
	changed := regexp.MustCompile(`sha256:[0-9a-f]{64}`).ReplaceAllString(entry, "sha256:"+strings.Repeat("0", 64))
	if changed == entry {
		r.t.Fatalf("%s: iniconfig has no hashes", file)
	}
	r.rewrite(file, entry, changed)
	if err := os.RemoveAll(r.path(".venv")); err != nil {
		r.t.Fatal(err)
	}
	r.fails(refusals[tool], "make", "setup")
}

var (
	longOption  = regexp.MustCompile(`--[a-z-]+`)
	lockCommand = regexp.MustCompile(`(uv pip compile|uv lock|poetry lock|pipenv update)((?:[^\n|]|\\\n)*)`)
)

// knowsUpdate checks that each command of `make update` has the options that it is given, without what it would bring on the day.
func (r *repository) knowsUpdate(tool string) {
	r.t.Helper()
	text := readFile(r.t, r.path("Makefile"))
	if tool == "pip" {
		text += readFile(r.t, r.path("scripts/lock"))
	}
	found := lockCommand.FindAllStringSubmatch(text, -1)
	if len(found) < 2 {
		r.t.Fatalf("only %d commands that lock", len(found))
	}
	path := "PATH=" + r.path(".venv/bin") + ":" + r.getenv("PATH")
	for _, one := range found {
		help := r.run("env", append([]string{path}, append(strings.Fields(one[1]), "--help")...)...)
		for _, option := range longOption.FindAllString(one[2], -1) {
			if !regexp.MustCompile(option + `\b`).MatchString(help) {
				r.t.Errorf("%s has no option %s", one[1], option)
			}
		}
	}
}
