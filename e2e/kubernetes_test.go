package e2e

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// kubernetesSample has each framework, each database with a server, each application server, each kind of backups and each source of
// secrets, with and without a domain and traces.
var kubernetesSample = [][]string{
	{"--framework", "django", "--database", "postgres", "--server", "uwsgi", "--secrets", "vault", "--domain", domain, "--email", "admin@example.com"},
	{"--framework", "flask", "--database", "mysql", "--server", "gunicorn", "--secrets", "aws", "--backup", "continuous"},
	{"--framework", "fastapi", "--database", "postgres", "--server", "gunicorn", "--secrets", "gcp", "--backup", "continuous", "--domain", domain, "--email", "admin@example.com"},
	{"--framework", "fastapi", "--database", "mysql", "--server", "gunicorn", "--secrets", "kubernetes", "--traces", "opentelemetry"},
}

// generateForKubernetes writes a repository that goes to a cluster.
func generateForKubernetes(t *testing.T, flags ...string) *repository {
	t.Helper()
	return generate(t, append([]string{"--deploy", "kubernetes", "--proxy", "none"}, flags...)...)
}

// manifests puts an overlay together as scripts/deploy does, with images by their digests, into a file outside the repository.
func (r *repository) manifests(overlay string) string {
	r.t.Helper()
	k := newKubectl(r)
	k.released("a")
	k.run("scripts/deploy", "--dry-run", overlay)
	return filepath.Join(k.folder, "manifests.yaml")
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
			return []string{toolPath(r.t, "kubernetes-validate"), "--strict", "--quiet", file}
		},
		"minReadySeconds: 5", "minReadySecond: 5", "minReadySecond",
	},
	{
		"kube-score", func(r *repository, file string) []string {
			return []string{toolPath(r.t, "kube-score"), "score", "--exit-one-on-warning", file}
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
			for _, folder := range []string{"staging", "production"} {
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
				if images := regexp.MustCompile(`(?m)^ *image: .*`).FindAllString(text, -1); !allContain(images, "@sha256:") {
					t.Errorf("%s: images without a digest among %q", folder, images)
				}
				for _, job := range regexp.MustCompile(`(?s)kind: CronJob\n.*?\n  name: shop(\S+)\n`).FindAllStringSubmatch(text, -1) {
					const longest, ofProject = 52, 40 // what the API takes, as it makes names of Jobs of it, and what kitout allows
					if len(job[1]) > longest-ofProject {
						t.Errorf("%s: the CronJob of a project with a long name ends in %s", folder, job[1])
					}
				}
				for document := range strings.SplitSeq(text, "\n---\n") {
					name := regexp.MustCompile(`(?m)^  name: shop-(.*)$`).FindStringSubmatch(document)
					if name == nil || !strings.Contains(document, "kind: CronJob\n") {
						continue
					}
					for _, spare := range map[string][]string{"drill": {"shop-media"}, "moments": {"shop-media", "BACKUP_"}}[name[1]] {
						if strings.Contains(document, spare) {
							t.Errorf("%s: the CronJob %s has %s, which it does not need", folder, name[1], spare)
						}
					}
				}
				const otlp = "port: 4318\n"
				for _, document := range strings.Split(text, "\n---\n") {
					if strings.Contains(document, otlp) && !strings.Contains(document, "app.kubernetes.io/component: web\n") {
						t.Errorf("%s: who sends no traces is let out for them:\n%s", folder, document)
					}
				}
				if traced := strings.Contains(text, otlp); traced != slices.Contains(flags, "--traces") {
					t.Errorf("%s: traces are let out: %t", folder, traced)
				}
				if strings.Contains(text, "kind: Secret\n") {
					t.Errorf("%s: a Secret is in it", folder)
				}
			}
			r.run(toolPath(r.t, "shellcheck"), "scripts/access", "scripts/deploy", "scripts/rollback", "scripts/cluster.sh")
			r.run(toolPath(r.t, "yamllint"), "--strict", "--config-data",
				"{extends: default, rules: {line-length: {max: 120}, document-start: disable}}", "deploy/kubernetes")
		})
	}
}

