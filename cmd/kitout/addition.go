package main

import (
	"context"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/Masterminds/semver/v3"
	"github.com/kitout/kitout/generator"
	"github.com/kitout/kitout/generator/detect"
	"github.com/kitout/kitout/generator/tree"
)

// addition is what is to be added to a repository that kitout has not written into.
type addition struct {
	catalog  *generator.Catalog
	folder   *generator.Folder
	name     string // the folder, as the user named it
	findings *detect.Findings
	tree     *tree.Tree
	plan     *generator.Plan
	warnings []string
}

// lookAt finds out what an application in a folder has made of itself.
func lookAt(catalog *generator.Catalog, folder *generator.Folder, name string) (a *addition, err error) {
	a = &addition{catalog: catalog, folder: folder, name: name}
	if a.tree, err = tree.Read(folder.FS()); err != nil {
		return nil, fmt.Errorf("%s: %w", name, generator.Cause(err))
	}
	a.findings, err = detect.Detect(a.tree, ".", catalog)
	return a, err
}

// decide makes the plan of what was found, given and wanted.
func (a *addition) decide(wanted map[string][]string, all bool, given []generator.Given) error {
	options, table, err := options()
	if err != nil {
		return err
	}
	decided := decidedBy(given, wanted)
	if err := a.service(decided); err != nil {
		return err
	}
	if err := a.findings.Tie(decided); err != nil {
		return err
	}
	absolute, err := filepath.Abs(a.name)
	if err != nil {
		return err
	}
	found := a.found()
	for {
		sources := append([]generator.Given{found}, given...)
		sources = append(sources, a.asked(wanted, all, found, decided))
		answers, err := a.catalog.Resolve(filepath.Base(absolute), table.Provides, sources...)
		if err != nil {
			return err
		}
		a.plan, err = a.catalog.NewPlan(answers, options)
		if err == nil {
			return errors.Join(a.packageIsFree(answers.Package), a.manifestIsThere())
		}
		if !a.forget(found, err, decided) {
			return err
		}
	}
}

// hasServices says whether the applications are in folders of their own, of which none has been chosen.
func (a *addition) hasServices(decided func(string) bool) bool {
	return len(a.findings.Projects) > 0 && !decided("entry") && a.findings.Value("entry") == ""
}

// service refuses a folder without an application, or with several.
func (a *addition) service(decided func(string) bool) error {
	known := func(key string) bool { return decided(key) || a.findings.Value(key) != "" }
	framework := a.findings.Value("framework")
	switch {
	case a.hasServices(decided):
		var folders []string
		for _, project := range a.findings.Projects {
			folders = append(folders, fmt.Sprintf("%s (%s)", path.Join(filepath.ToSlash(a.name), project.Path), project.Framework))
		}
		return &generator.UsageError{Flag: "--dir", Problem: "there are several services", Hint: "name the folder of one: " + strings.Join(folders, ", ")}
	case !known("framework"):
		return &generator.UsageError{
			Flag: "--framework", Problem: "no file tells which framework this is written in",
			Hint: "give it with --framework, and the application with --entry; kitout new writes a new repository",
		}
	case !decided("framework") && a.findings.Given(a.catalog).Values["framework"] == nil:
		return &generator.UsageError{
			Flag: "--framework", Problem: fmt.Sprintf("%s was found (%s), which kitout has no layer for", framework, places(a.findings.Facts["framework"].Evidence)),
			Hint: generator.Hint("", a.catalog.Question("framework").Choices),
		}
	case !known("entry"):
		return &generator.UsageError{Flag: "--entry", Problem: "no file tells what a server loads", Hint: "give it: --entry shop.web:app, or with () for a factory"}
	}
	return nil
}

// found are the answers that the repository's files give.
func (a *addition) found() generator.Given {
	found := a.findings.Given(a.catalog)
	take := func(key, value string) {
		if value != "" {
			found.Values[key] = []string{value}
		}
	}
	take("name", generator.ProjectName(a.findings.Value(detect.Name)))
	if root := a.findings.Value(detect.Root); root != "." {
		take("source", root)
	}
	for _, key := range []string{"entry", "migrate", "test", "settings-module", "url-scheme"} {
		take(key, a.findings.Value(key))
	}
	if static := a.findings.Value(detect.Static); static != "" && len(a.tree.Glob(static+"/**")) > 0 {
		take("static", static)
	}
	if files := a.manifests(); len(files) > 0 {
		found.Values["manifest"] = files
	}
	take("python", newestAllowed(a.findings.Value(detect.Python), a.pythons()))
	return found
}

