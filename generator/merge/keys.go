package merge

import (
	"path"
	"slices"
	"strings"
)

// keyMerge plans edits of ours, one at a time.
type keyMerge struct {
	name    string // the file
	theirs  *document
	planned map[string]bool // what has been planned: an edit that is due again has missed its place
}

func newKeyMerge(name string, theirs *document) keyMerge {
	return keyMerge{name, theirs, map[string]bool{}}
}

// once passes an edit on that is planned for the first time.
func (m keyMerge) once(edits []edit, can bool, at ...string) ([]edit, verdict) {
	place := strings.Join(at, "\x00")
	if !can || m.planned[place] {
		return nil, impossible
	}
	m.planned[place] = true
	return edits, edited
}

// changed plans the next change from base to theirs that ours does not have. Values that both have changed make it impossible.
func (m keyMerge) changed(o *document, base, ours, theirs *node, at []string) ([]edit, verdict) {
	syntax := o.syntax
	for _, key := range allKeys(theirs, base) {
		b, our, their := base.at(key), ours.at(key), theirs.at(key)
		here := append(slices.Clone(at), key)
		inside := our.open() && their.open()
		switch {
		case same(b, their), same(our, their):
			continue
		case inside && (b == nil || b.kind == mapping):
			if edits, verdict := m.changed(o, b, our, their, here); verdict != done {
				return edits, verdict
			}
		case m.areRequirements(here) && b.list() && our.list() && their.list():
			if edits, verdict := m.items(b, our, their, o.text, here); verdict != done {
				return edits, verdict
			}
		case !same(b, our):
			return nil, impossible
		case their == nil:
			edits, can := syntax.remove(o, ours, key)
			return m.once(edits, can, here...)
		case our == nil:
			edits, can := syntax.add(o, ours, m.theirs, theirs, key)
			return m.once(edits, can, here...)
		default:
			edits, can := syntax.set(o, our, m.theirs, their)
			return m.once(edits, can, here...)
		}
	}
	return nil, done
}

// list says whether the value is a sequence.
func (n *node) list() bool { return n != nil && n.kind == sequence }

// deepest is how far a union looks into what both have. What YAML lists in its sections, such as services and jobs, are the
// user's once they are there: a service of two halves would be nobody's.
func (m keyMerge) deepest() int {
	if _, is := m.theirs.syntax.(yamlSyntax); is {
		return 2
	}
	return 100
}

// missing plans the next addition to ours of what it lacks.
func (m keyMerge) missing(o *document, ours, theirs *node, at []string) ([]edit, verdict) {
	for _, key := range theirs.keys {
		here := append(slices.Clone(at), key)
		their := theirs.at(key)
		our := ours.at(key)
		if our == nil && m.areDistributions(at) {
			i := slices.IndexFunc(ours.keys, func(k string) bool { return distribution(k) == distribution(key) })
			if i >= 0 {
				continue
			}
		}
		switch {
		case our == nil && !m.unwanted(o.root, here):
			edits, can := o.syntax.add(o, ours, m.theirs, theirs, key)
			return m.once(edits, can, here...)
		case our == nil:
		case m.areRequirements(here) && our.list() && their.list():
			if edits, verdict := m.items(nil, our, their, o.text, here); verdict != done {
				return edits, verdict
			}
		case our.list() && their.list() && len(at) == 0:
			if edits, verdict := m.listed(o, our, their, key); verdict != done {
				return edits, verdict
			}
		case our.null() && their.open() && len(their.keys) > 0 && len(here) < m.deepest():
			edits, can := o.syntax.set(o, our, m.theirs, their)
			return m.once(edits, can, here...)
		case our.open() && their.open() && len(here) < m.deepest():
			if edits, verdict := m.missing(o, our, their, here); verdict != done {
				return edits, verdict
			}
		}
	}
	return nil, done
}

// listed plans the next addition to one of YAML's lists of named things, such as hooks: those that begin with the same key and
// value are the same thing.
func (m keyMerge) listed(o *document, ours, theirs *node, key string) ([]edit, verdict) {
	syntax, is := o.syntax.(yamlSyntax)
	if !is || !slices.ContainsFunc(ours.items, named) {
		return nil, done
	}
	for _, item := range theirs.items {
		same := func(our *node) bool {
			return named(our) && our.keys[0] == item.keys[0] && same(our.values[our.keys[0]], item.values[item.keys[0]])
		}
		if named(item) && !slices.ContainsFunc(ours.items, same) {
			edits, can := syntax.addListed(o, ours, m.theirs, theirs, item)
			return m.once(edits, can, key, item.meaning())
		}
	}
	return nil, done
}

// named says whether an item begins with its name.
func named(n *node) bool { return n.open() && len(n.keys) > 0 && n.values[n.keys[0]].kind == scalar }

