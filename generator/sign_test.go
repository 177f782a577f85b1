package generator

import (
	"slices"
	"strings"
	"testing"
)

func TestSigns(t *testing.T) {
	t.Parallel()
	signs := "detect:\n  - {package: ring}\n  - {in: '@scores', line: '^bell', weight: 0.9}\n"
	templates := shop().adding("extras/bell/layer.yaml", signs).with("files.yaml", "scores: ['*.score', notes.txt]\n").
		with("extras/others.yaml", "drum: [{import: [drum, snare]}]\nbell: [{file: '*.bell'}]\n")
	catalog, err := LoadCatalog(templates.fs())
	must(t, err)
	all, err := catalog.Signs("extras")
	must(t, err)
	if len(all) != 2 || all[0].Choice != "bell" || !all[0].Offered || len(all[0].Signs) != 3 || all[1].Choice != "drum" || all[1].Offered {
		t.Fatalf("%+v", all)
	}
	if bell := all[0].Signs; bell[0].Weight != DefaultWeight || !slices.Equal(bell[1].In, []string{"*.score", "notes.txt"}) || !bell[1].Pattern.MatchString("bells") {
		t.Errorf("%+v", bell)
	}
}

// What nothing would ever find is refused, with the file that says it.
func TestSignsAreRefused(t *testing.T) {
	t.Parallel()
	for signs, want := range map[string]string{
		"[{packages: ring}]":                               "field packages not found",
		"[{package: ring, file: x}]":                       "sign 1: want one of package, import, call, string, file and in",
		"[{weight: 0.5}]":                                  "want one of package",
		"[{package: ring}, {in: x}]":                       "sign 2: in and line go together",
		"[{file: x, line: y}]":                             "in and line go together",
		"[{package: ring, entry: true}]":                   "entry goes with call",
		"[{package: ring, weight: 2}]":                     "weight 2 is none from 0 to 1",
		"[{file: '{a'}]":                                   `glob "{a" is malformed`,
		"[{in: x, line: '('}]":                             "line: error parsing regexp",
		"[{in: '@nothing', line: x}]":                      `files.yaml has no files "nothing"`,
		"[{package: ''}]":                                  "an empty value",
		"[{package: ring, value: x}]":                      "value and beside go with answer",
		"[{package: ring, beside: x}]":                     "value and beside go with answer",
		"[{package: ring, answer: test}]":                  "answer and value go together",
		"[{answer: tests, value: ring}]":                   `there is no free answer "tests"`,
		"[{answer: test, value: '{bell}'}]":                "value: {bell} is none of path, folder",
		"[{call: r, entry: true, answer: test, value: x}]": "entry goes with no answer",
		"{package: ring}":                                  "cannot unmarshal",
		"[{package: ring}]\ndetects: []\n":                 "field detects not found",
	} {
		catalog, err := LoadCatalog(shop().adding("extras/bell/layer.yaml", "detect: "+signs+"\n").fs())
		must(t, err)
		_, err = catalog.Signs("extras")
		if err == nil {
			_, err = catalog.Layer("extras", "bell")
		}
		wantError(t, err, "extras/bell/layer.yaml: ", want)
	}
}

// TestSignsLeaveLinesBehind holds that errors name the right line of a layer, of which the signs are cut out.
func TestSignsLeaveLinesBehind(t *testing.T) {
	const signs = "title: Bell\ndetect:\n  - {package: bell}\n# two\n\n  - {import: bell}\nnothing: 1\n"
	_, err := shop().with("extras/bell/layer.yaml", signs).plan(t, "extras=bell")
	wantError(t, err, "extras/bell/layer.yaml", "line 7: field nothing not found")
	_, err = shop().with("extras/bell/layer.yaml", strings.TrimSuffix(signs, "nothing: 1\n")).plan(t, "extras=bell")
	must(t, err)
	_, err = shop().with("extras/bell/layer.yaml", strings.ReplaceAll(signs, "\n", "\r\n")).plan(t, "extras=bell")
	wantError(t, err, "extras/bell/layer.yaml", "line 7: field nothing not found")
}
