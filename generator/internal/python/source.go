// Package python reads Python source files: what they import, assign, call and define. It runs nothing and never fails; of a file
// that is no Python it gives what looks like it. Reading takes time in proportion to the file, and what is kept of it is bounded.
package python

import (
	"slices"
	"strings"
)

// Source is what could be read of a file, everything in the order of its lines.
//
// A dotted name is resolved through all imports of the file, wherever they stand: after `from flask import Flask as F`, F(…) is a
// call of "flask.Flask". Relative imports keep their dots: ".extensions.db".
type Source struct {
	Imports     []Import
	Assignments []Assignment
	Calls       []Called
	Functions   []Function
	Classes     []Class
	Subscripts  []Value // of kind Subscript; of a chain of them, the first
	Strings     []Value // of kind String and Format, without the documentation strings
}

// Place is where a statement stands.
type Place struct {
	Line  int    // from 1
	Scope string // the functions and classes around it, joined by dots; "" is the module itself
	Main  bool   // in a block `if __name__ == "__main__":`
	Block bool   // in another block, such as if, try or with
}

// Import is one name that an import statement binds.
type Import struct {
	Place
	Module string // "flask", "os.path", ".models"
	Name   string // what is taken from the module; "" imports the module itself
	As     string // the name that it is bound to, "*" for all
}

// Target is the dotted name of what is imported: module or module.name.
func (i Import) Target() string {
	if i.Name == "" || i.Name == "*" {
		return i.Module
	}
	return join(i.Module, i.Name)
}

// Assignment is Name = Value, or Name[Key] = Value where all subscripts are literal strings, joined by dots.
type Assignment struct {
	Place
	Name  string // dotted, resolved: "app.config"
	Key   string
	Added bool // += and the like
	Value Value
}

// Called is a call anywhere in a statement.
type Called struct {
	Place
	Value // of kind Call
}

// Function is a definition. Decorators are values of kind Name or Call.
type Function struct {
	Place
	Name       string
	Decorators []Value
	Parameters []Parameter
	Returns    []Value // what its own return statements return
}

// Parameter is one of a function's, without stars.
type Parameter struct {
	Name     string
	Optional bool // it has a default, or takes what is left
}

// Class is a definition; Bases are dotted names, resolved.
type Class struct {
	Place
	Name  string
	Bases []string
}

// maxItems is how many things of a kind are kept of a file, and of a bracket in it: a file with more holds data.
const maxItems = 2_000

func keep[T any](list []T, items ...T) []T {
	return append(list, items[:min(len(items), max(maxItems-len(list), 0))]...)
}

func join(scope, name string) string {
	if scope == "" || strings.HasSuffix(scope, ".") {
		return scope + name
	}
	return scope + "." + name
}

// Parse reads a file.
func Parse(data []byte) *Source {
	r := &reader{source: &Source{}, names: map[string]string{}}
	statements := split(tokenize(data))
	for _, s := range statements {
		r.enter(s)
		r.imports(s)
	}
	for _, imported := range r.source.Imports {
		if _, bound := r.names[imported.As]; !bound || imported.Scope == "" {
			r.names[imported.As] = imported.binding()
		}
	}
	r.scopes, r.decorators = nil, nil
	for _, s := range statements {
		r.enter(s)
		r.statement(s)
	}
	return r.source
}

// binding is what the bound name stands for: `import a.b` binds a, `import a.b as c` binds c to a.b.
func (i Import) binding() string {
	if i.Name == "" && !strings.Contains(i.As, ".") && strings.HasPrefix(i.Module, i.As+".") {
		return i.As
	}
	return i.Target()
}

// statement is a run of tokens, with its indentation.
type statement struct {
	tokens []token
	indent int
	block  bool // it opens one
	inline bool // it stands behind the colon of a compound statement on the same line, or behind a semicolon
}

func (s statement) line() int { return s.tokens[0].line }

func (s statement) starts(words ...string) bool {
	return s.tokens[0].kind == name && slices.Contains(words, s.tokens[0].text)
}

// compound are the keywords that open a block.
var compound = map[string]bool{
	"if": true, "elif": true, "else": true, "for": true, "while": true, "try": true, "except": true, "finally": true, "with": true,
	"def": true, "class": true, "async": true,
}

