package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// releaseConfiguration is what of .goreleaser.yaml names something in this repository.
type releaseConfiguration struct {
	Before struct{ Hooks []string }
	Builds []struct {
		Main                         string
		Goos, Goarch, Flags, Ldflags []string
	}
	Archives []struct{ Files []string }
	Nfpms    []struct {
		Contents []struct{ Src string }
	}
	Casks []struct {
		Completions map[string]string
	} `yaml:"homebrew_casks"`
	Dockers []struct {
		Dockerfile string
		Platforms  []string
	} `yaml:"dockers_v2"`
}

func readRelease(t *testing.T) (c releaseConfiguration) {
	t.Helper()
	text, err := os.ReadFile("../../.goreleaser.yaml")
	must(t, err)
	must(t, yaml.Unmarshal(text, &c))
	if len(c.Before.Hooks) != 1 || len(c.Builds) != 1 || len(c.Archives) != 1 || len(c.Nfpms) != 1 || len(c.Casks) != 1 || len(c.Dockers) != 1 {
		t.Fatalf("a part is missing, or there is more than one: %+v", c)
	}
	return c
}

// inRoot runs a program in the root of the repository.
func inRoot(t *testing.T, name string, args ...string) string {
	t.Helper()
	command := exec.Command(name, args...)
	command.Dir = "../.."
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, output)
	}
	return string(output)
}

// TestReleaseNamesWhatIsThere runs what a release runs first, and wants each file that goes into a package; and one wheel, and at most one
// image, for each program that is built.
func TestReleaseNamesWhatIsThere(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("releases are made by a script for bash")
	}
	c := readRelease(t)
	hook, made, _ := strings.Cut(c.Before.Hooks[0], " ")
	extras := t.TempDir()
	inRoot(t, hook, extras)

	named := append([]string{c.Dockers[0].Dockerfile, c.Builds[0].Main + "/*.go"}, c.Archives[0].Files...)
	for _, content := range c.Nfpms[0].Contents {
		named = append(named, content.Src)
	}
	for _, completion := range c.Casks[0].Completions {
		named = append(named, completion)
	}
	for _, name := range named {
		file := filepath.Join("../..", name)
		if rest, is := strings.CutPrefix(name, made+"/"); is {
			file = filepath.Join(extras, rest)
		}
		if found, err := filepath.Glob(file); err != nil || len(found) == 0 {
			t.Errorf("%s is named, and not there (%v)", name, err)
		}
	}

	var built []string
	for _, system := range c.Builds[0].Goos {
		for _, machine := range c.Builds[0].Goarch {
			built = append(built, system+"/"+machine)
		}
	}
	for _, platform := range c.Dockers[0].Platforms {
		if !slices.Contains(built, platform) {
			t.Errorf("there is an image for %s, and no program", platform)
		}
	}
	script, err := os.ReadFile("../../packages/wheels.py")
	must(t, err)
	var packed []string
	for _, key := range regexp.MustCompile(`\("(\w+)", "(\w+)"\): "`).FindAllStringSubmatch(string(script), -1) {
		packed = append(packed, key[1]+"/"+key[2])
	}
	slices.Sort(built)
	slices.Sort(packed)
	if !slices.Equal(built, packed) {
		t.Errorf("programs are built for %s, wheels for %s", built, packed)
	}
}

// TestReleaseSaysItsVersion builds the program with the flags of a release.
func TestReleaseSaysItsVersion(t *testing.T) {
	build := readRelease(t).Builds[0]
	program := filepath.Join(t.TempDir(), "kitout.exe")
	args := []string{"build", "-o", program, "-ldflags", strings.ReplaceAll(strings.Join(build.Ldflags, " "), "{{ .Version }}", "1.2.3-rc.1")}
	for _, flag := range build.Flags {
		if flag != "-trimpath" { // which would compile every package anew
			args = append(args, flag)
		}
	}
	inRoot(t, "go", append(args, build.Main)...)
	var says struct{ Version, Commit, Date string }
	must(t, json.Unmarshal([]byte(inRoot(t, program, "version", "--json")), &says))
	if commit := strings.TrimSpace(inRoot(t, "git", "rev-parse", "HEAD")); says.Version != "1.2.3-rc.1" || says.Commit != commit || says.Date == "" {
		t.Errorf("a release of %s says %+v", commit, says)
	}
}
