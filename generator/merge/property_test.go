package merge

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// rounds bounds the random tests: all of them take about a second.
const rounds = 1500

// counts says how often each line is in a text.
func counts(text []byte) map[string]int {
	result := map[string]int{}
	for _, key := range split(text).keys {
		result[strings.TrimRight(key, "\r")]++
	}
	return result
}

// checkKept wants every line that one side has added to the base.
func checkKept(t *testing.T, base, side, merged []byte) {
	t.Helper()
	had, has, got := counts(base), counts(side), counts(merged)
	for line, n := range has {
		if line != "" && got[line] < n-had[line] {
			t.Errorf("the line %q is lost\nbase %q\nside %q\nmerged %q", line, base, side, merged)
		}
	}
}

func checkLines(t *testing.T, base, ours, theirs []byte) {
	t.Helper()
	merged := Merge("notes.txt", base, ours, theirs)
	checkKept(t, base, ours, merged.Text)
	checkKept(t, base, theirs, merged.Text)
	if again := Merge("notes.txt", theirs, merged.Text, theirs); !bytes.Equal(again.Text, merged.Text) || again.Conflicts > 0 {
		t.Errorf("another merge changes something: %q, %q", merged.Text, again.Text)
	}
	if bytes.Equal(base, ours) {
		return
	}
	got, want := dressOf(merged.Text), dressOf(ours)
	last := strings.Trim(string(ours[bytes.LastIndexByte(ours, '\n')+1:]), byteOrderMark+"\r")
	if !want.final && last == "" || len(ours) == 0 || len(merged.Text) <= len(byteOrderMark) {
		return // there is no line that could end or not
	}
	if got.bom != want.bom || got.final != want.final {
		t.Errorf("got %+v, want %+v: %q, %q", got, want, ours, merged.Text)
	}
}

// scribbled makes random changes of a text.
func scribbled(r *rand.Rand, text []byte) []byte {
	lines := bytes.SplitAfter(text, []byte("\n"))
	for range 1 + r.IntN(4) {
		i := r.IntN(len(lines) + 1)
		switch r.IntN(3) {
		case 0:
			lines = slices.Insert(lines, i, fmt.Appendf(nil, "%d\n", r.IntN(12)))
		case 1:
			lines = slices.Delete(lines, min(i, len(lines)), min(i+r.IntN(3), len(lines)))
		default:
			if i < len(lines) {
				lines[i] = fmt.Appendf(nil, "%d!\n", r.IntN(12))
			}
		}
	}
	return bytes.Join(lines, nil)
}

func TestLinesLoseNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range rounds {
		base := scribbled(r, []byte(strings.Repeat("1\n2\n3\n", 1+r.IntN(4))))
		ours, theirs := scribbled(r, base), scribbled(r, base)
		checkLines(t, base, dresses[r.IntN(len(dresses))].wear(ours), theirs)
		if t.Failed() {
			return
		}
	}
}

// TestDisjointEditsCommute makes two changes that do not touch, and wants what making both at once gives, whoever made which.
func TestDisjointEditsCommute(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range rounds {
		var lines []string
		for i := range 20 {
			lines = append(lines, fmt.Sprintf("line %d\n", i))
		}
		middle := 5 + r.IntN(10)
		change := func(lines []string, name string, low, high int) []string {
			from := low + r.IntN(high-low)
			to := from + r.IntN(high-from)
			return slices.Replace(slices.Clone(lines), from, to, slices.Repeat([]string{name + "\n"}, 1+r.IntN(2))...)
		}
		second := change(lines, "b", middle+1, 20)
		first := change(lines, "a", 0, middle)
		want := strings.Join(first[:len(first)-(20-middle)], "") + strings.Join(second[middle:], "")
		base, a, b := join(lines), join(first), join(second)
		for _, merged := range []Result{Merge("notes.txt", base, a, b), Merge("notes.txt", base, b, a)} {
			if string(merged.Text) != want || merged.Conflicts > 0 {
				t.Fatalf("base %q\na %q\nb %q\ngot %q\nwant %q", base, a, b, merged.Text, want)
			}
		}
	}
}

func join(lines []string) []byte { return []byte(strings.Join(lines, "")) }

// configuration is sections of keys with numbers, which all syntaxes can say.
type configuration map[string]map[string]int

func (c configuration) clone() configuration {
	result := configuration{}
	for name, section := range c {
		result[name] = maps.Clone(section)
	}
	return result
}

