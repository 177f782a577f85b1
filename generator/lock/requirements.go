package lock

import (
	"io"
	"strings"
)

// Requirements writes pins as a requirements.txt with a hash for every file of every release, which pip installs with
// --require-hashes. Add --no-deps: the list is complete, and pip before 23.3 (Python 3.12.1 brings 23.2) refuses a
// dependency such as coverage[toml] that is pinned without its extra.
//
// The text is what `uv pip compile --universal --generate-hashes --no-annotate --no-header` writes.
//
// The header comes first, each of its lines made a comment; an empty one writes nothing. Then comes the address of the index,
// as --emit-index-url writes it; empty: the installer's default. The pins must be sorted, as Closure returns them. The error
// is the writer's.
func Requirements(w io.Writer, header, index string, pins []Pin) error {
	var text strings.Builder
	text.Grow(requirementsSize(pins) + len(header) + 64)
	if header = strings.TrimRight(header, "\n"); header != "" {
		for line := range strings.SplitSeq(header, "\n") {
			text.WriteString(comment(line))
		}
	}
	if index != "" {
		text.WriteString("--index-url " + index + "\n\n")
	}
	for _, pin := range pins {
		writePin(&text, pin)
	}
	_, err := io.WriteString(w, text.String())
	return err
}

// comment returns a header's line as a comment. A carriage return would end it early, and a backslash continue it.
func comment(line string) string {
	line = strings.TrimRight(strings.ReplaceAll(line, "\r", " "), " \t\\")
	switch {
	case strings.HasPrefix(line, "#"):
		return line + "\n"
	case line == "":
		return "#\n"
	}
	return "# " + line + "\n"
}

// writePin writes one package: its version and marker, then its hashes as continued lines.
func writePin(text *strings.Builder, pin Pin) {
	text.WriteString(pin.Name + "==" + pin.Version)
	if pin.Marker != "" {
		text.WriteString(" ; " + pin.Marker)
	}
	for _, hash := range pin.Hashes {
		text.WriteString(hashPrefix)
		text.WriteString(hash)
	}
	text.WriteByte('\n')
}

// hashPrefix ends the line before a hash and starts the hash's own.
const hashPrefix = " \\\n    --hash=sha256:"

// requirementsSize is about how many bytes the pins take; a growing buffer would copy half a megabyte several times.
func requirementsSize(pins []Pin) int {
	size := 0
	for _, pin := range pins {
		size += 2 + len(pin.Name) + len(pin.Version) + 3 + len(pin.Marker) + len(pin.Hashes)*(len(hashPrefix)+64) + 1
	}
	return size
}
