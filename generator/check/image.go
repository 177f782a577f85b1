package check

import (
	"path"
	"strings"

	"github.com/kitout/kitout/generator/internal/dockerfile"
	"github.com/kitout/kitout/generator/internal/shell"
)

// image is a file that the image of production is built from.
type image struct {
	Path string
	*dockerfile.File
}

func (r *repository) readImages() (images []image) {
	for _, name := range r.glob("{Dockerfile,Containerfile}", "{Dockerfile,Containerfile}.*", "*.{Dockerfile,dockerfile}") {
		if forDevelopment(name) || path.Ext(name) == ".dockerignore" {
			continue
		}
		if file := dockerfile.Parse(r.text(name)); len(file.Stages) > 0 {
			images = append(images, image{name, file})
		}
	}
	return images
}

func hasImage(r *repository) bool { return len(r.images()) > 0 }

// runs reports whether the image starts something, and is not only a base for others.
func (i image) runs() bool { return i.Last("CMD") != nil || i.Last("ENTRYPOINT") != nil }

// finding is one at an instruction.
func (i image) finding(line int, message string) Finding {
	return Finding{Path: i.Path, Line: line, Message: message}
}

// lastLine is the line of the final FROM.
func (i image) lastLine() int { return i.Stages[len(i.Stages)-1].From.Line }

// commands are what an instruction runs.
func commands(instruction dockerfile.Instruction) []shell.Command {
	if instruction.Exec != nil {
		return execCommands(instruction.Exec, instruction.Line)
	}
	text := instruction.Text
	if instruction.Document != "" {
		text = instruction.Document
	}
	script := shell.Parse(text)
	for i := range script.Commands {
		script.Commands[i].Line = instruction.Line
	}
	return script.Commands
}

// execCommands takes words as they are, and the script of `sh -c`.
func execCommands(words []string, line int) []shell.Command {
	if len(words) == 0 {
		return nil
	}
	return unwrapped(shell.Command{Line: line, Args: words, Exec: true, Last: true, Text: strings.Join(words, " ")})
}

// unwrapped are the commands that `sh -c` runs, or the command itself.
func unwrapped(command shell.Command) []shell.Command {
	words := command.Args
	if len(words) < 3 || !isShell(words[0]) || !strings.HasPrefix(words[1], "-") || !strings.HasSuffix(words[1], "c") {
		return []shell.Command{command}
	}
	script := shell.Parse(words[2])
	for i := range script.Commands {
		script.Commands[i].Line = command.Line
	}
	return script.Commands
}

func isShell(word string) bool {
	switch path.Base(word) {
	case "sh", "bash", "dash", "ash", "zsh":
		return true
	}
	return false
}

// runCommands are all commands of the RUN instructions of an image.
func (i image) runCommands() (all []shell.Command) {
	for _, instruction := range i.All() {
		if instruction.Name == "RUN" {
			all = append(all, commands(instruction)...)
		}
	}
	return all
}
