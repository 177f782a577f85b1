// Package generator is the engine: from answers by way of facts and templates to the files of a repository. It knows no
// framework, database or tool by name; those words live in the tree of templates that it is given.
package generator

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
)

// BaseLayer is the folder of the layer that every repository has, PartsFolder that of the layers that others include.
const (
	BaseLayer   = "base"
	PartsFolder = "parts"
)

// What describes a question and a layer.
const (
	questionFile = "question.yaml"
	layerFile    = "layer.yaml"
)

// Catalog is what can be asked and answered: the questions and their choices, read from a tree of templates.
type Catalog struct {
	// Questions are in the order in which they are asked and resolved.
	Questions []*Question

	// Templates is how the command line names the folder that LoadOverlay's upper tree is from; empty: it needs no name. Command gives it.
	Templates string

	fsys     fs.FS
	outside  map[string][]string // the files that layers have from the upper tree, by ID
	defaults Given               // see SetDefaults

	files      sync.Once
	fileSets   map[string][]string
	filesError error

	layersOnce  sync.Once
	layers      map[string]*Layer
	layersError error
}

// Question is one folder of the templates' root, with a folder for each of its choices.
type Question struct {
	Name    string              `yaml:"-"`
	Title   string              `yaml:"title"`
	Help    string              `yaml:"help"`
	Order   int                 `yaml:"order"`
	Default string              `yaml:"default"`
	Main    bool                `yaml:"main"`
	Several bool                `yaml:"several"`
	Facts   map[string]FactType `yaml:"facts"`
	Axes    map[string][]string `yaml:"axes"`
	Slots   []string            `yaml:"slots"`

	// Choices are the names of the choices, sorted, the default first.
	Choices []string `yaml:"-"`
}

// FactType is the type of a fact that every choice of a question supplies.
type FactType struct {
	Type string `yaml:"type"` // one of factTypes
	By   string `yaml:"by"`   // an axis: the fact is a table keyed by its values
	Help string `yaml:"help"`
}

// factTypes are the types of facts; a list is one of strings.
var factTypes = []string{"string", "int", "bool", "list", "any"}

// LoadCatalog reads the questions and the names of their choices. It does not read the layers themselves.
func LoadCatalog(fsys fs.FS) (*Catalog, error) {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return nil, fmt.Errorf("templates: %w", err)
	}
	entries = slices.DeleteFunc(entries, func(entry fs.DirEntry) bool {
		return !entry.IsDir() || entry.Name() == BaseLayer || entry.Name() == PartsFolder
	})
	catalog := &Catalog{fsys: fsys, Questions: make([]*Question, len(entries))}
	failures := make([]error, len(entries))
	parallel(len(entries), func() func(int) {
		return func(i int) { catalog.Questions[i], failures[i] = readQuestion(fsys, entries[i].Name()) }
	})
	for _, err := range failures {
		if err != nil {
			return nil, err
		}
	}
	if len(catalog.Questions) == 0 {
		return nil, errors.New("templates: no question.yaml in any folder")
	}
	slices.SortStableFunc(catalog.Questions, func(a, b *Question) int {
		return cmp.Or(cmp.Compare(a.Order, b.Order), cmp.Compare(a.Name, b.Name))
	})
	return catalog, nil
}

