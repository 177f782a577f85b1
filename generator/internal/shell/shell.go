// Package shell reads which commands a script runs. It runs nothing.
package shell

import (
	"bytes"
	"fmt"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// Command is one simple command.
type Command struct {
	Line int      // from 1
	Args []string // without quotes; what only a shell knows stands as it is written, such as $URL
	Env  []string // NAME=value before it
	From []string // the words of the command whose output it reads, if there is one before it in a pipe
	Exec bool     // it takes the shell's place
	Last bool     // it is the last statement of its script
	Text string   // as it is written

	Function string // that it stands in, or ""
}

// Script is what a text has.
type Script struct {
	Commands []Command
	Pipefail bool // set -o pipefail stands somewhere in it
	Valid    bool // all of it was understood
}

// The parser calls itself for each level of a text, so a text decides how much memory it takes. What is longer (in bytes) or deeper (in brackets)
// than this was written by no person.
const (
	longest = 64 << 10
	deepest = 100
)

// Parse reads bash, and with it nearly all that is POSIX. Of a text with a mistake it returns what stands before; nothing of one that is too
// long or too deep.
func Parse(text string) *Script {
	script := &Script{}
	if len(text) > longest || depth(text) > deepest {
		return script
	}
	statements, err := parse(text)
	script.Valid = err == nil
	printer := syntax.NewPrinter()
	for i, statement := range statements {
		before := len(script.Commands)
		script.read(statement, printer)
		if i == len(statements)-1 && len(script.Commands) > before {
			script.Commands[len(script.Commands)-1].Last = true
		}
	}
	return script
}

// depth is how many brackets are open at once, at most, whether a shell would take them for brackets or not.
func depth(text string) (most int) {
	open := 0
	for i := range len(text) {
		switch text[i] {
		case '(', '{', '[':
			open++
			most = max(most, open)
		case ')', '}', ']':
			open = max(open-1, 0)
		}
	}
	return most
}

// parse returns the statements up to the first mistake. The loop goes on behind one, because the parser takes no other end of it than its own;
// a text at which it panics is a mistake as well.
func parse(text string) (statements []*syntax.Stmt, err error) {
	defer func() {
		if problem := recover(); problem != nil {
			err = fmt.Errorf("shell: %v", problem)
		}
	}()
	for statement, mistake := range syntax.NewParser(syntax.Variant(syntax.LangBash)).StmtsSeq(strings.NewReader(text)) {
		if mistake != nil {
			err = mistake
		}
		if err == nil {
			statements = append(statements, statement)
		}
	}
	return statements, err
}

func (s *Script) read(statement syntax.Node, printer *syntax.Printer) {
	from := map[*syntax.CallExpr][]string{}
	var functions []*syntax.FuncDecl
	syntax.Walk(statement, func(node syntax.Node) bool {
		switch node := node.(type) {
		case *syntax.FuncDecl:
			functions = append(functions, node)
		case *syntax.BinaryCmd:
			if node.Op == syntax.Pipe || node.Op == syntax.PipeAll {
				if left, right := lastCall(node.X), firstCall(node.Y); left != nil && right != nil {
					from[right] = words(left, printer)
				}
			}
		case *syntax.CallExpr:
			if len(node.Args) > 0 {
				s.add(node, from[node], printer)
				for _, function := range functions { // the innermost comes last
					if function.Name != nil && node.Pos().Offset() < function.End().Offset() {
						s.Commands[len(s.Commands)-1].Function = function.Name.Value
					}
				}
			}
		}
		return true
	})
}

func (s *Script) add(call *syntax.CallExpr, from []string, printer *syntax.Printer) {
	command := Command{Line: int(call.Pos().Line()), Args: words(call, printer), From: from, Text: written(call, printer)}
	for _, assign := range call.Assigns {
		command.Env = append(command.Env, written(assign, printer))
	}
	for len(command.Args) > 1 && (command.Args[0] == "exec" || command.Args[0] == "sudo" || command.Args[0] == "env" || command.Args[0] == "time") {
		command.Exec = command.Exec || command.Args[0] == "exec"
		command.Args = command.Args[1:]
		for len(command.Args) > 1 && strings.Contains(command.Args[0], "=") && !strings.HasPrefix(command.Args[0], "-") {
			command.Env, command.Args = append(command.Env, command.Args[0]), command.Args[1:]
		}
	}
	if command.Args[0] == "set" {
		for _, arg := range command.Args[1:] {
			s.Pipefail = s.Pipefail || arg == "pipefail"
		}
	}
	s.Commands = append(s.Commands, command)
}

func firstCall(statement *syntax.Stmt) *syntax.CallExpr {
	switch command := statement.Cmd.(type) {
	case *syntax.CallExpr:
		return command
	case *syntax.BinaryCmd:
		return firstCall(command.X)
	}
	return nil
}

func lastCall(statement *syntax.Stmt) *syntax.CallExpr {
	switch command := statement.Cmd.(type) {
	case *syntax.CallExpr:
		return command
	case *syntax.BinaryCmd:
		return lastCall(command.Y)
	}
	return nil
}

func words(call *syntax.CallExpr, printer *syntax.Printer) (words []string) {
	for _, word := range call.Args {
		var text strings.Builder
		for _, part := range word.Parts {
			literal(&text, part, printer)
		}
		words = append(words, text.String())
	}
	return words
}

func literal(text *strings.Builder, part syntax.WordPart, printer *syntax.Printer) {
	switch part := part.(type) {
	case *syntax.Lit:
		text.WriteString(strings.ReplaceAll(part.Value, "\\\n", ""))
	case *syntax.SglQuoted:
		text.WriteString(part.Value)
	case *syntax.DblQuoted:
		for _, inner := range part.Parts {
			literal(text, inner, printer)
		}
	default:
		text.WriteString(written(part, printer))
	}
}

func written(node syntax.Node, printer *syntax.Printer) string {
	var text bytes.Buffer
	if printer.Print(&text, node) != nil {
		return ""
	}
	return text.String()
}
