package main

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	makeSpan  = regexp.MustCompile("`make ([a-z -]+)`")
	makeLine  = regexp.MustCompile(`(?m)^make ([a-z-]+(?: [a-z-]+)*)`)
	codeBlock = regexp.MustCompile("(?s)```sh\n.*?\n```")
	// A namespace, an address of a node's own, or a port in a network rule
	clusterOwn = regexp.MustCompile(`metadata\.name: (\S+)|cidr: (169[\d.]+)|- port: (\d+)`)
	makeTarget = regexp.MustCompile(`(?m)^([a-z-]+):`)
)

// TestCommandsOfDocuments follows what the documents of each preset tell somebody to type: each target exists, an image is built before
// it is pushed to a place that has a name, and code that a tool has written is formatted before the next check. What
// network rules take for granted of a cluster is told.
func TestCommandsOfDocuments(t *testing.T) {
	presets, err := library{}.allPresets()
	must(t, err)
	for _, preset := range presets {
		given, err := library{}.givenPreset(preset.Name)
		must(t, err)
		files := map[string]string{}
		for _, change := range buildFor(t, given) {
			files[change.Path] = string(change.Content)
		}
		var targets []string
		for _, target := range makeTarget.FindAllStringSubmatch(files["Makefile"], -1) {
			targets = append(targets, target[1])
		}
		for _, name := range []string{"README.md", "docs/production.md"} {
			found := makeSpan.FindAllStringSubmatch(files[name], -1)
			for _, block := range codeBlock.FindAllString(files[name], -1) {
				found = append(found, makeLine.FindAllStringSubmatch(block, -1)...)
			}
			if len(found) < 5 {
				t.Errorf("%s: %s has %d commands", preset.Name, name, len(found))
			}
			for _, command := range found {
				words := strings.Fields(command[1])
				for _, word := range words {
					if !slices.Contains(targets, word) {
						t.Errorf("%s: %s: make has no target %s: %s", preset.Name, name, word, command[0])
					}
				}
				if len(words) > 1 && slices.Contains(words, "publish") && words[0] != "image" {
					t.Errorf("%s: %s: nothing has been built: %s", preset.Name, name, command[0])
				}
			}
		}
		if _, models, _ := strings.Cut(files["README.md"], "After a change of the models:"); !strings.Contains(models, "`make format migrate`") {
			t.Errorf("%s: README.md leaves a new migration as its tool has written it", preset.Name)
		}
		if !strings.Contains(files["README.md"], "IMAGE_REPOSITORY") {
			t.Errorf("%s: README.md publishes without saying where to", preset.Name)
		}
		for _, rule := range clusterOwn.FindAllStringSubmatch(files["deploy/kubernetes/base/network.yaml"], -1) {
			if what := strings.Join(rule[1:], ""); !strings.Contains(files["docs/production.md"], what) {
				t.Errorf("%s: docs/production.md does not tell to look for %s in network.yaml", preset.Name, what)
			}
		}
	}
}
