package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	bolt "go.etcd.io/bbolt"
)

// scannerImages are images under the names of scanners that are not to be had everywhere: of Trivy the real program, which must not
// ask for its database, and of cosign; of the others a recorder of what it is called with.
const scannerImages = `FROM debian:trixie-slim AS trivy
ENV TRIVY_OFFLINE_SCAN=true TRIVY_SKIP_CHECK_UPDATE=true TRIVY_SKIP_DB_UPDATE=true
COPY --chmod=0755 trivy /usr/local/bin/
ENTRYPOINT ["trivy"]

FROM debian:trixie-slim AS cosign
COPY --chmod=0755 cosign /usr/local/bin/
ENTRYPOINT ["cosign"]

FROM debian:trixie-slim AS recorder
COPY --chmod=0755 record /syft
COPY --chmod=0755 record /usr/local/bin/snyk
COPY --chmod=0755 record /usr/share/dependency-check/bin/dependency-check.sh
ENTRYPOINT ["/syft"]
`

// recordingProgram notes its arguments and the names of its environment, whether it was given the key by a file, and fails if it is to.
// In place of Syft it lists nothing.
const recordingProgram = `#!/bin/sh
{
  echo "$*"
  env | sed 's/=.*//'
  ! grep --quiet "^nvd.api.key=$NVD_API_KEY$" /tmp/key.properties 2>/dev/null || echo key by file
  ls build/packages | grep --count dist-info
} >>build/reports/recorded
! [ -e build/reports/fail ] || exit 3
for argument; do
  case $argument in
    cyclonedx-json=*) echo '{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": []}' >"${argument#*=}" ;;
  esac
done
`

// TestScanners lets the scanners look at a repository in which there is nothing to find, and then at each flaw by itself.
func TestScanners(t *testing.T) {
	t.Parallel()
	name := fmt.Sprintf("e2e%d-scan", os.Getpid())
	r := generate(t, "--framework", "flask", "--database", "sqlite", "--proxy", "apache", "--name", name, "--package", "shop",
		"--scan", "bandit,trivy,snyk,dependency-check")
	t.Cleanup(func() {
		r.run("docker", "compose", "--file", "compose.tools.yaml", "down", "--remove-orphans")
		r.try("docker", "image", "rm", name, name+"-proxy")
	})
	if found := r.buildsTools(); found < 4 {
		t.Fatalf("only %d tools", found)
	}
	r.writesAdvisory("planted")

	r.make("scan-trivy")
	r.isSARIF("trivy.sarif", 0)
	r.findsFlaws()

	r.make("image-archives")
	first := r.archives()
	r.make("scan-trivy-image", "sbom")
	if second := r.archives(); second != first {
		t.Errorf("the archives were saved again: %s and %s", first, second)
	}
	r.records("scan docker-archive:build/images/app.tar --source-name "+name+"/app --output cyclonedx-json=build/reports/app.cdx.json", "sbom")
	r.writesAdvisory("flask")
	r.fails("CVE-2026-0001", "make", "scan-trivy-image")
	r.isSARIF("trivy-app.sarif", 1)
	r.namesReports("trivy-app.sarif", "trivy-proxy.sarif")

	r.statesProvenance()

	production := r.with("SNYK_TOKEN="+passwordMark, "NVD_API_KEY="+passwordMark)
	for target, arguments := range map[string]string{
		"scan-snyk":             "test --file=build/packages.txt --package-manager=pip --policy-path=.snyk --severity-threshold=high",
		"scan-snyk-image":       "container test docker-archive:build/images/proxy.tar --exclude-app-vulns --policy-path=.snyk",
		"scan-dependency-check": "--scan build/packages --enableExperimental --failOnCVSS 7 --suppression deploy/dependency-check.xml",
	} {
		production.records(arguments, target)
		writeFile(t, r.path("build/reports/fail"), "")
		production.fails("Error 3", "make", target)
		if err := os.Remove(r.path("build/reports/fail")); err != nil {
			t.Fatal(err)
		}
	}
	r.noPasswordLeft()
	if status := r.run("git", "status", "--porcelain"); status != "" {
		t.Errorf("what the scanners made is not ignored:\n%s", status)
	}
}

// toolImages are the stand-ins that have been built; removeToolImages removes them at the end of the run, as several tests use them.
var toolImages struct {
	sync.Mutex
	built []string
}

func removeToolImages() {
	for _, image := range toolImages.built {
		_ = exec.Command("docker", "image", "rm", "--force", image).Run()
	}
}

