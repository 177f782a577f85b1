package detect

import (
	"path"
	"slices"
	"strings"

	"github.com/kitout/kitout/generator/internal/manifest"
)

// projects groups candidates by the folder of the service that they belong to.
func (s *scan) projects(candidates []candidate) (all []Project) {
	best := map[string]candidate{}
	for _, c := range candidates {
		folder := s.base(path.Dir(c.source.path))
		if known, found := best[folder]; !found || c.score > known.score {
			best[folder] = c
		}
	}
	for folder, c := range best {
		all = append(all, Project{folder, c.framework, c.source.at(c.line)})
	}
	slices.SortFunc(all, func(a, b Project) int { return strings.Compare(a.Path, b.Path) })
	return all
}

// base is the folder that a file belongs to: the nearest with a manifest; where there is none, the nearest with what starts or
// builds a service.
func (s *scan) base(folder string) string {
	outermost := s.folder
	for dir := folder; dir != outermost && dir != "."; dir = path.Dir(dir) {
		if s.declares(dir) {
			return dir
		}
	}
	if s.declares(outermost) {
		return outermost
	}
	for dir := folder; dir != outermost && dir != "."; dir = path.Dir(dir) {
		if s.has(path.Join(dir, "manage.py")) || s.has(path.Join(dir, "Dockerfile")) {
			return dir
		}
	}
	return outermost
}

// declares says that a folder has a manifest with dependencies, be it in a folder of requirements.
func (s *scan) declares(folder string) bool {
	return slices.ContainsFunc(s.manifests, func(m *manifest.Manifest) bool {
		dir := path.Dir(m.Path)
		here := dir == folder || path.Dir(dir) == folder && path.Base(dir) == "requirements"
		return here && len(m.Dependencies)+len(m.Includes) > 0
	})
}
