package lock

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func pipfileLock(t testing.TB, project Project) string {
	t.Helper()
	var text strings.Builder
	if err := PipfileLock(&text, open(t), project); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

// TestPipfileLockText shows a whole lock. Beta is in the Pipfile as a development package, while the other section needs it on
// one platform only: so the entries are independent.
func TestPipfileLockText(t *testing.T) {
	table, err := Parse(seal(small))
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	project := Project{
		Runtime: []string{"alpha"}, Development: []string{"Beta", "alpha[fast]"}, Index: "https://packages.example.com/simple",
	}
	if err := PipfileLock(&text, table, project); err != nil {
		t.Fatal(err)
	}
	// The Pipfile's content as pipenv hashes it
	hash := sha256.Sum256([]byte(`{"_meta":{"requires":{},"sources":[{"name":"packages","url":"https://packages.example.com/simple",` +
		`"verify_ssl":true}]},"default":{"alpha":">=1.0"},"develop":{"alpha":{"extras":["fast"],"version":">=1.0"},"beta":">=2.0"}}`))
	want := `{
    "_meta": {
        "hash": {
            "sha256": "` + hex.EncodeToString(hash[:]) + `"
        },
        "pipfile-spec": 6,
        "requires": {},
        "sources": [
            {
                "name": "packages",
                "url": "https://packages.example.com/simple",
                "verify_ssl": true
            }
        ]
    },
    "default": {
        "alpha": {
            "hashes": [
                "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
            ],
            "index": "packages",
            "markers": "python_version >= '3.12'",
            "version": "==1.0"
        },
        "beta": {
            "hashes": [
                "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
                "sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
            ],
            "markers": "sys_platform == 'win32'",
            "version": "==2.0"
        }
    },
    "develop": {
        "alpha": {
            "hashes": [
                "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
            ],
            "index": "packages",
            "markers": "python_version >= '3.12'",
            "version": "==1.0"
        },
        "beta": {
            "extras": [
                "c"
            ],
            "hashes": [
                "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
                "sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
            ],
            "index": "packages",
            "version": "==2.0"
        }
    }
}
`
	compareLines(t, text.String(), want)
}

// randomProjects are stacks out of the whole table, most of them with requirements in both sections.
func randomProjects(t testing.TB, number int) []Project {
	t.Helper()
	union, err := os.ReadFile("union.in")
	if err != nil {
		t.Fatal(err)
	}
	var requirements []string
	for line := range strings.Lines(string(union)) {
		line, _, _ = strings.Cut(line, "#")
		requirements = append(requirements, strings.Fields(line)...)
	}
	chance := rand.New(rand.NewPCG(11, 12))
	pick := func() (chosen []string) {
		for range chance.IntN(20) {
			chosen = append(chosen, requirements[chance.IntN(len(requirements))])
		}
		return chosen
	}
	projects := []Project{{Runtime: requirements, Development: requirements}, {}}
	for range number {
		projects = append(projects, Project{Runtime: pick(), Development: pick()})
	}
	for i := range projects {
		projects[i].Index = "https://packages.example.com/simple"
	}
	return projects
}

// TestPipfileLockHasTheClosure checks each section against Closure, and that all is in the one form that pipenv's encoder has.
func TestPipfileLockHasTheClosure(t *testing.T) {
	for _, project := range randomProjects(t, 30) {
		text := pipfileLock(t, project)
		lock := readPipfileLock(t, text)
		compareLines(t, text, lock.text(t))
		checkPipfileSection(t, project.Runtime, lock.Default)
		checkPipfileSection(t, project.Development, lock.Develop)
	}
}

func checkPipfileSection(t *testing.T, requirements []string, entries map[string]map[string]any) {
	t.Helper()
	pins, err := open(t).Closure(requirements)
	if err != nil {
		t.Fatal(err)
	}
	if len(pins) != len(entries) {
		t.Errorf("%v: %d entries for %d packages", requirements, len(entries), len(pins))
	}
	found := map[string]map[string]any{}
	for key, entry := range entries {
		found[normalise(key)] = entry
	}
	for _, pin := range pins {
		entry := found[pin.Name]
		hashes := strings.Fields(strings.ReplaceAll(strings.Trim(fmt.Sprint(entry["hashes"]), "[]"), "sha256:", ""))
		if entry["version"] != "=="+pin.Version || !slices.Equal(hashes, pin.Hashes) {
			t.Errorf("%+v is locked as %v", pin, entry)
		}
		checkPipfileMarker(t, pin, entry["markers"])
	}
}

// checkPipfileMarker evaluates a whole marker where its two parts are evaluated.
func checkPipfileMarker(t *testing.T, pin Pin, markers any) {
	t.Helper()
	e, _ := open(t).entry(pin.Name)
	python, err := requiresPython(e.python)
	if err != nil {
		t.Fatal(err)
	}
	// No release of the table tells patches of 3.12 and later apart
	python = strings.ReplaceAll(python, "python_version", "python_full_version")
	whole, _ := markers.(string)
	whole = strings.ReplaceAll(whole, "python_version", "python_full_version")
	for _, environment := range realEnvironments() {
		want := environment.evaluate(pin.Marker) && environment.evaluate(python)
		if got := environment.evaluate(whole); got != want {
			t.Errorf("%s: %q is %t in %v, want %t", pin.Name, whole, got, environment, want)
		}
	}
}

func TestPipfileLockIgnoresOrder(t *testing.T) {
	chance := rand.New(rand.NewPCG(13, 14))
	for _, project := range randomProjects(t, 30) {
		want := pipfileLock(t, project)
		for _, list := range []*[]string{&project.Runtime, &project.Development} {
			*list = slices.Concat(*list, *list)
			chance.Shuffle(len(*list), func(i, j int) { (*list)[i], (*list)[j] = (*list)[j], (*list)[i] })
		}
		if pipfileLock(t, project) != want {
			t.Fatalf("%v: the order matters", project)
		}
	}
}

func TestPipfileHashCoversEveryInput(t *testing.T) {
	index := "https://packages.example.com/simple"
	seen := map[any]Project{}
	for _, project := range []Project{
		{Runtime: []string{"flask"}, Development: []string{"pytest"}, Index: index},
		{Runtime: []string{"flask"}, Development: []string{"pytest"}, Index: index + "/"},
		{Runtime: []string{"flask", "redis"}, Development: []string{"pytest"}, Index: index},
		{Runtime: []string{"flask", "redis[hiredis]"}, Development: []string{"pytest"}, Index: index},
		{Runtime: []string{"flask"}, Development: []string{"pytest", "redis"}, Index: index},
		{Runtime: []string{"flask", "pytest"}, Index: index},
		{Development: []string{"flask", "pytest"}, Index: index},
		{Index: index},
	} {
		hash := readPipfileLock(t, pipfileLock(t, project)).Meta["hash"].(map[string]any)["sha256"]
		if other, found := seen[hash]; found {
			t.Errorf("%v and %v have one hash", project, other)
		}
		seen[hash] = project
	}
	var meta [2]string
	for i, text := range []string{small, strings.Replace(small, "alpha 1.0", "alpha 1.1", 1)} {
		table, err := Parse(seal(text))
		if err != nil {
			t.Fatal(err)
		}
		var lock strings.Builder
		if err := PipfileLock(&lock, table, Project{Runtime: []string{"alpha"}, Index: index}); err != nil {
			t.Fatal(err)
		}
		meta[i] = fmt.Sprint(readPipfileLock(t, lock.String()).Meta)
	}
	if meta[0] == meta[1] {
		t.Error("a version does not change the hash")
	}
}

func TestPipfileKeysKeepDots(t *testing.T) {
	lock := readPipfileLock(t, pipfileLock(t, Project{Runtime: []string{"pip-audit"}, Index: pipenvIndex}))
	if lock.Default["boolean.py"] == nil || lock.Default["boolean-py"] != nil {
		t.Error("want boolean.py, as license-expression spells it")
	}
}

// dotted is a table with a name that a dependent spells with a dot, and with extras that bring nothing.
const dotted = `# made by hand
format 1
python >=3.12,<3.15

package alpha 1.0
summary
python *
extra fast
extra slow
needs beta-b
needs[fast] beta-c
needs[slow] beta-c
declares Beta.B[x] *
declares beta-c[y] * ; extra == "fast"
declares beta-c[z] * ; extra == "slow"
file aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa alpha-1.0.tar.gz

package beta-b 2.0
summary
python *
file bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb beta_b-2.0.tar.gz

package beta-c 3.0
summary
python *
extra w
file cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc beta_c-3.0.tar.gz

`

// TestPipfileExtras has what the tables of real packages do not: extras in the Pipfile replace those of other packages.
func TestPipfileExtras(t *testing.T) {
	table, err := Parse(seal(dotted))
	if err != nil {
		t.Fatal(err)
	}
	for requirements, want := range map[string]string{
		"alpha":                 "default alpha ==1.0 @packages\ndefault beta.b[x] ==2.0\n",
		"alpha[fast]":           "default alpha[fast] ==1.0\ndefault beta-c[y] ==3.0\ndefault beta.b[x] ==2.0\n",
		"alpha[fast,slow]":      "default alpha[fast,slow] ==1.0\ndefault beta-c[y,z] ==3.0\ndefault beta.b[x] ==2.0\n",
		"alpha[fast] beta-c":    "default alpha[fast] ==1.0\ndefault beta-c[y] ==3.0 @packages\ndefault beta.b[x] ==2.0\n",
		"alpha[fast] beta.c[w]": "default alpha[fast] ==1.0\ndefault beta-c[w] ==3.0\ndefault beta.b[x] ==2.0\n",
	} {
		var text strings.Builder
		if err := PipfileLock(&text, table, Project{Runtime: strings.Fields(requirements), Index: pipenvIndex}); err != nil {
			t.Fatal(err)
		}
		lock := readPipfileLock(t, text.String())
		compareLines(t, lock.lines(), want)
		compareLines(t, text.String(), lock.text(t))
	}
}

func TestBothMarkers(t *testing.T) {
	for _, test := range [][3]string{
		{"", "", ""},
		{"a", "", "a"},
		{"", "b", "b"},
		{"a", "b and c", "a and b and c"},
		{"a or b", "c", "(a or b) and c"},
		{"a or b", "", "a or b"},
	} {
		if got := bothMarkers(test[0], test[1]); got != test[2] {
			t.Errorf("%q and %q: got %q, want %q", test[0], test[1], got, test[2])
		}
	}
}

func TestPipfileEntries(t *testing.T) {
	table, err := Parse(seal(small))
	if err != nil {
		t.Fatal(err)
	}
	for requirements, want := range map[string]string{
		"":                        "[]",
		"Beta ALPHA":              "[{alpha [] >=1.0} {beta [] >=2.0}]",
		"alpha alpha[fast] alpha": "[{alpha [fast] >=1.0}]",
		"alpha[b,a] alpha[c,a]":   "[{alpha [a b c] >=1.0}]",
	} {
		entries, err := table.pipfileEntries(strings.Fields(requirements))
		if got := fmt.Sprint(entries); err != nil || got != want {
			t.Errorf("%q: got %s (%v), want %s", requirements, got, err, want)
		}
	}
}

func TestPipfileErrors(t *testing.T) {
	index := "https://packages.example.com/simple"
	for requirement, want := range map[string]error{
		"no-such-package": new(UnknownPackageError),
		"flask[no-such]":  new(UnknownPackageError),
		"flask>=3":        new(RequirementError),
	} {
		for _, project := range []Project{
			{Runtime: []string{requirement}, Index: index},
			{Development: []string{requirement}, Index: index},
		} {
			if err := PipfileLock(io.Discard, open(t), project); reflect.TypeOf(err) != reflect.TypeOf(want) {
				t.Errorf("%v: got %v", project, err)
			}
		}
	}
	if _, err := open(t).pipfileEntries([]string{"no-such-package"}); !errors.As(err, new(*UnknownPackageError)) {
		t.Errorf("got %v", err)
	}
	if _, err := open(t).pipfileEntries([]string{"flask>=3"}); !errors.As(err, new(*RequirementError)) {
		t.Errorf("got %v", err)
	}
	for _, bad := range []string{"", " ", index + "\n", index + `"`, index + `\`, "https://päckages.example.com"} {
		if err := PipfileLock(io.Discard, open(t), Project{Index: bad}); !errors.As(err, new(*IndexError)) {
			t.Errorf("index %q: got %v", bad, err)
		}
	}
	if err := PipfileLock(brokenWriter{}, open(t), Project{Index: index}); !errors.Is(err, errFull) {
		t.Errorf("got %v", err)
	}
}

// TestRequiresPython has what pipenv 2026.10.3 itself makes of these.
func TestRequiresPython(t *testing.T) {
	for text, want := range map[string]string{
		"*":                        "",
		">=3.10":                   "python_version >= '3.10'",
		">= 3.10":                  "python_version >= '3.10'",
		">=2":                      "python_version >= '2'",
		"<3.15,>=3.9":              "python_version >= '3.9' and python_version < '3.15'",
		">=3.8, <4":                "python_version >= '3.8' and python_version < '4'",
		">=3.9.0":                  "python_full_version >= '3.9.0'",
		">=3.9, !=3.9.0, !=3.9.1":  "python_version >= '3.9' and python_full_version != '3.9.0' and python_full_version != '3.9.1'",
		"!=3.0.*,!=3.1.*,>=2.7":    "python_version >= '2.7' and python_version != '3.0' and python_version != '3.1'",
		"==3.12.*,!=3.12.1":        "python_version == '3.12' and python_full_version != '3.12.1'",
		">=2.7, !=3.10.*, !=3.2.*": "python_version >= '2.7' and python_version != '3.2' and python_version != '3.10'",
		"~=3.8":                    "python_version ~= '3.8'",
	} {
		if got, err := requiresPython(text); err != nil || got != want {
			t.Errorf("%q: got %q (%v), want %q", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", "3.9", ">=", ">=3.x", ">=3.9,", "==3.*", "!=3.9.1.*", "===3.9", "=>3.9", ">=3.14.0rc1", "> = 3", ">=-3", ">=+3",
	} {
		if got, err := requiresPython(text); !errors.As(err, new(*TableError)) {
			t.Errorf("%q was read as %q (%v)", text, got, err)
		}
	}
}

// BenchmarkPipfileLock is a whole lock from the embedded text, the finding of the blocks included.
func BenchmarkPipfileLock(b *testing.B) {
	project := readPipfileRecording(b, "testdata/pipenv/django-mysql.txt").project
	b.ReportAllocs()
	for b.Loop() {
		table, err := index(embedded)
		if err != nil {
			b.Fatal(err)
		}
		if err := PipfileLock(io.Discard, table, project); err != nil {
			b.Fatal(err)
		}
	}
}
