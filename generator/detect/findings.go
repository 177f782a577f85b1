// Package detect understands a repository that somebody else wrote: which choices it has made, and the names that a service is
// started by. What identifies a choice is data in its layer (`detect:`); this package looks for it, weighs it and keeps the
// evidence.
package detect

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kitout/kitout/generator"
)

// The facts that answer no question. A fact that was not found is not in Findings.Facts. Those marked as lists may have several
// values.
const (
	Name       = "name"       // the project's name, as its manifest says it
	Package    = "package"    // the Python package (or the only module) that holds the application
	Root       = "root"       // the folder that imports start from: "." or, with a src layout or a service in a folder, that folder
	Entry      = "entry"      // module:callable, as an application server takes it; a factory has parentheses: shop:create_app()
	Python     = "python"     // the version of the interpreter, "3.12", or what the manifest allows, ">=3.10,<4"
	Manifest   = "manifest"   // list: the files that declare what is needed, the leading one first
	Lock       = "lock"       // list: the lock files
	Migrations = "migrations" // list: the folders of the migrations
	Static     = "static"     // list: the folders of the repository that hold static files
	Media      = "media"      // list: the folders of uploaded files
	Health     = "health"     // list: the paths that answer whether the service lives
	Manage     = "manage"     // the file manage.py
	Dockerfile = "dockerfile" // list of files, as are the three below
	Compose    = "compose"
	Kubernetes = "kubernetes"
	Helm       = "helm"

	// Those that signs with an answer find, and that are named as it
	Migrate        = "migrate"         // the command that migrates the database, from the repository's root
	Test           = "test"            // the command that runs the tests, from the repository's root
	SettingsModule = "settings-module" // the module of settings, where the framework has one
	URLScheme      = "url-scheme"      // how the database's URL must begin, where the plain scheme would load another driver
)

// Findings are what is known about a repository.
type Findings struct {
	// Facts are named as the questions, or as the constants above.
	Facts map[string]Fact `json:"facts"`
	// Projects are the folders that look like a service of their own, sorted by path; none if the repository is one service.
	Projects []Project `json:"projects,omitempty"`

	several bool // there is no service but those of Projects
}

// Project is a folder of a repository of several that looks like a service of its own.
type Project struct {
	Path      string `json:"path"`
	Framework string `json:"framework"`

	at Evidence
}

// Fact is a value and what speaks for it. The value of a question may be one that kitout does not offer.
type Fact struct {
	Value      []string
	Evidence   []Evidence // the strongest first
	Confidence float64    // above 0, at most 1
	Rivals     []Rival    // other values that something speaks for, the strongest first

	list bool
}

// Rival is a value that lost.
type Rival struct {
	Value      string     `json:"value"`
	Evidence   []Evidence `json:"evidence"`
	Confidence float64    `json:"confidence"`
}

// Evidence is a place in the repository.
type Evidence struct {
	Path string
	Line int    // from 1; 0 is the file as a whole
	Text string // the line, without the spaces around it and cut where it is long; it may hold a secret and is not to be printed
}

// String writes `pyproject.toml:14`, or the path alone.
func (e Evidence) String() string {
	if e.Line == 0 {
		return e.Path
	}
	return fmt.Sprintf("%s:%d", e.Path, e.Line)
}

// MarshalText writes what String does.
func (e Evidence) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// MarshalJSON writes value, evidence, confidence and, where there are any, rivals. The value is a string, or a list of strings
// where there may be several.
func (f Fact) MarshalJSON() ([]byte, error) {
	var value any = f.Value
	if !f.list && len(f.Value) == 1 {
		value = f.Value[0]
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false) // versions have < and >
	err := encoder.Encode(struct {
		Value      any        `json:"value"`
		Evidence   []Evidence `json:"evidence"`
		Confidence float64    `json:"confidence"`
		Rivals     []Rival    `json:"rivals,omitempty"`
	}{value, f.Evidence, f.Confidence, f.Rivals})
	return text.Bytes(), err
}

// String writes the values, joined by commas.
func (f Fact) String() string { return strings.Join(f.Value, ",") }

// Tied says that nothing decides between the value and the first rival.
func (f Fact) Tied() bool { return len(f.Rivals) > 0 && f.Rivals[0].Confidence >= f.Confidence }

// Value returns the first value of a fact, or "".
func (f *Findings) Value(key string) string {
	if values := f.Facts[key].Value; len(values) > 0 {
		return values[0]
	}
	return ""
}

// Given are the facts that answer questions of the catalogue with choices that it offers, but for those that are tied.
func (f *Findings) Given(catalog *generator.Catalog) generator.Given {
	given := generator.Given{Origin: "the repository's %s", Values: map[string][]string{}}
	for _, question := range catalog.Questions {
		fact, found := f.Facts[question.Name]
		offered := func(value string) bool { return slices.Contains(question.Choices, value) }
		if values := filter(fact.Value, offered); found && !fact.Tied() && len(values) > 0 {
			given.Values[question.Name] = values
		}
	}
	return given
}

func filter(values []string, keep func(string) bool) (kept []string) {
	for _, value := range values {
		if keep(value) {
			kept = append(kept, value)
		}
	}
	return kept
}

// Tie returns a TieError for the first tied fact, by name, that was not decided otherwise, or nil. decided may be nil. Of a
// repository of several services in folders of their own it says that one of the folders must be named.
func (f *Findings) Tie(decided func(key string) bool) error {
	if f.several {
		var sides []Rival
		for _, project := range f.Projects {
			sides = append(sides, Rival{Value: project.Path, Evidence: []Evidence{project.at}})
		}
		return &TieError{Key: Root, Sides: sides}
	}
	for _, key := range slices.Sorted(maps.Keys(f.Facts)) {
		if fact := f.Facts[key]; fact.Tied() && (decided == nil || !decided(key)) {
			sides := []Rival{{fact.Value[0], fact.Evidence, fact.Confidence}}
			for _, rival := range fact.Rivals {
				if rival.Confidence >= fact.Confidence {
					sides = append(sides, rival)
				}
			}
			return &TieError{Key: key, Sides: sides}
		}
	}
	return nil
}

// TieError says that as much speaks for one value as for another. It unwraps to a generator.UsageError.
type TieError struct {
	Key   string  // the fact
	Sides []Rival // the values, two or more
}

// Error names the flag, two values and the evidence of each.
func (e *TieError) Error() string { return e.usage().Error() }

// Unwrap makes it a mistake of usage: the way out is a flag.
func (e *TieError) Unwrap() error { return e.usage() }

func (e *TieError) usage() *generator.UsageError {
	a, b := e.Sides[0], e.Sides[1]
	if e.Key == Root {
		return &generator.UsageError{
			Flag:    ".",
			Problem: fmt.Sprintf("the repository holds several services: %s (%s), %s (%s)", a.Value, a.place(), b.Value, b.place()),
			Hint:    fmt.Sprintf("name the folder of one: %s or %s", a.Value, b.Value),
		}
	}
	return &generator.UsageError{
		Flag:    "--" + e.Key,
		Problem: fmt.Sprintf("the repository may mean %s (%s) or %s (%s)", a.Value, a.place(), b.Value, b.place()),
		Hint:    fmt.Sprintf("say which with --%s %s or --%s %s", e.Key, a.Value, e.Key, b.Value),
	}
}

func (r Rival) place() string {
	if len(r.Evidence) == 0 {
		return "by default"
	}
	return r.Evidence[0].String()
}
