package main

import (
	"context"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kitout/kitout/cmd/internal/prompt"
	"github.com/kitout/kitout/generator"
	"github.com/kitout/kitout/generator/detect"
)

// nothing is the choice by which a question is answered with leaving it alone.
const nothing = "none"

// offer is what answers a question that has been left alone.
type offer struct {
	question *generator.Question
	choice   string
	layer    *generator.Layer
}

// missing offers what answers the questions that may be left alone, and are, as lacks says.
func missing(catalog *generator.Catalog, lacks func(*generator.Question) bool) (offers []offer, err error) {
	for _, question := range catalog.Questions {
		choices := others(question)
		if len(choices) == len(question.Choices) || len(choices) == 0 || !lacks(question) {
			continue
		}
		choice := question.Default
		if choice == nothing {
			choice = choices[0]
		}
		layer, err := catalog.Layer(question.Name, choice)
		if err != nil {
			return nil, err
		}
		offers = append(offers, offer{question, choice, layer})
	}
	return offers, nil
}

// askWhat shows what each offer brings and which sections of production.md it serves, and lets the user choose.
func askWhat(ctx context.Context, title string, offers []offer, s streams) (map[string][]string, error) {
	wanted := map[string][]string{}
	if len(offers) == 0 {
		return wanted, nil
	}
	var options []prompt.Option
	fmt.Fprintln(s.err, "Missing:")
	for _, o := range offers {
		serves := strings.Join(sectionsOf(o.layer.Sections), ", ")
		fmt.Fprintf(s.err, "  %-20s %s. %s\n  %-20s serves %s\n", o.question.Name, o.layer.Title, o.layer.Help, "", serves)
		options = append(options, prompt.Option{Label: o.question.Title + ": " + o.layer.Title, Value: o.question.Name + "=" + o.choice})
	}
	chosen, err := prompt.Several(ctx, title, options, s.in, s.err)
	for _, pair := range chosen {
		question, choice, _ := strings.Cut(pair, "=")
		wanted[question] = []string{choice}
	}
	return wanted, interrupted(err)
}

// askWhat lets the user choose among what no file speaks of. What needs no choice, such as the image, comes with it.
func (a *addition) askWhat(ctx context.Context, s streams) (map[string][]string, error) {
	offers, err := missing(a.catalog, func(question *generator.Question) bool {
		_, found := a.findings.Facts[question.Name]
		return !found
	})
	if err != nil {
		return nil, err
	}
	return askWhat(ctx, "What is to be added, beside the image, its server and the scripts?", offers, s)
}

// askService lets the user choose one of several services, and returns its folder.
func (a *addition) askService(ctx context.Context, s streams) (string, error) {
	var options []prompt.Option
	for _, project := range a.findings.Projects {
		folder := path.Join(filepath.ToSlash(a.name), project.Path)
		options = append(options, prompt.Option{Label: fmt.Sprintf("%s (%s)", folder, project.Framework), Value: folder})
	}
	chosen, err := prompt.One(ctx, "There are several services. Which one is meant?", options, "", s.in, s.err)
	return filepath.FromSlash(chosen), interrupted(err)
}

// askTies lets the user decide where as much speaks for one value as for another, and returns that with what was given.
func (a *addition) askTies(ctx context.Context, given []generator.Given, wanted map[string][]string, s streams) ([]generator.Given, error) {
	for {
		tie, is := errors.AsType[*detect.TieError](a.findings.Tie(decidedBy(given, wanted)))
		if !is {
			return given, nil
		}
		question := a.catalog.Question(tie.Key)
		isFree := slices.ContainsFunc(freeOfAdd(), func(free generator.FreeAnswer) bool { return free.Key == tie.Key })
		var options []prompt.Option
		for _, side := range tie.Sides {
			if isFree || question != nil && slices.Contains(question.Choices, side.Value) {
				options = append(options, prompt.Option{Label: fmt.Sprintf("%s (%s)", side.Value, places(side.Evidence)), Value: side.Value})
			}
		}
		if len(options) == 0 {
			return given, nil // no answer decides it, and the error says so
		}
		chosen, err := prompt.One(ctx, fmt.Sprintf("The repository's %s may be one of these. Which is it?", tie.Key), options, "", s.in, s.err)
		if err != nil {
			return nil, interrupted(err)
		}
		given = append(given, generator.Given{Origin: "--%s", Values: map[string][]string{tie.Key: {chosen}}})
	}
}
