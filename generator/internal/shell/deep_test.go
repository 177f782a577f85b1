package shell

import (
	"runtime/debug"
	"strings"
	"testing"
)

// TestDeep wants that no text takes more than a little of the stack, in which an overflow ends the whole program.
func TestDeep(t *testing.T) {
	defer debug.SetMaxStack(debug.SetMaxStack(128 << 20))
	for _, part := range []string{"(", "$(", "{ ", "`", "\"$(", "if ", "${a:-", "((", "!", "a|", "<<A", "$((1+", "[[ ( ", "while ", "a && ", "[[ ! ", "((-", "case a in "} {
		for _, length := range []int{2000, longest, 1 << 19} {
			Parse(strings.Repeat(part, length/len(part)))
		}
	}
}
