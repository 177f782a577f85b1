package generator

import (
	"errors"
	"fmt"
	"io/fs"
	"regexp"
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

// slotLine is a slot on a line of its own, at the start of a text: the indentation, the directive, the name. An empty line after `blocks` belongs to it.
var slotLine = regexp.MustCompile(`^([ \t]*)<%-? (?:slot ("[^"\n]+") %>[ \t]*\n|blocks ("[^"\n]+") %>[ \t]*\n(\n?))`)

// prepared is the text of a template whose slots carry their indentation.
type prepared struct {
	text  string
	slots []string
}

func prepare(text string) prepared {
	if !strings.Contains(text, "slot") && !strings.Contains(text, "blocks") {
		return prepared{text: text}
	}
	var slots []string
	var out strings.Builder
	for text != "" {
		end := strings.IndexByte(text, '\n') + 1
		if end == 0 {
			end = len(text)
		}
		// the expression is slow: only for a line that it may match
		if line := text[:end]; strings.Contains(line, "slot ") || strings.Contains(line, "blocks ") {
			if match := slotLine.FindStringSubmatch(text); match != nil {
				indent, lines, blocks, after := match[1], match[2], match[3], match[4]
				slots = append(slots, strings.Trim(lines+blocks, `"`))
				// the newlines move into the directive: an empty slot leaves no line, and errors keep their line numbers
				if blocks != "" {
					fmt.Fprintf(&out, "<%% blocksAt %s %q %q\n%s%%>", blocks, indent, after, after)
				} else {
					fmt.Fprintf(&out, "<%% slotAt %s %q\n%%>", lines, indent)
				}
				text = text[len(match[0]):]
				continue
			}
		}
		out.WriteString(text[:end])
		text = text[end:]
	}
	return prepared{out.String(), slots}
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
	texts := make(map[string]prepared, len(p.sources))
	open := map[string]bool{}
	read := func(file string, template bool) error {
		data, err := fs.ReadFile(p.catalog.fsys, file)
		if err != nil {
			return err
		}
		text := prepared{text: string(data)}
		if template {
			text = prepare(text.text)
		}
		for _, slot := range text.slots {
			open[slot] = true
		}
		texts[file] = text
		return nil
	}
	for _, source := range p.sources {
		if err := read(source.file, source.template); err != nil {
			return nil, err
		}
	}
	for _, fills := range p.fills {
		for _, fill := range fills {
			if err := read(fill.file, fill.template); err != nil {
				return nil, err
			}
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

// renderer executes templates for one worker: its set shares the functions and nothing with other workers.
type renderer struct {
	plan   *Plan
	texts  map[string]prepared
	set    *template.Template
	policy Policy // of the file at hand
	depth  int
}

func newRenderer(p *Plan, texts map[string]prepared) *renderer {
	r := &renderer{plan: p, texts: texts}
	r.set = newSet(p.config).Funcs(template.FuncMap{
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
	text := r.texts[s.file].text
	if s.template {
		var err error
		if text, err = r.execute(s.file); err != nil {
			return File{}, fmt.Errorf("layer %s: %w", s.layer.ID, err)
		}
		if strings.TrimSpace(text) == "" {
			return File{}, nil // nothing to say: no file
		}
		for strings.HasSuffix(text, "\n\n") { // an empty slot at the end leaves the line before it
			text = text[:len(text)-1]
		}
	}
	mode := fs.FileMode(0o644)
	switch {
	case r.policy == Secret:
		mode = 0o600
	case strings.HasPrefix(text, "#!"):
		mode = 0o755
	}
	return File{Path: s.target, Content: []byte(text), Mode: mode, Layer: s.layer.ID, Policy: r.policy}, nil
}

// execute runs the template in a file of the layers, which names itself in errors.
func (r *renderer) execute(file string) (string, error) {
	text := r.texts[file].text
	if !strings.Contains(text, "<%") {
		return text, nil
	}
	parsed := r.set.Lookup(file)
	if parsed == nil {
		var err error
		if parsed, err = parseAlone(r.set, file, text); err != nil {
			return "", err
		}
	}
	var out strings.Builder
	out.Grow(len(text))
	if err := parsed.Execute(&out, r.plan.data); err != nil {
		return "", located(err)
	}
	return out.String(), nil
}

// newSet is what templates are parsed into that share functions.
func newSet(options Options) *template.Template {
	return template.New("").Delims("<%", "%>").Option("missingkey=error").Funcs(functions(options))
}

// parseAlone adds a template to a set. It refuses named templates: whether another one knows them would depend on which was
// parsed first, and by which worker.
func parseAlone(set *template.Template, name, text string) (*template.Template, error) {
	wanted := len(set.Templates())
	if set.Lookup(name) == nil {
		wanted++
	}
	parsed, err := set.New(name).Parse(text)
	if err != nil {
		return nil, located(err)
	}
	if len(set.Templates()) > wanted || callsOther(parsed.Root) {
		return nil, fmt.Errorf("%s: define, block and template are not for layers: use a slot", name)
	}
	return parsed, nil
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
	if err != nil {
		return "", err
	}
	text := strings.Join(texts, "")
	if strings.HasSuffix(name, ".imports") {
		if text, err = sortImports(text); err != nil {
			return "", fmt.Errorf("the slot %q: %w", name, err)
		}
	}
	return indentLines(text, indent), nil
}

// blocks writes the contributions to a slot with an empty line between them, and what follows only if there are any.
func (r *renderer) blocks(name, indent, after string) (string, error) {
	texts, err := r.contributions(name)
	if err != nil || len(texts) == 0 {
		return "", err
	}
	return indentLines(strings.Join(texts, "\n"), indent) + after, nil
}

// contributions are the texts that fill a slot, in order, each ending with one newline; empty ones are left out.
func (r *renderer) contributions(name string) ([]string, error) {
	r.depth++
	defer func() { r.depth-- }()
	if r.depth > deepest {
		return nil, fmt.Errorf("the slot %q fills itself", name)
	}
	var texts []string
	for _, fill := range r.plan.fills[name] {
		text := r.texts[fill.file].text
		if fill.template {
			var err error
			if text, err = r.execute(fill.file); err != nil {
				return nil, fmt.Errorf("layer %s: %w", fill.layer.ID, err)
			}
		}
		if strings.TrimSpace(text) != "" {
			texts = append(texts, strings.Trim(text, "\n")+"\n")
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
	if len(lines) == 0 {
		return "", nil
	}
	return strings.Join(lines, "\n") + "\n", nil
}
