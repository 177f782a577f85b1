package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kitout/kitout/generator"
	"github.com/kitout/kitout/generator/check"
	"github.com/kitout/kitout/generator/detect"
	"github.com/kitout/kitout/generator/tree"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// checkFlags is what `kitout check` was told.
type checkFlags struct {
	folder    string
	json      bool
	sarif     bool
	rules     bool
	failUnder *value
	section   *value
}

// checked is a repository with what was found in it.
type checked struct {
	folder string
	facts  *detect.Findings
	report *check.Report
	tree   *tree.Tree
}

// scoreError says that a repository is below what was asked for.
type scoreError struct {
	folder        string
	score, wanted int
}

func (e *scoreError) Error() string {
	return fmt.Sprintf("%s: the score is %d, below %d", e.folder, e.score, e.wanted)
}

func newCheck(s streams) *cobra.Command {
	flags := checkFlags{}
	cmd := &cobra.Command{
		Use:   "check [DIR]",
		Short: "Score a repository against the checklist",
		Long: `Read the repository in DIR (default: here), whoever wrote it, and score it
against the nine sections of the checklist: 100 means that nothing is left to do.
Nothing is run or written.

kitout.yaml in the repository says which findings do not count, and why:

  ignore:
    - {rule: image-multi-stage, path: tools/**, reason: built by hand, until: 2027-06-30}`,
		Example: `  kitout check
  kitout check ../shop --section 3
  kitout check --fail-under 80 --sarif > kitout.sarif
  kitout check --rules`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return &generator.UsageError{Flag: "DIR", Problem: "name one folder", Hint: "for example: kitout check ../shop"}
			}
			return nil
		},
		ValidArgsFunction: cobra.FixedCompletions(nil, cobra.ShellCompDirectiveFilterDirs),
		RunE: func(_ *cobra.Command, args []string) error {
			if flags.rules && len(args) > 0 {
				return &generator.UsageError{Flag: "--rules", Problem: "does not go with DIR", Hint: "it lists the rules, which are the same for every repository"}
			}
			flags.folder = cmp.Or(append(args, ".")[0], ".")
			return runCheck(flags, s)
		},
	}
	defined := cmd.Flags()
	defined.SortFlags = false
	defined.BoolVar(&flags.json, "json", false, "print one JSON object on standard output")
	defined.BoolVar(&flags.sarif, "sarif", false, "print SARIF 2.1.0, which code hosts show beside the lines")
	defined.BoolVar(&flags.rules, "rules", false, "list every rule, and why it is one")
	flags.failUnder = define(defined, "fail-under", "N", "exit with 3 below this score (default 100)")
	flags.section = define(defined, "section", "N", "look at one section of the checklist, 1 to 9")
	mustComplete(cmd, "section", []string{"1", "2", "3", "4", "5", "6", "7", "8", "9"})
	return cmd
}

func runCheck(flags checkFlags, s streams) error {
	wanted, err := numberOf("--fail-under", flags.failUnder, 100, 0, 100)
	if err != nil {
		return err
	}
	only, err := numberOf("--section", flags.section, 0, 1, len(check.Titles()))
	if err != nil {
		return err
	}
	if flags.json && flags.sarif {
		return &generator.UsageError{Flag: "--sarif", Problem: "does not go with --json", Hint: "choose one"}
	}
	if flags.rules && flags.sarif {
		return &generator.UsageError{Flag: "--sarif", Problem: "does not go with --rules", Hint: "--rules --json lists them for programs"}
	}
	if flags.rules {
		return printRules(s, flags, only)
	}
	result, err := checkFolder(flags.folder)
	if err != nil {
		return err
	}
	if only > 0 {
		result.report.Only(only)
	}
	for _, ignore := range result.report.Expired {
		fmt.Fprintf(s.err, "warning: %s:%d: the ignore of %s ended on %s\n", check.SettingsFile, ignore.Line, ignore.Rule, ignore.Until)
	}
	if result.report.Empty() {
		fmt.Fprintf(s.err, "warning: %s: there is nothing to judge, neither Python code nor what runs it\n", flags.folder)
	}
	if err := result.print(s, flags); err != nil {
		return err
	}
	if score := result.report.Score(); score < wanted {
		return &scoreError{flags.folder, score, wanted}
	}
	return nil
}

// numberOf reads a flag's value between two bounds.
func numberOf(flag string, given *value, standard, least, most int) (int, error) {
	if given.String() == "" && len(given.words) == 0 {
		return standard, nil
	}
	n, err := strconv.Atoi(given.String())
	if err != nil || n < least || n > most {
		return 0, &generator.UsageError{Flag: flag, Problem: fmt.Sprintf("%q is no whole number from %d to %d", given, least, most)}
	}
	return n, nil
}

// checkFolder reads a folder and judges it.
func checkFolder(folder string) (*checked, error) {
	if info, err := os.Stat(folder); err != nil || !info.IsDir() {
		problem := "is no folder"
		if err != nil {
			problem = generator.Cause(err).Error()
		}
		return nil, &generator.UsageError{Flag: folder, Problem: problem, Hint: "name the folder of a repository"}
	}
	files, err := tree.Read(os.DirFS(folder)) // which lists no links, so none is followed
	if err != nil {
		return nil, fmt.Errorf("%s: %w", folder, generator.Cause(err))
	}
	var ignores []check.Ignore
	if data, there := files.Text(check.SettingsFile); there {
		if ignores, err = check.ParseIgnores(data); err != nil {
			return nil, err
		}
	}
	catalog, err := loadCatalog()
	if err != nil {
		return nil, err
	}
	found, err := detect.Detect(files, ".", catalog)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", folder, err)
	}
	report := check.Run(files, found, check.Options{Ignores: ignores, Now: time.Now()})
	return &checked{folder: folder, facts: found, report: report, tree: files}, nil
}

