package detect_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kitout/kitout/generator"
	"github.com/kitout/kitout/generator/detect"
	"github.com/kitout/kitout/generator/tree"
	"github.com/kitout/kitout/templates"
)

// write puts a file into a folder that may not be there yet.
func write(t testing.TB, folder, name, text string) {
	t.Helper()
	file := filepath.Join(folder, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func look(t testing.TB, folder string) (*detect.Findings, *tree.Tree) {
	t.Helper()
	catalog, err := generator.LoadCatalog(templates.FS)
	if err != nil {
		t.Fatal(err)
	}
	read, err := tree.Read(os.DirFS(folder))
	if err != nil {
		t.Fatal(err)
	}
	findings, err := detect.Detect(read, ".", catalog)
	if err != nil {
		t.Fatal(err)
	}
	return findings, read
}

const application = "from flask import Flask\n\napp = Flask(__name__)\n"

// Nothing that lies about in a repository hides the service in it.
func TestDetectAmongRubbish(t *testing.T) {
	t.Parallel()
	for name, litter := range map[string]func(t *testing.T, folder string){
		"binary": func(t *testing.T, folder string) {
			write(t, folder, "model.py", "\x00\x01\x02flask\xff")
			write(t, folder, "pyproject.toml", "\x00\xff")
			write(t, folder, "Dockerfile", "\x7fELF\x00")
		},
		"sparse": func(t *testing.T, folder string) {
			for _, file := range []string{"huge.py", "poetry.lock", "docker-compose.yml", "requirements-big.txt"} {
				write(t, folder, file, "")
				must(t, os.Truncate(filepath.Join(folder, file), 1<<30))
			}
		},
		"links": func(t *testing.T, folder string) {
			write(t, folder, "pkg/x.py", "x = 1\n")
			for link, target := range map[string]string{"loop": ".", "pkg/up": "..", "self": "self", "Dockerfile": "/etc/passwd", "main.py": "nowhere"} {
				must(t, os.Symlink(target, filepath.Join(folder, link)))
			}
		},
		"encodings": func(t *testing.T, folder string) {
			write(t, folder, "caf\xe9/latin.py", "# -*- coding: latin-1 -*-\nname = 'caf\xe9'\nfrom flask import Flask\n")
			write(t, folder, "utf16.py", "\xff\xfef\x00r\x00o\x00m\x00")
			write(t, folder, ".env", "NAME=\xff\xfe\n")
			write(t, folder, "setup.cfg", "[metadata]\nauthor = \xe9\n")
		},
		"broken": func(t *testing.T, folder string) {
			write(t, folder, "pyproject.toml", "[project\nname = ")
			write(t, folder, "Pipfile", "[[[")
			write(t, folder, "environment.yml", "a: [}")
			write(t, folder, "setup.py", "setup(name='x', install_requires=[")
			write(t, folder, "main.py", "<<<<<<< HEAD\nfrom fastapi import FastAPI(\n")
			write(t, folder, "docker-compose.yml", "\tservices: {{ x }}\n")
		},
		"deep": func(t *testing.T, folder string) {
			write(t, folder, strings.Repeat("a/", 200)+"main.py", "x = 1\n")
			write(t, folder, "requirements.txt", "-r requirements.txt\n-r ../../../../etc/passwd\n-r /etc/passwd\nflask\n")
			write(t, folder, "long.py", "x = '"+strings.Repeat("a", 900_000)+"'\n")
			write(t, folder, "lines/Dockerfile", strings.Repeat("RUN x\n", 100_000))
		},
		"unreadable": func(t *testing.T, folder string) {
			write(t, folder, "locked/main.py", application)
			write(t, folder, "wsgi.py", "")
			must(t, os.Chmod(filepath.Join(folder, "locked"), 0))
			must(t, os.Chmod(filepath.Join(folder, "wsgi.py"), 0))
			t.Cleanup(func() { must(t, os.Chmod(filepath.Join(folder, "locked"), 0o755)) })
			if _, err := os.ReadDir(filepath.Join(folder, "locked")); err == nil {
				t.Skip("this user may read everything")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			write(t, folder, "service/__init__.py", application)
			litter(t, folder)
			findings, read := look(t, folder)
			if got := findings.Value(detect.Entry); got != "service:app" {
				t.Errorf("entry %q", got)
			}
			if name == "unreadable" && len(read.Skipped()) != 2 {
				t.Errorf("skipped: %v", read.Skipped())
			}
		})
	}
}

// manyFiles is how many files the large repository has.
const manyFiles = 20_000

// large writes a repository of many files: code, templates, translations, pictures, as a service has that is years old.
func large(t testing.TB) string {
	folder := t.TempDir()
	write(t, folder, "requirements.txt", "django\npsycopg2\ngunicorn\n")
	write(t, folder, "manage.py", "import django\n")
	write(t, folder, "shop/wsgi.py", "from django.core.wsgi import get_wsgi_application\n\napplication = get_wsgi_application()\n")
	write(t, folder, "shop/__init__.py", "")
	module := "import os\nfrom django.db import models\nfrom django.contrib.auth import get_user_model\n\n\n" +
		strings.Repeat("class Thing(models.Model):\n    name = models.CharField(max_length=80, default=\"x\")\n\n    def __str__(self):\n        return self.name\n\n\n", 12)
	kinds := []struct{ name, text string }{
		{"apps/app%d/models/model%d.py", module},
		{"apps/app%d/templates/page%d.html", strings.Repeat("<p>{{ name }}</p>\n", 100)},
		{"apps/app%d/static/picture%d.png", "\x89PNG\x00" + strings.Repeat("x", 5000)},
		{"apps/app%d/static/script%d.js", strings.Repeat("var x = 1;\n", 200)},
		{"apps/app%d/locale/text%d.po", strings.Repeat("msgid \"a\"\nmsgstr \"b\"\n", 100)},
		{"apps/app%d/fixtures/data%d.json", strings.Repeat("{\"a\": 1}\n", 100)},
	}
	for i := range manyFiles - 4 {
		kind := kinds[i%len(kinds)]
		write(t, folder, fmt.Sprintf(kind.name, i/200, i), kind.text)
	}
	return folder
}

// Looking at many files takes bounded memory: it is not parallel, so that what it asks of the system is its own.
func TestDetectMemory(t *testing.T) {
	folder := large(t)
	// What is parsed at most, and then some, in the form that takes most
	dense := strings.Repeat("from flask import Flask\napp = Flask(x, [1, 2, 3], a={'b': f(c)})\n", 4000)
	for i := range 40 {
		write(t, folder, fmt.Sprintf("dense/main%d.py", i), dense)
	}
	const most = 256 << 20
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	findings, _ := look(t, folder)
	runtime.ReadMemStats(&after)
	if findings.Value("framework") == "" {
		t.Error("no framework")
	}
	grown := after.Sys - before.Sys
	t.Logf("%d MiB", grown>>20)
	if grown > most {
		t.Errorf("%d MiB", grown>>20)
	}
}

// BenchmarkDetect holds reading and understanding the large repository against `git status` of it, turn by turn.
func BenchmarkDetect(b *testing.B) {
	folder := large(b)
	git := func(arguments ...string) time.Duration {
		start := time.Now()
		if output, err := exec.Command("git", append([]string{"-C", folder, "-c", "user.name=x", "-c", "user.email=x@example.com"}, arguments...)...).CombinedOutput(); err != nil {
			b.Fatalf("%v\n%s", err, output)
		}
		return time.Since(start)
	}
	git("init", "--quiet")
	git("add", ".")
	git("commit", "--quiet", "--message", "x")
	var ours, status []time.Duration
	for b.Loop() {
		status = append(status, git("status", "--porcelain"))
		start := time.Now()
		look(b, folder)
		ours = append(ours, time.Since(start))
	}
	slices.Sort(ours)
	slices.Sort(status)
	a, c := ours[len(ours)/2], status[len(status)/2]
	b.ReportMetric(float64(a)/float64(c), "x/git-status")
	b.ReportMetric(float64(a)/1e6, "ms/detect")
	b.ReportMetric(float64(c)/1e6, "ms/git-status")
	b.ReportMetric(0, "ns/op")
}
