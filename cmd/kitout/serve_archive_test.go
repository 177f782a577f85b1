package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// filesBelow are the files of a repository but for its secrets.
func filesBelow(t *testing.T, dir string) map[string]written {
	t.Helper()
	files := map[string]written{}
	must(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || entry.Name() == ".env" {
			return err
		}
		name, err := filepath.Rel(dir, path)
		must(t, err)
		info, err := entry.Info()
		must(t, err)
		data, err := os.ReadFile(path)
		files[filepath.ToSlash(name)] = written{info.Mode(), string(data)}
		return err
	}))
	return files
}

// TestPageArchive downloads what `kitout new` writes, byte for byte, once by the command that the page shows.
func TestPageArchive(t *testing.T) {
	t.Setenv("PATH", t.TempDir()) // without uv, which completes its lock
	p := newPage(t)
	for _, pairs := range [][]string{
		{},
		{"name", "my-shop", "domain", "shop.example.com", "email", "admin@example.com", "framework", "django", "database", "postgres", "deps", "poetry", "scan", "bandit,trivy"},
		{"framework", "flask", "database", "mysql", "server", "uwsgi", "proxy", "apache", "deps", "uv", "ci", "gitlab", "tests", "unittest"},
		{"database", "postgres", "deploy", "kubernetes", "proxy", "none", "ci", "jenkins", "python", "3.13", "package", "store", "image", "registry.example.com/store"},
	} {
		body := answersBody(pairs...)
		dir := filepath.Join(t.TempDir(), "shop")
		args := strings.Fields(strings.ReplaceAll(p.ask(http.StatusOK, "plan", body).Command, "'", "")) // quoted for a shell
		commandLine(t, exitDone, slices.Concat([]string{"new", dir, "--no-git"}, args[3:])...)
		want := filesBelow(t, dir)
		name := body["answers"].(answersOf)["name"][0]
		for format, unpack := range map[string]func([]byte) (map[string]written, error){"tar.gz": untar, "zip": unzip} {
			body["format"] = format
			encoded, err := json.Marshal(body)
			must(t, err)
			status, header, content := p.send("POST", "/api/archive", string(encoded))
			if status != http.StatusOK || header.Get("Content-Disposition") != fmt.Sprintf("attachment; filename=%q", name+"."+format) {
				t.Fatalf("%q: status %d, %v", pairs, status, header)
			}
			packed, err := unpack([]byte(content))
			must(t, err)
			got := map[string]written{}
			for path, file := range packed {
				below, inside := strings.CutPrefix(path, name+"/")
				if !inside || !fs.ValidPath(path) {
					t.Errorf("%s is not in the folder %s", path, name)
				}
				got[below] = file
			}
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(written{})); diff != "" || len(got) < 50 {
				t.Errorf("%q: %s, %d files: %s", pairs, format, len(got), diff)
			}
			if _, _, again := p.send("POST", "/api/archive", string(encoded)); again != content {
				t.Errorf("%q: the same answers give another %s", pairs, format)
			}
		}
	}
}

func untar(data []byte) (map[string]written, error) {
	unzipped, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	files := map[string]written{}
	for archive := tar.NewReader(unzipped); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		content, err := io.ReadAll(archive)
		if err != nil {
			return nil, err
		}
		files[header.Name] = written{header.FileInfo().Mode(), string(content)}
	}
}

func unzip(data []byte) (map[string]written, error) {
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, err
	}
	files := map[string]written{}
	for _, file := range archive.File {
		entry, err := file.Open()
		if err != nil {
			return nil, err
		}
		content, err := io.ReadAll(entry)
		if err != nil {
			return nil, err
		}
		files[file.Name] = written{file.Mode(), string(content)}
	}
	return files, nil
}
