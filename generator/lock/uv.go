package lock

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// UvSeed writes the beginning of a uv.lock: the version of every package that the project needs, and nothing else. A uv.lock
// names the address of each file, which only an index knows. So uv itself completes it: `uv lock` finds that the seed does
// not fit the project yet, resolves, and prefers the versions that a lock has already.
//
// The error is the writer's, or one of Closure's.
func UvSeed(w io.Writer, table *Table, project Project) error {
	pins, err := table.Closure(slices.Concat(project.Runtime, project.Development))
	if err != nil {
		return err
	}
	var text strings.Builder
	text.WriteString("version = 1\nrequires-python = \"" + strings.ReplaceAll(table.Python(), ",", ", ") + "\"\n")
	for _, pin := range pins {
		text.WriteString("\n[[package]]\nname = \"" + pin.Name + "\"\nversion = \"" + pin.Version + "\"\nsource = { registry = \".\" }\n")
	}
	_, err = io.WriteString(w, text.String())
	return err
}

// IsUvSeed says whether a uv.lock waits for uv to complete it.
func IsUvSeed(content []byte) bool {
	return !strings.Contains(string(content), "\nrevision = ")
}

// CheckUv compares a completed uv.lock with the table: uv must have kept the versions, if it was asked to, and a file that
// the table knows must have the sum that the table knows. What the table does not know passes: packages of the user's own, and files
// of a release that are newer than the table.
//
// The error names the first difference, or is one of Closure's.
func (t *Table) CheckUv(content []byte, sameVersions bool) error {
	var name string
	var known *entry
	for line := range strings.Lines(string(content)) {
		line = strings.TrimSpace(line)
		if value, found := strings.CutPrefix(line, "name = "); found {
			name, known = strings.Trim(value, `"`), nil
			if _, inTable := t.block(name); inTable {
				var err error
				if known, err = t.entry(name); err != nil {
					return err
				}
			}
		}
		if known == nil {
			continue
		}
		if value, found := strings.CutPrefix(line, "version = "); found && strings.Trim(value, `"`) != known.version {
			if !sameVersions {
				known = nil
				continue
			}
			return fmt.Errorf("%s %s, and kitout's table has %s", name, strings.Trim(value, `"`), known.version)
		}
		if found := uvFile.FindStringSubmatch(line); found != nil {
			for _, file := range known.files {
				if file.name == found[1] && file.hash != found[2] {
					return fmt.Errorf("%s has another SHA-256 than in kitout's table", file.name)
				}
			}
		}
	}
	return nil
}

// uvFile is a file of a release in uv.lock: the last part of its address, and its sum.
var uvFile = regexp.MustCompile(`url = "[^"]*/([^"/]+)", hash = "sha256:([0-9a-f]{64})"`)
