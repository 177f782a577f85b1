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
	known := func(question, choice string) (*Layer, error) { return layers[path.Join(question, choice)], nil }
	refusals := func(choices map[string][]string, question string) ([]*UsageError, error) {
		altered := *answers
		altered.Choices, altered.given = choices, maps.Clone(answers.given)
		if question != "" {
			altered.given[question] = true
		}
		if err := c.follow(&altered, known); err != nil {
			return nil, err
		}
		plan := &Plan{Answers: &altered, catalog: c, axes: map[string]string{}, known: layers}
		if err := plan.chooseLayers(); err != nil {
			return nil, err
		}
		if err := plan.settleAxes(); err != nil {
			return nil, err
		}
		return plan.refusals()
	}
	present, err := refusals(maps.Clone(answers.Choices), "")
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
			altered, err := refusals(choices, question.Name)
			if err != nil {
				return nil, err
			}
			for _, refusal := range altered {
				before := func(r *UsageError) bool { return r.Flag == refusal.Flag && r.Problem == refusal.Problem }
				if !slices.ContainsFunc(present, before) {
					found[question.Name+"="+choice] = refusal
					break
				}
			}
		}
	}
	return found, nil
}

// follow answers the questions that nobody answered by what the given answers require of them, where one choice alone meets it.
// What is taken so counts as given, and may require more; what is left is answered as the layers recommend. Where all are answered, no layer is read.
func (c *Catalog) follow(answers *Answers, read func(question, choice string) (*Layer, error)) error {
	open := func(question *Question) bool { return !answers.given[question.Name] }
	if !slices.ContainsFunc(c.Questions, open) {
		return nil
	}
	for settled := false; !settled; {
		settled = true
		for _, question := range c.Questions {
			if open(question) {
				continue
			}
			for _, choice := range answers.Choices[question.Name] {
				layer, err := read(question.Name, choice)
				if err != nil {
					return err
				}
				followed, err := c.satisfy(answers, layer.Requires)
				if err != nil {
					return err
				}
				settled = settled && !followed
			}
		}
	}
	return c.prefer(answers, read)
}

// prefer answers the questions that nobody answered as the choices of the main questions recommend. An application that was there before
// stays as it is.
func (c *Catalog) prefer(answers *Answers, read func(question, choice string) (*Layer, error)) error {
	decided := func(question string) bool { return answers.given[question] || c.defaults.Values[question] != nil }
	if answers.Entry != "" {
		return nil
	}
	for _, question := range c.Questions {
		if !question.Main {
			continue
		}
		for _, choice := range answers.Choices[question.Name] {
			layer, err := read(question.Name, choice)
			if err != nil {
				return err
			}
			for _, preferred := range layer.Prefers {
				if decided(preferred.Left) {
					continue
				}
				if err := c.take(answers, preferred.Left, preferred.Values, layer.ID+"/layer.yaml: prefers "+preferred.String()); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// satisfy changes the answers to questions that nobody answered so that conditions hold, and says whether it changed one.
func (c *Catalog) satisfy(answers *Answers, conditions []Condition) (followed bool, err error) {
	for _, condition := range conditions {
		question := c.about(condition)
		if question == nil || answers.given[question.Name] { // a condition about nothing is a fault of the layer, which the plan tells
			continue
		}
		choices, err := c.meeting(question, condition, true)
		if err != nil {
			return false, err
		}
		now := answers.Choices[question.Name]
		met := slices.ContainsFunc(now, func(choice string) bool { return slices.Contains(choices, choice) })
		if met || len(choices) != 1 {
			continue
		}
		if question.Several {
			choices = slices.Sorted(slices.Values(slices.Concat(now, choices)))
		}
		answers.Choices[question.Name], answers.given[question.Name] = choices, true
		followed = true
	}
	return followed, nil
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