// opensBlock says that a line begins a compound statement. The words match and case are names as well.
func opensBlock(line []token) bool {
	if line[0].kind != name {
		return false
	}
	if line[0].text != "match" && line[0].text != "case" {
		return compound[line[0].text]
	}
	last := line[len(line)-1]
	if len(line) < 3 || last.kind != operand || last.text != ":" {
		return false
	}
	return line[1].kind != operand || line[1].text != "=" && line[1].text != "."
}

// split cuts tokens into statements: lines, and on a line what semicolons and the colon of a block separate.
func split(tokens []token) (statements []statement) {
	for len(tokens) > 0 {
		stop := slices.IndexFunc(tokens, func(t token) bool { return t.kind == end })
		if stop < 0 {
			stop = len(tokens)
		}
		indent, inline := 0, false
		if stop > 0 {
			indent = max(tokens[0].column, 0)
		}
		for line := tokens[:stop]; len(line) > 0; inline = true {
			cut := boundary(line)
			if part := line[:cut]; len(part) > 0 {
				statements = append(statements, statement{part, indent, opensBlock(line), inline})
			}
			line = line[min(cut+1, len(line)):]
		}
		tokens = tokens[min(stop+1, len(tokens)):]
	}
	return statements
}

// boundary is where the first statement of a line ends.
func boundary(line []token) int {
	opens := opensBlock(line)
	depth, lambdas := 0, 0
	for i, t := range line {
		if t.kind == name && t.text == "lambda" && depth == 0 {
			lambdas++
		}
		if t.kind != operand {
			continue
		}
		switch t.text {
		case "(", "[", "{":
			depth++
		case ")", "]", "}":
			depth--
		case ";":
			if depth <= 0 {
				return i
			}
		case ":":
			if depth <= 0 && lambdas > 0 {
				lambdas--
			} else if depth <= 0 && opens {
				return i
			}
		}
	}
	return len(line)
}

// scope is a block that is open.
type scope struct {
	indent   int
	name     string // of a function or class
	function int    // index into Functions, -1 for other blocks
	main     bool
}

// maxBlocks is how deep blocks may be nested; CPython's tokenizer takes as many levels of indentation (MAXINDENT).
const maxBlocks = 100

type reader struct {
	source     *Source
	names      map[string]string
	scopes     []scope
	decorators []Value
	place      Place
}

// enter leaves the blocks that a statement is no longer in, and enters the one that it opens for those behind it.
func (r *reader) enter(s statement) {
	for !s.inline && len(r.scopes) > 0 && r.scopes[len(r.scopes)-1].indent >= s.indent {
		r.scopes = r.scopes[:len(r.scopes)-1]
	}
	r.place = Place{Line: s.line()}
	for _, scope := range r.scopes {
		if scope.name != "" {
			r.place.Scope = join(r.place.Scope, scope.name)
			continue
		}
		r.place.Main = r.place.Main || scope.main
		r.place.Block = r.place.Block || !scope.main
	}
	if !s.block || len(r.scopes) == maxBlocks {
		return
	}
	opened := scope{indent: s.indent, function: -1}
	if word, _ := definition(s); word != "" {
		opened.name, opened.function = word, len(r.source.Functions)
	}
	opened.main = isMain(s.tokens)
	r.scopes = append(r.scopes, opened)
}

// definition returns the name that a def or class statement defines, and the tokens behind it.
func definition(s statement) (string, []token) {
	tokens := s.tokens
	if s.starts("async") && len(tokens) > 1 {
		tokens = tokens[1:]
	}
	if len(tokens) > 1 && tokens[0].kind == name && (tokens[0].text == "def" || tokens[0].text == "class") && tokens[1].kind == name {
		return tokens[1].text, tokens[2:]
	}
	return "", nil
}

func isMain(tokens []token) bool {
	if tokens[0].text != "if" || len(tokens) < 4 {
		return false
	}
	words := []string{tokens[1].text, tokens[3].text}
	slices.Sort(words)
	return tokens[2].text == "==" && words[0] == "__main__" && words[1] == "__name__"
}

