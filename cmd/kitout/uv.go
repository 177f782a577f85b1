package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/kitout/kitout/generator"
	"github.com/kitout/kitout/generator/lock"
)

const uvLock = "uv.lock"

// uvPatience bounds what uv may take: a cold cache takes it a few seconds.
const uvPatience = 2 * time.Minute

// completeUvLock lets uv complete the uv.lock among the changes, if there is a new one, and builds the changes anew. Where that is
// not possible, the changes stay as they are and the warning says what remains to be done.
func completeUvLock(ctx context.Context, plan *generator.Plan, folder *generator.Folder, changes []generator.Change,
	decide func([]generator.Change) error,
) (completed []generator.Change, warning string, err error) {
	seed := changeOf(changes, uvLock)
	if seed == nil || seed.Status != generator.Create && seed.Status != generator.Replace {
		return changes, "", nil
	}
	content, problem := runUvLock(ctx, changes, seed.Content)
	if ctx.Err() != nil {
		return nil, "", errInterrupted
	}
	if problem != nil {
		return changes, fmt.Sprintf("uv.lock has the versions but not yet the files (%v): `make setup` completes it, then commit it", problem), nil
	}
	plan.SetLock(uvLock, content)
	if changes, err = plan.Build(folder.Fs); err != nil {
		return nil, "", err
	}
	return changes, "", decide(changes)
}

func changeOf(changes []generator.Change, path string) *generator.Change {
	for i := range changes {
		if changes[i].Path == path {
			return &changes[i]
		}
	}
	return nil
}

// runUvLock runs `uv lock` on the manifest and the seed, in a folder of their own, and returns what it made of the seed.
func runUvLock(ctx context.Context, changes []generator.Change, seed []byte) ([]byte, error) {
	uv, err := exec.LookPath("uv")
	if err != nil {
		return nil, errors.New("uv is not installed")
	}
	table, err := lock.Open()
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "kitout-uv-*")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	manifest := changeOf(changes, "pyproject.toml")
	text := manifest.Content
	if manifest.Status == generator.Keep {
		text = manifest.Old
	}
	for name, content := range map[string][]byte{manifest.Path: text, uvLock: seed} {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o600); err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, uvPatience)
	defer cancel()
	run := exec.CommandContext(ctx, uv, "lock", "--quiet", "--no-progress", "--no-python-downloads")
	run.Dir = folder
	if output, err := run.CombinedOutput(); err != nil {
		first, _, _ := strings.Cut(strings.TrimSpace(string(output)), "\n")
		return nil, fmt.Errorf("uv lock: %s", cmp.Or(first, err.Error()))
	}
	content, err := os.ReadFile(filepath.Join(folder, uvLock))
	if err != nil {
		return nil, err
	}
	return content, table.CheckUv(content)
}
