package main

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/kitout/kitout/generator"
)

// firstCommit makes a git repository of the folder at path, with one commit, unless it is part of one already; one without a
// commit serves if alone says that the folder held nothing else. It returns what the user should know, or "".
func firstCommit(ctx context.Context, path string, changes []generator.Change, alone, noGit bool) string {
	if noGit {
		return ""
	}
	if _, err := exec.LookPath("git"); err != nil {
		return "git is not installed: no repository was made"
	}
	switch up, err := git(ctx, path, "rev-parse", "--show-cdup"); {
	case err != nil:
		if message, err := git(ctx, path, "init", "--quiet", "--initial-branch=main"); err != nil {
			return "git init failed: " + message
		}
	case up != "":
		return "the folder is inside a git repository: no repository of its own was made"
	case !alone || hasCommit(ctx, path):
		return "the folder is a git repository already: commit the files yourself"
	}
	for _, change := range changes {
		if change.Policy != generator.Secret {
			continue
		}
		// a .gitignore that was there already may say otherwise than ours
		if _, err := git(ctx, path, "check-ignore", "--quiet", change.Path); err != nil {
			return "git does not ignore " + change.Path + ": ignore it, then commit the files yourself"
		}
	}
	if message, err := git(ctx, path, "add", "--all"); err != nil {
		return "git add failed: " + message
	}
	if message, err := git(ctx, path, "commit", "--quiet", "--no-verify", "--message=Start from kitout "+version()); err != nil {
		return "the files are staged but not committed: " + firstLine(message) + "; when that is settled, run git commit"
	}
	return ""
}

func hasCommit(ctx context.Context, path string) bool {
	_, err := git(ctx, path, "rev-parse", "--verify", "--quiet", "HEAD")
	return err == nil
}

// git runs one git command in a folder and returns what it said.
func git(ctx context.Context, folder string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = folder
	cmd.Env = slices.DeleteFunc(os.Environ(), ofAnotherRepository)
	output, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(output)), err
}

// ofAnotherRepository says whether a variable leads git to another repository than the folder's, as in a git hook.
func ofAnotherRepository(variable string) bool {
	name, _, _ := strings.Cut(variable, "=")
	switch name {
	case "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_PREFIX":
		return true
	}
	return false
}

func firstLine(text string) string {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "***") {
			return line
		}
	}
	return text
}
