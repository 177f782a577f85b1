package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"debug/elf"
	"encoding/asn1"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// What makes a release, in the newest versions that this version of Go builds.
var releaseTools = []string{"github.com/goreleaser/goreleaser/v2@v2.14.3", "github.com/anchore/syft/cmd/syft@v1.57.1"}

// distribution is a clone of this repository with all that a release of it publishes, in dist.
type distribution struct {
	*repository
	image  string // in place of the public one
	signer signer
}

// TestRelease makes all that a release publishes, as .goreleaser.yaml says, and uses it. Two things need the internet and are this
// test's own: who certifies the signer, and the name of the image. What is built for several platforms at once is built for each, as an
// engine's own builder can.
func TestRelease(t *testing.T) {
	if !thorough {
		t.Skip("what makes releases takes minutes to build: it is for make e2e-all")
	}
	t.Parallel()
	p := publishes(t)
	p.sumsHold()
	p.manifestsName()
	p.packagesInstall()
	p.wheelInstalls()
	p.contentsAreListed()
	p.signatureHolds()
	p.imagesRun()
}

func publishes(t *testing.T) *distribution {
	t.Helper()
	r := &repository{t: t, dir: t.TempDir(), env: environment()}
	for _, tool := range releaseTools {
		r.with("GOBIN="+r.path("bin")).compiles("go", "install", tool)
	}
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	r.run("git", "clone", "--quiet", root, "kitout")
	r.run("bash", "-c", `git -C "$1" diff --binary HEAD | git -C kitout apply --allow-empty`, "changes", root)
	r.run("ln", "--symbolic", toolPath(t, "cosign"), "bin")
	clone := (&repository{t: t, dir: r.path("kitout"), env: r.env}).with("PATH="+r.path("bin")+":"+r.getenv("PATH"), "COSIGN_PASSWORD=e2e")
	clone.run("git", "tag", "v1.2.3")
	goreleaser := r.path("bin/goreleaser")
	clone.run(goreleaser, "check")

	p := &distribution{clone, fmt.Sprintf("kitout-e2e-release-%d", os.Getpid()), certified(clone, releaser, githubIssuer)}
	t.Cleanup(func() {
		p.run("bash", "-c", `docker image ls --format '{{.Repository}}:{{.Tag}}' "$1" | xargs --no-run-if-empty docker image rm`, "rm", p.image)
	})
	r.run("cp", "kitout/.goreleaser.yaml", "release.yaml")
	r.rewrite("release.yaml", `[sign-blob, `, `[sign-blob, "`+strings.Join(p.signer.signs(), `", "`)+`", `)
	r.rewrite("release.yaml", "ghcr.io/kitout/kitout", p.image)
	p.compiles(goreleaser, "release", "--snapshot", "--clean", "--config", r.path("release.yaml"))
	return p
}

// compiles runs a program that must succeed, however long it takes where nothing is compiled yet.
func (r *repository) compiles(name string, args ...string) {
	r.t.Helper()
	if output, err := r.command(r.t.Context(), name, args...).CombinedOutput(); err != nil {
		r.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, tail(string(output)))
	}
}

// signer is a folder with a key and with what Sigstore would make of it: a certificate that says which workflow has the key, and who has
// identified it, by an authority of this test. Neither it nor a log is asked.
type signer string

const (
	releaser     = "https://github.com/kitout/kitout/.github/workflows/release.yml@refs/tags/v1.2.3"
	githubIssuer = "https://token.actions.githubusercontent.com"
)

// signs are the options that sign without the internet.
func (s signer) signs() []string {
	return []string{fmt.Sprintf("--key=%s/cosign.key", s), fmt.Sprintf("--certificate=%s/signer.pem", s), fmt.Sprintf("--signing-config=%s/services.json", s),
		fmt.Sprintf("--trusted-root=%s/roots.json", s)}
}

// verifies are the options that verify without it.
func (s signer) verifies() string {
	return fmt.Sprintf(" --insecure-ignore-tlog --insecure-ignore-sct --trusted-root %s/roots.json", s)
}

