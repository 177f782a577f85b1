package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/kitout/kitout/generator"
	"github.com/kitout/kitout/presets"
	"github.com/kitout/kitout/templates"
	"github.com/spf13/cobra"
)

// library is what users lay over the layers, presets and defaults that are built in. Its folders are named on the command line or stand in
// the user's configuration; empty: there is none.
type library struct {
	templates string // a folder of layers
	presets   string // a folder of presets
	defaults  string // a file of answers

	named   bool // the folder of layers was named on the command line
	without bool // an empty name was: the built-in layers are wanted alone
}

// The names of the flags, and of what stands in the configuration.
const (
	templatesFlag = "templates"
	defaultsFlag  = "defaults"
	presetsFolder = "presets"
)

// libraryOf reads the flags of a command line. The questions are flags as well, so that the layers have to be known before it is parsed.
func libraryOf(args []string) library {
	l := library{}
	if folder := configuration(); folder != "" {
		l.templates = ifThere(filepath.Join(folder, templatesFlag))
		l.presets = ifThere(filepath.Join(folder, presetsFolder))
		l.defaults = ifThere(filepath.Join(folder, defaultsFlag+presetSuffix))
	}
	for i, arg := range args {
		name, value, whole := strings.Cut(arg, "=")
		if arg == "--" {
			break
		}
		if !whole && i+1 < len(args) {
			value = args[i+1]
		}
		switch name {
		case "--" + templatesFlag:
			l.templates, l.named, l.without = value, value != "", value == ""
		case "--" + defaultsFlag:
			l.defaults = value
		}
	}
	return l
}

// configuration is kitout's folder in the user's configuration, or "" on a machine that has no place for it.
func configuration() string {
	folder := os.Getenv("XDG_CONFIG_HOME")
	if folder == "" {
		folder, _ = os.UserConfigDir()
	}
	if !filepath.IsAbs(folder) { // as the XDG base directory specification has it
		return ""
	}
	return filepath.Join(folder, "kitout")
}

func ifThere(name string) string {
	if _, err := os.Stat(name); err != nil {
		return ""
	}
	return name
}

// libraryFlags defines the flags of libraryOf for a command, whose values are read there.
func libraryFlags(cmd *cobra.Command, defaults bool) {
	define(cmd.Flags(), templatesFlag, "DIR", "layers of your own (default: the folder templates of kitout's configuration)")
	mustComplete(cmd, templatesFlag, nil, cobra.ShellCompDirectiveFilterDirs)
	if defaults {
		define(cmd.Flags(), defaultsFlag, "FILE", "defaults of your own (default: defaults.yaml of kitout's configuration)")
		mustComplete(cmd, defaultsFlag, nil, cobra.ShellCompDirectiveDefault)
	}
}

// catalog reads the questions and choices that are built in, and those of the user's own.
func (l library) catalog() (*generator.Catalog, error) {
	catalog, err := l.layers()
	if err != nil || l.defaults == "" {
		return catalog, err
	}
	given, err := givenFile(defaultsFlag, l.defaults)
	if err != nil {
		return nil, err
	}
	return catalog, catalog.SetDefaults(given)
}

func (l library) layers() (*generator.Catalog, error) {
	if l.templates == "" {
		return loadCatalog()
	}
	root, err := os.OpenRoot(l.templates) // which no link leads out of; open as long as kitout runs
	if err != nil {
		return nil, &generator.UsageError{Flag: "--" + templatesFlag, Problem: l.templates + ": " + generator.Cause(err).Error(), Hint: "name a folder of layers"}
	}
	catalog, err := generator.LoadOverlay(templates.FS, root.FS())
	if err != nil {
		return nil, l.located(err)
	}
	if l.named {
		catalog.Templates = l.templates
	}
	return catalog, nil
}

// located puts the folder of the layers before an error about a file in it.
func (l library) located(err error) error {
	place, problem, _ := strings.Cut(err.Error(), ": ")
	return &generator.FileError{
		Path: filepath.ToSlash(filepath.Join(l.templates, filepath.FromSlash(place))), Problem: problem,
		Hint: "kitout layer check tells more; --templates '' does without layers of your own",
	}
}

// allPresets reads the presets that are built in and those of the user's own, by name.
func (l library) allPresets() ([]preset, error) {
	builtin, err := readPresets(presets.FS, "")
	if err != nil || l.presets == "" {
		return builtin, err
	}
	root, err := os.OpenRoot(l.presets)
	if err != nil {
		return nil, &generator.FileError{Path: l.presets, Problem: generator.Cause(err).Error(), Hint: "it is the folder of your own presets"}
	}
	defer func() { _ = root.Close() }()
	own, err := readPresets(root.FS(), filepath.ToSlash(l.presets)+"/")
	return mergePresets(builtin, own), err
}

// presetNames are the names of all presets, for completion.
func (l library) presetNames() (names []string) {
	trees := []fs.FS{presets.FS}
	if l.presets != "" {
		trees = append(trees, os.DirFS(l.presets))
	}
	for _, tree := range trees {
		files, _ := fs.Glob(tree, "*"+presetSuffix)
		for _, file := range files {
			names = append(names, strings.TrimSuffix(file, presetSuffix))
		}
	}
	return names
}
