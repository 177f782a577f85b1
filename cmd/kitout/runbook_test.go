package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/kitout/kitout/generator"
)

var (
	alertName    = regexp.MustCompile(`(?m)^ *- alert: (\w+)$`)
	referredPage = regexp.MustCompile(`see "([^"]+)"`)
)

// TestRunbook wants an entry of the runbook for each alert, and a heading for each entry that another one refers to.
func TestRunbook(t *testing.T) {
	for _, framework := range []string{"django", "flask", "fastapi"} {
		for _, domain := range []string{"", "shop.example.com"} {
			changes := buildFor(t, generator.Given{Origin: "%s", Values: map[string][]string{
				"framework": {framework}, "database": {"postgres"}, "metrics": {"prometheus"}, "domain": {domain}, "email": {"admin@example.com"},
			}})
			files := map[string]string{}
			for _, change := range changes {
				files[change.Path] = string(change.Content)
			}
			_, runbook, found := strings.Cut(files["docs/production.md"], "\n## Runbook\n")
			alerts := alertName.FindAllStringSubmatch(files["deploy/prometheus/alerts.yml"], -1)
			if !found || len(alerts) < 8 {
				t.Fatalf("%s: %d alerts, and a runbook: %t", framework, len(alerts), found)
			}
			for _, alert := range alerts {
				if !strings.Contains(runbook, "`"+alert[1]+"`") {
					t.Errorf("%s %s: the runbook does not say what to do about %s", framework, domain, alert[1])
				}
			}
			for _, page := range referredPage.FindAllStringSubmatch(runbook, -1) {
				if !strings.Contains(runbook, "\n### "+page[1]+"\n") {
					t.Errorf("%s %s: the runbook has no %q", framework, domain, page[1])
				}
			}
		}
	}
}
