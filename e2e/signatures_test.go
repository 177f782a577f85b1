package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// keyPair follows what docs/production.md says of it, and returns the secrets that the CI system is told. The key is committed.
func (d *deployment) keyPair() []string {
	d.t.Helper()
	steps := regexp.MustCompile("(?s)\\*\\*Signatures\\.\\*\\*.*?```sh\n(.*?)```").FindStringSubmatch(readFile(d.t, d.path("docs/production.md")))
	if steps == nil {
		d.t.Fatal("docs/production.md does not say how to make a key")
	}
	said := filepath.Join(d.t.TempDir(), "password")
	d.run("bash", "-euc", steps[1]+`printf %s "$COSIGN_PASSWORD" >"$1"`, "bash", said)
	password := readFile(d.t, said)
	file := d.path("build/cache/cosign.key")
	key := readFile(d.t, file)
	if err := os.Remove(file); err != nil {
		d.t.Fatal(err)
	}
	if len(password) != 48 || !strings.Contains(key, "ENCRYPTED") {
		d.t.Fatalf("a password of %d characters, and the key\n%s", len(password), strings.SplitN(key, "\n", 2)[0])
	}
	d.run("git", "add", "deploy/cosign.pub")
	d.run("git", "commit", "--quiet", "--message", "The key of the signatures")
	d.sentinel = append(d.sentinel, password, strings.Split(key, "\n")[1])
	return []string{"COSIGN_PRIVATE_KEY=" + key, "COSIGN_PASSWORD=" + password}
}

// signs publishes a signed release. Until it is, and in whatever way it is not, nothing is sent to the server.
func (d *deployment) signs() release {
	d.t.Helper()
	if told := d.says("env", "COSIGN_PRIVATE_KEY=none", "make", "sign"); !strings.Contains(told, "WARNING: deploy/cosign.pub: not found, so nothing is signed") {
		d.t.Errorf("without a key, make sign says\n%s", told)
	}
	former := strings.TrimSpace(d.run("git", "rev-parse", "HEAD"))
	secrets := d.keyPair()
	d.make("image", "sbom")
	d.make("publish")
	published := d.file("build/release.env")
	d.make("provenance")
	before := d.state()
	d.refuses("refused: of "+published.commit+", the images are not signed", "scripts/deploy")
	d.refuses("COSIGN_PRIVATE_KEY: not set", "make", "sign")

	secretless := d.repository
	d.repository = d.with(secrets...)
	d.says("make", "sign")

	// An image of somebody else, and then one that lacks all but a signature
	folder := d.t.TempDir()
	writeFile(d.t, filepath.Join(folder, "Dockerfile"), "FROM "+d.project+"\nLABEL of=\"somebody else\"\n")
	image := d.pushes("shop", "other", folder)
	tampered := filepath.Join(folder, "release.env")
	writeFile(d.t, tampered, regexp.MustCompile(`(?m)^APP_IMAGE=.*$`).ReplaceAllString(published.text, "APP_IMAGE="+image))
	d.refuses("refused: of "+published.commit+", the images are not signed", "scripts/deploy", tampered)
	d.refuses("nothing is in it of "+image, "scripts/sign", tampered)
	writeFile(d.t, d.path("build/services.json"), `{"mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json"}`)
	writeFile(d.t, d.path("build/roots.json"), `{"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1"}`)
	d.says("scripts/tool", "cosign", "sign", "--yes", "--key", "env://COSIGN_PRIVATE_KEY", "--annotations", "commit="+published.commit,
		"--signing-config", "build/services.json", "--trusted-root", "build/roots.json", image)
	d.refuses("the provenance is not signed", "scripts/deploy", tampered)

	d.repository = secretless
	other := filepath.Join(folder, "former.env")
	writeFile(d.t, other, strings.Replace(published.text, published.commit, former, 1))
	d.refuses("refused: of "+former+", the images are not signed", "scripts/deploy", other)
	writeFile(d.t, other, published.text+"APP_IMAGE="+strings.SplitN(image, "@", 2)[0]+":other\n")
	d.refuses("a line is not understood: APP_IMAGE", "scripts/deploy", other)
	key := readFile(d.t, d.path("deploy/cosign.pub"))
	writeFile(d.t, d.path("deploy/cosign.pub"), anotherKey)
	d.refuses("the images are not signed", "scripts/deploy")
	writeFile(d.t, d.path("deploy/cosign.pub"), key)
	if after := d.state(); after != before {
		d.t.Errorf("what was refused has changed the server: before\n%s\nafter\n%s", before, after)
	}
	d.signsForCluster(secrets, published)
	d.verifiesWithLogin(published)
	return published
}

// anotherKey is the public half of a key that nobody has any more.
const anotherKey = `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEyAdD9okuY1tO1Uqv+Jd8kuAV/Q7o
N2HPRUzdbtIS4LFkhrLYNDdV0KwzrSwRNUltF984gzCjsaew0Fxoj8enEg==
-----END PUBLIC KEY-----
`

// signsForCluster holds a release for Kubernetes against its signatures, with the images of this one.
func (d *deployment) signsForCluster(secrets []string, published release) {
	d.t.Helper()
	k := newKubectl(generate(d.t, "--deploy", "kubernetes", "--proxy", "none", "--database", "postgres"))
	writeFile(d.t, k.path("deploy/cosign.pub"), readFile(d.t, d.path("deploy/cosign.pub")))
	k.run("git", "add", "deploy")
	commit := k.released("a")
	found := regexp.MustCompile(`(?m)^APP_IMAGE=(.*@sha256:(.).*)$`).FindStringSubmatch(published.text)
	app, digest := found[1], found[2]
	writeFile(d.t, k.path("build/release.env"), fmt.Sprintf("RELEASE=%s\nAPP_IMAGE=%[2]s\nBACKUP_IMAGE=%[2]s\n", commit, app))
	k.fails("refused: of "+commit+", the images are not signed", "scripts/deploy")
	k.did("what is not signed", "")

	writeFile(d.t, k.path("build/provenance.json"), readFile(d.t, d.path("build/provenance.json")))
	for _, name := range []string{"app", "backup"} {
		writeFile(d.t, k.path("build/reports/"+name+".cdx.json"), readFile(d.t, d.path("build/reports/app.cdx.json")))
	}
	k.with(secrets...).run("scripts/sign")
	k.run("scripts/deploy")
	k.did("what is signed", "lock, prepare, start migrate, switch "+digest+", keep shop-release, keep shop-releases, unlock")
}

// verifiesWithLogin asks a registry that wants to know who asks.
func (d *deployment) verifiesWithLogin(published release) {
	d.t.Helper()
	folder := d.t.TempDir()
	address := fmt.Sprintf("127.0.0.1:%d", freePort(d.t))
	users := filepath.Join(folder, "users")
	writeFile(d.t, users, d.run("docker", "run", "--rm", "--network", "none", "httpd:2.4", "htpasswd", "-nbB", "e2e", plantedToken))
	configuration := filepath.Join(folder, "registry.yaml")
	writeFile(d.t, configuration, fmt.Sprintf(registryConfiguration, d.stored, address)+
		fmt.Sprintf("auth: {htpasswd: {realm: e2e, path: %s}}\n", users))
	d.serves(exec.Command(toolPath(d.t, "registry"), "serve", configuration), address)
	file := filepath.Join(folder, "release.env")
	writeFile(d.t, file, strings.ReplaceAll(published.text, d.registry, address))
	d.says("scripts/sign", "--verify", file)
	d.refuses("UNAUTHORIZED", "env", "DOCKERHUB_TOKEN=", "scripts/sign", "--verify", file)
}
