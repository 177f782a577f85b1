package detect

import (
	"cmp"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/kitout/kitout/generator/internal/lazy"
	"github.com/kitout/kitout/generator/internal/manifest"
	"github.com/kitout/kitout/generator/internal/python"
)

// facts are those that answer no question and do not follow from the entry.
func (s *scan) facts(f *Findings) {
	s.declaredFacts(f)
	s.python(f)
	s.folderFacts(f)
	s.health(f)
	for _, container := range containers {
		f.list(container.fact, s.marked(container.files, container.line()), func(h hit) string { return h.Path })
	}
}

// list states a fact of several values, each with its evidence.
func (f *Findings) list(key string, hits []hit, value func(hit) string) {
	fact := Fact{list: true}
	for _, hit := range hits {
		if text := value(hit); text != "" && !slices.Contains(fact.Value, text) {
			fact.Value = append(fact.Value, text)
			fact.Evidence = append(fact.Evidence, hit.Evidence)
			fact.Confidence = max(fact.Confidence, hit.weight)
		}
	}
	if len(fact.Value) > 0 {
		f.Facts[key] = fact
	}
}

// one states a fact of one value: the heaviest hit; of the values of others, rivals are made.
func (f *Findings) one(key string, values []string, hits []hit) {
	var tallies []*tally
	for i, hit := range hits {
		at := slices.IndexFunc(tallies, func(t *tally) bool { return t.value == values[i] })
		if at < 0 {
			at = len(tallies)
			tallies = append(tallies, &tally{value: values[i], doubt: 1})
		}
		t := tallies[at]
		t.doubt = min(t.doubt, 1-hit.weight)
		t.hits = append(t.hits, hit)
	}
	if fact, found := combine(false, tallies); found {
		f.Facts[key] = fact
	}
}

// formats are the manifests in the order in which they lead.
var formats = []string{
	"pyproject.toml", "Pipfile", "requirements.in", "requirements.txt", "environment.yml", "environment.yaml", "setup.cfg", "setup.py",
}

func rank(m *manifest.Manifest) int {
	if i := slices.Index(formats, path.Base(m.Path)); i >= 0 {
		return i
	}
	return len(formats)
}

// declaredFacts are the manifests and locks, and what they say of the project.
func (s *scan) declaredFacts(f *Findings) {
	all := slices.DeleteFunc(slices.Clone(s.manifests), func(m *manifest.Manifest) bool {
		return s.role(m.Path) == aside || !inside(s.folder, path.Dir(m.Path)) && !inside(m.Path, s.folder)
	})
	slices.SortStableFunc(all, func(a, b *manifest.Manifest) int {
		return cmp.Or(
			cmp.Compare(btoi(!inside(a.Path, s.folder)), btoi(!inside(b.Path, s.folder))),
			cmp.Compare(strings.Count(a.Path, "/"), strings.Count(b.Path, "/")),
			cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Path, b.Path))
	})
	var names, versions []string
	var manifests, locks, nameHits, versionHits []hit
	for i, m := range all {
		h := hit{Evidence: Evidence{Path: m.Path}, weight: certain}
		switch {
		case m.Lock:
			locks = append(locks, h)
		case len(m.Dependencies)+len(m.Includes) > 0 || m.Name.Value != "" || m.Python.Value != "":
			manifests = append(manifests, h)
		}
		weight := max(0.9-0.05*float64(i), 0.5)
		if m.Name.Value != "" && s.role(m.Path) == own {
			names = append(names, m.Name.Value)
			nameHits = append(nameHits, hit{Evidence: evidence(m.Path, m.Name.Line, s.lines(m.Path)), weight: weight})
		}
		if m.Python.Value != "" && s.role(m.Path) == own {
			versions = append(versions, m.Python.Value)
			versionHits = append(versionHits, hit{Evidence: evidence(m.Path, m.Python.Line, s.lines(m.Path)), weight: weight * 0.8})
		}
	}
	file := func(h hit) string { return h.Path }
	f.list(Manifest, manifests, file)
	f.list(Lock, locks, file)
	f.one(Name, names, nameHits)
	s.versions, s.versionHits = versions, versionHits
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// interpreters are the places that name the version that a service runs on, besides its manifests. The first group of the
// expression is it.
var interpreters = []struct {
	globs  []string
	line   func() *regexp.Regexp
	weight float64
}{
	{[]string{".python-version"}, lazy.Regexp(`^\s*(?:cpython-|python-)?(3\.\d+)`), 0.9},
	{[]string{"{,*.}Dockerfile*", "{,*.}Containerfile*"},
		lazy.Regexp(`(?i)^\s*(?:FROM\s+(?:--\S+\s+)?\S*\bpython:|ARG\s+PYTHON_VERSION=["']?)(3\.\d+)`), 0.85},
	{[]string{"runtime.txt"}, lazy.Regexp(`^python-(3\.\d+)`), 0.83},
	{[]string{".tool-versions"}, lazy.Regexp(`^python\s+(3\.\d+)`), 0.82},
	{[]string{".github/workflows/*.y{,a}ml", "{,.}gitlab-ci*.y{,a}ml", ".travis.y{,a}ml", ".circleci/*.y{,a}ml"},
		lazy.Regexp(`(?:python-version['"]?:\s*\[?\s*|image:\s*python:|cimg/python:)["']?(3\.\d+)`), 0.5},
	{[]string{"tox.ini"}, lazy.Regexp(`^envlist\s*=.*\bpy3?(3\.?\d+)\b`), 0.4},
}