// TestKubernetesChecksFail proves for each check that it finds something where there is something.
func TestKubernetesChecksFail(t *testing.T) {
	t.Parallel()
	r := generateForKubernetes(t, "--database", "postgres")
	text := readFile(t, r.manifests("production"))
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

// kubectl is a stand-in for the program, which remembers what it was asked to do and keeps ConfigMaps and the lock in files.
type kubectl struct {
	*repository
	folder string
}

const kubectlStandIn = `#!/usr/bin/env bash
set -euo pipefail
[ "$1" != --namespace ] || shift 2
file=$*
file=${file##*--filename }
file=${file%% *}
did() { echo "$*" >>calls; }
here=$PWD
cd "$(dirname "$0")"
case "$*" in
  "kustomize "*) exec %[1]s build "$here/$2" ;;
  "auth whoami"*) grep --quiet '^apiVersion: v1$' "$KUBECONFIG" && printf deployer ;;
  "auth can-i --quiet $REFUSE"*) exit 1 ;;
  "auth "* | "get serviceaccount"*) ;;
  "diff "*) cp "$here/$file" manifests.yaml ;;
  "create --filename -") cat >lease && did lock ;;
  "get --ignore-not-found lease/"*holder*) [ ! -e lease ] || sed -n 's/.*holderIdentity: "\([^"]*\)".*/\1/p' lease | tr -d '\n' ;;
  "delete --wait=false lease/"*) rm lease && did unlock ;;
  "create configmap "*) name=$3 file=${5#*=} && cp "$here/$file" "configmap-$name" && did keep "${name%%-[0-9a-f]*}" ;;
  "label --local"* | "apply --server-side"*) cat >/dev/null ;;
  "get configmaps "*) ;;
  "get configmap "*) [ ! -e "configmap-$3" ] || cat "configmap-$3" ;;
  "create job "*) did start "$3" ;;
  "apply "*=migrate*) did start migrate ;;
  "apply "*=schema*) did start schema && cp "$here/$file" schema.yaml ;;
  "apply "*notin*) did switch "$(sed -n 's|^ *image: .*/shop@sha256:\(.\).*|\1|p' "$here/$file" | head -n 1)" ;;
  "apply "*) did prepare ;;
  "get job/"*conditions*) case $2 in *"$FAIL") printf FailureTarget ;; *) printf Complete ;; esac ;;
  "logs --selector "*before-deploy*) echo 'backups/shop-20260101T000000Z.tar: 3 rows, 1 files' ;;
  "logs "* | "wait "* | "get "*) ;;
  "rollout status"*) [ "$(tail -n 1 calls)" != "switch $UNREADY" ] ;;
  *) echo "unknown: $*" >&2 && exit 1 ;;
esac
`

func newKubectl(r *repository) *kubectl {
	r.t.Helper()
	k := &kubectl{folder: r.t.TempDir()}
	k.repository = r.with("PATH="+k.folder+string(os.PathListSeparator)+r.getenv("PATH"), "REFUSE=-", "FAIL=-", "UNREADY=-", "KUBE_CONFIG="+base64.StdEncoding.EncodeToString([]byte("apiVersion: v1\n"+passwordMark)))
	program := filepath.Join(k.folder, "kubectl")
	writeFile(r.t, program, fmt.Sprintf(kubectlStandIn, toolPath(r.t, "kustomize")))
	if err := os.Chmod(program, 0o700); err != nil {
		r.t.Fatal(err)
	}
	return k
}

// released commits, and writes what scripts/publish would for images whose digests are made of one digit.
func (k *kubectl) released(digit string) (commit string) {
	k.t.Helper()
	k.run("git", "commit", "--quiet", "--allow-empty", "--message", "Release "+digit)
	commit = strings.TrimSpace(k.run("git", "rev-parse", "HEAD"))
	digest := "@sha256:" + strings.Repeat(digit, 64)
	writeFile(k.t, k.path("build/release.env"), "RELEASE="+commit+"\nAPP_IMAGE=registry.example.com:5000/acme/shop"+digest+
		"\nBACKUP_IMAGE=registry.example.com:5000/acme/shop-backup"+digest+"\n")
	return commit
}

// did expects what the program was told to do since the last time.
func (k *kubectl) did(what, want string) {
	k.t.Helper()
	file := filepath.Join(k.folder, "calls")
	calls, _ := os.ReadFile(file)
	if got := strings.ReplaceAll(strings.TrimSpace(string(calls)), "\n", ", "); got != want {
		k.t.Errorf("%s:\n%s\ninstead of\n%s", what, got, want)
	}
	os.Remove(file)
}

// TestKubernetesSteps proves in which order releases do things to a cluster, and what they leave undone when one fails.
func TestKubernetesSteps(t *testing.T) {
	t.Parallel()
	k := newKubectl(generateForKubernetes(t, "--database", "postgres"))
	k.fails("no such file", "scripts/deploy", "production", "nowhere.env")
	k.released("a")
	k.run("git", "commit", "--quiet", "--allow-empty", "--message", "Another")
	k.fails("which is not checked out", "scripts/deploy")
	first := k.released("a")
	writeFile(t, k.path("tagged.env"), strings.Replace(readFile(t, k.path("build/release.env")), "@sha256", ":sha256", 1))
	k.fails("APP_IMAGE is no image with a digest", "scripts/deploy", "production", "tagged.env")
	k.with("REFUSE=delete jobs.batch").fails("may not delete jobs.batch in shop-production", "scripts/deploy")
	k.did("what is refused", "")

	k.run("scripts/deploy", "--dry-run")
	k.did("a dry run", "")
	k.run("scripts/deploy")
	k.did("the first release", "lock, prepare, start migrate, switch a, keep shop-release, keep shop-releases, unlock")
	second := k.released("b")
	k.run("scripts/deploy")
	k.did("the second one", "lock, start shop-before-deploy, prepare, start migrate, start schema, switch b, keep shop-release, keep shop-releases, unlock")

	k.released("c")
	k.with("FAIL=-before-deploy").fails("nothing is changed: "+second+" serves", "scripts/deploy")
	k.did("no backup", "lock, start shop-before-deploy, keep shop-releases, unlock")
	k.with("FAIL=-migrate").fails("nothing is replaced: "+second+" serves", "scripts/deploy")
	k.did("no migration", "lock, start shop-before-deploy, prepare, start migrate, keep shop-releases, unlock")
	k.with("UNREADY=c").fails("did not become ready: "+second+" serves", "scripts/deploy")
	k.did("never ready", "lock, start shop-before-deploy, prepare, start migrate, start schema, switch c, switch b, keep shop-releases, unlock")

	k.with("FAIL=-schema").fails("restore the data of before, shop-20260101T000000Z.tar,", "scripts/rollback")
	k.did("a schema that does not fit", "lock, start schema, keep shop-releases, unlock")
	if text := readFile(t, filepath.Join(k.folder, "schema.yaml")); !strings.Contains(text, "@sha256:aaaa") || !strings.Contains(text, "name: shop-schema") || strings.Contains(text, "initContainers") {
		t.Errorf("the former image does not look at the schema:\n%s", tail(text))
	}
	k.run("scripts/rollback", "--dry-run")
	k.did("a dry run back", "")
	k.run("scripts/rollback", "--schema-fits")
	k.did("back", "lock, switch a, keep shop-releases, unlock")
	k.fails("no such release", "scripts/rollback")
	k.fails("serves already", "scripts/rollback", "production", first[:7])
	k.did("no way back", "lock, unlock, lock, unlock")
	k.with("UNREADY=b").fails(second+" did not become ready", "scripts/rollback", "production", second)
	k.did("a way back that is never ready", "lock, start schema, switch b, switch a, keep shop-releases, unlock")

	outcomes := regexp.MustCompile(`(?m)^\S+ \S+ deployer@\S+ (\S+ \S+) registry`).ReplaceAllString(readFile(t, filepath.Join(k.folder, "configmap-shop-releases")), "$1 registry")
	var got []string
	for line := range strings.Lines(outcomes) {
		got = append(got, strings.Join(strings.Fields(line)[:2], " "))
	}
	if want := "deploy succeeded, deploy succeeded, deploy failed:backup, deploy failed:migration, deploy failed:rollout, rollback refused, rollback succeeded, rollback failed:rollout"; strings.Join(got, ", ") != want {
		t.Errorf("the log has %q", got)
	}
	if left, _ := filepath.Glob(k.path("build/cluster.*")); len(left) > 0 {
		t.Errorf("left behind: %s", left)
	}
}

// allContain is whether there are texts and each contains a part.
func allContain(texts []string, part string) bool {
	return len(texts) > 0 && !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(text, part) })
}

// TestKubernetesNeedsAServer proves that the refusals say why, in words that are true for each database.
func TestKubernetesNeedsAServer(t *testing.T) {
	t.Parallel()
	r := &repository{t: t, dir: t.TempDir(), env: environment()}
	for _, flags := range [][]string{{"--database", "sqlite", "--proxy", "none"}, {"--database", "postgres", "--proxy", "nginx"}} {
		said, err := r.try(kitout, append([]string{"new", filepath.Join(r.dir, "shop"), "--yes", "--deploy", "kubernetes"}, flags...)...)
		if err == nil || !strings.Contains(said, "share a database server, and its Ingress controller is the proxy") || strings.Contains(said, "SQLite") {
			t.Errorf("%v: %v\n%s", flags, err, said)
		}
	}
	if _, err := os.Stat(filepath.Join(r.dir, "shop")); err == nil {
		t.Error("a refused repository was written")
	}
}
