package detect

import (
	"fmt"
	"maps"
	"math"
	"path"
	"slices"
	"strings"

	"github.com/kitout/kitout/generator"
	"github.com/kitout/kitout/generator/tree"
)

// frameworkQuestion is the question whose choices say what an application object is, with entry: in their signs.
const frameworkQuestion = "framework"

// Detect looks at the service in a folder of a repository ("." for all of it) and returns what is known about it. Where a
// repository has one service only, in a folder of its own, that one is meant. A tie is no error here, and neither is a repository
// of which nothing is known: Findings.Tie tells the one, empty Facts the other.
func Detect(t *tree.Tree, folder string, catalog *generator.Catalog) (*Findings, error) {
	folder = path.Clean(strings.Trim(folder, "/"))
	k, err := learn(catalog)
	if err != nil {
		return nil, err
	}
	known := &reading{sources: map[string]*source{}, texts: map[string][]string{}}
	s := k.scan(t, known, folder, nil)
	candidates := s.candidates(k.signs[frameworkQuestion])
	projects := s.projects(candidates)
	var others []Project
	switch {
	case len(projects) == 1 && projects[0].Path != folder:
		folder = projects[0].Path
		s = k.scan(t, known, folder, nil)
		candidates = s.candidates(k.signs[frameworkQuestion])
	case len(projects) > 1:
		others = slices.DeleteFunc(slices.Clone(projects), func(p Project) bool { return p.Path == folder })
		if len(others) < len(projects) {
			s = k.scan(t, known, folder, paths(others))
			candidates = s.candidates(k.signs[frameworkQuestion])
		}
	}
	findings := &Findings{Facts: map[string]Fact{}, Projects: others, several: len(others) == len(projects) && len(others) > 1}
	for _, question := range catalog.Questions {
		if fact, found := s.question(question.Several, k.signs[question.Name]); found {
			findings.Facts[question.Name] = fact
		}
	}
	if fact, chosen, found := s.entry(candidates); found && !findings.several {
		findings.Facts[Entry] = fact
		s.packageFacts(findings, chosen)
	}
	s.facts(findings)
	if !findings.several {
		s.answers(findings, k.signs)
	}
	return findings, nil
}

func paths(projects []Project) (all []string) {
	for _, p := range projects {
		all = append(all, p.Path)
	}
	return all
}

// packageFacts are the package that the entry is in, and the folder that its imports start from.
func (s *scan) packageFacts(f *Findings, chosen *candidate) {
	name, _, nested := strings.Cut(chosen.module.name, ".")
	at := chosen.source.at(chosen.line)
	if !nested && !chosen.module.isPackage { // a module of its own beside the package that it starts
		for _, i := range chosen.source.Imports {
			first, _, _ := strings.Cut(i.Target(), ".")
			if first != "" && first != name && s.folders[path.Join(chosen.module.root, first)] {
				name, at = first, chosen.source.at(i.Line)
				break
			}
		}
	}
	confidence := f.Facts[Entry].Confidence
	f.Facts[Package] = Fact{Value: []string{name}, Evidence: []Evidence{at}, Confidence: confidence}
	at = chosen.source.at(chosen.line)
	f.Facts[Root] = Fact{Value: []string{chosen.module.root}, Evidence: []Evidence{at}, Confidence: confidence}
}

// otherWords choose the files that are read for facts without signs.
const otherWords = `STATIC_ROOT STATICFILES_DIRS static_folder StaticFiles MEDIA_ROOT UPLOAD_FOLDER
	health healthz healthcheck health_check livez readyz heartbeat ping`

// knowledge is what layers say of repositories.
type knowledge struct {
	signs map[string][]generator.Signed // by question
	sets  map[string][]string           // of globs, by name
	words interest
	tests interest // for tests
}

func learn(catalog *generator.Catalog) (*knowledge, error) {
	k := &knowledge{signs: map[string][]generator.Signed{}, words: interest{}, tests: interest{}}
	sets, err := catalog.FileSets()
	if err != nil {
		return nil, err
	}
	k.sets = sets
	for _, question := range catalog.Questions {
		signed, err := catalog.Signs(question.Name)
		if err != nil {
			return nil, fmt.Errorf("templates: %w", err)
		}
		k.signs[question.Name] = signed
		for _, choice := range signed {
			wanted(choice.Signs, k.words, false)
			wanted(choice.Signs, k.tests, true)
		}
	}
	for word := range words(otherWords) {
		k.words[word] = max(k.words[word], 20)
	}
	return k, nil
}

// scan reads the tree for what is known to matter.
func (k *knowledge) scan(t *tree.Tree, known *reading, folder string, without []string) *scan {
	s := newScan(t, known, folder, without)
	s.sets = k.sets
	s.parse(maps.Clone(k.words), maps.Clone(k.tests), math.MaxInt)
	return s
}
