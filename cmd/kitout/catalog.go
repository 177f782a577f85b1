package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/kitout/kitout/generator"
	"github.com/kitout/kitout/generator/lock"
	"github.com/kitout/kitout/templates"
	"go.yaml.in/yaml/v3"
)

// loadCatalog reads the questions and choices that are built in, and nothing of the user's own: see library.
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

// readPresets reads the presets in a folder, by name. Errors have the place before the file's name.
func readPresets(folder fs.FS, place string) ([]preset, error) {
	files, err := fs.Glob(folder, "*"+presetSuffix)
	if err != nil {
		return nil, err
	}
	var all []preset
	for _, file := range files {
		data, err := fs.ReadFile(folder, file)
		if err != nil {
			return nil, fmt.Errorf("%s%s: %w", place, file, generator.Cause(err))
		}
		read, err := parsePreset(data)
		if err != nil {
			return nil, &generator.FileError{Path: place + file, Problem: err.Error(), Hint: presetForm}
		}
		read.Name = strings.TrimSuffix(path.Base(file), presetSuffix)
		all = append(all, read)
	}
	return all, nil
}

// mergePresets puts presets of the user's own in the place of those of the same name, and among the others.
func mergePresets(builtin, own []preset) []preset {
	all := slices.DeleteFunc(builtin, func(p preset) bool {
		return slices.ContainsFunc(own, func(o preset) bool { return o.Name == p.Name })
	})
	all = append(all, own...)
	slices.SortFunc(all, func(a, b preset) int { return strings.Compare(a.Name, b.Name) })
	return all
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
	given, err := generator.GivenBy("", file.Answers)
	if err != nil {
		return preset{}, err
	}
	for key, words := range given.Values {
		read.Answers[key] = words
		if len(words) == 1 {
			read.Answers[key] = words[0]
		}
	}
	return read, nil
}

// givenPreset returns the answers of a preset by its name, or by the path of a file.
func (l library) givenPreset(name string) (generator.Given, error) {
	usage := func(problem, hint string) error {
		return &generator.UsageError{Flag: "--preset", Problem: problem, Hint: hint}
	}
	all, err := l.allPresets()
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
	return found.given(name)
}

// given returns the answers of a preset, which the user has named so.
func (p *preset) given(name string) (generator.Given, error) {
	given, err := generator.GivenBy("preset "+name, p.written)
	if err != nil {
		return given, &generator.UsageError{Flag: "--preset", Problem: fmt.Sprintf("%s: %v", name, err), Hint: presetForm}
	}
	return given, nil
}
