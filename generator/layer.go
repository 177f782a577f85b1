package generator

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Layer is what one choice, one part or the base contributes to a repository, as its layer.yaml and its folders say it.
// The format is described in docs/layers.md.
type Layer struct {
	// ID is the layer's folder below the templates' root, such as "database/postgres".
	ID string `yaml:"-"`

	Title     string              `yaml:"title"`
	Help      string              `yaml:"help"`
	Sections  []int               `yaml:"sections"`
	Includes  []string            `yaml:"includes"`
	Requires  []Condition         `yaml:"requires"`
	Conflicts []Condition         `yaml:"conflicts"`
	Prefers   []Condition         `yaml:"prefers"` // what a choice of a main question recommends of questions that nobody answers
	Reason    string              `yaml:"reason"`
	Axes      map[string]string   `yaml:"axes"`
	Facts     map[string]any      `yaml:"facts"`
	Packages  []Package           `yaml:"packages"`
	System    []SystemPackage     `yaml:"system_packages"`
	Settings  []Setting           `yaml:"settings"`
	Services  []Service           `yaml:"services"`
	Tasks     []Task              `yaml:"tasks"`
	Locks     []Lock              `yaml:"locks"`
	Folders   []string            `yaml:"folders"` // made later, by the repository's own commands
	Files     map[string]FileRule `yaml:"files"`
	Next      []Step              `yaml:"next"`
	Python    *Python             `yaml:"python"`

	// DefaultIndex says that the layer writes down the address of the package index, whether it was given or not.
	DefaultIndex bool `yaml:"default_index"`
}

// Python is the range of interpreters that every repository supports; only the base states it.
type Python struct {
	Oldest string   `yaml:"oldest"` // the oldest minor version, such as "3.12"
	Before string   `yaml:"before"` // the first minor version that is not supported
	Images []string `yaml:"images"` // the versions that the image may have, the default first
}

// Package is a Python distribution by requirement, in the group that installs it.
type Package struct {
	Name  string      `yaml:"name"`  // name and extras, such as "psycopg[binary]"
	Group string      `yaml:"group"` // "runtime" (the default) or "development"
	When  []Condition `yaml:"when"`
}

// SystemPackage is a Debian package that the image needs, and whoever builds without one.
type SystemPackage struct {
	Name  string      `yaml:"name"`
	Stage string      `yaml:"stage"` // "build": to build Python packages; "run": to run them
	When  []Condition `yaml:"when"`
}

// Setting is one environment variable of the generated service.
type Setting struct {
	Name     string      `yaml:"name"`
	Type     string      `yaml:"type"`
	Scope    string      `yaml:"scope"`
	Secret   bool        `yaml:"secret"`
	Default  *string     `yaml:"default"`
	Value    *string     `yaml:"value"`
	Example  *string     `yaml:"example"`
	Deployed *string     `yaml:"deployed"`
	Choices  []string    `yaml:"choices"`
	Minimum  int         `yaml:"minimum"`
	Help     string      `yaml:"help"`
	When     []Condition `yaml:"when"`
}

// Service is a program that runs beside the application, such as a database server.
type Service struct {
	Name        string            `yaml:"name"`
	Image       string            `yaml:"image"`
	Port        int               `yaml:"port"`
	Health      string            `yaml:"health"`
	Command     string            `yaml:"command"`
	Environment map[string]string `yaml:"environment"`
	Volumes     map[string]string `yaml:"volumes"`
	SharedSize  string            `yaml:"shm_size"` // of /dev/shm, as Compose writes it; empty for the engine's 64 MiB
	Networks    []string          `yaml:"networks"`
	When        []Condition       `yaml:"when"`
}

// Task is a make target, and a step of every CI system when it has a stage.
type Task struct {
	Name      string      `yaml:"name"`
	Help      string      `yaml:"help"`
	PartOf    string      `yaml:"part_of"`
	Stage     string      `yaml:"stage"` // one of TaskStages, or empty: not in CI
	Needs     []string    `yaml:"needs"` // the tasks that have to be done before
	Services  []string    `yaml:"services"`
	Variables []Variable  `yaml:"variables"`
	Report    string      `yaml:"report"`
	Commands  []string    `yaml:"commands"`
	When      []Condition `yaml:"when"`
}

