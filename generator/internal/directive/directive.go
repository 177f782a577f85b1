// Package directive reads configurations that are made of directives and blocks: nginx's and Apache's. Both give the same tree. Nothing is
// ever refused: what does not close is closed at the end.
package directive

import "strings"

// Directive is one directive, with what stands in its block.
type Directive struct {
	Name  string
	Args  []string // without quotes
	Path  string   // the file; Parse leaves it to the caller
	Line  int      // from 1
	Block []Directive
}

// deepest is how many blocks may stand in each other; what is deeper becomes a sibling.
const deepest = 32

// Nginx reads a configuration of nginx.
func Nginx(path, text string) []Directive {
	p := &nginx{text: text, line: 1, path: path}
	return p.block(0)
}

type nginx struct {
	text string
	pos  int
	line int
	path string
}

// block reads directives up to the closing brace or the end.
func (p *nginx) block(depth int) (directives []Directive) {
	var current *Directive
	for {
		word, quoted, line := p.word()
		switch {
		case word == "" && !quoted:
			if current != nil {
				directives = append(directives, *current)
			}
			return directives
		case quoted || len(word) > 1 || !strings.Contains("{};", word):
			if current == nil {
				current = &Directive{Name: word, Path: p.path, Line: line}
			} else {
				current.Args = append(current.Args, word)
			}
		case word == ";":
			if current != nil {
				directives = append(directives, *current)
			}
			current = nil
		case word == "{":
			if current == nil {
				current = &Directive{Path: p.path, Line: line}
			}
			switch {
			case strings.HasSuffix(current.Name, "_by_lua_block"):
				p.skipBlock()
			case depth < deepest:
				current.Block = p.block(depth + 1)
			}
			directives = append(directives, *current)
			current = nil
		case depth > 0: // }
			if current != nil {
				directives = append(directives, *current)
			}
			return directives
		}
	}
}

// word returns the next word, or one of { } ; as a word of its own. At the end it is empty and unquoted.
func (p *nginx) word() (word string, quoted bool, line int) {
	p.space()
	line = p.line
	if p.pos == len(p.text) {
		return "", false, line
	}
	switch c := p.text[p.pos]; c {
	case '{', '}', ';':
		p.pos++
		return string(c), false, line
	case '"', '\'':
		return p.quoted(c), true, line
	}
	start := p.pos
	for p.pos < len(p.text) && !strings.ContainsRune(" \t\r\n;{}", rune(p.text[p.pos])) {
		if strings.HasPrefix(p.text[p.pos:], "${") { // a variable, not a block
			if end := strings.IndexAny(p.text[p.pos:], "}\n"); end > 0 && p.text[p.pos+end] == '}' {
				p.pos += end
			}
		}
		p.pos++
	}
	return p.text[start:p.pos], false, line
}

func (p *nginx) quoted(quote byte) string {
	p.pos++
	var word strings.Builder
	for ; p.pos < len(p.text); p.pos++ {
		c := p.text[p.pos]
		switch {
		case c == quote:
			p.pos++
			return word.String()
		case c == '\\' && p.pos+1 < len(p.text) && p.text[p.pos+1] == quote:
			p.pos++
			c = quote
		case c == '\n':
			p.line++
		}
		word.WriteByte(c)
	}
	return word.String()
}

// space skips white space and comments.
func (p *nginx) space() {
	for p.pos < len(p.text) {
		switch c := p.text[p.pos]; c {
		case '\n':
			p.line++
			p.pos++
		case ' ', '\t', '\r':
			p.pos++
		case '#':
			for p.pos < len(p.text) && p.text[p.pos] != '\n' {
				p.pos++
			}
		default:
			return
		}
	}
}

// skipBlock leaves a block of another language out.
func (p *nginx) skipBlock() {
	for depth := 1; p.pos < len(p.text) && depth > 0; p.pos++ {
		switch p.text[p.pos] {
		case '{':
			depth++
		case '}':
			depth--
		case '\n':
			p.line++
		}
	}
}

// Apache reads a configuration of Apache's httpd. A section's name is without its brackets.
func Apache(path, text string) []Directive {
	root := &Directive{}
	open := []*Directive{root}
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		start := i
		line := strings.TrimSpace(lines[i])
		for strings.HasSuffix(line, `\`) && i+1 < len(lines) {
			i++
			line = strings.TrimSuffix(line, `\`) + strings.TrimSpace(lines[i])
		}
		last := open[len(open)-1]
		switch {
		case line == "" || line[0] == '#':
		case strings.HasPrefix(line, "</"):
			if len(open) > 1 {
				open = open[:len(open)-1]
				parent := open[len(open)-1]
				parent.Block = append(parent.Block, *last)
			}
		default:
			words := apacheWords(strings.TrimSuffix(strings.TrimPrefix(line, "<"), ">"))
			if len(words) == 0 {
				continue
			}
			directive := Directive{Name: words[0], Args: words[1:], Path: path, Line: start + 1}
			if line[0] == '<' && len(open) <= deepest {
				open = append(open, &directive)
			} else {
				last.Block = append(last.Block, directive)
			}
		}
	}
	for ; len(open) > 1; open = open[:len(open)-1] {
		open[len(open)-2].Block = append(open[len(open)-2].Block, *open[len(open)-1])
	}
	return root.Block
}

// apacheWords splits at spaces outside of quotes.
func apacheWords(line string) (words []string) {
	for line = strings.TrimSpace(line); line != ""; line = strings.TrimSpace(line) {
		if quote := line[0]; quote == '"' || quote == '\'' {
			var word strings.Builder
			i := 1
			for ; i < len(line) && line[i] != quote; i++ {
				if line[i] == '\\' && i+1 < len(line) && line[i+1] == quote {
					i++
				}
				word.WriteByte(line[i])
			}
			words, line = append(words, word.String()), line[min(i+1, len(line)):]
			continue
		}
		end := strings.IndexAny(line, " \t")
		if end < 0 {
			end = len(line)
		}
		words, line = append(words, line[:end]), line[end:]
	}
	return words
}

// Walk visits every directive with those that it stands in, the outermost first.
func Walk(directives []Directive, visit func(directive Directive, in []Directive)) {
	walk(directives, nil, visit)
}

func walk(directives, in []Directive, visit func(Directive, []Directive)) {
	for _, directive := range directives {
		visit(directive, in)
		walk(directive.Block, append(in[:len(in):len(in)], directive), visit)
	}
}

// Find returns every directive of that name, whatever its case, in any block.
func Find(directives []Directive, name string) (found []Directive) {
	Walk(directives, func(directive Directive, _ []Directive) {
		if strings.EqualFold(directive.Name, name) {
			found = append(found, directive)
		}
	})
	return found
}

// Is reports whether it has that name and these first arguments, whatever their case.
func (d Directive) Is(name string, args ...string) bool {
	if !strings.EqualFold(d.Name, name) || len(d.Args) < len(args) {
		return false
	}
	for i, arg := range args {
		if !strings.EqualFold(d.Args[i], arg) {
			return false
		}
	}
	return true
}

// Text is the arguments in one string.
func (d Directive) Text() string { return strings.Join(d.Args, " ") }