// python chooses the version: what names one exactly is stronger than what the manifest allows.
func (s *scan) python(f *Findings) {
	values, hits := s.versions, s.versionHits
	for i, value := range values {
		if match := exact().FindStringSubmatch(value); match != nil {
			values[i] = match[1]
		}
	}
	for _, place := range interpreters {
		for _, file := range s.matching(place.globs, false) {
			lines := s.lines(file.path)
			for i, line := range lines {
				if match := place.line().FindStringSubmatch(line); match != nil {
					values = append(values, match[1])
					hits = append(hits, hit{Evidence: evidence(file.path, i+1, lines), weight: place.weight})
					break
				}
			}
		}
	}
	f.one(Python, values, hits)
	if fact, found := f.Facts[Python]; found && fact.Tied() { // two images, say: neither is wrong, and the first is the nearest
		fact.Rivals[0].Confidence -= 0.01
		f.Facts[Python] = fact
	}
}

// exact is one minor version, however it is written.
var exact = lazy.Regexp(`^(?:==|~=|~)?\s*(3\.\d+)(?:\.\d+|\.\*)*$`)

// folderFacts are the folders of migrations, static files and uploads, and manage.py.
func (s *scan) folderFacts(f *Findings) {
	var migrations, static, media, manage []hit
	first := regexp.MustCompile(`^0001_\w*\.py$`)
	for _, file := range s.files {
		if file.role != own {
			continue
		}
		dir, base := path.Split(file.path)
		dir = path.Clean(dir)
		switch {
		case base == "env.py" && (s.folders[path.Join(dir, "versions")] || s.has(path.Join(dir, "script.py.mako"))),
			path.Base(dir) == "migrations" && first.MatchString(base):
			migrations = append(migrations, hit{Evidence: Evidence{Path: file.path}, weight: 0.9})
		case base == "manage.py":
			manage = append(manage, hit{Evidence: Evidence{Path: file.path}, weight: 0.9 - perLevel*float64(file.depth)})
		}
	}
	folder := func(h hit) string { return path.Dir(h.Path) }
	f.list(Migrations, migrations, folder)
	if len(manage) > 0 {
		f.one(Manage, []string{manage[0].Path}, manage[:1])
	}
	for _, found := range s.configured("STATIC_ROOT STATICFILES_DIRS STATIC_FOLDER static_folder", "StaticFiles directory") {
		if found.folder = s.existing(found); found.folder != "" {
			static = append(static, found)
		}
	}
	for dir := range s.sorted() {
		if path.Base(dir) == "static" && s.role(dir+"/x") == own {
			static = append(static, hit{Evidence: Evidence{Path: dir}, weight: 0.6})
		}
	}
	media = s.configured("MEDIA_ROOT UPLOAD_FOLDER UPLOADS_DEFAULT_DEST MEDIA_FOLDER UPLOAD_DIR UPLOADED_FILES_DEST", "")
	named := func(h hit) string { return path.Clean(h.value()) }
	f.list(Static, static, named)
	f.list(Media, media, named)
}

// existing is the folder of the repository that a hit names, from the service's folder, or from that of the file or one above it; "" if there is
// none. What is gathered into a folder when the image is built, or stands elsewhere on a machine, is none of the repository.
func (s *scan) existing(h hit) string {
	if path.IsAbs(h.folder) {
		return ""
	}
	bases := []string{s.folder}
	for dir := path.Dir(h.Path); inside(dir, s.folder) && dir != s.folder; dir = path.Dir(dir) {
		bases = append(bases, dir)
	}
	for _, base := range append(bases, ".") {
		if folder := path.Join(base, h.folder); folder != "." && s.folders[folder] {
			return folder
		}
	}
	return ""
}

