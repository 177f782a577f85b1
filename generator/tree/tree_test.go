package tree_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/kitout/kitout/generator/tree"
)

func TestRead(t *testing.T) {
	t.Parallel()
	repository := fstest.MapFS{
		"app/main.py":                  {Data: []byte("import flask\n")},
		"app/__pycache__/main.pyc":     {Data: []byte{0}},
		"environment/pyvenv.cfg":       {Data: []byte("home = /usr\n")},
		"environment/lib/flask.py":     {Data: []byte("Flask = 1\n")},
		"node_modules/x/index.js":      {Data: []byte("x\n")},
		"logo.png":                     {Data: []byte("\x89PNG\x00")},
		"dump.sql":                     {Data: make([]byte, tree.MaxSize+1)},
		"deploy/nginx/site.conf":       {Data: []byte("server {}\n")},
		"deploy/nginx/conf.d/b.conf":   {Data: []byte("\xff\xfe latin\n")},
		".github/workflows/build.yaml": {Data: []byte("on: push\n")},
	}
	read, err := tree.Read(repository)
	if err != nil {
		t.Fatal(err)
	}
	paths := read.Paths()
	want := []string{
		".github/workflows/build.yaml", "app/main.py", "deploy/nginx/conf.d/b.conf", "deploy/nginx/site.conf", "dump.sql", "logo.png",
	}
	if !slices.Equal(paths, want) {
		t.Errorf("files: %q, want %q", paths, want)
	}
	for pattern, want := range map[string][]string{
		"*.conf":                      {"deploy/nginx/conf.d/b.conf", "deploy/nginx/site.conf"},
		"deploy/*/*.conf":             {"deploy/nginx/site.conf"},
		".github/workflows/*.y{,a}ml": {".github/workflows/build.yaml"},
		"nothing":                     nil,
	} {
		if got := read.Glob(pattern); !slices.Equal(got, want) {
			t.Errorf("Glob(%q) = %q, want %q", pattern, got, want)
		}
	}
	for name, want := range map[string]bool{"app/main.py": true, "logo.png": false, "dump.sql": false, "deploy/nginx/conf.d/b.conf": true, "environment/lib/flask.py": false} {
		var seen string
		looked := read.Look(name, func(text []byte) { seen = string(text) })
		text, got := read.Text(name)
		if got != want || looked != want || seen != string(text) {
			t.Errorf("%s: Text %v, Look %v, want %v; %q, %q", name, got, looked, want, text, seen)
		}
	}
}

// Links are not followed, whether they lead outside or around in circles.
func TestReadFollowsNoLinks(t *testing.T) {
	t.Parallel()
	outside, inside := t.TempDir(), t.TempDir()
	for name, target := range map[string]string{"loop": ".", "out": outside, "passwd": filepath.Join(outside, "passwd")} {
		if err := os.Symlink(target, filepath.Join(inside, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(outside, "passwd"), []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	read, err := tree.Read(os.DirFS(inside))
	if err != nil || len(read.Paths()) != 0 {
		t.Errorf("files: %v, %v; want none", read.Paths(), err)
	}
}
