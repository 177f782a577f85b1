package main

import (
	"context"
	"errors"
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
	// a .gitignore that was there already may say otherwise than ours
	ignored, message, err := gitIgnored(ctx, path, changes)
	if err != nil {
		return "git check-ignore failed: " + message
	}
	var written []string // what else is in the folder may be anything, credentials too
	for _, change := range changes {
		switch {
		case slices.Contains(ignored, change.Path):
		case change.Policy == generator.Secret:
			return "git does not ignore " + change.Path + ": ignore it, then commit the files yourself"
		case change.Status.Writes(), change.Status == generator.Identical:
			written = append(written, change.Path)
		}
	}
	if message, err := gitWith(ctx, path, written, "--literal-pathspecs", "add", "--pathspec-from-file=-", "--pathspec-file-nul"); err != nil {
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

// gitIgnored returns the paths of the changes that git ignores, or what git said of its failure.
func gitIgnored(ctx context.Context, path string, changes []generator.Change) (ignored []string, message string, err error) {
	var paths []string
	for _, change := range changes {
		paths = append(paths, change.Path)
	}
	output, err := gitWith(ctx, path, paths, "check-ignore", "--stdin", "-z")
	if failed, is := errors.AsType[*exec.ExitError](err); is && failed.ExitCode() == 1 {
		return nil, "", nil // it ignores none of them
	}
	return strings.Split(output, "\x00"), output, err
}

// git runs one git command in a folder and returns what it said.
func git(ctx context.Context, folder string, args ...string) (string, error) {
	return gitWith(ctx, folder, nil, args...)
}

// gitWith runs one that reads paths.
func gitWith(ctx context.Context, folder string, paths []string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = folder
	cmd.Env = slices.DeleteFunc(os.Environ(), ofAnotherRepository)
	cmd.Stdin = strings.NewReader(strings.Join(paths, "\x00"))
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