// varied makes random changes of values; a section never gets empty, which YAML would say as nothing.
func (c configuration) varied(r *rand.Rand) configuration {
	c = c.clone()
	for range 1 + r.IntN(5) {
		name := string(rune('a' + r.IntN(5)))
		if r.IntN(8) == 0 && len(c) > 1 {
			delete(c, name)
			continue
		}
		if c[name] == nil {
			c[name] = map[string]int{}
		}
		key := string(rune('p' + r.IntN(6)))
		if _, there := c[name][key]; there && len(c[name]) > 1 && r.IntN(3) == 0 {
			delete(c[name], key)
		} else {
			c[name][key] = r.IntN(3)
		}
	}
	return c
}

// merged is what three configurations amount to; false: both sides have changed one thing in different ways.
func (c configuration) merged(ours, theirs configuration) (configuration, bool) {
	result := configuration{}
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		b, o, t := c[name], ours[name], theirs[name]
		switch {
		case maps.Equal(b, t) && (b == nil) == (t == nil), maps.Equal(o, t) && (o == nil) == (t == nil):
			if o != nil {
				result[name] = o
			}
			continue
		case maps.Equal(b, o) && (b == nil) == (o == nil):
			if t != nil {
				result[name] = t
			}
			continue
		case o == nil || t == nil:
			return nil, false
		}
		result[name] = map[string]int{}
		for key := 'p'; key < 'v'; key++ {
			value := func(m map[string]int) int {
				if v, there := m[string(key)]; there {
					return v
				}
				return -1
			}
			vb, vo, vt := value(b), value(o), value(t)
			switch {
			case vo == vt, vb == vt:
			case vb == vo:
				vo = vt
			default:
				return nil, false
			}
			if vo >= 0 {
				result[name][string(key)] = vo
			}
		}
		if len(result[name]) == 0 {
			return nil, false // it has no form in YAML
		}
	}
	return result, true
}

// writers write a configuration, with all keys in an order of their own.
var writers = map[string]func(c configuration, order func([]string) []string, note func(string) string) string{
	"a.toml": func(c configuration, order func([]string) []string, note func(string) string) string {
		var out strings.Builder
		for _, name := range order(slices.Sorted(maps.Keys(c))) {
			fmt.Fprintf(&out, "[%s]%s\n", name, note(name))
			for _, key := range order(slices.Sorted(maps.Keys(c[name]))) {
				fmt.Fprintf(&out, "%s = %d\n", key, c[name][key])
			}
			out.WriteString("\n")
		}
		return out.String()
	},
	"a.yaml": func(c configuration, order func([]string) []string, note func(string) string) string {
		var out strings.Builder
		for _, name := range order(slices.Sorted(maps.Keys(c))) {
			fmt.Fprintf(&out, "%s:%s\n", name, note(name))
			for _, key := range order(slices.Sorted(maps.Keys(c[name]))) {
				fmt.Fprintf(&out, "  %s: %d\n", key, c[name][key])
			}
		}
		return out.String()
	},
	"a.json": func(c configuration, order func([]string) []string, _ func(string) string) string {
		var sections []string
		for _, name := range order(slices.Sorted(maps.Keys(c))) {
			var entries []string
			for _, key := range order(slices.Sorted(maps.Keys(c[name]))) {
				entries = append(entries, fmt.Sprintf("    %q: %d", key, c[name][key]))
			}
			sections = append(sections, fmt.Sprintf("  %q: {\n%s\n  }", name, strings.Join(entries, ",\n")))
		}
		return "{\n" + strings.Join(sections, ",\n") + "\n}\n"
	},
}

func bare(string) string { return "" }

// TestKeysAreMerged holds merges against those of the values themselves, whatever the user did to order and comments.
func TestKeysAreMerged(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	settled := 0
	for range rounds {
		base := configuration{"a": {"p": 1, "q": 2}, "b": {"p": 1, "r": 1, "s": 2}, "c": {"q": 0}}.varied(r)
		ours, theirs := base.varied(r), base.varied(r)
		want, can := base.merged(ours, theirs)
		sorted := func(keys []string) []string { return keys }
		shuffled := func(keys []string) []string {
			r.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
			return keys
		}
		for path, write := range writers {
			order, note := sorted, bare
			if r.IntN(2) == 0 {
				order, note = shuffled, func(name string) string { return " # my " + name }
			}
			b, o, new := write(base, sorted, bare), write(ours, order, note), write(theirs, sorted, bare)
			merged := Merge(path, []byte(b), []byte(o), []byte(new))
			if !can {
				continue
			}
			// the template's deletion of a section that the user has commented is for the user to settle
			gone := note("") != "" && slices.ContainsFunc(slices.Collect(maps.Keys(base)), func(name string) bool { return theirs[name] == nil })
			if merged.Conflicts > 0 {
				if !gone {
					t.Fatalf("%s\n--- base\n%s--- ours\n%s--- theirs\n%s--- merged\n%s", path, b, o, new, merged.Text)
				}
				continue
			}
			settled++
			got := parse(syntaxOf(path), string(merged.Text))
			if wanted := parse(syntaxOf(path), write(want, sorted, bare)); got == nil || !same(got.root, wanted.root) {
				t.Fatalf("%s means something else\n--- base\n%s--- ours\n%s--- theirs\n%s--- merged\n%s", path, b, o, new, merged.Text)
			}
			if strings.Count(string(merged.Text), " # my ") != strings.Count(o, " # my ") {
				t.Fatalf("comments are lost in %s", merged.Text)
			}
		}
	}
	if settled < rounds {
		t.Errorf("only %d merges could be settled", settled)
	}
}

