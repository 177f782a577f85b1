package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// calls is the record of the programs that the backup scripts called, with their arguments.
type calls struct {
	t    testing.TB
	file string
}

// recordCalls puts a recorder in front of every program that is handed a password.
func (r *repository) recordCalls() calls {
	r.t.Helper()
	dir := r.t.TempDir()
	c := calls{r.t, filepath.Join(dir, "calls")}
	writeFile(r.t, c.file, "")
	for _, name := range []string{"psql", "pg_dump", "pg_restore", "mariadb", "mariadb-dump"} {
		program, err := exec.LookPath(name)
		if err != nil {
			r.t.Fatalf("%v; run e2e/setup", err)
		}
		recorder := fmt.Sprintf("#!/bin/sh\nprintf '%%s\\n' \"$0 $*\" >>'%s'\nexec '%s' \"$@\"\n", c.file, program)
		writeFile(r.t, filepath.Join(dir, name), recorder)
		if err := os.Chmod(filepath.Join(dir, name), 0o755); err != nil {
			r.t.Fatal(err)
		}
	}
	r.env = append(r.env, "PATH="+dir+string(filepath.ListSeparator)+r.getenv("PATH"))
	return c
}

// hidePassword expects the record to have no password, and not to be empty if something was to be called.
func (c calls) hidePassword(called bool) {
	c.t.Helper()
	record := readFile(c.t, c.file)
	if called != (record != "") {
		c.t.Errorf("the record of the calls is %q", record)
	}
	if strings.Contains(record, passwordMark) {
		c.t.Errorf("a command line has the password:\n%s", record)
	}
}

// processesHidePassword looks at the command line of every process of this machine.
func (r *repository) processesHidePassword() {
	r.t.Helper()
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil || len(lines) == 0 {
		r.t.Fatalf("no processes: %v", err)
	}
	for _, name := range lines {
		line, err := os.ReadFile(name)
		if err == nil && strings.Contains(string(line), passwordMark) { // an error: it has ended meanwhile
			r.t.Errorf("%s has the password: %q", name, line)
		}
	}
}
