package generator

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
)

// resolveFacts builds the data of the templates question by question, so that a fact reads earlier ones only.
func (p *Plan) resolveFacts() error {
	a := p.Answers
	base := p.layer(BaseLayer)
	p.data = map[string]any{
		"name": a.Name, "package": a.Package, "domain": a.Domain, "email": a.Email, "image": a.Image,
		"index_url": a.IndexURL, "default_index": p.defaultIndex,
		"python": base.Python.Oldest, "python_before": base.Python.Before, "python_image": a.Python,
		"python_versions": slices.Sorted(slices.Values(base.Python.Images)),
		"axes":            toAny(p.axes),
		"application":     a.application(),
	}
	facts, err := p.layerFacts(base, nil)
	if err != nil {
		return err
	}
	p.data[BaseLayer] = facts
	for _, question := range p.catalog.Questions {
		var all []any
		for _, choice := range p.Answers.Choices[question.Name] {
			facts, err := p.layerFacts(p.layer(path.Join(question.Name, choice)), question)
			if err != nil {
				return err
			}
			all = append(all, facts)
		}
		if question.Several {
			p.data[question.Name] = all
		} else {
			p.data[question.Name] = all[0]
		}
	}
	return nil
}

func toAny(m map[string]string) map[string]any {
	result := make(map[string]any, len(m))
	for key, value := range m {
		result[key] = value
	}
	return result
}

