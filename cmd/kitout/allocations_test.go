package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// allocating is kitout, which prints in the place of all else how often its process has allocated, what packages do at their
// initialisation included.
func allocating() {
	code := run(context.Background(), os.Args[1:], streams{in: os.Stdin, out: io.Discard, err: os.Stderr})
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	fmt.Println(memory.Mallocs)
	os.Exit(code)
}

// TestAllocations holds what commands allocate below a ceiling, a fifth above what it was when that was set. Unlike seconds, it is the same
// on every machine: a command that begins to read what it does not need, such as all layers, goes through it.
func TestAllocations(t *testing.T) {
	binary, err := os.Executable()
	must(t, err)
	folder := filepath.Join(t.TempDir(), "shop")
	allocations := func(line string) int {
		t.Helper()
		command := exec.Command(binary)
		command.Args = append([]string{"kitout-counted"}, strings.Fields(strings.ReplaceAll(line, "FOLDER", folder))...) // testscript.Main goes by the name
		command.Env = append(os.Environ(), "GOMAXPROCS=2")                                                               // each worker parses for itself
		output, err := command.Output()
		must(t, err)
		count, err := strconv.Atoi(strings.TrimSpace(string(output)))
		must(t, err)
		return count
	}
	for _, command := range []struct {
		line    string
		ceiling int
	}{
		{"version", 9_400},
		{"options", 42_700},
		{"__complete new --framework=", 16_200},
		{"new FOLDER --no-git", 106_000},
		{"check FOLDER", 180_000},
		{"diff FOLDER", 38_900},
		{"update FOLDER --ci gitlab --dry-run", 137_000},
		{"add traces=opentelemetry --dir FOLDER --dry-run", 155_000},
	} {
		if count := allocations(command.line); count > command.ceiling {
			t.Errorf("%s: %d allocations, more than %d", command.line, count, command.ceiling)
		}
	}
}
