package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestFirstCommit has what kitout has written, and nothing that was in the folder before: that may be credentials.
func TestFirstCommit(t *testing.T) {
	for name, value := range map[string]string{"GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.com", "GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@example.com"} {
		t.Setenv(name, value)
	}
	dir := filepath.Join(t.TempDir(), "shop")
	must(t, os.Mkdir(dir, 0o755))
	own := map[string]string{"credentials.txt": "AWS_SECRET=1\n", "README.md": "mine\n", ".gitignore": ".env\n/docs/\n"}
	for name, text := range own {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	commandLine(t, exitDone, "new", dir, "--yes", "--on-conflict", "keep")
	said, err := git(t.Context(), dir, "ls-tree", "-r", "--name-only", "HEAD")
	if err != nil {
		t.Fatal(said)
	}
	committed := strings.Split(said, "\n")
	for name := range own {
		if slices.Contains(committed, name) {
			t.Errorf("the user's own %s was committed", name)
		}
	}
	for _, name := range []string{"pyproject.toml", ".kitout/record.yaml"} {
		if !slices.Contains(committed, name) {
			t.Errorf("%s was not committed", name)
		}
	}
	if slices.ContainsFunc(committed, func(name string) bool { return name == ".env" || strings.HasPrefix(name, "docs/") }) {
		t.Errorf("what is ignored was committed: %q", committed)
	}
	untracked, err := git(t.Context(), dir, "status", "--porcelain", "--untracked-files=all")
	if err != nil || untracked != "?? .gitignore\n?? README.md\n?? credentials.txt" {
		t.Errorf("left: %s %v", untracked, err)
	}
}
