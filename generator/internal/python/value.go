package python

import "strings"

// Kind is what an expression is.
type Kind uint8

const (
	// Other is an expression that none of the others is; Items are the parts that could be read.
	Other Kind = iota
	// String is a text or bytes literal; adjacent ones are one.
	String
	// Format is an f-string; its replacement fields stand in Text as they are written.
	Format
	// Number is a number as it is written.
	Number
	// Bool is True or False.
	Bool
	// None is None.
	None
	// List is a list, tuple or set of Items.
	List
	// Dict has a value in Items for each key in Keys.
	Dict
	// Name is a dotted name, resolved through the file's imports.
	Name
	// Call has a dotted name, resolved, the positional arguments in Items and the others in Keywords.
	Call
	// Subscript is Text[Items…], with a dotted name, resolved.
	Subscript
	// Operation joins Items by operators, of which Text is the first.
	Operation
)

// Value is an expression.
type Value struct {
	Kind     Kind
	Text     string
	Items    []Value
	Keys     []Value
	Keywords []Keyword
	Line     int
}

// Keyword is an argument name=value; a name ** stands for a whole dictionary.
type Keyword struct {
	Name  string
	Value Value
}

// Literal says that the value is a string, a number, a boolean, None, or a list or dictionary of such.
func (v Value) Literal() bool {
	switch v.Kind {
	case String, Number, Bool, None:
		return true
	case List, Dict:
		for _, part := range append(v.Items[:len(v.Items):len(v.Items)], v.Keys...) {
			if !part.Literal() {
				return false
			}
		}
		return true
	}
	return false
}

// Keyword returns an argument by its name.
func (v Value) Keyword(name string) (Value, bool) {
	for _, keyword := range v.Keywords {
		if keyword.Name == name {
			return keyword.Value, true
		}
	}
	return Value{}, false
}

// Lookup follows string keys through dictionaries, written as {…} or as dict(…).
func (v Value) Lookup(keys ...string) (Value, bool) {
	for _, key := range keys {
		next, found := v.item(key)
		if !found {
			return Value{}, false
		}
		v = next
	}
	return v, true
}

func (v Value) item(key string) (Value, bool) {
	if v.Kind == Call && v.Text == "dict" {
		return v.Keyword(key)
	}
	for i, k := range v.Keys {
		if k.Kind == String && k.Text == key && i < len(v.Items) {
			return v.Items[i], true
		}
	}
	return Value{}, false
}

// Strings returns the elements of a list of strings, those of other kinds left out; of a string, itself.
func (v Value) Strings() (texts []string) {
	if v.Kind == String {
		return []string{v.Text}
	}
	if v.Kind != List {
		return nil
	}
	for _, item := range v.Items {
		if item.Kind == String {
			texts = append(texts, item.Text)
		}
	}
	return texts
}

// Environment returns the name of the environment variable that the value is, and its default, if it has one: os.environ["X"],
// os.environ.get("X", "y") and os.getenv("X"), and what other callables called env or config, or methods of an env, take in the
// same form.
func (v Value) Environment() (variable string, standard Value, found bool) {
	if len(v.Items) == 0 || v.Items[0].Kind != String {
		return "", Value{}, false
	}
	first, last := v.Text, v.Text
	if i := strings.IndexByte(first, '.'); i >= 0 {
		first, last = first[:i], v.Text[strings.LastIndexByte(v.Text, '.')+1:]
	}
	switch {
	case v.Kind == Subscript && (v.Text == "os.environ" || v.Text == "environ"):
	case v.Kind == Call && (v.Text == "os.environ.get" || v.Text == "os.getenv" || v.Text == "environ.get" || v.Text == "getenv"):
	case v.Kind == Call && (first == "env" || last == "env" || last == "config"):
	default:
		return "", Value{}, false
	}
	if len(v.Items) > 1 {
		standard = v.Items[1]
	} else if keyword, given := v.Keyword("default"); given {
		standard = keyword
	}
	return v.Items[0].Text, standard, true
}