// Variable is an environment variable that a task reads from the store of the CI system.
type Variable struct {
	Name   string `yaml:"name"`
	Secret bool   `yaml:"secret"` // masked, and given to this task alone
	Help   string `yaml:"help"`
}

// Lock is a file that a lock writer makes from the packages of some groups, or from packages of its own.
type Lock struct {
	Path     string   `yaml:"path"`
	Writer   string   `yaml:"writer"`
	Groups   []string `yaml:"groups"`
	Packages []string `yaml:"packages"`

	When []Condition `yaml:"when"`
}

// Step is a command that the user runs next, and what for.
type Step struct {
	Command string `yaml:"command" json:"command"`
	Help    string `yaml:"help" json:"help"`

	When []Condition `yaml:"when" json:"-"`
}

// FileRule is an exception to the rules for files.
type FileRule struct {
	Policy Policy `yaml:"policy"`
}

// Condition is a term `left=a|b`: a question or an axis, and the values of which one must hold.
type Condition struct {
	Left   string
	Values []string
}

// UnmarshalYAML reads the form `left=a|b`.
func (c *Condition) UnmarshalYAML(node *yaml.Node) error {
	var text string
	if err := node.Decode(&text); err != nil {
		return err
	}
	left, right, found := strings.Cut(text, "=")
	if !found || left == "" || right == "" {
		return fmt.Errorf("line %d: condition %q is not of the form question=choice or axis=value", node.Line, text)
	}
	c.Left, c.Values = left, strings.Split(right, "|")
	return nil
}

// String writes the condition as it stands in layer.yaml.
func (c Condition) String() string { return c.Left + "=" + strings.Join(c.Values, "|") }

// strict decodes one YAML document and refuses keys that the target does not know.
func strict(data []byte, target any) error {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)
	if err := decoder.Decode(target); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

// section is what one key of the top level takes of a YAML document in block style. before and after are the rest of it.
func section(data []byte, key string) (before, section, after []byte) {
	start := 0
	if first := []byte(key + ":"); !bytes.HasPrefix(data, first) {
		if start = bytes.Index(data, slices.Concat([]byte("\n"), first)) + 1; start == 0 {
			return data, nil, nil
		}
	}
	before, section = data[:start], data[start:]
	for i := 1; i < len(section); i++ {
		if section[i-1] == '\n' && !bytes.ContainsRune([]byte(" #-\r\n"), rune(section[i])) {
			return before, section[:i], section[i:]
		}
	}
	return before, section, nil
}

