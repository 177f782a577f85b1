package python

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"
)

// kind is what a token is.
type kind uint8

const (
	end     kind = iota // of a logical line
	name                // identifiers and keywords
	number              // as written
	text                // a string literal, decoded
	format              // an f-string or t-string, with its replacement fields as written
	operand             // operators, brackets and delimiters
)

// token is one word of a source file.
type token struct {
	kind   kind
	text   string
	line   int
	column int // of the first token of a logical line: its indentation; of the others -1
}

// tabWidth is the multiple that a tab in an indentation goes on to (Python's lexical analysis, "Indentation").
const tabWidth = 8

// tokenizer splits a source file. It never fails: what it does not understand is an operand of one byte.
type tokenizer struct {
	data   []byte
	pos    int
	line   int
	depth  int // of open brackets
	plain  bool
	tokens []token
}

func tokenize(data []byte) []token {
	t := &tokenizer{data: bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")), line: 1}
	t.tokens = make([]token, 0, len(t.data)/4) // as many as code mostly has
	for t.pos < len(t.data) {
		t.startLine()
	}
	return t.tokens
}

// startLine reads one physical line, which may go on in the next ones.
func (t *tokenizer) startLine() {
	column := t.indentation()
	if t.depth > 0 && column == 0 && t.startsStatement() {
		t.depth = 0 // a bracket was left open: the rest of the file shall not be lost
		t.endLine()
	}
	if t.depth > 0 {
		column = -1
	}
	first := len(t.tokens)
	for t.pos < len(t.data) {
		switch c := t.data[t.pos]; {
		case c == '\n' || c == '\r':
			t.newline()
			if t.depth == 0 {
				t.endLine()
			}
			t.place(first, column)
			return
		case c == '\\' && t.continued():
			t.pos++
			t.newline()
		case c == ' ' || c == '\t' || c == '\f':
			t.pos++
		case c == '#':
			t.comment()
		default:
			t.token()
		}
	}
	t.endLine()
	t.place(first, column)
}

// place notes the indentation at the first token of a line.
func (t *tokenizer) place(first, column int) {
	if first < len(t.tokens) {
		t.tokens[first].column = column
	}
}

// endLine ends the logical line, if there is anything on it.
func (t *tokenizer) endLine() {
	if len(t.tokens) > 0 && t.tokens[len(t.tokens)-1].kind != end {
		t.add(end, "", t.line)
	}
}

func (t *tokenizer) add(kind kind, text string, line int) {
	t.tokens = append(t.tokens, token{kind: kind, text: text, line: line, column: -1})
}

func (t *tokenizer) indentation() (column int) {
	for ; t.pos < len(t.data); t.pos++ {
		switch t.data[t.pos] {
		case ' ':
			column++
		case '\t':
			column += tabWidth - column%tabWidth
		case '\f':
			column = 0
		default:
			return column
		}
	}
	return column
}

// startsStatement says that the line begins with what cannot be inside brackets.
func (t *tokenizer) startsStatement() bool {
	rest := t.data[t.pos:]
	for _, word := range []string{"def ", "class ", "import ", "from ", "async def ", "@", "return ", "try:"} {
		if bytes.HasPrefix(rest, []byte(word)) {
			return true
		}
	}
	return false
}

// newline steps over the end of a line, whatever it consists of.
func (t *tokenizer) newline() {
	if t.pos < len(t.data) && t.data[t.pos] == '\r' {
		t.pos++
		if t.pos < len(t.data) && t.data[t.pos] == '\n' {
			t.pos++
		}
	} else {
		t.pos++
	}
	t.line++
}

// continued says that the backslash at the position is the last character of its line.
func (t *tokenizer) continued() bool {
	return t.pos+1 < len(t.data) && (t.data[t.pos+1] == '\n' || t.data[t.pos+1] == '\r')
}

func (t *tokenizer) comment() {
	for t.pos < len(t.data) && t.data[t.pos] != '\n' && t.data[t.pos] != '\r' {
		t.pos++
	}
}

func (t *tokenizer) token() {
	c, start := t.data[t.pos], t.pos
	switch {
	case c == '"' || c == '\'':
		t.literal("")
	case nameByte(c) && !digit(c):
		for t.pos < len(t.data) && nameByte(t.data[t.pos]) {
			t.pos++
		}
		word := string(t.data[start:t.pos])
		if t.pos < len(t.data) && (t.data[t.pos] == '"' || t.data[t.pos] == '\'') && stringPrefix(word) {
			t.literal(strings.ToLower(word))
			return
		}
		t.add(name, word, t.line)
	case digit(c) || c == '.' && t.pos+1 < len(t.data) && digit(t.data[t.pos+1]):
		t.number()
	default:
		t.operator()
	}
}

func (t *tokenizer) number() {
	start := t.pos
	for t.pos++; t.pos < len(t.data); t.pos++ {
		c, last := t.data[t.pos], t.data[t.pos-1]
		exponent := (c == '+' || c == '-') && (last == 'e' || last == 'E') && !bytes.HasPrefix(t.data[start:], []byte("0x"))
		if !nameByte(c) && c != '.' && !exponent {
			break
		}
	}
	t.add(number, string(t.data[start:t.pos]), t.line)
}

// operators of more than one byte, the longest first.
var operators = []string{
	"**=", "//=", ">>=", "<<=", "...", "->", ":=", "**", "//", "==", "!=", "<=", ">=", "<<", ">>", "+=", "-=", "*=", "/=", "%=", "&=",
	"|=", "^=", "@=",
}

func (t *tokenizer) operator() {
	word := string(t.data[t.pos : t.pos+1])
	for _, candidate := range operators {
		if bytes.HasPrefix(t.data[t.pos:], []byte(candidate)) {
			word = candidate
			break
		}
	}
	switch word {
	case "(", "[", "{":
		t.depth++
	case ")", "]", "}":
		t.depth = max(t.depth-1, 0)
	}
	t.pos += len(word)
	t.add(operand, word, t.line)
}

func stringPrefix(word string) bool {
	if len(word) > 2 {
		return false
	}
	return strings.Trim(strings.ToLower(word), "rbuft") == ""
}

// literal reads a string whose opening quote is at the position.
func (t *tokenizer) literal(prefix string) {
	line, quote := t.line, t.data[t.pos:t.pos+1]
	if triple := bytes.Repeat(quote, 3); bytes.HasPrefix(t.data[t.pos:], triple) {
		quote = triple
	}
	t.pos += len(quote)
	start := t.pos
	raw, fields := strings.Contains(prefix, "r"), strings.ContainsAny(prefix, "ft")
	stop := t.skipLiteral(quote, fields)
	value := string(t.data[start:stop])
	switch {
	case fields:
		t.add(format, value, line)
	case raw:
		t.add(text, value, line)
	default:
		t.add(text, unescape(value), line)
	}
}

// skipLiteral moves behind the closing quote and returns where it is. A string that nothing closes ends with its line; one with
// triple quotes, with the file.
func (t *tokenizer) skipLiteral(quote []byte, fields bool) (stop int) {
	for t.pos < len(t.data) {
		switch c := t.data[t.pos]; {
		case bytes.HasPrefix(t.data[t.pos:], quote):
			t.pos += len(quote)
			return t.pos - len(quote)
		case c == '\\':
			t.pos++
			t.step()
		case (c == '\n' || c == '\r') && len(quote) == 1:
			return t.pos
		case fields && c == '{' && !t.plain:
			t.field(1)
		default:
			t.step()
		}
	}
	return t.pos
}

// step moves over one byte, or over the end of a line.
func (t *tokenizer) step() {
	if t.pos < len(t.data) && (t.data[t.pos] == '\n' || t.data[t.pos] == '\r') {
		t.newline()
		return
	}
	t.pos = min(t.pos+1, len(t.data))
}

// deepest is how far replacement fields may be nested. Python's own limit is 2 in the format and 150 in all.
const deepest = 16

// field moves behind the replacement field that begins at the position. In one, strings may have the quotes of the string around
// it (PEP 701). Where no end is found, neither this field nor a later one of the file is looked at again: reading stays linear.
func (t *tokenizer) field(level int) {
	pos, line := t.pos, t.line
	t.pos++
	if t.pos < len(t.data) && t.data[t.pos] == '{' && level == 1 {
		t.pos++ // a brace that stands for itself
		return
	}
	for open, specification := 0, false; t.pos < len(t.data) && level <= deepest && !t.plain; {
		switch c := t.data[t.pos]; {
		case c == '}' && open == 0:
			t.pos++
			return
		case c == '{' && specification:
			t.field(level + 1)
		case specification:
			t.step()
		case c == '(' || c == '[' || c == '{':
			open++
			t.pos++
		case c == ')' || c == ']' || c == '}':
			open = max(open-1, 0)
			t.pos++
		case c == ':' && open == 0:
			specification = true
			t.pos++
		case c == '"' || c == '\'':
			t.nested(level)
		case c == '#':
			t.comment()
		default:
			t.step()
		}
	}
	t.pos, t.line, t.plain = pos+1, line, true
}

// nested moves behind a string inside a replacement field.
func (t *tokenizer) nested(level int) {
	quote := t.data[t.pos : t.pos+1]
	if triple := bytes.Repeat(quote, 3); bytes.HasPrefix(t.data[t.pos:], triple) {
		quote = triple
	}
	fields := t.data[t.pos-1] == 'f' || t.data[t.pos-1] == 'F'
	t.pos += len(quote)
	for t.pos < len(t.data) && !t.plain {
		switch c := t.data[t.pos]; {
		case bytes.HasPrefix(t.data[t.pos:], quote):
			t.pos += len(quote)
			return
		case c == '\\':
			t.pos++
			t.step()
		case (c == '\n' || c == '\r') && len(quote) == 1:
			t.plain = true
		case fields && c == '{' && t.pos+1 < len(t.data) && t.data[t.pos+1] == '{':
			t.pos += 2
		case fields && c == '{':
			t.field(level + 1)
		default:
			t.step()
		}
	}
	t.plain = true
}

func digit(c byte) bool { return '0' <= c && c <= '9' }

// nameByte takes every byte beyond ASCII for a letter: what it is does not matter here, whatever the encoding.
func nameByte(c byte) bool {
	return c == '_' || digit(c) || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c >= utf8.RuneSelf
}

// escapes are the sequences of two characters (Python's lexical analysis, "Escape sequences").
var escapes = map[byte]string{
	'\\': "\\", '\'': "'", '"': `"`, 'a': "\a", 'b': "\b", 'f': "\f", 'n': "\n", 'r': "\r", 't': "\t", 'v': "\v", '\n': "",
}

// unescape decodes a literal. Sequences that name a character, and unknown ones, stay as they are.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[s[i+1]]
		code, err := uint64(0), strconv.ErrSyntax
		if digits > 0 && i+2+digits <= len(s) {
			code, err = strconv.ParseUint(s[i+2:i+2+digits], 16, 32)
		}
		replacement, known := escapes[s[i+1]]
		switch {
		case err == nil:
			b.WriteRune(rune(code))
			i += 1 + digits
		case known:
			b.WriteString(replacement)
			i++
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}
