//go:build unix

package main

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/kitout/kitout/generator"
	"go.yaml.in/yaml/v3"
)

// terminal is kitout on a terminal, and what it has shown so far.
type terminal struct {
	t       *testing.T
	command *exec.Cmd
	file    *os.File
	news    *sync.Cond
	shown   []byte
	closed  bool
	read    int // how much of shown has been waited for
}

const patience = 20 * time.Second // only a failure takes so long

func onTerminal(t *testing.T, args ...string) *terminal {
	t.Helper()
	return onTerminalWith(t, []string{"TERM=tmux-256color", "NO_COLOR=1", "ACCESSIBLE="}, args...)
}

func onTerminalWith(t *testing.T, environment []string, args ...string) *terminal {
	t.Helper()
	command := kitout(t, args...)
	command.SysProcAttr = nil // pty makes a session
	command.Env = append(command.Env, environment...)
	file, err := pty.StartWithSize(command, &pty.Winsize{Rows: 50, Cols: 120})
	must(t, err)
	term := &terminal{t: t, command: command, file: file, news: sync.NewCond(&sync.Mutex{})}
	go func() {
		buffer := make([]byte, 4096)
		for {
			n, err := file.Read(buffer)
			term.news.L.Lock()
			term.shown = append(term.shown, buffer[:n]...)
			term.closed = err != nil
			term.news.Broadcast()
			term.news.L.Unlock()
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = file.Close()
	})
	return term
}

// colours change the foreground or the background.
var colours = regexp.MustCompile(`\x1b\[(\d+;)*(3[0-8]|4[0-8]|9[0-7]|10[0-7])(;\d+)*m`)

var escapes = regexp.MustCompile(`\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(\x07|\x1b\\)`)

// wait blocks until the words are shown after those of the last wait, and then presses the keys.
func (term *terminal) wait(words, keys string) {
	term.t.Helper()
	term.waitAll(keys, words)
}

// waitAll is wait for several words, one behind the other.
func (term *terminal) waitAll(keys string, words ...string) {
	term.t.Helper()
	timer := time.AfterFunc(patience, func() {
		term.news.L.Lock()
		term.closed = true
		term.news.Broadcast()
		term.news.L.Unlock()
	})
	defer timer.Stop()
	term.news.L.Lock()
	defer term.news.L.Unlock()
	for {
		text := escapes.ReplaceAllString(string(term.shown[term.read:]), "")
		found, rest := true, text
		for _, word := range words {
			if found {
				_, rest, found = strings.Cut(rest, word)
			}
		}
		if found {
			break
		}
		if term.closed {
			term.t.Fatalf("%q was not shown, but\n%s", words, text)
		}
		term.news.Wait()
	}
	term.read = len(term.shown)
	_, err := term.file.WriteString(keys)
	must(term.t, err)
}

// text is what has been shown so far.
func (term *terminal) text() string {
	term.news.L.Lock()
	defer term.news.L.Unlock()
	return string(term.shown)
}

// exits waits for the end and wants an exit code.
func (term *terminal) exits(code int) {
	term.t.Helper()
	timer := time.AfterFunc(patience, func() { _ = term.command.Process.Kill() })
	defer timer.Stop()
	_ = term.command.Wait()
	if got := term.command.ProcessState.ExitCode(); got != code {
		term.t.Fatalf("exit code %d, want %d:\n%s", got, code, term.text())
	}
}

const (
	enter = "\r"
	down  = "\x1b[B"
	ctrlC = "\x03"
	ctrlD = "\x04"
	clear = "\x15" // the line that is being typed
)

func recordOf(t *testing.T, dir string) map[string][]string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, ".kitout/record.yaml"))
	must(t, err)
	var record generator.Record
	must(t, yaml.Unmarshal(data, &record))
	return record.Answers
}

// mainQuestions are those that a terminal asks first, in order.
func mainQuestions(t *testing.T) (asked []*generator.Question) {
	t.Helper()
	catalog, err := loadCatalog()
	must(t, err)
	for _, question := range catalog.Questions {
		if question.Main && len(question.Choices) > 1 {
			asked = append(asked, question)
		}
	}
	return asked
}

// finish gives no domain, changes nothing and writes.
func (term *terminal) finish(dir string) {
	term.t.Helper()
	term.wait("Domain", enter)
	term.write(dir)
}

// write wants that nothing has been written, and agrees to it.
func (term *terminal) write(dir string) {
	term.t.Helper()
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		term.t.Error("something was written before the summary")
	}
	term.wait("Yes, write it", enter)
	term.wait("make setup", "")
	term.exits(exitDone)
}

func TestTerminalDefaults(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "shop")
	term := onTerminal(t, "new", dir, "--no-git")
	term.wait("Start from", enter)
	for _, question := range mainQuestions(t) {
		term.wait(question.Title, enter)
	}
	term.finish(dir)
	if found := colours.Find(term.shown); found != nil {
		t.Errorf("in colour, in spite of NO_COLOR: %q", found)
	}
	answers := recordOf(t, dir)
	for _, question := range mainQuestions(t) {
		if got := answers[question.Name]; len(got) != 1 || got[0] != question.Default {
			t.Errorf("%s is %s", question.Name, got)
		}
	}
}