// imports reads an import statement.
func (r *reader) imports(s statement) {
	p := &parser{tokens: s.tokens[1:]}
	switch {
	case s.starts("import"):
		for {
			module := p.dotted()
			if module == "" {
				return
			}
			as := p.alias()
			if as == "" {
				as, _, _ = strings.Cut(module, ".")
			}
			r.source.Imports = keep(r.source.Imports, Import{Place: r.place, Module: module, As: as})
			if !p.take(",") {
				return
			}
		}
	case s.starts("from"):
		module := p.dotted()
		if module == "" || !p.takeName("import") {
			return
		}
		p.take("(")
		for {
			line := p.line(r.place.Line)
			word := p.word()
			if word == "" && p.take("*") {
				word = "*"
			}
			if word == "" {
				return
			}
			as := p.alias()
			if as == "" {
				as = word
			}
			place := r.place
			place.Line = line
			r.source.Imports = keep(r.source.Imports, Import{Place: place, Module: module, Name: word, As: as})
			if !p.take(",") {
				return
			}
		}
	}
}

// statement reads any other statement.
func (r *reader) statement(s statement) {
	p := &parser{tokens: s.tokens, names: r.names}
	defer func() { r.collect(p) }()
	word, rest := definition(s)
	switch {
	case s.starts("import", "from"):
	case s.tokens[0].kind == operand && s.tokens[0].text == "@":
		p.pos = 1
		r.decorators = keep(r.decorators, p.expression(0))
		return
	case word != "" && s.tokens[len(s.tokens)-len(rest)-2].text == "class":
		p.tokens = rest
		class := Class{Place: r.place, Name: word}
		if p.take("(") {
			_, items, _ := p.arguments(0)
			for _, item := range items {
				if item.Text != "" {
					class.Bases = append(class.Bases, item.Text)
				}
			}
		}
		r.source.Classes = keep(r.source.Classes, class)
	case word != "":
		p.tokens = rest
		r.source.Functions = keep(r.source.Functions, Function{
			Place: r.place, Name: word, Decorators: r.decorators, Parameters: p.parameters(),
		})
	case s.starts("return"):
		p.pos = 1
		value := p.expression(0)
		if f := r.function(); f != nil {
			f.Returns = keep(f.Returns, value)
		}
	case len(s.tokens) == 1 && (s.tokens[0].kind == text): // documentation
	default:
		r.assignment(p, s)
	}
	r.decorators = nil
}

// function is the innermost one that the current statement is in.
func (r *reader) function() *Function {
	for i := len(r.scopes) - 1; i >= 0; i-- {
		if scope := r.scopes[i]; scope.name != "" {
			if scope.function < len(r.source.Functions) && r.source.Functions[scope.function].Name == scope.name {
				return &r.source.Functions[scope.function]
			}
			return nil
		}
	}
	return nil
}

// assignment reads targets and a value, or an expression that stands alone.
func (r *reader) assignment(p *parser, s statement) {
	if s.block || s.tokens[0].kind == name && keywords[s.tokens[0].text] {
		p.pos = 1
	}
	var targets []Value
	added := false
	for {
		value := p.expression(0)
		if p.take(":") { // an annotation
			p.expression(0)
		}
		sign := p.peek()
		if sign.kind == operand && assigns(sign.text) {
			p.pos++
			added = added || sign.text != "="
			targets = keep(targets, value)
			continue
		}
		for _, target := range targets {
			if written, key, fits := destination(target); fits {
				assignment := Assignment{Place: r.place, Name: written, Key: key, Added: added, Value: value}
				r.source.Assignments = keep(r.source.Assignments, assignment)
			}
		}
		if !p.skip() {
			return
		}
		targets = nil
	}
}

// assigns says that an operator is = or += and the like.
func assigns(sign string) bool { return strings.HasSuffix(sign, "=") && !comparison[sign] }

var comparison = map[string]bool{"==": true, "!=": true, "<=": true, ">=": true, ":=": true}

// destination is the name and the key of a target.
func destination(target Value) (written, key string, fits bool) {
	switch target.Kind {
	case Name:
		return target.Text, "", true
	case Subscript:
		var keys []string
		for _, item := range target.Items {
			if item.Kind != String {
				return "", "", false
			}
			keys = append(keys, item.Text)
		}
		return target.Text, strings.Join(keys, "."), len(keys) > 0
	}
	return "", "", false
}

// collect takes the calls and strings that the parser met.
func (r *reader) collect(p *parser) {
	for _, call := range p.calls {
		place := r.place
		place.Line = call.Line
		r.source.Calls = keep(r.source.Calls, Called{Place: place, Value: call})
	}
	r.source.Subscripts = keep(r.source.Subscripts, p.items...)
	r.source.Strings = keep(r.source.Strings, p.strings...)
}
