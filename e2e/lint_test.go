package e2e

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tools is the folder of the linters that e2e/setup installs.
func tools(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(cache, "kitout-e2e", "bin")
}

// TestLint holds the files of every framework and database against the linters and schemas of their formats.
func TestLint(t *testing.T) {
	bin := tools(t)
	for _, framework := range frameworks {
		for _, kind := range databases {
			for _, domain := range []string{"", "shop.example.com"} {
				name := framework + "/" + kind
				flags := []string{"--framework", framework, "--database", kind}
				if domain != "" {
					name += "/https"
					flags = append(flags, "--domain", domain, "--email", "admin@example.com")
				}
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					r := generate(t, flags...)
					// zizmor and actionlint look for a repository
					r.run("git", "init", "--quiet")
					lint := func(tool string, args ...string) {
						t.Helper()
						if output, err := r.try(filepath.Join(bin, tool), args...); err != nil {
							t.Errorf("%s: %v\n%s", tool, err, output)
						}
					}
					lint("hadolint", "Dockerfile")
					lint("shellcheck", append([]string{"--external-sources", "--source-path=SCRIPTDIR"}, r.shellScripts()...)...)
					lint("actionlint", "-shellcheck", filepath.Join(bin, "shellcheck"))
					lint("zizmor", "--offline", "--persona", "pedantic", "--no-progress", ".github")
					lint("yamllint", "--strict", "--config-data", "{extends: default, rules: {line-length: {max: 120}, document-start: disable, truthy: {check-keys: false}}}", ".")
					lint("check-jsonschema", "--builtin-schema", "vendor.github-workflows", ".github/workflows/ci.yml")
					lint("check-jsonschema", "--builtin-schema", "vendor.dependabot", ".github/dependabot.yml")
					lint("check-jsonschema", "--builtin-schema", "vendor.compose-spec", "compose.yaml", "compose.dev.yaml")
				})
			}
		}
	}
}

// shellScripts are the files of the repository that a shell runs.
func (r *repository) shellScripts() []string {
	r.t.Helper()
	var scripts []string
	err := filepath.WalkDir(r.dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		first, _, _ := strings.Cut(string(data), "\n")
		if strings.HasPrefix(first, "#!") && strings.HasSuffix(strings.Fields(first)[len(strings.Fields(first))-1], "sh") || strings.HasSuffix(name, ".sh") {
			relative, err := filepath.Rel(r.dir, name)
			if err != nil {
				return err
			}
			scripts = append(scripts, relative)
		}
		return nil
	})
	if err != nil || len(scripts) == 0 {
		r.t.Fatalf("no shell scripts: %v", err)
	}
	return scripts
}
