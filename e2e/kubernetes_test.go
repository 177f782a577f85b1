package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// kubernetesSample has each framework, each database with a server and each application server, with and without a domain.
var kubernetesSample = [][]string{
	{"--framework", "django", "--database", "postgres", "--server", "uwsgi", "--domain", domain, "--email", "admin@example.com"},
	{"--framework", "flask", "--database", "mysql", "--server", "gunicorn"},
	{"--framework", "fastapi", "--database", "postgres", "--server", "gunicorn", "--domain", domain, "--email", "admin@example.com"},
	{"--framework", "fastapi", "--database", "mysql", "--server", "gunicorn"},
}

// generateForKubernetes writes a repository that goes to a cluster.
func generateForKubernetes(t *testing.T, flags ...string) *repository {
	t.Helper()
	return generate(t, append([]string{"--deploy", "kubernetes", "--proxy", "none"}, flags...)...)
}

// manifests puts an overlay together, or the base, into a file outside the repository.
func (r *repository) manifests(folder string) string {
	r.t.Helper()
	file := filepath.Join(r.t.TempDir(), "manifests.yaml")
	r.run(toolPath(r, "kustomize"), "build", "--output", file, "deploy/kubernetes/"+folder)
	return file
}

// manifestChecks hold manifests against the API's types, and against what is known to go wrong. Each fails when old is
// replaced in them.
var manifestChecks = []struct {
	name          string
	command       func(r *repository, file string) []string
	old, new, why string
}{
	{
		"kubernetes-validate", func(r *repository, file string) []string {
			return []string{toolPath(r, "kubernetes-validate"), "--strict", "--quiet", file}
		},
		"minReadySeconds: 5", "minReadySecond: 5", "minReadySecond",
	},
	{
		"kube-score", func(r *repository, file string) []string {
			return []string{toolPath(r, "kube-score"), "score", "--exit-one-on-warning", file}
		},
		"readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "Container Security Context",
	},
	{
		"checkov", func(r *repository, file string) []string {
			return checkov("--framework", "kubernetes", "--file", file)(r)
		},
		"automountServiceAccountToken: false", "automountServiceAccountToken: true", "CKV_K8S_38",
	},
}

// TestKubernetesManifests puts the manifests together with the real Kustomize, and checks them.
func TestKubernetesManifests(t *testing.T) {
	t.Parallel()
	for _, flags := range kubernetesSample {
		t.Run(strings.Join(flags[1:6:6], " "), func(t *testing.T) {
			t.Parallel()
			r := generateForKubernetes(t, flags...)
			for _, folder := range []string{"overlays/staging", "overlays/production"} {
				file := r.manifests(folder)
				for _, check := range manifestChecks {
					command := check.command(r, file)
					if output, err := r.try(command[0], command[1:]...); err != nil {
						t.Errorf("%s of %s: %v\n%s", check.name, folder, err, tail(output))
					}
				}
				text := readFile(t, file)
				if ingress := strings.Contains(text, "kind: Ingress\n"); ingress != strings.Contains(strings.Join(flags, " "), domain) {
					t.Errorf("%s: an Ingress is there: %t", folder, ingress)
				}
				if strings.Contains(text, "kind: Secret\n") {
					t.Errorf("%s: a Secret is in it", folder)
				}
			}
			r.run(toolPath(r, "shellcheck"), "scripts/release")
			r.run(toolPath(r, "yamllint"), "--strict", "--config-data",
				"{extends: default, rules: {line-length: {max: 120}, document-start: disable}}", "deploy/kubernetes")
			r.fails("does not name the images yet", "scripts/release", "production")
		})
	}
}

// TestKubernetesChecksFail proves for each check that it finds something where there is something.
func TestKubernetesChecksFail(t *testing.T) {
	t.Parallel()
	r := generateForKubernetes(t, "--database", "postgres")
	text := readFile(t, r.manifests("overlays/production"))
	for _, check := range manifestChecks {
		t.Run(check.name, func(t *testing.T) {
			r := &repository{t: t, dir: r.dir, env: r.env}
			broken := strings.ReplaceAll(text, check.old, check.new)
			if broken == text {
				t.Fatalf("%q is not in the manifests", check.old)
			}
			file := filepath.Join(t.TempDir(), "broken.yaml")
			writeFile(t, file, broken)
			command := check.command(r, file)
			r.fails(check.why, command[0], command[1:]...)
		})
	}
}

// TestKubernetesNeedsAServer proves that the refusals say why.
func TestKubernetesNeedsAServer(t *testing.T) {
	t.Parallel()
	r := &repository{t: t, dir: t.TempDir(), env: environment()}
	for _, flags := range [][]string{{"--database", "sqlite", "--proxy", "none"}, {"--database", "postgres", "--proxy", "nginx"}} {
		r.fails("cannot share the one file of SQLite", kitout,
			append([]string{"new", filepath.Join(r.dir, "shop"), "--yes", "--deploy", "kubernetes"}, flags...)...)
	}
	if _, err := os.Stat(filepath.Join(r.dir, "shop")); err == nil {
		t.Error("a refused repository was written")
	}
}
