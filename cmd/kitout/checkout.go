package main

import (
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kitout/kitout/generator"
	"github.com/kitout/kitout/generator/lock"
	"github.com/spf13/cobra"
)

// checkout is a repository that kitout has written, with what this version of kitout makes of its answers.
type checkout struct {
	*generator.Repository
	folder  *generator.Folder
	name    string // the folder, as the user named it
	catalog *generator.Catalog
	options generator.Options
	table   *lock.Table
	without bool // the layers from outside that the repository has are knowingly left out
}

// openCheckout opens the repository in a folder, which is to be closed, after what an interrupted run has left there was taken back,
// unless nothing is to be written.
func openCheckout(name string, dry bool, s streams) (c *checkout, err error) {
	c = &checkout{name: name, without: s.library.without}
	if c.catalog, err = s.library.catalog(); err != nil {
		return nil, err
	}
	if c.options, c.table, err = options(); err != nil {
		return nil, err
	}
	if c.folder, err = generator.OpenFolder(name); err != nil {
		return nil, err
	}
	if !c.folder.Exists {
		return nil, &generator.UsageError{Flag: "DIR", Problem: fmt.Sprintf("%s does not exist", name), Hint: "name the folder of a repository"}
	}
	if err = recoverFolder(c.folder, dry, s); err == nil {
		c.Repository, err = generator.OpenRepository(c.folder.Fs)
	}
	if problem, is := errors.AsType[*generator.FileError](err); is {
		err = &generator.FileError{Path: path.Join(filepath.ToSlash(name), problem.Path), Problem: problem.Problem, Hint: problem.Hint}
	}
	if err != nil {
		return nil, errors.Join(err, c.folder.Close())
	}
	return c, nil
}

func (c *checkout) Close() { _ = c.folder.Close() }

// answers are those of the record, but for the ones that are given otherwise: a choice that is no more can be replaced.
func (c *checkout) answers(given ...generator.Given) (*generator.Answers, error) {
	if err := c.layersAreThere(); err != nil {
		return nil, err
	}
	recorded := c.Given()
	values := map[string][]string{}
	for _, free := range generator.Free {
		values[free.Key] = []string{""} // not the default of whoever runs this: the record leaves out what is empty
	}
	for key, value := range recorded.Values {
		values[key] = value
	}
	for _, source := range given {
		for key := range source.Values {
			delete(values, key)
		}
	}
	recorded.Values = values
	absolute, err := filepath.Abs(c.name)
	if err != nil {
		return nil, err
	}
	return c.catalog.Resolve(filepath.Base(absolute), c.table.Provides, append([]generator.Given{recorded}, given...)...)
}

// missingLayers are those from outside that the repository was made of, and that are not at hand.
func (c *checkout) missingLayers() (missing []string) {
	for _, id := range c.Record.Outside {
		if !slices.Contains(c.catalog.Outside(), id) {
			missing = append(missing, id)
		}
	}
	return missing
}

// layersAreThere refuses to go on without layers that the repository was made of: all that they brought would look dropped.
func (c *checkout) layersAreThere() error {
	missing := c.missingLayers()
	if len(missing) == 0 || c.without {
		return nil
	}
	return &generator.UsageError{
		Flag: "--" + templatesFlag, Problem: "the repository has layers that are not built in, and not at hand: " + strings.Join(missing, ", "),
		Hint: "name their folder, or lay it into kitout's configuration; --templates '' does without them",
	}
}

// plan is made of the answers of the record and of others.
func (c *checkout) plan(given ...generator.Given) (*generator.Plan, error) {
	answers, err := c.answers(given...)
	if err != nil {
		return nil, err
	}
	plan, err := c.catalog.NewPlan(answers, c.options)
	if err != nil {
		return nil, err
	}
	return plan, c.keepUvLock(plan)
}

// manifest is the file that declares the packages.
func manifest(plan *generator.Plan) string {
	name, _ := plan.Fact("deps", "manifest").(string)
	return name
}

// keepUvLock takes the uv.lock that is there as long as the manifest stays the same: kitout itself cannot write a whole one.
func (c *checkout) keepUvLock(plan *generator.Plan) error {
	tracked, declared := c.File(uvLock), c.File(manifest(plan))
	if tracked == nil || declared == nil {
		return nil
	}
	files, err := plan.Render()
	if err != nil {
		return err
	}
	base, _ := declared.Text()
	_, disk := tracked.Text()
	for _, file := range files {
		if file.Path == declared.Path && string(file.Content) == string(base) && disk != nil {
			plan.SetLock(uvLock, disk)
		}
	}
	return nil
}

// oneFolder takes the folder as the only argument, or none for the one at hand.
func oneFolder(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		return &generator.UsageError{Flag: cmd.CommandPath(), Problem: fmt.Sprintf("takes one folder, but got %q as well", args[1]), Hint: helpHint(cmd)}
	}
	return nil
}

func folderOf(args []string) string {
	if len(args) == 0 || args[0] == "" {
		return "."
	}
	return args[0]
}

// withCheckout makes the run function of a command that reads one repository.
func withCheckout(s streams, run func(*checkout) error) func(*cobra.Command, []string) error {
	return func(_ *cobra.Command, args []string) error {
		c, err := openCheckout(folderOf(args), true, s)
		if err != nil {
			return err
		}
		defer c.Close()
		return run(c)
	}
}

var completeFolders = cobra.FixedCompletions(nil, cobra.ShellCompDirectiveFilterDirs)
