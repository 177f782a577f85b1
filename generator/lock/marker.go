package lock

import (
	"fmt"
	"slices"
	"strings"
)

// A marker is a condition on the environment in disjunctive normal form: it holds where one of its alternatives does, and
// an alternative holds where all its atoms do. No alternatives is "never"; one without atoms is "always". The operations keep it
// canonical, as the sorted list of all its prime implicants, so that equal conditions are equal values, whatever the order
// in which paths through the dependency graph were found.
type marker []alternative

// alternative is a sorted list of atoms, none of which another implies.
type alternative []atom

// always is the condition that every environment meets.
func always() marker { return marker{nil} }

// never tells whether no environment meets the condition.
func (m marker) never() bool { return len(m) == 0 }

// or is the condition that holds where either does.
func (m marker) or(other marker) marker {
	return simplify(slices.Concat(m, other))
}

// and is the condition that holds where both do.
func (m marker) and(other marker) marker {
	var both marker
	for _, a := range m {
		for _, b := range other {
			if joined, possible := conjunction(slices.Concat(a, b)); possible {
				both = append(both, joined)
			}
		}
	}
	return simplify(both)
}

// equal compares two canonical conditions.
func (m marker) equal(other marker) bool { return slices.EqualFunc(m, other, slices.Equal) }

// String returns the condition as uv writes it; "" for always. Where uv would factor an atom out of several alternatives,
// or knows that two variables depend on each other, the text differs and means the same.
func (m marker) String() string {
	common, m := m.irredundant().apart().factor()
	texts := make([]string, len(m))
	for i, a := range m {
		texts[i] = a.String()
		if len(m) > 1 && len(a) > 1 {
			texts[i] = "(" + texts[i] + ")"
		}
	}
	text := strings.Join(texts, " or ")
	if len(common) > 0 {
		text = common.String() + " and (" + text + ")"
	}
	return text
}

// apart keeps ranges of versions from overlapping: beside "before x" alone, "before y and z" begins at x.
func (m marker) apart() marker {
	m = slices.Clone(m)
	for _, b := range m {
		if len(b) != 1 || b[0].operator != "<" {
			continue
		}
		begin := atom{b[0].variable, ">=", b[0].value}
		for i, a := range m {
			end := slices.IndexFunc(a, func(one atom) bool { return one.operator == "<" && b[0].implies(one) && one != b[0] })
			begun := slices.ContainsFunc(a, func(one atom) bool { return one.variable == begin.variable && one.operator[0] == '>' })
			if end >= 0 && !begun {
				m[i] = slices.Insert(slices.Clone(a), end, begin)
			}
		}
	}
	return m
}

// factor takes out the atoms that several alternatives all have.
func (m marker) factor() (common alternative, rest marker) {
	if len(m) < 2 {
		return nil, m
	}
	for _, one := range m[0] {
		if !slices.ContainsFunc(m, func(a alternative) bool { return !slices.Contains(a, one) }) {
			common = append(common, one)
		}
	}
	for _, a := range m {
		rest = append(rest, slices.DeleteFunc(slices.Clone(a), func(one atom) bool { return slices.Contains(common, one) }))
	}
	return common, rest
}

// irredundant drops alternatives that the others together cover, which prime implicants can do.
func (m marker) irredundant() marker {
	kept := slices.Clone(m)
	for i := 0; i < len(kept) && len(kept) > 2; {
		rest := slices.Delete(slices.Clone(kept), i, i+1)
		if slices.ContainsFunc(simplify(rest), kept[i].implies) {
			kept = rest
		} else {
			i++
		}
	}
	return kept
}

// String joins the atoms.
func (a alternative) String() string {
	texts := make([]string, len(a))
	for i, atom := range a {
		texts[i] = atom.String()
	}
	return strings.Join(texts, " and ")
}

