package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A machine that tests everything has a script that brings up a node of Kubernetes, in the folder KUBE_HOME.
const kubeUp = "../../shared/containers/kube-up"

const volumes = `apiVersion: v1
kind: PersistentVolume
metadata: {name: shop-%[1]s}
spec:
  capacity: {storage: 20Gi}
  accessModes: [ReadWriteMany]
  claimRef: {namespace: shop-production, name: shop-%[1]s}
  hostPath: {path: %[2]s}
`

// Releases that are no good, as what they add to the image.
const (
	// It lives, and is never ready
	notReady = `CMD ["python", "-c", "from http.server import *\nclass Handler(BaseHTTPRequestHandler):\n  def do_GET(self):\n    self.send_response(200 if self.path == '/livez' else 503)\n    self.end_headers()\nHTTPServer(('', 8000), Handler).serve_forever()"]
`
	failingMigration = `COPY <<REVISION migrations/versions/0003_broken.py
from alembic import op
revision, down_revision = "0003", "0002"
def upgrade() -> None:
    op.execute("SELECT 1 / 0")
REVISION
`
)

// cluster is a repository and the node of Kubernetes that its releases go to.
type cluster struct {
	*repository
	home, database string
	databaseAt     netip.AddrPort
	config         []string // what a deployer has in its environment
	service        string   // the URL of the Service
}

// TestCluster brings releases to a real node of Kubernetes, good ones and bad ones, and back, and sees that they lose no request.
// All that is deployed is deployed with the rights of the Role that comes with the manifests.
func TestCluster(t *testing.T) {
	if !thorough {
		t.Skip("a real cluster is for make e2e-all")
	}
	c := newCluster(t)

	// Both overlays as the API server sees them, with what Pod Security says of the pods
	c.run("bash", "-c", "scripts/access staging >/dev/null")
	for _, folder := range []string{"staging", "production"} {
		if output := c.run("kubectl", "apply", "--dry-run=server", "--validate=strict", "--kustomize", "deploy/kubernetes/overlays/"+folder); strings.Contains(output, "violate") {
			t.Errorf("%s:\n%s", folder, output)
		}
	}

	first := c.release("LABEL of=good\n")
	c.unchanged("a dry run on an empty cluster", func() {
		if output := c.deploys("--dry-run"); !strings.Contains(output, "+kind: Deployment") || !strings.Contains(output, "nothing yet") {
			t.Errorf("a dry run says:\n%s", output)
		}
	})
	c.deploys()
	c.runs(first)
	c.service = "http://" + c.address()
	c.answers()

	firstCommit := c.head()
	second := c.release("LABEL of=better\n")
	c.during("a good release", func() { c.deploys() })
	c.runs(second)
	commit := c.head()
	if log := c.log(); !strings.Contains(log, firstCommit+" ") || !regexp.MustCompile(commit+` \S+deployer@\S+ deploy succeeded `+second+` shop-\d{8}T\d{6}Z\.tar\n`).MatchString(log) {
		t.Errorf("the log has\n%s", log)
	}
	if cause := c.kubectl("get", "deployment/shop", "--output", `jsonpath={.metadata.annotations.kubernetes\.io/change-cause}`); cause != commit {
		t.Errorf("the cause of the change is %q", cause)
	}

	c.release(notReady)
	c.during("a release that is never ready", func() { c.refuses("did not become ready: "+commit+" serves", "scripts/deploy") })
	c.runs(second)

	c.release(failingMigration)
	generation := c.kubectl("get", "deployment/shop", "--output", "jsonpath={.metadata.generation}")
	c.during("a migration that fails", func() { c.refuses("nothing is replaced: "+commit+" serves", "scripts/deploy") })
	if now := c.kubectl("get", "deployment/shop", "--output", "jsonpath={.metadata.generation}"); now != generation {
		t.Errorf("the Deployment has changed from generation %s to %s", generation, now)
	}
	c.unchanged("a dry run", func() {
		if output := c.deploys("--dry-run"); !strings.Contains(output, "+        image: ") {
			t.Errorf("a dry run shows no new image:\n%s", output)
		}
	})

	// More replicas than the database has connections for
	overlay := c.path("deploy/kubernetes/overlays/production/kustomization.yaml")
	text := readFile(t, overlay)
	writeFile(t, overlay, strings.Replace(text, "maxReplicas, value: 3", "maxReplicas, value: 30", 1))
	c.release("LABEL of=better\n")
	replicas := c.kubectl("get", "hpa/shop", "--output", "jsonpath={.spec.maxReplicas}")
	c.refuses("raise the server's max_connections", "scripts/deploy")
	if now := c.kubectl("get", "hpa/shop", "--output", "jsonpath={.spec.maxReplicas}"); now != replicas {
		t.Errorf("the refused release changed the number of replicas from %s to %s", replicas, now)
	}
	writeFile(t, overlay, text)

	third := c.release("LABEL of=best\n")
	c.during("two at once, of which one is cut", func() {
		begun, kill := c.begins("replacing the application")
		c.refuses("is at work", "scripts/deploy")
		kill()
		if output := c.deploys(); !strings.Contains(output, "it was cut") {
			t.Errorf("the cut release was not noticed:\n%s\n%s", begun, output)
		}
	})
	c.runs(third)

	// What the older code does not know keeps it from writing
	c.psql("ALTER TABLE notes ADD COLUMN later text NOT NULL")
	c.during("a refused way back", func() {
		output := c.refuses("does not fit the schema", "scripts/rollback")
		if !regexp.MustCompile(`restore the data of before, shop-\d{8}T\d{6}Z\.tar,`).MatchString(output) {
			t.Errorf("the backup is not named:\n%s", output)
		}
	})
	c.runs(third)
	c.psql("ALTER TABLE notes DROP COLUMN later")

	// The second release is the one before; a bad one is none
	c.unchanged("a dry run back", func() { c.back("--dry-run") })
	c.during("going back", func() { c.back() })
	c.runs(second)
	c.during("going back again", func() { c.back() })
	c.runs(first)
	c.refuses("there is no such release", "scripts/rollback")
	c.refuses("no such overlay", "scripts/deploy", "nowhere")

	// Forward again
	c.back(commit[:8])
	c.runs(second)
	t.Log(c.log())

	// A backup, and the way back from it
	c.kubectl("create", "job", "restoring", "--from", "cronjob/shop-restore")
	c.kubectl("wait", "--for", "jsonpath={.status.ready}=1", "--timeout", "3m", "job/restoring")
	c.kubectl("exec", "job/restoring", "--", "scripts/verify", "latest")
}

