// Package prompt asks a person at a terminal. It is the only importer of huh.
package prompt

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"

	tea "charm.land/bubbletea/v2"
	"charm.land/huh/v2"
	"golang.org/x/term"
)

// ErrAborted is returned when the person gives up.
var ErrAborted = huh.ErrUserAborted

// errBack is returned when the person wants the screen before.
var errBack = errors.New("back")

// Terminal says whether both streams are a terminal, so that somebody can answer.
func Terminal(in io.Reader, out io.Writer) bool { return isTerminal(in) && isTerminal(out) }

func isTerminal(stream any) bool {
	file, is := stream.(*os.File)
	return is && term.IsTerminal(int(file.Fd()))
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
	back := false
	// Before huh sees it: a form of one field has nothing to go back to. Escape ends a filter, while there is one.
	filter := tea.WithFilter(func(_ tea.Model, message tea.Msg) tea.Msg {
		key, is := message.(tea.KeyPressMsg)
		filtering, can := field.(interface{ GetFiltering() bool })
		if !is || key.String() != "shift+tab" && (key.String() != "esc" || can && filtering.GetFiltering()) {
			return message
		}
		back = true
		form.CancelCmd = tea.Quit // which leaves nothing on the screen, as an answer does
		return tea.KeyPressMsg{Code: 'c', Mod: tea.ModCtrl}
	})
	err := form.WithProgramOptions(filter).WithInput(in).WithOutput(out).RunWithContext(ctx)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case back:
		return errBack
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
