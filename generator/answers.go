package generator

import (
	_ "embed"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Answers is everything that a repository follows from, together with the version of the templates.
type Answers struct {
	Name    string // the project's name: lower-case words joined by hyphens
	Package string // the Python package
	Domain  string // the public host name; empty: plain HTTP for trusted networks
	Email   string // whom the certificate authority writes to; may be empty
	Image   string // the container image without a tag
	Python  string // the image's Python version, such as "3.14"
	Choices map[string][]string
}

// Given is a set of answers from one origin, by question or free answer.
type Given struct {
	Origin string // how errors name the origin of a key, "%s" standing for the key: "--%s", "answers.yaml: %s"
	Values map[string][]string
}

// Free names the answers that are no choice, in the order in which they are asked.
var Free = []string{"name", "package", "domain", "email", "image", "python"}

//go:embed pynames/reserved.txt
var reservedNames string

var (
	namePattern    = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
	packagePattern = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	domainPattern  = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]$`)
	emailPattern   = regexp.MustCompile(`^[A-Za-z0-9._%+-]{1,64}@([a-z0-9-]+\.)+[a-z]{2,63}$`)
	imagePattern   = regexp.MustCompile(`^([a-z0-9]+([.-]+[a-z0-9]+)*(:[0-9]{1,5})?/)?[a-z0-9]+([._-]+[a-z0-9]+)*(/[a-z0-9]+([._-]+[a-z0-9]+)*)*$`)
	notInName      = regexp.MustCompile(`[^a-z0-9]+`)
)

const (
	longestName   = 40  // database servers cut identifiers at 63 bytes, and names get suffixes
	longestDomain = 253 // RFC 1035, section 2.3.4
)

// ParseGiven reads a YAML mapping of answers: the text of an answers file, or of a preset's answers.
func ParseGiven(origin string, data []byte) (Given, error) {
	var raw map[string]any
	if err := yaml.Unmarshal(data, &raw); err != nil {
		return Given{}, fmt.Errorf("not a YAML mapping of answers: %w", err)
	}
	given := Given{Origin: origin, Values: map[string][]string{}}
	for key, value := range raw {
		switch value := value.(type) {
		case []any:
			for _, item := range value {
				given.Values[key] = append(given.Values[key], fmt.Sprint(item))
			}
		case map[string]any, nil:
			return Given{}, fmt.Errorf("%s: neither a word nor a list of words", key)
		default:
			given.Values[key] = strings.Split(fmt.Sprint(value), ",")
		}
	}
	return given, nil
}

// Resolve takes the defaults and lays the given answers over them, the last one on top. directory is the target folder's own
// name, from which the project's name follows unless it is given. taken says whether a Python package of that name
// is a dependency of some repository, and may be nil. A value that nothing knows is a UsageError that names its origin.
func (c *Catalog) Resolve(directory string, taken func(string) bool, given ...Given) (*Answers, error) {
	base, err := c.Base()
	if err != nil {
		return nil, err
	}
	if base.Python == nil || len(base.Python.Images) == 0 {
		return nil, fmt.Errorf("%s/layer.yaml: python is missing", BaseLayer)
	}
	answers := &Answers{Python: base.Python.Images[0], Choices: map[string][]string{}}
	for _, question := range c.Questions {
		answers.Choices[question.Name] = []string{question.Default}
	}
	origins := map[string]string{}
	for _, source := range given {
		for _, key := range slices.Sorted(maps.Keys(source.Values)) {
			origins[key] = fmt.Sprintf(source.Origin, key)
			if err := c.take(answers, key, source.Values[key], origins[key]); err != nil {
				return nil, err
			}
		}
	}
	flag := func(key string) string {
		if origin, found := origins[key]; found {
			return origin
		}
		return "--" + key
	}
	answers.derive(directory)
	return answers, answers.validate(flag, base.Python.Images, taken)
}

// take stores one answer.
func (c *Catalog) take(answers *Answers, key string, values []string, origin string) error {
	if free := answers.free(key); free != nil {
		*free = strings.Join(values, ",")
		return nil
	}
	question := c.Question(key)
	if question == nil {
		keys := slices.Clone(Free)
		for _, question := range c.Questions {
			keys = append(keys, question.Name)
		}
		return &UsageError{Flag: origin, Problem: "there is no such question", Hint: Hint(key, keys)}
	}
	var chosen []string
	for _, value := range values {
		value = strings.TrimSpace(value)
		if !slices.Contains(question.Choices, value) {
			return &UsageError{Flag: origin, Problem: fmt.Sprintf("unknown choice %q", value), Hint: Hint(value, question.Choices)}
		}
		if !slices.Contains(chosen, value) {
			chosen = append(chosen, value)
		}
	}
	if len(chosen) != 1 && !question.Several {
		return &UsageError{Flag: origin, Problem: "takes one choice", Hint: Hint("", question.Choices)}
	}
	slices.Sort(chosen)
	answers.Choices[key] = chosen
	return nil
}

// Hint offers the candidate nearest to a word, if one is near, and lists all.
func Hint(word string, candidates []string) string {
	all := "valid: " + strings.Join(candidates, ", ")
	if near := nearest(word, candidates); near != "" {
		return fmt.Sprintf("did you mean %q? %s", near, all)
	}
	return all
}

func (a *Answers) free(key string) *string {
	switch key {
	case "name":
		return &a.Name
	case "package":
		return &a.Package
	case "domain":
		return &a.Domain
	case "email":
		return &a.Email
	case "image":
		return &a.Image
	case "python":
		return &a.Python
	}
	return nil
}

// derive fills in what follows from something else.
func (a *Answers) derive(directory string) {
	if a.Name == "" {
		a.Name = strings.Trim(notInName.ReplaceAllString(strings.ToLower(directory), "-"), "-")
	}
	if a.Package == "" {
		a.Package = strings.ReplaceAll(a.Name, "-", "_")
	}
	if a.Image == "" {
		a.Image = a.Name
	}
}

func (a *Answers) validate(flag func(string) string, images []string, taken func(string) bool) error {
	fail := func(key, problem, hint string) error {
		return &UsageError{Flag: flag(key), Problem: problem, Hint: hint}
	}
	const nameHint = "lower-case letters and digits, words joined by hyphens, at most 40 characters: my-shop"
	if !namePattern.MatchString(a.Name) || len(a.Name) > longestName {
		return fail("name", fmt.Sprintf("%q is not a project name", a.Name), nameHint)
	}
	if !packagePattern.MatchString(a.Package) || len(a.Package) > longestName {
		return fail("package", fmt.Sprintf("%q is not a package name", a.Package),
			"lower-case letters, digits and underscores, a letter first, at most 40 characters: my_shop")
	}
	const otherName = "choose another with --package"
	if slices.Contains(strings.Fields(reservedNames), a.Package) {
		return fail("package", fmt.Sprintf("%q is a keyword or a standard module of Python", a.Package), otherName)
	}
	if taken != nil && taken(strings.ReplaceAll(a.Package, "_", "-")) {
		return fail("package", fmt.Sprintf("%q is a package that services depend on", a.Package), otherName)
	}
	if a.Domain != "" && (!domainPattern.MatchString(a.Domain) || len(a.Domain) > longestDomain) {
		return fail("domain", fmt.Sprintf("%q is not a host name", a.Domain), "a lower-case host name without scheme or port: shop.example.com")
	}
	if a.Email != "" && !emailPattern.MatchString(a.Email) {
		return fail("email", fmt.Sprintf("%q is not an e-mail address", a.Email), "for example admin@example.com")
	}
	if !imagePattern.MatchString(a.Image) {
		return fail("image", fmt.Sprintf("%q is not an image name", a.Image), "lower case, without a tag or digest: registry.example.com/team/shop")
	}
	if !slices.Contains(images, a.Python) {
		return fail("python", fmt.Sprintf("unknown version %q", a.Python), Hint(a.Python, images))
	}
	return nil
}

// Command returns the arguments of kitout that give these answers, for the folder at directory.
func (c *Catalog) Command(a *Answers, directory string) []string {
	arguments := []string{"new", directory}
	for _, key := range Free {
		if value := *a.free(key); value != "" {
			arguments = append(arguments, "--"+key, value)
		}
	}
	for _, question := range c.Questions {
		arguments = append(arguments, "--"+question.Name, strings.Join(a.Choices[question.Name], ","))
	}
	return append(arguments, "--yes")
}
