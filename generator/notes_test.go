package generator

import "testing"

func TestNotes(t *testing.T) {
	templates := shop().with("notes.yaml", `
- {version: 1.10.0, text: third}
- {version: 1.2.0, when: [colour=red], text: first}
- {version: 1.2.0, when: [colour=blue], text: another}
- {version: 1.3.0, when: [tone=warm, "extras=bell|horn"], text: second}
`)
	plan, err := templates.plan(t)
	must(t, err)
	for since, want := range map[string][]string{
		"1.1.9": {"first", "second", "third"}, "1.2.0": {"second", "third"}, "1.9.0": {"third"}, "1.10.0": nil, "2.0.0": nil, "dev": nil,
		"1.2.0-rc.1": {"first", "second", "third"},
	} {
		notes, err := plan.Notes(since)
		must(t, err)
		var got []string
		for _, note := range notes {
			got = append(got, note.Text)
		}
		wantSame(t, got, want)
	}
	for text, problem := range map[string]string{
		"- {version: 1, text: a}":                             `notes.yaml: "1" is no version`,
		"- {version: 1.0.0}":                                  "notes.yaml: 1.0.0: text is missing",
		"- {version: 1.0.0, text: a, if: b}":                  "notes.yaml: yaml:",
		"- {version: 1.0.0, when: [nobody=knows], text: a}\n": "notes.yaml: 1.0.0: condition nobody=knows",
	} {
		plan, err := shop().with("notes.yaml", text).plan(t)
		must(t, err)
		_, err = plan.Notes("0.1.0")
		wantError(t, err, problem)
	}
	plan, err = shop().plan(t)
	must(t, err)
	if notes, err := plan.Notes("0.1.0"); err != nil || notes != nil {
		t.Errorf("%v, %v", notes, err)
	}
}
