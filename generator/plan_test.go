package generator

import (
	"testing"
)

func TestConditions(t *testing.T) {
	blue := "colour/blue/layer.yaml"
	for name, test := range map[string]struct {
		tree    tree
		flag    string // empty: a fault of the templates
		problem string
		hint    string
	}{
		"requires a choice": {
			shop().adding(blue, "requires: [shape=none]\nreason: because\n"),
			"--colour blue", "needs shape=none: because", "choose another, or --shape none",
		},
		"requires one of several": {
			shop().adding(blue, "requires: ['shape=none|round', 'tone=cold']\nreason: because\n"),
			"--colour blue", "needs shape=none|round: because", "choose another, or --shape none",
		},
		"conflicts with a choice": {
			shop().adding(blue, "conflicts: ['extras=horn|bell']\nreason: because\n"),
			"--colour blue", "does not go with extras=horn|bell: because", "choose another",
		},
		"conflicts with an axis": {
			shop().adding(blue, "conflicts: [tone=cold]\nreason: because\n"),
			"--colour blue", "does not go with tone=cold: because", "choose another, or --colour red",
		},
		"unknown left side": {
			shop().adding(blue, "requires: [shade=dark]\n"),
			"", `colour/blue/layer.yaml: condition shade=dark: "shade" is neither a question nor an axis`, "",
		},
		"unknown left side of a package": {
			shop().adding(blue, "packages: [{name: a, when: [shade=dark]}]\n"),
			"", `colour/blue/layer.yaml: condition shade=dark`, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := test.tree.plan(t, "colour=blue", "shape=square") // what was not given would follow
			if test.flag == "" {
				wantError(t, err, test.problem)
			} else {
				wantUsage(t, err, test.flag, test.problem, test.hint)
			}
		})
	}
	if _, err := shop().adding(blue, "requires: ['shape=none|square', tone=cold]\nconflicts: [extras=horn]\n").plan(t, "colour=blue"); err != nil {
		t.Error(err)
	}
}

func TestAxesAndFacts(t *testing.T) {
	plan, err := shop().plan(t, "colour=blue", "extras=bell,horn")
	if err != nil {
		t.Fatal(err)
	}
	wantSame(t, plan.axes, map[string]string{"application": "new", "tone": "cold"})
	wantSame(t, plan.data["shape"], any(map[string]any{"title": "Square", "help": "", "sides": 4, "paint": "water"}))
	wantSame(t, plan.data["extras"], any([]any{map[string]any{"title": "Bell", "help": ""}, map[string]any{"title": "Horn", "help": ""}}))
	wantSame(t, plan.data["base"], any(map[string]any{"title": "Base", "help": "", "greeting": "hello"}))
	wantSame(t, plan.data["python_image"], any("3.14"))
	wantSame(t, plan.data["python_versions"], any([]string{"3.13", "3.14"}))
}

func TestFactsReadEarlierOnes(t *testing.T) {
	square := "shape/square/layer.yaml"
	plan, err := shop().with(square, "title: S\nfacts: {sides: 4, paint: {warm: '<% .colour.title %> %package% <% .axes.tone %>', cold: ''}}\n").plan(t)
	if err != nil {
		t.Fatal(err)
	}
	wantSame(t, plan.data["shape"].(map[string]any)["paint"], any("Red my_shop warm"))

	_, err = shop().with(square, "title: S\nfacts: {sides: 4, paint: {warm: '<% .extras %>', cold: ''}}\n").plan(t)
	wantError(t, err, `shape/square/layer.yaml: fact "paint"`, `map has no entry for key "extras"`)
}

