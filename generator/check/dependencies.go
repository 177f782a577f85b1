package check

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/kitout/kitout/generator/detect"
	"github.com/kitout/kitout/generator/internal/lazy"
	"github.com/kitout/kitout/generator/internal/manifest"
)

func dependencies() []Rule {
	return []Rule{
		{
			ID: "manifest", Severity: Error, Title: "What the code needs is declared",
			Why: "Whoever installs it guesses, from the import statements.",
			Fix: "list the packages in pyproject.toml", Add: "deps",
			when: hasModules,
			find: func(r *repository) []Finding {
				return unless(len(r.manifests()) > 0, "no file declares what is needed")
			},
		},
		{
			ID: "lock", Severity: Error, Title: "Exact versions of everything are locked",
			Why: "Two builds of one commit install different packages; the one that is deployed was never tested.",
			Fix: "commit the lock of pip-tools, uv, Poetry or Pipenv", Add: "deps",
			when: hasManifest, find: unlocked,
		},
		{
			ID: "lock-hashes", Severity: Warning, Title: "Locked packages have hashes",
			Why: "Who gets hold of the index, or of the way to it, can change what a version is.",
			Fix: "pip-compile --generate-hashes, or uv pip compile --generate-hashes", Add: "deps",
			when: func(r *repository) bool { return len(r.pinnedRequirements()) > 0 },
			find: func(r *repository) (findings []Finding) {
				for _, m := range r.pinnedRequirements() {
					if !strings.Contains(r.text(m.Path), "--hash=") {
						findings = append(findings, Finding{Path: m.Path, Line: m.Dependencies[0].Line, Message: "has no hashes"})
					}
				}
				return findings
			},
		},
		{
			ID: "lock-fresh", Severity: Error, Title: "The lock has all that is declared",
			Why: "What was added since is missing in the image, or is installed in whatever version.",
			Fix: "lock again, and let CI compare", Add: "deps",
			when: func(r *repository) bool { return len(r.locks()) > 0 }, find: staleLock,
		},
		{
			ID: "development-apart", Severity: Note, Title: "Tools for development are apart from what runs",
			Why: "They come into the image, and each is one more thing with holes.",
			Fix: "a dependency group, or requirements-dev.txt", Add: "deps",
			when: hasManifest, find: mixedTools,
		},
		{
			ID: "development-not-in-image", Severity: Warning, Title: "The image has no tools for development",
			Why: "Debuggers and test servers are larger than the service, and of use to whoever breaks in.",
			Fix: "install the locked packages of production only", Add: "deploy",
			when: hasImage, find: everyImage(developmentInstalled),
		},
		{
			ID: "image-installs-lock", Severity: Warning, Title: "The image installs what is locked",
			Why: "What was tested and what is deployed differ.",
			Fix: "install from the lock: pip install --require-hashes -r requirements.txt, uv sync --locked, poetry sync", Add: "deploy",
			when: hasImage, find: everyImage(unlockedInstalls),
		},
		{
			ID: "python-supported", Severity: Error, Title: "The Python version still gets security fixes",
			Why: "Holes that become known stay open.",
			Fix: "move to a supported version: python:3.14-slim", Add: "deploy",
			when: func(r *repository) bool { return len(r.pythons()) > 0 }, find: oldPythons,
		},
		{
			ID: "python-declared", Severity: Note, Title: "The repository says which Python it is for",
			Why: "It is run on whatever a machine has, and breaks in places.",
			Fix: "requires-python in pyproject.toml", Add: "deps",
			when: hasManifest,
			find: func(r *repository) []Finding {
				return unless(r.found.Value(detect.Python) != "", "no file says which Python is needed")
			},
		},
		{
			ID: "requirement-url", Severity: Warning, Title: "Packages from a repository are pinned by commit",
			Why:  "A branch is other code tomorrow.",
			Fix:  "git+https://…@<commit>, or a release from an index",
			when: hasManifest,
			find: func(r *repository) (findings []Finding) {
				for _, m := range r.manifests() {
					for _, line := range r.grep(fromBranch(), m.Path) {
						if !pinnedCommit().MatchString(line.Text) && !strings.HasPrefix(line.Text, "#") {
							findings = append(findings, Finding{Path: line.Path, Line: line.Line, Message: "is whatever the branch has"})
						}
					}
				}
				return findings
			},
		},
		{
			ID: "index-credentials", Severity: Error, Title: "No password of an index is committed",
			Why:  "It reads, and often writes, every package of the company.",
			Fix:  "keep it in ~/.netrc, and in a build secret",
			when: hasManifest,
			find: func(r *repository) (findings []Finding) {
				for _, m := range r.manifests() {
					for _, line := range r.grep(indexLine(), m.Path) {
						if password := withPassword(line.Text); password != "" && !strings.Contains(line.Text, "$") {
							findings = append(findings, Finding{Path: line.Path, Line: line.Line, Message: "has a password in the address of an index"})
						}
					}
				}
				return findings
			},
		},
		{
			ID: "index-mixed", Severity: Warning, Title: "Private packages come from one index",
			Why:  "With --extra-index-url whoever publishes a higher version of a private name on the public index is installed.",
			Fix:  "one index that has both, or uv's explicit indexes",
			when: hasManifest,
			find: func(r *repository) (findings []Finding) {
				for _, m := range r.manifests() {
					findings = append(findings, at(r.grep(extraIndex(), m.Path), "takes packages from two indexes alike")...)
				}
				return findings
			},
		},
		{
			ID: "updates", Severity: Note, Title: "Updates are proposed by a machine",
			Why: "What is updated by hand is years old, and a fix for a hole is a project.",
			Fix: "Dependabot or Renovate, with a cool-down of a week", Add: "ci",
			when: hasManifest,
			find: func(r *repository) []Finding {
				there := r.has(".github/dependabot.y{,a}ml", "{,.}renovate.json{,5}", ".github/renovate.json{,5}", ".gitlab/renovate.json{,5}", ".renovaterc{,.json}", ".pyup.y{,a}ml")
				return unless(there, "nothing proposes updates")
			},
		},
	}
}