// value is the folder that a hit of folderFacts is about.
func (h hit) value() string {
	if h.folder != "" {
		return h.folder
	}
	return h.Path
}

// sorted yields the folders in order.
func (s *scan) sorted() func(func(string) bool) {
	return slices.Values(slices.Sorted(maps.Keys(s.folders)))
}

// configured finds settings, and keyword arguments, that name a folder: names of both, and "callee keyword" of a call.
func (s *scan) configured(settings, argument string) (hits []hit) {
	names := words(settings)
	callee, keyword, _ := strings.Cut(argument, " ")
	for _, source := range s.sources {
		if source.role != own {
			continue
		}
		note := func(v python.Value) {
			if folder := pathOf(v); folder != "" && !strings.HasPrefix(folder, "..") { // of what is not said
				hits = append(hits, hit{Evidence: source.at(v.Line), weight: 0.8, folder: folder})
			}
		}
		for _, a := range source.Assignments {
			if names[a.Name] || names[a.Key] {
				note(a.Value)
			}
		}
		for _, c := range source.Calls {
			for _, k := range c.Keywords {
				if names[k.Name] || callee != "" && k.Name == keyword && lastWord(c.Text) == callee {
					note(k.Value)
				}
			}
		}
	}
	return hits
}

// pathOf is the folder that an expression names, as far as it is written down: the literal parts of a path that is joined. An
// address is none.
func pathOf(v python.Value) string {
	switch v.Kind {
	case python.String:
		if text := strings.Trim(v.Text, "/"); !strings.Contains(text, "://") && !strings.HasPrefix(v.Text, "/") {
			return text
		}
		return strings.TrimSuffix(v.Text, "/")
	case python.Operation, python.List, python.Call:
		if v.Kind == python.Operation && v.Text != "/" && v.Text != "+" {
			return ""
		}
		var parts []string
		for _, item := range v.Items {
			if part := strings.Trim(pathOf(item), "/"); part != "" {
				parts = append(parts, part)
			}
			if v.Kind == python.List {
				break
			}
		}
		return strings.Join(parts, "/")
	}
	return ""
}

// probe is what the path of a health check ends with.
var probe = lazy.Regexp(`(?i)(^|/)(_?healthz?|health[-_]?check|livez?|liveness|readyz?|readiness|(__)?heartbeat(__)?|ping|up|status)/?\$?$`)

// routing are the methods and functions whose first argument is a path.
var routing = words("route get path re_path url add_url_rule add_api_route api_route add_route")

// health finds the routes that health checks ask, with the prefix of their router.
func (s *scan) health(f *Findings) {
	var hits []hit
	for _, source := range s.sources {
		if source.role != own {
			continue
		}
		prefixes := map[string]string{}
		for _, a := range source.Assignments {
			for _, name := range []string{"prefix", "url_prefix"} {
				if prefix, found := a.Value.Keyword(name); found && prefix.Kind == python.String {
					prefixes[a.Name] = prefix.Text
				}
			}
		}
		for _, c := range source.Calls {
			if len(c.Items) == 0 || c.Items[0].Kind != python.String || !routing[lastWord(c.Text)] {
				continue
			}
			route := c.Items[0].Text
			if !probe().MatchString(route) {
				continue
			}
			owner, _, _ := strings.Cut(c.Text, ".")
			route = strings.TrimSuffix(prefixes[owner], "/") + "/" + strings.TrimRight(strings.TrimLeft(route, "^/"), "$")
			hits = append(hits, hit{Evidence: source.at(c.Value.Line), weight: 0.7, folder: route})
		}
	}
	f.list(Health, hits, hit.value)
}

// containers are the files that describe containers: the set that they are of, and a line that they have.
var containers = []struct {
	fact, files string
	line        func() *regexp.Regexp
}{
	{Dockerfile, "image", lazy.Regexp(`(?i)^FROM\s`)},
	{Compose, "compose", lazy.Regexp(`^services:`)},
	{Kubernetes, "kubernetes", lazy.Regexp(`^kind:\s*(Deployment|StatefulSet|Service|Ingress|Kustomization|(Cron)?Job|ConfigMap)\b`)},
	{Helm, "helm", lazy.Regexp(`^apiVersion:`)},
}

// marked are the files of a set that have a line, with that line.
func (s *scan) marked(set string, line *regexp.Regexp) (hits []hit) {
	for _, file := range s.matching(s.sets[set], false) {
		lines := s.lines(file.path)
		if i := slices.IndexFunc(lines, line.MatchString); i >= 0 {
			hits = append(hits, hit{Evidence: evidence(file.path, i+1, lines), weight: certain})
		}
	}
	return hits
}
