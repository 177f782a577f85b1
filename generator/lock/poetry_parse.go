package lock

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// parseCondition reads a condition as poetry.lock has it. The extras that it names are returned apart from it, because a
// dependency that an extra brings is followed only where the extra is asked for.
func parseCondition(text string) (c condition, extras []string, err error) {
	if text == "" {
		return anywhere(), nil, nil
	}
	if c, err = parseJoined(disjunctive, text, &extras); err != nil {
		return condition{}, nil, fmt.Errorf("marker %s: %w", text, err)
	}
	return c, extras, nil
}

// parseJoined reads conditions that are joined in the way k; "and" binds closer than "or".
func parseJoined(k kind, text string, extras *[]string) (condition, error) {
	var parts []condition
	for _, text := range splitOutside(text, k.word()) {
		var part condition
		var err error
		if k == disjunctive {
			part, err = parseJoined(conjunctive, text, extras)
		} else {
			part, err = parsePart(text, extras)
		}
		if err != nil {
			return condition{}, err
		}
		parts = append(parts, part)
	}
	return joined(k, parts), nil
}

// parsePart reads what stands between operators: a comparison, or parentheses.
func parsePart(text string, extras *[]string) (condition, error) {
	if inner, found := strings.CutPrefix(text, "("); found && strings.HasSuffix(inner, ")") {
		return parseJoined(disjunctive, strings.TrimSuffix(inner, ")"), extras)
	}
	variable, operator, value, ok := cutComparison(text)
	if !ok {
		return condition{}, fmt.Errorf("want a comparison, not %q", text)
	}
	if variable == "extra" && operator == "==" {
		*extras = append(*extras, value)
		return anywhere(), nil
	}
	return compare(variable, operator, value)
}

// cutComparison reads `variable operator "value"`.
func cutComparison(text string) (variable, operator, value string, ok bool) {
	variable, rest, _ := strings.Cut(text, " ")
	operator, quoted, _ := strings.Cut(rest, " ")
	value, err := strconv.Unquote(quoted)
	return variable, operator, value, err == nil && quoted[0] == '"' && isWord(value)
}

// compare returns one comparison as a condition.
func compare(variable, operator, value string) (condition, error) {
	switch {
	case variable == "python_version":
		minors, err := minorsOf(operator, value)
		return onPython(minors), err
	case !slices.Contains(wordVariables, variable):
		return condition{}, fmt.Errorf("unknown variable %s", variable)
	case operator != "==" && operator != "!=":
		return condition{}, fmt.Errorf("%s has no order", variable)
	}
	return condition{comparison: comparison{variable: variable, except: operator == "!=", values: []string{value}}}, nil
}

// minorsOf returns the versions of Python 3 that compare with a version such as 3.13 or 3.13.0.
func minorsOf(operator, version string) (uint64, error) {
	numbers, ok := parseVersion(version)
	if !ok || len(numbers) != 2 || numbers[0] != 3 || numbers[1] > 62 {
		return 0, fmt.Errorf("want a version such as 3.13, not %s", version)
	}
	equal := uint64(1) << numbers[1]
	below := equal - 1
	switch operator {
	case "<":
		return below, nil
	case "<=":
		return below | equal, nil
	case "==":
		return equal, nil
	case "!=":
		return ^equal, nil
	case ">":
		return ^(below | equal), nil
	case ">=":
		return ^below, nil
	case "~=": // of 3.13.0 the last number may grow, of 3.13 the minor version
		if strings.Count(version, ".") == 2 {
			return equal, nil
		}
		return ^below, nil
	}
	return 0, fmt.Errorf("unknown operator %s", operator)
}
