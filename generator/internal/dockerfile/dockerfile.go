// Package dockerfile reads the files that container images are built from, as far as their instructions go. It takes what BuildKit
// takes (continuation lines, escape directive, here-documents, exec form) and never fails: what is no instruction is left out.
package dockerfile

import (
	"encoding/json"
	"strings"

	"github.com/kitout/kitout/generator/internal/lazy"
)

// File is one Dockerfile.
type File struct {
	Global []Instruction // before the first FROM: arguments
	Stages []Stage
}

// Stage is one FROM with all that follows it.
type Stage struct {
	Name         string // as lower case, or ""
	Image        string // an image, or the name of an earlier stage
	From         Instruction
	Instructions []Instruction
}

// Instruction is one instruction, its continuation lines joined.
type Instruction struct {
	Name     string   // upper case
	Flags    []string // such as --mount=type=cache,target=/root
	Text     string   // what follows the flags, without comments; backslash and newline are a space
	Exec     []string // the words of the exec form; nil: the shell form
	Document string   // the here-documents' text
	Line     int      // of its first line, from 1
}

var (
	directive = lazy.Regexp(`(?i)^#\s*escape\s*=\s*(\S)\s*$`)
	anyParser = lazy.Regexp(`(?i)^#\s*[a-z]+\s*=`)
	heredoc   = lazy.Regexp(`<<-?\s*["']?([A-Za-z_][A-Za-z0-9_]*)["']?`)
)

// Parse reads a Dockerfile.
func Parse(text string) *File {
	file := &File{}
	lines := strings.Split(strings.ReplaceAll(strings.TrimPrefix(text, "\uFEFF"), "\r\n", "\n"), "\n")
	escape := escapeOf(lines)
	for i := 0; i < len(lines); {
		if skipped(lines[i]) {
			i++
			continue
		}
		instruction, next := read(lines, i, escape)
		i = next
		file.add(instruction)
	}
	return file
}