// buildsTools makes the stand-ins of what compose.tools.yaml names, and says how many those are.
func (r *repository) buildsTools() int {
	r.t.Helper()
	toolImages.Lock()
	defer toolImages.Unlock()
	var tools struct {
		Services map[string]struct{ Image string }
	}
	if err := json.Unmarshal([]byte(r.run("docker", "compose", "--file", "compose.tools.yaml", "config", "--format", "json")), &tools); err != nil {
		r.t.Fatal(err)
	}
	dir := r.t.TempDir()
	writeFile(r.t, filepath.Join(dir, "Dockerfile"), scannerImages)
	writeFile(r.t, filepath.Join(dir, "record"), recordingProgram)
	for _, name := range []string{"trivy", "cosign"} {
		r.run("cp", toolPath(r.t, name), dir)
	}
	for service, tool := range tools.Services {
		if slices.Contains(toolImages.built, tool.Image) {
			continue
		}
		target := "recorder"
		if service == "trivy" || service == "cosign" {
			target = service
		}
		r.run("docker", "build", "--quiet", "--target", target, "--tag", tool.Image, dir)
		toolImages.built = append(toolImages.built, tool.Image)
	}
	return len(tools.Services)
}

// writesAdvisory makes a database for Trivy that knows one vulnerability, of all versions of one package.
func (r *repository) writesAdvisory(name string) {
	r.t.Helper()
	dir := r.path("build/cache/.cache/trivy/db")
	writeFile(r.t, filepath.Join(dir, "metadata.json"), `{"Version": 2, "NextUpdate": "2100-01-01T00:00:00Z", "UpdatedAt": "2026-01-01T00:00:00Z"}`)
	file := filepath.Join(dir, "trivy.db")
	if err := os.RemoveAll(file); err != nil {
		r.t.Fatal(err)
	}
	db, err := bolt.Open(file, 0o644, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	defer db.Close()
	const source = "pip::GitHub Security Advisory Pip"
	for _, entry := range []struct {
		buckets    []string
		key, value string
	}{
		{[]string{"data-source"}, source, `{"ID": "ghsa", "Name": "GitHub Security Advisory Pip"}`},
		{[]string{source, name}, "CVE-2026-0001", `{"PatchedVersions": ["99"], "VulnerableVersions": ["<99"]}`},
		{[]string{"vulnerability"}, "CVE-2026-0001", `{"Title": "A planted one", "Severity": "HIGH", "VendorSeverity": {"ghsa": 3}}`},
	} {
		err := db.Update(func(tx *bolt.Tx) error {
			bucket, err := tx.CreateBucketIfNotExists([]byte(entry.buckets[0]))
			for _, inner := range entry.buckets[1:] {
				if err == nil {
					bucket, err = bucket.CreateBucketIfNotExists([]byte(inner))
				}
			}
			if err != nil {
				return err
			}
			return bucket.Put([]byte(entry.key), []byte(entry.value))
		})
		if err != nil {
			r.t.Fatal(err)
		}
	}
}

// findsFlaws plants flaws that Trivy must find, and accepts one until a day.
func (r *repository) findsFlaws() {
	r.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		r.t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		r.t.Fatal(err)
	}
	private := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	appends := func(more string) func(string) string { return func(text string) string { return text + more } }
	const pin = "planted==1.0\n"
	r.breaks("deploy/gunicorn.conf.py", appends(private), "AsymmetricPrivateKey", "make", "scan-trivy")
	r.breaks("Dockerfile", appends("USER root\n"), "DS-0002", "make", "scan-trivy")
	r.breaks("requirements.txt", appends(pin), "CVE-2026-0001", "make", "scan-trivy")

	accepted := "vulnerabilities:\n  - {id: CVE-2026-0001, expired_at: %s, statement: Nobody calls it.}\n"
	locked, none := readFile(r.t, r.path("requirements.txt")), readFile(r.t, r.path(".trivyignore.yaml"))
	writeFile(r.t, r.path("requirements.txt"), locked+pin)
	writeFile(r.t, r.path(".trivyignore.yaml"), fmt.Sprintf(accepted, "2100-01-01"))
	r.make("scan-trivy")
	writeFile(r.t, r.path(".trivyignore.yaml"), fmt.Sprintf(accepted, "2026-01-01"))
	r.fails("CVE-2026-0001", "make", "scan-trivy")
	writeFile(r.t, r.path("requirements.txt"), locked)
	writeFile(r.t, r.path(".trivyignore.yaml"), none)
}