// layerFacts checks a layer's facts against what its question declares, and picks from the tables.
func (p *Plan) layerFacts(layer *Layer, question *Question) (map[string]any, error) {
	facts := map[string]any{"title": layer.Title, "help": layer.Help}
	given := map[string]any{}
	for _, part := range layer.Includes {
		maps.Copy(given, p.layer(path.Join(PartsFolder, part)).Facts)
	}
	maps.Copy(given, layer.Facts)
	var declared map[string]FactType
	if question != nil {
		declared = question.Facts
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if _, found := declared[name]; !found && question != nil {
			return nil, fmt.Errorf("%s/layer.yaml: fact %q is not declared in %s/question.yaml", layer.ID, name, question.Name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(declared)) {
		if _, found := given[name]; !found {
			return nil, fmt.Errorf("%s/layer.yaml: fact %q, declared in %s/question.yaml, is missing", layer.ID, name, question.Name)
		}
	}
	for name, value := range given {
		value, err := p.fact(value, declared[name], question)
		if err != nil {
			return nil, fmt.Errorf("%s/layer.yaml: fact %q: %w", layer.ID, name, err)
		}
		facts[name] = value
	}
	return facts, nil
}

// fact picks the axis' value from a table, checks the type, and executes the templates in it.
func (p *Plan) fact(value any, declared FactType, question *Question) (any, error) {
	if declared.By != "" {
		values, owner := p.catalog.axis(declared.By)
		if owner == nil || owner.Order >= question.Order {
			return nil, fmt.Errorf("%q is not an axis of an earlier question", declared.By)
		}
		table, isTable := value.(map[string]any)
		if !isTable || !slices.Equal(slices.Sorted(maps.Keys(table)), slices.Sorted(slices.Values(values))) {
			return nil, fmt.Errorf("must have one value for each of %s", strings.Join(values, ", "))
		}
		value = table[p.axes[declared.By]]
	}
	if !hasType(value, declared.Type) {
		return nil, fmt.Errorf("%v is not of type %s", value, declared.Type)
	}
	return p.expandAll(value)
}

func hasType(value any, name string) bool {
	switch name {
	case "string":
		_, is := value.(string)
		return is
	case "int":
		_, is := value.(int)
		return is
	case "bool":
		_, is := value.(bool)
		return is
	case "list":
		items, is := value.([]any)
		return is && !slices.ContainsFunc(items, func(item any) bool { _, is := item.(string); return !is })
	}
	return true
}

// expandAll executes every string that holds a directive.
func (p *Plan) expandAll(value any) (any, error) {
	switch value := value.(type) {
	case string:
		return p.expandText(value)
	case []any:
		result := make([]any, len(value))
		for i, item := range value {
			expanded, err := p.expandAll(item)
			if err != nil {
				return nil, err
			}
			result[i] = expanded
		}
		return result, nil
	case map[string]any:
		result := make(map[string]any, len(value))
		for key, item := range value {
			expanded, err := p.expandAll(item)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", key, err)
			}
			result[key] = expanded
		}
		return result, nil
	}
	return value, nil
}

// collectLists gathers the packages, settings, services and tasks of all layers, in their order, for the files' owners.
func (p *Plan) collectLists() error {
	lists := map[string][]any{"packages": {}, "settings": {}, "services": {}, "tasks": {}}
	for _, stage := range stages {
		packages, err := p.systemPackages(stage)
		if err != nil {
			return err
		}
		p.data[stage+"_packages"] = packages
	}
	seen := map[string]string{}
	for _, layer := range p.Layers {
		add := func(list, name string, when []Condition, item map[string]any) error {
			held, err := p.holdAll(when)
			if err != nil || !held {
				return err
			}
			key := list + " " + name
			if list == "packages" {
				key += " " + item["group"].(string)
			}
			if owner, found := seen[key]; found {
				if list == "packages" {
					return nil
				}
				return fmt.Errorf("%s: given by both %s and %s", key, owner, layer.ID)
			}
			seen[key] = layer.ID
			expanded, err := p.expandAll(item)
			if err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
			if fields := expanded.(map[string]any); fields["name"] != "" { // "<% if … %>name<% end %>"
				lists[list] = append(lists[list], fields)
			}
			return nil
		}
		if err := layer.each(add); err != nil {
			return fmt.Errorf("%s/layer.yaml: %w", layer.ID, err)
		}
	}
	slices.SortStableFunc(lists["packages"], func(a, b any) int {
		return strings.Compare(a.(map[string]any)["name"].(string), b.(map[string]any)["name"].(string))
	})
	for name, list := range lists {
		p.data[name] = list
	}
	return nil
}

// systemPackages are the names of the Debian packages for a stage, sorted, each once.
func (p *Plan) systemPackages(stage string) ([]string, error) {
	names := []string{}
	for _, layer := range p.Layers {
		for _, x := range layer.System {
			held, err := p.holdAll(x.When)
			if err != nil {
				return nil, fmt.Errorf("%s/layer.yaml: %w", layer.ID, err)
			}
			if held && x.Stage == stage {
				names = append(names, x.Name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// each calls add with every entry of the layer's lists, as the maps that templates see.
func (l *Layer) each(add func(list, name string, when []Condition, item map[string]any) error) error {
	for _, x := range l.Packages {
		if err := add("packages", x.Name, x.When, map[string]any{"name": x.Name, "group": x.Group}); err != nil {
			return err
		}
	}
	for _, x := range l.Settings {
		if err := add("settings", x.Name, x.When, x.data()); err != nil {
			return err
		}
	}
	for _, x := range l.Services {
		item := map[string]any{
			"name": x.Name, "image": x.Image, "port": x.Port, "health": x.Health, "command": x.Command,
			"environment": toAny(x.Environment), "volumes": toAny(x.Volumes), "shm_size": x.SharedSize, "networks": x.Networks,
		}
		if err := add("services", x.Name, x.When, item); err != nil {
			return err
		}
	}
	for _, x := range l.Tasks {
		commands := make([]any, len(x.Commands))
		for i, command := range x.Commands {
			commands[i] = command
		}
		variables := make([]any, len(x.Variables))
		for i, v := range x.Variables {
			variables[i] = map[string]any{"name": v.Name, "secret": v.Secret, "help": v.Help}
		}
		item := map[string]any{
			"name": x.Name, "help": x.Help, "part_of": x.PartOf, "stage": x.Stage, "needs": x.Needs, "services": x.Services,
			"variables": variables, "report": x.Report, "commands": commands,
		}
		if err := add("tasks", x.Name, x.When, item); err != nil {
			return err
		}
	}
	return nil
}

func (s Setting) data() map[string]any {
	text := func(value *string) string {
		if value == nil {
			return ""
		}
		return *value
	}
	return map[string]any{
		"name": s.Name, "attribute": strings.ToLower(s.Name), "type": s.Type, "scope": s.Scope, "secret": s.Secret,
		"default": text(s.Default), "has_default": s.Default != nil, "value": text(s.Value), "has_value": s.Value != nil,
		"example": text(s.Example), "has_example": s.Example != nil,
		"deployed": text(s.Deployed), "has_deployed": s.Deployed != nil,
		"choices": s.Choices, "minimum": s.Minimum, "help": s.Help,
	}
}
