// Package covering chooses few combinations in which all values meet that should.
package covering

import (
	"math/rand/v2"
	"slices"
	"strings"
)

// Parameter is one thing to vary, with its values.
type Parameter struct {
	Key    string
	Values []string
}

// Value is one value of one parameter, both by index.
type Value struct{ Parameter, Value int }

// Meeting is a value for each of several parameters.
type Meeting []Value

// In says whether a row, which has the index of a value for each parameter, has the values of the meeting.
func (m Meeting) In(row []int) bool {
	for _, one := range m {
		if row[one.Parameter] != one.Value {
			return false
		}
	}
	return true
}

// Meetings lists each way in which the values of these parameters can meet.
func Meetings(parameters []Parameter, indexes ...int) []Meeting {
	all := []Meeting{nil}
	for _, i := range indexes {
		var longer []Meeting
		for _, m := range all {
			for value := range parameters[i].Values {
				longer = append(longer, append(slices.Clip(m), Value{i, value}))
			}
		}
		all = longer
	}
	return all
}

// Array returns rows such that each wanted meeting that legal allows is in one, and the number of meetings for which no legal row was
// found. It is greedy, and the same every time.
func Array(parameters []Parameter, wanted []Meeting, legal func([]int) bool) (rows [][]int, impossible int) {
	missing := slices.Clone(wanted)
	random := rand.New(rand.NewPCG(1, 2))
	for len(missing) > 0 {
		var best []int
		most := 0
		for try := range 200 {
			row := make([]int, len(parameters))
			for i, parameter := range parameters {
				row[i] = random.IntN(len(parameter.Values))
			}
			for _, one := range missing[0] {
				row[one.Parameter] = one.Value
			}
			if best != nil && try >= 20 || !legal(row) {
				continue
			}
			covered := 0
			for _, m := range missing {
				if m.In(row) {
					covered++
				}
			}
			if covered > most {
				best, most = row, covered
			}
		}
		if best == nil {
			missing = missing[1:]
			impossible++
			continue
		}
		rows = append(rows, best)
		missing = slices.DeleteFunc(missing, func(m Meeting) bool { return m.In(best) })
	}
	return rows, impossible
}

// Describe names a row by what varies in it.
func Describe(parameters []Parameter, row []int) string {
	var parts []string
	for i, parameter := range parameters {
		if len(parameter.Values) > 1 {
			parts = append(parts, parameter.Key+"="+parameter.Values[row[i]])
		}
	}
	return strings.Join(parts, " ")
}
