package main

import (
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/kitout/kitout/generator"
	"github.com/kitout/kitout/templates"
)

var (
	directive = regexp.MustCompile(`(?s)<%-?(.*?)%>`)
	quoted    = regexp.MustCompile("\"[^\"]*\"|`[^`]*`")
	named     = regexp.MustCompile(`\b(define|template|block)\s+"`)
)

// TestLayersKnowNoOtherChoice keeps the names of choices out of the directives of every folder but the choice's own:
// templates ask for facts, so that a choice can be added without touching another.
func TestLayersKnowNoOtherChoice(t *testing.T) {
	catalog, err := loadCatalog()
	must(t, err)
	owners := map[string][]string{} // by name or title of a choice: its folders
	for _, question := range catalog.Questions {
		for _, choice := range question.Choices {
			layer, err := catalog.Layer(question.Name, choice)
			must(t, err)
			for _, name := range []string{choice, strings.ToLower(layer.Title)} {
				if name != "none" {
					owners[name] = append(owners[name], layer.ID)
				}
			}
		}
	}
	must(t, fs.WalkDir(templates.FS, ".", func(file string, entry fs.DirEntry, err error) error {
		must(t, err)
		if entry.IsDir() || !strings.HasSuffix(file, ".tmpl") && path.Base(file) != "layer.yaml" {
			return nil
		}
		data, err := fs.ReadFile(templates.FS, file)
		must(t, err)
		for _, match := range directive.FindAllStringSubmatch(string(data), -1) {
			if named.MatchString(match[1]) {
				t.Errorf("%s: %s: the engine refuses named templates", file, match[0])
			}
			for _, literal := range quoted.FindAllString(match[1], -1) {
				folders := owners[strings.ToLower(literal[1:len(literal)-1])]
				if folders != nil && !slices.ContainsFunc(folders, func(folder string) bool { return strings.HasPrefix(file, folder+"/") }) {
					t.Errorf("%s: %s names a choice of %s: ask for a fact", file, match[0], folders[0])
				}
			}
		}
		return nil
	}))
}

// TestLayersAreRead reads every layer, the parts as well: one that no combination uses is no less wrong when it is broken.
func TestLayersAreRead(t *testing.T) {
	catalog, err := loadCatalog()
	must(t, err)
	used := map[string]bool{}
	var read func(folder, name string)
	read = func(folder, name string) {
		layer, err := catalog.Layer(folder, name)
		if err != nil {
			t.Error(err)
			return
		}
		for pattern := range layer.Files {
			if !ruleFits(layer.ID, pattern) {
				t.Errorf("%s/layer.yaml: no file of the layer is called %s", layer.ID, pattern)
			}
		}
		for _, condition := range slices.Concat(layer.Requires, layer.Conflicts) {
			if question := catalog.Question(condition.Left); question != nil && question.Name == folder {
				t.Errorf("%s/layer.yaml: %s is about its own question", layer.ID, condition)
			}
		}
		for _, part := range layer.Includes {
			if !used[part] {
				used[part] = true
				read(generator.PartsFolder, part)
			}
		}
	}
	read(".", generator.BaseLayer)
	for _, question := range catalog.Questions {
		for _, choice := range question.Choices {
			read(question.Name, choice)
		}
	}
	parts, err := fs.ReadDir(templates.FS, generator.PartsFolder)
	must(t, err)
	for _, part := range parts {
		if !used[part.Name()] {
			t.Errorf("parts/%s: no layer includes it", part.Name())
		}
	}
}

// ruleFits says whether a rule for files is about a file that the layer has.
func ruleFits(layer, pattern string) bool {
	found := false
	_ = fs.WalkDir(templates.FS, layer, func(file string, entry fs.DirEntry, err error) error {
		_, name, inFiles := strings.Cut(strings.TrimSuffix(file, ".tmpl"), "/files/")
		dir, isDir := strings.CutSuffix(pattern, "/**")
		if err == nil && inFiles && !entry.IsDir() && (name == pattern || isDir && strings.HasPrefix(name, dir+"/")) {
			found = true
		}
		return err
	})
	return found
}

var leavesEarly = regexp.MustCompile(`[^|]\|\s*grep\b[^|\n]*\s(--quiet|--silent|-[A-Za-z]*q)`)

// TestPipesAreRead keeps a grep that leaves with the first line it finds from the end of a pipe: what still writes is ended for
// it, and the pipe has then failed, as scripts have set pipefail, though the line is there. It fails on busy machines alone.
func TestPipesAreRead(t *testing.T) {
	must(t, fs.WalkDir(templates.FS, ".", func(file string, entry fs.DirEntry, err error) error {
		must(t, err)
		if entry.IsDir() {
			return nil
		}
		data, err := fs.ReadFile(templates.FS, file)
		must(t, err)
		for _, pipe := range leavesEarly.FindAllString(string(data), -1) {
			t.Errorf("%s: %q: give grep the whole text by <<<", file, pipe)
		}
		return nil
	}))
}
