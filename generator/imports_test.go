package generator

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/kitout/kitout/"

// TestImports holds the packages' boundaries; .golangci.yml says the same to those who have the linter.
func TestImports(t *testing.T) {
	engine := []string{"github.com/spf13/cobra", "charm.land", "github.com/charmbracelet", "os/exec", module + "generator/lock", module + "cmd", module + "templates", module + "presets"}
	denied := map[string][]string{ // by folder; the longest that fits counts
		".":                   {"charm.land", "github.com/charmbracelet"},
		"cmd/internal/prompt": {module + "templates", module + "presets"},
		"generator":           engine,
		"generator/merge":     append([]string{module + "generator"}, engine...),
	}
	allowed := map[string][]string{"templates": {"embed"}, "presets": {"embed"}}
	root := ".."
	files := 0
	must(t, filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		must(t, err)
		name, err := filepath.Rel(root, file)
		must(t, err)
		name = filepath.ToSlash(name)
		if entry.IsDir() {
			if name == "e2e" || name == "templates/base" || strings.HasPrefix(name, ".") && name != "." {
				return fs.SkipDir
			}
			return nil
		}
		if path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		files++
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		must(t, err)
		folder := path.Dir(name)
		rule := folder
		for denied[rule] == nil && rule != "." {
			rule = path.Dir(rule)
		}
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			must(t, err)
			if only, found := allowed[folder]; found && !slices.Contains(only, imported) {
				t.Errorf("%s imports %s; only %v is allowed there", name, imported, only)
			}
			for _, prefix := range denied[rule] {
				if imported == prefix || strings.HasPrefix(imported, prefix+"/") {
					t.Errorf("%s imports %s", name, imported)
				}
			}
		}
		return nil
	}))
	if files < 20 {
		t.Errorf("only %d files were looked at", files)
	}
}