func certified(r *repository, workflow, issuer string) signer {
	r.t.Helper()
	folder := &repository{t: r.t, dir: r.t.TempDir(), env: r.env}
	folder.run(toolPath(r.t, "cosign"), "generate-key-pair")
	block, _ := pem.Decode([]byte(readFile(r.t, folder.path("cosign.pub"))))
	public, publicFault := x509.ParsePKIXPublicKey(block.Bytes)
	identity, identityFault := url.Parse(workflow)
	identifier, issuerFault := asn1.MarshalWithParams(issuer, "utf8")
	key, keyFault := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err := errors.Join(publicFault, identityFault, issuerFault, keyFault); err != nil {
		r.t.Fatal(err)
	}
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "e2e"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(0, 0, 1),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	root, rootFault := x509.CreateCertificate(rand.Reader, authority, authority, &key.PublicKey, key)
	leaf, leafFault := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(2), NotBefore: authority.NotBefore, NotAfter: authority.NotAfter, URIs: []*url.URL{identity},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1, 8}, Value: identifier}}, // Fulcio's, of the issuer
	}, authority, public, key)
	if err := errors.Join(rootFault, leafFault); err != nil {
		r.t.Fatal(err)
	}
	for file, der := range map[string][]byte{"authority.pem": root, "signer.pem": leaf} {
		writeFile(r.t, folder.path(file), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	}
	folder.run(toolPath(r.t, "cosign"), "signing-config", "create", "--out", "services.json")
	folder.run(toolPath(r.t, "cosign"), "trusted-root", "create", "--fulcio", "url=https://fulcio.example.com,certificate-chain=authority.pem", "--out", "roots.json")
	return signer(folder.dir)
}

// file is what dist has by a pattern, which is one file.
func (p *distribution) file(pattern string) string {
	p.t.Helper()
	found, err := filepath.Glob(p.path("dist/" + pattern))
	if err != nil || len(found) != 1 {
		p.t.Fatalf("dist/%s: %q (%v)", pattern, found, err)
	}
	return found[0]
}

// says holds what the program says of itself against what was published.
func (p *distribution) says(of, version string) {
	p.t.Helper()
	if !strings.Contains(version, `"version": "1.2.3-SNAPSHOT-`) {
		p.t.Errorf("the program of %s says %s", of, version)
	}
}

// sumsHold wants the list of sums to have each file that is downloaded, but for itself and its signature.
func (p *distribution) sumsHold() {
	p.t.Helper()
	p.run("bash", "-c", "cd dist && sha256sum --quiet --check checksums.txt")
	sums := readFile(p.t, p.path("dist/checksums.txt"))
	for kind, number := range map[string]int{".tar.gz": 4, ".zip": 2, ".deb": 2, ".rpm": 2, ".sbom.json": 6} {
		if found := strings.Count(sums, kind+"\n"); found != number {
			p.t.Errorf("%d files %s among\n%s", found, kind, sums)
		}
	}
}

func (p *distribution) manifestsName() {
	p.t.Helper()
	sums := readFile(p.t, p.path("dist/checksums.txt"))
	for file, archives := range map[string]int{"scoop/kitout.json": 2, "homebrew/Casks/kitout.rb": 4} {
		if hashes := regexp.MustCompile(`\b[0-9a-f]{64}\b`).FindAllString(readFile(p.t, p.path("dist/"+file)), -1); len(hashes) != archives ||
			slices.ContainsFunc(hashes, func(hash string) bool { return !strings.Contains(sums, hash) }) {
			p.t.Errorf("%s has %q, which are not those of %d archives", file, hashes, archives)
		}
	}
	if cask := readFile(p.t, p.path("dist/homebrew/Casks/kitout.rb")); !strings.Contains(cask, `"com.apple.quarantine", "#{staged_path}/kitout"`) {
		p.t.Errorf("macOS will not start what Homebrew has installed:\n%s", cask)
	}
}

// packageMachine is Debian with the documentation that it leaves out of images, with what package managers install for, and with the
// package manager of others.
const packageMachine = `FROM debian:trixie-slim
RUN rm -r /etc/dpkg/dpkg.cfg.d && apt-get update -qq && apt-get install -qq --yes --no-install-recommends bash-completion fish man-db rpm zsh
CMD ["sleep", "infinity"]
`

