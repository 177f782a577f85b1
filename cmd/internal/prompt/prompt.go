// Package prompt asks a person at a terminal. It is the only importer of huh.
package prompt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/charmbracelet/huh"
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

// Ask puts the questions that are not known yet: the main ones first, the others if they are wanted. It returns only what
// was asked. The answers at hand are the preselected ones.
func Ask(ctx context.Context, catalog *generator.Catalog, answers *generator.Answers, known map[string]bool, in io.Reader, out io.Writer) (map[string][]string, error) {
	var first, rest []*generator.Question
	for _, question := range catalog.Questions {
		switch {
		case known[question.Name] || len(question.Choices) == 1:
		case question.Main:
			first = append(first, question)
		default:
			rest = append(rest, question)
		}
	}
	asked := map[string][]string{}
	if err := askAll(ctx, catalog, answers, first, asked, in, out); err != nil || len(rest) == 0 {
		return asked, err
	}
	more := false
	title := fmt.Sprintf("Customise %d more? (no: the recommended choices)", len(rest))
	if err := run(ctx, in, out, huh.NewConfirm().Title(title).Value(&more)); err != nil || !more {
		return asked, err
	}
	return asked, askAll(ctx, catalog, answers, rest, asked, in, out)
}

// Confirm asks a question of yes or no; yes is preselected.
func Confirm(ctx context.Context, title string, in io.Reader, out io.Writer) (bool, error) {
	agreed := true
	err := run(ctx, in, out, huh.NewConfirm().Title(title).Value(&agreed))
	return agreed, err
}

func askAll(ctx context.Context, catalog *generator.Catalog, answers *generator.Answers, questions []*generator.Question, asked map[string][]string, in io.Reader, out io.Writer) error {
	for _, question := range questions {
		chosen := append([]string(nil), answers.Choices[question.Name]...)
		field, err := fieldFor(catalog, question, &chosen)
		if err != nil {
			return err
		}
		if err := run(ctx, in, out, field); err != nil {
			return err
		}
		asked[question.Name] = chosen
	}
	return nil
}

func fieldFor(catalog *generator.Catalog, question *generator.Question, chosen *[]string) (huh.Field, error) {
	options := make([]huh.Option[string], len(question.Choices))
	for i, name := range question.Choices {
		layer, err := catalog.Layer(question.Name, name)
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
	if question.Several {
		return huh.NewMultiSelect[string]().Title(question.Title).Description(question.Help).Options(options...).Value(chosen), nil
	}
	return huh.NewSelect[string]().Title(question.Title).Description(question.Help).Options(options...).Accessor(first{chosen}), nil
}

// first lets a select work on the only element of a list.
type first struct{ list *[]string }

func (f first) Get() string      { return (*f.list)[0] }
func (f first) Set(value string) { *f.list = []string{value} }

// run shows one field. Accessible mode writes plain lines, for screen readers and terminals that cannot move the cursor.
func run(ctx context.Context, in io.Reader, out io.Writer, field huh.Field) error {
	form := huh.NewForm(huh.NewGroup(field)).WithInput(in).WithOutput(out).
		WithAccessible(os.Getenv("ACCESSIBLE") != "" || os.Getenv("TERM") == "dumb")
	if os.Getenv("NO_COLOR") != "" {
		form = form.WithTheme(huh.ThemeBase())
	}
	err := form.RunWithContext(ctx)
	if ctx.Err() != nil && errors.Is(err, huh.ErrUserAborted) {
		return ctx.Err()
	}
	return err
}