func (a *addition) pythons() []string {
	pythons, _ := a.catalog.Pythons()
	return pythons
}

var (
	// compatible is `~=3.10` and `~=3.10.2`: the last part may grow.
	compatible = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`~=\s*(\d+\.\d+)(\.\d+)?`) })
	// upTo is `<=3.12`, which 3.12.1 is beyond.
	upTo = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`<=\s*(\d+\.\d+)(\s*(?:,|$))`) })
)

// newestAllowed is the newest of the images' versions, the newest first, that a requirement allows: ">=3.10,<3.13", "^3.11", "3.12". It is "" if
// there is none, or the requirement cannot be read. An image has the latest release of its version.
func newestAllowed(requirement string, images []string) string {
	requirement = compatible().ReplaceAllStringFunc(requirement, func(part string) string {
		if strings.Count(part, ".") == 1 {
			return strings.Replace(part, "~=", "^", 1)
		}
		return strings.Replace(part, "~=", "~", 1)
	})
	requirement = upTo().ReplaceAllString(requirement, "<=$1.0$2")
	allowed, err := semver.NewConstraint(strings.ReplaceAll(requirement, "==", "="))
	if err != nil {
		return ""
	}
	for _, image := range images {
		const latest = ".99"
		if version, err := semver.NewVersion(image + latest); err == nil && allowed.Check(version) {
			return image
		}
	}
	return ""
}

// lockable is what `uv pip compile` takes for a manifest.
func lockable(file string) bool {
	switch path.Base(file) {
	case "pyproject.toml", "setup.py", "setup.cfg":
		return true
	}
	return strings.HasSuffix(file, ".txt") || strings.HasSuffix(file, ".in")
}

// manifests are those that can be locked, the leading one first.
func (a *addition) manifests() (files []string) {
	for _, file := range a.findings.Facts[detect.Manifest].Value {
		if lockable(file) {
			files = append(files, file)
		}
	}
	return files
}

// asked are the answers that follow from what is to be added: what may be left alone is, unless it is wanted.
func (a *addition) asked(wanted map[string][]string, all bool, found generator.Given, decided func(string) bool) generator.Given {
	asked := generator.Given{Origin: "add %s", Values: map[string][]string{}}
	for _, question := range a.catalog.Questions {
		choices, is := wanted[question.Name]
		switch {
		case len(choices) > 0:
			asked.Values[question.Name] = choices
		case is && found.Values[question.Name] == nil && !decided(question.Name):
			asked.Values[question.Name] = a.catalog.Default(question)
		case !is && !all && !decided(question.Name) && slices.Contains(question.Choices, nothing):
			asked.Values[question.Name] = []string{nothing}
		}
	}
	return asked
}

// forget drops an answer that was found, and does not go with another one; what was said stays.
func (a *addition) forget(found generator.Given, err error, decided func(string) bool) bool {
	usage, is := errors.AsType[*generator.UsageError](err)
	if !is || !usage.Combination {
		return false
	}
	flag, choice, _ := strings.Cut(strings.TrimPrefix(usage.Flag, "--"), " ")
	if decided(flag) || !slices.Contains(found.Values[flag], choice) {
		return false
	}
	delete(found.Values, flag)
	a.warnings = append(a.warnings, fmt.Sprintf("%s %s was found (%s), but it %s", flag, choice, places(a.findings.Facts[flag].Evidence), usage.Problem))
	return true
}

// places names at most two pieces of evidence.
func places(evidence []detect.Evidence) string {
	var all []string
	for _, e := range evidence[:min(2, len(evidence))] {
		all = append(all, e.String())
	}
	return strings.Join(all, ", ")
}

// packageIsFree refuses a package that is there already: what stands in it would be kept, and miss what belongs to it.
func (a *addition) packageIsFree(name string) error {
	if len(a.tree.Glob(name+"/**")) == 0 {
		return nil
	}
	return &generator.UsageError{
		Flag: "--package", Problem: fmt.Sprintf("there is a folder %s, which is to hold what stands around the application", name), Hint: "choose another with --package",
	}
}

