package detect

import (
	"cmp"
	"math"
	"path"
	"slices"
	"strings"

	"github.com/kitout/kitout/generator"
	"github.com/kitout/kitout/generator/internal/lazy"
	"github.com/kitout/kitout/generator/internal/python"
)

// What an object counts for as the one that servers load. The sign of the call that makes it is the most of it; the rest is where
// and how.
const (
	called      = 0.6  // part of the sign's weight
	tellingName = 0.1  // the callable is called app or application
	tellingFile = 0.1  // the module has a name that such modules have
	startedFile = 0.05 // it is named for its server interface: it is there to be started
	mentioned   = 0.3  // a command names it, module:callable
	again       = 0.15 // a command in another file does, too
	namedModule = 0.1  // a command or a setting names its module
	perLevel    = 0.02 // each folder makes it less likely
	imported    = 0.1  // another candidate's module imports it: that one is made from it
	needsMore   = 0.2  // a factory with parameters that have no default
	onlyByHand  = 0.3  // it is made only where the file is run as a script
)

var (
	tellingNames = words("app application")
	tellingFiles = words("wsgi asgi main app application run server __init__ passenger_wsgi")
	startedFiles = words("wsgi asgi")
	passingFiles = words("wsgi asgi __init__") // they may import the object to hand it on
)

// candidate is an object that an application server may load.
type candidate struct {
	source    *source
	framework string
	module    module
	callable  string // a factory has parentheses
	line      int
	score     float64
	evidence  []Evidence
}

func (c candidate) String() string { return c.module.name + ":" + c.callable }

// candidates finds what the calls of entry signs make.
func (s *scan) candidates(frameworks []generator.Signed) []candidate {
	var all []candidate
	factories := map[string]candidate{} // by module.function
	for _, framework := range frameworks {
		for _, sign := range framework.Signs {
			if sign.Entry {
				all = append(all, s.made(framework.Choice, sign)...)
			}
		}
	}
	for _, c := range all {
		if name, factory := strings.CutSuffix(c.callable, "()"); factory {
			factories[c.module.name+"."+name] = c
		}
	}
	s.parseCallers(factories)
	return append(all, s.makers(factories, all)...)
}

// made finds the objects at the top of modules and the functions that return one.
func (s *scan) made(framework string, sign generator.Sign) (all []candidate) {
	for _, source := range s.sources {
		if source.role != own {
			continue
		}
		var makes func(v python.Value) bool
		makes = func(v python.Value) bool { // also where middleware is put around it
			return v.Kind == python.Call && (slices.Contains(sign.Call, source.callee(v.Text)) || slices.ContainsFunc(v.Items, makes))
		}
		base := candidate{source: source, framework: framework, score: sign.Weight * called}
		for _, assignment := range source.Assignments {
			if assignment.Scope == "" && assignment.Key == "" && makes(assignment.Value) {
				all = once(all, s.object(base, assignment))
			}
		}
		for _, function := range source.Functions {
			if c, makes := s.factory(base, function, makes); makes {
				all = once(all, c)
			}
		}
	}
	return all
}

// maxCandidates bounds what is compared with each other: a repository with more has no entry that could be told.
const maxCandidates = 200

// once adds a candidate unless its name is there already.
func once(all []candidate, c candidate) []candidate {
	same := func(other candidate) bool { return other.source == c.source && other.callable == c.callable }
	if len(all) == maxCandidates || slices.ContainsFunc(all, same) {
		return all
	}
	return append(all, c)
}

// object is a candidate that is assigned at the top of a module.
func (s *scan) object(base candidate, assignment python.Assignment) candidate {
	base.callable, base.line = assignment.Name, assignment.Line
	if assignment.Main {
		base.score -= onlyByHand
	}
	return s.locate(base)
}

// factory is a candidate that is a function at the top of a module.
func (s *scan) factory(base candidate, function python.Function, makes func(python.Value) bool) (candidate, bool) {
	if function.Scope != "" || function.Main {
		return base, false
	}
	if len(function.Returns) == 0 {
		return base, false
	}
	local := map[string]bool{}
	for _, assignment := range base.source.Assignments {
		if assignment.Scope == function.Name && makes(assignment.Value) {
			local[assignment.Name] = true
		}
	}
	gives := func(v python.Value) bool { return makes(v) || v.Kind == python.Name && local[v.Text] }
	if !slices.ContainsFunc(function.Returns, gives) {
		return base, false
	}
	base.callable, base.line = function.Name+"()", function.Line
	if slices.ContainsFunc(function.Parameters, func(p python.Parameter) bool { return !p.Optional }) {
		base.score -= needsMore
	}
	return s.locate(base), true
}

// parseCallers reads the files that have the name of a factory, too.
func (s *scan) parseCallers(factories map[string]candidate) {
	// What starts an application is not far from the top; reading all others once more would double the time
	const enough, levels = 50, 3
	names := interest{}
	for name := range factories {
		names[lastWord(name)] = enough
	}
	if len(names) > 0 {
		s.parse(names, nil, strings.Count(s.folder, "/")+levels)
	}
}

