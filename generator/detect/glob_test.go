package detect

import (
	"path"
	"testing"

	"github.com/bmatcuk/doublestar/v4"
)

// The shortcuts of a matcher must say what matching would say.
func TestMatchersAgree(t *testing.T) {
	t.Parallel()
	globs := []string{
		"a.txt", "*.txt", "a*", "*a*", "*.env.*", ".env{,.*}.{example,sample}", "{a,b{c,d}}*.y{,a}ml", "**/k8s/**/*.yaml", "x/*.txt", "x/**", "**/x/*",
		"{,**/}requirements/**/*.txt", "?.txt", "[ab].txt", "**/{nginx,sites}/**/*.conf{,.j2}", "Dockerfile*", "a/b.txt",
	}
	names := []string{
		"a.txt", "b.txt", "ab.txt", "x/a.txt", "x/y/a.txt", "a", "aa", ".env.example", ".env.prod.sample", "x.env.y", "bc.yml", "bd1.yaml", "a.yaml",
		"k8s/x.yaml", "a/k8s/b/c.yaml", "ak8s/x.yaml", "requirements/a.txt", "s/requirements/d/a.txt", "nginx/site.conf.j2", "a/sites/b.conf",
		"Dockerfile", "Dockerfile.dev", "a/b.txt", "env", "y/x/z", ".env.", "a/b/b.txt",
	}
	s := &scan{globs: map[string][]file{}, byExtension: map[string][]int{}}
	for _, name := range names {
		s.files = append(s.files, file{path: name})
	}
	s.index()
	for _, glob := range globs {
		fits := map[string]bool{}
		for _, f := range s.glob(glob) {
			fits[f.path] = true
		}
		for _, name := range names {
			subject := name
			if !aboutPaths(glob) {
				subject = path.Base(name)
			}
			want, err := doublestar.Match(glob, subject)
			if err != nil || fits[name] != want {
				t.Errorf("%q on %q: %v, want %v, %v", glob, name, fits[name], want, err)
			}
		}
	}
}

func aboutPaths(glob string) bool { return path.Base(glob) != glob }
