package main

import (
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kitout/kitout/cmd/internal/covering"
	"github.com/kitout/kitout/generator"
	"github.com/spf13/cobra"
)

func newLayer(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "layer COMMAND",
		Short: "Write and check layers of your own",
		Long: `Write and check layers of your own: choices that kitout does not have, or files in
the place of built-in ones. A folder of them is laid over the built-in layers, by
--templates or as the folder templates of kitout's configuration.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return knownCommand(cmd, args)
			}
			return cmd.Help()
		},
	}
	cmd.AddCommand(newLayerCheck(s), newLayerNew(s), newLayerCopy(s))
	return cmd
}

// ownFolder is the folder of layers that a command names, or else the one of the configuration.
func ownFolder(args []string) (string, error) {
	if len(args) > 0 && args[0] != "" {
		return args[0], nil
	}
	folder := configuration()
	if folder == "" {
		return "", &generator.UsageError{Flag: "DIR", Problem: "name the folder of the layers", Hint: "there is no place for a configuration on this machine"}
	}
	return filepath.Join(folder, templatesFlag), nil
}

// layerProblem is something wrong with layers, and answers with which it shows.
type layerProblem struct {
	Problem string `json:"problem"`
	With    string `json:"with,omitempty"`
}

// layerReport is what `kitout layer check` says; its JSON form is an interface.
type layerReport struct {
	Folder       string         `json:"folder"`
	Layers       []string       `json:"layers"`
	Combinations int            `json:"combinations"`
	Problems     []layerProblem `json:"problems"`
}

func newLayerCheck(s streams) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check [DIR]",
		Short: "Check a folder of layers",
		Long: `Read the layers in DIR (default: the folder templates of kitout's configuration)
over the built-in ones, and write repositories, into memory alone, in which each of
their choices meets every other choice, and what several choices share meets each of
them. The exit code is 3 if something is wrong.`,
		Example: `  kitout layer check
  kitout layer check ../our-layers --json`,
		Args:              oneFolder,
		ValidArgsFunction: completeFolders,
		RunE: func(_ *cobra.Command, args []string) error {
			folder, err := ownFolder(args)
			if err != nil {
				return err
			}
			catalog, err := library{templates: folder}.layers()
			if err != nil {
				return err
			}
			if len(catalog.Outside()) == 0 {
				return &generator.UsageError{Flag: "DIR", Problem: folder + " has no layers", Hint: "name the folder above those of the questions, as kitout layer new makes it"}
			}
			report, err := checkLayers(catalog, filepath.ToSlash(filepath.Clean(folder)))
			if err != nil {
				return err
			}
			return report.print(s, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON for programs")
	return cmd
}

// mostPlans bounds the search for combinations that no layer refuses: a few seconds.
const mostPlans = 400

// checkLayers renders a sample in which all that is from outside meets everything else.
func checkLayers(catalog *generator.Catalog, folder string) (*layerReport, error) {
	report := &layerReport{Folder: folder, Layers: catalog.Outside(), Problems: []layerProblem{}}
	options, _, err := options()
	if err != nil {
		return nil, err
	}
	options.DefaultIndex = func() (string, error) { return "https://packages.example.com/simple", nil } // whatever this machine has
	parameters, wanted := meetingsOf(catalog)
	plans, refused := map[string]*generator.Plan{}, map[string]bool{}
	rows, _ := covering.Array(parameters, wanted, func(row []int) bool {
		name := covering.Describe(parameters, row)
		if _, known := plans[name]; !known && !refused[name] {
			if len(plans)+len(refused) == mostPlans {
				return false
			}
			plan, err := samplePlan(catalog, options, parameters, row)
			if usage, is := errors.AsType[*generator.UsageError](err); is && usage.Combination {
				refused[name] = true
			} else {
				plans[name] = plan // nil: it is broken, as others will be
				report.add(err, name)
			}
		}
		return !refused[name]
	})
	met := map[string]bool{}
	for _, row := range rows {
		name := covering.Describe(parameters, row)
		plan := plans[name]
		if plan == nil {
			continue
		}
		for _, layer := range plan.Layers {
			met[layer.ID] = true
		}
		_, err := plan.Build(nil)
		report.add(err, name)
	}
	report.Combinations = len(rows)
	for _, id := range report.Layers {
		if len(report.Problems) == 0 && !met[id] {
			report.Problems = append(report.Problems, layerProblem{Problem: id + ": no combination of answers has it"})
		}
	}
	return report, nil
}

// add notes an error, the same one once.
func (r *layerReport) add(err error, combination string) {
	if err == nil {
		return
	}
	for _, problem := range strings.Split(err.Error(), "\n") {
		if !slices.ContainsFunc(r.Problems, func(p layerProblem) bool { return p.Problem == problem }) {
			r.Problems = append(r.Problems, layerProblem{problem, combination})
		}
	}
}

// meetingsOf returns what is varied, and which values have to meet: each choice from outside every other value. Where several choices
// have something from outside, by the base or a part, every value has to be there once.
func meetingsOf(catalog *generator.Catalog) (parameters []covering.Parameter, wanted []covering.Meeting) {
	parameters = []covering.Parameter{{Key: "domain", Values: []string{"", "shop.example.com"}}, {Key: "entry", Values: []string{"", "shop.web:app"}}}
	for _, question := range catalog.Questions {
		values := slices.Clone(question.Choices)
		if question.Several && len(values) > 1 {
			values = append(values, strings.Join(question.Choices, ","))
		}
		parameters = append(parameters, covering.Parameter{Key: question.Name, Values: values})
	}
	outside := catalog.Outside()
	everywhere := slices.ContainsFunc(outside, func(id string) bool { return id == generator.BaseLayer || path.Dir(id) == generator.PartsFolder })
	concerns := func(m covering.Meeting) bool {
		return slices.ContainsFunc(m, func(v covering.Value) bool {
			return slices.Contains(outside, parameters[v.Parameter].Key+"/"+parameters[v.Parameter].Values[v.Value])
		})
	}
	for a := range parameters {
		if everywhere {
			wanted = append(wanted, covering.Meetings(parameters, a)...)
		}
		for b := range a {
			for _, m := range covering.Meetings(parameters, a, b) {
				if concerns(m) {
					wanted = append(wanted, m)
				}
			}
		}
	}
	return parameters, wanted
}

func samplePlan(catalog *generator.Catalog, options generator.Options, parameters []covering.Parameter, row []int) (*generator.Plan, error) {
	given := generator.Given{Origin: "%s", Values: map[string][]string{}}
	for i, parameter := range parameters {
		given.Values[parameter.Key] = strings.Split(parameter.Values[row[i]], ",")
	}
	answers, err := catalog.Resolve("shop", nil, given)
	if err != nil {
		return nil, err
	}
	return catalog.NewPlan(answers, options)
}

func (r *layerReport) print(s streams, asJSON bool) error {
	if asJSON {
		if err := encode(s, r); err != nil {
			return err
		}
	} else {
		for _, problem := range r.Problems {
			fmt.Fprintf(s.out, "%s/%s\n", r.Folder, problem.Problem)
			if problem.With != "" {
				fmt.Fprintf(s.out, "  with %s\n", problem.With)
			}
		}
		if len(r.Problems) == 0 {
			fmt.Fprintf(s.out, "%s: %s in %d combinations: nothing is wrong\n", r.Folder, strings.Join(r.Layers, ", "), r.Combinations)
		}
	}
	if len(r.Problems) > 0 {
		return errFound
	}
	return nil
}
