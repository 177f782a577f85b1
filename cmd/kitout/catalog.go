package main

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/kitout/kitout/generator"
	"github.com/kitout/kitout/generator/lock"
	"github.com/kitout/kitout/presets"
	"github.com/kitout/kitout/templates"
	"go.yaml.in/yaml/v3"
)

// loadCatalog reads the questions and choices that are built in.
func loadCatalog() (*generator.Catalog, error) { return generator.LoadCatalog(templates.FS) }

// options hands the engine its specialists.
func options() (generator.Options, *lock.Table, error) {
	table, err := lock.Open()
	if err != nil {
		return generator.Options{}, nil, err
	}
	return generator.Options{
		Kitout:  version(),
		Version: table.Version,
		Locks: map[string]func(string, []string) ([]byte, error){
			"requirements": func(path string, requirements []string) ([]byte, error) {
				return writeRequirements(table, path, requirements)
			},
		},
	}, table, nil
}

// preset is a named set of answers.
type preset struct {
	Name    string         `yaml:"-" json:"name"`
	Title   string         `yaml:"title" json:"title"`
	Help    string         `yaml:"help" json:"help"`
	Answers map[string]any `yaml:"answers" json:"answers"`
}

const presetSuffix = ".yaml"

// builtinPresets reads the presets that come with kitout, by name.
func builtinPresets() ([]preset, error) {
	files, err := fs.Glob(presets.FS, "*"+presetSuffix)
	if err != nil {
		return nil, err
	}
	var all []preset
	for _, file := range files {
		data, err := fs.ReadFile(presets.FS, file)
		if err != nil {
			return nil, err
		}
		read, err := parsePreset(data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		read.Name = strings.TrimSuffix(path.Base(file), presetSuffix)
		all = append(all, read)
	}
	return all, nil
}

func parsePreset(data []byte) (preset, error) {
	var read preset
	if err := yaml.Unmarshal(data, &read); err != nil {
		return preset{}, err
	}
	if len(read.Answers) == 0 {
		return preset{}, fmt.Errorf("no answers: a preset has the keys title, help and answers")
	}
	return read, nil
}

// givenPreset returns the answers of a preset by its name, or by the path of a file.
func givenPreset(name string) (generator.Given, error) {
	usage := func(problem, hint string) error {
		return &generator.UsageError{Flag: "--preset", Problem: problem, Hint: hint}
	}
	all, err := builtinPresets()
	if err != nil {
		return generator.Given{}, err
	}
	var found *preset
	names := make([]string, len(all))
	for i := range all {
		if names[i] = all[i].Name; names[i] == name {
			found = &all[i]
		}
	}
	if found == nil && !strings.ContainsAny(name, `/\`) && !strings.HasSuffix(name, presetSuffix) {
		return generator.Given{}, usage(fmt.Sprintf("unknown preset %q", name), generator.Hint(name, names)+"; or the path of a file")
	}
	if found == nil {
		data, err := os.ReadFile(name)
		if err != nil {
			return generator.Given{}, usage(name+": "+reason(err), "give the name of a preset or a readable file")
		}
		read, err := parsePreset(data)
		if err != nil {
			return generator.Given{}, usage(fmt.Sprintf("%s: %v", name, err), "see `kitout presets --json` for the form")
		}
		found = &read
	}
	data, err := yaml.Marshal(found.Answers)
	if err != nil {
		return generator.Given{}, err
	}
	given, err := generator.ParseGiven("preset "+name+": %s", data)
	if err != nil {
		return given, usage(fmt.Sprintf("%s: %v", name, err), "")
	}
	return given, nil
}