// statesProvenance wants a statement about what was published, with the commit, the base images, and no credentials.
func (r *repository) statesProvenance() {
	r.t.Helper()
	r.fails("build/release.env: not found", "make", "provenance")
	r.run("git", "config", "remote.origin.url", "https://u:"+passwordMark+"@git.example.com/acme/shop.git")
	commit, digest := strings.TrimSpace(r.run("git", "rev-parse", "HEAD")), strings.Repeat("5a", 32)
	writeFile(r.t, r.path("build/release.env"), "RELEASE="+commit+"\nAPP_IMAGE=docker.io/acme/shop@sha256:"+digest+"\n")
	r.make("provenance")
	r.run("git", "config", "--unset", "remote.origin.url")
	var statement struct {
		Type    string `json:"_type"`
		Subject []struct {
			Name   string
			Digest map[string]string
		}
		Predicate struct {
			BuildDefinition struct {
				ResolvedDependencies []struct {
					URI    string
					Digest map[string]string
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(readFile(r.t, r.path("build/provenance.json"))), &statement); err != nil {
		r.t.Fatal(err)
	}
	if s := statement.Subject; len(s) != 1 || s[0].Name != "docker.io/acme/shop" || s[0].Digest["sha256"] != digest {
		r.t.Errorf("the provenance is that of %v", s)
	}
	digests := map[string]string{}
	for _, dependency := range statement.Predicate.BuildDefinition.ResolvedDependencies {
		name, _, _ := strings.Cut(dependency.URI, "?")
		digests[name] = dependency.Digest["gitCommit"] + dependency.Digest["sha256"]
	}
	if digests["git+https://git.example.com/acme/shop.git"] != commit || digests["pkg:docker/python@3.14-slim"] == "" || digests["pkg:docker/httpd@2.4"] == "" {
		r.t.Errorf("the provenance names %v", digests)
	}
}

// isSARIF wants so many results in a report.
func (r *repository) isSARIF(name string, results int) {
	r.t.Helper()
	var report struct {
		Version string
		Runs    []struct{ Results []any }
	}
	if err := json.Unmarshal([]byte(readFile(r.t, r.path("build/reports/"+name))), &report); err != nil {
		r.t.Fatal(err)
	}
	if report.Version != "2.1.0" || len(report.Runs) != 1 || len(report.Runs[0].Results) != results {
		r.t.Errorf("%s: SARIF %s with %v, want %d results", name, report.Version, report.Runs, results)
	}
}

// namesReports does what the workflow does before it shows reports of one tool, and wants each to have a category of its own, which
// is what comes before the last slash.
func (r *repository) namesReports(names ...string) {
	r.t.Helper()
	const script = `import yaml
steps = yaml.safe_load(open(".github/workflows/ci.yml"))["jobs"]["image"]["steps"]
print(next(s["run"] for s in steps if s["name"] == "Name each report after its file"))`
	r.run("bash", "-e", "-c", r.run(toolPath(r.t, "python"), "-c", script))
	for _, name := range names {
		category := r.run("jq", "--raw-output", ".runs[].automationDetails.id", "build/reports/"+name)
		if want := strings.TrimSuffix(name, ".sarif") + "/\n"; category != want {
			r.t.Errorf("%s has the category %q, want %q", name, category, want)
		}
	}
}

// archives are the archives of the images, with their times.
func (r *repository) archives() string {
	r.t.Helper()
	return r.run("sh", "-c", "stat --format '%n %y' build/images/*.tar")
}

// records runs a target, whose tools are recorders, and wants these arguments. Each has the packages, and the names of the
// secrets that are its own.
func (r *repository) records(arguments, target string) {
	r.t.Helper()
	file := r.path("build/reports/recorded")
	if err := os.RemoveAll(file); err != nil {
		r.t.Fatal(err)
	}
	r.make(target)
	told := readFile(r.t, file)
	secrets := map[string]bool{
		"\nSNYK_TOKEN\n":  strings.Contains(target, "snyk"),
		"\nNVD_API_KEY\n": target == "scan-dependency-check", "\nkey by file\n": target == "scan-dependency-check",
	}
	for text, want := range secrets {
		if strings.Contains(told, text) != want {
			r.t.Errorf("make %s: %q is told, or is not and should be:\n%s", target, text, told)
		}
	}
	if !strings.Contains(told, arguments) || strings.Contains(told, "\n0\n") {
		r.t.Errorf("make %s was recorded as\n%s\nwithout %q, or without packages", target, told, arguments)
	}
}
