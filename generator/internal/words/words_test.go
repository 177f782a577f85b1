package words

import (
	"strings"
	"testing"
)

func TestIn(t *testing.T) {
	t.Parallel()
	list := []string{"he", "she", "hers", "his", "print(", "", "é", "he"}
	set := New(list)
	for text, want := range map[string]string{
		"":              "",
		"ushers":        "he she hers",
		"this":          "his",
		"sprint (":      "",
		"print(café)":   "print( é",
		"h e r s":       "",
		"heheshhishers": "he she hers his",
	} {
		found := set.In([]byte(text))
		var got []string
		for _, word := range []string{"he", "she", "hers", "his", "print(", "é"} {
			if found.Meets(set.Of(word)) {
				got = append(got, word)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// FuzzIn compares with a search for each word.
func FuzzIn(f *testing.F) {
	f.Add("abab cabx", "ab", "abx", "b")
	f.Fuzz(func(t *testing.T, text, a, b, c string) {
		set := New([]string{a, b, c})
		found := set.In([]byte(text))
		for _, word := range []string{a, b, c} {
			if word != "" && found.Meets(set.Of(word)) != strings.Contains(text, word) {
				t.Errorf("%q in %q: %v", word, text, found.Meets(set.Of(word)))
			}
		}
	})
}
