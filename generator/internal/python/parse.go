package python

import "strings"

// maxDepth is how deep expressions may be nested; what is deeper is stepped over.
const maxDepth = 60

// parser reads the expressions of one statement. It backtracks nowhere.
type parser struct {
	tokens  []token
	pos     int
	names   map[string]string
	calls   []Value
	items   []Value // subscripts
	strings []Value
}

func (p *parser) peek() token {
	if p.pos < len(p.tokens) {
		return p.tokens[p.pos]
	}
	return token{}
}

func (p *parser) line(standard int) int {
	if p.pos < len(p.tokens) {
		return p.tokens[p.pos].line
	}
	return standard
}

// skip moves over one token; false at the end.
func (p *parser) skip() bool {
	p.pos++
	return p.pos < len(p.tokens)
}

func (p *parser) take(sign string) bool {
	if t := p.peek(); t.kind == operand && t.text == sign {
		p.pos++
		return true
	}
	return false
}

func (p *parser) takeName(word string) bool {
	if t := p.peek(); t.kind == name && t.text == word {
		p.pos++
		return true
	}
	return false
}

func (p *parser) word() string {
	if t := p.peek(); t.kind == name {
		p.pos++
		return t.text
	}
	return ""
}

func (p *parser) alias() string {
	if p.takeName("as") {
		return p.word()
	}
	return ""
}

// dotted reads a.b.c, with leading dots.
func (p *parser) dotted() string {
	var b strings.Builder
	for {
		t := p.peek()
		switch {
		case t.kind == operand && (t.text == "." || t.text == "..."):
		case t.kind == name && t.text != "import" && t.text != "as" && (b.Len() == 0 || strings.HasSuffix(b.String(), ".")):
		default:
			return b.String()
		}
		b.WriteString(t.text)
		p.pos++
	}
}

// keywords are the words that are no names; those in front of an expression say nothing about its value.
var keywords = map[string]bool{
	"and": true, "or": true, "not": true, "in": true, "is": true, "if": true, "else": true, "for": true, "lambda": true, "await": true,
	"async": true, "yield": true, "from": true, "as": true, "return": true, "raise": true, "assert": true, "del": true, "global": true,
	"nonlocal": true, "pass": true, "break": true, "continue": true, "import": true,
}

// prefixes are the keywords that leave the value what it is.
var prefixes = map[string]bool{"await": true, "yield": true, "from": true}

// expression reads up to a comma, a closing bracket, a colon, an assignment or the end. A tuple without parentheses is a list.
func (p *parser) expression(depth int) Value {
	first := p.single(depth)
	if !p.atComma() {
		return first
	}
	list := Value{Kind: List, Items: []Value{first}, Line: first.Line}
	for p.take(",") {
		if item := p.single(depth); item.Kind != Other || len(item.Items) > 0 {
			list.Items = keep(list.Items, item)
		}
	}
	return list
}

func (p *parser) atComma() bool {
	t := p.peek()
	return t.kind == operand && t.text == ","
}

// single reads one expression, without the comma behind it.
func (p *parser) single(depth int) Value {
	var parts []Value
	operator, start := "", p.line(0)
	for p.pos < len(p.tokens) {
		t := p.peek()
		switch {
		case t.kind == operand && closes(t.text):
			return operation(parts, operator, start)
		case t.kind == name && prefixes[t.text] && len(parts) == 0:
			p.pos++
		case t.kind == name && t.text == "lambda":
			p.lambda()
			operator = "lambda"
		case t.kind == name && keywords[t.text], t.kind == operand && !opens(t.text) && t.text != "...":
			if operator == "" {
				operator = t.text
			}
			p.pos++
		default:
			before := p.pos
			parts = keep(parts, p.primary(depth))
			if p.pos == before {
				p.pos++
			}
		}
	}
	return operation(parts, operator, start)
}

