package detect

import (
	"cmp"
	"math"
	"path"
	"slices"
	"strings"

	"github.com/kitout/kitout/generator"
	"github.com/kitout/kitout/generator/internal/literal"
	"github.com/kitout/kitout/generator/internal/manifest"
)

const (
	// threshold is the confidence below which a value is not worth mentioning.
	threshold = 0.3
	// certain is as sure as signs can make it.
	certain = 0.99
	// most is how many places are kept as evidence of a value.
	most = 5

	// outside is what a file beside the service's folder counts for, as a part of a sign's weight: it may be about another service.
	outside = 0.8

	// What a dependency counts for that is not one of the service itself, as parts of a sign's weight: it was asked for by other
	// packages, by developers or by an extra, or in a folder below the service's.
	locked, developers, optional, nested = 0.3, 0.4, 0.7, 0.5
)

// hit is a sign that was found, and what it counts for there.
type hit struct {
	Evidence
	weight float64
	folder string // or route, that it is about, where that is not the file itself
	group  string // what the first group of the sign's expression caught
}

// tally collects what speaks for one value: for each sign its best hit counts.
type tally struct {
	value   string
	offered bool
	doubt   float64 // the chance that all signs are wrong
	hits    []hit
}

func (t *tally) add(hits []hit) {
	if len(hits) == 0 {
		return
	}
	best := slices.MaxFunc(hits, func(a, b hit) int { return cmp.Compare(a.weight, b.weight) })
	t.doubt *= 1 - best.weight
	t.hits = append(t.hits, hits...)
}

// confidence combines independent signs, rounded to hundredths.
func (t *tally) confidence() float64 { return math.Round(min(1-t.doubt, certain)*100) / 100 }

// evidence is the strongest, each place once.
func (t *tally) evidence() (all []Evidence) {
	slices.SortStableFunc(t.hits, func(a, b hit) int { return cmp.Compare(b.weight, a.weight) })
	for _, hit := range t.hits {
		if !slices.ContainsFunc(all, func(e Evidence) bool { return e.String() == hit.String() }) && len(all) < most {
			all = append(all, hit.Evidence)
		}
	}
	return all
}

// question weighs the choices of one.
func (s *scan) question(several bool, choices []generator.Signed) (Fact, bool) {
	var tallies []*tally
	for _, choice := range choices {
		t := &tally{value: choice.Choice, offered: choice.Offered, doubt: 1}
		for _, sign := range choice.Signs {
			if sign.Answer == "" {
				t.add(s.hits(sign))
			}
		}
		if t.confidence() >= threshold {
			tallies = append(tallies, t)
		}
	}
	return combine(several, tallies)
}

// combine makes a fact of tallies: the strongest, or where several values may hold, all.
func combine(several bool, tallies []*tally) (Fact, bool) {
	if len(tallies) == 0 {
		return Fact{}, false
	}
	slices.SortStableFunc(tallies, func(a, b *tally) int { return cmp.Compare(b.confidence(), a.confidence()) })
	fact := Fact{list: several}
	for i, t := range tallies {
		if several || i == 0 {
			fact.Value = append(fact.Value, t.value)
			fact.Evidence = append(fact.Evidence, t.evidence()...)
			fact.Confidence = tallies[0].confidence()
			continue
		}
		fact.Rivals = append(fact.Rivals, Rival{t.value, t.evidence(), t.confidence()})
	}
	return fact, true
}

// hits looks for one sign.
func (s *scan) hits(sign generator.Sign) []hit {
	switch {
	case len(sign.Package) > 0:
		return s.packages(sign)
	case len(sign.File) > 0:
		return s.named(sign)
	case len(sign.In) > 0:
		return s.holding(sign)
	}
	var hits []hit
	for _, source := range s.sources {
		if source.role == own || sign.Tests {
			hits = append(hits, source.hits(sign)...)
		}
	}
	return hits
}

// dependency is one with the manifest that names it.
type dependency struct {
	manifest.Dependency
	manifest *manifest.Manifest
}

// packages looks for a distribution in the manifests.
func (s *scan) packages(sign generator.Sign) (hits []hit) {
	for _, name := range sign.Package {
		for _, asked := range s.dependencies[manifest.Normal(name)] {
			m, d := asked.manifest, asked.Dependency
			weight := sign.Weight * s.share(m, d, sign.Tests)
			hits = append(hits, hit{Evidence: evidence(m.Path, d.Line, s.lines(m.Path)), weight: weight})
		}
	}
	return hits
}

