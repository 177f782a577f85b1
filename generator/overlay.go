package generator

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
)

// LoadOverlay reads the questions and the names of their choices from a tree of templates over which another one is laid. A file of the
// upper tree stands in the place of the lower one's of the same path, whether either ends in .tmpl; all else of both is there. What no
// tree of templates has is an error, so that a folder that is misspelt does not count for nothing.
func LoadOverlay(lower, upper fs.FS) (*Catalog, error) {
	outside, err := layersOf(lower, upper)
	if err != nil {
		return nil, err
	}
	catalog, err := LoadCatalog(overlay{upper, lower})
	if err != nil {
		return nil, err
	}
	catalog.outside = outside
	return catalog, nil
}

// Outside returns the IDs of the layers of which at least one file is from the upper tree, sorted.
func (c *Catalog) Outside() []string { return slices.Sorted(maps.Keys(c.outside)) }

// OutsideFiles returns the files of a layer that are from the upper tree, as paths below the layer, sorted.
func (c *Catalog) OutsideFiles(id string) []string { return c.outside[id] }

// Outside returns those of the plan's layers of which at least one file is from the upper tree, sorted.
func (p *Plan) Outside() []string {
	ids := []string{}
	for _, layer := range p.Layers {
		if p.catalog.outside[layer.ID] != nil {
			ids = append(ids, layer.ID)
		}
	}
	slices.Sort(ids)
	return ids
}

// The files of a tree of templates that belong to no layer: in its root, and in the folder of a question.
var (
	rootFiles     = []string{notesFile, FilesFile}
	questionFiles = []string{questionFile, OthersFile}
)

// layersOf finds the layers that a tree of templates has files of, and refuses what no such tree has. lower is what it is laid over.
func layersOf(lower, upper fs.FS) (map[string][]string, error) {
	layers := map[string][]string{}
	err := fs.WalkDir(upper, ".", func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if hidden := strings.HasPrefix(entry.Name(), ".") && file != "."; entry.IsDir() {
			if hidden && !inLayer(file) {
				return fs.SkipDir // git's own, an editor's
			}
			return nil
		} else if hidden && !inLayer(file) {
			return nil
		}
		if !entry.Type().IsRegular() {
			return fmt.Errorf("%s: is no regular file", file)
		}
		parts := strings.Split(file, "/")
		depth := 2 // of a choice or a part
		if parts[0] == BaseLayer {
			depth = 1
		}
		switch {
		case len(parts) == 1 && (slices.Contains(rootFiles, file) || isDocument(file)):
			return nil
		case len(parts) == 2 && depth == 2 && parts[0] != PartsFolder && (slices.Contains(questionFiles, parts[1]) || isDocument(file)):
			return nil
		case len(parts) <= depth:
			return fmt.Errorf("%s: is no file of a layer", file)
		}
		id, rest := path.Join(parts[:depth]...), parts[depth:]
		for len(rest) > 1 && strings.Contains(rest[0], "=") {
			rest = rest[1:]
		}
		if name := path.Join(parts[depth:]...); name != layerFile && !isDocument(name) && (len(rest) < 2 || rest[0] != "files" && rest[0] != "slots") && rest[0] != keepFile {
			return fmt.Errorf("%s: a layer has %s, and files below files/ and slots/", file, layerFile)
		}
		layers[id] = append(layers[id], path.Join(parts[depth:]...))
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, id := range slices.Sorted(maps.Keys(layers)) {
		if _, err := fs.Stat(overlay{upper, lower}, path.Join(id, layerFile)); err != nil {
			return nil, fmt.Errorf("%s: is missing, and there is no built-in layer %s", path.Join(id, layerFile), id)
		}
	}
	return layers, nil
}

// keepFile keeps an empty folder for one value of an axis in git.
const keepFile = ".keep"

// isDocument says whether a file is for those who keep the folder, and nothing is made of it.
func isDocument(file string) bool {
	return !strings.Contains(file, "/") && (strings.HasPrefix(file, "README") || strings.HasPrefix(file, "LICENSE"))
}

// inLayer says whether a path is below the files or slots of a layer, where names may begin with a dot.
func inLayer(file string) bool {
	return strings.Contains(file, "/files/") || strings.Contains(file, "/slots/") || path.Base(file) == keepFile
}

// overlay is a tree of files over another one.
type overlay struct{ upper, lower fs.FS }

var (
	_ fs.ReadDirFS  = overlay{}
	_ fs.ReadFileFS = overlay{}
	_ fs.StatFS     = overlay{}
)

// of returns the tree that has the file. The lower one's does not count where the upper one has it with the other suffix.
func (o overlay) of(name string) fs.FS {
	if _, err := fs.Stat(o.upper, name); err == nil {
		return o.upper
	}
	if info, err := fs.Stat(o.upper, twin(name)); err == nil && !info.IsDir() {
		return o.upper // where it is not
	}
	return o.lower
}

// twin is the path of a template as a plain file, or the other way round.
func twin(name string) string {
	if plain, is := strings.CutSuffix(name, templateSuffix); is {
		return plain
	}
	return name + templateSuffix
}

func (o overlay) Open(name string) (fs.File, error)     { return o.of(name).Open(name) }
func (o overlay) ReadFile(name string) ([]byte, error)  { return fs.ReadFile(o.of(name), name) }
func (o overlay) Stat(name string) (fs.FileInfo, error) { return fs.Stat(o.of(name), name) }

// ReadDir lists what both trees have in a folder, sorted by name.
func (o overlay) ReadDir(name string) ([]fs.DirEntry, error) {
	above, err := fs.ReadDir(o.upper, name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if name == "." { // git's own, an editor's
		above = slices.DeleteFunc(above, func(entry fs.DirEntry) bool { return strings.HasPrefix(entry.Name(), ".") })
	}
	below, lowerErr := fs.ReadDir(o.lower, name)
	if err != nil {
		return below, lowerErr
	}
	named := map[string]fs.DirEntry{}
	for _, entry := range above {
		named[entry.Name()] = entry
	}
	entries := slices.Clone(above)
	for _, entry := range below {
		other, replaced := named[twin(entry.Name())]
		if named[entry.Name()] == nil && !(replaced && !other.IsDir() && !entry.IsDir()) {
			entries = append(entries, entry)
		}
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return cmp.Compare(a.Name(), b.Name()) })
	return entries, nil
}

// Facts returns the facts that a layer states, with those of the parts that it includes, as they stand in the files: tables by an axis
// are whole, and directives are not executed.
func (c *Catalog) Facts(layer *Layer) (map[string]any, error) {
	facts := map[string]any{}
	for _, part := range layer.Includes {
		included, err := readLayer(c.fsys, path.Join(PartsFolder, part), nil)
		if err != nil {
			return nil, err
		}
		maps.Copy(facts, included.Facts)
	}
	maps.Copy(facts, layer.Facts)
	return facts, nil
}

// OpenSlots returns the names of the slots that the files and slots of a layer and of the parts that it includes open, sorted.
func (c *Catalog) OpenSlots(layer *Layer) ([]string, error) {
	open := map[string]bool{}
	err := c.withParts(layer, 0, func(layer *Layer) error {
		return fs.WalkDir(c.fsys, layer.ID, func(file string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(file, templateSuffix) {
				return err
			}
			data, err := fs.ReadFile(c.fsys, file)
			_, slots := prepare(string(data))
			for _, slot := range slots {
				open[slot] = true
			}
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(open)), nil
}