// installed is what holds wherever a package manager has put the program: the command in a shell, and what it prints.
var installed = map[string]string{
	"kitout version --json":  `"version": "1.2.3-SNAPSHOT-`,
	"man --where kitout-new": "/usr/share/man/man1/kitout-new.1",
	"bash -c '. /usr/share/bash-completion/bash_completion && _comp_load kitout && complete -p kitout'": "-F __start_kitout kitout",
	`fish -c 'complete --do-complete "kitout chec"'`:                                                    "check\t",
}

// installs puts a package on a machine of its own, and holds that against what its package manager and its shells say.
func (p *distribution) installs(command string, says map[string]string) {
	p.t.Helper()
	machine := strings.TrimSpace(p.run("docker", "run", "--detach", "--rm", "--init", "--volume", p.path("dist")+":/dist:ro", p.image+":machine"))
	p.t.Cleanup(func() { p.run("docker", "rm", "--force", machine) })
	p.run("docker", "exec", machine, "sh", "-c", command)
	maps.Copy(says, installed)
	for command, want := range says {
		if output, err := p.try("docker", "exec", machine, "sh", "-c", command); err != nil || !strings.Contains(output, want) || want == "" && output != "" {
			p.t.Errorf("%s: %v, and %q is not in\n%s", command, err, want, output)
		}
	}
}

// packagesInstall installs the packages, one with what it recommends, the other by a program that does not know Debian's packages.
func (p *distribution) packagesInstall() {
	p.t.Helper()
	p.run("bash", "-c", `docker build --quiet --tag "$1" - <<<"$2"`, "build", p.image+":machine", packageMachine)
	p.installs("apt-get install -qq --yes /dist/kitout_*_linux_"+runtime.GOARCH+".deb", map[string]string{
		"dpkg --verify kitout":                                                   "",
		"dpkg-query --show --showformat '${Recommends}' kitout":                  "git, python3",
		"dpkg-query --show --showformat '${db:Status-Abbrev}' git python3":       "ii ii ",
		"cat /usr/share/doc/kitout/copyright":                                    "MIT License",
		"zsh -fc 'autoload -Uz compinit && compinit -D && echo $_comps[kitout]'": "_kitout",
	})
	p.installs("rpm --install --nodeps /dist/kitout_*_linux_"+runtime.GOARCH+".rpm", map[string]string{
		"rpm --verify --nodeps kitout":      "",
		"rpm --query --recommends kitout":   "git\npython3\n",
		"rpm --query --licensefiles kitout": "/usr/share/licenses/kitout/LICENSE",
		// Where Fedora's zsh looks, in place of Debian's
		"zsh -fc 'fpath=(${fpath:#*vendor*} /usr/share/zsh/site-functions); autoload -Uz compinit && compinit -D && echo $_comps[kitout]'": "_kitout",
	})
}

func (p *distribution) wheelInstalls() {
	p.t.Helper()
	p.run(toolPath(p.t, "python"), "packages/wheels.py", "dist", "dist/wheels")
	p.run(newestPython(), "-m", "venv", "environment")
	p.run("bash", "-c", "environment/bin/pip install --quiet --no-index --find-links dist/wheels kitout==1.2.3.dev0")
	p.says("the wheel", p.run("environment/bin/kitout", "version", "--json"))
}

