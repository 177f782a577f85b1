//go:build unix

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func textOf(t *testing.T, dir, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	must(t, err)
	return string(data)
}

// ours are files that kitout would write otherwise.
var ours = map[string]string{
	".gitignore": "*.bak\n", ".dockerignore": "*.bak\n", "Makefile": "mine:\n\techo mine\n", "Dockerfile": "FROM scratch\n",
}

// TestTerminalAdd settles each file in another way, in the order of the plan.
func TestTerminalAdd(t *testing.T) {
	dir := sampleOf(t, "flask-single-file", ours)
	before := treeOf(t, dir)
	term := onTerminal(t, "add", "--all", "--dir", dir)
	term.wait(".dockerignore exists, with other content (1 of 4)", enter) // keep is preselected
	term.wait("The same for all others?", enter)                          // and no
	term.wait(".gitignore exists, with other content (2 of 4)", downs(4)+enter)
	term.waitAll(down+enter, "Replaced:", ".gitignore exists, with other content (2 of 4)")
	term.wait("The same for all others?", enter)
	term.wait("Dockerfile exists, with other content (3 of 4)", down+enter) // nothing can be added to a Dockerfile
	term.wait("The same for all others?", enter)
	term.wait("Makefile exists, with other content (4 of 4)", downs(3)+enter)
	term.wait("Write these files?", "")
	wantTree(t, before, treeOf(t, dir), false)
	term.wait("", enter)
	term.exits(exitDone)
	term.showed("framework            flask (", "Merged:", "+.env\n", "Replaced:", "-*.bak\n", "create    "+dir+"/compose.yaml",
		"Keeps                .dockerignore", "Adds to              .gitignore", "Writes beside        Dockerfile", "Replaces             Makefile")
	if got := textOf(t, dir, ".gitignore"); !strings.HasPrefix(got, "*.bak\n") || !strings.Contains(got, "\n.env\n") {
		t.Errorf(".gitignore: %q", got)
	}
	for name, want := range map[string]string{".dockerignore": ours[".dockerignore"], "Dockerfile": ours["Dockerfile"]} {
		if got := textOf(t, dir, name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if !strings.Contains(textOf(t, dir, "Dockerfile"+".kitout-new"), "HEALTHCHECK") || strings.Contains(textOf(t, dir, "Makefile"), "mine") {
		t.Error("the Dockerfile was not written beside, or the Makefile not replaced")
	}
}

// TestTerminalAddSameForAll decides once, in both kinds of prompt.
func TestTerminalAddSameForAll(t *testing.T) {
	for name, test := range map[string]struct{ variable, how, same string }{
		"drawn": {"ACCESSIBLE=", down + enter, "y"}, "plain": {"ACCESSIBLE=1", "2" + enter, "y" + enter},
	} {
		t.Run(name, func(t *testing.T) {
			dir := sampleOf(t, "flask-single-file", ours)
			term := onTerminalWith(t, []string{"TERM=tmux-256color", "NO_COLOR=1", test.variable}, "add", "backup", "--dir", dir)
			term.wait(".dockerignore exists, with other content (1 of 4)", test.how)
			term.wait("The same for all others?", test.same)
			term.wait("Write these files?", "y"+enter)
			term.exits(exitDone)
			for name, text := range ours {
				if got := textOf(t, dir, name); !strings.HasPrefix(got, text) || (got == text) != (name == "Dockerfile") {
					t.Errorf("%s: %q", name, got)
				}
			}
		})
	}
}

// TestTerminalAddInterrupted wants that nothing is written before the last question is answered, and no answer asks when a flag has decided.
func TestTerminalAddInterrupted(t *testing.T) {
	for name, press := range map[string]func(*terminal){
		"at a file":     func(term *terminal) { term.wait("(1 of 4)", ctrlC) },
		"at all others": func(term *terminal) { term.wait("(1 of 4)", enter); term.wait("all others?", ctrlC) },
		"at the summary": func(term *terminal) {
			term.wait("(1 of 4)", enter)
			term.wait("all others?", "y")
			term.wait("Write", "n")
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := sampleOf(t, "flask-single-file", ours)
			before := treeOf(t, dir)
			term := onTerminal(t, "add", "--all", "--dir", dir)
			press(term)
			term.wait("error: interrupted: nothing was written", "")
			term.exits(exitInterrupted)
			wantTree(t, before, treeOf(t, dir), false)
		})
	}
	dir := sampleOf(t, "flask-single-file", ours)
	term := onTerminal(t, "add", "--all", "--dir", dir, "--on-conflict", "beside")
	term.wait("Write these files?", enter)
	term.exits(exitDone)
	if strings.Contains(term.text(), "with other content") || textOf(t, dir, "Makefile") != ours["Makefile"] {
		t.Error("asked what a flag has answered, or did otherwise")
	}
}

// TestTerminalAddWhat offers what no file speaks of, and then what was left out.
func TestTerminalAddWhat(t *testing.T) {
	dir := sampleOf(t, "flask-single-file", map[string]string{".github/workflows/ci.yml": "on: push\njobs: {}\n"})
	term := onTerminal(t, "add", "--dir", dir)
	term.wait("What is to be added, beside the image", " "+enter) // all but the first
	term.wait("Write these files?", enter)
	term.exits(exitDone)
	term.showed("\n  proxy                nginx. TLS", "\n  backup               Daily backups. ", "serves 9 recovery")
	if strings.Contains(term.text(), "CI system: ") {
		t.Error("offers what is there")
	}
	if got := recordOf(t, dir); got["proxy"][0] != "none" || got["metrics"][0] != "prometheus" || got["backup"][0] != "daily" || got["ci"][0] != "none" {
		t.Errorf("answers: %v", got)
	}
	term = onTerminal(t, "add", "--dir", dir)
	term.wait("What is to be added?", enter)
	term.wait(".github/workflows/ci.yml exists, with other content", enter)
	term.wait("Update these files?", enter)
	term.exits(exitDone)
	if got := recordOf(t, dir); got["proxy"][0] != "nginx" || got["ci"][0] != "github" {
		t.Errorf("answers: %v", got)
	}
	term = onTerminal(t, "add", "--dir", dir)
	term.wait("nothing is missing", "")
	term.exits(exitDone)
}

// TestTerminalAddTies asks what the files leave open.
func TestTerminalAddTies(t *testing.T) {
	for sample, test := range map[string]struct{ title, key, want string }{
		"tied-ci":   {"The repository's ci may be one of these.", "ci", "github"},
		"tied-apps": {"The repository's entry may be one of these.", "entry", "intern:app"},
	} {
		t.Run(sample, func(t *testing.T) {
			dir := sampleOf(t, sample, nil)
			term := onTerminal(t, "add", "metrics", "--dir", dir)
			term.wait(test.title, enter)
			term.wait("Write these files?", enter)
			term.exits(exitDone)
			if got := recordOf(t, dir)[test.key]; !slices.Equal(got, []string{test.want}) {
				t.Errorf("%s: %s", test.key, got)
			}
		})
	}
}

// TestTerminalAddService asks which of several services is meant, and writes into its folder alone.
func TestTerminalAddService(t *testing.T) {
	dir := sampleOf(t, "several-services", nil)
	term := onTerminal(t, "add", "metrics", "--dir", dir)
	term.wait("There are several services.", enter)
	term.wait("Dockerfile exists, with other content", enter)
	term.wait("Write these files?", enter)
	term.exits(exitDone)
	if _, err := os.Stat(filepath.Join(dir, ".kitout")); err == nil {
		t.Error("written into the folder of all")
	}
	records, err := filepath.Glob(filepath.Join(dir, "*/*/.kitout/record.yaml"))
	must(t, err)
	if len(records) != 1 {
		t.Errorf("records: %s", records)
	}
}

// TestTerminalUpdate asks about what a merge would leave between markers, and of nothing else.
func TestTerminalUpdate(t *testing.T) {
	for _, test := range []struct {
		name, keys string
		code       int
		left       string
	}{
		{"merged", enter, exitConflict, "<<<<<<< yours"}, // merge is preselected
		{"kept", "\x1b[A" + enter, exitDone, "DATABASE_URL=sqlite:///mine"},
		{"replaced", downs(2) + enter, exitDone, "DATABASE_URL=postgresql://"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "shop")
			commandLine(t, exitDone, "new", dir, "--no-git", "--yes")
			text := textOf(t, dir, ".env.example")
			edited := regexp.MustCompile(`(?m)^DATABASE_URL=.*`).ReplaceAllString(text, "DATABASE_URL=sqlite:///mine")
			must(t, os.WriteFile(filepath.Join(dir, ".env.example"), []byte(edited), 0o644))
			appendTo(t, dir, "Makefile", "\nmine:\n\techo mine\n") // which merges without a conflict
			before := treeOf(t, dir)
			term := onTerminal(t, "update", dir, "--database", "postgres")
			term.wait(".env.example exists, with other content", test.keys)
			term.wait("Update these files?", "")
			wantTree(t, before, treeOf(t, dir), false)
			term.wait("", enter)
			term.exits(test.code)
			if got := textOf(t, dir, ".env.example"); !strings.Contains(got, test.left) || (got == edited) != (test.name == "kept") {
				t.Errorf("left:\n%s", got)
			}
			if !strings.Contains(textOf(t, dir, "Makefile"), "echo mine") {
				t.Error("the Makefile was not merged")
			}
		})
	}
}

