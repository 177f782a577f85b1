// Package origin says of a file why it is in a repository, and what becomes of it: the words of `kitout explain`.
package origin

import (
	"strings"

	"github.com/kitout/kitout/generator"
)

// Origin is what is said of one file.
type Origin struct {
	Title   string   `json:"title"` // of the layer that brings it
	Help    string   `json:"help"`
	Answers []string `json:"answers"` // as question=choice; none: every repository has it
	Edit    string   `json:"edit"`    // what its user may do with it
	Update  string   `json:"update"`  // what an update does with it
}

// policyWords say what may be edited, and what an update does.
var policyWords = map[generator.Policy][2]string{
	generator.Managed: {"Edit it as you like.", "Changes of the templates are merged into it; what only you have changed stays."},
	generator.Once:    {"It is yours from the start: an example to change or to delete.", "It is not touched again."},
	generator.Secret:  {"It holds secrets, is not in git, and is yours.", "It is never touched, and nothing of it is remembered."},
	generator.Locked: {
		"Its tool writes it; do not edit it by hand.", "It is replaced as long as you have changed neither it nor the file that it locks.",
	},
}

// Of returns the origin of a file by its layer and policy. Without a plan, which may be nil, the answers stay open.
func Of(catalog *generator.Catalog, plan *generator.Plan, layer string, policy generator.Policy) (Origin, error) {
	words := policyWords[policy]
	o := Origin{Answers: []string{}, Edit: words[0], Update: words[1]}
	read, err := catalog.LayerAt(layer)
	if err != nil {
		return o, err
	}
	switch {
	case policy == generator.Locked:
		o.Title, o.Help = "Lock", "The exact versions and hashes of the packages."
	case layer == generator.RecordLayer:
		o.Title, o.Help = "Record", "The answers and what was written from them: the base of every later update."
		o.Edit, o.Update = "Commit it; do not edit it.", "It is written again."
	case read != nil:
		o.Title, o.Help = read.Title, read.Help
	}
	switch {
	case plan == nil:
	case policy == generator.Locked:
		o.Answers = []string{"deps=" + strings.Join(plan.Answers.Choices["deps"], ",")}
	default:
		o.Answers = append(o.Answers, plan.Bringers(layer)...)
	}
	return o, nil
}
