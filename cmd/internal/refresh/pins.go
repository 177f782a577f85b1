package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"
)

// pin is what somebody has looked up: the newest tag of a repository or an image, and the commit of a repository's.
type pin struct{ tag, commit string }

// parsePins reads a line for each pin, with tabs between name, tag and, for what git keeps, commit. What follows is the reader's own, as
// are lines that begin with #.
func parsePins(text string) (map[string]pin, error) {
	pins := map[string]pin{}
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimRight(line, "\r\n")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Split(line, "\t")
		if len(fields) < 2 || fields[0] == "" || fields[1] == "" || strings.ContainsAny(fields[0]+fields[1], " \"'") {
			return nil, fmt.Errorf("line %d: not of the form name, tag, commit, with tabs between", number)
		}
		next := pin{tag: fields[1]}
		if len(fields) > 2 {
			if !commitPattern.MatchString(fields[2]) {
				return nil, fmt.Errorf("line %d: %q is not a whole commit", number, fields[2])
			}
			next.commit = fields[2]
		}
		if _, twice := pins[fields[0]]; twice {
			return nil, fmt.Errorf("line %d: %s stands there twice", number, fields[0])
		}
		pins[fields[0]] = next
	}
	return pins, nil
}

var (
	commitPattern = regexp.MustCompile(`^[0-9a-f]{40}$`)
	// An action, or the repository of a hook, at a commit, with the tag in a comment: name, up to the commit, commit, up to the tag, tag
	sourcePin = regexp.MustCompile(`([A-Za-z0-9][\w.-]*/[\w.-]+)((?:/[\w./-]+)?@|\n\s+rev: )([0-9a-f]{40})(\s+# (?:frozen: )?)(\S+)`)
	// An image by its tag: what precedes, name, tag
	imagePin = regexp.MustCompile(`(?m)((?:^\s*(?:- )?image: |^\s*services: \["|^FROM |COPY --from=|^# syntax=))((?:[\w.-]+/)*[\w.-]+):([\w][\w.-]*)`)
	// The same in a word of its own, which may be something else
	imageWord = regexp.MustCompile(`(^|[\s"])((?:[\w.-]+/)*[\w.-]+):([\w][\w.-]*)`)
)

// place is a folder whose files pin something, and what renews the text of one.
type place struct {
	folder string
	renew  func(*bumper, string) string
}

var places = []place{
	{"templates", (*bumper).pins},
	// They run on the images that the templates pin
	{"e2e", (*bumper).words},
	{".ci", (*bumper).words},
}

// change is one pin in one file: what it was, and what it is.
type change struct{ file, name, from, to string }

// bump lets the places pin what the list says, and returns what that changes, sorted, and what stays: what the list does not have, and
// where it has a tag that cannot be compared. Nothing goes back to an older version. Without write no file is touched.
func bump(places []place, list map[string]pin, write bool) (changes []change, left []string, err error) {
	for _, place := range places {
		err = errors.Join(err, filepath.WalkDir(place.folder, func(file string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			data, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			b := bumper{file: filepath.ToSlash(file), list: list}
			text := place.renew(&b, string(data))
			changes, left = append(changes, b.changes...), append(left, b.left...)
			if !write || text == string(data) {
				return nil
			}
			info, err := entry.Info()
			if err != nil {
				return err
			}
			return os.WriteFile(file, []byte(text), info.Mode().Perm())
		}))
	}
	slices.SortFunc(changes, func(a, b change) int { return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.file, b.file)) })
	slices.Sort(left)
	return changes, slices.Compact(left), err
}

// bumper renews the pins of one file.
type bumper struct {
	file    string
	list    map[string]pin
	changes []change
	left    []string
}

// next returns what a name is to be pinned to, or false if it stays.
func (b *bumper) next(name, tag string, source bool) (pin, bool) {
	next, listed := b.list[name]
	if !listed || source && next.commit == "" {
		b.left = append(b.left, name+" "+tag+": not looked up")
		return pin{}, false
	}
	later, comparable := newer(next.tag, tag)
	switch {
	case next.tag == tag:
		return pin{}, false
	case !comparable:
		b.left = append(b.left, name+" "+tag+": "+next.tag+" is no later version of it")
		return pin{}, false
	case later == "":
		return pin{}, false
	}
	next.tag = later
	b.changes = append(b.changes, change{b.file, name, tag, next.tag})
	return next, true
}

// pins renews what stands where only a pin can.
func (b *bumper) pins(text string) string { return b.images(imagePin, b.sources(text)) }

// words renews the images of the list, and says nothing of the other words.
func (b *bumper) words(text string) string {
	left := b.left
	text = b.images(imageWord, text)
	b.left = left
	return text
}

func (b *bumper) sources(text string) string {
	return sourcePin.ReplaceAllStringFunc(text, func(found string) string {
		part := sourcePin.FindStringSubmatch(found)
		next, renew := b.next(part[1], part[5], true)
		if !renew {
			return found
		}
		return part[1] + part[2] + next.commit + part[4] + next.tag
	})
}

func (b *bumper) images(pattern *regexp.Regexp, text string) string {
	return pattern.ReplaceAllStringFunc(text, func(found string) string {
		part := pattern.FindStringSubmatch(found)
		next, renew := b.next(part[2], part[3], false)
		if !renew {
			return found
		}
		return part[1] + part[2] + ":" + next.tag
	})
}

// version is the beginning of a tag, before what a flavour adds: 29 of 29-dind.
var version = regexp.MustCompile(`^v?[0-9]+(?:\.[0-9]+)*`)

// newer returns a tag with the version of another one, if that is later, in its own flavour: 30-dind, of 29-dind and 30. Tags that are no
// versions, such as a suite of Debian, and two flavours cannot be compared: who moves from one to the other does so by hand.
func newer(tag, than string) (later string, comparable bool) {
	next, now := version.FindString(tag), version.FindString(than)
	flavour := strings.TrimPrefix(than, now)
	if next == "" || now == "" || next != tag && strings.TrimPrefix(tag, next) != flavour {
		return "", false
	}
	a, errA := semver.NewVersion(next)
	b, errB := semver.NewVersion(now)
	if errA != nil || errB != nil {
		return "", false
	}
	if a.GreaterThan(b) {
		later = next + flavour
	}
	return later, true
}