// makers finds what is made by calling a factory of the repository, and modules made for servers that import the object.
func (s *scan) makers(factories map[string]candidate, objects []candidate) (all []candidate) {
	known := map[string]candidate{}
	for _, c := range objects {
		if !strings.HasSuffix(c.callable, ")") {
			known[c.module.name+"."+c.callable] = c
		}
	}
	for _, source := range s.sources {
		if source.role != own {
			continue
		}
		at := s.module(source.path)
		for _, assignment := range source.Assignments {
			if assignment.Scope != "" || assignment.Value.Kind != python.Call || assignment.Key != "" {
				continue
			}
			name := at.absolute(assignment.Value.Text)
			origin, found := factories[name]
			if !found {
				origin, found = factories[at.name+"."+name]
			}
			if !found {
				origin, found = s.reexported(factories, name)
			}
			if found {
				base := candidate{source: source, framework: origin.framework, score: 0.9 * called, evidence: origin.evidence}
				all = once(all, s.object(base, assignment))
			}
		}
		stem := strings.TrimSuffix(path.Base(source.path), ".py")
		if !passingFiles[stem] {
			continue
		}
		for _, i := range source.Imports {
			if origin, found := known[at.absolute(i.Target())]; found && i.Scope == "" && !i.Main {
				base := candidate{source: source, framework: origin.framework, score: 0.9 * called, evidence: origin.evidence}
				base.callable, base.line = i.As, i.Line
				all = once(all, s.locate(base))
			}
		}
	}
	return all
}

// reexported finds a factory that a package's __init__.py imports from one of its modules.
func (s *scan) reexported(factories map[string]candidate, name string) (candidate, bool) {
	i := strings.LastIndexByte(name, '.')
	if i < 0 {
		return candidate{}, false
	}
	for _, source := range s.sources {
		at := s.module(source.path)
		if !at.isPackage || at.name != name[:i] {
			continue
		}
		for _, imported := range source.Imports {
			if imported.As == name[i+1:] {
				origin, found := factories[at.absolute(imported.Target())]
				return origin, found
			}
		}
	}
	return candidate{}, false
}

// locate adds what the place says.
func (s *scan) locate(c candidate) candidate {
	c.module = s.module(c.source.path)
	stem := strings.TrimSuffix(path.Base(c.source.path), ".py")
	if tellingNames[strings.TrimSuffix(c.callable, "()")] {
		c.score += tellingName
	}
	if tellingFiles[stem] {
		c.score += tellingFile
	}
	if startedFiles[stem] {
		c.score += startedFile
	}
	c.score -= perLevel * float64(strings.Count(relative(c.source.path, s.folder), "/"))
	c.evidence = append([]Evidence{c.source.at(c.line)}, c.evidence...)
	return c
}

// module is a Python module of the repository.
type module struct {
	root      string // the folder that its dotted name starts from
	name      string
	isPackage bool // it is an __init__.py
}

// absolute resolves a relative name in the module.
func (m module) absolute(name string) string {
	rest := strings.TrimLeft(name, ".")
	dots := len(name) - len(rest)
	if dots == 0 {
		return name
	}
	parts := strings.Split(m.name, ".")
	if m.isPackage {
		dots--
	}
	parts = parts[:max(len(parts)-dots, 0)]
	return strings.Trim(strings.Join(append(parts, rest), "."), ".")
}

// module finds the dotted name by which a file is imported.
func (s *scan) module(name string) module {
	root := s.importRoot(path.Dir(name))
	dotted := strings.ReplaceAll(strings.TrimSuffix(relative(name, root), ".py"), "/", ".")
	if short, isPackage := strings.CutSuffix("."+dotted, ".__init__"); isPackage {
		return module{root, strings.TrimPrefix(short, "."), true}
	}
	return module{root, dotted, false}
}

// importRoot is the folder from which the modules of a folder are imported: the one above the topmost package; where there is no
// package, the one that the imports of the modules in it start from.
func (s *scan) importRoot(folder string) string {
	if folder == "." || folder == s.folder {
		return folder
	}
	if root, known := s.roots[folder]; known {
		return root
	}
	root := folder
	if s.has(path.Join(folder, "__init__.py")) {
		root = s.importRoot(path.Dir(folder))
	} else if parent := path.Dir(folder); s.namespace(folder) {
		root = s.importRoot(parent)
	}
	s.roots[folder] = root
	return root
}

var identifier = lazy.Regexp(`^[A-Za-z_][A-Za-z0-9_]*$`)

