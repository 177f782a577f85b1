//go:build linux

package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestServeStartsABrowser lets the page be opened on a terminal by a stand-in for the system's opener, whose arguments everybody may read:
// the address that it gets is good once, and the one on the terminal still is. Ctrl-C is the ordinary end.
func TestServeStartsABrowser(t *testing.T) {
	folder := t.TempDir()
	opened := filepath.Join(folder, "opened")
	must(t, os.WriteFile(filepath.Join(folder, "xdg-open"), []byte("#!/bin/sh\nprintf '%s' \"$1\" >"+opened+".part && mv "+opened+".part "+opened+" && echo opener ended >/dev/tty\n"), 0o700))
	term := onTerminalWith(t, []string{"TERM=tmux-256color", "PATH=" + folder + string(os.PathListSeparator) + os.Getenv("PATH")}, "serve")
	term.wait("opener ended", "")
	got, err := os.ReadFile(opened)
	must(t, err)
	base, ticket, found := strings.Cut(string(got), "/#")
	if !found || strings.Contains(term.text(), ticket) {
		t.Fatalf("opened %q; shown: %s", got, term.text())
	}
	for _, want := range []int{http.StatusOK, http.StatusForbidden} {
		response, err := http.Post(base+"/api/session", "application/json", strings.NewReader(`{"key":"`+ticket+`"}`))
		must(t, err)
		must(t, response.Body.Close())
		if response.StatusCode != want {
			t.Errorf("status %d, want %d", response.StatusCode, want)
		}
	}
	if !strings.Contains(term.text(), base+"/#") {
		t.Errorf("the address is not shown: %s", term.text())
	}
	_, err = term.file.WriteString(ctrlC)
	must(t, err)
	term.exits(exitDone)
}
