package generator

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"text/template"
	"text/template/parse"
)

// File is one rendered file of the repository.
type File struct {
	Path    string
	Content []byte
	Mode    fs.FileMode
	Layer   string // the layer that owns it
	Policy  Policy
}

// Policy says what later runs may do with a file.
type Policy string

// The policies.
const (
	Managed Policy = "managed" // updates merge it
	Once    Policy = "once"    // the user's own from the start
	Secret  Policy = "secret"  // the user's own, and recorded nowhere
	Locked  Policy = "lock"    // made from the table of packages; never merged
)

func (p Policy) valid() bool { return p == Managed || p == Once || p == Secret }

// prepared is a file of the layers as it was read: a template carries the indentation of its slots, and is parsed once for all workers.
type prepared struct {
	data  []byte
	text  string // of a template
	slots []string
	tree  func() (*parse.Tree, error)
}

// prepare finds the slots that stand alone on a line of a template. An empty line after `blocks` belongs to it.
func prepare(text string) (prepared string, slots []string) {
	var out strings.Builder
	written, at := 0, 0
	for {
		next := strings.Index(text[at:], "<%")
		if next < 0 {
			break
		}
		line := strings.LastIndexByte(text[:at+next], '\n') + 1
		indent := text[line : at+next]
		at += next + len("<%")
		kind, name, end := readSlot(text[at:])
		if kind == "" || strings.Trim(indent, " \t") != "" {
			continue
		}
		after := ""
		if at += end; kind == "blocks" && strings.HasPrefix(text[at:], "\n") {
			after = "\n"
			at++
		}
		slots = append(slots, name)
		out.WriteString(text[written:line])
		written = at
		// the newlines move into the directive: an empty slot leaves no line, and errors keep their line numbers
		if kind == "blocks" {
			fmt.Fprintf(&out, "<%% blocksAt %q %q %q\n%s%%>", name, indent, after, after)
		} else {
			fmt.Fprintf(&out, "<%% slotAt %q %q\n%%>", name, indent)
		}
	}
	if written == 0 {
		return text, nil
	}
	out.WriteString(text[written:])
	return out.String(), slots
}

// readSlot reads what follows the delimiter of a slot, up to the end of the line, and says how long that is. No kind: it is no slot.
func readSlot(text string) (kind, name string, length int) {
	directive := strings.TrimPrefix(text, "-")
	for _, kind := range []string{"slot", "blocks"} {
		rest, is := strings.CutPrefix(directive, " "+kind+" \"")
		if !is {
			continue
		}
		name, rest, is = strings.Cut(rest, "\" %>")
		rest = strings.TrimLeft(rest, " \t")
		if is && name != "" && !strings.ContainsAny(name, "\"\n") && strings.HasPrefix(rest, "\n") {
			return kind, name, len(text) - len(rest) + 1
		}
	}
	return "", "", 0
}

// Render executes every template of the plan and writes the locks. The files are sorted by path.
func (p *Plan) Render() ([]File, error) {
	texts, err := p.readTexts()
	if err != nil {
		return nil, err
	}
	files := make([]File, len(p.sources)+len(p.locks))
	failures := make([]error, len(files))
	parallel(len(files), func() func(int) {
		r := newRenderer(p, texts)
		return func(i int) {
			if i < len(p.locks) { // they take longest: first
				files[i], failures[i] = p.lock(p.locks[i])
			} else {
				files[i], failures[i] = r.file(p.sources[i-len(p.locks)])
			}
		}
	})
	if err := errors.Join(failures...); err != nil {
		return nil, err
	}
	files = slices.DeleteFunc(files, func(f File) bool { return f.Content == nil })
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return files, nil
}

// parallel calls work with every index below n; worker returns a work function for each of the goroutines.
func parallel(n int, worker func() (work func(i int))) {
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), n, 8) {
		workers.Go(func() {
			work := worker()
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				work(i)
			}
		})
	}
	workers.Wait()
}

// readTexts reads the sources and the fills, and holds the fills against the slots that are open.
func (p *Plan) readTexts() (map[string]prepared, error) {
	type input struct {
		file     string
		template bool
	}
	var inputs []input
	for _, source := range p.sources {
		inputs = append(inputs, input{source.file, source.template})
	}
	for _, fills := range p.fills {
		for _, fill := range fills {
			inputs = append(inputs, input{fill.file, fill.template})
		}
	}
	known := namesOf(p.functions, "slotAt", "blocksAt", "slot", "blocks", "secret")
	read, failures := make([]prepared, len(inputs)), make([]error, len(inputs))
	parallel(len(inputs), func() func(int) {
		return func(i int) { read[i], failures[i] = p.read(inputs[i].file, inputs[i].template, known) }
	})
	if err := errors.Join(failures...); err != nil {
		return nil, err
	}
	texts := make(map[string]prepared, len(inputs))
	open := map[string]bool{}
	for i, input := range inputs {
		texts[input.file] = read[i]
		for _, slot := range read[i].slots {
			open[slot] = true
		}
	}
	for slot, fills := range p.fills {
		// of an application that was there before, most files are not the layers'
		if _, dropped := p.dropped[slot]; !open[slot] && !dropped && p.Answers.Entry == "" {
			return nil, fmt.Errorf("%s: fills the slot %q, which no chosen layer opens", fills[0].file, slot)
		}
	}
	for _, question := range p.catalog.Questions {
		for _, slot := range question.Slots {
			if _, dropped := p.dropped[slot]; !open[slot] && !dropped && p.Answers.Entry == "" {
				return nil, fmt.Errorf("%s/%s: does not open the slot %q, as %s/question.yaml asks of every choice",
					question.Name, strings.Join(p.Answers.Choices[question.Name], ","), slot, question.Name)
			}
		}
	}
	return texts, nil
}

