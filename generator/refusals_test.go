package generator

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRefusals(t *testing.T) {
	given := func(values map[string][]string) Given { return Given{Origin: "%s", Values: values} }
	templates := shop().
		adding("colour/blue/layer.yaml", "conflicts: [extras=horn]\nreason: because\n").
		adding("shape/none/layer.yaml", "requires: [tone=cold]\nreason: why\n")
	for name, test := range map[string]struct {
		given Given
		want  map[string]string
	}{
		"not asked yet": {given(nil), map[string]string{}},
		"one axis":      {given(map[string][]string{"colour": {"red"}}), map[string]string{"shape=none": "--shape none: needs tone=cold: why, or colour=blue"}},
		"one of others": {given(map[string][]string{"colour": {"blue"}}), map[string]string{"extras=horn": "--colour blue: does not go with extras=horn: because, or extras=bell"}},
		"both ways":     {given(map[string][]string{"extras": {"horn"}, "shape": {"square"}}), map[string]string{"colour=blue": "--colour blue: does not go with extras=horn: because, or extras=bell", "shape=none": "--colour blue: does not go with extras=horn: because, or extras=bell"}},
		// they do not go together as they are: that is no fault of what could be chosen in their place
		"already refused": {given(map[string][]string{"colour": {"blue"}, "extras": {"horn"}}), map[string]string{}},
	} {
		t.Run(name, func(t *testing.T) {
			catalog := templates.catalog(t)
			answers, err := catalog.Resolve("my-shop", nil, test.given)
			if err != nil {
				t.Fatal(err)
			}
			refusals, err := catalog.Refusals(answers)
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]string{}
			for pair, refusal := range refusals {
				got[pair] = refusal.Error()
				for _, instead := range refusal.Instead {
					got[pair] += ", or " + instead
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Who chooses a cluster need not know that its proxy is another's
func TestRequiredFollows(t *testing.T) {
	templates := shop().
		adding("colour/blue/layer.yaml", "requires: [extras=horn]\n").
		adding("shape/none/layer.yaml", "requires: [tone=cold]\nreason: why\n")
	resolve := func(pairs ...string) map[string][]string {
		answers, err := templates.catalog(t).Resolve("my-shop", nil, given("--%s", pairs...))
		if err != nil {
			t.Fatal(err)
		}
		return answers.Choices
	}
	wantSame(t, resolve("shape=none"), map[string][]string{"shape": {"none"}, "colour": {"blue"}, "extras": {"bell", "horn"}})
	// What was said stays, and is refused where it stands
	wantSame(t, resolve("shape=none", "colour=red"), map[string][]string{"shape": {"none"}, "colour": {"red"}, "extras": {"bell"}})
	wantSame(t, resolve("colour=blue", "extras=horn,bell"), map[string][]string{"shape": {"square"}, "colour": {"blue"}, "extras": {"bell", "horn"}})
	wantSame(t, resolve("extras=bell"), map[string][]string{"shape": {"square"}, "colour": {"red"}, "extras": {"bell"}})
}

// What most would take beside a choice is taken, unless somebody has said something: on the command line, or in the defaults.
func TestPreferred(t *testing.T) {
	catalog := shop().adding("colour/blue/layer.yaml", "prefers: [extras=horn, shape=none]\n").catalog(t)
	resolve := func(pairs ...string) map[string][]string {
		answers, err := catalog.Resolve("my-shop", nil, given("--%s", pairs...))
		if err != nil {
			t.Fatal(err)
		}
		return answers.Choices
	}
	wantSame(t, resolve(), map[string][]string{"shape": {"square"}, "colour": {"red"}, "extras": {"bell"}})
	wantSame(t, resolve("colour=blue"), map[string][]string{"shape": {"none"}, "colour": {"blue"}, "extras": {"horn"}})
	wantSame(t, resolve("colour=blue", "extras=bell"), map[string][]string{"shape": {"none"}, "colour": {"blue"}, "extras": {"bell"}})
	existing := resolve("colour=blue", "entry=shop.wsgi:application")
	wantSame(t, existing, map[string][]string{"shape": {"square"}, "colour": {"blue"}, "extras": {"bell"}})
	if err := catalog.SetDefaults(given("defaults: %s", "colour=blue", "shape=square")); err != nil {
		t.Fatal(err)
	}
	wantSame(t, resolve(), map[string][]string{"shape": {"square"}, "colour": {"blue"}, "extras": {"horn"}})

	_, err := shop().adding("colour/blue/layer.yaml", "prefers: [extras=drum]\n").catalog(t).Resolve("my-shop", nil, given("--%s", "colour=blue"))
	wantUsage(t, err, "colour/blue/layer.yaml: prefers extras=drum", `unknown choice "drum"`, "valid: bell, horn")
	_, err = shop().adding("shape/none/layer.yaml", "prefers: [extras=horn]\n").plan(t, "shape=none")
	wantError(t, err, "shape/none/layer.yaml", "only for the choices of a main question")
}
