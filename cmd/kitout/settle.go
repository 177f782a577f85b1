package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/kitout/kitout/cmd/internal/prompt"
	"github.com/kitout/kitout/generator"
)

// build makes the changes that follow from decisions about the files that exist with other content.
type build func(generator.Decisions) ([]generator.Change, error)

// dispute is a file that exists with other content, as it would be merged, and as it would be replaced.
type dispute struct{ merged, replaced generator.Change }

// settle asks what happens to the files that exist with other content: to each, or to all that are left. open says of a change
// whether there is something to ask; decisions are what holds without an answer.
func settle(ctx context.Context, folder string, make build, open func(generator.Change) bool, decisions generator.Decisions, s streams,
) (generator.Decisions, error) {
	decisions.Paths = map[string]generator.Resolution{}
	disputes, err := disputesOf(make, open, decisions)
	if err != nil {
		return decisions, err
	}
	for i, d := range disputes {
		title := d.merged.Path + " exists, with other content"
		if len(disputes) > 1 {
			title += fmt.Sprintf(" (%d of %d)", i+1, len(disputes))
		}
		otherwise := decisions.Otherwise
		if d.merged.Conflicts == 0 {
			otherwise = cmp.Or(decisions.Own, otherwise)
		}
		how, err := d.ask(ctx, title, folder, otherwise, s)
		if err != nil {
			return decisions, interrupted(err)
		}
		decisions.Paths[d.merged.Path] = how
		rest, same := disputes[i+1:], false
		if len(rest) > 0 {
			if same, err = prompt.Confirm(ctx, "The same for all others?", false, s.in, s.err); err != nil {
				return decisions, interrupted(err)
			}
		}
		if same {
			for _, other := range rest {
				decisions.Paths[other.merged.Path] = how
			}
			break
		}
	}
	return decisions, nil
}

// disputesOf are the files of which open says that there is something to ask.
func disputesOf(make build, open func(generator.Change) bool, decisions generator.Decisions) (disputes []dispute, err error) {
	changes, err := make(decisions)
	if err != nil {
		return nil, err
	}
	changes = slices.DeleteFunc(changes, func(c generator.Change) bool { return !open(c) })
	if len(changes) == 0 {
		return nil, nil
	}
	merged, err := make(generator.Decisions{Otherwise: generator.MergeBoth})
	if err != nil {
		return nil, err
	}
	replaced, err := make(generator.Decisions{Otherwise: generator.ReplaceWithNew})
	if err != nil {
		return nil, err
	}
	for _, change := range changes {
		disputes = append(disputes, dispute{*changeOf(merged, change.Path), *changeOf(replaced, change.Path)})
	}
	return disputes, nil
}

// showDifference is what can be asked for before one of the resolutions.
const showDifference = "difference"

func (d dispute) ask(ctx context.Context, title, folder string, otherwise generator.Resolution, s streams) (generator.Resolution, error) {
	options := []prompt.Option{{Label: "Keep mine", Value: string(generator.KeepExisting)}}
	if d.merged.Status == generator.Merge {
		label := "Add what it lacks, and change nothing else"
		switch d.merged.Conflicts {
		case 0:
		case 1:
			label = "Merge both, and mark a conflict in it"
		default:
			label = fmt.Sprintf("Merge both, and mark %d conflicts in it", d.merged.Conflicts)
		}
		options = append(options, prompt.Option{Label: label, Value: string(generator.MergeBoth)})
	} else if otherwise == generator.MergeBoth {
		otherwise = generator.WriteBeside
	}
	options = append(options,
		prompt.Option{Label: "Write kitout's beside it, as " + d.merged.Path + generator.BesideSuffix, Value: string(generator.WriteBeside)},
		prompt.Option{Label: "Replace it with kitout's", Value: string(generator.ReplaceWithNew)},
		prompt.Option{Label: "Show the difference", Value: showDifference},
	)
	for {
		how, err := prompt.One(ctx, title, options, string(otherwise), s.in, s.err)
		if err != nil || how != showDifference {
			return generator.Resolution(how), err
		}
		if err := d.show(folder, s); err != nil {
			return "", err
		}
	}
}

// show prints what a merge would change, and what kitout's own file would.
func (d dispute) show(folder string, s streams) error {
	for _, way := range []struct {
		words  string
		change generator.Change
	}{{"Merged:", d.merged}, {"Replaced:", d.replaced}} {
		if way.change.Status != generator.Merge && way.change.Status != generator.Replace {
			continue
		}
		fmt.Fprintln(s.err, way.words)
		if err := printDiff(s.err, folder, []generator.Change{way.change}); err != nil {
			return err
		}
	}
	return nil
}
