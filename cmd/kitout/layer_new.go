package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/kitout/kitout/generator"
	"github.com/kitout/kitout/templates"
	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"
)

func newLayerNew(s streams) *cobra.Command {
	return &cobra.Command{
		Use:   "new QUESTION/CHOICE [DIR]",
		Short: "Write the beginnings of a layer",
		Long: `Write the beginnings of a layer into DIR (default: the folder templates of kitout's
configuration): all that its question asks of a choice, with the values of the
question's default choice. A question that there is not is begun as well. No file
that exists is changed.`,
		Example: `  kitout layer new ci/woodpecker
  kitout layer new database/cockroach ../our-layers`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 || !layerName().MatchString(args[0]) {
				return &generator.UsageError{Flag: "QUESTION/CHOICE", Problem: "name a layer, in lower case", Hint: "for example: kitout layer new ci/woodpecker"}
			}
			return oneFolder(cmd, args[1:])
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveFilterDirs
			}
			catalog, err := s.library.catalog()
			if err != nil {
				return nil, cobra.ShellCompDirectiveError
			}
			var names []string
			for _, question := range catalog.Questions {
				names = append(names, question.Name+"/")
			}
			return names, cobra.ShellCompDirectiveNoSpace | cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			folder, err := ownFolder(args[1:])
			if err != nil {
				return err
			}
			return writeLayer(args[0], folder, s)
		},
	}
}

func newLayerCopy(s streams) *cobra.Command {
	return &cobra.Command{
		Use:   "copy FILE [DIR]",
		Short: "Copy a file of a built-in layer, to replace it",
		Long: `Copy a file of the built-in layers into DIR (default: the folder templates of
kitout's configuration), where it stands in the place of the built-in one. kitout
explain names the file that one of a repository is made of.`,
		Example: `  kitout layer copy base/files/Makefile.tmpl
  kitout layer copy ci/github/layer.yaml ../our-layers`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return &generator.UsageError{Flag: "FILE", Problem: "name a file of a layer", Hint: "for example: kitout layer copy base/files/Makefile.tmpl"}
			}
			return oneFolder(cmd, args[1:])
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveFilterDirs
			}
			return builtinFiles(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			folder, err := ownFolder(args[1:])
			if err != nil {
				return err
			}
			data, err := fs.ReadFile(templates.FS, args[0])
			if err != nil {
				hint := "kitout explain names the file that one of a repository is made of"
				if near := generator.Nearest(args[0], builtinFiles()); near != "" {
					hint = fmt.Sprintf("did you mean %q? %s", near, hint)
				}
				return &generator.UsageError{Flag: "FILE", Problem: "no layer has " + args[0], Hint: hint}
			}
			return writeSkeleton(folder, map[string][]byte{args[0]: data}, s)
		},
	}
}

// builtinFiles are the files of the built-in layers.
func builtinFiles() (files []string) {
	_ = fs.WalkDir(templates.FS, ".", func(file string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && strings.Contains(file, "/") {
			files = append(files, file)
		}
		return err
	})
	return files
}