var (
	fromBranch    = lazy.Regexp(`\b(git|hg|svn|bzr)\+(https?|ssh|git|file)://|\bgit\s*=\s*"`)
	pinnedCommit  = lazy.Regexp(`@[0-9a-f]{7,40}\b|\brev\s*=\s*"[0-9a-f]{7,40}"|#[0-9a-f]{40}\b|\btag\s*=`)
	indexLine     = lazy.Regexp(`(?i)index|^\s*url\s*=`)
	extraIndex    = lazy.Regexp(`^\s*--extra-index-url\b`)
	fixedVersion  = lazy.Regexp(`^\s*===?\s*[^*,;\s]+\s*(;.*)?$`)
	imageOfPython = lazy.Regexp(`(?:^|/)python:(\d+\.\d+)`)
	plainVersion  = lazy.Regexp(`^(?:python-)?(\d+\.\d+)(?:\.\d+)?$`)
)

// readManifests reads the files that declare or lock packages.
func (r *repository) readManifests() (manifests []*manifest.Manifest) {
	for _, name := range r.glob("{pyproject.toml,Pipfile,setup.py,setup.cfg}", "*.lock", "environment*.y{,a}ml", "*.{txt,in,pip}") {
		if manifest.Is(name) {
			data, _ := r.tree.Text(name)
			if m := manifest.Read(name, data); len(m.Dependencies) > 0 || path.Base(name) == "pyproject.toml" && m.Name.Value != "" {
				manifests = append(manifests, m)
			}
		}
	}
	return manifests
}

func hasManifest(r *repository) bool { return len(r.manifests()) > 0 }

// locks are the files that a tool wrote for all environments, not the one for a tool of its own.
func (r *repository) locks() (locks []*manifest.Manifest) {
	for _, m := range r.manifests() {
		if m.Lock {
			locks = append(locks, m)
		}
	}
	return locks
}

func isRequirements(m *manifest.Manifest) bool {
	return path.Ext(m.Path) == ".txt" || path.Ext(m.Path) == ".pip"
}

// exact reports whether a dependency has one version.
func exact(d manifest.Dependency) bool { return fixedVersion().MatchString(d.Version) }

// pinnedRequirements are the requirements files of which every line has one version.
func (r *repository) pinnedRequirements() (pinned []*manifest.Manifest) {
	for _, m := range r.manifests() {
		if isRequirements(m) && !slices.ContainsFunc(m.Dependencies, func(d manifest.Dependency) bool { return !exact(d) }) {
			pinned = append(pinned, m)
		}
	}
	return pinned
}

func unlocked(r *repository) (findings []Finding) {
	for _, m := range r.manifests() {
		if m.Lock && !isRequirements(m) {
			return nil
		}
	}
	for _, m := range r.manifests() {
		if !isRequirements(m) || m.Lock {
			continue
		}
		loose := 0
		first := 0
		for _, d := range m.Dependencies {
			if !exact(d) {
				loose++
				if first == 0 {
					first = d.Line
				}
			}
		}
		if loose > 0 {
			findings = append(findings, Finding{Path: m.Path, Line: first, Message: fmt.Sprintf("%d of %d packages have no exact version", loose, len(m.Dependencies))})
		}
	}
	if len(findings) == 0 && len(r.pinnedRequirements()) == 0 && len(r.locks()) == 0 {
		return missing("there is no lock")
	}
	return findings
}

func staleLock(r *repository) (findings []Finding) {
	locked := map[string]bool{}
	folders := map[string]bool{}
	for _, m := range r.locks() {
		folders[path.Dir(m.Path)] = true
		for _, d := range m.Dependencies {
			locked[d.Name] = true
		}
	}
	for _, m := range r.manifests() {
		if m.Lock || isRequirements(m) || !folders[path.Dir(m.Path)] {
			continue
		}
		for _, d := range m.Dependencies {
			if !locked[d.Name] {
				findings = append(findings, Finding{Path: m.Path, Line: d.Line, Message: d.Name + " is not in the lock"})
			}
		}
	}
	return findings
}

