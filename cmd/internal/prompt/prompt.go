// Package prompt asks a person at a terminal. It is the only importer of huh.
package prompt

import (
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"charm.land/huh/v2"
	"github.com/kitout/kitout/generator"
	"golang.org/x/term"
)

// ErrAborted is returned when the person gives up.
var ErrAborted = huh.ErrUserAborted

// Terminal says whether both streams are a terminal, so that somebody can answer.
func Terminal(in io.Reader, out io.Writer) bool { return isTerminal(in) && isTerminal(out) }

func isTerminal(stream any) bool {
	file, is := stream.(*os.File)
	return is && term.IsTerminal(int(file.Fd()))
}

// Ask puts the questions that are not known yet: the main ones and the domain first, the others if they are wanted. It
// returns only what was asked. resolve lays answers over the known ones: what comes of it is preselected, and a value is
// asked for again when it, or the plan of the whole, is refused.
func Ask(ctx context.Context, catalog *generator.Catalog, options generator.Options, known map[string]bool,
	resolve func(map[string][]string) (*generator.Answers, error), in io.Reader, out io.Writer,
) (map[string][]string, error) {
	s := &interview{catalog: catalog, options: options, resolve: resolve, in: in, out: out, asked: map[string][]string{}}
	first, rest, err := s.fields(known)
	if err != nil {
		return nil, err
	}
	if err := s.ask(ctx, first); err != nil || len(rest) == 0 {
		return s.asked, err
	}
	var titles []string
	for _, field := range rest {
		titles = append(titles, field.title)
	}
	more := false
	confirm := huh.NewConfirm().Title("Customise the rest?").Value(&more).
		Description(strings.Join(titles, ", ") + ": no takes what is recommended")
	if err := run(ctx, in, out, confirm); err != nil || !more {
		return s.asked, err
	}
	return s.asked, s.ask(ctx, rest)
}

// Confirm asks a question of yes or no; agreed is preselected.
func Confirm(ctx context.Context, title string, agreed bool, in io.Reader, out io.Writer) (bool, error) {
	err := run(ctx, in, out, huh.NewConfirm().Title(title).Value(&agreed))
	return agreed, err
}

// Option is one of several things to choose from.
type Option struct{ Label, Value string }

// One asks for one of the options; that of the value chosen is preselected, or else the first.
func One(ctx context.Context, title string, options []Option, chosen string, in io.Reader, out io.Writer) (string, error) {
	offered := make([]huh.Option[string], len(options))
	for i, option := range options {
		offered[i] = huh.NewOption(option.Label, option.Value)
	}
	err := run(ctx, in, out, huh.NewSelect[string]().Title(title).Options(offered...).Value(&chosen))
	return chosen, err
}

// Line asks for a line of text that check finds nothing wrong with.
func Line(ctx context.Context, title string, check func(string) error, in io.Reader, out io.Writer) (string, error) {
	line := ""
	err := run(ctx, in, out, huh.NewInput().Title(title).Validate(func(s string) error { return check(strings.TrimSpace(s)) }).Value(&line))
	return strings.TrimSpace(line), err
}

// Several asks for any number of options; all are preselected. It returns their values.
func Several(ctx context.Context, title string, options []Option, in io.Reader, out io.Writer) ([]string, error) {
	offered, chosen := make([]huh.Option[string], len(options)), make([]string, len(options))
	for i, option := range options {
		offered[i], chosen[i] = huh.NewOption(option.Label, option.Value), option.Value
	}
	err := run(ctx, in, out, huh.NewMultiSelect[string]().Title(title).Options(offered...).Value(&chosen))
	return chosen, err
}

// interview is one run through the questions.
type interview struct {
	catalog *generator.Catalog
	options generator.Options
	resolve func(map[string][]string) (*generator.Answers, error)
	in      io.Reader
	out     io.Writer
	asked   map[string][]string
}

// field is something to ask; without options the answer is free.
type field struct {
	key, title, help string
	options          []huh.Option[string]
	several          bool
	needs            string // another free answer without which this one makes no sense
}

