package detect

import (
	"cmp"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/kitout/kitout/generator"
	"github.com/kitout/kitout/generator/internal/lazy"
	"github.com/kitout/kitout/generator/internal/manifest"
)

// answers finds the free answers that signs of the choices that were found give.
func (s *scan) answers(f *Findings, signs map[string][]generator.Signed) {
	byKey := map[string]map[string]*tally{} // by answer and value
	for _, question := range slices.Sorted(maps.Keys(signs)) {
		for _, choice := range signs[question] {
			if fact := f.Facts[question]; slices.Contains(fact.Value, choice.Choice) {
				for _, sign := range choice.Signs {
					s.answer(f, sign, fact, byKey)
				}
			}
		}
	}
	for key, byValue := range byKey {
		var tallies []*tally
		for _, value := range slices.Sorted(maps.Keys(byValue)) { // "" comes first, and so it wins ties
			if t := byValue[value]; t.confidence() >= threshold {
				tallies = append(tallies, t)
			}
		}
		fact, found := combine(false, tallies)
		fact.Rivals = slices.DeleteFunc(fact.Rivals, func(r Rival) bool { return r.Value == "" })
		if found && fact.Value[0] != "" {
			f.Facts[key] = fact
		}
	}
}

// answer adds what one sign says.
func (s *scan) answer(f *Findings, sign generator.Sign, choice Fact, byKey map[string]map[string]*tally) {
	if sign.Answer == "" || !s.beside(sign) {
		return
	}
	hits := []hit{{Evidence: choice.Evidence[0], weight: sign.Weight}}
	if sign.Looks() {
		hits = s.hits(sign)
	}
	byValue := map[string][]hit{}
	for _, h := range hits {
		if value, whole := s.fill(f, *sign.Value, h); whole {
			h.weight -= perLevel * float64(strings.Count(relative(h.Path, s.folder), "/"))
			byValue[value] = append(byValue[value], h)
		}
	}
	for value, hits := range byValue {
		if byKey[sign.Answer] == nil {
			byKey[sign.Answer] = map[string]*tally{}
		}
		t := byKey[sign.Answer][value]
		if t == nil {
			t = &tally{value: value, doubt: 1}
			byKey[sign.Answer][value] = t
		}
		t.add(hits)
	}
}

// beside says that the distributions are there without which the sign says nothing.
func (s *scan) beside(sign generator.Sign) bool {
	return len(sign.Beside) == 0 || slices.ContainsFunc(sign.Beside, func(name string) bool { return len(s.dependencies[manifest.Normal(name)]) > 0 })
}

var (
	optionalPart = lazy.Regexp(` ?\[(.*?)\] ?`)
	referred     = lazy.Regexp(`\{(\w+)\}`)
	// plain are words that shells and Makefiles leave alone but for parentheses.
	plain = lazy.Regexp(`^[A-Za-z0-9_./:=@%+,() -]*$`)
)

// fill writes a sign's value out; false if something of it is not known, or is no plain word.
func (s *scan) fill(f *Findings, value string, h hit) (text string, whole bool) {
	root := cmp.Or(f.Value(Root), s.folder)
	known := map[string]string{
		"path": h.Path, "folder": path.Dir(h.Path), "group": h.group, "service": s.folder,
		// Nobody need import it, so that its own imports and those of others say little
		"module": strings.ReplaceAll(strings.TrimSuffix(relative(h.Path, root), ".py"), "/", "."),
		"root":   root, "entry": f.Value(Entry), "manage": f.Value(Manage),
	}
	value = optionalPart().ReplaceAllStringFunc(value, func(part string) string {
		for _, match := range referred().FindAllStringSubmatch(part, -1) {
			if known[match[1]] == "." {
				return " "
			}
		}
		return strings.NewReplacer("[", "", "]", "").Replace(part)
	})
	whole = true
	text = strings.TrimSpace(referred().ReplaceAllStringFunc(value, func(name string) string {
		word := known[name[1:len(name)-1]]
		whole = whole && word != ""
		return word
	}))
	return text, whole && plain().MatchString(text)
}
