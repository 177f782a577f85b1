//go:build unix

package main

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"
	"github.com/kitout/kitout/generator"
)

// screen is kitout on a terminal of a size, of which all is known that it shows.
type screen struct {
	t        *testing.T
	command  *exec.Cmd
	file     *os.File
	emulator *vt.SafeEmulator
	drawn    chan struct{} // something was drawn since it was last received from
	pressed  string        // the screen when a key was last pressed
	size     string
}

func onScreen(t *testing.T, folder string, width, height int, args ...string) *screen {
	t.Helper()
	command := kitout(t, args...)
	command.Dir = folder
	command.SysProcAttr = nil // pty makes a session
	command.Env = append(command.Env, "TERM=xterm-256color", "NO_COLOR=1", "ACCESSIBLE=")
	file, err := pty.StartWithSize(command, &pty.Winsize{Rows: uint16(height), Cols: uint16(width)})
	must(t, err)
	s := &screen{t: t, command: command, file: file, emulator: vt.NewSafeEmulator(width, height), drawn: make(chan struct{}, 1)}
	s.size = map[int]string{80: "wide", 40: "narrow"}[width]
	go func() { _, _ = io.Copy(file, s.emulator) }() // what a terminal answers when it is asked what it can
	go func() {
		buffer := make([]byte, 4096)
		for {
			n, err := file.Read(buffer)
			_, _ = s.emulator.Write(buffer[:n])
			select {
			case s.drawn <- struct{}{}:
			default:
			}
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_, _ = command.Process.Wait()
		_ = file.Close()
		_ = s.emulator.Close()
	})
	return s
}

// fileCount is left out of screens: it changes with every file that a layer gets.
var fileCount = regexp.MustCompile(`\b\d+ files`)

func (s *screen) text() string {
	lines := strings.Split(s.emulator.String(), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " \r")
	}
	return fileCount.ReplaceAllString(strings.Trim(strings.Join(lines, "\n"), "\n"), "N files") + "\n"
}

// until waits until the screen is as wanted, and says whether it was.
func (s *screen) until(isWanted func(string) bool) bool {
	deadline := time.After(patience)
	for !isWanted(s.text()) {
		select {
		case <-s.drawn:
		case <-deadline:
			return false
		}
	}
	return true
}

// looksLike wants the screen of that name, and then presses the keys.
func (s *screen) looksLike(name, keys string) {
	s.t.Helper()
	golden := filepath.Join("../../testdata/screens", s.size, name+".txt")
	want, err := os.ReadFile(golden)
	if *update {
		s.settle()
		must(s.t, os.MkdirAll(filepath.Dir(golden), 0o755))
		must(s.t, os.WriteFile(golden, []byte(s.text()), 0o644))
	} else if must(s.t, err); !s.until(func(text string) bool { return text == string(want) }) {
		s.t.Fatalf("%s is not\n%s\nbut\n%s", name, want, s.text())
	}
	s.press(keys)
}

// settle waits until the screen has changed since a key was pressed and stays as it is, for one that is to be written down.
func (s *screen) settle() {
	text := s.pressed
	still := time.NewTimer(patience)
	for {
		select {
		case <-s.drawn:
			if now := s.text(); now != text && now != "\n" {
				text = now
				still.Reset(3 * time.Second)
			}
		case <-still.C:
			return
		}
	}
}

// shows wants words on the screen, and then presses the keys.
func (s *screen) shows(words, keys string) {
	s.t.Helper()
	if !s.until(func(text string) bool { return strings.Contains(text, words) }) {
		s.t.Fatalf("%q is not shown, but\n%s", words, s.text())
	}
	s.press(keys)
}

func (s *screen) press(keys string) {
	s.t.Helper()
	if keys != "" {
		s.pressed = s.text()
	}
	_, err := s.file.WriteString(keys)
	must(s.t, err)
}

// ends waits for the end and wants an exit code.
func (s *screen) ends(code int) {
	s.t.Helper()
	timer := time.AfterFunc(patience, func() { _ = s.command.Process.Kill() })
	defer timer.Stop()
	_ = s.command.Wait()
	if got := s.command.ProcessState.ExitCode(); got != code {
		s.t.Fatalf("exit code %d, want %d:\n%s", got, code, s.text())
	}
}

const escape = "\x1b"

// TestScreens goes through all questions of a new repository, there and back, on a usual terminal and on a narrow one.
func TestScreens(t *testing.T) {
	for size, width := range map[string]int{"wide": 80, "narrow": 40} {
		t.Run(size, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "shop")
			s := onScreen(t, filepath.Dir(dir), width, map[int]int{80: 24, 40: 20}[width], "new", "shop", "--no-git")
			s.looksLike("start", enter)
			s.looksLike("framework", down)
			s.looksLike("framework-django", enter)
			s.looksLike("database", enter)
			s.looksLike("dependencies", enter)
			s.looksLike("ci", enter)
			s.looksLike("domain", escape)
			s.looksLike("ci", enter)
			s.looksLike("domain", "localhost"+enter)
			s.looksLike("domain-refused", clear+enter)
			s.looksLike("review", "/Server")
			s.looksLike("review-filtered", enter)
			s.shows("Gunicorn (recommended)", escape)
			s.change("Backup")
			s.shows("Daily backups (recommended)", down+down+enter)
			s.looksLike("review-no-backup", "")
			if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
				t.Error("something was written before it was agreed to")
			}
			s.press(escape)
			s.looksLike("domain", enter)
			s.looksLike("review-no-backup", enter)
			s.shows("make setup", "")
			s.ends(exitDone)
			if answers := recordOf(t, dir); answers["framework"][0] != "django" || answers["backup"][0] != "none" {
				t.Errorf("answers: %v", answers)
			}
		})
	}
}