// read reads a file of the layers. known has the names of the functions that a template may call.
func (p *Plan) read(file string, template bool, known map[string]any) (prepared, error) {
	data, err := fs.ReadFile(p.catalog.fsys, file)
	if err != nil || !template {
		return prepared{data: data}, err
	}
	text, slots := prepare(string(data))
	return prepared{data, text, slots, sync.OnceValues(func() (*parse.Tree, error) { return parseAlone(file, text, known) })}, nil
}

// lock makes one lock file from the packages of its groups.
func (p *Plan) lock(lock Lock) (File, error) {
	file := File{Path: lock.Path, Content: p.made[lock.Path], Mode: 0o644, Layer: "lock", Policy: Locked}
	if file.Content != nil {
		return file, nil
	}
	write, found := p.config.Locks[lock.Writer]
	if !found {
		return File{}, fmt.Errorf("%s: no lock writer is called %q", lock.Path, lock.Writer)
	}
	input := LockInput{Path: lock.Path, Packages: map[string][]string{}, IndexURL: p.Answers.IndexURL, DefaultIndex: p.defaultIndex}
	if len(lock.Packages) > 0 {
		input.Packages["runtime"] = lock.Packages
	}
	for _, item := range p.data["packages"].([]any) {
		item := item.(map[string]any)
		if group := item["group"].(string); slices.Contains(lock.Groups, group) {
			input.Packages[group] = append(input.Packages[group], item["name"].(string))
		}
	}
	var err error
	if file.Content, err = write(input); err != nil {
		return File{}, fmt.Errorf("%s: %w", lock.Path, err)
	}
	return file, nil
}

// SetLock gives the content of a lock that its own tool has completed: later renderings have it in place of the writer's.
func (p *Plan) SetLock(path string, content []byte) {
	if p.made == nil {
		p.made = map[string][]byte{}
	}
	p.made[path] = content
}

// renderer executes templates for one worker: its set has functions of its own, which know the file at hand.
type renderer struct {
	plan   *Plan
	texts  map[string]prepared
	set    *template.Template
	policy Policy // of the file at hand
	depth  int
}

func newRenderer(p *Plan, texts map[string]prepared) *renderer {
	r := &renderer{plan: p, texts: texts}
	r.set = newSet(p.functions).Funcs(template.FuncMap{
		"slotAt":   r.slot,
		"blocksAt": r.blocks,
		"slot":     notAlone,
		"blocks":   notAlone,
		"secret":   r.secret,
	})
	return r
}

func (r *renderer) file(s source) (File, error) {
	r.policy = s.layer.policy(s.target)
	content := r.texts[s.file].data
	if s.template {
		var out bytes.Buffer
		if err := r.execute(&out, s.file); err != nil {
			return File{}, fmt.Errorf("layer %s: %w", s.layer.ID, err)
		}
		content = out.Bytes()
		if len(bytes.TrimSpace(content)) == 0 {
			return File{}, nil // nothing to say: no file
		}
		for bytes.HasSuffix(content, []byte("\n\n")) { // an empty slot at the end leaves the line before it
			content = content[:len(content)-1]
		}
	}
	mode := fs.FileMode(0o644)
	switch {
	case r.policy == Secret:
		mode = 0o600
	case bytes.HasPrefix(content, []byte("#!")):
		mode = 0o755
	}
	return File{Path: s.target, Content: content, Mode: mode, Layer: s.layer.ID, Policy: r.policy}, nil
}

// execute runs the template in a file of the layers, which names itself in errors.
func (r *renderer) execute(out *bytes.Buffer, file string) error {
	parsed := r.set.Lookup(file)
	if parsed == nil {
		tree, err := r.texts[file].tree()
		if err != nil {
			return err
		}
		if parsed, err = r.set.AddParseTree(file, tree); err != nil {
			return err
		}
	}
	out.Grow(len(r.texts[file].text))
	return located(parsed.Execute(out, r.plan.data))
}

// newSet is what templates are parsed into that share functions.
func newSet(functions template.FuncMap) *template.Template {
	return template.New("").Option("missingkey=error").Funcs(functions)
}