// manifestIsThere refuses a dependency tool that has nothing to lock.
func (a *addition) manifestIsThere() error {
	name := manifest(a.plan)
	if a.tree.Has(name) {
		return nil
	}
	return &generator.UsageError{
		Flag: "--manifest", Problem: fmt.Sprintf("there is no %s that declares the packages", name), Hint: "name the file with --manifest, or another tool with --deps",
	}
}

func (a *addition) write(ctx context.Context, resolution generator.Resolution, ask bool, flags addFlags, s streams) (err error) {
	build := func(d generator.Decisions) ([]generator.Change, error) {
		changes, err := a.plan.Build(a.folder.Fs)
		if err != nil {
			return nil, err
		}
		err = generator.Decide(flags.folder, changes, d)
		if conflict, is := errors.AsType[*generator.ConflictError](err); is {
			conflict.Hint = "nothing was changed; --on-conflict keep, merge, beside or replace settles it"
		}
		return changes, err
	}
	decisions := generator.Decisions{Otherwise: resolution}
	if ask && flags.onConflict.unsaid() {
		if decisions, err = settle(ctx, a.name, build, func(c generator.Change) bool { return c.Disputed }, decisions, s); err != nil {
			return err
		}
	}
	changes, err := build(decisions)
	if err != nil {
		return err
	}
	report := a.newReport(changes)
	if flags.dryRun || flags.diff {
		return report.print(s, flags.outputFlags)
	}
	if ask {
		report.list(s.err)
		report.summary(s.err)
		if err := agree(ctx, "Write these files?", s); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := a.folder.Write(changes, func(string) error { return nil }); err != nil {
		return err
	}
	report.Written = true
	return report.print(s, flags.outputFlags)
}

// tell shows what was found, and where.
func (a *addition) tell(s streams) {
	fmt.Fprintln(s.err, "Found:")
	for _, key := range append(questionNames(a.catalog), "entry") {
		if fact, found := a.findings.Facts[key]; found {
			fmt.Fprintf(s.err, "  %-20s %s (%s)\n", key, fact, places(fact.Evidence))
		}
	}
}

func (a *addition) newReport(changes []generator.Change) *report {
	r := newReport(a.catalog, a.plan, a.name, changes)
	r.Warnings = append(a.warnings, r.Warnings...)
	for _, free := range generator.FreeExisting {
		r.Answers[free.Key] = a.plan.Answers.Value(free.Key)[0]
	}
	var kept []string
	for _, change := range changes {
		if change.Status == generator.Keep && change.Policy != generator.Secret {
			kept = append(kept, change.Path)
		}
	}
	if len(kept) > 0 {
		r.Warnings = append(r.Warnings, fmt.Sprintf("kept as they are: %s; --on-conflict merge adds what they lack, beside writes the new ones beside them", strings.Join(kept, ", ")))
	}
	for _, question := range []string{"database", "deps", "server"} {
		if fact := a.findings.Facts[question]; len(fact.Value) > 0 && !slices.Contains(a.catalog.Question(question).Choices, fact.Value[0]) {
			r.Warnings = append(r.Warnings, fmt.Sprintf("%s %s was found (%s), which kitout has no layer for; what is written takes %s",
				question, fact, places(fact.Evidence), strings.Join(a.plan.Answers.Choices[question], ", ")))
		}
	}
	if fact := a.findings.Facts[detect.Python]; len(fact.Value) > 0 && newestAllowed(fact.Value[0], a.pythons()) == "" {
		r.Warnings = append(r.Warnings, fmt.Sprintf("python %s was found (%s), which kitout has no image for; what is written takes %s",
			fact, places(fact.Evidence), a.plan.Answers.Python))
	}
	if place := a.databaseElsewhere(); place != "" {
		r.Warnings = append(r.Warnings, place+": let the application take its database from the variable DATABASE_URL")
	}
	return r
}

// databaseElsewhere returns where the application chooses its database, if none of its files reads DATABASE_URL. A framework with a
// settings module gets it by way of that.
func (a *addition) databaseElsewhere() string {
	fact := a.findings.Facts["database"]
	if a.plan.Answers.Settings != "" || len(fact.Evidence) == 0 {
		return ""
	}
	for _, file := range a.tree.Glob("*.py") {
		if text, _ := a.tree.Text(file); strings.Contains(strings.ToUpper(string(text)), "DATABASE_URL") {
			return ""
		}
	}
	return places(fact.Evidence[:1])
}