func TestFactsRefuse(t *testing.T) {
	square := func(facts string) tree { return shop().with("shape/square/layer.yaml", "title: S\nfacts: "+facts+"\n") }
	declare := func(fact string) tree {
		return shop().with("shape/question.yaml", "title: S\norder: 20\ndefault: square\nfacts: "+fact+"\n")
	}
	for name, test := range map[string]struct {
		tree tree
		want string
	}{
		"missing":             {square("{sides: 4}"), `shape/square/layer.yaml: fact "paint", declared in shape/question.yaml, is missing`},
		"undeclared":          {square("{sides: 4, paint: {warm: a, cold: b}, weight: 1}"), `shape/square/layer.yaml: fact "weight" is not declared in shape/question.yaml`},
		"wrong type":          {square("{sides: four, paint: {warm: a, cold: b}}"), `fact "sides": four is not of type int`},
		"bool for an int":     {square("{sides: true, paint: {warm: a, cold: b}}"), `fact "sides": true is not of type int`},
		"wrong type in table": {square("{sides: 4, paint: {warm: 1, cold: b}}"), `fact "paint": 1 is not of type string`},
		"key missing":         {square("{sides: 4, paint: {warm: a}}"), `fact "paint": must have one value for each of warm, cold`},
		"key too many":        {square("{sides: 4, paint: {warm: a, cold: b, hot: c}}"), "must have one value for each of warm, cold"},
		"no table":            {square("{sides: 4, paint: a}"), "must have one value for each of warm, cold"},
		"bad directive":       {square("{sides: 4, paint: {warm: '<% nothing %>', cold: b}}"), `function "nothing" not defined`},
		"unknown axis":        {declare("{sides: {type: int}, paint: {type: string, by: shade}}"), `"shade" is not an axis of an earlier question`},
		"axis of a later question": {
			shop().with("colour/question.yaml", func(text string) string { return "facts: {hue: {type: int, by: size}}\n" + text }).
				adding("shape/question.yaml", "axes: {size: [big]}\n").adding("shape/square/layer.yaml", "axes: {size: big}\n").
				adding("colour/red/layer.yaml", "facts: {hue: {big: 1}}\n"),
			`"size" is not an axis of an earlier question`,
		},
		"no string in a list": {
			shop().with("shape/question.yaml", "title: S\norder: 20\ndefault: square\nfacts: {l: {type: list}}\n").
				with("shape/square/layer.yaml", "title: S\nfacts: {l: [a, 1]}\n"),
			`fact "l": [a 1] is not of type list`,
		},
		"axis not stated":     {shop().with("colour/red/layer.yaml", "title: R\n"), "colour/red/layer.yaml: axis tone must be one of warm, cold"},
		"axis of no value":    {shop().with("colour/red/layer.yaml", "title: R\naxes: {tone: hot}\n"), "colour/red/layer.yaml: axis tone must be one of warm, cold"},
		"axis of nobody":      {shop().adding("shape/square/layer.yaml", "axes: {shade: dark}\n"), `shape/square/layer.yaml: axis "shade" is not declared in shape/question.yaml`},
		"base without python": {shop().with("base/layer.yaml", "title: B\n"), "base/layer.yaml: python is missing"},
		"variant of no axis":  {shop().with("extras/bell/shade=dark/files/a", ""), `extras/bell/shade=dark: "dark" is no value of an axis`},
		"variant of no value": {shop().with("extras/bell/tone=hot/files/a", ""), `extras/bell/tone=hot: "hot" is no value of an axis`},
		"variant not covered": {shop().with("extras/bell/tone=cold/files/a", ""), "extras/bell: no folder says what happens for tone=warm"},
		"missing part":        {shop().adding("shape/square/layer.yaml", "includes: [frame]\n"), "shape/square includes frame: parts/frame/layer.yaml: "},
		"part in a circle": {
			shop().adding("shape/square/layer.yaml", "includes: [a]\n").
				with("parts/a/layer.yaml", "title: A\nincludes: [b]\n").with("parts/b/layer.yaml", "title: B\nincludes: [a]\n"),
			"parts/a includes itself",
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := test.tree.plan(t)
			wantError(t, err, test.want)
		})
	}
}

func TestParts(t *testing.T) {
	tree := shop().adding("extras/bell/layer.yaml", "includes: [rim]\n").with("parts/rim/layer.yaml", "title: Rim\n").
		with("shape/square/layer.yaml", "title: S\nincludes: [frame]\nfacts: {sides: 5}\n").
		with("parts/frame/layer.yaml", "title: Frame\nincludes: [rim]\nfacts: {sides: 3, paint: {warm: a, cold: b}}\n")
	plan, err := tree.plan(t)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, layer := range plan.Layers {
		ids = append(ids, layer.ID)
	}
	wantSame(t, ids, []string{"base", "colour/red", "parts/rim", "parts/frame", "shape/square", "extras/bell"})
	wantSame(t, plan.data["shape"].(map[string]any)["sides"], any(5)) // the layer's own fact outweighs the part's
	wantSame(t, plan.data["shape"].(map[string]any)["paint"], any("a"))
}