// TestUnionsHoldBoth wants what the user has, and what the user lacks.
func TestUnionsHoldBoth(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range rounds {
		ours, theirs := configuration{"a": {"p": 1}}.varied(r), configuration{"a": {"q": 1}}.varied(r)
		want := theirs.clone()
		for name, section := range ours {
			if want[name] == nil {
				want[name] = map[string]int{}
			}
			maps.Copy(want[name], section)
		}
		for path, write := range writers {
			sorted := func(keys []string) []string { return keys }
			o, new := write(ours, sorted, bare), write(theirs, sorted, bare)
			result, can := Union(path, []byte(o), []byte(new))
			got := parse(syntaxOf(path), string(result.Text))
			if wanted := parse(syntaxOf(path), write(want, sorted, bare)); !can || got == nil || !same(got.root, wanted.root) {
				t.Fatalf("%s: %t\n--- ours\n%s--- theirs\n%s--- union\n%s", path, can, o, new, result.Text)
			}
			checkKept(t, nil, bytes.ReplaceAll([]byte(o), []byte(","), nil), bytes.ReplaceAll(result.Text, []byte(","), nil))
		}
	}
}

// paths are one of each kind of file.
var paths = []string{"a.txt", ".gitignore", ".env.example", "requirements.in", "Makefile", "pyproject.toml", "compose.yaml", "a.json", "a.yaml", "Pipfile"}

func FuzzMerge(f *testing.F) {
	f.Add(uint8(0), "a\nb\n", "a\n", "b\nc")
	f.Add(uint8(5), "[a]\nb = 1\n", "[a]\nb = 1 # x\nc = [\n1]\n", "[a]\nb = 2\n[d]\n")
	f.Add(uint8(6), "a:\n  b: 1\n", "a: {b: 1}\n", "a: &x\n  b: 2\nc: *x\n")
	f.Add(uint8(7), `{"a": 1}`, `{"a": {}}`, `{"a": 1, "b": []}`)
	f.Fuzz(func(t *testing.T, path uint8, base, ours, theirs string) {
		checkLines(t, []byte(base), []byte(ours), []byte(theirs))
		merged := Merge(paths[int(path)%len(paths)], []byte(base), []byte(ours), []byte(theirs))
		again := Merge(paths[int(path)%len(paths)], []byte(theirs), merged.Text, []byte(theirs))
		if !bytes.Equal(merged.Text, again.Text) {
			t.Errorf("another merge changes something: %q, %q", merged.Text, again.Text)
		}
	})
}

func FuzzUnion(f *testing.F) {
	f.Add(uint8(4), "a:\n\tb\n", ".PHONY: c\nc: a\n\td\nE = f\n")
	f.Add(uint8(5), "[project]\ndependencies = [\"a\"]\n", "[project]\ndependencies = [\n\"b\",\n]\n[c]\nd = 1\n")
	f.Add(uint8(6), "services:\n  a: {}\n", "services:\n  b:\n    c: d\nvolumes:\n  e:\n")
	f.Add(uint8(2), "A=1\r\nB=", "# x\nC=3\n")
	f.Fuzz(func(t *testing.T, path uint8, ours, theirs string) {
		name := paths[int(path)%len(paths)]
		merged, can := Union(name, []byte(ours), []byte(theirs))
		if !can {
			return
		}
		again, can := Union(name, merged.Text, []byte(theirs))
		if !can || !bytes.Equal(again.Text, merged.Text) {
			t.Errorf("%s: another union adds something: %t\n%q\n%q", name, can, merged.Text, again.Text)
		}
	})
}