// newCluster brings up the node, a database beside it, and the namespace with its Secret, its volumes and a deployer.
func newCluster(t *testing.T, flags ...string) *cluster {
	home := os.Getenv("KUBE_HOME")
	if home == "" {
		home = "/opt/kube"
	}
	// Removed after the node, on which pods write until its end
	folders := map[string]string{}
	for _, name := range []string{"media", "backups"} {
		folder, err := os.MkdirTemp("/var/tmp", "kitout-e2e-"+name+"-*")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := os.RemoveAll(folder); err != nil {
				t.Error(err)
			}
		})
		if err := os.Chown(folder, 10001, 10001); err != nil {
			t.Fatal(err)
		}
		folders[name] = folder
	}
	if output, err := exec.Command(kubeUp, "node").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	t.Cleanup(func() {
		if output, err := exec.Command(kubeUp, "down").CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, output)
		}
	})
	r := generateForKubernetes(t, append([]string{"--framework", "fastapi", "--database", "postgres"}, flags...)...)
	r = r.with("PATH=" + home + "/bin:" + os.Getenv("PATH"))
	c := &cluster{repository: r.with("KUBECONFIG=" + home + "/kubeconfig"), home: home}
	// Who waits five minutes for a replica that is never ready tests nothing more
	web := c.path("deploy/kubernetes/base/web.yaml")
	writeFile(t, web, strings.Replace(readFile(t, web), "progressDeadlineSeconds: 300", "progressDeadlineSeconds: 45", 1))

	c.run("docker", "build", "--quiet", "--target", "app", "--tag", "kitout-e2e-cluster-app", ".")
	c.run("docker", "build", "--quiet", "--target", "backup", "--tag", "kitout-e2e-cluster-backup", ".")

	// The database is elsewhere, has an address only, and the accounts that the script in deploy/ makes
	const password = "of-the-cluster"
	given := t.TempDir()
	writeFile(t, filepath.Join(given, "password"), password)
	c.run("chmod", "0644", filepath.Join(given, "password"))
	run := []string{"run", "--detach", "--rm", "--publish", "5432", "--env", "APPLICATION_DATABASE=shop",
		"--volume", given + ":/given:ro", "--volume", c.path("deploy/postgres") + ":/docker-entrypoint-initdb.d:ro"}
	for _, whose := range []string{"POSTGRES", "APPLICATION", "BACKUP", "ARCHIVE"} {
		run = append(run, "--env", whose+"_PASSWORD_FILE=/given/password")
	}
	c.database = strings.TrimSpace(c.run("docker", append(run, "postgres:18")...))
	t.Cleanup(func() { c.run("docker", "stop", "--time", "1", c.database) })
	address := c.kubectl("get", "node", "--output", `jsonpath={.items[0].status.addresses[?(@.type=="InternalIP")].address}`)
	_, port, _ := strings.Cut(strings.SplitN(c.run("docker", "port", c.database, "5432/tcp"), "\n", 2)[0], ":")
	if err := await(func() error {
		_, err := c.try("docker", "exec", c.database, "pg_isready", "--quiet", "--host", "127.0.0.1")
		return err
	}); err != nil {
		t.Fatal(err)
	}

	// As the document has it, the rules name the database's own address and port
	rules := c.path("deploy/kubernetes/base/network.yaml")
	writeFile(t, rules, strings.NewReplacer("10.0.0.0/8", address+"/32", "port: 5432", "port: "+port).Replace(readFile(t, rules)))
	c.databaseAt = netip.MustParseAddrPort(address + ":" + port)

	c.config = []string{"KUBECONFIG=/dev/null", "KUBE_CONFIG=" + c.run("bash", "-c", "scripts/access 2>/dev/null | cat")}
	secrets := filepath.Join(t.TempDir(), "secrets.env")
	var lines []string
	for line := range strings.Lines(readFile(t, c.path("deploy/kubernetes/secrets.env.example"))) {
		name, _, found := strings.Cut(strings.TrimSpace(line), "=")
		switch {
		case !found || strings.HasPrefix(name, "#"):
		case strings.Contains(line, "@HOST:5432/"):
			lines = append(lines, strings.NewReplacer("change-me", password, "HOST:5432", address+":"+port).Replace(strings.TrimSpace(line)))
		case strings.Contains(line, "change-me"):
			lines = append(lines, name+"="+strings.Repeat("0123456789abcdef", 2))
		default:
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	writeFile(t, secrets, strings.Join(lines, "\n")+"\n")
	c.kubectl("create", "secret", "generic", "shop", "--from-env-file", secrets)
	for name, folder := range folders {
		file := filepath.Join(t.TempDir(), name+".yaml")
		writeFile(t, file, fmt.Sprintf(volumes, name, folder))
		c.kubectl("apply", "--filename", file)
	}
	return c
}

// kubectl is an administrator's.
func (c *cluster) kubectl(args ...string) string {
	c.t.Helper()
	return strings.TrimSpace(c.run("kubectl", append([]string{"--namespace", "shop-production"}, args...)...))
}

// address is where the Service listens.
func (c *cluster) address() string {
	c.t.Helper()
	return c.kubectl("get", "service/shop", "--output", "jsonpath={.spec.clusterIP}") + ":80"
}

// load brings an image to the node, and says how it is called by its digest.
func (c *cluster) load(image, name string) string {
	c.t.Helper()
	engine := os.Getenv("CTR_HOME")
	if engine == "" {
		engine = "/opt/ctr"
	}
	output := c.run("bash", "-c", `set -o pipefail; docker save "$1" | "$2/engine-forky/usr/bin/ctr" -a "$3/containerd.sock" -n k8s.io images import --digests --base-name "$4" -`,
		"load", image, engine, c.home, name)
	return name + "@" + regexp.MustCompile(`sha256:[0-9a-f]{64}`).FindString(output)
}

// release commits, builds an image with more in it, and writes the file that scripts/publish would write.
func (c *cluster) release(more string) string {
	c.t.Helper()
	c.run("git", "commit", "--quiet", "--allow-empty", "--all", "--message", "A release")
	build := c.command(c.t.Context(), "docker", "build", "--quiet", "--tag", "kitout-e2e-cluster-release", "-")
	build.Stdin = strings.NewReader("FROM kitout-e2e-cluster-app\n" + more)
	if output, err := build.CombinedOutput(); err != nil {
		c.t.Fatalf("%v\n%s", err, output)
	}
	app := c.load("kitout-e2e-cluster-release", "registry.example.com/shop")
	writeFile(c.t, c.path("build/release.env"), fmt.Sprintf("RELEASE=%s\nAPP_IMAGE=%s\nBACKUP_IMAGE=%s\n",
		c.head(), app, c.load("kitout-e2e-cluster-backup", "registry.example.com/shop-backup")))
	return app
}

func (c *cluster) head() string { return strings.TrimSpace(c.run("git", "rev-parse", "HEAD")) }

func (c *cluster) log() string {
	return c.kubectl("get", "configmap/shop-releases", "--output", "jsonpath={.data.log}") + "\n"
}

func (c *cluster) psql(statement string) {
	c.t.Helper()
	c.run("docker", "exec", c.database, "psql", "--quiet", "--username", "shop", "--command", statement)
}

// deploys and back run the scripts as a deployer, who must succeed.
func (c *cluster) deploys(args ...string) string {
	c.t.Helper()
	return c.with(c.config...).timed("scripts/deploy", args...)
}

func (c *cluster) back(args ...string) string {
	c.t.Helper()
	return c.with(c.config...).timed("scripts/rollback", args...)
}

func (r *repository) timed(name string, args ...string) string {
	r.t.Helper()
	start := time.Now()
	output := r.run(name, args...)
	r.t.Logf("%5.1f s  %s %s", time.Since(start).Seconds(), name, strings.Join(args, " "))
	return output
}

// refuses runs a script as a deployer, which must fail and say why.
func (c *cluster) refuses(why, name string, args ...string) string {
	c.t.Helper()
	start := time.Now()
	output, err := c.with(c.config...).try(name, args...)
	c.t.Logf("%5.1f s  %s %s, refused", time.Since(start).Seconds(), name, strings.Join(args, " "))
	if err == nil || !strings.Contains(output, why) {
		c.t.Errorf("%s: %v, and %q is not in\n%s", name, err, why, tail(output))
	}
	return output
}

// begins starts a deploy, waits until it says something, and returns how to kill it, as a machine that fails does.
func (c *cluster) begins(until string) (fmt.Stringer, func()) {
	c.t.Helper()
	var output lockedBuffer
	cmd := c.with(c.config...).command(c.t.Context(), "scripts/deploy")
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	if err := await(func() error {
		if !strings.Contains(output.String(), until) {
			return fmt.Errorf("%q is not in\n%s", until, output.String())
		}
		return nil
	}); err != nil {
		c.t.Fatal(err)
	}
	return &output, func() {
		cmd.Cancel()
		cmd.Wait()
	}
}

// image is what the Deployment asks for.
func (c *cluster) image() string {
	c.t.Helper()
	return c.kubectl("get", "deployment/shop", "--output", "jsonpath={.spec.template.spec.containers[0].image}")
}

// runs expects that all replicas are of an image and ready, that the lock is free, and that nothing is left on this machine.
func (c *cluster) runs(image string) {
	c.t.Helper()
	if found := c.image(); found != image {
		c.t.Errorf("the Deployment has %s instead of %s", found, image)
	}
	// The autoscaler brings the second replica after the first release
	c.kubectl("wait", "--for", "jsonpath={.status.availableReplicas}=2", "--timeout", "1m", "deployment/shop")
	if status := c.kubectl("get", "deployment/shop", "--output", "jsonpath={.status.replicas} {.status.updatedReplicas} {.status.availableReplicas}"); status != "2 2 2" {
		c.t.Errorf("replicas, those updated, those available: %s", status)
	}
	if lock := c.kubectl("get", "lease", "--output", "name"); lock != "" {
		c.t.Errorf("the lock is held: %s", lock)
	}
	// The run that was killed could not tidy up
	if left, _ := filepath.Glob(c.path("build/cluster.*")); len(left) > 1 {
		c.t.Errorf("left behind: %s", left)
	}
}

// unchanged expects that nothing in the namespace is touched.
func (c *cluster) unchanged(what string, run func()) {
	c.t.Helper()
	objects := func() string {
		return c.kubectl("get", "deployments,replicasets,services,hpa,pdb,ingresses,networkpolicies,jobs,cronjobs,configmaps,leases,secrets,pvc,serviceaccounts",
			"--output", `jsonpath={range .items[*]}{.kind} {.metadata.name} {.metadata.generation} {.metadata.uid}{"\n"}{end}`)
	}
	before := objects()
	run()
	if after := objects(); after != before {
		c.t.Errorf("%s has changed\n%s\ninto\n%s", what, before, after)
	}
}

func (c *cluster) ask(path string) error {
	request, err := http.NewRequestWithContext(c.t.Context(), http.MethodGet, c.service+path, nil)
	if err != nil {
		return err
	}
	request.Host, request.Close = "shop", true
	response, err := (&http.Client{Timeout: 20 * time.Second}).Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", path, response.Status)
	}
	return err
}

// answers expects the service's pages at the address of the Service.
func (c *cluster) answers() {
	c.t.Helper()
	for _, path := range []string{"/", "/readyz", "/livez", "/api/notes"} {
		if err := c.ask(path); err != nil {
			c.t.Error(err)
		}
	}
	if err := c.ask("/metrics"); err == nil || !strings.Contains(err.Error(), "404") {
		c.t.Errorf("/metrics without a token: %v", err)
	}
}

// during sends requests while something changes, none of which may be lost.
func (c *cluster) during(what string, change func()) {
	c.t.Helper()
	ctx, stop := context.WithCancel(c.t.Context())
	defer stop()
	var asked, lost atomic.Int64
	var clients sync.WaitGroup
	start := time.Now()
	for range 2 {
		clients.Go(func() {
			for ctx.Err() == nil {
				asked.Add(1)
				if err := c.ask("/"); err != nil && c.t.Context().Err() == nil {
					lost.Add(1)
					c.t.Errorf("during %s: %v", what, err)
				}
			}
		})
	}
	change()
	stop()
	clients.Wait()
	c.t.Logf("%5.1f s  %s: %d requests, %d lost", time.Since(start).Seconds(), what, asked.Load(), lost.Load())
}
