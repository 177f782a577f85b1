// Package lazy makes values when they are first needed: most commands need few of them.
package lazy

import (
	"regexp"
	"sync"
)

// Regexp returns what compiles an expression once, when it is first called. It panics then if the expression is none.
func Regexp(expression string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}
