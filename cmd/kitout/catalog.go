package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
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
		Kitout:       version(),
		Version:      table.Version,
		Locks:        lockWriters(table),
		Requirement:  table.Requirement,
		DefaultIndex: machineIndex,
	}, table, nil
}

// preset is a named set of answers.
type preset struct {
	Name    string         `json:"name"`
	Title   string         `json:"title"`
	Help    string         `json:"help"`
	Answers map[string]any `json:"answers"`

	written map[string]yaml.Node // the answers as they stand in the file
}

const (
	presetSuffix = ".yaml"
	presetForm   = "a preset has the keys title and help, and answers: one line per answer, such as database: postgres"
)

// presetNames are the presets that come with kitout, for completion.
func presetNames() (names []string) {
	files, _ := fs.Glob(presets.FS, "*"+presetSuffix)
	for _, file := range files {
		names = append(names, strings.TrimSuffix(file, presetSuffix))
	}
	return names
}

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
	var file struct {
		Title   string               `yaml:"title"`
		Help    string               `yaml:"help"`
		Answers map[string]yaml.Node `yaml:"answers"`
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)
	if err := decoder.Decode(&file); err != nil && !errors.Is(err, io.EOF) {
		return preset{}, errors.New(generator.YAMLProblem(err))
	}
	if len(file.Answers) == 0 {
		return preset{}, errors.New("there are no answers in it")
	}
	read := preset{Title: file.Title, Help: file.Help, Answers: map[string]any{}, written: file.Answers}
	for key, node := range file.Answers {
		var answer any
		if err := node.Decode(&answer); err != nil {
			return preset{}, errors.New(generator.YAMLProblem(err))
		}
		read.Answers[key] = answer
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
		return generator.Given{}, usage(fmt.Sprintf("unknown preset %q", name), generator.Hint(name, names)+", or the path of a file")
	}
	if found == nil {
		data, err := os.ReadFile(name)
		if err != nil {
			return generator.Given{}, usage(name+": "+generator.Cause(err).Error(), "name a readable file, or one of "+strings.Join(names, ", "))
		}
		read, err := parsePreset(data)
		if err != nil {
			return generator.Given{}, usage(fmt.Sprintf("%s: %v", name, err), presetForm)
		}
		found = &read
	}
	given, err := generator.GivenBy("preset "+name, found.written)
	if err != nil {
		return given, usage(fmt.Sprintf("%s: %v", name, err), presetForm)
	}
	return given, nil
}
