package generator

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"text/template"
)

// Plan is what a set of answers amounts to: the layers in order, the facts and lists that their templates read, and who
// owns each file and fills each slot.
type Plan struct {
	Answers *Answers
	// Layers are in order of contribution: base, then by question, included parts before the layer that includes them.
	Layers []*Layer

	catalog   *Catalog
	known     map[string]*Layer // layers that need not be read again; nil until chooseLayers
	axes      map[string]string
	data      map[string]any
	functions template.FuncMap
	values    *template.Template // the set of the templates in the layers' values
	callable  map[string]any     // what those may call: see namesOf
	sources   []source
	fills     map[string][]fill
	dropped   map[string]string // slots of questions that were answered without an owner, and the question
	locks     []Lock
	next      []Step
	made      map[string][]byte // locks whose content was made elsewhere, by path
	config    Options

	defaultIndex string
}

// Options are the specialists and the facts of the program that the engine is handed.
type Options struct {
	// Kitout is the version of the program; the record keeps it.
	Kitout string
	// Locks are the lock writers by name.
	Locks map[string]func(LockInput) ([]byte, error)
	// Version returns the locked version of a Python distribution.
	Version func(distribution string) (string, bool)
	// Requirement returns a bare requirement with the lower bound that manifests have; nil: it stays bare.
	Requirement func(bare string) (string, error)
	// DefaultIndex returns the address of the index that the machine's tools ask, for layers that have to write it down. An
	// error says why it is not known.
	DefaultIndex func() (string, error)
}

// LockInput is what a lock writer is told.
type LockInput struct {
	Path     string              // of the file, for its header
	Packages map[string][]string // requirements by group, in the order of the manifest
	IndexURL string              // the answer; may be empty

	// DefaultIndex is the index that the tools ask without an answer; empty unless a layer needs it.
	DefaultIndex string
}

// source is one file of a layer that becomes a file of the repository.
type source struct {
	layer    *Layer
	file     string // path in the templates
	target   string // path in the repository
	template bool
}

// fill is one contribution to a slot.
type fill struct {
	layer    *Layer
	file     string
	template bool
}

const templateSuffix = ".tmpl"

