package generator

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// RecordFolder holds what kitout remembers of a repository: the record and the pristine text of managed files.
const (
	RecordFolder = ".kitout"
	recordFile   = RecordFolder + "/record.yaml"
	baseFile     = RecordFolder + "/base.txtar"
)

// RecordLayer is the layer of the record's own files, which no template brings.
const RecordLayer = "record"

// recordFormat is the version of the record's own layout.
const recordFormat = 1

// Record is what a repository was made of. It is committed with the repository, and untrusted when it is read back.
type Record struct {
	Format  int                 `yaml:"format"`
	Kitout  string              `yaml:"kitout"` // the version that wrote it
	Answers map[string][]string `yaml:"answers,flow"`
	Outside []string            `yaml:"outside,omitempty"` // layers of which at least one file is not built in
	Pending []string            `yaml:"pending,omitempty"` // files in which a merge has left conflict markers
	Files   []RecordedFile      `yaml:"files"`
}

// RecordedFile is one file as it was generated. A secret file has no sum.
type RecordedFile struct {
	Path   string `yaml:"path"`
	Layer  string `yaml:"layer"`
	Mode   string `yaml:"mode"`
	Policy Policy `yaml:"policy"`
	SHA256 string `yaml:"sha256,omitempty"`
}

// recordFiles returns the record of the rendered files, as files of the repository. pending are those that hold conflict markers.
func (p *Plan) recordFiles(files []File, pending ...string) ([]File, error) {
	record := Record{Format: recordFormat, Kitout: p.config.Kitout, Answers: map[string][]string{}, Outside: p.Outside(), Pending: pending}
	for _, free := range allFree() {
		if value := *free.of(p.Answers); value != "" {
			record.Answers[free.Key] = []string{value}
		}
	}
	for question, choices := range p.Answers.Choices {
		record.Answers[question] = choices
	}
	var archive bytes.Buffer
	archive.Grow(archiveSize(files))
	for _, file := range files {
		entry := RecordedFile{Path: file.Path, Layer: file.Layer, Mode: fmt.Sprintf("%04o", file.Mode), Policy: file.Policy}
		if file.Policy != Secret {
			entry.SHA256 = sum(file.Content)
		}
		record.Files = append(record.Files, entry)
		if file.Policy == Managed {
			if err := archivable(file); err != nil {
				return nil, err
			}
			fmt.Fprintf(&archive, "-- %s --\n", file.Path)
			archive.Write(file.Content)
		}
	}
	return []File{
		{Path: baseFile, Content: archive.Bytes(), Mode: 0o644, Layer: RecordLayer, Policy: Managed},
		{Path: recordFile, Content: record.yaml(), Mode: 0o644, Layer: RecordLayer, Policy: Managed},
	}, nil
}

// archiveSize is how many bytes the pristine text takes, and a little more: a growing buffer would copy it several times.
func archiveSize(files []File) (size int) {
	for _, file := range files {
		if file.Policy == Managed {
			size += len(file.Path) + len("--  --\n") + len(file.Content)
		}
	}
	return size
}

// yaml writes the record. The YAML library takes a sixth of a whole run for it.
func (r *Record) yaml() []byte {
	var text bytes.Buffer
	text.WriteString("# Written by kitout, which needs it to update this repository. Commit it; do not edit it.\n")
	var answers []string
	for _, key := range slices.Sorted(maps.Keys(r.Answers)) {
		var values []string
		for _, value := range r.Answers[key] {
			values = append(values, yamlstring(value))
		}
		answers = append(answers, fmt.Sprintf("%s: [%s]", yamlstring(key), strings.Join(values, ", ")))
	}
	fmt.Fprintf(&text, "format: %d\nkitout: %s\nanswers: {%s}\n", r.Format, yamlstring(r.Kitout), strings.Join(answers, ", "))
	for _, list := range []struct {
		key   string
		items []string
	}{{"outside", r.Outside}, {"pending", r.Pending}} {
		var items []string
		for _, item := range list.items {
			items = append(items, yamlstring(item))
		}
		if len(items) > 0 {
			fmt.Fprintf(&text, "%s: [%s]\n", list.key, strings.Join(items, ", "))
		}
	}
	text.WriteString("files:\n")
	for _, file := range r.Files {
		fmt.Fprintf(&text, "  - path: %s\n    layer: %s\n    mode: %q\n    policy: %s\n", yamlstring(file.Path), yamlstring(file.Layer), file.Mode, file.Policy)
		if file.SHA256 != "" {
			fmt.Fprintf(&text, "    sha256: %q\n", file.SHA256)
		}
	}
	return text.Bytes()
}

// archivable refuses what the archive's format cannot hold: it would come back changed.
func archivable(file File) error {
	if len(file.Content) > 0 && file.Content[len(file.Content)-1] != '\n' {
		return fmt.Errorf("%s (layer %s): the last line does not end", file.Path, file.Layer)
	}
	if bytes.Contains(file.Content, []byte("\r\n")) {
		return fmt.Errorf("%s (layer %s): a line ends with a carriage return", file.Path, file.Layer)
	}
	for line := range bytes.Lines(file.Content) {
		if line = bytes.TrimRight(line, "\n"); bytes.HasPrefix(line, []byte("-- ")) && bytes.HasSuffix(line, []byte(" --")) {
			return fmt.Errorf("%s (layer %s): the line %q would end the file in %s", file.Path, file.Layer, line, baseFile)
		}
	}
	return nil
}