// TestScreenOfWhatIsRecommended wants that it follows from the framework, wherever that comes from.
func TestScreenOfWhatIsRecommended(t *testing.T) {
	for name, test := range map[string]struct{ start, framework, want string }{
		"FastAPI": {enter, enter, "Pydantic Settings (recommended)"},
		"Django":  {enter, down + enter, "Environment variables (recommended)"},
		"preset":  {"/Django" + enter + enter, "", "Environment variables (recommended)"},
	} {
		t.Run(name, func(t *testing.T) {
			s := onScreen(t, "", 80, 24, "new", filepath.Join(t.TempDir(), "shop"), "--no-git")
			s.shows("Start from", test.start)
			questions := []string{"What locks", "What tests every change", "Domain"}
			if test.framework != "" {
				s.shows("The web framework", test.framework)
				questions = append([]string{"Where the rows live"}, questions...)
			}
			for _, question := range questions {
				s.shows(question, enter)
			}
			s.shows("Is it this?", "")
			s.change("Settings")
			s.shows(test.want, ctrlC)
			s.ends(exitInterrupted)
		})
	}
}

// TestScreenOfPreset wants that nothing is asked which the preset answers, and that its answers can be changed.
func TestScreenOfPreset(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "shop")
	s := onScreen(t, "", 80, 24, "new", dir, "--no-git", "--domain", "")
	s.shows("Start from", "/Flask")
	s.shows("/Flask", enter)
	s.shows("What locks", enter)
	s.shows("What tests every change", enter)
	s.change("Framework")
	s.shows("The web framework", "/Django")
	s.shows("/Django", enter)
	s.shows("Yes, write it", enter)
	s.shows("make setup", "")
	s.ends(exitDone)
	if answers := recordOf(t, dir); answers["framework"][0] != "django" || answers["database"][0] != "mysql" {
		t.Errorf("answers: %v", answers)
	}
}

// TestScreenOfIncompatible wants a choice that does not go with another one to be shown with the reason, and to be refused.
func TestScreenOfIncompatible(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "shop")
	s := onScreen(t, "", 80, 24, append([]string{"new", dir, "--no-git", "--domain", ""}, mainFlags(t)...)...)
	s.change("Deployment")
	s.shows("How a release", "")
	s.looksLike("incompatible", down+enter)
	s.shows("* does not go with database=sqlite", ctrlC)
	s.shows("interrupted: nothing was written", "")
	s.ends(exitInterrupted)
	if left, err := os.ReadDir(filepath.Dir(dir)); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// TestScreenOfImpossibleFlags wants that flags that do not go together with a default lead to an answer that does.
func TestScreenOfImpossibleFlags(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "shop")
	s := onScreen(t, "", 80, 24, append([]string{"new", dir, "--no-git", "--domain", "", "--deploy", "kubernetes", "--proxy", "none"}, mainFlags(t)...)...)
	s.shows("The replicas on a cluster share", "/Database")
	s.shows("/Database", enter)
	s.shows("Where the rows live", "/more than one writer")
	s.shows("/more than one writer", enter)
	s.shows("Yes, write it", "")
	must(t, s.command.Process.Signal(syscall.SIGTERM))
	s.ends(exitInterrupted)
}

// change goes to an answer in the list of all of them, by its title.
func (s *screen) change(title string) {
	s.t.Helper()
	s.shows("Yes, write it", "/"+title)
	s.shows("/"+title, enter)
}

func freeHelp(key string) string {
	i := slices.IndexFunc(generator.Free, func(free generator.FreeAnswer) bool { return free.Key == key })
	return generator.Free[i].Help
}

func TestScreenCustomised(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "shop")
	s := onScreen(t, "", 120, 50, append([]string{"new", dir, "--no-git", "--image", "registry.example.com/shop"}, mainFlags(t)...)...)
	s.shows("Domain", "localhost"+enter)
	s.shows(`"localhost" is not a host name`, clear+"shop.example.com"+enter)
	s.shows("E-mail", "admin@example.com"+enter)
	catalog, err := loadCatalog()
	must(t, err)
	for _, question := range catalog.Questions {
		if !question.Main && len(question.Choices) > 1 {
			s.change(question.Title)
			s.shows(question.Help, enter)
		}
	}
	s.change("Name")
	s.shows(freeHelp("name"), clear+"my-store"+enter)
	s.change("Package")
	s.shows(freeHelp("package"), clear+"tests"+enter)
	s.shows(`"tests" is a folder of the repository`, clear+"stock"+enter)
	s.change("Python")
	s.shows(freeHelp("python"), down)
	s.shows("> ", enter)
	s.change("Index")
	s.shows(freeHelp("index-url"), "packages.example.com"+enter)
	s.shows("is no address of an index", clear+"https://packages.example.com/simple"+enter)
	s.shows("Yes, write it", enter)
	s.shows("make setup", "")
	s.ends(exitDone)
	pythons, err := catalog.Pythons()
	must(t, err)
	answers := recordOf(t, dir)
	for key, want := range map[string]string{
		"domain": "shop.example.com", "email": "admin@example.com", "name": "my-store", "package": "stock",
		"image": "registry.example.com/shop", "python": pythons[1], "index-url": "https://packages.example.com/simple",
	} {
		if got := answers[key]; len(got) != 1 || got[0] != want {
			t.Errorf("%s is %s, not %s", key, got, want)
		}
	}
}