func closes(sign string) bool {
	switch sign {
	case ",", ")", "]", "}", ":", ";":
		return true
	}
	return assigns(sign)
}

func opens(sign string) bool { return sign == "(" || sign == "[" || sign == "{" }

func operation(parts []Value, operator string, line int) Value {
	switch {
	case len(parts) == 1 && operator == "":
		return parts[0]
	case len(parts) == 1 && operator == "-" && parts[0].Kind == Number:
		parts[0].Text = "-" + parts[0].Text
		return parts[0]
	case operator != "":
		return Value{Kind: Operation, Text: operator, Items: parts, Line: line}
	}
	return Value{Items: parts, Line: line}
}

// lambda steps over the parameters; the body is read as a part of the expression around it.
func (p *parser) lambda() {
	depth := 0
	for p.skip() {
		t := p.peek()
		switch {
		case t.kind != operand:
		case opens(t.text):
			depth++
		case t.text == ":" && depth == 0:
			p.pos++
			return
		case t.text == ")" || t.text == "]" || t.text == "}":
			if depth == 0 {
				return
			}
			depth--
		}
	}
}

// primary reads an atom and what is called, subscripted or asked of it.
func (p *parser) primary(depth int) Value {
	if depth > maxDepth {
		p.group()
		return Value{}
	}
	value := p.atom(depth)
	for {
		switch t := p.peek(); {
		case t.kind == operand && t.text == "." && p.pos+1 < len(p.tokens) && p.tokens[p.pos+1].kind == name:
			value = p.attribute(value)
		case t.kind == operand && t.text == "(":
			p.pos++
			value = p.call(value, t.line, depth)
		case t.kind == operand && t.text == "[":
			p.pos++
			value = p.subscript(value, depth)
		default:
			return value
		}
	}
}

func (p *parser) attribute(value Value) Value {
	word := p.tokens[p.pos+1].text
	p.pos += 2
	path := value.path()
	if path == "" {
		return Value{Line: value.Line}
	}
	return Value{Kind: Name, Text: path + "." + word, Line: value.Line}
}

// maxName bounds the names that chains of calls make, in bytes.
const maxName = 300

// path is the value as the beginning of a dotted name, "" if it is none, or a very long one.
func (v Value) path() string {
	suffix, named := map[Kind]string{Name: "", Call: "()", Subscript: "[]"}[v.Kind]
	if !named || len(v.Text) > maxName {
		return ""
	}
	return v.Text + suffix
}

func (p *parser) call(callee Value, line, depth int) Value {
	_, items, keywords := p.arguments(depth)
	value := Value{Kind: Call, Text: callee.path(), Items: items, Keywords: keywords, Line: line}
	if callee.Kind == Name && callee.Line > 0 {
		value.Line = callee.Line
	}
	if value.Text == "" {
		return Value{Items: items, Line: line}
	}
	p.calls = keep(p.calls, value)
	return value
}

func (p *parser) subscript(value Value, depth int) Value {
	_, items, _ := p.arguments(depth)
	if value.Kind == Subscript {
		value.Items = keep(value.Items, items...)
		return value
	}
	if value.Kind != Name {
		return Value{Items: items, Line: value.Line}
	}
	value = Value{Kind: Subscript, Text: value.Text, Items: items, Line: value.Line}
	p.items = keep(p.items, value)
	return value
}

// arguments reads what stands in brackets, up to the one that closes. pairs are the keys of a dictionary.
func (p *parser) arguments(depth int) (pairs, items []Value, keywords []Keyword) {
	for p.pos < len(p.tokens) {
		t := p.peek()
		if t.kind == operand && (t.text == ")" || t.text == "]" || t.text == "}") {
			p.pos++
			return pairs, items, keywords
		}
		before := p.pos
		stars := p.take("**")
		value := p.single(depth + 1)
		switch {
		case stars:
			keywords = keep(keywords, Keyword{"**", value})
		case p.take("="):
			keywords = keep(keywords, Keyword{value.Text, p.single(depth + 1)})
		case p.take(":"):
			item := p.single(depth + 1)
			p.take(":") // the step of a slice
			pairs, items = keep(pairs, value), keep(items, item)
		case len(pairs) == 0 && (value.Kind != Other || len(value.Items) > 0): // not the rest of a comprehension
			items = keep(items, value)
		}
		p.take(",")
		if p.pos == before {
			p.pos++
		}
	}
	return pairs, items, keywords
}

