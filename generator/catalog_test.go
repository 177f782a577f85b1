package generator

import "testing"

func TestLoadCatalog(t *testing.T) {
	catalog := shop().catalog(t)
	var names []string
	for _, question := range catalog.Questions {
		names = append(names, question.Name)
	}
	wantSame(t, names, []string{"colour", "shape", "extras"})
	wantSame(t, catalog.Question("colour").Choices, []string{"red", "blue"}) // the default first
	wantSame(t, catalog.Question("shape").Choices, []string{"square", "none"})
	if catalog.Question("parts") != nil || catalog.Question("base") != nil {
		t.Error("base and parts are no questions")
	}
}

func TestLoadCatalogRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		tree tree
		want []string
	}{
		"bad yaml":             {shop().with("colour/question.yaml", "title: [\n"), []string{"colour/question.yaml: ", "yaml: "}},
		"unknown key":          {shop().adding("colour/question.yaml", "colour: 1\n"), []string{"colour/question.yaml: ", "line 6: field colour not found"}},
		"default is no choice": {shop().with("colour/red/layer.yaml", nil), []string{`colour/question.yaml: default "red" is none of the choices blue`}},
		"no question.yaml":     {shop().with("colour/question.yaml", nil), []string{"colour/question.yaml: ", "not exist"}},
		"no questions":         {tree{"base/layer.yaml": "title: Base\n"}, []string{"templates: no question.yaml"}},
		"unknown type of fact": {shop().adding("colour/question.yaml", "facts: {hue: {type: strnig}}\n"), []string{`colour/question.yaml: fact "hue": type "strnig" is none of`}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := LoadCatalog(test.tree.fs())
			wantError(t, err, test.want...)
		})
	}
}

func TestLayerRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                                "title is missing",
		"title: X\nfacst: {}\n":           "line 2: field facst not found",
		"title: X\nrequires: [colour]\n":  `line 2: condition "colour" is not of the form question=choice or axis=value`,
		"title: X\nrequires: [=red]\n":    `condition "=red"`,
		"title: X\nconflicts: ['shape=']": `condition "shape="`,
		"title: X\npackages: [{name: a, group: dev}]\n":    `package a: group "dev" is none of runtime, development`,
		"title: X\nsettings: [{name: A, type: text}]\n":    `setting A: type "text" is none of`,
		"title: X\nsettings: [{name: A, scope: here}]\n":   `setting A: scope "here" is none of`,
		"title: X\nsettings: [{name: A, defualt: here}]\n": "field defualt not found",
		"title: X\nfiles: {a: {policy: lock}}\n":           `files a: unknown policy "lock"`,
		"title: X\nservices: [{name: a, port: seven}]\n":   "cannot unmarshal",
	} {
		_, err := shop().with("colour/red/layer.yaml", text).plan(t)
		wantError(t, err, "colour/red/layer.yaml: ", want)
	}
}
