// Package check holds a repository against the nine sections of the checklist. It reads, and runs nothing. What a repository is made of
// comes from detection's facts; the rules know the files of the tools that they judge.
package check

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/kitout/kitout/generator/detect"
	"github.com/kitout/kitout/generator/tree"
)

// Severity says how much a rule counts when it is broken; its value is the weight in the score.
type Severity int

// What an error breaks is lost or open to others; a warning costs when something goes wrong; a note is what makes work easier.
const (
	Note    Severity = 1
	Warning Severity = 4
	Error   Severity = 10
)

// String is the severity's name, as SARIF calls it.
func (s Severity) String() string {
	return map[Severity]string{Note: "note", Warning: "warning", Error: "error"}[s]
}

// MarshalText writes the name.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a name.
func (s *Severity) UnmarshalText(text []byte) error {
	for _, known := range []Severity{Note, Warning, Error} {
		if known.String() == string(text) {
			*s = known
			return nil
		}
	}
	return fmt.Errorf("unknown severity %q", text)
}

// Titles are the names of the nine sections of the checklist, in their order.
func Titles() []string {
	return []string{
		"Configuration", "Dependencies", "Containers", "Serving", "Database", "Observability", "Security", "Delivery", "Recovery",
	}
}

// Rule is one thing that a production review would raise.
type Rule struct {
	ID       string // stable: ignores and other programs name it
	Section  int    // of the checklist, from 1
	Severity Severity
	Title    string // what holds where the rule is kept
	Why      string // what happens where it is not
	Fix      string // what to do by hand
	Add      string // what `kitout add` would bring for it, or ""

	when  func(*repository) bool      // whether there is something to judge; nil: always
	find  func(*repository) []Finding // nil: what the looks find
	looks []look                      // at every Python file
	words []string                    // that when and find ask the Python files for
}

// findings are all that a rule has to say of a repository, in the order of their places.
func (rule *Rule) findings(r *repository) []Finding {
	var findings []Finding
	if len(rule.looks) > 0 {
		findings = append(findings, r.code().findings[rule.ID]...)
	}
	if rule.find != nil {
		findings = append(findings, rule.find(r)...)
	}
	return sorted(findings)
}

// Finding is one place where a rule is broken.
type Finding struct {
	Rule    *Rule
	Path    string // with slashes, relative to the repository; "" where something is missing
	Line    int    // from 1; 0: the file as a whole
	Message string // what was found, without secrets
	Ignored string // the reason why it does not count, or ""
}

// Section is one of the nine, judged.
type Section struct {
	Number   int
	Title    string
	Rules    []*Rule // that had something to judge
	Findings []Finding
	Score    float64 // 0 to 100; meaningless without Rules
}

// Report is what a check found.
type Report struct {
	Sections []Section // all nine
	Expired  []Ignore  // that would have counted, had their day not passed
}

// Options are what a check goes by besides the repository.
type Options struct {
	Ignores []Ignore
	Now     time.Time // for what ends on a day: the zero time is one before all
}

// Rules returns every rule, by section and then in the order in which they are explained.
func Rules() []*Rule {
	var rules []*Rule
	for i, section := range [][]Rule{
		configuration(),
		dependencies(),
		slices.Concat(imageRules(), composeRules(), kubernetesRules()),
		slices.Concat(serverRules(), proxyRules()),
		database(),
		observability(),
		security(),
		delivery(),
		recovery(),
	} {
		for _, rule := range section {
			rule.Section = i + 1
			rules = append(rules, &rule)
		}
	}
	return rules
}

// Run judges a repository by the facts that were found about it.
func Run(files *tree.Tree, found *detect.Findings, options Options) *Report {
	return run(newRepository(files, found, options.Now), options)
}

func run(r *repository, options Options) *Report {
	report := &Report{}
	for i, title := range Titles() {
		report.Sections = append(report.Sections, Section{Number: i + 1, Title: title})
	}
	expired := map[Ignore]bool{}
	for _, rule := range Rules() {
		if rule.when != nil && !rule.when(r) {
			continue
		}
		section := &report.Sections[rule.Section-1]
		section.Rules = append(section.Rules, rule)
		for _, finding := range rule.findings(r) {
			finding.Rule = rule
			for _, ignore := range options.Ignores {
				if !ignore.covers(finding) {
					continue
				}
				if ignore.expired(options.Now) {
					expired[ignore] = true
					continue
				}
				finding.Ignored = ignore.Reason
			}
			section.Findings = append(section.Findings, finding)
		}
	}
	for i := range report.Sections {
		report.Sections[i].judge()
	}
	for _, ignore := range options.Ignores {
		if expired[ignore] {
			report.Expired = append(report.Expired, ignore)
			delete(expired, ignore)
		}
	}
	return report
}

// sorted orders findings by place, and drops those that say the same of the same line.
func sorted(findings []Finding) []Finding {
	slices.SortStableFunc(findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Message, b.Message))
	})
	return slices.CompactFunc(findings, func(a, b Finding) bool { return a.Path == b.Path && a.Line == b.Line && a.Message == b.Message })
}

// judge computes the score: of the weights of the rules that had something to judge, the share of those that are kept.
func (s *Section) judge() {
	broken := map[*Rule]bool{}
	for _, finding := range s.Findings {
		if finding.Ignored == "" {
			broken[finding.Rule] = true
		}
	}
	kept, all := 0, 0
	for _, rule := range s.Rules {
		all += int(rule.Severity)
		if !broken[rule] {
			kept += int(rule.Severity)
		}
	}
	if all > 0 {
		s.Score = 100 * float64(kept) / float64(all)
	}
}

// Score is the mean of the sections that had something to judge, as a whole number rounded down: 100 means that nothing is left to do. It
// is 0 when there was nothing to judge at all: a check of the wrong folder is no success.
func (r *Report) Score() int {
	sum, sections := 0.0, 0
	for _, section := range r.Sections {
		if len(section.Rules) > 0 {
			sum += section.Score
			sections++
		}
	}
	if sections == 0 {
		return 0
	}
	return int(math.Floor(sum / float64(sections)))
}

// Only leaves the one section of that number, from 1.
func (r *Report) Only(number int) {
	r.Sections = slices.DeleteFunc(r.Sections, func(s Section) bool { return s.Number != number })
}

// Empty reports whether there was nothing to judge.
func (r *Report) Empty() bool {
	return !slices.ContainsFunc(r.Sections, func(s Section) bool { return len(s.Rules) > 0 })
}
