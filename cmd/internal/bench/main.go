// Command bench holds a built kitout against other programs that make or keep repositories, all in one run, and writes the table of
// docs/performance.md.
//
//	go run ./cmd/internal/bench KITOUT TOOLS DOCUMENT
//
// TOOLS is a folder with cookiecutter, copier, django-admin and uv. The programs take turns, so that what else the machine does meets all
// of them; what counts are the medians, and their ratio to the reference of the same rounds.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// rounds are so many that the medians of two runs differ by less than a tenth on a machine that does nothing else.
const rounds = 21

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: bench KITOUT TOOLS DOCUMENT")
		os.Exit(2)
	}
	if err := bench(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// bench measures and puts the outcome between the marks of the document.
func bench(kitout, tools, document string) error {
	folder, err := os.MkdirTemp("", "kitout-bench-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	m := &machine{folder: folder}
	if m.kitout, err = filepath.Abs(kitout); err != nil {
		return err
	}
	if m.tools, err = filepath.Abs(tools); err != nil {
		return err
	}
	var out strings.Builder
	fmt.Fprintf(&out, "\n%s.\n", m.about())
	for _, group := range []func(*machine) (table, error){newRepository, startUp, existing, check} {
		t, err := group(m)
		if err != nil {
			return err
		}
		out.WriteString("\n" + t.markdown())
	}
	row, err := inARow(m)
	if err != nil {
		return err
	}
	out.WriteString("\n" + row + "\n")
	return put(document, out.String())
}

// Between these headings the document has what was measured.
const (
	begin = "## Measured"
	end   = "## Again"
)

func put(document, measured string) error {
	data, err := os.ReadFile(document)
	if err != nil {
		return err
	}
	before, rest, found := strings.Cut(string(data), begin+"\n")
	_, after, ends := strings.Cut(rest, end)
	if !found || !ends {
		return fmt.Errorf("%s: %q or %q is missing", document, begin, end)
	}
	return os.WriteFile(document, []byte(before+begin+"\n"+measured+"\n"+end+after), 0o644)
}

// entry is a program that takes part. Prepare makes what one round needs, outside of the time.
type entry struct {
	name    string
	prepare func(round int) error
	command func(round int) (dir string, args []string)

	times []time.Duration
	peak  float64 // of the resident size, in MiB
}

// table is what one group of programs took; the first entry is the reference.
type table struct {
	title   string
	entries []*entry
}

// measure lets the entries take turns, after one round in which their memory is measured.
func (t table) measure() (table, error) {
	for round := range rounds + 1 {
		for _, e := range t.entries {
			if e.prepare != nil {
				if err := e.prepare(round); err != nil {
					return t, fmt.Errorf("%s: %w", e.name, err)
				}
			}
			dir, args := e.command(round)
			var took time.Duration
			var err error
			if round == 0 {
				e.peak, err = peak(dir, args...)
			} else {
				took, err = timed(dir, args...)
				e.times = append(e.times, took)
			}
			if err != nil {
				return t, fmt.Errorf("%s: %w", e.name, err)
			}
		}
	}
	return t, nil
}

func median(times []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(times))
	return sorted[len(sorted)/2]
}

func (t table) markdown() string {
	text := fmt.Sprintf("| %s | ms | ratio | peak, MiB |\n| --- | ---: | ---: | ---: |\n", t.title)
	reference := median(t.entries[0].times)
	for _, e := range t.entries {
		text += fmt.Sprintf("| %s | %.1f | %.2f | %.0f |\n", e.name,
			float64(median(e.times).Microseconds())/1000, float64(median(e.times))/float64(reference), e.peak)
	}
	return text
}
