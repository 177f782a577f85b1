package lock

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// pipenvIndex is the index that refresh/record_pipenv.py lets pipenv resolve from.
const pipenvIndex = "http://127.0.0.1:8766/simple"

// pipenvMachine is where pipenv ran: it locks for its own platform and Python.
var pipenvMachine = environment{
	"python_full_version": "3.13.0", "platform_python_implementation": "CPython", "implementation_name": "cpython",
	"sys_platform": "linux", "os_name": "posix",
}

// pipfileRecording is what pipenv wrote for one stack.
type pipfileRecording struct {
	project Project
	digest  string // of the whole file
	lines   string // one for each entry, without the hashes
}

func readPipfileRecording(t testing.TB, path string) pipfileRecording {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, lines, _ := strings.Cut(string(data), "\n\n")
	fields := map[string][]string{}
	for line := range strings.Lines(head) {
		words := strings.Fields(line)
		fields[words[0]] = words[1:]
	}
	return pipfileRecording{
		project: Project{Runtime: fields["packages"], Development: fields["dev-packages"], Index: pipenvIndex},
		digest:  fields["sha256"][0],
		lines:   lines,
	}
}

func TestPipfileLockEqualsPipenv(t *testing.T) {
	paths, _ := filepath.Glob("testdata/pipenv/*.txt")
	if len(paths) < 43 {
		t.Fatalf("only %d recordings", len(paths))
	}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".txt")
		t.Run(name, func(t *testing.T) {
			want := readPipfileRecording(t, path)
			lock := readPipfileLock(t, pipfileLock(t, want.project))
			lock.restrict(t, want.project, pipenvMachine)
			compareLines(t, lock.lines(), want.lines)
			digest := sha256.Sum256([]byte(lock.text(t)))
			if hex.EncodeToString(digest[:]) != want.digest {
				t.Error("the whole file differs from pipenv's")
			}
		})
	}
}

// decodedLock is a Pipfile.lock.
type decodedLock struct {
	Meta    map[string]any            `json:"_meta"`
	Default map[string]map[string]any `json:"default"`
	Develop map[string]map[string]any `json:"develop"`
}

func readPipfileLock(t testing.TB, text string) decodedLock {
	t.Helper()
	var lock decodedLock
	if err := json.Unmarshal([]byte(text), &lock); err != nil {
		t.Fatal(err)
	}
	return lock
}

// text encodes a lock as pipenv does: Go's encoder sorts keys and indents as Python's does.
func (l decodedLock) text(t testing.TB) string {
	t.Helper()
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "    ")
	if err := encoder.Encode(l); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

// restrict makes of a lock for all environments the lock that pipenv writes in one: without the packages that are not needed
// there, and without the conditions under which they are needed elsewhere.
func (l decodedLock) restrict(t testing.TB, project Project, e environment) {
	t.Helper()
	for _, section := range []struct {
		requirements []string
		entries      map[string]map[string]any
	}{{project.Runtime, l.Default}, {project.Development, l.Develop}} {
		pins, err := open(t).Closure(section.requirements)
		if err != nil {
			t.Fatal(err)
		}
		markers := map[string]string{}
		for _, pin := range pins {
			markers[pin.Name] = pin.Marker
		}
		for key, entry := range section.entries {
			switch marker := markers[normalise(key)]; {
			case marker == "":
			case !e.evaluate(marker):
				delete(section.entries, key)
			default:
				python, _ := open(t).entry(normalise(key))
				if entry["markers"], _ = requiresPython(python.python); entry["markers"] == "" {
					delete(entry, "markers")
				}
			}
		}
	}
}

// lines returns what a recording keeps of each entry.
func (l decodedLock) lines() string {
	var lines strings.Builder
	for i, entries := range []map[string]map[string]any{l.Default, l.Develop} {
		keys := make([]string, 0, len(entries))
		for key := range entries {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		for _, key := range keys {
			entry := entries[key]
			line := []string{"default", "develop"}[i] + " " + key
			if extras, ok := entry["extras"]; ok {
				line += strings.ReplaceAll(fmt.Sprint(extras), " ", ",")
			}
			line += " " + entry["version"].(string)
			if index, ok := entry["index"]; ok {
				line += " @" + index.(string)
			}
			if marker, ok := entry["markers"]; ok {
				line += " ; " + marker.(string)
			}
			lines.WriteString(line + "\n")
		}
	}
	return lines.String()
}
