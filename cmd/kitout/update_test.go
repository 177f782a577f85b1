package main

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/kitout/kitout/generator"
	"github.com/kitout/kitout/templates"
)

// olderTemplates are the built-in ones with changes: texts are replaced in files, and files come and go.
func olderTemplates(t *testing.T, changes map[string]func(string) string) fs.FS {
	t.Helper()
	older := fstest.MapFS{}
	must(t, fs.WalkDir(templates.FS, ".", func(name string, entry fs.DirEntry, err error) error {
		must(t, err)
		if entry.IsDir() {
			return nil
		}
		data, err := fs.ReadFile(templates.FS, name)
		must(t, err)
		older[name] = &fstest.MapFile{Data: data, Mode: 0o444}
		return nil
	}))
	for name, change := range changes {
		text := ""
		if older[name] != nil {
			text = string(older[name].Data)
		}
		changed := change(text)
		if changed == text {
			t.Fatalf("%s is not what the test takes it for", name)
		}
		if changed == "" {
			delete(older, name)
		} else {
			older[name] = &fstest.MapFile{Data: []byte(changed), Mode: 0o444}
		}
	}
	return older
}

// writeWith generates a repository with templates of another version.
func writeWith(t *testing.T, fsys fs.FS, version, dir string, given ...generator.Given) {
	t.Helper()
	catalog, err := generator.LoadCatalog(fsys)
	must(t, err)
	options := testOptions(t)
	options.Kitout = version
	answers, err := catalog.Resolve(filepath.Base(dir), nil, given...)
	must(t, err)
	plan, err := catalog.NewPlan(answers, options)
	must(t, err)
	folder, err := generator.OpenFolder(dir)
	must(t, err)
	defer func() { must(t, folder.Close()) }()
	changes, err := plan.Build(folder.Fs)
	must(t, err)
	must(t, folder.Write(changes, func(string) error { return nil }))
}

// commandLine runs kitout, and returns what it says.
func commandLine(t *testing.T, code int, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, words bytes.Buffer
	if got := run(t.Context(), args, streams{in: strings.NewReader(""), out: &out, err: &words}); got != code {
		t.Fatalf("kitout %s: exit code %d, want %d\n%s", strings.Join(args, " "), got, code, &words)
	}
	return out.String(), words.String()
}

func replacing(old, new string) func(string) string {
	return func(text string) string { return strings.ReplaceAll(text, old, new) }
}

// TestUpdateFromOlderTemplates generates with templates of another version, lets a user edit, and updates to the built-in ones: the
// result is what `kitout new` writes, with the edits.
func TestUpdateFromOlderTemplates(t *testing.T) {
	older := olderTemplates(t, map[string]func(string) string{
		"base/application=new/files/.editorconfig": replacing("root = true", "root = false"),
		"base/files/OLD.md":                        func(string) string { return "# Old\n" },
		"base/files/MOVED.yaml":                    func(string) string { return "never: mind\n" },
		"parts/notes/layer.yaml":                   replacing("title: ", "title: Older "),
		"server/gunicorn/layer.yaml":               replacing("title: ", "title: Older "),
		"base/files/%package%/pages.py":            func(text string) string { return "# older\n" + text },
	})
	dir := filepath.Join(t.TempDir(), "shop")
	writeWith(t, older, "0.1.0", dir)
	appendTo(t, dir, "Makefile", "\nmine:\n\techo mine\n")
	appendTo(t, dir, "OLD.md", "mine\n")
	appendTo(t, dir, "shop/pages.py", "# mine\n")

	status, _ := commandLine(t, exitDone, "status", dir)
	for _, line := range []string{"written by kitout 0.1.0, this is dev", "  edited             Makefile", "  drifted            .editorconfig", "  edited, drifted    shop/pages.py", "drifted (removed)  MOVED.yaml"} {
		if !strings.Contains(status, line) {
			t.Errorf("status lacks %q:\n%s", line, status)
		}
	}
	_, words := commandLine(t, exitDone, "update", dir)
	if !strings.Contains(words, "warning: OLD.md: belongs to nothing that was chosen") {
		t.Errorf("not a word of OLD.md: %s", words)
	}
	status, _ = commandLine(t, exitDone, "status", dir)
	if strings.Contains(status, "drifted") || strings.Contains(status, "OLD.md") {
		t.Errorf("left after the update:\n%s", status)
	}

	fresh := filepath.Join(t.TempDir(), "shop")
	commandLine(t, exitDone, "new", fresh, "--no-git", "--yes")
	want, got := contents(t, fresh), contents(t, dir)
	want["/Makefile"] += "\nmine:\n\techo mine\n"
	want["/shop/pages.py"] += "# mine\n"
	want["/OLD.md"] = "-rw-r--r-- # Old\nmine\n"
	delete(want, "/.env")
	delete(got, "/.env")
	for name := range want {
		if got[name] != want[name] {
			t.Errorf("%s differs", name)
		}
		delete(got, name)
	}
	for name := range got {
		t.Errorf("%s is too many", name)
	}
	if said, _ := commandLine(t, exitDone, "update", dir); !strings.HasSuffix(said, ": nothing to do\n") {
		t.Errorf("another update: %s", said)
	}
}

func appendTo(t *testing.T, dir, name, text string) {
	t.Helper()
	file, err := os.OpenFile(filepath.Join(dir, name), os.O_APPEND|os.O_WRONLY, 0)
	must(t, err)
	_, err = file.WriteString(text)
	must(t, err)
	must(t, file.Close())
}

// TestUpdateAcrossAnswers updates from each choice of a question to each other one, and wants what `kitout new` writes with it.
func TestUpdateAcrossAnswers(t *testing.T) {
	catalog, err := loadCatalog()
	must(t, err)
	for _, question := range catalog.Questions {
		for i, choice := range question.Choices {
			next := question.Choices[(i+1)%len(question.Choices)]
			if next == choice {
				continue
			}
			t.Run(question.Name+"="+choice+"-"+next, func(t *testing.T) {
				t.Parallel()
				from, to := filepath.Join(t.TempDir(), "shop"), filepath.Join(t.TempDir(), "shop")
				more := []string{"--no-git", "--yes", "--index-url", "https://packages.example.com/simple"}
				if question.Name == "server" {
					more = append(more, "--framework", "flask") // which goes with all of them
				}
				if question.Name == "framework" {
					more = append(more, "--config", "environ") // an update leaves it as it is, whatever another framework recommends
				}
				if question.Name == "secrets" {
					more = append(more, "--deploy", "kubernetes")
				}
				if question.Name == "deploy" || question.Name == "secrets" {
					more = append(more, "--database", "postgres", "--proxy", "none")
				}
				commandLine(t, exitDone, append([]string{"new", from, "--" + question.Name, choice}, more...)...)
				commandLine(t, exitDone, append([]string{"new", to, "--" + question.Name, next}, more...)...)
				commandLine(t, exitDone, "update", from, "--"+question.Name, next)
				want, got := contents(t, to), contents(t, from)
				for name := range want {
					if name != "/.env" && name != "/uv.lock" && name != "/.kitout/record.yaml" && got[name] != want[name] {
						t.Errorf("%s differs", name)
					}
					delete(got, name)
				}
				for name, text := range got {
					if !strings.HasPrefix(text, "d") { // an empty folder is nothing to git
						t.Errorf("%s is too many", name)
					}
				}
			})
		}
	}
}
