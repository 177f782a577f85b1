package generator

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"unicode"

	"github.com/spf13/afero"
	"go.yaml.in/yaml/v3"
	"golang.org/x/tools/txtar"
)

// The most bytes that are read back: fifty times what the largest repository has.
const (
	recordLimit = 1 << 20
	baseLimit   = 32 << 20
)

var recordedModes = []string{"0644", "0755", "0600"}

// ReadRecord reads the record of the repository in target, and returns nil when it has none. A record that kitout would not
// have written is a FileError: it says which files kitout may touch, and anybody may have sent it. What it says of choices and
// layers is held against the catalogue by Resolve, not here.
func ReadRecord(target afero.Fs) (*Record, error) {
	const restore = "restore the file from git; without one kitout takes the repository for somebody else's"
	problem := func(format string, args ...any) error {
		return &FileError{Path: recordFile, Problem: fmt.Sprintf(format, args...), Hint: restore}
	}
	text, err := readLimited(target, recordFile, recordLimit)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, problem("%v", err)
	}
	var node yaml.Node
	var head struct {
		Format int
		Kitout string
	}
	err = yaml.Unmarshal(text, &node)
	if err == nil && !isPlain(&node) {
		return nil, problem("holds an alias, or a thousand keys in one place")
	}
	if err == nil {
		err = node.Decode(&head)
	}
	if err != nil {
		return nil, problem("%s", YAMLProblem(err))
	}
	if head.Format > recordFormat {
		return nil, &FileError{
			Path: recordFile, Problem: fmt.Sprintf("was written by a newer kitout, %q, in format %d", head.Kitout, head.Format),
			Hint: fmt.Sprintf("update kitout: this one knows format %d", recordFormat),
		}
	}
	if head.Format < recordFormat {
		return nil, problem("format %d is unknown", head.Format)
	}
	var record Record
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&record); err != nil {
		return nil, problem("%s", YAMLProblem(err))
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, problem("holds more than one document")
	}
	if err := record.validate(); err != nil {
		return nil, problem("%v", err)
	}
	return &record, nil
}

// isPlain says whether the YAML library takes a node in a time that its size lets expect.
func isPlain(node *yaml.Node) bool {
	if node.Kind == yaml.AliasNode || node.Kind == yaml.MappingNode && len(node.Content) > 2000 {
		return false
	}
	return !slices.ContainsFunc(node.Content, func(inner *yaml.Node) bool { return !isPlain(inner) })
}

// readLimited reads a regular file of at most limit bytes, through no link.
func readLimited(target afero.Fs, name string, limit int64) (data []byte, err error) {
	if err := parentsAreFolders(target, name); err != nil {
		return nil, errors.New("is not in a folder of the repository")
	}
	info, err := lstat(target, name)
	switch {
	case err != nil:
		return nil, Cause(err)
	case !info.Mode().IsRegular():
		return nil, errors.New("is no regular file")
	}
	file, err := target.Open(name)
	if err != nil {
		return nil, Cause(err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	var text bytes.Buffer
	text.Grow(int(min(info.Size(), limit)) + bytes.MinRead) // at once, for it is long
	_, err = text.ReadFrom(io.LimitReader(file, limit+1))
	if err == nil && int64(text.Len()) > limit {
		err = fmt.Errorf("is larger than %d MiB", limit>>20)
	}
	return text.Bytes(), err
}

func (r *Record) validate() error {
	if !printable(r.Kitout) {
		return errors.New("kitout: is no version")
	}
	for key, values := range r.Answers {
		if len(values) == 0 || !printable(key) || !printable(strings.Join(values, "")) {
			return fmt.Errorf("answers: %q is not answered in words", key)
		}
	}
	for _, id := range r.Outside {
		if !validPath(id) {
			return fmt.Errorf("outside: %q is no layer", id)
		}
	}
	recorded := make(map[string]bool, len(r.Files))
	for _, file := range r.Files {
		if recorded[file.Path] {
			return fmt.Errorf("files: %q stands there twice", file.Path)
		}
		recorded[file.Path] = true
		if err := file.validate(); err != nil {
			return fmt.Errorf("files: %q: %w", file.Path, err)
		}
	}
	for i, name := range r.Pending {
		if !recorded[name] || slices.Contains(r.Pending[:i], name) {
			return fmt.Errorf("pending: %q stands there twice, or not among the files", name)
		}
	}
	return nil
}

func (f RecordedFile) validate() error {
	switch {
	case !validPath(f.Path) || within(f.Path, RecordFolder):
		return errors.New("is no path of a file that kitout writes")
	case f.Layer == "" || !printable(f.Layer):
		return fmt.Errorf("layer: %q is none", f.Layer)
	case !slices.Contains(recordedModes, f.Mode):
		return fmt.Errorf("mode: %q is none of %s", f.Mode, strings.Join(recordedModes, ", "))
	case !f.Policy.valid() && f.Policy != Locked:
		return fmt.Errorf("policy: %q is unknown", f.Policy)
	case (f.Policy == Secret) != (f.SHA256 == "") || f.SHA256 != "" && !isSum(f.SHA256):
		return errors.New("sha256: is 64 hexadecimal digits, or nothing for a secret")
	}
	return nil
}

// validPath says whether a path from outside may be written: it leads out of no folder, and not into git's own.
func validPath(name string) bool {
	if !fs.ValidPath(name) || name == "." || !printable(name) || strings.ContainsRune(name, '\\') {
		return false
	}
	for part := range strings.SplitSeq(name, "/") {
		if strings.EqualFold(part, ".git") {
			return false
		}
	}
	return true
}

// within says whether a path is a folder or in it, also where a file system knows no case.
func within(name, folder string) bool {
	first, _, _ := strings.Cut(name, "/")
	return strings.EqualFold(first, folder)
}

func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// Base returns the pristine text of the managed files by path, as kitout wrote it last: the base of merges. It must be what the
// record says, or it is a FileError. Lines end with a line feed alone, whatever a checkout made of them. Not archived, and
// so not returned, are files of the other policies: secrets, locks, and what is the user's own from the start.
func (r *Record) Base(target afero.Fs) (map[string][]byte, error) {
	problem := func(format string, args ...any) error {
		return &FileError{
			Path: baseFile, Problem: fmt.Sprintf(format, args...),
			Hint: "restore the folder " + RecordFolder + " from git, both files from the same commit",
		}
	}
	text, err := readLimited(target, baseFile, baseLimit)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, problem("is missing")
	case err != nil:
		return nil, problem("%v", err)
	}
	archive := txtar.Parse(withoutReturns(text))
	base := make(map[string][]byte, len(archive.Files))
	for _, file := range archive.Files {
		if _, twice := base[file.Name]; twice {
			return nil, problem("holds %q twice", file.Name)
		}
		base[file.Name] = file.Data[:len(file.Data):len(file.Data)]
	}
	managed := 0
	for _, file := range r.Files {
		if file.Policy != Managed {
			continue
		}
		managed++
		if data, found := base[file.Path]; !found || sum(data) != file.SHA256 {
			return nil, problem("does not hold %q as the record says", file.Path)
		}
	}
	if len(base) != managed {
		return nil, problem("holds files that are not in the record")
	}
	return base, nil
}

// sum is the SHA-256 of a text in hexadecimal digits.
func sum(text []byte) string {
	digest := sha256.Sum256(text)
	return hex.EncodeToString(digest[:])
}

func isSum(s string) bool {
	return len(s) == 2*sha256.Size && strings.Trim(s, "0123456789abcdef") == ""
}