// builtin are the functions that text/template has itself, but `index`, in whose place is one of ours.
var builtin = []string{
	"and", "call", "eq", "ge", "gt", "html", "js", "le", "len", "lt", "ne", "not", "or", "print", "printf", "println", "slice", "urlquery",
}

// namesOf are the functions that a template may call, for the parser, which asks for no more than the names.
func namesOf(functions template.FuncMap, more ...string) map[string]any {
	names := maps.Clone(map[string]any(functions))
	for _, name := range slices.Concat(builtin, more) {
		names[name] = true
	}
	return names
}

// parseAlone parses a template that may call known functions. It refuses named templates: whether another one knows them would depend on
// which was parsed first, and by which worker.
func parseAlone(name, text string, known map[string]any) (*parse.Tree, error) {
	trees, err := parse.Parse(name, text, "<%", "%>", known)
	if err != nil {
		return nil, located(err)
	}
	if len(trees) > 1 || callsOther(trees[name].Root) {
		return nil, fmt.Errorf("%s: define, block and template are not for layers: use a slot", name)
	}
	return trees[name], nil
}

// callsOther says whether a part of a template executes a named one.
func callsOther(node parse.Node) bool {
	switch node := node.(type) {
	case *parse.TemplateNode:
		return true
	case *parse.ListNode:
		return node != nil && slices.ContainsFunc(node.Nodes, callsOther)
	case *parse.IfNode:
		return callsOther(node.List) || callsOther(node.ElseList)
	case *parse.RangeNode:
		return callsOther(node.List) || callsOther(node.ElseList)
	case *parse.WithNode:
		return callsOther(node.List) || callsOther(node.ElseList)
	}
	return false
}

// located writes text/template's errors as `file:line: problem`, and drops its own prefix.
func located(err error) error {
	if err == nil {
		return nil
	}
	return errors.New(strings.TrimPrefix(err.Error(), "template: "))
}

// deepest bounds slots within slots; more is a slot that fills itself.
const deepest = 5

func notAlone(string) (string, error) {
	return "", errors.New("a slot stands alone on its line, with one space inside its delimiters")
}

// slot writes the contributions to a slot, one under the other, indented.
func (r *renderer) slot(name, indent string) (string, error) {
	texts, err := r.contributions(name)
	if err != nil || len(texts) == 0 {
		return "", err
	}
	text := strings.Join(texts, "\n")
	if strings.HasSuffix(name, ".imports") {
		if text, err = sortImports(text); err != nil {
			return "", fmt.Errorf("the slot %q: %w", name, err)
		}
	}
	return indentLines(text, indent) + "\n", nil
}

// blocks writes the contributions to a slot with an empty line between them, and what follows only if there are any.
func (r *renderer) blocks(name, indent, after string) (string, error) {
	texts, err := r.contributions(name)
	if err != nil || len(texts) == 0 {
		return "", err
	}
	return indentLines(strings.Join(texts, "\n\n"), indent) + "\n" + after, nil
}

// contributions are the texts that fill a slot, in order, without the newlines around them; empty ones are left out.
func (r *renderer) contributions(name string) ([]string, error) {
	r.depth++
	defer func() { r.depth-- }()
	if r.depth > deepest {
		return nil, fmt.Errorf("the slot %q fills itself", name)
	}
	var texts []string
	for _, fill := range r.plan.fills[name] {
		out := bytes.NewBuffer(nil)
		if !fill.template {
			out = bytes.NewBuffer(r.texts[fill.file].data)
		} else if err := r.execute(out, fill.file); err != nil {
			return nil, fmt.Errorf("layer %s: %w", fill.layer.ID, err)
		}
		if len(bytes.TrimSpace(out.Bytes())) > 0 {
			texts = append(texts, string(bytes.Trim(out.Bytes(), "\n")))
		}
	}
	return texts, nil
}

func indentLines(text, indent string) string {
	if indent == "" || text == "" {
		return text
	}
	var out strings.Builder
	for line := range strings.Lines(text) {
		if line != "\n" {
			out.WriteString(indent)
		}
		out.WriteString(line)
	}
	return out.String()
}

// sortImports orders the statements of one isort section: `import` before `from`, then by module, without regard to case.
func sortImports(text string) (string, error) {
	lines := strings.FieldsFunc(text, func(r rune) bool { return r == '\n' })
	for _, line := range lines {
		if !strings.HasPrefix(line, "import ") && !strings.HasPrefix(line, "from ") || strings.HasSuffix(line, "(") {
			return "", fmt.Errorf("%q is not an import on one line", line)
		}
	}
	key := func(line string) string {
		kind, module, _ := strings.Cut(line, " ")
		return kind[:1] + " " + strings.ToLower(module) // "f" and "i": from sorts last
	}
	slices.SortFunc(lines, func(a, b string) int {
		ka, kb := key(a), key(b)
		if ka[0] != kb[0] {
			return int(kb[0]) - int(ka[0])
		}
		return strings.Compare(ka, kb)
	})
	lines = slices.Compact(lines)
	return strings.Join(lines, "\n"), nil
}
