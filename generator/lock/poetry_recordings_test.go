package lock

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// poetryRecording is what poetry wrote for one stack; refresh/record_poetry.py makes them.
type poetryRecording struct {
	project Project
	digest  string // of the whole text
	lines   string // those that may differ with the stack
}

func readPoetryRecording(t testing.TB, path string) (r poetryRecording) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, lines, _ := strings.Cut(string(data), "\n\n")
	r.lines = lines
	for line := range strings.SplitSeq(head, "\n") {
		word, value, _ := strings.Cut(line, " ")
		switch word {
		case "runtime":
			r.project.Runtime = strings.Fields(value)
		case "development":
			r.project.Development = strings.Fields(value)
		case "index":
			r.project.Index = value
		case "sha256":
			r.digest = value
		default:
			t.Fatalf("%s: unknown line %q", path, line)
		}
	}
	return r
}

// poetryRecordings returns all recordings by the names of their stacks.
func poetryRecordings(t testing.TB) map[string]poetryRecording {
	t.Helper()
	paths, _ := filepath.Glob("testdata/poetry/*.txt")
	if len(paths) < 45 {
		t.Fatalf("only %d recordings", len(paths))
	}
	recordings := map[string]poetryRecording{}
	for _, path := range paths {
		recordings[strings.TrimSuffix(filepath.Base(path), ".txt")] = readPoetryRecording(t, path)
	}
	return recordings
}

// Why poetry spells a package's marker otherwise than Poetry does. The meaning is the same.
const (
	// ddtrace makes poetry divide the resolution at patch releases, such as python_version >= "3.14.0". The parts' markers
	// are joined to < "3.14.0", ~= "3.12.0" or <= "3.14.0", and poetry does not see that the last one always holds.
	patchReleases = "ddtrace's ranges of patch releases"
	// google-auth makes poetry divide the resolution at Python 3.14, and the parts' markers are joined in another order.
	dividedOrder = "the order of factors after a divided resolution"
)

// differences has, for each recording that is not equal, the reason and the packages whose markers are spelled otherwise.
var differences = map[string]struct{ reason, packages string }{
	"random-18": {patchReleases, "backports-zstd cffi pycparser typing-extensions"},
	"random-19": {patchReleases, "typing-extensions"},
	"random-24": {patchReleases, "backports-zstd"},
	"random-26": {dividedOrder, "pycparser"},
	"random-27": {patchReleases, "backports-zstd"},
	"random-29": {patchReleases, "backports-zstd"},
	"random-31": {patchReleases, "backports-zstd cffi pycparser"},
	"random-34": {patchReleases, "cffi pycparser"},
	"random-35": {patchReleases, "cffi pycparser"},
	"random-38": {patchReleases, "cffi pycparser"},
	"random-40": {patchReleases, "cffi pycparser typing-extensions"},
	"random-42": {patchReleases, "backports-zstd cffi pycparser"},
	"random-43": {patchReleases, "cffi pycparser"},
	"random-45": {patchReleases, "backports-zstd"},
}

func TestPoetryEqualsPoetry(t *testing.T) {
	table, recordings := open(t), poetryRecordings(t)
	for name := range differences {
		if _, found := recordings[name]; !found {
			t.Errorf("no recording %s", name)
		}
	}
	for name, want := range recordings {
		t.Run(name, func(t *testing.T) {
			text := writePoetry(t, table, want.project)
			for p := range strings.FieldsSeq(differences[name].packages) {
				text = respell(t, text, p, differences[name].reason, markersOf(t, want.lines, p))
			}
			compareLines(t, decidedLines(text), want.lines)
			digest := sha256.Sum256([]byte(text))
			if hex.EncodeToString(digest[:]) != want.digest {
				t.Error("the whole text differs from poetry's")
			}
		})
	}
}

// respell puts poetry's line with a package's markers in the place of ours, which must differ from it and mean the same.
func respell(t *testing.T, text, name, reason, line string) string {
	t.Helper()
	start, end := blockOf(t, text, name)
	block := text[start:end]
	own := markersOf(t, block, name)
	if own == line {
		t.Errorf("%s no longer differs by %s", name, reason)
	}
	compareMeaning(t, name, own, line)
	block = strings.Replace(block, own, "", 1)
	after := "\n]\n" // behind the files
	if !strings.HasPrefix(line, "markers = {") {
		after = regexp.MustCompile(`groups = .*\n`).FindString(block)
	}
	return text[:start] + strings.Replace(block, after, after+line, 1) + text[end:]
}

// compareMeaning compares two lines with markers in all environments, for each group.
func compareMeaning(t *testing.T, name, ours, theirs string) {
	t.Helper()
	for group := range groups {
		a, b := groupMarker(t, ours, group), groupMarker(t, theirs, group)
		for _, e := range supportedEnvironments() {
			if e.meetsPoetry(a) != e.meetsPoetry(b) {
				t.Fatalf("%s, group %s: %q and %q differ in %v", name, groups[group], a, b, e)
			}
		}
	}
}

var markersLine = regexp.MustCompile(`(?m)^markers = .*\n`)

// blockOf finds a package's block in a lock, or its lines in a recording.
func blockOf(t *testing.T, text, name string) (start, end int) {
	t.Helper()
	start = strings.Index(text, "name = \""+name+"\"\n")
	if start < 0 {
		t.Fatalf("no package %s", name)
	}
	end = len(text)
	if next := strings.Index(text[start+1:], "\nname = "); next >= 0 {
		end = start + 1 + next + 1
	}
	return start, end
}

// markersOf returns a package's line with markers, or "".
func markersOf(t *testing.T, text, name string) string {
	t.Helper()
	start, end := blockOf(t, text, name)
	return markersLine.FindString(text[start:end])
}

// groupMarker reads one group's marker from a line such as `markers = "…"` or `markers = {main = "…"}`.
func groupMarker(t *testing.T, line string, group int) string {
	t.Helper()
	if line == "" {
		return ""
	}
	key := "markers"
	if strings.HasPrefix(line, "markers = {") {
		key = groups[group]
	}
	match := regexp.MustCompile(key + ` = ("(?:[^"\\]|\\.)*")`).FindStringSubmatch(line)
	if match == nil {
		return ""
	}
	marker, err := strconv.Unquote(match[1])
	if err != nil {
		t.Fatal(err)
	}
	return marker
}

// decidedLines leaves what a recording keeps.
func decidedLines(text string) string {
	const own = `(?:name|groups|markers|content-hash) = .*`
	const dependency = `\S+ = (?:\[|\{version.*)|    (?:\{version|").*`
	var kept strings.Builder
	for _, line := range regexp.MustCompile(`(?m)^(?:`+own+`|`+dependency+`)$`).FindAllString(text, -1) {
		if line != "files = [" {
			kept.WriteString(line + "\n")
		}
	}
	return kept.String()
}

// supportedEnvironments are the real ones for the table's versions of Python.
func supportedEnvironments() []environment {
	all := realEnvironments()
	for _, e := range all {
		e["platform_system"] = "Linux"
		if e["os_name"] == "nt" {
			e["platform_system"] = "Windows"
		}
		// python_version has no patch release
		e["python_full_version"] = e["python_full_version"][:len("3.12")] + ".0"
	}
	return all
}

// meetsPoetry evaluates a marker in poetry's spelling.
func (e environment) meetsPoetry(text string) bool {
	text = strings.NewReplacer(`python_version ~= "3.12.0"`, `python_version == "3.12.*"`).Replace(text)
	return e.evaluate(strings.NewReplacer(`"`, `'`, "python_version", "python_full_version").Replace(text))
}
