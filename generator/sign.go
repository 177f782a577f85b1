package generator

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/kitout/kitout/generator/internal/lazy"
	"go.yaml.in/yaml/v3"
)

// Sign is something by which a repository that somebody else wrote shows that it has made a choice, or, with Answer, how a free answer about
// its application reads. Exactly one of Package, Import, Call, String, File and In says what to look for; any of several values will do. A sign
// with Answer may have none: it holds wherever the choice was found.
type Sign struct {
	Package OneOrMore `yaml:"package"` // a distribution that a manifest or a lock names
	Import  OneOrMore `yaml:"import"`  // a Python module, or one inside it
	Call    OneOrMore `yaml:"call"`    // a callable by its dotted name, whatever it is imported as; a class made from it; name[…]
	String  OneOrMore `yaml:"string"`  // the beginning of a string in Python code
	File    OneOrMore `yaml:"file"`    // a glob: a file, by its name or, with a slash, by its path
	In      OneOrMore `yaml:"in"`      // a glob: files that have a line that matches Line
	Line    string    `yaml:"line"`    // a regular expression, which with String the text must match

	// Weight is the chance that the sign alone is right, above 0 and at most 1.
	Weight float64 `yaml:"weight"`
	// Tests says that the sign counts in tests, too.
	Tests bool `yaml:"tests"`
	// Entry says that what the call returns is the object that an application server loads.
	Entry bool `yaml:"entry"`

	// Answer is the key of FreeExisting that the sign answers with Value, if the choice is the one that was found. It does not speak for the
	// choice. An empty Value says that there is no answer.
	Answer string `yaml:"answer"`
	// Value may hold the names of AnswerReferences in braces. A part in brackets is left out where a folder in it is the repository itself.
	Value *string `yaml:"value"`
	// Beside are distributions of which one must be there as well.
	Beside OneOrMore `yaml:"beside"`

	// Pattern is Line, compiled.
	Pattern *regexp.Regexp `yaml:"-"`
}

// DefaultWeight is the weight of a sign that states none.
const DefaultWeight = 0.5

// OneOrMore is a list of strings, of which a single one may be written without brackets.
type OneOrMore []string

// UnmarshalYAML reads a scalar or a list of scalars.
func (o *OneOrMore) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		*o = OneOrMore{node.Value}
		return nil
	}
	var list []string
	if err := node.Decode(&list); err != nil {
		return err
	}
	*o = list
	return nil
}

// AnswerReferences are what {…} in a sign's Value may name: of the file that was found, its path, its folder and, of Python code, its module;
// what the first group of Line caught; the service's folder; and the facts of these names.
var AnswerReferences = []string{"path", "folder", "module", "group", "service", "root", "entry", "manage"}

var referredTo = lazy.Regexp(`\{(.*?)\}`)

// checkAnswer refuses an answer that nobody asks for, and a value that nothing would fill in.
func (s *Sign) checkAnswer() error {
	if s.Answer == "" {
		if s.Value != nil || len(s.Beside) > 0 {
			return errors.New("value and beside go with answer")
		}
		return nil
	}
	switch {
	case !slices.ContainsFunc(FreeExisting, func(f FreeAnswer) bool { return f.Key == s.Answer }):
		return fmt.Errorf("there is no free answer %q", s.Answer)
	case s.Value == nil:
		return errors.New("answer and value go together")
	case s.Entry:
		return errors.New("entry goes with no answer")
	}
	for _, match := range referredTo().FindAllStringSubmatch(*s.Value, -1) {
		if !slices.Contains(AnswerReferences, match[1]) {
			return fmt.Errorf("value: %s is none of %s", match[0], strings.Join(AnswerReferences, ", "))
		}
	}
	return nil
}

// Looks says that the sign is to be looked for, and does not follow from the choice alone.
func (s *Sign) Looks() bool {
	return len(s.Package)+len(s.Import)+len(s.Call)+len(s.String)+len(s.File)+len(s.In) > 0
}

