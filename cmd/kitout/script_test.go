package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "write the golden trees and the expected output of scripts again")

func TestMain(m *testing.M) {
	if strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe") != "kitout" { // the tests themselves, not the command that they run
		os.Setenv("XDG_CONFIG_HOME", os.DevNull) // nothing of whoever runs them
	}
	testscript.Main(m, map[string]func(){"kitout": main, "kitout-counted": allocating})
}

// TestScript runs testdata/script/*.txtar through the real command.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "../../testdata/script",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("GIT_CONFIG_NOSYSTEM", "1")
			env.Setenv("GIT_CONFIG_GLOBAL", "/dev/null") // no identity, whoever runs the tests
			env.Setenv("KITOUT_BIN", filepath.SplitList(env.Getenv("PATH"))[0])
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "json": jsonValue, "tree": listTree, "same": sameTree, "again": again},
	})
}

// exits CODE COMMAND… wants one exit code: `exits 2 kitout new`.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	if exit, is := errors.AsType[*exec.ExitError](err); is {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s\n%s", code, args[0], ts.ReadFile("stderr"))
	}
}

// json FILE KEY… VALUE wants that the file is one JSON value, and what stands at the keys in it.
func jsonValue(ts *testscript.TestScript, neg bool, args []string) {
	decoder := json.NewDecoder(strings.NewReader(ts.ReadFile(args[0])))
	var value any
	ts.Check(decoder.Decode(&value))
	if decoder.More() {
		ts.Fatalf("%s holds more than one value", args[0])
	}
	for _, key := range args[1 : len(args)-1] {
		switch inner := value.(type) {
		case map[string]any:
			value = inner[key]
		case []any:
			i, err := strconv.Atoi(key)
			ts.Check(err)
			value = inner[i]
		}
	}
	got, err := json.Marshal(value)
	ts.Check(err)
	if want := args[len(args)-1]; (string(got) == want) == neg {
		ts.Fatalf("%v is %s, want %s", args[1:len(args)-1], got, want)
	}
}

// tree DIR prints the modes and paths in a folder but those of .git.
func listTree(ts *testscript.TestScript, _ bool, args []string) {
	walkTree(ts, args[0], func(name string, mode fs.FileMode) { _, _ = fmt.Fprintln(ts.Stdout(), mode, name) })
}

func walkTree(ts *testscript.TestScript, dir string, visit func(name string, mode fs.FileMode)) {
	root := ts.MkAbs(dir)
	ts.Check(filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		ts.Check(err)
		if entry.Name() == ".git" {
			return fs.SkipDir
		}
		info, err := entry.Info()
		ts.Check(err)
		name, err := filepath.Rel(root, path)
		visit(name, info.Mode())
		return err
	}))
}

// same DIR DIR [PATH…] wants the same paths, modes and bytes in both folders, but for the bytes of the paths.
func sameTree(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: same DIR DIR [PATH…]")
	}
	trees := [2]map[string]string{{}, {}}
	for i := range trees {
		walkTree(ts, args[i], func(name string, mode fs.FileMode) {
			text := mode.String()
			if mode.IsRegular() && !slices.Contains(args[2:], name) {
				text += " " + ts.ReadFile(filepath.Join(args[i], name))
			}
			trees[i][name] = text
		})
	}
	diff := cmp.Diff(trees[0], trees[1])
	if (diff == "") == neg {
		ts.Fatalf("%s and %s: %s", args[0], args[1], diff)
	}
}

// again FILE runs the command that stands in a report of kitout.
func again(ts *testscript.TestScript, _ bool, args []string) {
	var report struct{ Command []string }
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &report))
	ts.Check(ts.Exec(report.Command[0], report.Command[1:]...))
}