func readQuestion(fsys fs.FS, name string) (*Question, error) {
	file := path.Join(name, questionFile)
	data, err := fs.ReadFile(fsys, file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	question := &Question{Name: name}
	if err := strict(data, question); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	for _, fact := range slices.Sorted(maps.Keys(question.Facts)) {
		if kind := question.Facts[fact].Type; !slices.Contains(factTypes, kind) {
			return nil, fmt.Errorf("%s: fact %q: type %q is none of %s", file, fact, kind, strings.Join(factTypes, ", "))
		}
	}
	entries, err := fs.ReadDir(fsys, name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	for _, entry := range entries {
		if _, err := fs.Stat(fsys, path.Join(name, entry.Name(), layerFile)); err == nil {
			question.Choices = append(question.Choices, entry.Name())
		}
	}
	if !slices.Contains(question.Choices, question.Default) {
		return nil, fmt.Errorf("%s: default %q is none of the choices %s", file, question.Default, strings.Join(question.Choices, ", "))
	}
	question.order()
	return question, nil
}

// order sorts the choices, the default first.
func (q *Question) order() {
	slices.Sort(q.Choices)
	slices.SortStableFunc(q.Choices, func(a, b string) int {
		return cmp.Compare(btoi(b == q.Default), btoi(a == q.Default))
	})
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Question returns the question of that name, or nil.
func (c *Catalog) Question(name string) *Question {
	for _, question := range c.Questions {
		if question.Name == name {
			return question
		}
	}
	return nil
}

// Layer reads the layer of one choice.
func (c *Catalog) Layer(question, choice string) (*Layer, error) {
	return readLayer(c.fsys, path.Join(question, choice), nil)
}

// LayerAt reads the layer of an ID, a folder below the templates' root; nil: there is none.
func (c *Catalog) LayerAt(id string) (*Layer, error) {
	if !fs.ValidPath(id) {
		return nil, nil
	}
	if _, err := fs.Stat(c.fsys, path.Join(id, layerFile)); err != nil {
		return nil, nil
	}
	return readLayer(c.fsys, id, nil)
}

// LayerFiles returns the paths of the files that a layer may bring, with those of the parts that it includes, sorted. Which of
// them a repository has depends on the other answers. The package is still called %package%.
func (c *Catalog) LayerFiles(layer *Layer) ([]string, error) {
	files := map[string]bool{}
	err := c.withParts(layer, 0, func(layer *Layer) error { return c.addFiles(layer, files) })
	if err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(files)), nil
}

func (c *Catalog) addFiles(layer *Layer, files map[string]bool) error {
	for _, lock := range layer.Locks {
		files[lock.Path] = true
	}
	for _, pattern := range []string{"files", "*=*/files"} {
		roots, err := fs.Glob(c.fsys, path.Join(layer.ID, pattern))
		if err != nil {
			return err
		}
		for _, root := range roots {
			err := fs.WalkDir(c.fsys, root, func(file string, entry fs.DirEntry, err error) error {
				if err == nil && !entry.IsDir() {
					files[strings.TrimSuffix(strings.TrimPrefix(file, root+"/"), templateSuffix)] = true
				}
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// withParts visits a layer, and then the parts that it includes, at any depth. It ends where parts include themselves.
func (c *Catalog) withParts(layer *Layer, depth int, visit func(*Layer) error) error {
	if err := visit(layer); err != nil {
		return err
	}
	for _, part := range layer.Includes {
		if depth > deepest {
			return nil
		}
		included, err := readLayer(c.fsys, path.Join(PartsFolder, part), nil)
		if err == nil {
			err = c.withParts(included, depth+1, visit)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Pythons returns the minor versions of Python that a repository may have, the default first.
func (c *Catalog) Pythons() ([]string, error) {
	file := path.Join(BaseLayer, layerFile)
	data, err := fs.ReadFile(c.fsys, file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	var base struct {
		Python Python `yaml:"python"`
	}
	_, python, _ := section(data, "python")
	if err := strict(python, &base); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if len(base.Python.Images) == 0 {
		return nil, fmt.Errorf("%s: python is missing", file)
	}
	return base.Python.Images, nil
}

// The axis that no question declares: whether the application is a new one or was there before. A folder for one of its
// values says nothing of the other, where a layer simply contributes less.
const (
	applicationAxis     = "application"
	newApplication      = "new"
	existingApplication = "existing"
)

// axis returns the values of an axis and the question that declares it, if one does.
func (c *Catalog) axis(name string) ([]string, *Question) {
	if name == applicationAxis {
		return []string{newApplication, existingApplication}, nil
	}
	for _, question := range c.Questions {
		if values, found := question.Axes[name]; found {
			return values, question
		}
	}
	return nil, nil
}