// NewPlan reads the layers of the answers and resolves their facts. Combinations that a layer refuses are UsageErrors; faults of
// the templates are plain errors that name the file.
func (c *Catalog) NewPlan(answers *Answers, options Options) (*Plan, error) {
	functions := functions(options)
	plan := &Plan{
		Answers: answers, catalog: c, config: options, functions: functions, values: newSet(functions), callable: namesOf(functions),
		axes: map[string]string{}, fills: map[string][]fill{}, dropped: map[string]string{},
	}
	steps := []func() error{plan.chooseLayers, plan.settleAxes, plan.checkConditions, plan.findIndex, plan.resolveFacts, plan.collectLists, plan.collectNext, plan.collectFiles}
	for _, step := range steps {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return plan, nil
}

// settleAxes learns each axis from the choice that was made for the question that declares it.
func (p *Plan) settleAxes() error {
	p.axes[applicationAxis] = newApplication
	if p.Answers.Entry != "" {
		p.axes[applicationAxis] = existingApplication
	}
	for _, question := range p.catalog.Questions {
		for axis, values := range question.Axes {
			layer := p.layer(path.Join(question.Name, p.Answers.Choices[question.Name][0]))
			value, found := layer.Axes[axis]
			if !found || !slices.Contains(values, value) {
				return fmt.Errorf("%s/layer.yaml: axis %s must be one of %s", layer.ID, axis, strings.Join(values, ", "))
			}
			p.axes[axis] = value
		}
	}
	for _, layer := range p.Layers {
		name := path.Dir(layer.ID)
		question := p.catalog.Question(name)
		if len(layer.Prefers) > 0 && (question == nil || !question.Main) {
			return fmt.Errorf("%s/layer.yaml: prefers is only for the choices of a main question", layer.ID)
		}
		for _, axis := range slices.Sorted(maps.Keys(layer.Axes)) {
			if question == nil || question.Axes[axis] == nil {
				return fmt.Errorf("%s/layer.yaml: axis %q is not declared in %s/question.yaml", layer.ID, axis, name)
			}
		}
	}
	return nil
}

// Pythons returns the minor versions of Python that the repository supports, the newest first.
func (p *Plan) Pythons() []string { return p.layer(BaseLayer).Python.Images }

// Fact returns a fact of the answer to a question that has one answer and declares it.
func (p *Plan) Fact(question, name string) any { return p.data[question].(map[string]any)[name] }

// Next returns what to run in the repository, in order.
func (p *Plan) Next() []Step { return p.next }

// collectNext gathers the steps of all layers.
func (p *Plan) collectNext() error {
	for _, layer := range p.Layers {
		for _, step := range layer.Next {
			held, err := p.holdAll(step.When)
			if err == nil && held {
				step.Command, err = p.expandText(step.Command)
			}
			if err != nil {
				return fmt.Errorf("%s/layer.yaml: next: %w", layer.ID, err)
			}
			if held {
				p.next = append(p.next, step)
			}
		}
	}
	return nil
}

// Bringers returns the answers to which a repository owes a layer, as question=choice: its own, or those of the layers that
// include it. The base, which every repository has, is owed to none.
func (p *Plan) Bringers(id string) (pairs []string) {
	for _, layer := range p.Layers {
		includes := slices.ContainsFunc(layer.Includes, func(part string) bool { return path.Join(PartsFolder, part) == id })
		if layer.ID != id && !includes {
			continue
		}
		switch question, choice := path.Split(layer.ID); {
		case question == "":
		case question != PartsFolder+"/":
			pairs = append(pairs, strings.TrimSuffix(question, "/")+"="+choice)
		case includes:
			pairs = append(pairs, p.Bringers(layer.ID)...)
		}
	}
	slices.Sort(pairs)
	return slices.Compact(pairs)
}

// Template returns the file of the templates that becomes the one at a path of the repository, or "" if none does.
func (p *Plan) Template(target string) string {
	for _, source := range p.sources {
		if source.target == target {
			return source.file
		}
	}
	return ""
}

func (p *Plan) layer(id string) *Layer {
	for _, layer := range p.Layers {
		if layer.ID == id {
			return layer
		}
	}
	return nil
}

// holds says whether a condition is met; one that names neither a question nor an axis is a fault of the layer.
func (p *Plan) holds(c Condition) (bool, error) {
	if value, found := p.axes[c.Left]; found {
		return slices.Contains(c.Values, value), nil
	}
	if p.catalog.Question(c.Left) == nil {
		return false, fmt.Errorf("condition %s: %q is neither a question nor an axis", c, c.Left)
	}
	for _, choice := range p.Answers.Choices[c.Left] {
		if slices.Contains(c.Values, choice) {
			return true, nil
		}
	}
	return false, nil
}

func (p *Plan) holdAll(conditions []Condition) (bool, error) {
	for _, condition := range conditions {
		if held, err := p.holds(condition); err != nil || !held {
			return false, err
		}
	}
	return true, nil
}

// findIndex learns the default index if a layer cannot do without an address and none was given.
func (p *Plan) findIndex() error {
	for _, layer := range p.Layers {
		if !layer.DefaultIndex || p.Answers.IndexURL != "" || p.config.DefaultIndex == nil {
			continue
		}
		var err error
		if p.defaultIndex, err = p.config.DefaultIndex(); err != nil {
			return &UsageError{
				Flag:    layer.flag(),
				Problem: fmt.Sprintf("needs the address of the package index: %v", err), Hint: "give it with --index-url", Combination: true,
			}
		}
	}
	return nil
}

func (p *Plan) checkConditions() error {
	refusals, err := p.refusals()
	if err == nil && len(refusals) > 0 {
		err = refusals[0]
	}
	return err
}

// refusals are the combinations that layers refuse, in the order of the layers.
func (p *Plan) refusals() (found []*UsageError, err error) {
	for _, layer := range p.Layers {
		for i, condition := range slices.Concat(layer.Requires, layer.Conflicts) {
			refusal, err := p.checkCondition(layer, condition, i < len(layer.Requires))
			if err != nil {
				return nil, err
			}
			if refusal != nil {
				found = append(found, refusal)
			}
		}
	}
	return found, nil
}

// checkCondition refuses the layer unless the condition holds, or does not, as wanted.
func (p *Plan) checkCondition(layer *Layer, condition Condition, wanted bool) (*UsageError, error) {
	held, err := p.holds(condition)
	if err != nil {
		return nil, fmt.Errorf("%s/layer.yaml: %w", layer.ID, err)
	}
	if held == wanted {
		return nil, nil
	}
	question := p.catalog.about(condition)
	choices, err := p.catalog.meeting(question, condition, wanted)
	if err != nil {
		return nil, err
	}
	problem, hint := "does not go with ", "choose another"
	if wanted {
		problem = "needs "
	}
	if len(choices) > 0 {
		hint += fmt.Sprintf(", or --%s %s", question.Name, strings.Join(choices, " or "))
	}
	var instead []string
	for _, choice := range choices {
		instead = append(instead, question.Name+"="+choice)
	}
	return &UsageError{
		Flag: layer.flag(), Problem: problem + condition.String() + ": " + layer.Reason,
		Hint: hint, Combination: true, Instead: instead,
	}, nil
}

// about returns the question that a condition is about, its own or that of an axis; nil: there is none.
func (c *Catalog) about(condition Condition) *Question {
	if question := c.Question(condition.Left); question != nil {
		return question
	}
	_, owner := c.axis(condition.Left)
	return owner
}

// meeting returns the choices of a question that meet a condition about it, or do not; without a question there are none.
func (c *Catalog) meeting(question *Question, condition Condition, wanted bool) (choices []string, err error) {
	if question == nil {
		return nil, nil
	}
	for _, choice := range question.Choices {
		value := choice
		if question.Name != condition.Left {
			layer, err := c.Layer(question.Name, choice)
			if err != nil {
				return nil, err
			}
			value = layer.Axes[condition.Left]
		}
		if slices.Contains(condition.Values, value) == wanted {
			choices = append(choices, choice)
		}
	}
	return choices, nil
}

// collectFiles finds who owns each path and who fills each slot.
func (p *Plan) collectFiles() error {
	owners := map[string]*Layer{}
	own := func(layer *Layer, target string) error {
		if !validPath(target) || within(target, RecordFolder) {
			return fmt.Errorf("%s: a layer (%s) writes no such file", target, layer.ID)
		}
		if owner, taken := owners[target]; taken {
			return fmt.Errorf("%s: owned by both %s and %s", target, owner.ID, layer.ID)
		}
		owners[target] = layer
		return nil
	}
	for _, question := range p.catalog.Questions {
		for _, slot := range question.Slots {
			if slices.Equal(p.Answers.Choices[question.Name], []string{"none"}) {
				p.dropped[slot] = question.Name
			}
		}
	}
	for _, layer := range p.Layers {
		if slices.Contains(layer.Folders, p.Answers.Package) {
			return p.packageTaken()
		}
		folders, err := p.folders(layer.ID)
		if err != nil {
			return err
		}
		for _, folder := range folders {
			if err := p.collectFolder(layer, folder, own); err != nil {
				return err
			}
		}
		for _, lock := range layer.Locks {
			held, err := p.holdAll(lock.When)
			if err == nil && held {
				err = own(layer, lock.Path)
				p.locks = append(p.locks, lock)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// folders returns a folder of a layer and those in it, at any depth, of the values that the axes have.
func (p *Plan) folders(folder string) ([]string, error) {
	entries, err := fs.ReadDir(p.catalog.fsys, folder)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", folder, err)
	}
	folders := []string{folder}
	covered := map[string][]string{} // the values that a folder serves, by axis
	for _, entry := range entries {
		axis, values, variant := strings.Cut(entry.Name(), "=")
		if !variant {
			continue
		}
		known, _ := p.catalog.axis(axis)
		for _, value := range strings.Split(values, ",") {
			if !slices.Contains(known, value) {
				return nil, fmt.Errorf("%s/%s: %q is no value of an axis", folder, entry.Name(), value)
			}
			covered[axis] = append(covered[axis], value)
			if p.axes[axis] != value {
				continue
			}
			within, err := p.folders(path.Join(folder, entry.Name()))
			if err != nil {
				return nil, err
			}
			folders = append(folders, within...)
		}
	}
	for axis, values := range covered {
		if axis != applicationAxis && !slices.Contains(values, p.axes[axis]) {
			return nil, fmt.Errorf("%s: no folder says what happens for %s=%s", folder, axis, p.axes[axis])
		}
	}
	return folders, nil
}

// packageTaken is the error when the package would share its folder with something else.
func (p *Plan) packageTaken() error {
	return &UsageError{
		Flag: "--package", Problem: fmt.Sprintf("%q is a folder of the repository", p.Answers.Package), Hint: "choose another with --package",
	}
}

func (p *Plan) collectFolder(layer *Layer, folder string, own func(*Layer, string) error) error {
	fsys := p.catalog.fsys
	for _, kind := range []string{"files", "slots"} {
		root := path.Join(folder, kind)
		if _, err := fs.Stat(fsys, root); err != nil {
			continue
		}
		err := fs.WalkDir(fsys, root, func(file string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			name, template := strings.CutSuffix(strings.TrimPrefix(file, root+"/"), templateSuffix)
			if kind == "slots" {
				p.fills[name] = append(p.fills[name], fill{layer, file, template})
				return nil
			}
			target := strings.ReplaceAll(name, "%package%", p.Answers.Package)
			// without regard to case, for file systems that have none
			if first, _, _ := strings.Cut(name, "/"); strings.EqualFold(first, p.Answers.Package) {
				return p.packageTaken()
			}
			p.sources = append(p.sources, source{layer, file, target, template})
			return own(layer, target)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
