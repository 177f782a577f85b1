package main

import (
	"io"
	"strings"
	"testing"
)

// TestAllocations holds what commands allocate below a ceiling, a fifth above what it was when that was set. Unlike seconds, it is the same
// on every machine: a command that begins to read what it does not need, such as all layers, goes through it.
func TestAllocations(t *testing.T) {
	folder := t.TempDir()
	for line, ceiling := range map[string]float64{
		"version":                     370,
		"options":                     41_500,
		"__complete new --framework=": 7_100,
		"new FOLDER --dry-run":        102_500,
		"new FOLDER --dry-run --deploy kubernetes --database postgres": 124_500,
	} {
		args := strings.Fields(strings.Replace(line, "FOLDER", folder+"/shop", 1))
		allocations := testing.AllocsPerRun(3, func() {
			if code := run(t.Context(), args, streams{in: strings.NewReader(""), out: io.Discard, err: io.Discard}); code != exitDone {
				t.Errorf("%s: exit code %d", line, code)
			}
		})
		if allocations > ceiling {
			t.Errorf("%s: %.0f allocations, more than %.0f", line, allocations, ceiling)
		}
	}
}