func (c *checked) print(s streams, flags checkFlags) error {
	switch {
	case flags.json:
		return encode(s, c.json())
	case flags.sarif:
		return encode(s, c.sarif())
	case fancy(s.out):
		c.printTable(s.out)
	default:
		c.printPlain(s.out)
	}
	return nil
}

// fancy reports whether a person reads the output on a terminal.
func fancy(w io.Writer) bool {
	if out, is := w.(*output); is {
		w = out.Writer
	}
	file, is := w.(*os.File)
	return is && term.IsTerminal(int(file.Fd())) && os.Getenv("TERM") != "dumb" && os.Getenv("ACCESSIBLE") == ""
}

// printPlain writes a line for each finding, as compilers do, and a line for each section.
func (c *checked) printPlain(w io.Writer) {
	for _, section := range c.report.Sections {
		for _, finding := range section.Findings {
			if finding.Ignored == "" {
				fmt.Fprintf(w, "%s: %s: %s (%s)\n", cmp.Or(finding.Place(), c.folder), finding.Rule.Severity, finding.Message, finding.Rule.ID)
			}
		}
	}
	for _, section := range c.report.Sections {
		fmt.Fprintf(w, "%d %s: %s\n", section.Number, section.Title, scored(section))
	}
	fmt.Fprintf(w, "score: %d\n", c.report.Score())
}

// scored is a section's score in words.
func scored(section check.Section) string {
	if len(section.Rules) == 0 {
		return "nothing to judge"
	}
	return strconv.Itoa(int(section.Score))
}

// printTable writes the sections, and below them what to do, the worst first.
func (c *checked) printTable(w io.Writer) {
	for _, section := range c.report.Sections {
		open, ignored := 0, 0
		for _, finding := range section.Findings {
			if finding.Ignored == "" {
				open++
			} else {
				ignored++
			}
		}
		fmt.Fprintf(w, "%d  %-15s %s  %s\n", section.Number, section.Title, bar(section), remark(open, ignored))
	}
	for _, group := range grouped(c.report) {
		rule := group[0].Rule
		fmt.Fprintf(w, "\n%s: %s (%s)\n", rule.Severity, rule.Title, rule.ID)
		const most = 5
		for i, finding := range group {
			if i == most {
				fmt.Fprintf(w, "  and %d more\n", len(group)-most)
				break
			}
			if place := finding.Place(); place != "" {
				fmt.Fprintf(w, "  %s  %s\n", place, finding.Message)
			} else {
				fmt.Fprintf(w, "  %s\n", finding.Message)
			}
		}
		fmt.Fprintf(w, "  fix: %s\n", fix(rule))
	}
	fmt.Fprintf(w, "\nScore: %d\n", c.report.Score())
}

const barWidth = 20

// bar shows a score as a row of blocks and a number.
func bar(section check.Section) string {
	if len(section.Rules) == 0 {
		return fmt.Sprintf("%-*s", barWidth+5, "nothing to judge")
	}
	full := int(section.Score) * barWidth / 100
	return strings.Repeat("█", full) + strings.Repeat("░", barWidth-full) + fmt.Sprintf("  %3d", int(section.Score))
}

func remark(open, ignored int) string {
	var parts []string
	if open > 0 {
		parts = append(parts, plural(open, "finding"))
	}
	if ignored > 0 {
		parts = append(parts, fmt.Sprintf("%d ignored", ignored))
	}
	return strings.Join(parts, ", ")
}

func plural(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

// fix says what to do about a rule.
func fix(rule *check.Rule) string {
	if rule.Add == "" {
		return rule.Fix
	}
	return rule.Fix + "; or: kitout add " + rule.Add
}

// grouped are the findings that count, by rule: errors, then warnings, then notes.
func grouped(report *check.Report) (groups [][]check.Finding) {
	index := map[*check.Rule]int{}
	for _, section := range report.Sections {
		for _, finding := range section.Findings {
			if finding.Ignored != "" {
				continue
			}
			i, known := index[finding.Rule]
			if !known {
				i = len(groups)
				index[finding.Rule] = i
				groups = append(groups, nil)
			}
			groups[i] = append(groups[i], finding)
		}
	}
	slices.SortStableFunc(groups, func(a, b []check.Finding) int { return cmp.Compare(b[0].Rule.Severity, a[0].Rule.Severity) })
	return groups
}

// printRules lists the rules, without looking at a repository.
func printRules(s streams, flags checkFlags, only int) error {
	rules := check.Rules()
	if only > 0 {
		rules = slices.DeleteFunc(rules, func(rule *check.Rule) bool { return rule.Section != only })
	}
	if flags.json {
		var listed []listedRule
		for _, rule := range rules {
			listed = append(listed, listedRule{rule.ID, rule.Section, rule.Severity, rule.Title, rule.Why, fix(rule)})
		}
		return encode(s, listed)
	}
	titles, last := check.Titles(), 0
	for _, rule := range rules {
		if rule.Section != last {
			if last > 0 {
				fmt.Fprintln(s.out)
			}
			last = rule.Section
			fmt.Fprintf(s.out, "%d %s\n", last, titles[last-1])
		}
		fmt.Fprintf(s.out, "  %s (%s): %s\n    %s\n    fix: %s\n", rule.ID, rule.Severity, rule.Title, rule.Why, fix(rule))
	}
	return nil
}