// conjunction sorts atoms and drops those that others imply. It is not possible if two atoms exclude each other.
func conjunction(atoms []atom) (a alternative, possible bool) {
	slices.SortFunc(atoms, atom.compare)
	atoms = slices.Compact(atoms)
	for i, one := range atoms {
		implied := false
		for j, other := range atoms {
			if i != j && other.implies(one.negation()) {
				return nil, false
			}
			// of two atoms that imply each other, the first stays
			implied = implied || i != j && other.implies(one) && (j < i || !one.implies(other))
		}
		if !implied {
			a = append(a, one)
		}
	}
	return a, true
}

// implies tells whether a holds only where b does.
func (a alternative) implies(b alternative) bool {
	for _, wanted := range b {
		if !slices.ContainsFunc(a, func(given atom) bool { return given.implies(wanted) }) {
			return false
		}
	}
	return true
}

// simplify returns the prime implicants: it adds what two alternatives imply together (their consensus) and drops what
// another alternative covers, until neither changes anything.
func simplify(alternatives marker) marker {
	var primes marker
	pending := slices.Clone(alternatives)
	for len(pending) > 0 {
		next := pending[0]
		pending = pending[1:]
		if slices.ContainsFunc(primes, next.implies) {
			continue
		}
		primes = slices.DeleteFunc(primes, func(p alternative) bool { return p.implies(next) })
		for _, p := range primes {
			pending = append(pending, consensus(p, next)...)
		}
		primes = append(primes, next)
	}
	slices.SortFunc(primes, func(a, b alternative) int { return slices.CompareFunc(a, b, atom.compare) })
	return primes
}

// consensus returns what holds only where a or b does, by way of one atom of each that together cover everything: from
// "x and y" and "not x and z" follows "y and z".
func consensus(a, b alternative) []alternative {
	var found []alternative
	for i, one := range a {
		for j, other := range b {
			if !one.negation().implies(other) {
				continue
			}
			rest := slices.Concat(a[:i], a[i+1:], b[:j], b[j+1:])
			if joined, possible := conjunction(rest); possible {
				found = append(found, joined)
			}
		}
	}
	return found
}

// mostAlternatives bounds what parseMarker takes, because simplifying can be exponential.
const mostAlternatives = 12

// parseMarker reads a condition as uv writes it: comparisons, `and`, `or` and parentheses.
func parseMarker(text string) (marker, error) {
	if strings.Count(text, " or ") >= mostAlternatives {
		return nil, fmt.Errorf("marker %q: more than %d alternatives", text, mostAlternatives)
	}
	m, err := parseOr(text)
	if err != nil {
		return nil, fmt.Errorf("marker %q: %w", text, err)
	}
	return m, nil
}

func parseOr(text string) (marker, error) {
	var alternatives marker
	for _, part := range splitOutside(text, " or ") {
		m, err := parseAnd(part)
		if err != nil {
			return nil, err
		}
		alternatives = append(alternatives, m...)
	}
	return simplify(alternatives), nil
}

func parseAnd(text string) (marker, error) {
	all := always()
	for _, part := range splitOutside(text, " and ") {
		m, err := parseOne(part)
		if err != nil {
			return nil, err
		}
		all = all.and(m)
	}
	return all, nil
}

// parseOne reads what stands between operators: a comparison, or parentheses.
func parseOne(text string) (marker, error) {
	if inner, found := strings.CutPrefix(text, "("); found && strings.HasSuffix(inner, ")") {
		return parseOr(strings.TrimSuffix(inner, ")"))
	}
	one, err := parseAtom(text)
	if err != nil {
		return nil, err
	}
	return marker{{one}}, nil
}

// splitOutside splits at separators that stand in no parentheses.
func splitOutside(text, separator string) (parts []string) {
	depth, start := 0, 0
	for i := range len(text) {
		switch {
		case text[i] == '(':
			depth++
		case text[i] == ')':
			depth--
		case depth == 0 && strings.HasPrefix(text[i:], separator):
			parts, start = append(parts, text[start:i]), i+len(separator)
		}
	}
	return append(parts, text[start:])
}
