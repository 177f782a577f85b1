package generator

import (
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/kitout/kitout/generator/internal/lazy"
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

	// IndexURL is the index that packages come from, without credentials; empty: the tools' default.
	IndexURL string

	// What follows is of an application that was there before. Without an Entry the repository is a new one.
	Entry    string // what is served, module:callable, with () behind it if it is a factory
	Manifest string // what declares its packages, and after commas what is for development, where the dependency tool has no file of its own
	Source   string // the folder that the application is imported from; empty: the repository's own
	Migrate  string // the command that migrates the database; empty: nothing does
	Test     string // the command that runs the tests
	Static   string // the folder of the static files; empty: the framework knows, or there are none
	Settings string // its settings module, where the framework has one
	Scheme   string // of DATABASE_URL as the application takes it, such as "postgresql+asyncpg"; empty: the database's own

	Choices map[string][]string

	given map[string]bool // questions that were answered; the others may follow what the answers require
}

// Given is a set of answers from one origin, by question or free answer.
type Given struct {
	Origin string // a format for the key, by which errors name where it was given: "--%s", "answers.yaml: %s"
	Values map[string][]string
}

// FreeAnswer is an answer that is no choice.
type FreeAnswer struct {
	Key   string
	Title string // the prompt's word
	Kind  string // what the help calls its value
	Help  string // what it is, and what becomes of it when it is not given
	Main  bool   // asked with the main questions: it decides how the service is reached
	Needs string // another free answer without which this one makes no sense
	of    func(*Answers) *string
}

// Free are the free answers, in their order in the help and in the record.
var Free = []FreeAnswer{
	{
		Key: "name", Title: "Name", Kind: "NAME", Help: "the project's name (default: the folder's)",
		of: func(a *Answers) *string { return &a.Name },
	},
	{
		Key: "package", Title: "Package", Kind: "NAME", Help: "the Python package (default: the name with underscores)",
		of: func(a *Answers) *string { return &a.Package },
	},
	{
		Key: "domain", Title: "Domain", Kind: "HOST", Help: "the public host name; without it, plain HTTP for trusted networks", Main: true,
		of: func(a *Answers) *string { return &a.Domain },
	},
	{
		Key: "email", Title: "E-mail", Kind: "ADDRESS", Help: "whom the certificate authority writes to", Main: true, Needs: "domain",
		of: func(a *Answers) *string { return &a.Email },
	},
	{
		Key: "image", Title: "Image", Kind: "NAME", Help: "the container image, without a tag (default: the name)",
		of: func(a *Answers) *string { return &a.Image },
	},
	{
		Key: "python", Title: "Python", Kind: "VERSION", Help: "the image's Python version",
		of: func(a *Answers) *string { return &a.Python },
	},
	{
		Key: "index-url", Title: "Index", Kind: "URL", Help: "the index of Python packages, without credentials (default: the tools' own)",
		of: func(a *Answers) *string { return &a.IndexURL },
	},
}

// FreeExisting are the free answers about an application that was there before; nobody is asked for them when a repository is new.
var FreeExisting = []FreeAnswer{
	{
		Key: entryKey, Title: "Entry", Kind: "MODULE:NAME", Help: "the application that is served; a factory with (): shop.web:create_app()",
		of: func(a *Answers) *string { return &a.Entry },
	},
	{
		Key: "manifest", Title: "Manifest", Kind: "FILE[,FILE…]", Help: "what declares its packages for pip, and what those for development besides (default: requirements.txt)",
		of: func(a *Answers) *string { return &a.Manifest },
	},
	{
		Key: "source", Title: "Source", Kind: "FOLDER", Help: "the folder that it is imported from (default: the repository's own)",
		of: func(a *Answers) *string { return &a.Source },
	},
	{
		Key: "migrate", Title: "Migrations", Kind: "COMMAND", Help: "what migrates the database, such as alembic upgrade head",
		of: func(a *Answers) *string { return &a.Migrate },
	},
	{
		Key: "test", Title: "Tests", Kind: "COMMAND", Help: "what runs the tests, such as python -m pytest",
		of: func(a *Answers) *string { return &a.Test },
	},
	{
		Key: "static", Title: "Static files", Kind: "FOLDER", Help: "the folder of the static files that the proxy serves",
		of: func(a *Answers) *string { return &a.Static },
	},
	{
		Key: "settings-module", Title: "Settings module", Kind: "MODULE", Help: "the settings module, where the framework has one: shop.settings",
		of: func(a *Answers) *string { return &a.Settings },
	},
	{
		Key: "url-scheme", Title: "URL scheme", Kind: "SCHEME", Help: "how DATABASE_URL begins for the application, such as postgresql+asyncpg",
		of: func(a *Answers) *string { return &a.Scheme },
	},
}