// escapeOf looks for the directive in the comments that begin the file.
func escapeOf(lines []string) string {
	for _, line := range lines {
		if match := directive().FindStringSubmatch(line); match != nil {
			return match[1]
		}
		if !anyParser().MatchString(line) {
			break
		}
	}
	return `\`
}

func skipped(line string) bool {
	line = strings.TrimSpace(line)
	return line == "" || line[0] == '#'
}

// read takes one instruction, and returns the number of the line after it.
func read(lines []string, i int, escape string) (Instruction, int) {
	instruction := Instruction{Line: i + 1}
	var parts []string
	for ; i < len(lines); i++ {
		if len(parts) > 0 && skipped(lines[i]) {
			continue // comments and empty lines between continued ones
		}
		line := strings.TrimRight(lines[i], " \t")
		continued := strings.HasSuffix(line, escape)
		parts = append(parts, strings.TrimSpace(strings.TrimSuffix(line, escape)))
		if !continued {
			i++
			break
		}
	}
	name, rest, _ := strings.Cut(strings.TrimSpace(strings.Join(parts, " ")), " ")
	if tab := strings.IndexByte(name, '\t'); tab > 0 {
		name, rest = name[:tab], name[tab+1:]+" "+rest
	}
	instruction.Name = strings.ToUpper(name)
	instruction.Flags, instruction.Text = flags(strings.TrimSpace(rest))
	if strings.Contains("RUN COPY ADD", instruction.Name) {
		instruction.Document, i = documents(instruction.Text, lines, i)
	}
	if strings.HasPrefix(instruction.Text, "[") {
		var words []string
		if json.Unmarshal([]byte(instruction.Text), &words) == nil {
			instruction.Exec = append([]string{}, words...)
		}
	}
	return instruction, i
}

func flags(text string) (flags []string, rest string) {
	for strings.HasPrefix(text, "--") {
		flag, after, _ := strings.Cut(text, " ")
		flags, text = append(flags, flag), strings.TrimSpace(after)
	}
	return flags, text
}

// documents takes the here-documents that a line opens. One that is never closed goes to the end.
func documents(text string, lines []string, i int) (string, int) {
	var body []string
	for _, match := range heredoc().FindAllStringSubmatch(text, -1) {
		for ; i < len(lines); i++ {
			if strings.TrimLeft(lines[i], "\t") == match[1] {
				i++
				break
			}
			body = append(body, lines[i])
		}
	}
	return strings.Join(body, "\n"), i
}

func (f *File) add(instruction Instruction) {
	switch {
	case instruction.Name == "FROM":
		stage := Stage{From: instruction}
		words := strings.Fields(instruction.Text)
		if len(words) > 0 {
			stage.Image = words[0]
		}
		if len(words) == 3 && strings.EqualFold(words[1], "AS") {
			stage.Name = strings.ToLower(words[2])
		}
		f.Stages = append(f.Stages, stage)
	case len(f.Stages) == 0:
		if instruction.Name == "ARG" {
			f.Global = append(f.Global, instruction)
		}
	default:
		last := &f.Stages[len(f.Stages)-1]
		last.Instructions = append(last.Instructions, instruction)
	}
}

// Final returns the last stage, which a build without a target makes, and the stages that it is built from, from the first on: their
// instructions hold for the image. It is empty for a file without FROM.
func (f *File) Final() (chain []Stage) {
	for i := len(f.Stages) - 1; i >= 0; {
		chain = append([]Stage{f.Stages[i]}, chain...)
		i = f.earlier(f.Stages[i].Image, i)
	}
	return chain
}

// earlier returns the index of the stage of that name before i, or -1.
func (f *File) earlier(name string, i int) int {
	for i--; i >= 0; i-- {
		if f.Stages[i].Name != "" && f.Stages[i].Name == strings.ToLower(name) {
			return i
		}
	}
	return -1
}

// External reports whether a stage starts from an image, not from an earlier stage.
func (f *File) External(stage int) bool { return f.earlier(f.Stages[stage].Image, stage) < 0 }

// Expand fills the global arguments' defaults into the name of an image.
func (f *File) Expand(image string) string {
	for _, argument := range f.Global {
		name, value, _ := strings.Cut(argument.Text, "=")
		image = strings.NewReplacer("${"+name+"}", strings.Trim(value, `"'`), "$"+name, strings.Trim(value, `"'`)).Replace(image)
	}
	return image
}

// All returns every instruction of the stages.
func (f *File) All() (all []Instruction) {
	for _, stage := range f.Stages {
		all = append(all, stage.Instructions...)
	}
	return all
}

// Last returns the last instruction of that name in the final image, or nil.
func (f *File) Last(name string) (last *Instruction) {
	for _, stage := range f.Final() {
		for i := range stage.Instructions {
			if stage.Instructions[i].Name == name {
				last = &stage.Instructions[i]
			}
		}
	}
	return last
}

// Pairs returns the names and values of an ENV, ARG or LABEL, with the old form `ENV NAME value` as well. Values are without their quotes.
func (i Instruction) Pairs() (pairs [][2]string) {
	first, rest, spaced := strings.Cut(i.Text, " ")
	if spaced && !strings.Contains(first, "=") && i.Name == "ENV" {
		return [][2]string{{first, strings.TrimSpace(rest)}}
	}
	for _, word := range words(i.Text) {
		name, value, _ := strings.Cut(word, "=")
		pairs = append(pairs, [2]string{name, value})
	}
	return pairs
}

// words splits at spaces outside of quotes, and drops the quotes.
func words(text string) (words []string) {
	var word strings.Builder
	quote, open := rune(0), false
	for _, r := range text {
		switch {
		case quote == r:
			quote = 0
		case quote == 0 && (r == '"' || r == '\''):
			quote, open = r, true
		case quote == 0 && (r == ' ' || r == '\t'):
			if open {
				words = append(words, word.String())
			}
			word.Reset()
			open = false
		default:
			word.WriteRune(r)
			open = true
		}
	}
	if open {
		words = append(words, word.String())
	}
	return words
}
