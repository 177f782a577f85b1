package generator

import (
	"io/fs"
	"maps"
	"path"
	"slices"
)

// Refusals returns what stands against each choice that is not among the answers while the others stay, by question=choice. Where
// the answers do not go together as they are, that is held against none of the others.
func (c *Catalog) Refusals(answers *Answers) (map[string]*UsageError, error) {
	layers, err := c.allLayers()
	if err != nil {
		return nil, err
	}
	refusals := func(choices map[string][]string) ([]*UsageError, error) {
		altered := *answers
		altered.Choices = choices
		plan := &Plan{Answers: &altered, catalog: c, axes: map[string]string{}, known: layers}
		if err := plan.chooseLayers(); err != nil {
			return nil, err
		}
		if err := plan.settleAxes(); err != nil {
			return nil, err
		}
		return plan.refusals()
	}
	present, err := refusals(answers.Choices)
	if err != nil {
		return nil, err
	}
	found := map[string]*UsageError{}
	for _, question := range c.Questions {
		for _, choice := range question.Choices {
			chosen := answers.Choices[question.Name]
			if slices.Contains(chosen, choice) {
				continue
			}
			choices := maps.Clone(answers.Choices)
			choices[question.Name] = []string{choice}
			if question.Several {
				choices[question.Name] = append(slices.Clone(chosen), choice)
			}
			altered, err := refusals(choices)
			if err != nil {
				return nil, err
			}
			for _, refusal := range altered {
				known := func(r *UsageError) bool { return r.Flag == refusal.Flag && r.Problem == refusal.Problem }
				if !slices.ContainsFunc(present, known) {
					found[question.Name+"="+choice] = refusal
					break
				}
			}
		}
	}
	return found, nil
}

// allLayers reads every layer there is, once. Names are not replaced in them.
func (c *Catalog) allLayers() (map[string]*Layer, error) {
	c.layersOnce.Do(func() {
		files, err := fs.Glob(c.fsys, "*/*/layer.yaml")
		if err != nil {
			c.layersError = err
			return
		}
		ids := []string{BaseLayer}
		for _, file := range files {
			ids = append(ids, path.Dir(file))
		}
		layers, failures := make([]*Layer, len(ids)), make([]error, len(ids))
		parallel(len(ids), func() func(int) {
			return func(i int) { layers[i], failures[i] = readLayer(c.fsys, ids[i], nil) }
		})
		c.layers = map[string]*Layer{}
		for i, id := range ids {
			if c.layers[id] = layers[i]; failures[i] != nil {
				c.layersError = failures[i]
			}
		}
	})
	return c.layers, c.layersError
}