// share is what a dependency counts for.
func (s *scan) share(m *manifest.Manifest, d manifest.Dependency, tests bool) float64 {
	share := 1.0
	switch {
	case m.Lock && s.declared(m):
		share *= locked
	case d.Group == "" || tests:
	case manifest.DevelopmentGroup(d.Group):
		share *= developers
	default:
		share *= optional
	}
	folder := path.Dir(m.Path)
	if !inside(s.folder, folder) && folder != s.folder && !strings.Contains(path.Base(folder), "requirements") {
		share *= nested
	}
	return share
}

// declared says that another manifest than the lock says what is asked for.
func (s *scan) declared(lock *manifest.Manifest) bool {
	return slices.ContainsFunc(s.manifests, func(m *manifest.Manifest) bool {
		return !m.Lock && len(m.Dependencies) > 0 && inside(lock.Path, path.Dir(m.Path))
	})
}

// named looks for files by their names.
func (s *scan) named(sign generator.Sign) (hits []hit) {
	for _, f := range s.matching(sign.File, sign.Tests) {
		hits = append(hits, hit{Evidence: Evidence{Path: f.path}, weight: sign.Weight * s.nearness(f.path)})
	}
	return hits
}

// nearness is 1 for what is in the service's folder.
func (s *scan) nearness(name string) float64 {
	if inside(name, s.folder) {
		return 1
	}
	return outside
}

// holding looks for lines in files.
func (s *scan) holding(sign generator.Sign) (hits []hit) {
	files := s.matching(sign.In, sign.Tests)
	if len(files) == 0 {
		return nil
	}
	literals := literal.Of(sign.Pattern)
	for _, f := range files {
		if text, _ := s.tree.Text(f.path); !literal.In(text, literals) {
			continue
		}
		found := 0
		lines := s.lines(f.path)
		for i, line := range lines {
			if found == most || commented(line) {
				continue
			}
			if match := sign.Pattern.FindStringSubmatch(line); match != nil {
				hits = append(hits, hit{Evidence: evidence(f.path, i+1, lines), weight: sign.Weight * s.nearness(f.path), group: group(match)})
				found++
			}
		}
	}
	return hits
}

// group is the first of an expression that has one.
func group(match []string) string {
	if len(match) > 1 {
		return match[1]
	}
	return ""
}

// hits looks for a sign in Python code.
func (s *source) hits(sign generator.Sign) (hits []hit) {
	note := func(line int, match ...string) {
		if len(hits) < most {
			hits = append(hits, hit{Evidence: s.at(line), weight: sign.Weight, group: group(match)})
		}
	}
	switch {
	case len(sign.Import) > 0:
		for _, imported := range s.Imports {
			if within(imported.Target(), sign.Import) {
				note(imported.Line)
			}
		}
	case len(sign.Call) > 0:
		for _, call := range s.Calls {
			if slices.Contains(sign.Call, s.callee(call.Text)) {
				note(call.Value.Line)
			}
		}
		for _, item := range s.Subscripts {
			if slices.Contains(sign.Call, item.Text) {
				note(item.Line)
			}
		}
	case len(sign.String) > 0:
		for _, text := range s.Strings {
			match, wanted := []string(nil), slices.ContainsFunc(sign.String, func(prefix string) bool { return strings.HasPrefix(text.Text, prefix) })
			if wanted && sign.Pattern != nil {
				match = sign.Pattern.FindStringSubmatch(text.Text)
				wanted = match != nil
			}
			if wanted {
				note(text.Line, match...)
			}
		}
	}
	return hits
}

// within says that a dotted name is one of the modules, or something inside it.
func within(name string, modules []string) bool {
	return slices.ContainsFunc(modules, func(module string) bool {
		return name == module || strings.HasPrefix(name, module) && name[len(module)] == '.'
	})
}

// callee is what is called: of a class of the file, its base; of a bare name, what a star import may have brought.
func (s *source) callee(name string) string {
	if strings.Contains(name, ".") {
		return name
	}
	for _, class := range s.Classes {
		if class.Name == name && class.Scope == "" && len(class.Bases) > 0 {
			return class.Bases[0]
		}
	}
	if len(s.stars) == 1 && name != "" {
		return s.stars[0] + "." + name
	}
	return name
}

// wanted are the words by which files are chosen to be read for signs.
func wanted(signs []generator.Sign, words interest, inTests bool) {
	const enough, entries = 5, 400
	for _, sign := range signs {
		if inTests && !sign.Tests {
			continue
		}
		for _, name := range slices.Concat(sign.Import, sign.Call, sign.String) {
			if sign.Entry {
				words[lastWord(name)] = entries
			} else if words[lastWord(name)] == 0 {
				words[lastWord(name)] = enough
			}
		}
	}
}

// lastWord is the last run of letters, digits and underscores.
func lastWord(text string) string {
	other := func(r rune) bool {
		return r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}
	text = strings.TrimRightFunc(text, other)
	return text[strings.LastIndexFunc(text, other)+1:]
}