var composeName = compiled(`^(docker-)?compose[.\w-]*\.ya?ml$`)

// composeSections are the parts of a Compose file that list things. The rest is about the whole project: another name, for one,
// would leave its volumes behind.
var composeSections = []string{"services", "networks", "volumes", "secrets", "configs"}

// unwanted says whether a key that the user lacks is not added all the same.
func (m keyMerge) unwanted(ours *node, at []string) bool {
	switch {
	case len(at) == 1 && composeName().MatchString(path.Base(m.name)):
		return !strings.HasPrefix(at[0], "x-") && !slices.Contains(composeSections, at[0])
	case len(at) == 2 && isPyproject(m.name) && at[0] == "project":
		dynamic := ours.at("project", "dynamic") // found by the build backend, and refused if it is written as well
		return dynamic != nil && slices.ContainsFunc(dynamic.items, func(n *node) bool { return n.scalar == at[1] })
	}
	return false
}

func isPyproject(name string) bool { return path.Base(name) == "pyproject.toml" }

// areRequirements says whether the value at a path is a list of requirements, one for a distribution: PEP 621, 735 and 518.
func (m keyMerge) areRequirements(at []string) bool {
	if !isPyproject(m.name) {
		return false
	}
	switch where := strings.Join(at[:len(at)-1], "."); where {
	case "project":
		return at[1] == "dependencies"
	case "build-system":
		return at[1] == "requires"
	default:
		return where == "project.optional-dependencies" || where == "dependency-groups"
	}
}

// areDistributions says whether the keys of the mapping at a path are distributions.
func (m keyMerge) areDistributions(at []string) bool {
	switch {
	case path.Base(m.name) == "Pipfile":
		return len(at) == 1 && (at[0] == "packages" || at[0] == "dev-packages")
	case isPyproject(m.name):
		where := strings.Join(at, ".")
		return where == "tool.poetry.dependencies" || len(at) == 5 && strings.HasPrefix(where, "tool.poetry.group.") && at[4] == "dependencies"
	}
	return false
}

var distributionName = compiled(`^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?`)

// distribution is the name that a requirement begins with, as PEP 503 normalises it, or the requirement where there is none.
func distribution(requirement string) string {
	name := distributionName().FindString(requirement)
	if rest := requirement[len(name):]; name == "" || strings.HasPrefix(rest, ":") || strings.HasPrefix(rest, "+") {
		return requirement // an address
	}
	return strings.Join(strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return strings.ContainsRune("-_.", r) }), "-")
}

// byDistribution returns the items of a list, and their names in order. A name may be there twice, with different markers.
func byDistribution(list *node) (names []string, byName map[string][]*node) {
	byName = map[string][]*node{}
	if list == nil {
		return nil, byName
	}
	for _, item := range list.items {
		name := "\x00" + item.meaning()
		if item.kind == scalar {
			name = distribution(item.scalar)
		}
		if byName[name] == nil {
			names = append(names, name)
		}
		byName[name] = append(byName[name], item)
	}
	return names, byName
}

// items plans the next edit of a list of requirements. Without a base nothing but additions is planned.
func (m keyMerge) items(base, ours, theirs *node, text string, at []string) ([]edit, verdict) {
	if base != nil && same(base, theirs) || same(ours, theirs) {
		return nil, done
	}
	inBase, b := byDistribution(base)
	inOurs, our := byDistribution(ours)
	inTheirs, their := byDistribution(theirs)
	of := func(items []*node) string {
		return (&node{kind: sequence, items: items}).meaning()
	}
	for _, name := range slices.Concat(inTheirs, inBase) {
		o, t := our[name], their[name]
		here := append(slices.Clone(at), name)
		switch {
		case of(o) == of(t), base != nil && of(b[name]) == of(t):
		case base == nil && len(o) > 0:
		case base != nil && of(b[name]) != of(o), len(o) > 1, len(t) > 1 && len(o) > 0:
			return nil, impossible
		case len(t) == 0:
			return m.once([]edit{cutItem(text, ours, o[0])}, true, here...)
		case len(o) == 1:
			return m.once([]edit{{o[0].value, t[0].value.of(m.theirs.text)}}, true, here...)
		default:
			after := 0 // where nothing else says where: first
			for _, before := range inTheirs[:slices.Index(inTheirs, name)] {
				if i := slices.Index(inOurs, before); i >= 0 {
					after = max(after, slices.Index(ours.items, our[before][len(our[before])-1])+1)
				}
			}
			if !slices.ContainsFunc(inTheirs, func(n string) bool { return our[n] != nil }) {
				after = len(ours.items)
			}
			var words []string
			for _, item := range t {
				words = append(words, item.value.of(m.theirs.text))
			}
			return m.once([]edit{addItem(text, ours, after, words)}, true, here...)
		}
	}
	return nil, done
}
