package main

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func copyTree(t *testing.T, from, to string) {
	t.Helper()
	if output, err := exec.Command("cp", "-a", from, to).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
}

// contents are the mode and the text of everything in a folder but the journals.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	must(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if path == filepath.Join(dir, ".kitout", "undo") {
			return fs.SkipDir
		}
		info, err := entry.Info()
		must(t, err)
		text := info.Mode().String()
		if entry.Type().IsRegular() {
			data, err := os.ReadFile(path)
			must(t, err)
			text += " " + string(data)
		}
		found[path[len(dir):]] = text
		return nil
	}))
	return found
}

// sampleOf copies a sample repository, and writes files into the copy.
func sampleOf(t *testing.T, name string, files map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	must(t, os.CopyFS(dir, os.DirFS(filepath.Join("../../testdata/repositories", name, "repository"))))
	for file, text := range files {
		must(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, file)), 0o755))
		must(t, os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644))
	}
	return dir
}
