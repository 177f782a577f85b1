package check

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/kitout/kitout/generator"
	"go.yaml.in/yaml/v3"
)

// SettingsFile is the file in a repository that says which findings its owners live with.
const SettingsFile = "kitout.yaml"

// Ignore is one rule that does not count, somewhere or everywhere, and why.
type Ignore struct {
	Rule   string
	Path   string // a glob; "": everywhere
	Reason string
	Until  string // the last day on which it counts, as 2027-01-31; "": always
	Line   int    // where it stands
}

const day = "2006-01-02"

func (i Ignore) covers(finding Finding) bool {
	if i.Rule != finding.Rule.ID {
		return false
	}
	matched, err := doublestar.Match(i.Path, finding.Path)
	return i.Path == "" || err == nil && matched
}

func (i Ignore) expired(now time.Time) bool { return i.Until != "" && now.Format(day) > i.Until }

// settings is the form of the file.
type settings struct {
	Ignore []struct {
		Rule   yaml.Node `yaml:"rule"`
		Path   string    `yaml:"path"`
		Reason string    `yaml:"reason"`
		Until  string    `yaml:"until"`
	} `yaml:"ignore"`
}

// ParseIgnores reads SettingsFile. An unknown rule, a missing reason and a day that is none are mistakes of usage.
func ParseIgnores(data []byte) ([]Ignore, error) {
	var parsed settings
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)
	if err := decoder.Decode(&parsed); err != nil && !errors.Is(err, io.EOF) {
		return nil, &generator.UsageError{Flag: SettingsFile, Problem: generator.YAMLProblem(err), Hint: form}
	}
	var ids []string
	known := map[string]bool{}
	for _, rule := range Rules() {
		ids, known[rule.ID] = append(ids, rule.ID), true
	}
	var ignores []Ignore
	for i, entry := range parsed.Ignore {
		ignore := Ignore{entry.Rule.Value, entry.Path, entry.Reason, entry.Until, entry.Rule.Line}
		fail := func(problem, hint string) error {
			where := fmt.Sprintf("%s: ignore %d", SettingsFile, i+1)
			if ignore.Line > 0 {
				where = fmt.Sprintf("%s:%d", SettingsFile, ignore.Line)
			}
			return &generator.UsageError{Flag: where, Problem: problem, Hint: hint}
		}
		if !known[ignore.Rule] {
			return nil, fail(fmt.Sprintf("unknown rule %q", ignore.Rule), near(ignore.Rule, ids))
		}
		if ignore.Reason == "" {
			return nil, fail("the reason is missing", "say why "+ignore.Rule+" does not matter here, with reason:")
		}
		if _, err := time.Parse(day, ignore.Until); ignore.Until != "" && err != nil {
			return nil, fail(fmt.Sprintf("until: %q is no day", ignore.Until), "write it as 2027-01-31")
		}
		if !doublestar.ValidatePattern(ignore.Path) {
			return nil, fail(fmt.Sprintf("path: %q is no pattern", ignore.Path), "a path with * and **, relative to the repository")
		}
		ignores = append(ignores, ignore)
	}
	return ignores, nil
}

const form = "its form is ignore: [{rule: …, path: …, reason: …, until: 2027-01-31}]; path and until may be left out"

// near does not list a hundred rules.
func near(word string, ids []string) string {
	if nearest := generator.Nearest(word, ids); nearest != "" {
		return fmt.Sprintf("did you mean %q? kitout check --rules lists all", nearest)
	}
	return "kitout check --rules lists all"
}
