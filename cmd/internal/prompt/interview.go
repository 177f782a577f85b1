package prompt

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"charm.land/huh/v2"
	"github.com/kitout/kitout/generator"
	"golang.org/x/term"
)

// Start is a named set of answers to begin with.
type Start struct {
	Name, Title, Help string
	Keys              []string // what it answers
}

// Interview asks what a new repository is to be: where to start, the main questions and the domain, and then everything else
// that is wanted, from a list that shows what the answers are.
type Interview struct {
	Catalog *generator.Catalog
	Options generator.Options
	Starts  []Start         // none: that is decided already
	Known   map[string]bool // what is decided already, and asked only in the list
	In      io.Reader
	Out     io.Writer

	// Resolve lays what was asked over what is known and over the start of that name, which may be empty.
	Resolve func(start string, asked map[string][]string) (*generator.Answers, error)
	// Show tells all that there will be.
	Show func(*generator.Plan) error
	// Summary says in a line or two what there will be.
	Summary func(*generator.Plan) (string, error)

	start  string
	asked  map[string][]string
	plain  bool
	width  int
	height int
}

// Ask returns the plan that the person agrees to, and ErrAborted if there is none.
func (s *Interview) Ask(ctx context.Context) (*generator.Plan, error) {
	s.asked = map[string][]string{}
	s.plain = plain()
	s.width, s.height = sizeOf(s.Out)
	all, err := s.fields()
	if err != nil {
		return nil, err
	}
	first := slices.DeleteFunc(slices.Clone(all), func(f field) bool { return !f.main || s.Known[f.key] })
	if slices.ContainsFunc(first, func(f field) bool { return f.options != nil }) && len(s.Starts) > 0 {
		first = append([]field{s.starts()}, first...)
	}
	for at := 0; ; {
		for at < len(first) {
			if s.isLeftOut(first[at]) {
				at++
				continue
			}
			switch err := s.ask(ctx, first[at], s.place(first, at)); {
			case errors.Is(err, errBack):
				at = s.before(first, at)
			case err != nil:
				return nil, err
			default:
				at++
			}
		}
		plan, err := s.review(ctx, all)
		if !errors.Is(err, errBack) {
			return plan, err
		}
		at = s.before(first, len(first))
	}
}

// place says which of how many questions one is.
func (s *Interview) place(fields []field, at int) string {
	number, all := 0, 0
	for i, f := range fields {
		if !s.isLeftOut(f) {
			all++
			if i <= at {
				number++
			}
		}
	}
	return fmt.Sprintf(" (%d of %d)", number, all)
}

// before is the last field in front of one that can be asked, or that one if there is none.
func (s *Interview) before(fields []field, at int) int {
	for i := at - 1; i >= 0; i-- {
		if !s.isLeftOut(fields[i]) {
			return i
		}
	}
	return min(at, len(fields))
}

// field is something to ask; without options the answer is free.
type field struct {
	key, title, help string
	options          []option
	several, main    bool
	needs            string // another free answer without which this one makes no sense
	sections         map[string][]int
}

// option is one answer: title and help are apart, since a list of answers has no room for help.
type option struct{ value, title, help string }

// startKey is the field that is no answer, but where answers come from.
const startKey = ""

// starts asks where to start.
func (s *Interview) starts() field {
	asked := field{key: startKey, title: "Start from", help: "All of it can be changed afterwards", main: true}
	asked.options = append(asked.options, option{"", "The recommended answers", "one question at a time"})
	for _, start := range s.Starts {
		asked.options = append(asked.options, option{start.Name, start.Title, start.Help})
	}
	return asked
}

// fields returns all that can be asked, in the order of the list.
func (s *Interview) fields() (all []field, err error) {
	for _, question := range s.Catalog.Questions {
		if len(question.Choices) == 1 {
			continue
		}
		asked := field{
			key: question.Name, title: question.Title, help: question.Help, several: question.Several, main: question.Main,
			sections: map[string][]int{},
		}
		for _, name := range question.Choices {
			layer, err := s.Catalog.Layer(question.Name, name)
			if err != nil {
				return nil, err
			}
			asked.options = append(asked.options, option{name, layer.Title, layer.Help})
			asked.sections[name] = layer.Sections
		}
		all = append(all, asked)
	}
	pythons, err := s.Catalog.Pythons()
	if err != nil {
		return nil, err
	}
	for _, free := range generator.Free {
		asked := field{key: free.Key, title: free.Title, help: free.Help, needs: free.Needs, main: free.Main}
		if free.Key == "python" { // the base says which there are
			for _, image := range pythons {
				asked.options = append(asked.options, option{value: image, title: image})
			}
		}
		all = append(all, asked)
	}
	slices.SortStableFunc(all, func(a, b field) int {
		return cmp.Compare(a.place(), b.place())
	})
	return all, nil
}