// contentsAreListed wants the list of each archive to name the modules that its program is built of, in the versions of go.mod and with a
// licence each, and no other ones.
func (p *distribution) contentsAreListed() {
	p.t.Helper()
	for _, system := range []string{"linux", "darwin", "windows"} {
		for _, machine := range []string{"amd64", "arm64"} {
			var list struct {
				Packages []struct {
					Name    string
					Version string `json:"versionInfo"`
					License string `json:"licenseConcluded"`
				}
			}
			if err := json.Unmarshal([]byte(readFile(p.t, p.file("kitout_*_"+system+"_"+machine+".*.sbom.json"))), &list); err != nil {
				p.t.Fatal(err)
			}
			var listed []string
			for _, found := range list.Packages {
				if !strings.HasPrefix(found.Version, "v") || found.Name == "github.com/kitout/kitout" {
					continue // the archive, the standard library, and the program itself
				}
				listed = append(listed, found.Name+"@"+found.Version)
				if found.License == "NOASSERTION" {
					p.t.Errorf("%s/%s: no licence of %s", system, machine, found.Name)
				}
			}
			built := strings.Fields(p.with("GOOS="+system, "GOARCH="+machine, "CGO_ENABLED=0").run("go", "list", "-deps", "-f",
				"{{with .Module}}{{if not .Main}}{{.Path}}@{{.Version}}{{end}}{{end}}", "./cmd/kitout"))
			slices.Sort(listed)
			slices.Sort(built)
			if built = slices.Compact(built); !slices.Equal(listed, built) {
				p.t.Errorf("%s/%s is built of\n%s\nand lists\n%s", system, machine, built, listed)
			}
		}
	}
}

// signatureHolds verifies as docs/releases.md says, and wants that to refuse what has changed, and what others have signed.
func (p *distribution) signatureHolds() {
	p.t.Helper()
	steps := regexp.MustCompile("(?s)## Verify.*?```sh\n(.*?)\n(sha256sum .*?)\n```").FindStringSubmatch(readFile(p.t, p.path("docs/releases.md")))
	if steps == nil {
		p.t.Fatal("docs/releases.md does not say how to verify a release")
	}
	there := &repository{t: p.t, dir: p.t.TempDir(), env: p.env}
	for _, pattern := range []string{"checksums.txt", "checksums.txt.sigstore.json", "*_linux_amd64.deb"} {
		there.run("cp", p.file(pattern), ".")
	}
	if output := there.run("bash", "-euc", steps[1]+p.signer.verifies()+"\n"+steps[2]); !strings.Contains(output, "Verified OK") || strings.Count(output, ": OK") != 1 {
		p.t.Errorf("of a good release is said\n%s", output)
	}
	there.run("bash", "-c", "echo >>*.deb")
	there.fails("FAILED", "bash", "-c", steps[2])

	for _, other := range []struct{ why, workflow, issuer string }{
		{"expected SAN value", strings.Replace(releaser, "kitout", "somebody", 1), githubIssuer},
		{"expected SAN value", strings.Replace(releaser, "refs/tags/v1.2.3", "refs/heads/main", 1), githubIssuer},
		{"expected issuer value", releaser, "https://accounts.example.com"},
	} {
		signer := certified(p.repository, other.workflow, other.issuer)
		there.run(toolPath(p.t, "cosign"), slices.Concat([]string{"sign-blob", "--yes", "--bundle=checksums.txt.sigstore.json", "checksums.txt"}, signer.signs())...)
		there.fails(other.why, "bash", "-c", steps[1]+signer.verifies())
	}
	there.run("cp", p.file("checksums.txt.sigstore.json"), ".")
	there.run("bash", "-c", "echo >>checksums.txt")
	there.fails("invalid signature", "bash", "-c", steps[1]+p.signer.verifies())
}

// imagesRun looks at the images for what their names promise, and runs that of this machine.
func (p *distribution) imagesRun() {
	p.t.Helper()
	for machine, header := range map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64} {
		image := p.image + ":latest-" + machine
		if says := strings.TrimSpace(p.run("docker", "image", "inspect", "--format", "{{.Os}}/{{.Architecture}} {{.Config.User}}", image)); says != "linux/"+machine+" 10001:10001" {
			p.t.Errorf("the image for %s says %s", machine, says)
		}
		container := strings.TrimSpace(p.run("docker", "create", "--platform", "linux/"+machine, image))
		p.run("docker", "cp", container+":/kitout", "from-image-"+machine)
		p.run("docker", "rm", container)
		program, err := elf.Open(p.path("from-image-" + machine))
		if err != nil {
			p.t.Fatal(err)
		}
		if program.Machine != header {
			p.t.Errorf("the program of the image for %s is for %s", machine, program.Machine)
		}
		program.Close()
	}
	p.says("the image", p.run("docker", "run", "--rm", "--network", "none", p.image+":latest-"+runtime.GOARCH, "version", "--json"))
}
