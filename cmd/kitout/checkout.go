package main

import (
	"errors"
	"fmt"
	"path"
	"path/filepath"

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
}

// openCheckout opens the repository in a folder, which is to be closed, after what an interrupted run has left there was taken back,
// unless nothing is to be written.
func openCheckout(name string, dry bool, s streams) (c *checkout, err error) {
	c = &checkout{name: name}
	if c.catalog, err = loadCatalog(); err != nil {
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
	recorded := c.Given()
	values := map[string][]string{}
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