// parameters reads those of a function, up to the closing parenthesis.
func (p *parser) parameters() (parameters []Parameter) {
	for !p.take("(") {
		if !p.skip() {
			return nil
		}
	}
	for p.pos < len(p.tokens) && !p.take(")") {
		before := p.pos
		star := p.take("*") || p.take("**")
		word := p.word()
		if p.take(":") {
			p.single(1)
		}
		if p.take("=") {
			p.single(1)
			star = true
		}
		if word != "" {
			parameters = keep(parameters, Parameter{word, star})
		}
		p.take(",")
		if p.pos == before {
			p.pos++
		}
	}
	return parameters
}

// group steps over one token, or over what the bracket at the position encloses.
func (p *parser) group() {
	for depth := 0; p.pos < len(p.tokens); {
		if t := p.peek(); t.kind == operand {
			switch {
			case opens(t.text):
				depth++
			case t.text == ")" || t.text == "]" || t.text == "}":
				depth--
			}
		}
		p.pos++
		if depth <= 0 {
			return
		}
	}
}

func (p *parser) atom(depth int) Value {
	t := p.peek()
	p.pos++
	switch t.kind {
	case number:
		return Value{Kind: Number, Text: t.text, Line: t.line}
	case text, format:
		return p.stringAtom(t)
	case name:
		switch t.text {
		case "True", "False":
			return Value{Kind: Bool, Text: t.text, Line: t.line}
		case "None":
			return Value{Kind: None, Text: t.text, Line: t.line}
		}
		if resolved, imported := p.names[t.text]; imported {
			return Value{Kind: Name, Text: resolved, Line: t.line}
		}
		return Value{Kind: Name, Text: t.text, Line: t.line}
	}
	switch t.text {
	case "(":
		return p.parenthesised(t.line, depth)
	case "[":
		_, items, _ := p.arguments(depth)
		return Value{Kind: List, Items: items, Line: t.line}
	case "{":
		pairs, items, keywords := p.arguments(depth)
		if len(pairs) == 0 && (len(items) > 0 || len(keywords) > 0) {
			return Value{Kind: List, Items: items, Keywords: keywords, Line: t.line}
		}
		return Value{Kind: Dict, Keys: pairs, Items: items, Keywords: keywords, Line: t.line}
	}
	return Value{Line: t.line}
}

// parenthesised reads a tuple, or the one expression that the parentheses hold together.
func (p *parser) parenthesised(line, depth int) Value {
	start := p.pos
	_, items, keywords := p.arguments(depth)
	comma := p.pos-2 >= start && p.tokens[p.pos-2].kind == operand && p.tokens[p.pos-2].text == ","
	if len(items) == 1 && len(keywords) == 0 && !comma {
		return items[0]
	}
	return Value{Kind: List, Items: items, Keywords: keywords, Line: line}
}

// stringAtom joins adjacent strings.
func (p *parser) stringAtom(first token) Value {
	value := Value{Kind: String, Text: first.text, Line: first.line}
	if first.kind == format {
		value.Kind = Format
	}
	var more []string
	for t := p.peek(); t.kind == text || t.kind == format; t = p.peek() {
		more = keep(more, t.text)
		if t.kind == format {
			value.Kind = Format
		}
		p.pos++
	}
	value.Text += strings.Join(more, "")
	p.strings = keep(p.strings, value)
	return value
}