func TestLists(t *testing.T) {
	tree := shop().adding("colour/blue/layer.yaml", `
settings:
  - {name: A_KEY, secret: true, help: "<% .shape.title %>"}
  - {name: B_KEY, type: int, default: "", when: [tone=warm]}
services: [{name: brush, image: "%name%:1", environment: {A: "<% .extras | len %>"}}]
tasks: [{name: paint, commands: ["brush %package%"]}]
`)
	plan, err := tree.plan(t, "colour=blue", "extras=bell,horn")
	if err != nil {
		t.Fatal(err)
	}
	wantSame(t, plan.data["packages"], any([]any{ // the same package twice is no fault
		map[string]any{"name": "ring", "group": "runtime"}, map[string]any{"name": "ring", "group": "development"},
	}))
	settings := plan.data["settings"].([]any)
	if len(settings) != 1 {
		t.Fatalf("settings: %v", settings)
	}
	setting := settings[0].(map[string]any)
	for key, want := range map[string]any{
		"name": "A_KEY", "attribute": "a_key", "type": "string", "scope": "application", "secret": true, "help": "Square",
		"default": "", "has_default": false, "has_value": false, "minimum": 0,
	} {
		wantSame(t, setting[key], want)
	}
	service := plan.data["services"].([]any)[0].(map[string]any)
	wantSame(t, service["image"], any("my-shop:1"))
	wantSame(t, service["environment"], any(map[string]any{"A": "2"}))
	wantSame(t, plan.data["tasks"].([]any)[0].(map[string]any)["commands"], any([]any{"brush my_shop"}))
}

func TestListsRefuseDuplicates(t *testing.T) {
	for list, item := range map[string]string{"settings": "name: KEY", "services": "name: brush, image: a", "tasks": "name: paint"} {
		entry := list + ": [{" + item + "}]\n"
		_, err := shop().adding("base/layer.yaml", entry).adding("extras/bell/layer.yaml", entry).plan(t)
		wantError(t, err, "extras/bell/layer.yaml: "+list, "given by both base and extras/bell")
	}
}

func TestTwoOwners(t *testing.T) {
	for name, test := range map[string]struct {
		tree tree
		want string
	}{
		"of a file":            {shop().with("extras/bell/files/run.sh", ""), "run.sh: owned by both base and extras/bell"},
		"template and copy":    {shop().with("extras/bell/files/README.md", ""), "README.md: owned by both base and extras/bell"},
		"in one layer":         {shop().with("base/files/README.md", ""), "README.md: owned by both base and base"},
		"of a package's path":  {shop().with("extras/bell/files/%package%/x.py.tmpl", ""), "my_shop/x.py: owned by both base and extras/bell"},
		"a lock":               {shop().adding("extras/bell/layer.yaml", "locks: [{path: run.sh, writer: w, packages: [x]}]\n"), "run.sh: owned by both"},
		"the file and variant": {shop().with("extras/bell/tone=warm,cold/files/run.sh", ""), "run.sh: owned by both base and extras/bell"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := test.tree.plan(t)
			wantError(t, err, test.want)
		})
	}
}

func TestPackageIsAFolder(t *testing.T) {
	tree := shop().with("base/files/docs/a.md", "").with("base/files/Buildfile", "").adding("base/layer.yaml", "folders: [media]\n")
	for _, name := range []string{"docs", "buildfile", "media"} {
		_, err := tree.plan(t, "package="+name)
		wantUsage(t, err, "--package", `"`+name+`" is a folder of the repository`, "choose another with --package")
	}
	_, err := tree.plan(t)
	wantError(t, err)
}

func TestNext(t *testing.T) {
	plan, err := shop().adding("extras/bell/layer.yaml", "next: [{command: ring, help: second}]\n").
		adding("base/layer.yaml", "next: [{command: make %name%, help: first}]\n").plan(t)
	if err != nil {
		t.Fatal(err)
	}
	wantSame(t, plan.Next(), []Step{{Command: "make my-shop", Help: "first"}, {Command: "ring", Help: "second"}})
}
