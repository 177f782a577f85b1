package lock

import (
	"slices"
	"strings"
)

// poetryGraph is what poetry walks through to find each package's groups and conditions.
type poetryGraph struct {
	table   *Table
	minors  uint64 // of Python, that the project is for
	entries map[string]*poetryEntry
	targets map[string]*target
	found   perGroup[[]*target] // each after all that it leads to
}

// poetryEntry is an entry with what poetry needs besides.
type poetryEntry struct {
	*entry
	edges  []edge
	active []string // extras that somebody asks for
}

// edge is a declared dependency.
type edge struct {
	declaration
	brings    []string // the extras that bring it; none: the package itself
	condition condition
}

// A target is a package together with the extras that somebody asks for. For poetry each choice of extras is a package of
// its own, which depends on the package without extras and on all that this one depends on.
type target struct {
	*poetryEntry
	extras    []string
	arrivals  []*arrival
	seen      perGroup[bool]
	condition perGroup[condition]
}

// arrival is how a target is reached: from a parent, or for none from the requirements of some groups.
type arrival struct {
	parent    *target
	groups    perGroup[bool]
	condition condition
}

// newPoetryGraph follows the requirements. The errors are those of Closure.
func newPoetryGraph(table *Table, project Project) (*poetryGraph, error) {
	g := &poetryGraph{table: table, entries: map[string]*poetryEntry{}, targets: map[string]*target{}}
	var err error
	if g.minors, err = pythonMinors(table.Python()); err != nil {
		return nil, err
	}
	for group, requirements := range [...][]string{project.Runtime, project.Development} {
		for _, text := range requirements {
			name, extras, err := splitRequirement(text)
			if err != nil {
				return nil, err
			}
			t, err := g.target(name, extras)
			if err != nil {
				return nil, err
			}
			t.arrive(nil, anywhere()).groups[group] = true
			if err := g.visit(t, group); err != nil {
				return nil, err
			}
		}
	}
	for group := range groups {
		g.spread(group)
	}
	return g, nil
}

// pythonMinors returns the minor versions in a range such as >=3.12,<3.15.
func pythonMinors(python string) (uint64, error) {
	minors := everyMinor
	for bound := range strings.SplitSeq(python, ",") {
		version := strings.TrimLeft(bound, "<>=!~")
		some, err := minorsOf(bound[:len(bound)-len(version)], version)
		if err != nil {
			return 0, &TableError{1, "python " + python + ": " + err.Error()}
		}
		minors &= some
	}
	return minors, nil
}

// target returns the one target of a package and extras.
func (g *poetryGraph) target(name string, extras []string) (*target, error) {
	id := name + "[" + strings.Join(extras, ",") + "]"
	if t := g.targets[id]; t != nil {
		return t, nil
	}
	e, err := g.entry(name)
	if err != nil {
		return nil, err
	}
	for _, extra := range extras {
		if !slices.Contains(e.extras, extra) {
			return nil, &UnknownPackageError{Name: name + "[" + extra + "]"}
		}
	}
	t := &target{poetryEntry: e, extras: e.flatten(extras), condition: perGroup[condition]{nowhere(), nowhere()}}
	for _, extra := range t.extras {
		if !slices.Contains(e.active, extra) {
			e.active = append(e.active, extra)
		}
	}
	g.targets[id] = t
	return t, nil
}

// entry decodes a package's block on the first visit.
func (g *poetryGraph) entry(name string) (*poetryEntry, error) {
	if e := g.entries[name]; e != nil {
		return e, nil
	}
	decoded, err := g.table.entry(name)
	if err != nil {
		return nil, err
	}
	e := &poetryEntry{entry: decoded}
	for _, d := range decoded.declared {
		c, brings, err := parseCondition(d.marker)
		if err != nil {
			return nil, &TableError{1, name + ": " + err.Error()}
		}
		e.edges = append(e.edges, edge{d, brings, c})
	}
	g.entries[name] = e
	return e, nil
}

// flatten adds the extras that extras consist of: "all" may stand for "package[this,that]".
func (e *entry) flatten(extras []string) []string {
	all := slices.Clone(extras)
	for i := 0; i < len(all); i++ {
		for _, o := range e.offers {
			requirement, _, _ := strings.Cut(o.requirement, " ")
			name, more, err := splitRequirement(requirement)
			if o.extra != all[i] || err != nil || name != e.name {
				continue
			}
			for _, extra := range more {
				if !slices.Contains(all, extra) {
					all = append(all, extra)
				}
			}
		}
	}
	return all
}

// visit goes depth first through everything that a target leads to, as poetry does: in which order a target's parents are
// found decides in which order its condition names their alternatives.
func (g *poetryGraph) visit(t *target, group int) error {
	if t.seen[group] {
		return nil
	}
	t.seen[group] = true
	if len(t.extras) > 0 {
		if err := g.follow(t, t.name, nil, anywhere(), group); err != nil {
			return err
		}
	}
	for _, e := range t.edges {
		if !e.active(t.extras) {
			continue
		}
		if err := g.follow(t, normalise(e.name), e.extras, e.condition, group); err != nil {
			return err
		}
	}
	g.found[group] = append(g.found[group], t)
	return nil
}

// follow visits what one edge leads to.
func (g *poetryGraph) follow(from *target, name string, extras []string, c condition, group int) error {
	to, err := g.target(name, extras)
	if err != nil {
		return err
	}
	to.arrive(from, c)
	return g.visit(to, group)
}

// arrive notes a way to reach a target; of one parent there is one arrival.
func (t *target) arrive(parent *target, c condition) *arrival {
	for _, a := range t.arrivals {
		if a.parent == parent {
			a.condition = a.condition.or(c)
			return a
		}
	}
	a := &arrival{parent: parent, condition: c}
	t.arrivals = append(t.arrivals, a)
	return a
}

// spread computes the conditions under which a group needs its targets, parents first, until nothing changes: packages may
// depend on each other.
func (g *poetryGraph) spread(group int) {
	targets := g.found[group]
	for range targets {
		changed := false
		for _, t := range slices.Backward(targets) {
			c := t.needed(group)
			changed = changed || !c.equal(t.condition[group])
			t.condition[group] = c
		}
		if !changed {
			return
		}
	}
}

// needed is the condition under which a group needs a target, by what is known of its parents.
func (t *target) needed(group int) condition {
	c := nowhere()
	for _, a := range t.arrivals {
		switch {
		case a.parent != nil:
			c = c.or(a.parent.condition[group].and(a.condition))
		case a.groups[group]:
			c = c.or(a.condition)
		}
	}
	return c
}

// packages returns the packages that any group needs anywhere, sorted by name.
func (g *poetryGraph) packages() []poetryPackage {
	var packages []poetryPackage
	for _, t := range g.targets {
		if len(t.extras) > 0 {
			continue
		}
		p := poetryPackage{poetryEntry: t.poetryEntry}
		for group, c := range t.condition {
			c = c.within(g.minors)
			p.needed[group] = !c.isNever()
			p.markers[group] = c.String()
		}
		if slices.Contains(p.needed[:], true) {
			packages = append(packages, p)
		}
	}
	slices.SortFunc(packages, func(a, b poetryPackage) int { return strings.Compare(a.name, b.name) })
	return packages
}

// active tells whether a dependency counts when some extras are asked for.
func (e edge) active(extras []string) bool {
	return len(e.brings) == 0 || slices.ContainsFunc(e.brings, func(extra string) bool { return slices.Contains(extras, extra) })
}
