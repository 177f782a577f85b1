// Package ini reads sections of `key = value` lines: uwsgi.ini, alembic.ini, setup.cfg, systemd's units. A value goes on in lines that are
// indented. Nothing is ever refused.
package ini

import "strings"

// Entry is one key with its value.
type Entry struct {
	Section, Key, Value string
	Line                int // from 1
}

// Parse returns the entries in their order. Keys may come more than once.
func Parse(text string) (entries []Entry) {
	section := ""
	number := 0
	for line := range strings.Lines(strings.TrimPrefix(text, "\uFEFF")) {
		number++
		trimmed := strings.TrimSpace(line)
		switch {
		case trimmed == "", trimmed[0] == '#', trimmed[0] == ';':
		case trimmed[0] == '[' && strings.HasSuffix(trimmed, "]"):
			section = strings.TrimSpace(trimmed[1 : len(trimmed)-1])
		case (line[0] == ' ' || line[0] == '\t') && len(entries) > 0 && entries[len(entries)-1].Section == section:
			last := &entries[len(entries)-1]
			last.Value = strings.TrimSpace(last.Value + "\n" + trimmed)
		default:
			key, value, _ := strings.Cut(trimmed, "=")
			entries = append(entries, Entry{section, strings.TrimSpace(key), strings.TrimSpace(value), number})
		}
	}
	return entries
}
