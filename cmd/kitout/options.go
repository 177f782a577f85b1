package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kitout/kitout/generator"
	"github.com/spf13/cobra"
)

// offeredQuestion and offeredChoice are the JSON form of what can be chosen.
type offeredQuestion struct {
	Name    string          `json:"name"`
	Title   string          `json:"title"`
	Help    string          `json:"help"`
	Default string          `json:"default"`
	Several bool            `json:"several"`
	Main    bool            `json:"main"`
	Facts   []declaredFact  `json:"facts"` // what every choice states
	Choices []offeredChoice `json:"choices"`
}

type offeredChoice struct {
	Name     string `json:"name"`
	Title    string `json:"title"`
	Help     string `json:"help"`
	Sections []int  `json:"sections"`
}

// declaredFact is the JSON form of a fact that each choice of a question states.
type declaredFact struct {
	Name string `json:"name"`
	Type string `json:"type"`
	By   string `json:"by,omitempty"` // an axis: a table with a value for each of its values
	Help string `json:"help"`
}

func newOptions(s streams) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "options",
		Short: "List the questions and their choices",
		Long: `List the questions and their choices: the built-in ones, and those of your own.
Each question is a flag of kitout new, add and update.`,
		Example: "  kitout options\n  kitout options --json",
		Args:    noArguments,
		RunE: func(*cobra.Command, []string) error {
			catalog, err := s.library.catalog()
			if err != nil {
				return err
			}
			questions, err := offered(catalog)
			if err != nil {
				return err
			}
			if asJSON {
				return encode(s, questions)
			}
			for i, question := range questions {
				if i > 0 {
					fmt.Fprintln(s.out)
				}
				fmt.Fprintf(s.out, "--%s  %s\n", question.Name, question.Help)
				for _, choice := range question.Choices {
					note := ""
					if choice.Name == question.Default {
						note = " (default)"
					}
					fmt.Fprintf(s.out, "  %-12s %s\n", choice.Name, strings.TrimSpace(choice.Title+". "+choice.Help)+note)
				}
			}
			fmt.Fprintln(s.out)
			for _, free := range generator.Free {
				fmt.Fprintf(s.out, "--%-12s %s\n", free.Key, free.Help)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON for programs")
	libraryFlags(cmd, true)
	return cmd
}

func offered(catalog *generator.Catalog) ([]offeredQuestion, error) {
	defaults, err := catalog.Defaults()
	if err != nil {
		return nil, err
	}
	var questions []offeredQuestion
	for _, q := range catalog.Questions {
		question := offeredQuestion{Name: q.Name, Title: q.Title, Help: q.Help, Default: defaults[q.Name][0], Several: q.Several, Main: q.Main, Facts: []declaredFact{}}
		for _, name := range slices.Sorted(maps.Keys(q.Facts)) {
			fact := q.Facts[name]
			question.Facts = append(question.Facts, declaredFact{name, fact.Type, fact.By, fact.Help})
		}
		for _, name := range q.Choices {
			layer, err := catalog.Layer(q.Name, name)
			if err != nil {
				return nil, err
			}
			question.Choices = append(question.Choices, offeredChoice{name, layer.Title, layer.Help, layer.Sections})
		}
		questions = append(questions, question)
	}
	return questions, nil
}
