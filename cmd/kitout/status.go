package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kitout/kitout/generator"
	"github.com/spf13/cobra"
)

// errFound says that a command has found what it looked for, and has said so.
var errFound = errors.New("")

// statusReport is the JSON form of `kitout status`.
type statusReport struct {
	Folder   string          `json:"folder"`
	Written  string          `json:"written"` // the version that wrote the repository
	Kitout   string          `json:"kitout"`  // this one
	Clean    bool            `json:"clean"`
	Outside  []string        `json:"outside,omitempty"` // its layers that are not built in
	Files    []trackedReport `json:"files"`
	Warnings []string        `json:"warnings,omitempty"`
}

type trackedReport struct {
	Path    string           `json:"path"`
	Layer   string           `json:"layer"`
	Policy  generator.Policy `json:"policy"`
	State   generator.State  `json:"state,omitempty"` // empty: only this version would write it
	Drift   generator.Drift  `json:"drift,omitempty"`
	Pending bool             `json:"pending,omitempty"`
}

func newStatus(s streams) *cobra.Command {
	var asJSON, exitCode bool
	cmd := &cobra.Command{
		Use:   "status [DIR]",
		Short: "List what was edited, is missing, or has drifted",
		Long: `List the files that are not as kitout wrote them:

  edited    you have changed it
  missing   you have deleted it; it stays deleted
  pending   a merge has left conflict markers in it
  drifted   this version of kitout would write something else
            (added or removed: it would write one more, or one less)`,
		Example: `  kitout status
  kitout status ../shop --exit-code`,
		Args:              oneFolder,
		ValidArgsFunction: completeFolders,
		RunE: withCheckout(s, func(c *checkout) error {
			report, err := c.status()
			if err != nil {
				return err
			}
			if err := report.print(s, asJSON); err != nil || report.Clean || !exitCode {
				return err
			}
			return errFound
		}),
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON for programs")
	libraryFlags(cmd, false)
	cmd.Flags().BoolVar(&exitCode, "exit-code", false, "exit with 3 if anything is listed")
	return cmd
}

func (c *checkout) status() (*statusReport, error) {
	report := &statusReport{Folder: filepath.ToSlash(filepath.Clean(c.name)), Written: c.Record.Kitout, Kitout: version(), Clean: true, Outside: c.Record.Outside}
	drift, err := c.drift()
	if usage, is := errors.AsType[*generator.UsageError](err); is {
		report.Warnings = append(report.Warnings, fmt.Sprintf("what this version would write is not known: %v: %s", usage, usage.Hint))
	} else if err != nil {
		return nil, err
	}
	for _, file := range c.Files {
		report.Files = append(report.Files, trackedReport{file.Path, file.Layer, file.Policy, file.State, drift[file.Path].kind, file.Pending})
		delete(drift, file.Path)
	}
	for path, added := range drift {
		report.Files = append(report.Files, trackedReport{Path: path, Layer: added.Layer, Policy: added.Policy, Drift: added.kind})
	}
	slices.SortFunc(report.Files, func(a, b trackedReport) int { return strings.Compare(a.Path, b.Path) })
	report.Clean = !slices.ContainsFunc(report.Files, func(f trackedReport) bool { return len(f.words()) > 0 })
	return report, nil
}

// drifted is a file that this version writes in another way.
type drifted struct {
	generator.File
	kind generator.Drift
}

func (c *checkout) drift() (map[string]drifted, error) {
	plan, err := c.plan()
	if err != nil {
		return nil, err
	}
	files, err := plan.Render()
	if err != nil {
		return nil, err
	}
	result := map[string]drifted{}
	for path, kind := range c.Drift(files) {
		result[path] = drifted{kind: kind}
	}
	for _, file := range files {
		if found, has := result[file.Path]; has {
			result[file.Path] = drifted{file, found.kind}
		}
	}
	return result, nil
}

// words are what there is to say of a file.
func (f trackedReport) words() (words []string) {
	if f.State == generator.Edited || f.State == generator.Missing {
		words = append(words, string(f.State))
	}
	if f.Pending {
		words = append(words, "pending")
	}
	switch f.Drift {
	case generator.DriftNone:
	case generator.DriftChanged:
		words = append(words, "drifted")
	default:
		words = append(words, "drifted ("+string(f.Drift)+")")
	}
	return words
}

func (r *statusReport) print(s streams, asJSON bool) error {
	for _, warning := range r.Warnings {
		fmt.Fprintf(s.err, "warning: %s\n", warning)
	}
	if asJSON {
		return encode(s, r)
	}
	fmt.Fprintf(s.out, "%s: written by kitout %s", r.Folder, r.Written)
	if r.Written != r.Kitout {
		fmt.Fprintf(s.out, ", this is %s", r.Kitout)
	}
	if len(r.Outside) > 0 {
		fmt.Fprintf(s.out, ", with layers that are not built in: %s", strings.Join(r.Outside, ", "))
	}
	if r.Clean {
		fmt.Fprintf(s.out, "\nAll %d files are as they were written.\n", len(r.Files))
		return nil
	}
	fmt.Fprintln(s.out)
	for _, file := range r.Files {
		if words := file.words(); len(words) > 0 {
			fmt.Fprintf(s.out, "  %-18s %s\n", strings.Join(words, ", "), file.Path)
		}
	}
	return nil
}
