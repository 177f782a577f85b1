package detect_test

import (
	"testing"
	"time"

	"github.com/kitout/kitout/generator"
	"github.com/kitout/kitout/templates"
)

// TestSignsAreRead reads the signs of every choice.
func TestSignsAreRead(t *testing.T) {
	start := time.Now()
	catalog, err := generator.LoadCatalog(templates.FS)
	if err != nil {
		t.Fatal(err)
	}
	for _, question := range catalog.Questions {
		signs, err := catalog.Signs(question.Name)
		if err != nil {
			t.Fatal(err)
		}
		for _, choice := range question.Choices {
			if choice == "none" {
				continue
			}
			found := false
			for _, signed := range signs {
				found = found || signed.Choice == choice && signed.Offered
			}
			if !found {
				t.Errorf("%s/%s/layer.yaml: no signs under detect:", question.Name, choice)
			}
		}
	}
	t.Log(time.Since(start))
}