// readLayer reads the layer in the folder id, without its signs: see Catalog.Signs. The names replace %package% and %name% in its values.
func readLayer(fsys fs.FS, id string, names *strings.Replacer) (*Layer, error) {
	file := path.Join(id, layerFile)
	data, err := fs.ReadFile(fsys, file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	before, signs, after := section(data, "detect")
	if signs != nil { // errors keep their line numbers
		data = slices.Concat(before, bytes.Repeat([]byte("\n"), bytes.Count(signs, []byte("\n"))), after)
	}
	if names != nil {
		data = []byte(names.Replace(string(data)))
	}
	layer := &Layer{ID: id}
	if err := strict(data, layer); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if err := layer.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return layer, nil
}

var (
	settingTypes  = []string{"string", "int", "bool", "list", "path", "url"}
	settingScopes = []string{"application", "server", "scripts"}
	groups        = []string{"runtime", "development"}
	stages        = []string{"build", "run"}
)

// TaskStages are the stages of a pipeline, in the order in which every CI system runs them. The fact base.pipeline says what
// each needs.
var TaskStages = []string{"check", "test", "recovery", "scan", "image", "publish", "deploy"}

// check fills in defaults and refuses values that nothing would understand.
func (l *Layer) check() error {
	if l.Title == "" {
		return errors.New("title is missing")
	}
	for i := range l.Packages {
		p := &l.Packages[i]
		if p.Group == "" {
			p.Group = "runtime"
		}
		if !slices.Contains(groups, p.Group) {
			return fmt.Errorf("package %s: group %q is none of %s", p.Name, p.Group, strings.Join(groups, ", "))
		}
	}
	for _, lock := range l.Locks {
		if (len(lock.Groups) == 0) == (len(lock.Packages) == 0) {
			return fmt.Errorf("lock %s: want either groups or packages", lock.Path)
		}
	}
	for _, p := range l.System {
		if !slices.Contains(stages, p.Stage) {
			return fmt.Errorf("system package %s: stage %q is none of %s", p.Name, p.Stage, strings.Join(stages, ", "))
		}
	}
	for i := range l.Settings {
		s := &l.Settings[i]
		if s.Type == "" {
			s.Type = "string"
		}
		if s.Scope == "" {
			s.Scope = "application"
		}
		if !slices.Contains(settingTypes, s.Type) {
			return fmt.Errorf("setting %s: type %q is none of %s", s.Name, s.Type, strings.Join(settingTypes, ", "))
		}
		if !slices.Contains(settingScopes, s.Scope) {
			return fmt.Errorf("setting %s: scope %q is none of %s", s.Name, s.Scope, strings.Join(settingScopes, ", "))
		}
	}
	for _, t := range l.Tasks {
		if t.Stage != "" && !slices.Contains(TaskStages, t.Stage) {
			return fmt.Errorf("task %s: stage %q is none of %s", t.Name, t.Stage, strings.Join(TaskStages, ", "))
		}
	}
	for pattern, rule := range l.Files {
		if !rule.Policy.valid() {
			return fmt.Errorf("files %s: unknown policy %q", pattern, rule.Policy)
		}
	}
	return nil
}

// flag is how the command line chooses the layer.
func (l *Layer) flag() string {
	question, choice := path.Split(l.ID)
	return "--" + strings.TrimSuffix(question, "/") + " " + choice
}

// policy says how later runs treat the file at name.
func (l *Layer) policy(name string) Policy {
	if rule, found := l.Files[name]; found {
		return rule.Policy
	}
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if rule, found := l.Files[dir+"/**"]; found {
			return rule.Policy
		}
	}
	return Managed
}

// chooseLayers reads the layers of the answers, each after the parts that it includes.
func (p *Plan) chooseLayers() error {
	ids := []string{BaseLayer}
	for _, question := range p.catalog.Questions {
		for _, choice := range p.Answers.Choices[question.Name] {
			ids = append(ids, path.Join(question.Name, choice))
		}
	}
	if p.known == nil {
		p.readAhead(ids)
	}
	for _, id := range ids {
		layer, err := p.readLayer(id)
		if err == nil {
			err = p.addLayer(layer)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// readAhead reads layers and the parts that they include, several at once. One with a fault stays unread, which whoever asks for it learns.
func (p *Plan) readAhead(ids []string) {
	p.known = map[string]*Layer{}
	for asked := map[string]bool{}; len(ids) > 0; {
		layers := make([]*Layer, len(ids))
		parallel(len(ids), func() func(int) {
			return func(i int) { layers[i], _ = p.readLayer(ids[i]) }
		})
		ids = nil
		for _, layer := range layers {
			if layer == nil {
				continue
			}
			p.known[layer.ID] = layer
			for _, part := range layer.Includes {
				if id := path.Join(PartsFolder, part); !asked[id] {
					asked[id], ids = true, append(ids, id)
				}
			}
		}
	}
}

func (p *Plan) readLayer(id string) (*Layer, error) {
	if layer, found := p.known[id]; found {
		return layer, nil
	}
	return readLayer(p.catalog.fsys, id, strings.NewReplacer("%package%", p.Answers.Package, "%name%", p.Answers.Name))
}

// addLayer adds a layer after the parts that it includes, each once. within are the layers that include it.
func (p *Plan) addLayer(layer *Layer, within ...string) error {
	within = append(within, layer.ID)
	for _, part := range layer.Includes {
		id := path.Join(PartsFolder, part)
		if slices.Contains(within, id) {
			return fmt.Errorf("%s includes %s: %s includes itself", layer.ID, part, id)
		}
		if p.layer(id) != nil {
			continue
		}
		included, err := p.readLayer(id)
		if err == nil {
			err = p.addLayer(included, within...)
		}
		if err != nil {
			return fmt.Errorf("%s includes %s: %w", layer.ID, part, err)
		}
	}
	p.Layers = append(p.Layers, layer)
	return nil
}
