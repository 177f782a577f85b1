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
	m = m.irredundant()
	texts := make([]string, len(m))
	for i, a := range m {
		texts[i] = a.String()
		if len(m) > 1 && len(a) > 1 {
			texts[i] = "(" + texts[i] + ")"
		}
	}
	return strings.Join(texts, " or ")
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

// parseMarker reads a condition in disjunctive normal form, as uv.lock has it. Alternatives may stand in parentheses.
func parseMarker(text string) (marker, error) {
	parts := strings.Split(text, " or ")
	if len(parts) > mostAlternatives {
		return nil, fmt.Errorf("marker %q: more than %d alternatives", text, mostAlternatives)
	}
	var m marker
	for _, part := range parts {
		if inner, ok := strings.CutPrefix(part, "("); ok && strings.HasSuffix(inner, ")") {
			part = strings.TrimSuffix(inner, ")")
		}
		var atoms []atom
		for word := range strings.SplitSeq(part, " and ") {
			one, err := parseAtom(word)
			if err != nil {
				return nil, fmt.Errorf("marker %q: %w", text, err)
			}
			atoms = append(atoms, one)
		}
		if a, possible := conjunction(atoms); possible {
			m = append(m, a)
		}
	}
	return simplify(m), nil
}
