package generator

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
	"golang.org/x/tools/txtar"
)

// RecordFolder holds what kitout remembers of a repository: the record and the pristine text of managed files.
const (
	RecordFolder = ".kitout"
	recordFile   = RecordFolder + "/record.yaml"
	baseFile     = RecordFolder + "/base.txtar"
)

// recordFormat is the version of the record's own layout.
const recordFormat = 1

// Record is what a repository was made of. It is committed with the repository, and untrusted when it is read back.
type Record struct {
	Format  int                 `yaml:"format"`
	Kitout  string              `yaml:"kitout"` // the version that wrote it
	Answers map[string][]string `yaml:"answers,flow"`
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

// recordFiles returns the record of the rendered files, as files of the repository.
func (p *Plan) recordFiles(files []File) ([]File, error) {
	record := Record{Format: recordFormat, Kitout: p.config.Kitout, Answers: map[string][]string{}}
	for _, key := range Free {
		if value := *p.Answers.free(key); value != "" {
			record.Answers[key] = []string{value}
		}
	}
	for question, choices := range p.Answers.Choices {
		record.Answers[question] = choices
	}
	archive := &txtar.Archive{}
	for _, file := range files {
		entry := RecordedFile{Path: file.Path, Layer: file.Layer, Mode: fmt.Sprintf("%04o", file.Mode), Policy: file.Policy}
		if file.Policy != Secret {
			sum := sha256.Sum256(file.Content)
			entry.SHA256 = hex.EncodeToString(sum[:])
		}
		record.Files = append(record.Files, entry)
		if file.Policy == Managed {
			if err := archivable(file); err != nil {
				return nil, err
			}
			archive.Files = append(archive.Files, txtar.File{Name: file.Path, Data: file.Content})
		}
	}
	var text bytes.Buffer
	text.WriteString("# Written by kitout, which needs it to update this repository. Commit it; do not edit it.\n")
	encoder := yaml.NewEncoder(&text)
	encoder.SetIndent(2)
	if err := encoder.Encode(record); err != nil {
		return nil, fmt.Errorf("%s: %w", recordFile, err)
	}
	return []File{
		{Path: baseFile, Content: txtar.Format(archive), Mode: 0o644, Layer: "record", Policy: Managed},
		{Path: recordFile, Content: text.Bytes(), Mode: 0o644, Layer: "record", Policy: Managed},
	}, nil
}

// archivable refuses what the archive's format cannot hold: it would come back changed.
func archivable(file File) error {
	if len(file.Content) > 0 && file.Content[len(file.Content)-1] != '\n' {
		return fmt.Errorf("%s (layer %s): the last line does not end", file.Path, file.Layer)
	}
	for line := range strings.Lines(string(file.Content)) {
		if line = strings.TrimRight(line, "\n"); strings.HasPrefix(line, "-- ") && strings.HasSuffix(line, " --") {
			return fmt.Errorf("%s (layer %s): the line %q would end the file in %s", file.Path, file.Layer, line, baseFile)
		}
	}
	return nil
}
