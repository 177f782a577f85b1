package lock

import (
	"cmp"
	"math"
	"math/bits"
	"slices"
	"strconv"
	"strings"
)

// A condition is a condition on the environment as poetry.lock spells it: poetry never rewrites one into a canonical form,
// so its text depends on the paths by which it was found. The operations follow poetry's, to end at the same text.
//
// A conjunction without parts holds always, and a disjunction without parts never.
type condition struct {
	kind
	comparison
	parts []condition
}

// kind says how a condition is made.
type kind int

const (
	single      kind = iota // one comparison
	conjunctive             // all parts hold
	disjunctive             // one part holds
)

// dual is the other way to join parts.
func (k kind) dual() kind { return conjunctive + disjunctive - k }

// comparison says which values a variable may have, or (except) which it may not. The minor versions of Python 3 are bits
// instead of values.
type comparison struct {
	variable string
	except   bool
	values   []string
	minors   uint64
}

// everyMinor stands for every version of Python.
const everyMinor uint64 = math.MaxUint64

func anywhere() condition { return condition{kind: conjunctive} }
func nowhere() condition  { return condition{kind: disjunctive} }

// isNever tells whether no environment meets the condition.
func (c condition) isNever() bool { return c.kind == disjunctive && len(c.parts) == 0 }

// compound tells whether the condition joins parts in the way k.
func (c condition) compound(k kind) bool { return c.kind == k && len(c.parts) > 0 }

func (c condition) equal(other condition) bool {
	return c.kind == other.kind && c.comparison.equal(other.comparison) && slices.EqualFunc(c.parts, other.parts, condition.equal)
}

func (c comparison) equal(other comparison) bool {
	return c.variable == other.variable && c.except == other.except && c.minors == other.minors &&
		slices.Equal(c.values, other.values)
}

func contains(parts []condition, part condition) bool { return slices.ContainsFunc(parts, part.equal) }

// and is the condition that holds where both do.
func (c condition) and(other condition) condition { return c.join(conjunctive, other) }

// or is the condition that holds where either does.
func (c condition) or(other condition) condition { return c.join(disjunctive, other) }

// join brings two conditions into one normal form, that into the other one, and takes the simplest of all.
func (c condition) join(k kind, other condition) condition {
	whole := c.beside(k, other)
	first := whole.normal(k.dual())
	if !first.compound(k.dual()) {
		return first
	}
	second := first.normal(k)
	if !second.compound(k) {
		return second
	}
	if k == disjunctive { // of equally simple ones the disjunction
		first, second = second, first
	}
	return simplest(first, second, whole)
}

// beside joins two conditions without simplifying them; a single comparison stands behind another kind of condition.
func (c condition) beside(k kind, other condition) condition {
	if c.kind == single && other.kind != single {
		return flat(k, other, c)
	}
	return flat(k, c, other)
}

// simplest returns the first of the conditions with the fewest values and, among those, the fewest comparisons.
func simplest(conditions ...condition) condition {
	return slices.MinFunc(conditions, func(a, b condition) int {
		values, comparisons := a.size()
		otherValues, otherComparisons := b.size()
		return cmp.Or(cmp.Compare(values, otherValues), cmp.Compare(comparisons, otherComparisons))
	})
}

func (c condition) size() (values, comparisons int) {
	if c.kind == single {
		return max(1, len(c.values)), 1
	}
	for _, part := range c.parts {
		v, n := part.size()
		values, comparisons = values+v, comparisons+n
	}
	return values, comparisons
}

// operands returns what the condition adds to others that are joined in the way k: its parts if it is joined so itself.
func (c condition) operands(k kind) []condition {
	if c.kind == k {
		return c.parts
	}
	return []condition{c}
}

// list joins conditions without simplifying them; it may be a list of one.
func list(k kind, conditions ...condition) condition {
	whole := condition{kind: k}
	for _, c := range conditions {
		for _, part := range c.operands(k) {
			if !contains(whole.parts, part) {
				whole.parts = append(whole.parts, part)
			}
		}
	}
	return whole
}