const entryKey = "entry"

// allFree are both kinds, in their order in the record.
func allFree() []FreeAnswer { return slices.Concat(Free, FreeExisting) }

//go:embed pynames/reserved.txt
var reservedNames string

var (
	namePattern    = lazy.Regexp(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
	packagePattern = lazy.Regexp(`^[a-z][a-z0-9_]*$`)
	domainPattern  = lazy.Regexp(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]$`)
	emailPattern   = lazy.Regexp(`^[A-Za-z0-9._%+-]{1,64}@([a-z0-9-]+\.)+[a-z]{2,63}$`)
	imagePattern   = lazy.Regexp(`^([a-z0-9]+([.-]+[a-z0-9]+)*(:[0-9]{1,5})?/)?[a-z0-9]+([._-]+[a-z0-9]+)*(/[a-z0-9]+([._-]+[a-z0-9]+)*)*$`)
	notInName      = lazy.Regexp(`[^a-z0-9]+`)
	entryPattern   = lazy.Regexp(`^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\(\))?$`)
	modulePattern  = lazy.Regexp(`^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$`)
	folderPattern  = lazy.Regexp(`^[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*$`)
	commandPattern = lazy.Regexp(`^[A-Za-z0-9_./:=@%+,()-]+( [A-Za-z0-9_./:=@%+,()-]+)*$`) // words that no Makefile or YAML would change, and no shell but for parentheses
	schemePattern  = lazy.Regexp(`^[a-z][a-z0-9]*(\+[a-z][a-z0-9]*)?$`)
	indexPattern   = lazy.Regexp(`^https?://[A-Za-z0-9._~:/@%+-]+$`) // no query, and nothing that some syntax would take for its own
)

const (
	longestName   = 40  // database servers cut identifiers at 63 bytes, and names get suffixes
	longestDomain = 253 // RFC 1035, section 2.3.4
)

// ParseGiven reads a YAML mapping of answers, such as `database: postgres`. origin says where it stands, for errors.
func ParseGiven(origin string, data []byte) (Given, error) {
	var nodes map[string]yaml.Node
	if err := yaml.Unmarshal(data, &nodes); err != nil {
		return Given{}, errors.New(YAMLProblem(err))
	}
	return GivenBy(origin, nodes)
}

// GivenBy takes answers as they are written in YAML: 3.10 is no number, and no is no boolean.
func GivenBy(origin string, nodes map[string]yaml.Node) (Given, error) {
	given := Given{Origin: strings.ReplaceAll(origin, "%", "%%") + ": %s", Values: map[string][]string{}}
	for _, key := range slices.Sorted(maps.Keys(nodes)) {
		node := nodes[key]
		values, ok := words(&node)
		if !ok {
			return Given{}, fmt.Errorf("line %d: %s: neither a word nor a list of words", node.Line, key)
		}
		given.Values[key] = values
	}
	return given, nil
}

// words returns the words of a scalar, separated by commas, or of a list of scalars.
func words(node *yaml.Node) (values []string, ok bool) {
	items := []*yaml.Node{node}
	if node.Kind == yaml.SequenceNode {
		items = node.Content
	}
	for _, item := range items {
		if item.Kind != yaml.ScalarNode || item.Tag == "!!null" {
			return nil, false
		}
		if node == item {
			return strings.Split(item.Value, ","), true
		}
		values = append(values, item.Value)
	}
	return values, true
}

// Resolve takes the defaults and lays the given answers over them, the last one on top. Where a choice requires one of a question
// that nobody answered, that is taken, and where one recommends it, in a new application, that is. directory is the target folder's own
// name, from which the project's name follows unless it is given. taken says whether a dependency of some repository has a
// Python package of that name, and may be nil. A value that nothing knows is a UsageError that names its origin.
func (c *Catalog) Resolve(directory string, taken func(string) bool, given ...Given) (*Answers, error) {
	pythons, err := c.Pythons()
	if err != nil {
		return nil, err
	}
	answers := &Answers{Python: pythons[0], Choices: map[string][]string{}, given: map[string]bool{}}
	for _, question := range c.Questions {
		answers.Choices[question.Name] = []string{question.Default}
	}
	origins := map[string]string{}
	for i, source := range append([]Given{c.defaults}, given...) {
		for _, key := range slices.Sorted(maps.Keys(source.Values)) {
			origins[key] = fmt.Sprintf(source.Origin, key)
			answers.given[key] = i > 0
			if err := c.take(answers, key, source.Values[key], origins[key]); err != nil {
				return nil, err
			}
		}
	}
	if err := c.follow(answers, c.Layer); err != nil {
		return nil, err
	}
	answers.derive(directory)
	return answers, answers.validate(origins, pythons, taken)
}

// inEvery are the free answers that may have a default of their own: no two repositories share the others.
var inEvery = []string{"domain", "email", "python", "index-url"}

// SetDefaults puts answers in the place of the built-in defaults, so that the questions offer them. A value that nothing knows is a
// UsageError that names its origin, as is an answer that no two repositories share.
func (c *Catalog) SetDefaults(given Given) error {
	for _, key := range slices.Sorted(maps.Keys(given.Values)) {
		values, origin := given.Values[key], fmt.Sprintf(given.Origin, key)
		if (&Answers{}).free(key) != nil && !slices.Contains(inEvery, key) {
			return &UsageError{Flag: origin, Problem: "is each repository's own, and has no default", Hint: "valid: the questions, and " + strings.Join(inEvery, ", ")}
		}
		answers := &Answers{Choices: map[string][]string{}}
		if err := c.take(answers, key, values, origin); err != nil {
			return err
		}
		if question := c.Question(key); question != nil {
			question.Default = answers.Choices[key][0]
			question.order()
		}
	}
	c.defaults = given
	return nil
}

// Default returns the choices of a question that nobody has answered.
func (c *Catalog) Default(question *Question) []string {
	if values := c.defaults.Values[question.Name]; values != nil {
		return values
	}
	return []string{question.Default}
}

// Defaults returns the choices of every question for a new application of which nothing is said.
func (c *Catalog) Defaults() (map[string][]string, error) {
	answers, err := c.Resolve("shop", nil)
	if err != nil {
		return nil, err
	}
	return answers.Choices, nil
}

// take stores one answer.
func (c *Catalog) take(answers *Answers, key string, values []string, origin string) error {
	if free := answers.free(key); free != nil {
		*free = strings.Join(values, ",")
		return nil
	}
	question := c.Question(key)
	if question == nil {
		var keys []string
		for _, free := range Free {
			keys = append(keys, free.Key)
		}
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
	if len(chosen) == 0 || len(chosen) > 1 && !question.Several {
		problem := "takes one choice"
		if question.Several {
			problem = "takes at least one choice"
		}
		return &UsageError{Flag: origin, Problem: problem, Hint: Hint("", question.Choices)}
	}
	slices.Sort(chosen)
	answers.Choices[key] = chosen
	return nil
}

// Hint offers the candidate nearest to a word, if one is near, and lists all.
func Hint(word string, candidates []string) string {
	all := "valid: " + strings.Join(candidates, ", ")
	if near := Nearest(word, candidates); near != "" {
		return fmt.Sprintf("did you mean %q? %s", near, all)
	}
	return all
}

// Value returns the choices of a question, or a free answer as the only element.
func (a *Answers) Value(key string) []string {
	if free := a.free(key); free != nil {
		return []string{*free}
	}
	return a.Choices[key]
}

func (a *Answers) free(key string) *string {
	for _, free := range allFree() {
		if free.Key == key {
			return free.of(a)
		}
	}
	return nil
}

// besideSuffix ends the name of the package that stands beside the one of an application that was there before.
const besideSuffix = "_production"

// ProjectName makes a project's name of other words: lower case, with hyphens for whatever a name does not have. What is left may be none.
func ProjectName(words string) string {
	return strings.Trim(notInName().ReplaceAllString(strings.ToLower(words), "-"), "-")
}

// derive fills in what follows from something else.
func (a *Answers) derive(directory string) {
	if a.Name == "" {
		a.Name = ProjectName(directory)
	}
	if a.Package == "" {
		a.Package = strings.ReplaceAll(a.Name, "-", "_")
		if a.Entry != "" { // beside the application's own package, which may have that name
			a.Package = a.Package[:min(len(a.Package), longestName-len(besideSuffix))] + besideSuffix
		} else if reserved(a.Package) { // a service may well be called email
			a.Package += "_service"
		}
	}
	if a.Image == "" {
		a.Image = a.Name
	}
	if a.Entry != "" && a.Manifest == "" {
		a.Manifest = "requirements.txt"
	}
}

// reserved is whether Python has a module or a keyword of that name.
func reserved(name string) bool { return slices.Contains(strings.Fields(reservedNames), name) }

// validate refuses free answers that would break what is made of them. origins are where they were given.
func (a *Answers) validate(origins map[string]string, images []string, taken func(string) bool) error {
	fail := func(key, problem, hint string) error {
		origin, given := origins[key]
		if !given {
			origin = "--" + key
		}
		return &UsageError{Flag: origin, Problem: problem, Hint: hint}
	}
	if !namePattern().MatchString(a.Name) || len(a.Name) > longestName {
		const hint = "lower-case letters and digits, a letter first, words joined by hyphens, at most 40 characters: my-shop"
		if origins["name"] == "" {
			return fail("name", fmt.Sprintf("%q, from the folder's name, is not a project name", a.Name), "give one with --name: "+hint)
		}
		return fail("name", fmt.Sprintf("%q is not a project name", a.Name), hint)
	}
	if !packagePattern().MatchString(a.Package) || len(a.Package) > longestName {
		return fail("package", fmt.Sprintf("%q is not a package name", a.Package),
			"lower-case letters, digits and underscores, a letter first, at most 40 characters: my_shop")
	}
	const otherName = "choose another with --package"
	if reserved(a.Package) {
		return fail("package", fmt.Sprintf("%q is a keyword or a standard module of Python", a.Package), otherName)
	}
	if taken != nil && taken(a.Package) {
		return fail("package", fmt.Sprintf("%q is a package that services depend on", a.Package), otherName)
	}
	if a.Domain != "" && (!domainPattern().MatchString(a.Domain) || len(a.Domain) > longestDomain) {
		return fail("domain", fmt.Sprintf("%q is not a host name", a.Domain), "a lower-case host name without scheme or port: shop.example.com")
	}
	if a.Email != "" && !emailPattern().MatchString(a.Email) {
		return fail("email", fmt.Sprintf("%q is not an e-mail address", a.Email), "for example admin@example.com")
	}
	if !imagePattern().MatchString(a.Image) {
		return fail("image", fmt.Sprintf("%q is not an image name", a.Image), "lower case, without a tag or digest: registry.example.com/team/shop")
	}
	for _, file := range strings.Split(a.Manifest, ",") {
		if a.Manifest != "" && !folderPattern().MatchString(file) {
			return fail("manifest", fmt.Sprintf("%q is not a file of the repository", file), "relative to it, with slashes: requirements/production.txt")
		}
	}
	for _, existing := range []struct {
		key, value, what, hint string
		pattern                *regexp.Regexp
	}{
		{entryKey, a.Entry, "module:callable", "for example shop.web:app, or shop.web:create_app() for a factory", entryPattern()},
		{"source", a.Source, "a folder of the repository", "relative to it, with slashes: src", folderPattern()},
		{"static", a.Static, "a folder of the repository", "relative to it, with slashes: shop/static", folderPattern()},
		{"migrate", a.Migrate, "a plain command", "words without quotes or operators; put the rest into a script", commandPattern()},
		{"test", a.Test, "a plain command", "words without quotes or operators; put the rest into a script", commandPattern()},
		{"settings-module", a.Settings, "a module", "words joined by dots: shop.settings.production", modulePattern()},
		{"url-scheme", a.Scheme, "the scheme of a URL", "for example postgresql+asyncpg", schemePattern()},
	} {
		if existing.value != "" && !existing.pattern.MatchString(existing.value) {
			return fail(existing.key, fmt.Sprintf("%q is not %s", existing.value, existing.what), existing.hint)
		}
	}
	if problem := IndexProblem(a.IndexURL); problem != "" {
		return fail("index-url", problem, "the address of a simple index, https://packages.example.com/simple; credentials belong in ~/.netrc")
	}
	if !slices.Contains(images, a.Python) {
		return fail("python", fmt.Sprintf("unknown version %q", a.Python), Hint(a.Python, images))
	}
	return nil
}

// IndexProblem says what is wrong with the address of an index. The address itself may hold a password: it is not repeated.
func IndexProblem(address string) string {
	if address == "" {
		return ""
	}
	parsed, err := url.Parse(address)
	switch {
	case err != nil, parsed.Hostname() == "":
		return "is no address of an index"
	case parsed.User != nil:
		return "holds credentials, which would be committed"
	case !indexPattern().MatchString(address):
		return "is no address of an index"
	case parsed.Scheme == "http" && parsed.Hostname() != "localhost" && !net.ParseIP(parsed.Hostname()).IsLoopback():
		return "is plain HTTP, which pip ignores but for this machine"
	}
	return ""
}

// shellWords writes a plain command for a shell: parentheses, as of a factory, would be its own.
func shellWords(command string) string {
	words := strings.Split(command, " ")
	for i, word := range words {
		if strings.ContainsAny(word, "()") {
			words[i] = "'" + word + "'"
		}
	}
	return strings.Join(words, " ")
}

// application is what templates see of an application that was there before.
func (a *Answers) application() map[string]any {
	module, callable, _ := strings.Cut(a.Entry, ":")
	attribute, factory := strings.CutSuffix(callable, "()")
	manifests := strings.Split(a.Manifest, ",")
	return map[string]any{
		"existing": a.Entry != "", "entry": a.Entry, "manifest": manifests[0], "development": manifests[1:], "module": module, "attribute": attribute, "factory": factory,
		"source": a.Source, "migrate": shellWords(a.Migrate), "test": shellWords(a.Test), "static": a.Static, "settings": a.Settings, "scheme": a.Scheme,
	}
}

// Command returns the arguments of kitout that give these answers, for the folder at directory.
func (c *Catalog) Command(a *Answers, directory string) []string {
	if strings.HasPrefix(directory, "-") {
		directory = "./" + directory // it would be a flag
	}
	arguments := []string{"new", directory}
	if a.Entry != "" {
		arguments = []string{"add", "--all", "--dir", directory}
	}
	for _, free := range allFree() {
		found := a.Entry != "" && slices.ContainsFunc(FreeExisting, func(f FreeAnswer) bool { return f.Key == free.Key })
		_, hasDefault := c.defaults.Values[free.Key]
		if value := *free.of(a); value != "" || found || hasDefault { // an empty one wins over what is found, and over a default
			arguments = append(arguments, "--"+free.Key, value)
		}
	}
	for _, question := range c.Questions {
		arguments = append(arguments, "--"+question.Name, strings.Join(a.Choices[question.Name], ","))
	}
	if c.Templates != "" {
		arguments = append(arguments, "--templates", c.Templates)
	}
	return append(arguments, "--yes")
}