// place orders fields: the main ones, then the others by the first section of the checklist that an answer serves, then those
// that serve none.
func (f field) place() int {
	if f.main {
		return 0
	}
	first := math.MaxInt
	for _, sections := range f.sections {
		for _, section := range sections {
			first = min(first, section)
		}
	}
	return first
}

// isLeftOut says that there is no sense in asking for it: it was decided by the start, or misses another answer.
func (s *Interview) isLeftOut(f field) bool {
	for _, start := range s.Starts {
		if start.Name == s.start && slices.Contains(start.Keys, f.key) {
			return true
		}
	}
	if f.needs == "" {
		return false
	}
	answers, _ := s.Resolve(s.start, s.asked)
	return answers == nil || answers.Value(f.needs)[0] == ""
}

// ask puts one question; place stands behind its title.
func (s *Interview) ask(ctx context.Context, f field, place string) error {
	answers, err := s.Resolve(s.start, s.asked)
	if answers == nil {
		return err
	}
	chosen := []string{s.start}
	if f.key != startKey {
		chosen = slices.Clone(answers.Value(f.key))
	}
	refused, err := s.Catalog.Refusals(answers)
	if err != nil {
		return err
	}
	recommended, err := s.recommended(f.key, answers)
	if err != nil {
		return err
	}
	before := slices.Clone(chosen)
	if err := run(ctx, s.In, s.Out, s.widget(f, place, refused, recommended, &chosen)); err != nil {
		return err
	}
	for i, word := range chosen {
		chosen[i] = strings.TrimSpace(word)
	}
	switch {
	case f.key == startKey:
		s.start = chosen[0]
	case !slices.Equal(chosen, before): // what follows from other answers goes on doing so
		s.asked = s.with(f.key, chosen)
	}
	return nil
}

// recommended are the choices of a question beside the answers to the main ones, wherever those come from.
func (s *Interview) recommended(key string, present *generator.Answers) ([]string, error) {
	if s.Catalog.Question(key) == nil {
		return nil, nil
	}
	others := maps.Clone(s.asked)
	for _, question := range s.Catalog.Questions {
		if question.Main {
			others[question.Name] = present.Value(question.Name)
		}
	}
	delete(others, key)
	answers, err := s.Resolve(startKey, others)
	if answers == nil {
		return nil, err
	}
	return answers.Value(key), nil
}

// with is what was asked with one more answer, and without those that make no sense by it.
func (s *Interview) with(key string, words []string) map[string][]string {
	asked := maps.Clone(s.asked)
	asked[key] = words
	for _, free := range generator.Free {
		if free.Needs == key && words[0] == "" {
			delete(asked, free.Key)
		}
	}
	return asked
}

// widget shows a field, what is recommended of it, and why what is refused, by question=choice, does not go with the other answers.
func (s *Interview) widget(f field, place string, refused map[string]*generator.UsageError, recommended []string, chosen *[]string) huh.Field {
	one := func(word string) error { return s.check(f.key, strings.TrimSpace(word)) }
	title := f.title + place
	if s.plain {
		title += ": " + f.help // there, huh shows nothing but titles
	}
	var offered []huh.Option[string]
	helps := map[string]string{}
	for _, option := range f.options {
		help := option.help
		if refusal := refused[f.key+"="+option.value]; refusal != nil {
			help = "not now: " + inWords(refusal)
		}
		helps[option.value] = help
		label := option.title
		if slices.Contains(recommended, option.value) {
			label += " (recommended)"
		}
		if help != "" && !s.isNarrow() {
			label += " – " + help
		}
		offered = append(offered, huh.NewOption(label, option.value))
	}
	switch {
	case f.several:
		return huh.NewMultiSelect[string]().Title(title).Description(f.help).Options(offered...).Value(chosen).
			Validate(func(words []string) error { return s.check(f.key, words...) })
	case f.options != nil:
		list := huh.NewSelect[string]().Title(title).Description(f.help).Options(offered...).Value(&(*chosen)[0]).Validate(one)
		if s.isNarrow() { // no room but for the one at the cursor
			lines := 0
			for _, help := range helps {
				lines = max(lines, len(help)*4/3/s.width+1) // words that do not fit leave part of a line empty
			}
			list.DescriptionFunc(func() string { return cmp.Or(helps[(*chosen)[0]], f.help) }, &(*chosen)[0]).Height(1 + lines + len(offered))
		}
		return list
	}
	return huh.NewInput().Title(title).Description(f.help).Value(&(*chosen)[0]).Validate(one)
}