// flat joins conditions without simplifying them; a list of one is that one.
func flat(k kind, conditions ...condition) condition {
	whole := list(k, conditions...)
	if len(whole.parts) == 1 {
		return whole.parts[0]
	}
	return whole
}

// joined joins conditions and simplifies what two parts make together, until nothing changes.
func joined(k kind, conditions []condition) condition {
	whole := flat(k, conditions...)
	for whole.compound(k) {
		next := condition{kind: k}
		for _, part := range whole.parts {
			next = next.with(part)
		}
		if contains(next.parts, condition{kind: k.dual()}) {
			return condition{kind: k.dual()}
		}
		if next.equal(whole) {
			break
		}
		whole = flat(k, next)
	}
	return flat(k, whole)
}

// with adds one part to a conjunction or a disjunction: if it makes something simple with an earlier part, in that one's place.
func (c condition) with(part condition) condition {
	for i, earlier := range c.parts {
		if both, ok := pair(c.kind, earlier, part); ok {
			return list(c.kind, slices.Replace(slices.Clone(c.parts), i, i+1, both)...)
		}
	}
	return list(c.kind, c, part)
}

// pair joins two conditions if that makes something simple.
func pair(k kind, a, b condition) (both condition, ok bool) {
	switch {
	case a.equal(b):
		return a, true
	case a.compound(k.dual()):
		return a.absorb(b)
	case b.compound(k.dual()):
		return b.absorb(a)
	case a.kind == single && b.kind == single:
		return merge(k, a.comparison, b.comparison)
	}
	return condition{}, false
}

// absorb joins a disjunction with "and", or a conjunction with "or", to another condition, if one makes the other superfluous
// or if they differ in parts that make something simple.
func (c condition) absorb(other condition) (both condition, ok bool) {
	k := c.kind.dual()
	if contains(c.parts, other) {
		return other, true
	}
	if other.kind != c.kind {
		return condition{}, false
	}
	common, own := divide(c.parts, other.parts)
	_, others := divide(other.parts, c.parts)
	switch {
	case len(own) == 0:
		return c, true
	case len(others) == 0:
		return other, true
	case len(common) == 0:
		return condition{}, false
	}
	rest, ok := pair(k, flat(c.kind, own...), flat(c.kind, others...))
	switch {
	case !ok:
		return condition{}, false
	case rest.kind == single:
		return joined(c.kind, append(common, rest)), true
	}
	return joined(c.kind, append([]condition{rest}, common...)), true
}

// divide separates the parts that are among others from the rest.
func divide(parts, others []condition) (common, rest []condition) {
	for _, part := range parts {
		if contains(others, part) {
			common = append(common, part)
		} else {
			rest = append(rest, part)
		}
	}
	return common, rest
}

// merge joins two comparisons of one variable, if that makes something simple.
func merge(k kind, a, b comparison) (both condition, ok bool) {
	switch {
	case a.variable != b.variable:
		return condition{}, false
	case a.minors == 0:
		return mergeWords(k, a, b), true
	}
	minors := a.minors & b.minors
	if k == disjunctive {
		minors = a.minors | b.minors
	}
	both = onPython(minors)
	ok = both.kind != single || minors == a.minors || minors == b.minors ||
		isLow(minors) || isLow(^minors) || bits.OnesCount64(minors) == 1
	return both, ok
}

// onPython is the condition that holds for some minor versions of Python.
func onPython(minors uint64) condition {
	switch minors {
	case everyMinor:
		return anywhere()
	case 0:
		return nowhere()
	}
	return condition{comparison: comparison{variable: "python_version", minors: minors}}
}

// isLow tells whether the versions are all those before another.
func isLow(minors uint64) bool { return minors&(minors+1) == 0 }

