package check

import (
	"slices"
	"testing"
	"testing/fstest"
)

// TestIndex wants what the tree's own search finds.
func TestIndex(t *testing.T) {
	t.Parallel()
	files := fstest.MapFS{}
	for _, name := range []string{
		"Dockerfile", "a/Dockerfile.prod", "compose.yaml", "a/docker-compose.prod.yml", "nginx/site", "deploy/nginx/conf.d/b.conf", ".env", "a/.env.local",
		".github/workflows/ci.yml", "requirements/base.txt", "README", "docs/nginx.conf.template", "uwsgi.ini",
	} {
		files[name] = &fstest.MapFile{}
	}
	read := readTree(t, files)
	index := newIndex(read)
	for _, pattern := range []string{
		"Dockerfile", "{Dockerfile,Containerfile}.*", "{compose,docker-compose}{.,-,_}*.y{,a}ml", "*.y{,a}ml", "**/{nginx,apache}/**", ".env{,.*}", "*.conf.*",
		".github/workflows/*.y{,a}ml", "README*", "nothing", "*uwsgi*.ini", "nginx/**", "*", "[", "{a", "a}b", "?EADME", "Dockerfile*", "deploy/n*/**/b*",
	} {
		if got, want := index.glob(pattern), read.Glob(pattern); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", pattern, got, want)
		}
	}
}
