package lock

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// atom compares one variable of the environment with a value.
type atom struct{ variable, operator, value string }

// The variables of PEP 508 that a table may use, those with versions and those with plain words.
var (
	versionVariables = []string{"implementation_version", "python_full_version", "python_version"}
	wordVariables    = []string{
		"implementation_name", "os_name", "platform_machine", "platform_python_implementation",
		"platform_release", "platform_system", "platform_version", "sys_platform",
	}
)

// opposites has the operator for each operator's negation.
var opposites = map[string]string{"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}

// parseAtom reads `variable operator 'value'`. Words can only be compared for equality, and versions must be plain numbers.
func parseAtom(text string) (atom, error) {
	fields := strings.SplitN(text, " ", 3)
	if len(fields) != 3 || len(fields[2]) < 2 {
		return atom{}, fmt.Errorf("want a comparison, not %q", text)
	}
	quoted := fields[2]
	a := atom{fields[0], fields[1], quoted[1 : len(quoted)-1]}
	if quoted[0] != '\'' || quoted[len(quoted)-1] != '\'' || strings.ContainsAny(a.value, "'\"\\") || !isWord(a.value) {
		return atom{}, fmt.Errorf("want one word in single quotes, not %s", quoted)
	}
	if opposites[a.operator] == "" {
		return atom{}, fmt.Errorf("unknown operator %q", a.operator)
	}
	switch {
	case slices.Contains(versionVariables, a.variable):
		numbers, ok := parseVersion(a.value)
		if !ok {
			return atom{}, fmt.Errorf("%q is not a plain version", a.value)
		}
		a.value = versionText(numbers)
	case !slices.Contains(wordVariables, a.variable):
		return atom{}, fmt.Errorf("unknown variable %q", a.variable)
	case a.operator != "==" && a.operator != "!=":
		return atom{}, fmt.Errorf("%s has no order", a.variable)
	}
	return a, nil
}

// String returns the comparison as uv writes it.
func (a atom) String() string { return a.variable + " " + a.operator + " '" + a.value + "'" }

// compare orders atoms as uv does: versions first, then by variable.
func (a atom) compare(b atom) int {
	return cmp.Or(
		cmp.Compare(a.rank(), b.rank()),
		cmp.Compare(a.variable, b.variable), cmp.Compare(a.operator, b.operator), cmp.Compare(a.value, b.value),
	)
}

// rank is 0 for a comparison of versions.
func (a atom) rank() int {
	if slices.Contains(versionVariables, a.variable) {
		return 0
	}
	return 1
}

// negation is the comparison that holds where a does not.
func (a atom) negation() atom { return atom{a.variable, opposites[a.operator], a.value} }

// implies tells whether a holds only where b does. Variables are independent of each other: that os_name 'nt' goes with
// sys_platform 'win32' is not known here.
func (a atom) implies(b atom) bool {
	if a.variable != b.variable {
		return false
	}
	order := a.order(b)
	switch a.operator {
	case "==":
		return holds(order, b.operator)
	case "<":
		return order <= 0 && (b.operator == "<" || b.operator == "<=" || b.operator == "!=")
	case "<=":
		return order <= 0 && b.operator == "<=" || order < 0 && (b.operator == "<" || b.operator == "!=")
	case ">":
		return order >= 0 && (b.operator == ">" || b.operator == ">=" || b.operator == "!=")
	case ">=":
		return order >= 0 && b.operator == ">=" || order > 0 && (b.operator == ">" || b.operator == "!=")
	}
	return b.operator == "!=" && order == 0
}

// order compares the values of two atoms on one variable.
func (a atom) order(b atom) int {
	if slices.Contains(versionVariables, a.variable) {
		x, _ := parseVersion(a.value)
		y, _ := parseVersion(b.value)
		return slices.Compare(x, y)
	}
	return strings.Compare(a.value, b.value)
}

// holds tells whether an operator accepts the order of its two sides.
func holds(order int, operator string) bool {
	switch operator {
	case "==":
		return order == 0
	case "!=":
		return order != 0
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	}
	return order >= 0
}

// parseVersion reads numbers between dots; trailing zeros do not count.
func parseVersion(text string) ([]int, bool) {
	var numbers []int
	for part := range strings.SplitSeq(text, ".") {
		number, err := strconv.Atoi(part)
		if err != nil || number < 0 || len(part) > 9 || part[0] == '+' {
			return nil, false
		}
		numbers = append(numbers, number)
	}
	for len(numbers) > 0 && numbers[len(numbers)-1] == 0 {
		numbers = numbers[:len(numbers)-1]
	}
	return numbers, true
}

// versionText is the one spelling of a version, so that equal comparisons are equal values.
func versionText(numbers []int) string {
	if len(numbers) == 0 {
		return "0"
	}
	parts := make([]string, len(numbers))
	for i, number := range numbers {
		parts[i] = strconv.Itoa(number)
	}
	return strings.Join(parts, ".")
}