// mergeWords joins two comparisons with words. Of "one of" and "none of" the values, what is "and" for one is "or" for the
// other; of one of each kind, the first decides about "and", and the second about "or".
func mergeWords(k kind, a, b comparison) condition {
	switch {
	case a.except != b.except:
		if a.except == (k == conjunctive) {
			a, b = b, a
		}
		a.values = without(a.values, b.values)
	case a.except == (k == conjunctive):
		a.values = append(slices.Clip(a.values), without(b.values, a.values)...)
	default:
		a.values = without(a.values, without(a.values, b.values))
	}
	switch {
	case len(a.values) > 0:
		return condition{comparison: a}
	case a.except:
		return anywhere()
	}
	return nowhere()
}

// without returns the values that are not among others.
func without(values, others []string) []string {
	return slices.DeleteFunc(slices.Clone(values), func(value string) bool { return slices.Contains(others, value) })
}

// normal returns the condition's normal form: a disjunction of conjunctions, or for conjunctive the reverse.
func (c condition) normal(k kind) condition {
	if c.kind == single {
		return c
	}
	parts := make([]condition, len(c.parts))
	for i, part := range c.parts {
		parts[i] = part.normal(k)
	}
	if c.kind == k {
		return joined(k, parts)
	}
	var choices []condition
	for _, choice := range product(k, parts) {
		choices = append(choices, joined(c.kind, choice))
	}
	return joined(k, choices)
}

// product lists every choice of one part of each condition, the first condition's varying slowest.
func product(k kind, conditions []condition) [][]condition {
	choices := [][]condition{nil}
	for _, c := range conditions {
		var longer [][]condition
		for _, choice := range choices {
			for _, part := range c.operands(k) {
				longer = append(longer, append(slices.Clip(choice), part))
			}
		}
		choices = longer
	}
	return choices
}

// within drops what holds for all of a project's versions of Python, and what holds for none.
func (c condition) within(minors uint64) condition {
	if c.kind == single {
		return c.onlyWithin(minors)
	}
	parts := make([]condition, len(c.parts))
	for i, part := range c.parts {
		parts[i] = part.within(minors)
	}
	return joined(c.kind, parts)
}

// onlyWithin is within for a comparison.
func (c condition) onlyWithin(minors uint64) condition {
	rest := c.minors & minors
	switch {
	case c.minors == 0:
	case rest == minors:
		return anywhere()
	case rest == 0:
		return nowhere()
	case bits.OnesCount64(rest) == 1:
		c.minors = rest
	}
	return c
}

// String returns the condition as poetry writes it; "" for always.
func (c condition) String() string {
	if c.kind == single {
		return c.comparison.String()
	}
	texts := make([]string, len(c.parts))
	for i, part := range c.parts {
		texts[i] = part.String()
		if c.kind == conjunctive && strings.Contains(texts[i], " or ") {
			texts[i] = "(" + texts[i] + ")"
		}
	}
	return strings.Join(texts, c.word())
}

// word stands between parts.
func (k kind) word() string {
	if k == conjunctive {
		return " and "
	}
	return " or "
}

// String returns the comparisons with single values that poetry knows.
func (c comparison) String() string {
	if c.minors != 0 {
		return minorsText(c.minors)
	}
	operator, word := " == ", " or "
	if c.except {
		operator, word = " != ", " and "
	}
	texts := make([]string, len(c.values))
	for i, value := range c.values {
		texts[i] = c.variable + operator + `"` + value + `"`
	}
	return strings.Join(texts, word)
}

// minorsText returns a comparison with Python's version: of one, of all but one, or of all before or after another.
func minorsText(minors uint64) string {
	operator, minor := ">=", bits.TrailingZeros64(minors)
	switch {
	case bits.OnesCount64(minors) == 1:
		operator = "=="
	case bits.OnesCount64(^minors) == 1:
		operator, minor = "!=", bits.TrailingZeros64(^minors)
	case isLow(minors):
		operator, minor = "<", bits.TrailingZeros64(^minors)
	}
	return "python_version " + operator + ` "3.` + strconv.Itoa(minor) + `"`
}