// developmentTools are packages that nothing needs in production.
var developmentTools = []string{
	"pytest", "pytest-cov", "pytest-django", "pytest-asyncio", "black", "flake8", "pylint", "mypy", "isort", "ruff", "pre-commit", "ipdb", "ipython",
	"coverage", "tox", "nox", "factory-boy", "faker", "bandit", "django-debug-toolbar", "pip-tools", "twine", "sphinx", "autopep8", "jupyter", "notebook",
}

func mixedTools(r *repository) (findings []Finding) {
	for _, m := range r.manifests() {
		if m.Lock {
			continue
		}
		for _, d := range m.Dependencies {
			if d.Group == "" && slices.Contains(developmentTools, d.Name) {
				findings = append(findings, Finding{Path: m.Path, Line: d.Line, Message: d.Name + " is installed in production"})
			}
		}
	}
	return findings
}

func developmentInstalled(i image) (findings []Finding) {
	for _, c := range i.runCommands() {
		if message := installsDevelopment(c.Args); message != "" {
			findings = append(findings, i.finding(c.Line, message))
		}
	}
	return findings
}

func installsDevelopment(args []string) string {
	name, rest := program(args)
	has := func(words ...string) bool {
		return slices.ContainsFunc(rest, func(word string) bool { return slices.Contains(words, word) })
	}
	starting := func(prefix string) bool {
		return slices.ContainsFunc(rest, func(word string) bool { return strings.HasPrefix(word, prefix) })
	}
	switch {
	case strings.HasPrefix(name, "pip") && has("install") && slices.ContainsFunc(rest, func(word string) bool {
		return strings.HasSuffix(word, ".txt") && manifest.DevelopmentGroup(path.Base(word)) || strings.Contains(word, "[dev") || strings.Contains(word, "[test")
	}):
		return "installs the packages for development"
	case name == "pipenv" && has("install", "sync") && has("--dev", "-d"):
		return "installs the packages for development"
	case name == "poetry" && has("install", "sync") && !starting("--only") && !starting("--without") && !has("--no-dev"):
		return "poetry installs the groups for development as well"
	case name == "uv" && has("sync") && !has("--no-dev", "--no-default-groups", "--no-group", "--only-group") && !starting("--no-group"):
		return "uv installs the group for development as well"
	}
	return ""
}

func unlockedInstalls(i image) (findings []Finding) {
	for _, c := range i.runCommands() {
		name, rest := program(c.Args)
		if name == "uv" && len(rest) > 1 && rest[0] == "pip" {
			name, rest = rest[0], rest[1:]
		}
		if !strings.HasPrefix(name, "pip") || name == "pipenv" || !slices.Contains(rest, "install") {
			continue
		}
		for _, word := range rest[slices.Index(rest, "install")+1:] {
			if packageName().MatchString(word) && !installers[word] {
				findings = append(findings, i.finding(c.Line, "installs whatever version "+word+" has today"))
				break
			}
		}
	}
	return findings
}

var packageName = lazy.Regexp(`^[A-Za-z][A-Za-z0-9_-]*(\[[a-z,]+\])?$`)

// installers are the tools themselves; their version hardly changes what they install.
var installers = map[string]bool{"pip": true, "setuptools": true, "wheel": true, "install": true}

// endOfLife are the last days on which versions of Python get fixes (PEPs 596, 619, 664, 693, 719, 745).
var endOfLife = map[string]string{
	"3.9": "2025-10-31", "3.10": "2026-10-31", "3.11": "2027-10-31", "3.12": "2028-10-31", "3.13": "2029-10-31", "3.14": "2030-10-31",
}

// interpreter is a version of Python that something runs on.
type interpreter struct {
	Version string
	Finding
}

func (r *repository) pythons() (found []interpreter) {
	for _, i := range r.images() {
		for n, stage := range i.Stages {
			if match := imageOfPython().FindStringSubmatch(i.Expand(stage.Image)); match != nil && i.External(n) {
				found = append(found, interpreter{match[1], i.finding(stage.From.Line, "")})
			}
		}
	}
	for _, name := range []string{".python-version", "runtime.txt"} {
		first, _, _ := strings.Cut(r.text(name), "\n")
		if match := plainVersion().FindStringSubmatch(strings.TrimSpace(first)); match != nil {
			found = append(found, interpreter{match[1], Finding{Path: name, Line: 1}})
		}
	}
	return found
}

func oldPythons(r *repository) (findings []Finding) {
	for _, python := range r.pythons() {
		end, known := endOfLife[python.Version]
		if !known && (strings.HasPrefix(python.Version, "2.") || len(python.Version) == 3) { // 3.0 to 3.8
			end = "2024-10-07"
		}
		if day, err := time.Parse(day, end); err == nil && r.now.After(day) {
			python.Message = "Python " + python.Version + " has had no fixes since " + end
			findings = append(findings, python.Finding)
		}
	}
	return findings
}
