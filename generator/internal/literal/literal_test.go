package literal

import (
	"regexp"
	"slices"
	"testing"
)

func TestOf(t *testing.T) {
	t.Parallel()
	for expression, want := range map[string][]string{
		`\bgunicorn\b`:               {"gunicorn"},
		`^\s*image:\s*(\S+/)?mongo$`: {"image:"},
		`image:.*mssql/server`:       {"mssql/server"},
		`(git|hg)\+https?://`:        {"+http"},
		`-m unittest\b|manage\.py t`: {"-m unittest", "manage.py t"},
		`(uvicorn)+`:                 {"uvicorn"},
		`(?:ab){2,}`:                 {"ab"},
		`(?:ab){0,2}`:                nil,
		`(ab)?`:                      nil,
		`(ab)*`:                      nil,
		`a|\d`:                       nil,
		`(?i)index`:                  nil,
		`[ab]`:                       nil,
		"\uFFFD":                     nil,
		``:                           nil,
	} {
		if got := Of(regexp.MustCompile(expression)); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", expression, got, want)
		}
	}
}

// FuzzIn holds that no match is lost.
func FuzzIn(f *testing.F) {
	for expression, text := range map[string]string{
		`ab+c|x(y|z)?`: "abbc", `(?i)K`: "\u212a", `a(?i:b)c`: "aBc", `(foo|bar)baz`: "barbaz", `^(a|)b`: "b", `\xff`: "\xff", `(?s).a`: "\na", "\uFFFD": "\xff",
	} {
		f.Add(expression, text)
	}
	f.Fuzz(func(t *testing.T, expression, text string) {
		compiled, err := regexp.Compile(expression)
		if err != nil {
			t.Skip()
		}
		if compiled.MatchString(text) && !In([]byte(text), Of(compiled)) {
			t.Errorf("%q matches %q, which has none of %q", expression, text, Of(compiled))
		}
	})
}
