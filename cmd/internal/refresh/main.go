// Command refresh renews what generated repositories pin, proves the outcome, and reports what changed: the packages, by a new
// resolution, and the actions, hooks and images, by a list that somebody has looked up. The tests' own images follow.
//
//	go run ./cmd/internal/refresh [--dry-run] LIST
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

const (
	table   = "generator/lock/packages.txt"
	audit   = "generator/lock/audit.txt"
	outcome = "build/refresh.md"
)

func main() {
	dryRun := flag.Bool("dry-run", false, "say what the list would change, and change nothing")
	flag.Usage = func() { fmt.Fprintln(os.Stderr, "usage: refresh [--dry-run] LIST") }
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(flag.Arg(0), *dryRun); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// run renews the repository in the working directory. The report is written whichever step fails.
func run(list string, dryRun bool) error {
	data, err := os.ReadFile(list)
	if err != nil {
		return err
	}
	pins, err := parsePins(string(data))
	if err != nil {
		return fmt.Errorf("%s: %w", list, err)
	}
	before, err := os.ReadFile(table)
	if err != nil {
		return err
	}
	r := report{}
	if dryRun {
		if r.pins, r.left, err = bump(places, pins, false); err != nil {
			return err
		}
		fmt.Print(r.pinned())
		return nil
	}
	failed := r.prove(steps(pins, &r))
	after, err := os.ReadFile(table)
	if err == nil {
		r.packages = packageChanges(string(before), string(after))
		err = os.MkdirAll(filepath.Dir(outcome), 0o755)
	}
	if err == nil {
		err = os.WriteFile(outcome, []byte(r.text()), 0o644)
	}
	if err == nil {
		fmt.Fprintln(os.Stderr, "see", outcome)
	}
	return errors.Join(failed, err)
}

// step is a part of a refresh: a target of the Makefile, or what is done here.
type step struct {
	name string
	do   func() error
}

// steps are in order; the last one is the proof. Without DATABASES nobody looks for vulnerabilities, which the report says.
func steps(pins map[string]pin, r *report) []step {
	target := func(name string, arguments ...string) step {
		return step{"make " + name, func() error {
			command := exec.Command("make", append([]string{"--no-print-directory", name}, arguments...)...)
			command.Stdout, command.Stderr = os.Stderr, os.Stderr
			return command.Run()
		}}
	}
	all := []step{target("refresh-packages")}
	if databases := os.Getenv("DATABASES"); databases != "" {
		all = append(all, target("audit-packages", "DATABASES="+databases), step{"the report of the audit", func() error {
			findings, err := os.ReadFile(audit)
			r.findings = string(findings)
			return err
		}})
	}
	return append(all, step{"the list of pins", func() (err error) {
		r.pins, r.left, err = bump(places, pins, true)
		return err
	}}, target("golden"), target("test"))
}

// prove takes the steps one after the other until one fails, and notes how each ended.
func (r *report) prove(steps []step) error {
	for _, step := range steps {
		err := step.do()
		r.steps = append(r.steps, stepOutcome{step.name, err})
		if err != nil {
			return errors.Join(fmt.Errorf("%s failed", step.name), err)
		}
	}
	return nil
}
