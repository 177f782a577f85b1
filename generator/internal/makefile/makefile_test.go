package makefile

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const sample = `SHELL := /bin/bash
export A = b: c
.PHONY: all lint
all: lint test ## Everything
lint types:: deps
	@ruff check . \
		--quiet
	-mypy

test: lint
	pytest # all

deps: circle
	pip install
circle: deps
	true
`

func TestCommands(t *testing.T) {
	t.Parallel()
	file := Parse(sample)
	deps := []Line{{"true", 16}, {"pip install", 14}}
	lint := append(deps, Line{"ruff check . --quiet", 6}, Line{"mypy", 8})
	for target, want := range map[string][]Line{
		"deps": deps, "lint": lint, "types": lint, "all": append(lint, Line{"pytest # all", 11}), "nothing": nil,
	} {
		if diff := cmp.Diff(want, file.Commands(target)); diff != "" {
			t.Errorf("%s: %s", target, diff)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(sample)
	f.Add("a: a\n\tb \\\n")
	f.Fuzz(func(t *testing.T, text string) {
		file := Parse(text)
		for target := range file.rules {
			for _, line := range file.Commands(target) {
				if line.Line < 1 || line.Line > strings.Count(text, "\n")+1 {
					t.Errorf("%+v", line)
				}
			}
		}
	})
}