// layerName is a question and a choice that no shell and no file system takes for something else.
func layerName() *regexp.Regexp {
	return regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*/[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
}

func writeLayer(id, folder string, s streams) error {
	own := library{templates: ifThere(folder)} // the question may be from there
	catalog, err := own.layers()
	if err != nil {
		return err
	}
	question, choice, _ := strings.Cut(id, "/")
	if question == generator.BaseLayer || question == generator.PartsFolder {
		return &generator.UsageError{Flag: "QUESTION/CHOICE", Problem: question + " is no question", Hint: "copy the file of the built-in layer that you want to replace"}
	}
	files := map[string][]byte{}
	if asked := catalog.Question(question); asked != nil {
		files, err = skeleton(catalog, asked, choice)
		if err != nil {
			return err
		}
	} else {
		files[question+"/question.yaml"] = fmt.Appendf(nil, "title: %s\nhelp: What it is about.\norder: 900 # behind the built-in ones\ndefault: %s\n", title(question), nothing)
		files[question+"/"+nothing+"/layer.yaml"] = []byte("title: None\n")
		files[id+"/layer.yaml"] = fmt.Appendf(nil, "title: %s\nhelp: What it is.\nsections: [] # of the checklist that it serves\n", title(choice))
	}
	return writeSkeleton(folder, files, s)
}

// writeSkeleton writes files that must not be there yet, and names them.
func writeSkeleton(folder string, files map[string][]byte, s streams) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("%s: %w", folder, generator.Cause(err))
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return fmt.Errorf("%s: %w", folder, generator.Cause(err))
	}
	defer func() { _ = root.Close() }()
	for file := range files {
		if _, err := root.Lstat(filepath.FromSlash(file)); err == nil {
			return &generator.ConflictError{Folder: folder, Paths: []string{file}, Problem: "exists already"}
		}
	}
	for file, text := range files {
		name := filepath.FromSlash(file)
		if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return fmt.Errorf("%s: %w", path.Join(folder, file), generator.Cause(err))
		}
		if err := writeFresh(root, name, text); err != nil {
			return fmt.Errorf("%s: %w", path.Join(folder, file), generator.Cause(err))
		}
	}
	for _, file := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(s.out, "create    %s\n", filepath.ToSlash(filepath.Join(folder, filepath.FromSlash(file))))
	}
	return nil
}

// writeFresh never writes over a file, also one that has come just now.
func writeFresh(root *os.Root, name string, text []byte) error {
	file, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	return errors.Join(err, file.Close())
}

func title(name string) string {
	return strings.ToUpper(name[:1]) + strings.ReplaceAll(name[1:], "-", " ")
}

// skeleton returns the files of a choice that states all that its question asks for, with the values of the question's default choice.
func skeleton(catalog *generator.Catalog, question *generator.Question, choice string) (map[string][]byte, error) {
	model, err := catalog.Layer(question.Name, question.Default)
	if err != nil {
		return nil, err
	}
	facts, err := catalog.Facts(model)
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	fmt.Fprintf(&text, "title: %s\nhelp: What it is.\nsections: %s # of the checklist that it serves\n", title(choice), flow(model.Sections))
	if len(question.Axes) > 0 {
		fmt.Fprintf(&text, "axes:\n")
	}
	for _, axis := range slices.Sorted(maps.Keys(question.Axes)) {
		fmt.Fprintf(&text, "  %s: %s # one of %s\n", axis, model.Axes[axis], strings.Join(question.Axes[axis], ", "))
	}
	if len(question.Facts) > 0 {
		fmt.Fprintf(&text, "facts: # the values are those of %s\n", question.Default)
	}
	for _, name := range slices.Sorted(maps.Keys(question.Facts)) {
		value, err := yaml.Marshal(map[string]any{name: facts[name]})
		if err != nil {
			return nil, err
		}
		fact := question.Facts[name]
		help := fact.Type
		if fact.By != "" {
			help += " by " + fact.By
		}
		if fact.Help != "" {
			help += ": " + fact.Help
		}
		fmt.Fprintf(&text, "  # %s\n", strings.Join(strings.Fields(help), " "))
		for line := range strings.Lines(string(value)) {
			text.WriteString("  " + line)
		}
	}
	id := question.Name + "/" + choice
	files := map[string][]byte{id + "/layer.yaml": text.Bytes()}
	slots, err := catalog.OpenSlots(model)
	if err != nil {
		return nil, err
	}
	if len(slots) > 0 {
		var opened strings.Builder
		fmt.Fprintf(&opened, "Other layers fill these slots. Move each to its place in a file of the layer, and delete this one.\n")
		for _, slot := range slots {
			fmt.Fprintf(&opened, "\n%s:\n\n    <%% slot %q %%>\n", slot, slot)
		}
		files[id+"/files/SLOTS.md.tmpl"] = []byte(opened.String())
	}
	return files, nil
}

func flow(numbers []int) string {
	return strings.ReplaceAll(fmt.Sprint(append([]int{}, numbers...)), " ", ", ")
}