// namespace says whether a folder without __init__.py is a package all the same: code imports from it by its name, or a command
// names it.
func (s *scan) namespace(folder string) bool {
	name := path.Base(folder)
	if !identifier().MatchString(name) || s.has(path.Join(folder, "manage.py")) || s.folders[path.Join(folder, name)] {
		return false // what is run as a script starts from its own folder
	}
	bare, full := 0, 0
	beside := func(first string) bool {
		return first != "" && (s.has(path.Join(folder, first+".py")) || s.folders[path.Join(folder, first)])
	}
	for _, source := range s.sources {
		for _, i := range source.Imports {
			target := i.Target()
			switch first, _, _ := strings.Cut(target, "."); {
			case first == name:
				full++
			case path.Dir(source.path) == folder && beside(first):
				bare++
			}
		}
	}
	if bare == full {
		for _, line := range s.commands() {
			if strings.Contains(line.text, name+".") || strings.Contains(line.text, name+":") {
				return true
			}
		}
	}
	return full > bare
}

// command is a line that may start a server.
type command struct {
	Evidence
	text string
}

// starter is what a line must look like to name an application.
var starter = lazy.Regexp(`[A-Za-z_][\w.]*:[A-Za-z_]\w*|[A-Za-z_]\w*\.(wsgi|asgi|py)\b|[mM]odule|FLASK_APP|--app`)

// commands are the lines that may name the application: those of files that start programs, and settings that name it.
func (s *scan) commands() []command {
	if s.started == nil {
		s.started = []command{}
		for _, f := range s.matching(slices.Concat(s.sets["commands"], s.sets["environment"], s.sets["entries"]), false) {
			lines := s.lines(f.path)
			for i, line := range lines {
				if !commented(line) && starter().MatchString(line) {
					s.started = append(s.started, command{evidence(f.path, i+1, lines), line})
				}
			}
		}
	}
	return s.started
}

// entry chooses the object that servers load.
func (s *scan) entry(candidates []candidate) (Fact, *candidate, bool) {
	for i := range candidates {
		s.weigh(&candidates[i], candidates)
	}
	slices.SortStableFunc(candidates, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.source.path, b.source.path), cmp.Compare(a.line, b.line))
	})
	var fact Fact
	for _, c := range candidates {
		score := math.Round(min(c.score, certain)*100) / 100
		switch known := fact.Value != nil && (fact.Value[0] == c.String()) ||
			slices.ContainsFunc(fact.Rivals, func(r Rival) bool { return r.Value == c.String() }); {
		case known, score <= 0:
		case fact.Value == nil:
			fact = Fact{Value: []string{c.String()}, Evidence: c.evidence, Confidence: score}
		default:
			if c.score < candidates[0].score { // however sure both are
				score = min(score, fact.Confidence-0.01)
			}
			fact.Rivals = append(fact.Rivals, Rival{c.String(), c.evidence, score})
		}
	}
	if fact.Value == nil {
		return fact, nil, false
	}
	return fact, &candidates[0], true
}

// weigh adds what the rest of the repository says.
func (s *scan) weigh(c *candidate, all []candidate) {
	full, bare := map[string]bool{}, false
	name, factory := strings.CutSuffix(c.callable, "()")
	for _, line := range s.commands() {
		if mentions(line.text, c.module.name, name, factory) {
			if !full[line.Path] && len(full) < most {
				c.evidence = append(c.evidence, line.Evidence)
			}
			full[line.Path] = true
		}
		bare = bare || word(line.text, c.module.name) || word(line.text, relative(c.source.path, c.module.root))
	}
	for _, source := range s.sources {
		bare = bare || slices.ContainsFunc(source.Strings, func(v python.Value) bool { return v.Text == c.module.name+"."+name })
	}
	switch {
	case len(full) > 0:
		c.score += mentioned + again*float64(len(full)-1)
	case bare:
		c.score += namedModule
	}
	for _, other := range all {
		if other.source != c.source && s.uses(other, c.module.name+"."+name) {
			c.score -= imported
			break
		}
	}
}

// mentions says that a command names module:callable.
func mentions(line, module, callable string, factory bool) bool {
	if factory && (word(line, module+":"+callable+"()") || word(line, module+":"+callable) && strings.Contains(line, "factory")) {
		return true
	}
	return !factory && word(line, module+":"+callable)
}

// word says that a text stands in a line with no letter, digit, dot or colon around it, but for the dot before the beginning of a
// path.
func word(line, text string) bool {
	for at := 0; ; {
		i := strings.Index(line[at:], text)
		if i < 0 || text == "" {
			return false
		}
		i += at
		at = i + len(text)
		before, after := byte(' '), byte(' ')
		if i > 0 {
			before = line[i-1]
		}
		if at < len(line) {
			after = line[at]
		}
		if !joins(before) && !joins(after) && after != '(' {
			return true
		}
	}
}

func joins(c byte) bool {
	return c == '_' || c == '.' || c == ':' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// uses says that a candidate's module imports an object, or the module that it is in.
func (s *scan) uses(c candidate, object string) bool {
	return slices.ContainsFunc(c.source.Imports, func(i python.Import) bool {
		target := c.module.absolute(i.Target())
		return target == object || target == object[:strings.LastIndexByte(object, '.')] && i.Name != "" && !i.Main
	})
}
