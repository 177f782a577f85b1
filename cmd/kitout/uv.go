package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/kitout/kitout/generator"
	"github.com/kitout/kitout/generator/lock"
)

const uvLock = "uv.lock"

// uvPatience bounds what uv may take: with a cold cache it takes a few seconds.
const uvPatience = time.Minute

// completeUvLock lets uv complete the uv.lock among the changes, if a new one is due, and has the changes built anew. Where that
// is not possible the warning says what remains to be done, and a complete lock of before stays.
func completeUvLock(ctx context.Context, plan *generator.Plan, changes []generator.Change, build func() ([]generator.Change, error),
) (completed []generator.Change, warning string, err error) {
	seed := changeOf(changes, uvLock)
	if seed == nil || !seed.Status.Writes() {
		return changes, "", nil
	}
	content, problem := runUvLock(ctx, changes, plan.Pythons(), seed.Content)
	switch {
	case ctx.Err() != nil:
		return nil, "", errInterrupted
	case problem != nil && seed.Status == generator.Replace && !lock.IsUvSeed(seed.Old):
		seed.Status = generator.Keep
		return changes, fmt.Sprintf("uv.lock was kept: %v", problem), nil
	case errors.Is(problem, errNoUv):
		return changes, fmt.Sprintf("uv.lock has the versions but not yet the files: %v; `make setup` completes it, then commit it", problem), nil
	case problem != nil:
		return changes, fmt.Sprintf("uv.lock has the versions but not yet the files: %v; complete it with `uv lock` and commit it", problem), nil
	}
	plan.SetLock(uvLock, content)
	changes, err = build()
	return changes, "", err
}

func changeOf(changes []generator.Change, path string) *generator.Change {
	for i := range changes {
		if changes[i].Path == path {
			return &changes[i]
		}
	}
	return nil
}

var errNoUv = errors.New("uv is not installed")

// runUvLock runs `uv lock` on the manifest and the seed, in a folder of their own, and returns what it made of the seed.
func runUvLock(ctx context.Context, changes []generator.Change, pythons []string, seed []byte) ([]byte, error) {
	uv, err := exec.LookPath("uv")
	if err != nil {
		return nil, errNoUv
	}
	folder, err := os.MkdirTemp("", "kitout-uv-*")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	manifest := changeOf(changes, "pyproject.toml")
	text, own := manifest.Content, true
	switch manifest.Status {
	case generator.Keep, generator.Beside:
		text, own = manifest.Old, false
	case generator.Merge:
		own = false
	}
	for name, content := range map[string][]byte{manifest.Path: text, uvLock: seed} {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o600); err != nil {
			return nil, err
		}
	}
	patient, cancel := context.WithTimeout(ctx, uvPatience)
	defer cancel()
	args := []string{"lock", "--quiet", "--no-progress", "--no-python-downloads"}
	if python := findPython(patient, pythons); python != "" {
		args = append(args, "--python", python)
	}
	run := exec.CommandContext(patient, uv, args...)
	run.Dir, run.Env, run.WaitDelay = folder, withoutProject(os.Environ()), time.Second
	output, err := run.CombinedOutput()
	switch {
	case patient.Err() != nil:
		return nil, fmt.Errorf("uv lock took longer than %v", uvPatience)
	case err != nil:
		return nil, fmt.Errorf("uv lock: %s", uvProblem(string(output), err))
	}
	content, err := os.ReadFile(filepath.Join(folder, uvLock))
	if err != nil {
		return nil, err
	}
	if lock.IsUvSeed(content) {
		return nil, errors.New("uv lock did not write it")
	}
	table, err := lock.Open()
	if err != nil {
		return nil, err
	}
	return content, table.CheckUv(content, own)
}

// withoutProject drops the variables that send uv to another project, or keep it from locking.
func withoutProject(environment []string) []string {
	return slices.DeleteFunc(environment, func(pair string) bool {
		name, _, _ := strings.Cut(pair, "=")
		return slices.Contains([]string{"UV_PROJECT", "UV_WORKING_DIR", "UV_FROZEN", "UV_LOCKED"}, name)
	})
}

// uvProblem puts what uv says, a problem with its causes on lines of their own, on one line.
func uvProblem(output string, err error) string {
	problem, _, _ := strings.Cut(strings.TrimSpace(output), "\n\n")
	if problem == "" {
		return err.Error()
	}
	return strings.Join(strings.Fields(problem), " ")
}

// findPython returns an interpreter of one of the versions, the first that runs, as the repository's own setup looks for one: a
// shim on the PATH may lead nowhere, at which uv would stop. "" leaves it to uv.
func findPython(ctx context.Context, versions []string) string {
	pyenv := os.Getenv("PYENV_ROOT")
	if home, err := os.UserHomeDir(); pyenv == "" && err == nil {
		pyenv = filepath.Join(home, ".pyenv")
	}
	for _, version := range versions {
		candidates, _ := filepath.Glob(filepath.Join(pyenv, "versions", version+".*", "bin", "python"))
		if found, err := exec.LookPath("python" + version); err == nil {
			candidates = append([]string{found}, candidates...)
		}
		for _, candidate := range candidates {
			executable, err := exec.CommandContext(ctx, candidate, "-c", "import sys; print(sys.executable)").Output()
			if err == nil {
				return strings.TrimSpace(string(executable))
			}
		}
	}
	return ""
}
