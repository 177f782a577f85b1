package web

import (
	"path"
	"regexp"
	"strings"
	"sync"
)

// highlit is a line of a text: pairs of a class, which may be empty, and a piece of the line.
type highlit [][2]string

// largest is the size in bytes from which a text stays plain: locks and the like, which nobody reads.
const largest = 200 << 10

// language is how the texts of a kind are coloured, by an expression whose groups are named after the classes: comment, string, key,
// word, number and name. The well-kept highlighters load the grammars of all languages when a program starts, which takes longer than
// most of kitout's commands.
type language func() *regexp.Regexp

func languageOf(parts ...string) language {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?m)` + strings.Join(parts, "|")) })
}

// words makes a class of whole words.
func words(class, list string) string {
	return `\b(?P<` + class + `>` + strings.Join(strings.Fields(list), "|") + `)\b`
}

// The parts that several languages have.
const (
	hash    = `(?P<comment>(?:^|[ \t])#.*$)`
	quoted  = `(?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')`
	number  = `\b(?P<number>\d[\d_]*(?:\.\d+)?)\b`
	option  = `^(?P<key>[ \t]*[\w.-]+)(?:[ \t]*=)`
	table   = `^(?P<name>\[.*\])[ \t]*$`
	dollars = `(?P<name>\$\{[^}\n]*\}|\$\w+|\$\([\w]+\))`
)

var (
	python = languageOf(`(?P<string>[rbfRBF]{0,2}(?:"""(?s:.*?)"""|'''(?s:.*?)'''))`, hash,
		`(?P<string>[rbfRBF]{0,2}(?:"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'))`, `^[ \t]*(?P<name>@[\w.]+)`,
		`\b(?P<word>def|class)[ ]+(?P<name>\w+)`, words("word", `and as assert async await break class continue def del elif else except finally for from
		global if import in is lambda nonlocal not or pass raise return try while with yield False None True`), number)
	shell = languageOf(hash, `(?P<string>'[^']*'|"(?:[^"\\]|\\(?s:.))*")`, dollars, words("word", `if then elif else fi for in do done while until case esac
		function return exit local export set readonly trap shift exec eval source`), number)
	yaml    = languageOf(hash, `^[ \t]*(?:- )*(?P<key>(?:[\w./$-]+|"[^"\n]*"))(?::(?:[ \t]|$))`, quoted, dollars, words("word", `true false null yes no on`), number)
	toml    = languageOf(hash, table, `(?P<string>"""(?s:.*?)"""|'''(?s:.*?)''')`, option, quoted, words("word", `true false`), number)
	ini     = languageOf(`(?P<comment>^[ \t]*[#;].*$)`, table, option, number)
	objects = languageOf(`(?P<key>"(?:[^"\\\n]|\\.)*")[ \t]*:`, quoted, words("word", `true false null`), number)
	targets = languageOf(hash, `^(?P<key>[\w./%$() -]+):(?:[^=]|$)`, `^(?P<name>\.?[A-Z_]+)[ \t]*(?:[:?+]?=|:)`, words("word", `export include ifdef ifeq ifneq else endif define endef`), dollars)
	docker  = languageOf(hash, `^(?P<word>[A-Z]+)\b`, `(?P<word>\bAS\b)`, `(?P<name>--[\w-]+)`, quoted, dollars)
	server  = languageOf(hash, `^[ \t]*(?P<word></?\w+)`, `^[ \t]*(?P<key>[A-Za-z_]\w*)`, quoted, `(?P<name>\$\w+|%\{[^}\n]*\})`, number)
	groovy  = languageOf(`(?P<comment>//.*$|/\*(?s:.*?)\*/)`, `(?P<string>"""(?s:.*?)"""|'''(?s:.*?)''')`, quoted, words("word", `def if else for in return true false null
		pipeline agent stages stage steps environment options post when parallel script`), number)
	markup = languageOf(`(?P<comment><!--(?s:.*?)-->|\{#(?s:.*?)#\})`, `(?P<name>\{%(?s:.*?)%\}|\{\{(?s:.*?)\}\})`, `(?P<word></?[A-Za-z][\w-]*|/?>)`, quoted)
	style  = languageOf(`(?P<comment>/\*(?s:.*?)\*/)`, `^[ \t]*(?P<key>[\w-]+):`, quoted, number)
	prose  = languageOf("(?P<string>```(?s:.*?)```|`[^`\n]*`)", `^(?P<key>#+ .*)$`, `(?P<name>\]\([^)\n]*\))`, `(?P<word>\*\*[^*\n]+\*\*)`)
)

// languages by the end of a file's name, or by the whole of it.
var languages = map[string]language{
	".py": python, ".pyi": python, ".sh": shell, ".yaml": yaml, ".yml": yaml, ".toml": toml, ".lock": toml, ".ini": ini, ".cfg": ini, ".json": objects,
	".html": markup, ".xml": markup, ".css": style, ".md": prose, ".conf": server, ".mk": targets, ".mako": python, ".cnf": ini, ".template": server,
	"Makefile": targets, "Dockerfile": docker, "Jenkinsfile": groovy, "Pipfile": toml, ".env.example": ini, ".editorconfig": ini,
	".gitignore": ini, ".dockerignore": ini, ".gitattributes": ini, ".txt": ini,
}

// languageFor looks at the name, then at the extension, then at the first line.
func languageFor(name, text string) language {
	if found := languages[path.Base(name)]; found != nil {
		return found
	}
	if found := languages[path.Ext(name)]; found != nil {
		return found
	}
	switch first, _, _ := strings.Cut(text, "\n"); {
	case !strings.HasPrefix(first, "#!"):
	case strings.Contains(first, "python"):
		return python
	case strings.Contains(first, "sh"):
		return shell
	}
	return nil
}

// highlight returns the lines of a text, whose pieces put together are the text again.
func highlight(name, text string) []highlit {
	lines := []highlit{}
	if text == "" {
		return lines
	}
	current := highlit{}
	add := func(class, piece string) {
		for piece != "" {
			line, rest, ends := strings.Cut(piece, "\n")
			if line != "" {
				current = append(current, [2]string{class, line})
			}
			if ends {
				lines, current = append(lines, current), highlit{}
			}
			piece = rest
		}
	}
	last := 0
	if find := languageFor(name, text); find != nil && len(text) < largest {
		expression := find()
		names := expression.SubexpNames()
		for _, match := range expression.FindAllStringSubmatchIndex(text, -1) {
			for group := 1; group < len(names); group++ {
				if from, to := match[2*group], match[2*group+1]; to > from {
					add("", text[last:from])
					add(names[group], text[from:to])
					last = to
				}
			}
		}
	}
	add("", text[last:])
	if len(current) > 0 {
		lines = append(lines, current)
	}
	return lines
}
