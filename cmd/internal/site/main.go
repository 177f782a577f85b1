// Command site writes the documentation as static pages: the Markdown of the repository, and a page for each question, preset and command,
// which it asks a built kitout for.
//
//	go run ./cmd/internal/site KITOUT FOLDER
package main

import (
	"bytes"
	"cmp"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kitout/kitout/generator/check"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: site KITOUT FOLDER")
		os.Exit(2)
	}
	if err := build(".", os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

//go:embed style.css
var style []byte

//go:embed pages.tmpl
var layout string

// page is one file of the site.
type page struct {
	Path  string // from the root of the site
	Title string
	Body  template.HTML
}

// site is what is written: pages, and files that are copied.
type site struct {
	root  string // the repository
	pages []page
	files map[string]string // in the site, and in the repository
	set   *template.Template
}

// build writes the site of the repository at root, of which kitout was built, into a folder. Files of an earlier one are replaced.
func build(root, kitout, folder string) error {
	kitout, err := filepath.Abs(kitout)
	if err != nil {
		return err
	}
	s := &site{root: root, files: map[string]string{}}
	if s.set, err = template.New("").Funcs(template.FuncMap{"section": func(n int) string { return check.Titles()[n-1] }, "join": strings.Join, "titled": func(title string, items []item) titled { return titled{title, items} }}).Parse(layout); err != nil {
		return err
	}
	if err := errors.Join(s.documents(), s.catalogue(kitout), s.commands(kitout)); err != nil {
		return err
	}
	return s.write(folder)
}

// documents renders the Markdown files, README.md as the index of its folder.
func (s *site) documents() error {
	names := []string{"README.md", "CONTRIBUTING.md"}
	err := fs.WalkDir(os.DirFS(s.root), "docs", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(name, ".md") {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, name := range names {
		source, err := os.ReadFile(filepath.Join(s.root, filepath.FromSlash(name)))
		if err != nil {
			return err
		}
		title, body, images, err := render(source)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		for _, image := range images {
			s.files[path.Join(path.Dir(name), image)] = path.Join(path.Dir(name), image)
		}
		s.pages = append(s.pages, page{pagePath(name), title, body})
	}
	if !slices.Contains(names, "docs/decisions/README.md") {
		return s.add("docs/decisions/index.html", "Decisions", "decisions", s.decisions())
	}
	return nil
}

func (s *site) decisions() (pages []page) {
	for _, p := range s.pages {
		if path.Dir(p.Path) == "docs/decisions" {
			pages = append(pages, page{Path: path.Base(p.Path), Title: p.Title})
		}
	}
	return pages
}

// add renders a page of a template.
func (s *site) add(name, title, body string, data any) error {
	var text bytes.Buffer
	if err := s.set.ExecuteTemplate(&text, body, data); err != nil {
		return err
	}
	s.pages = append(s.pages, page{name, title, template.HTML(text.String())}) // escaped by the template
	return nil
}

// The JSON of kitout, as far as the pages have it.
type (
	question struct {
		Name, Title, Help, Default string
		Several                    bool
		Facts                      []struct{ Name, Type, By, Help string }
		Choices                    []choice
	}
	choice struct {
		Name, Title, Help                   string
		Sections                            []int
		Requires, Conflicts, Prefers, Files []string
		Reason                              string
		Facts                               map[string]any
		Packages, Settings, Services, Tasks []item
	}
	item struct {
		Name, Help string
		When       []string
	}
	preset struct {
		Name, Title, Help string
		Answers           map[string]any
	}
)

// titled is a list of items under a heading.
type titled struct {
	Title string
	Items []item
}

// Fact writes the value of a fact as JSON.
func (c choice) Fact(name string) (string, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(c.Facts[name])
	return strings.TrimSpace(text.String()), err
}

// catalogue writes a page for each question, with its choices, and for each preset.
func (s *site) catalogue(kitout string) error {
	var questions []question
	if err := ask(&questions, kitout, "options", "--json"); err != nil {
		return err
	}
	for i := range questions {
		q := &questions[i]
		for j := range q.Choices {
			name := q.Choices[j].Name
			if err := ask(&q.Choices[j], kitout, "explain", q.Name+"="+name, "--json"); err != nil {
				return err
			}
			q.Choices[j].Name = name
		}
		if err := s.add("questions/"+q.Name+".html", q.Title, "question", q); err != nil {
			return err
		}
	}
	var presets []preset
	if err := ask(&presets, kitout, "presets", "--json"); err != nil {
		return err
	}
	for _, p := range presets {
		if err := s.add("presets/"+p.Name+".html", p.Title, "preset", p); err != nil {
			return err
		}
	}
	return errors.Join(s.add("questions/index.html", "What can be chosen", "questions", questions), s.add("presets/index.html", "Presets", "presets", presets))
}

// commands writes the help of each command.
func (s *site) commands(kitout string) error {
	folder, err := os.MkdirTemp("", "kitout-man")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	if _, err := output(kitout, "man", folder); err != nil {
		return err
	}
	manuals, err := filepath.Glob(filepath.Join(folder, "kitout-*.1"))
	if err != nil {
		return err
	}
	var names []string
	for _, manual := range manuals {
		words := strings.Split(strings.TrimSuffix(filepath.Base(manual), ".1"), "-")
		help, err := output(kitout, append([]string{"help"}, words[1:]...)...)
		if err != nil {
			return err
		}
		name := strings.Join(words[1:], "-")
		names = append(names, name)
		if err := s.add("commands/"+name+".html", strings.Join(words, " "), "command", string(help)); err != nil {
			return err
		}
	}
	return s.add("commands/index.html", "Commands", "commands", names)
}

// ask runs kitout without layers of whoever builds the site, and reads the JSON that it prints.
func ask(into any, kitout string, args ...string) error {
	text, err := output(kitout, args...)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}

func output(kitout string, args ...string) ([]byte, error) {
	command := exec.Command(kitout, args...)
	command.Env = append(os.Environ(), "XDG_CONFIG_HOME="+os.DevNull)
	text, err := command.Output()
	if exit, is := errors.AsType[*exec.ExitError](err); is {
		err = fmt.Errorf("kitout %s: %s", strings.Join(args, " "), exit.Stderr)
	}
	return text, err
}

// group is a part of the navigation.
type group struct {
	Title string
	Pages []page
}

// guides are the pages of docs in the order of the navigation, before those that it does not know.
var guides = []string{"index.html", "docs/index.html", "docs/commands.html", "docs/existing.html", "docs/updating.html", "docs/check.html", "docs/own.html", "docs/layers.html",
	"docs/security.html", "docs/compared.html"}

// navigation sorts the pages into groups, with paths as they are from the page at hand.
func (s *site) navigation(from string) []group {
	groups := []group{{Title: "Guides"}, {Title: "Questions"}, {Title: "Presets"}, {Title: "Commands"}}
	folders := map[string]int{".": 0, "docs": 0, "questions": 1, "presets": 2, "commands": 3}
	for _, p := range s.pages {
		if at, shown := folders[path.Dir(p.Path)]; shown {
			groups[at].Pages = append(groups[at].Pages, page{Path: relative(from, p.Path), Title: p.Title})
		}
	}
	place := func(p page) int {
		name := strings.TrimLeft(p.Path, "./")
		if strings.HasSuffix(name, "/index.html") && !strings.HasPrefix(name, "docs/") {
			return 0
		}
		if i := slices.Index(guides, name); i >= 0 {
			return i
		}
		return len(guides)
	}
	for _, group := range groups { // an index is first, and the others keep their order
		slices.SortStableFunc(group.Pages, func(a, b page) int { return cmp.Compare(place(a), place(b)) })
	}
	return groups
}

// relative is the way from one page to another.
func relative(from, to string) string {
	return strings.Repeat("../", strings.Count(from, "/")) + to
}

func (s *site) write(folder string) error {
	for _, p := range s.pages {
		var text bytes.Buffer
		data := map[string]any{"Page": p, "Root": strings.Repeat("../", strings.Count(p.Path, "/")), "Navigation": s.navigation(p.Path)}
		if err := s.set.ExecuteTemplate(&text, "page", data); err != nil {
			return err
		}
		if err := put(folder, p.Path, text.Bytes()); err != nil {
			return err
		}
	}
	for name, source := range s.files {
		data, err := os.ReadFile(filepath.Join(s.root, filepath.FromSlash(source)))
		if err != nil {
			return err
		}
		if err := put(folder, name, data); err != nil {
			return err
		}
	}
	return put(folder, "style.css", style)
}

func put(folder, name string, data []byte) error {
	file := filepath.Join(folder, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, data, 0o644)
}