// fields returns what is to be asked first, and what may be left alone.
func (s *interview) fields(known map[string]bool) (first, rest []field, err error) {
	for _, question := range s.catalog.Questions {
		if known[question.Name] || len(question.Choices) == 1 {
			continue
		}
		options, err := s.choices(question)
		if err != nil {
			return nil, nil, err
		}
		asked := field{key: question.Name, title: question.Title, help: question.Help, options: options, several: question.Several}
		if question.Main {
			first = append(first, asked)
		} else {
			rest = append(rest, asked)
		}
	}
	base, err := s.catalog.Base()
	if err != nil {
		return nil, nil, err
	}
	for _, free := range generator.Free {
		asked := field{key: free.Key, title: free.Title, help: free.Help, needs: free.Needs}
		if free.Key == "python" { // the base says which there are
			asked.options = huh.NewOptions(base.Python.Images...)
		}
		switch {
		case known[free.Key]:
		case free.Main:
			first = append(first, asked)
		default:
			rest = append(rest, asked)
		}
	}
	return first, rest, nil
}

func (s *interview) choices(question *generator.Question) ([]huh.Option[string], error) {
	options := make([]huh.Option[string], len(question.Choices))
	for i, name := range question.Choices {
		layer, err := s.catalog.Layer(question.Name, name)
		if err != nil {
			return nil, err
		}
		label := layer.Title
		if name == question.Default {
			label += " (recommended)"
		}
		if layer.Help != "" {
			label += " – " + layer.Help
		}
		options[i] = huh.NewOption(label, name)
	}
	return options, nil
}

func (s *interview) ask(ctx context.Context, fields []field) error {
	for _, field := range fields {
		answers, err := s.resolve(s.asked)
		if err != nil {
			return err
		}
		if field.needs != "" && answers.Value(field.needs)[0] == "" {
			continue
		}
		chosen := slices.Clone(answers.Value(field.key))
		if err := run(ctx, s.in, s.out, s.widget(field, &chosen)); err != nil {
			return err
		}
		for i, word := range chosen {
			chosen[i] = strings.TrimSpace(word)
		}
		s.asked[field.key] = chosen
	}
	return nil
}

func (s *interview) widget(f field, chosen *[]string) huh.Field {
	one := func(word string) error { return s.check(f.key, strings.TrimSpace(word)) }
	title := f.title
	if plain() {
		title += ": " + f.help // there, huh shows nothing but titles
	}
	switch {
	case f.several:
		return huh.NewMultiSelect[string]().Title(title).Description(f.help).Options(f.options...).Value(chosen).
			Validate(func(words []string) error { return s.check(f.key, words...) })
	case f.options != nil:
		return huh.NewSelect[string]().Title(title).Description(f.help).Options(f.options...).Value(&(*chosen)[0]).Validate(one)
	}
	return huh.NewInput().Title(title).Description(f.help).Value(&(*chosen)[0]).Validate(one)
}

// check says what is wrong with one more answer.
func (s *interview) check(key string, words ...string) error {
	asked := maps.Clone(s.asked)
	asked[key] = words
	answers, err := s.resolve(asked)
	if err == nil {
		_, err = s.catalog.NewPlan(answers, s.options)
	}
	if usage, is := errors.AsType[*generator.UsageError](err); is {
		return errors.New(usage.Problem + "; " + usage.Hint)
	}
	return err
}

// plain says whether to write lines of text, for screen readers and terminals that cannot move the cursor.
func plain() bool { return os.Getenv("ACCESSIBLE") != "" || os.Getenv("TERM") == "dumb" }

// run shows one field.
func run(ctx context.Context, in io.Reader, out io.Writer, field huh.Field) error {
	form := huh.NewForm(huh.NewGroup(field)).WithOutput(out)
	if plain() || os.Getenv("NO_COLOR") != "" { //nolint:misspell // the variable's own spelling
		form = form.WithTheme(huh.ThemeFunc(huh.ThemeBase))
	}
	if plain() {
		return runPlain(ctx, form, in)
	}
	err := form.WithInput(in).RunWithContext(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// runPlain shows a form as lines of text. There, huh goes on reading when the context ends, and takes the end of the input
// for an answer.
func runPlain(ctx context.Context, form *huh.Form, in io.Reader) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	done := make(chan error, 1)
	go func() { done <- form.WithAccessible(true).WithInput(ending{in, func() { cancel(ErrAborted) }}).Run() }()
	select {
	case <-ctx.Done():
	case err := <-done:
		if ctx.Err() == nil {
			return err
		}
	}
	return context.Cause(ctx)
}

// ending tells that its input has ended.
type ending struct {
	io.Reader
	tell func()
}

func (e ending) Read(data []byte) (int, error) {
	n, err := e.Reader.Read(data)
	if err != nil {
		e.tell()
	}
	return n, err
}
