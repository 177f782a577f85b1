package generator

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

func laid(files map[string]string) fstest.MapFS {
	upper := fstest.MapFS{}
	for name, text := range files {
		upper[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return upper
}

// TestOverlay replaces a file of a layer by one with the other suffix, and adds a choice and a question.
func TestOverlay(t *testing.T) {
	catalog, err := LoadOverlay(shop().fs(), laid(map[string]string{
		"README.md": "About us.\n", ".git/config": "x\n",
		"base/files/README.md":    "ours\n<% not a template %>\n",
		"colour/green/layer.yaml": "title: Green\naxes: {tone: cold}\n",
		"size/question.yaml":      "title: Size\norder: 40\ndefault: big\n",
		"size/big/layer.yaml":     "title: Big\n", "size/big/files/.dot": "dot\n",
	}))
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(catalog.Outside(), " "); got != "base colour/green size/big" {
		t.Errorf("outside: %s", got)
	}
	answers, err := catalog.Resolve("x", nil, Given{Origin: "%s", Values: map[string][]string{"colour": {"green"}, "shape": {"none"}, "extras": {"horn"}}})
	if err != nil {
		t.Fatal(err)
	}
	plan, err := catalog.NewPlan(answers, Options{})
	if err != nil {
		t.Fatal(err)
	}
	files, err := plan.Render()
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for _, file := range files {
		texts[file.Path] = string(file.Content)
	}
	if texts["README.md"] != "ours\n<% not a template %>\n" || texts[".dot"] != "dot\n" || texts["ice"] != "ice\n" || texts["run.sh"] == "" {
		t.Errorf("%q", texts)
	}
	if got := plan.Outside(); !slices.Equal(got, []string{"base", "colour/green", "size/big"}) {
		t.Errorf("outside: %s", got)
	}
	if got := plan.Template("README.md"); got != "base/files/README.md" {
		t.Errorf("template: %s", got)
	}
}

// TestOverlayRefuses names the file that no tree of templates has.
func TestOverlayRefuses(t *testing.T) {
	for name, problem := range map[string]string{
		"notes.txt":                    "is no file of a layer",
		"colour/notes.txt":             "is no file of a layer",
		"parts/x":                      "is no file of a layer",
		"base/layer.yml":               "a layer has layer.yaml, and files below",
		"colour/red/file/a":            "a layer has layer.yaml, and files below",
		"colour/red/tone=warm/fils/a":  "a layer has layer.yaml, and files below",
		"colour/pink/files/a":          "colour/pink/layer.yaml: is missing",
		"weight/heavy/layer.yaml":      "weight/question.yaml: ",
		"colour/red/files/.git/config": "",
	} {
		_, err := LoadOverlay(shop().fs(), laid(map[string]string{name: "title: X\n"}))
		if (err == nil) != (problem == "") || err != nil && !strings.Contains(err.Error(), problem) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestNoLayerWritesThere keeps layers out of git's folder and out of kitout's own.
func TestNoLayerWritesThere(t *testing.T) {
	for _, name := range []string{".git/hooks/post-commit", "sub/.GIT/config", ".kitout/record.yaml", `a\b`} {
		catalog, err := LoadOverlay(shop().fs(), laid(map[string]string{"base/files/" + name: "x\n"}))
		if err != nil {
			t.Fatal(err)
		}
		answers, err := catalog.Resolve("x", nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := catalog.NewPlan(answers, Options{}); err == nil || !strings.Contains(err.Error(), "writes no such file") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSetDefaults(t *testing.T) {
	catalog, err := LoadCatalog(shop().fs())
	if err != nil {
		t.Fatal(err)
	}
	given := func(key string, values ...string) Given {
		return Given{Origin: "d: %s", Values: map[string][]string{key: values}}
	}
	if err := catalog.SetDefaults(given("colour", "blue")); err != nil {
		t.Fatal(err)
	}
	if got := catalog.Question("colour").Choices; !slices.Equal(got, []string{"blue", "red"}) {
		t.Errorf("choices: %s", got)
	}
	for _, wrong := range []Given{given("colour", "pink"), given("taste", "sweet"), given("name", "x"), given("entry", "a:b")} {
		if err := catalog.SetDefaults(wrong); err == nil {
			t.Errorf("%v is taken", wrong)
		}
	}
	if err := catalog.SetDefaults(given("extras", "bell", "horn")); err != nil {
		t.Fatal(err)
	}
	if answers, err := catalog.Resolve("x", nil); err != nil || !slices.Equal(answers.Choices["extras"], []string{"bell", "horn"}) {
		t.Errorf("%v, %v", answers, err)
	}
	if got := catalog.Default(catalog.Question("extras")); !slices.Equal(got, []string{"bell", "horn"}) {
		t.Errorf("default: %s", got)
	}
}
