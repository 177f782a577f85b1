package main

import (
	"html"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	linked    = regexp.MustCompile(`<(a|link|img|script)\b[^>]*?\s(?:href|src)="([^"]*)"`)
	anchored  = regexp.MustCompile(`\sid="([^"]*)"`)
	leftovers = regexp.MustCompile(`<no value>|map\[|<!-- raw HTML omitted`)
)

// TestSite builds the site, and follows every link and anchor in it. Nothing but an <a> may lead elsewhere: pages load nothing.
func TestSite(t *testing.T) {
	kitout := filepath.Join(t.TempDir(), "kitout")
	if output, err := exec.Command("go", "build", "-o", kitout, "../../kitout").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	folder := t.TempDir()
	if err := build("../../..", kitout, folder); err != nil {
		t.Fatal(err)
	}
	pages := map[string]string{}
	must(t, fs.WalkDir(os.DirFS(folder), ".", func(name string, entry fs.DirEntry, err error) error {
		must(t, err)
		if !entry.IsDir() {
			data, err := os.ReadFile(filepath.Join(folder, name))
			must(t, err)
			pages[name] = string(data)
		}
		return nil
	}))
	anchors := map[string]map[string]bool{}
	for name, text := range pages {
		anchors[name] = map[string]bool{}
		for _, match := range anchored.FindAllStringSubmatch(text, -1) {
			if anchors[name][match[1]] {
				t.Errorf("%s: two places are called #%s", name, match[1])
			}
			anchors[name][match[1]] = true
		}
		if found := leftovers.FindString(text); found != "" && path.Ext(name) == ".html" {
			t.Errorf("%s: %s", name, found)
		}
	}
	links := 0
	for name, text := range pages {
		if path.Ext(name) != ".html" {
			continue
		}
		for _, match := range linked.FindAllStringSubmatch(text, -1) {
			target, err := url.Parse(html.UnescapeString(match[2]))
			must(t, err)
			if target.IsAbs() || target.Host != "" {
				if match[1] != "a" || target.Scheme != "https" {
					t.Errorf("%s: %s", name, match[0])
				}
				continue
			}
			links++
			to := name
			if target.Path != "" {
				to = path.Join(path.Dir(name), target.Path)
			}
			if _, there := pages[to]; !there {
				t.Errorf("%s: %s: there is no such page", name, match[2])
			} else if target.Fragment != "" && !anchors[to][target.Fragment] {
				t.Errorf("%s: %s: there is no such place", name, match[2])
			}
		}
	}
	for _, name := range []string{"index.html", "contributing.html", "docs/index.html", "docs/own.html", "questions/database.html", "presets/minimal.html", "commands/layer-check.html"} {
		if !strings.Contains(pages[name], "<h1") && !strings.Contains(pages[name], "Usage:") {
			t.Errorf("%s is missing", name)
		}
	}
	if links < 1000 {
		t.Errorf("only %d links were followed", links)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