// check fills in the default and refuses what nothing would ever find.
func (s *Sign) check() error {
	kinds := 0
	for _, values := range []OneOrMore{s.Package, s.Import, s.Call, s.String, s.File, s.In} {
		kinds += btoi(len(values) > 0)
		if slices.Contains(values, "") {
			return errors.New("an empty value")
		}
	}
	switch {
	case kinds > 1, kinds == 0 && s.Answer == "":
		return errors.New("want one of package, import, call, string, file and in")
	case len(s.In) > 0 && s.Line == "", s.Line != "" && len(s.In)+len(s.String) == 0:
		return errors.New("in and line go together")
	case s.Entry && len(s.Call) == 0:
		return errors.New("entry goes with call")
	case s.Weight < 0 || s.Weight > 1:
		return fmt.Errorf("weight %v is none from 0 to 1", s.Weight)
	}
	if err := s.checkAnswer(); err != nil {
		return err
	}
	if s.Weight == 0 {
		s.Weight = DefaultWeight
	}
	for _, glob := range slices.Concat(s.File, s.In) {
		if !doublestar.ValidatePattern(glob) {
			return fmt.Errorf("glob %q is malformed", glob)
		}
	}
	if s.Line == "" {
		return nil
	}
	pattern, err := regexp.Compile(s.Line)
	if err != nil {
		return fmt.Errorf("line: %w", err)
	}
	s.Pattern = pattern
	return nil
}

// checkSigns checks signs and puts the globs of FilesFile in the place of their names.
func (c *Catalog) checkSigns(signs []Sign) error {
	for i := range signs {
		s := &signs[i]
		err := s.check()
		if err == nil {
			s.File, err = c.globs(s.File)
		}
		if err == nil {
			s.In, err = c.globs(s.In)
		}
		if err != nil {
			return fmt.Errorf("detect: sign %d: %w", i+1, err)
		}
	}
	return nil
}

// FilesFile names sets of files, so that signs can refer to them as @name.
const FilesFile = "files.yaml"

// globs replaces @name by the globs of that name.
func (c *Catalog) globs(patterns OneOrMore) (globs OneOrMore, err error) {
	for _, pattern := range patterns {
		name, named := strings.CutPrefix(pattern, "@")
		if !named {
			globs = append(globs, pattern)
			continue
		}
		sets, err := c.FileSets()
		if err != nil {
			return nil, err
		}
		if len(sets[name]) == 0 {
			return nil, fmt.Errorf("%s has no files %q", FilesFile, name)
		}
		globs = append(globs, sets[name]...)
	}
	return globs, nil
}

// FileSets reads FilesFile: globs by name.
func (c *Catalog) FileSets() (map[string][]string, error) {
	c.files.Do(func() {
		var data []byte
		if data, c.filesError = fs.ReadFile(c.fsys, FilesFile); errors.Is(c.filesError, fs.ErrNotExist) {
			c.filesError = nil
		} else if c.filesError == nil {
			c.filesError = strict(data, &c.fileSets)
		}
	})
	if c.filesError != nil {
		return nil, fmt.Errorf("%s: %w", FilesFile, c.filesError)
	}
	return c.fileSets, nil
}

// OthersFile holds, beside a question, the signs of choices that are not offered: what a repository has is then called by its
// name and not taken for something else.
const OthersFile = "others.yaml"

// Signed is a choice and what shows it.
type Signed struct {
	Choice  string
	Offered bool // it is a choice of the question
	Signs   []Sign
}

// Signs returns the choices of a question that signs are known of: those offered first, in their order, then the others, sorted.
func (c *Catalog) Signs(question string) (all []Signed, err error) {
	q := c.Question(question)
	for _, choice := range q.Choices {
		signs, err := c.layerSigns(path.Join(question, choice))
		if err != nil {
			return nil, err
		}
		all = append(all, Signed{choice, true, signs})
	}
	others, err := c.others(question)
	if err != nil {
		return nil, err
	}
	for _, other := range others {
		if i := slices.Index(q.Choices, other.Choice); i >= 0 {
			all[i].Signs = append(all[i].Signs, other.Signs...)
			continue
		}
		all = append(all, other)
	}
	return slices.DeleteFunc(all, func(s Signed) bool { return len(s.Signs) == 0 }), nil
}

// others reads OthersFile, if there is one.
func (c *Catalog) others(question string) (all []Signed, err error) {
	file := path.Join(question, OthersFile)
	data, err := fs.ReadFile(c.fsys, file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	byChoice := map[string][]Sign{}
	if err := strict(data, &byChoice); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	for choice, signs := range byChoice {
		if err := c.checkSigns(signs); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", file, choice, err)
		}
		all = append(all, Signed{choice, false, signs})
	}
	slices.SortFunc(all, func(a, b Signed) int { return strings.Compare(a.Choice, b.Choice) })
	return all, nil
}

// layerSigns reads the signs of one layer and nothing else of it: detection asks all layers. Nobody else needs them.
func (c *Catalog) layerSigns(id string) ([]Sign, error) {
	file := path.Join(id, layerFile)
	data, err := fs.ReadFile(c.fsys, file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	var layer struct {
		Detect []Sign `yaml:"detect"`
	}
	_, signs, _ := section(data, "detect")
	if err := strict(signs, &layer); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if err := c.checkSigns(layer.Detect); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return layer.Detect, nil
}