// check says what is wrong with one more answer. Nothing is with a start: what does not go with it is asked for.
func (s *Interview) check(key string, words ...string) error {
	if key == startKey {
		return nil
	}
	_, err := s.plan(s.start, s.with(key, words))
	if usage, is := errors.AsType[*generator.UsageError](err); is {
		return errors.New(inWords(usage))
	}
	return err
}

func inWords(usage *generator.UsageError) string {
	return strings.TrimSuffix(usage.Problem, ".") + "; " + usage.Hint
}

func (s *Interview) plan(start string, asked map[string][]string) (*generator.Plan, error) {
	answers, err := s.Resolve(start, asked)
	if err != nil {
		return nil, err
	}
	return s.Catalog.NewPlan(answers, s.Options)
}

// What can be done with the list of answers, beside changing one.
const (
	writeAll = "write"
	showAll  = "show"
)

// review shows all answers, lets each be changed, and returns the plan when it is agreed to.
func (s *Interview) review(ctx context.Context, all []field) (*generator.Plan, error) {
	chosen := writeAll
	for {
		plan, err := s.plan(s.start, s.asked)
		usage, is := errors.AsType[*generator.UsageError](err)
		if err != nil && !is {
			return nil, err
		}
		title, words := "Is it this?", ""
		var offered []huh.Option[string]
		if is {
			title, words = usage.Problem, usage.Hint
		} else {
			if words, err = s.Summary(plan); err != nil {
				return nil, err
			}
			offered = append(offered, huh.NewOption("Yes, write it", writeAll), huh.NewOption("Show the files", showAll))
		}
		answers, err := s.Resolve(s.start, s.asked)
		if answers == nil {
			return nil, err
		}
		for _, f := range all {
			if f.needs == "" || answers.Value(f.needs)[0] != "" {
				offered = append(offered, huh.NewOption(s.row(f, answers.Value(f.key)), "answer "+f.key))
			}
		}
		if s.plain {
			title += " " + words
		}
		list := huh.NewSelect[string]().Title(title).Description(words).Options(offered...).Value(&chosen)
		if room := s.height - 3; len(offered)+4 > room { // of a form that is too high, huh shows the end
			list.Height(room)
		}
		if err := run(ctx, s.In, s.Out, list); err != nil {
			return nil, err
		}
		switch key, isAnswer := strings.CutPrefix(chosen, "answer "); {
		case isAnswer:
			i := slices.IndexFunc(all, func(f field) bool { return f.key == key })
			if err := s.ask(ctx, all[i], ""); err != nil && !errors.Is(err, errBack) {
				return nil, err
			}
			chosen = writeAll // most change little
		case chosen == showAll:
			if err := s.Show(plan); err != nil {
				return nil, err
			}
		default:
			return plan, nil
		}
	}
}

// isNarrow says that there is no room for columns, nor for the help of each option.
func (s *Interview) isNarrow() bool { return !s.plain && s.width < 60 }

// row is a line of the list: a title and its answer.
func (s *Interview) row(f field, words []string) string {
	var shown []string
	for _, word := range words {
		title := word
		for _, option := range f.options {
			if option.value == word {
				title = option.title
			}
		}
		shown = append(shown, title)
	}
	answer := cmp.Or(strings.Join(shown, ", "), "none")
	if s.plain || s.isNarrow() {
		return f.title + ": " + answer
	}
	var sections []string
	for _, word := range words {
		for _, section := range f.sections[word] {
			sections = append(sections, strconv.Itoa(section))
		}
	}
	slices.Sort(sections)
	return strings.TrimRight(fmt.Sprintf("%-20s %-28s %s", f.title, answer, strings.Join(slices.Compact(sections), " ")), " ")
}

// sizeOf is how many columns and lines a terminal has.
func sizeOf(out io.Writer) (width, height int) {
	if file, is := out.(*os.File); is {
		if width, height, err := term.GetSize(int(file.Fd())); err == nil {
			return width, height
		}
	}
	return 80, 24
}
