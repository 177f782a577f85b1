package lock

import (
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestMarkersEqualUv joins random conditions out of the table's atoms. What uv writes must mean the same in every real
// environment, and mostly be the same text: uv factors atoms out and knows that os_name follows sys_platform. How often is the chance of a
// sample, which each refresh draws anew: 68 and 73 of 80 were seen.
func TestMarkersEqualUv(t *testing.T) {
	data, err := os.ReadFile("testdata/uv/markers.txt")
	if err != nil {
		t.Fatal(err)
	}
	cases := strings.Split(strings.TrimSpace(string(data)), "\n\n")
	same := 0
	for _, text := range cases {
		given, uv, _ := strings.Cut(text, "\n=")
		uv = strings.TrimSpace(uv)
		sum := marker(nil)
		for line := range strings.SplitSeq(given, "\n") {
			sum = sum.or(parse(t, line))
		}
		for _, e := range realEnvironments() {
			if ours, theirs := e.meets(sum), e.evaluate(uv); ours != theirs {
				t.Errorf("%s\nours %q is %t\nuv's %q is %t\nin %v", given, sum, ours, uv, theirs, e)
			}
		}
		if sum.String() == uv {
			same++
		}
	}
	if same < len(cases)*3/4 {
		t.Errorf("only %d of %d texts are uv's", same, len(cases))
	}
}

func TestMarkerAlgebra(t *testing.T) {
	chance := rand.New(rand.NewPCG(1, 2))
	for range 600 {
		a, b, c := randomMarker(chance), randomMarker(chance), randomMarker(chance)
		for law, pair := range map[string][2]marker{
			"a or a = a":                    {a.or(a), a},
			"a and a = a":                   {a.and(a), a},
			"a or b = b or a":               {a.or(b), b.or(a)},
			"a and b = b and a":             {a.and(b), b.and(a)},
			"a or (a and b) = a":            {a.or(a.and(b)), a},
			"a and (a or b) = a":            {a.and(a.or(b)), a},
			"(a or b) or c = a or (b or c)": {a.or(b).or(c), a.or(b.or(c))},
			"(a and b) and c associates":    {a.and(b).and(c), a.and(b.and(c))},
			"a and (b or c) distributes":    {a.and(b.or(c)), a.and(b).or(a.and(c))},
			"a or always = always":          {a.or(always()), always()},
			"a and always = a":              {a.and(always()), a},
			"a and never = never":           {a.and(nil), nil},
		} {
			if !pair[0].equal(pair[1]) {
				t.Fatalf("%s\na %q\nb %q\nc %q\nleft  %q\nright %q", law, a, b, c, pair[0], pair[1])
			}
		}
	}
}

func TestMarkersMeanWhatTheirAtomsMean(t *testing.T) {
	chance := rand.New(rand.NewPCG(3, 4))
	for range 600 {
		texts := [2]string{randomText(chance), randomText(chance)}
		a, b := parse(t, texts[0]), parse(t, texts[1])
		both, either := a.and(b), a.or(b)
		for range 20 {
			e := randomEnvironment(chance)
			inA, inB := e.evaluate(texts[0]), e.evaluate(texts[1])
			if e.meets(both) != (inA && inB) || e.meets(either) != (inA || inB) {
				t.Fatalf("%q with %q in %v", texts[0], texts[1], e)
			}
		}
	}
}

func TestMarkerTextIsReadBack(t *testing.T) {
	chance := rand.New(rand.NewPCG(5, 6))
	for range 600 {
		m := randomMarker(chance)
		if text := m.String(); text != "" && !m.never() && len(m) <= mostAlternatives && !parse(t, text).equal(m) {
			t.Fatalf("%q is read as %q", text, parse(t, text))
		}
	}
}

func TestMarkerSyntaxErrors(t *testing.T) {
	many := strings.Repeat("os_name == 'nt' or ", mostAlternatives) + "os_name == 'nt'"
	for _, text := range []string{
		"", "os_name", "os_name == ", "os_name == 'nt", `os_name == "nt"`, "os_name ~= 'nt'", "os_name < 'nt'", "colour == 'red'",
		"python_version < '3.x'", "python_version < '3..1'", "python_version < ''", "os_name == 'a b'", "os_name == 'a'b'",
		"(os_name == 'nt'", "os_name == 'nt')", "()", "(os_name == 'nt') (os_name == 'nt')", "os_name == 'nt' or ", "os_name == 'nt'\n", many,
	} {
		if m, err := parseMarker(text); err == nil {
			t.Errorf("%q was read as %q", text, m)
		}
	}
}

func FuzzParseMarker(f *testing.F) {
	chance := rand.New(rand.NewPCG(7, 8))
	for range 20 {
		f.Add(randomText(chance))
	}
	f.Fuzz(func(t *testing.T, text string) {
		m, err := parseMarker(text)
		if err != nil || m.never() || m.String() == "" || len(m.irredundant()) > mostAlternatives {
			return
		}
		again, err := parseMarker(m.String())
		if err != nil || !again.equal(m) {
			t.Fatalf("%q became %q, then %q (%v)", text, m, again, err)
		}
	})
}

func parse(t *testing.T, text string) marker {
	t.Helper()
	m, err := parseMarker(text)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// environment has a value for each variable.
type environment map[string]string

// domains are the values that random atoms and environments use.
var domains = map[string][]string{
	"python_full_version": {"3.12", "3.13", "3.13.0", "3.13.4", "3.14"},
	"sys_platform":        {"win32", "linux", "darwin"},
	"os_name":             {"nt", "posix"},
	"implementation_name": {"cpython", "pypy"},
}

func randomText(chance *rand.Rand) string {
	alternatives := make([]string, 1+chance.IntN(4))
	for i := range alternatives {
		atoms := make([]string, 1+chance.IntN(3))
		for j := range atoms {
			atoms[j] = randomAtom(chance)
		}
		alternatives[i] = strings.Join(atoms, " and ")
	}
	return strings.Join(alternatives, " or ")
}

func randomAtom(chance *rand.Rand) string {
	variables := []string{"implementation_name", "os_name", "python_full_version", "sys_platform"}
	variable := variables[chance.IntN(len(variables))]
	operators := []string{"==", "!=", "<", "<=", ">", ">="}
	if variable != "python_full_version" {
		operators = operators[:2]
	}
	values := domains[variable]
	return variable + " " + operators[chance.IntN(len(operators))] + " '" + values[chance.IntN(len(values))] + "'"
}

func randomMarker(chance *rand.Rand) marker {
	m, err := parseMarker(randomText(chance))
	if err != nil {
		panic(err)
	}
	return m
}

func randomEnvironment(chance *rand.Rand) environment {
	e := environment{}
	for variable, values := range domains {
		e[variable] = append(slices.Clone(values), "other")[chance.IntN(len(values)+1)]
	}
	e["python_full_version"] = []string{"3.11.9", "3.12.0", "3.12.7", "3.13.0", "3.13.2", "3.13.4", "3.14.1"}[chance.IntN(7)]
	return e
}

// realEnvironments are those that exist, unlike most random ones.
func realEnvironments() (all []environment) {
	for _, version := range []string{"3.12.1", "3.13.0", "3.13.9", "3.14.0"} {
		for _, implementation := range []string{"CPython", "PyPy"} {
			for platform, name := range map[string]string{
				"win32": "nt", "linux": "posix", "darwin": "posix", "cygwin": "posix", "emscripten": "posix",
			} {
				all = append(all, environment{
					"python_full_version": version, "platform_python_implementation": implementation,
					"implementation_name": strings.ToLower(implementation), "sys_platform": platform, "os_name": name,
				})
			}
		}
	}
	return all
}

// meets evaluates a canonical condition by way of its text.
func (e environment) meets(m marker) bool {
	return !m.never() && e.evaluate(m.String())
}

// evaluate reads marker text without any algebra. "" is true.
func (e environment) evaluate(text string) bool {
	switch parts := splitOutside(text, " or "); {
	case text == "" || text == "never":
		return text == ""
	case len(parts) > 1:
		return slices.ContainsFunc(parts, e.evaluate)
	}
	if parts := splitOutside(text, " and "); len(parts) > 1 {
		return !slices.ContainsFunc(parts, func(part string) bool { return !e.evaluate(part) })
	}
	if inner, ok := strings.CutPrefix(text, "("); ok {
		return e.evaluate(strings.TrimSuffix(inner, ")"))
	}
	return e.compare(strings.Fields(text))
}

// compare evaluates one comparison; versions compare as three numbers of one or two digits.
func (e environment) compare(words []string) bool {
	have, want := e[words[0]], strings.Trim(words[2], "'")
	if words[0] == "python_full_version" {
		if minor, ok := strings.CutSuffix(want, ".*"); ok {
			return strings.HasPrefix(have+".", minor+".") == (words[1] == "==")
		}
		have, want = padded(have), padded(want)
	}
	return holds(strings.Compare(have, want), words[1])
}

func padded(version string) string {
	parts := append(strings.Split(version, "."), "0", "0")[:3]
	for i, part := range parts {
		parts[i] = strings.Repeat("0", 2-len(part)) + part
	}
	return strings.Join(parts, ".")
}