// TestTerminalStart offers what can be done with the folder at hand, and does it.
func TestTerminalStart(t *testing.T) {
	start := func(dir string) *terminal {
		t.Helper()
		t.Chdir(dir)
		return onTerminal(t)
	}
	empty, flask := filepath.Join(t.TempDir(), "shop"), sampleOf(t, "flask-single-file", nil)
	must(t, os.Mkdir(empty, 0o755))
	term := start(empty)
	term.wait("shop is empty. What is to be done?", down+enter)
	term.wait("In which folder?", "store"+enter)
	term.wait("Start from", ctrlC)
	term.exits(exitInterrupted)
	term.showed("kitout new . – Write a new repository", "kitout help")

	term = start(flask)
	term.wait("flask-single-file is a folder that kitout has not written into. What is to be done?", enter)
	term.wait("What is to be added", enter)
	term.wait("Write these files?", enter)
	term.exits(exitDone)
	term.showed("kitout add – ", "kitout check – ", "kitout new DIR – ")

	term = onTerminal(t)
	term.wait("flask-single-file is a repository that kitout has written into. What is to be done?", downs(2)+enter)
	term.wait("nothing to do", "")
	term.exits(exitDone)
	term.showed("kitout check – ", "kitout add – ", "kitout update – ", "kitout status – ")
}

func downs(n int) string { return strings.Repeat(down, n) }

// showed wants that the words have been shown, in any order.
func (term *terminal) showed(words ...string) {
	term.t.Helper()
	text := strings.ReplaceAll(escapes.ReplaceAllString(term.text(), ""), "\r\n", "\n")
	for _, word := range words {
		if !strings.Contains(text, word) {
			term.t.Errorf("%q was not shown, but\n%s", word, text)
		}
	}
}
