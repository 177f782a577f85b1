package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	parent := t.TempDir()
	var words bytes.Buffer
	code := run(ctx, []string{"new", filepath.Join(parent, "a", "shop"), "--yes"}, streams{in: strings.NewReader(""), out: io.Discard, err: &words})
	if code != exitInterrupted || words.String() != "error: interrupted: nothing was written\n" {
		t.Errorf("exit code %d, %q", code, &words)
	}
	if left, err := os.ReadDir(parent); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

func TestFlagsOfTheHelp(t *testing.T) {
	for name, command := range map[string]*cobra.Command{"new": newNew(streams{}, true), "update": newUpdate(streams{}, true)} {
		var help bytes.Buffer
		if code := run(t.Context(), []string{"help", name}, streams{in: strings.NewReader(""), out: &help, err: io.Discard}); code != exitDone {
			t.Errorf("exit code %d", code)
		}
		for line := range strings.Lines(help.String()) {
			if len(strings.TrimSuffix(line, "\n")) > helpWidth {
				t.Errorf("too long for a terminal: %s", line)
			}
		}
		command.Flags().VisitAll(func(flag *pflag.Flag) {
			if !strings.Contains(help.String(), "--"+flag.Name+" ") {
				t.Errorf("--%s is not in the help", flag.Name)
			}
			if flag.Annotations[sectionMark] == nil {
				t.Errorf("--%s has no section", flag.Name)
			}
		})
	}
}

// TestWordsTooMany are refused by what is wrong with them.
func TestWordsTooMany(t *testing.T) {
	for line, want := range map[string]string{
		"help new extra":        "error: kitout help: kitout new has no command \"extra\"\n",
		"help extra":            "error: kitout: unknown command \"extra\"\n",
		"check --rules .":       "error: --rules: does not go with DIR\n",
		"check --rules --sarif": "error: --sarif: does not go with --rules\n",
	} {
		if _, said := commandLine(t, exitUsage, strings.Fields(line)...); !strings.HasPrefix(said, want) {
			t.Errorf("kitout %s: %q, want %q", line, said, want)
		}
	}
}
