package e2e

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"testing"
)

// depsTools are the dependency tools; the first is the default.
var depsTools = []string{"pip", "poetry", "uv", "pipenv"}

// newestPython is an interpreter that generated repositories support: as scripts/setup looks for one, but for what
// uv keeps.
var newestPython = sync.OnceValue(func() string {
	home, _ := os.UserHomeDir()
	for _, version := range []string{"3.14", "3.13", "3.12"} {
		if found, err := exec.LookPath("python" + version); err == nil && exec.Command(found, "-c", "").Run() == nil {
			return found // a shim may lead nowhere
		}
		if found, _ := filepath.Glob(filepath.Join(home, ".pyenv/versions", version+".*/bin/python")); len(found) > 0 {
			return found[0]
		}
	}
	return "python3"
})

// machineIndex is the package index that this machine's pip asks. It may be one that only this machine reaches.
var machineIndex = sync.OnceValue(func() string {
	help := exec.Command(newestPython(), "-m", "pip", "install", "--help")
	help.Env = append(os.Environ(), "COLUMNS=1000")
	output, err := help.Output()
	if err != nil {
		return ""
	}
	if found := regexp.MustCompile(`--index-url <url>[^(]*\(default (\S+)\)`).FindSubmatch(output); found != nil {
		return string(found[1])
	}
	return ""
})

// installer is a dependency tool in an environment of its own, made once.
type installer struct {
	once  sync.Once
	bin   string
	fault error
}

var installers = map[string]*installer{"poetry": {}, "uv": {}, "pipenv": {}}

// withTool is the repository with its dependency tool on the PATH, installed from the hashes that came with it.
func (r *repository) withTool(tool string) *repository {
	r.t.Helper()
	tools := installers[tool]
	if tools == nil {
		return r // pip comes with Python
	}
	tools.once.Do(func() {
		folder := filepath.Join(scratch, "tools", tool)
		python := filepath.Join(folder, "bin", "python")
		commands := [][]string{
			{newestPython(), "-m", "venv", folder},
			{python, "-m", "pip", "install", "--quiet", "--require-hashes", "--no-deps", "--only-binary", ":all:", "--requirement", r.path("deploy/" + tool + ".txt")},
			{python, "-m", "pip", "check"},
		}
		if tool == "poetry" {
			// Poetry asks its default index for more than the simple interface, which a mirror may not have
			commands = append(commands, []string{python, "-m", "pip", "install", "--quiet", "poetry-plugin-pypi-mirror"})
		}
		for _, command := range commands {
			run := exec.Command(command[0], command[1:]...)
			run.Env = append(r.env, "PIP_NO_INPUT=1")
			if output, err := run.CombinedOutput(); err != nil {
				tools.fault = &exec.Error{Name: string(output), Err: err}
				return
			}
		}
		// Alone, as pipx has it: the Python beside it is not for others
		tools.bin = filepath.Join(folder, "path")
		tools.fault = errors.Join(os.Mkdir(tools.bin, 0o755), os.Symlink(filepath.Join(folder, "bin", tool), filepath.Join(tools.bin, tool)))
	})
	if tools.fault != nil {
		r.t.Fatal(tools.fault)
	}
	return r.with("PATH="+tools.bin+string(os.PathListSeparator)+r.getenv("PATH"), "POETRY_PYPI_MIRROR_URL="+machineIndex())
}

// generateWith writes a repository that is managed with a tool, which is on the PATH afterwards.
func generateWith(t testing.TB, tool string, flags ...string) *repository {
	t.Helper()
	return generateIn(t, nil, tool, flags...)
}

// generateIn does so with more in the environment. uv is on the PATH when the repository is written, too.
func generateIn(t testing.TB, env []string, tool string, flags ...string) *repository {
	t.Helper()
	flags = append(flags, "--deps", tool)
	if tool != "uv" {
		return generate(t, flags...).with(env...).withTool(tool)
	}
	draft := generate(t, append(flags, "--no-git")...) // it has the hashes of uv
	r := &repository{t: t, dir: filepath.Join(t.TempDir(), "shop"), env: draft.with(env...).withTool(tool).env}
	r.render(flags...)
	r.commitsAll()
	return r
}