func TestTerminalChoice(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "shop")
	term := onTerminal(t, "new", dir, "--no-git", "--framework", "flask") // what a flag says is not asked
	want := ""
	term.wait("Start from", enter)
	for _, question := range mainQuestions(t) {
		switch question.Name {
		case "framework":
		case "database":
			want = question.Choices[1]
			term.wait(question.Title, down)
			term.wait("> ", enter) // drawn again
		default:
			term.wait(question.Title, enter)
		}
	}
	term.finish(dir)
	answers := recordOf(t, dir)
	if answers["framework"][0] != "flask" || answers["database"][0] != want {
		t.Errorf("answers: %v", answers)
	}
}

// aborted wants that kitout says so and leaves nothing behind.
func (term *terminal) aborted(parent string) {
	term.t.Helper()
	term.wait("error: interrupted: nothing was written", "")
	term.exits(exitInterrupted)
	if left, err := os.ReadDir(parent); err != nil || len(left) > 0 {
		term.t.Errorf("left: %v, %v", left, err)
	}
}

// mainFlags answer every main question.
func mainFlags(t *testing.T) (flags []string) {
	t.Helper()
	for _, question := range mainQuestions(t) {
		flags = append(flags, "--"+question.Name, question.Default)
	}
	return flags
}

func TestTerminalOfPlainLines(t *testing.T) {
	for name, variable := range map[string]string{"asked for": "ACCESSIBLE=1", "all that the terminal can": "TERM=dumb"} {
		start := func(t *testing.T, dir string) *terminal {
			t.Helper()
			return onTerminalWith(t, []string{"TERM=tmux-256color", "ACCESSIBLE=", variable}, "new", dir, "--no-git")
		}
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "shop")
			term := start(t, dir)
			term.waitAll(enter, "Start from", "Enter a number")
			for range mainQuestions(t) {
				term.wait("Enter a number", enter)
			}
			term.wait("Domain", enter)
			term.waitAll(enter, "1. Yes, write it", "Enter a number")
			term.wait("make setup", "")
			term.exits(exitDone)
			if found := escapes.Find(term.shown); found != nil {
				t.Errorf("moves the cursor or colours: %q", found)
			}
			for _, question := range mainQuestions(t) {
				if got := recordOf(t, dir)[question.Name]; len(got) != 1 || got[0] != question.Default {
					t.Errorf("%s is %s", question.Name, got)
				}
			}
		})
		for key, byte := range map[string]string{"interrupted": ctrlC, "at the end of input": ctrlD} {
			t.Run(name+", "+key, func(t *testing.T) {
				parent := t.TempDir()
				term := start(t, filepath.Join(parent, "shop"))
				term.wait("Enter a number", byte)
				term.aborted(parent)
			})
		}
	}
}

func TestTerminalDeclined(t *testing.T) {
	parent := t.TempDir()
	term := onTerminal(t, append([]string{"new", filepath.Join(parent, "shop"), "--domain", ""}, mainFlags(t)...)...)
	term.wait("Yes, write it", ctrlC)
	term.aborted(parent)
}

func TestTerminalTerminated(t *testing.T) {
	parent := t.TempDir()
	term := onTerminal(t, "new", filepath.Join(parent, "shop"))
	term.wait("Start from", "")
	must(t, term.command.Process.Signal(syscall.SIGTERM))
	term.aborted(parent)
}

// TestTerminalConflict wants that nobody answers questions in vain.
func TestTerminalConflict(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "theirs"), nil, 0o644))
	term := onTerminal(t, "new", dir, "--name", "shop")
	term.wait("error: "+dir+": these files exist already: theirs", "")
	term.exits(exitConflict)
}

func TestTerminalAborted(t *testing.T) {
	for name, keys := range map[string][]string{"at once": {ctrlC}, "at the second question": {enter, ctrlC}} {
		t.Run(name, func(t *testing.T) {
			parent := t.TempDir()
			term := onTerminal(t, "new", filepath.Join(parent, "shop"))
			titles := []string{"Start from"}
			for _, question := range mainQuestions(t) {
				titles = append(titles, question.Title)
			}
			for i, title := range titles[:len(keys)] {
				term.wait(title, keys[i])
			}
			term.aborted(parent)
		})
	}
}

func TestTerminalUndo(t *testing.T) {
	for answer, code := range map[string]int{"n": exitInterrupted, ctrlC: exitInterrupted, "y": exitDone} {
		dir := t.TempDir()
		must(t, os.WriteFile(filepath.Join(dir, "theirs"), nil, 0o644))
		must(t, kitout(t, "new", dir, "--name", "shop", "--no-git", "--yes", "--on-conflict", "keep").Run())
		term := onTerminal(t, "undo", dir)
		term.wait("delete    "+dir+"/Makefile", "")
		term.wait("Take this back?", answer)
		term.exits(code)
		left, err := os.ReadDir(dir)
		must(t, err)
		if (len(left) == 1) != (code == exitDone) {
			t.Errorf("%q: left %v", answer, left)
		}
	}
}
