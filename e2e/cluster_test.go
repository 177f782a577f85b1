package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// A machine that tests everything has a script that brings up a node of Kubernetes, in the folder KUBE_HOME.
const kubeUp = "../../shared/containers/kube-up"

const images = `    newName: registry.example.com/shop%s
    digest: sha256:0000000000000000000000000000000000000000000000000000000000000000
`

const volumes = `apiVersion: v1
kind: PersistentVolume
metadata: {name: shop-%[1]s}
spec:
  capacity: {storage: 20Gi}
  accessModes: [ReadWriteMany]
  claimRef: {namespace: shop-production, name: shop-%[1]s}
  hostPath: {path: %[2]s}
`

// TestCluster brings releases to a real node of Kubernetes, and sees that they lose no request.
func TestCluster(t *testing.T) {
	if !thorough {
		t.Skip("a real cluster is for make e2e-all")
	}
	home := os.Getenv("KUBE_HOME")
	if home == "" {
		home = "/opt/kube"
	}
	engine := os.Getenv("CTR_HOME")
	if engine == "" {
		engine = "/opt/ctr"
	}
	if output, err := exec.Command(kubeUp, "node").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	t.Cleanup(func() {
		if output, err := exec.Command(kubeUp, "down").CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, output)
		}
	})
	r := generateForKubernetes(t, "--framework", "fastapi", "--database", "postgres")
	r = r.with("KUBECONFIG="+home+"/kubeconfig", "PATH="+home+"/bin:"+os.Getenv("PATH"))
	kubectl := func(args ...string) string {
		t.Helper()
		return strings.TrimSpace(r.run("kubectl", append([]string{"--namespace", "shop-production"}, args...)...))
	}

	for _, target := range []string{"app", "backup"} {
		image := "kitout-e2e-cluster-" + target + ":1"
		r.run("docker", "build", "--quiet", "--target", target, "--tag", image, ".")
		r.run("bash", "-c", `set -o pipefail; docker save "$1" | "$2/engine-forky/usr/bin/ctr" -a "$3/containerd.sock" -n k8s.io images import -`,
			"import", image, engine, home)
	}
	overlay := r.path("deploy/kubernetes/overlays/production/kustomization.yaml")
	text := readFile(t, overlay)
	for suffix, target := range map[string]string{"": "app", "-backup": "backup"} {
		text = strings.Replace(text, fmt.Sprintf(images, suffix),
			"    newName: kitout-e2e-cluster-"+target+"\n    newTag: \"1\"\n", 1)
	}
	writeFile(t, overlay, text)

	// The database is elsewhere, and has an address only
	const password = "of-the-cluster"
	database := strings.TrimSpace(r.run("docker", "run", "--detach", "--rm", "--publish", "5432",
		"--env", "POSTGRES_USER=shop", "--env", "POSTGRES_PASSWORD="+password, "postgres:18"))
	t.Cleanup(func() { r.run("docker", "stop", "--time", "1", database) })
	address := kubectl("get", "node", "--output", `jsonpath={.items[0].status.addresses[?(@.type=="InternalIP")].address}`)
	_, port, _ := strings.Cut(strings.SplitN(r.run("docker", "port", database, "5432/tcp"), "\n", 2)[0], ":")
	if err := await(func() error {
		_, err := r.try("docker", "exec", database, "pg_isready", "--quiet", "--host", "127.0.0.1")
		return err
	}); err != nil {
		t.Fatal(err)
	}

	r.run("kubectl", "create", "namespace", "shop-production")
	secrets := filepath.Join(t.TempDir(), "secrets.env")
	var lines []string
	for line := range strings.Lines(readFile(t, r.path("deploy/kubernetes/secrets.env.example"))) {
		name, _, found := strings.Cut(strings.TrimSpace(line), "=")
		switch {
		case !found || strings.HasPrefix(name, "#"):
		case name == "DATABASE_URL":
			lines = append(lines, fmt.Sprintf("%s=postgresql://shop:%s@%s:%s/shop", name, password, address, port))
		case strings.Contains(line, "change-me"):
			lines = append(lines, name+"="+strings.Repeat("0123456789abcdef", 2))
		default:
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	writeFile(t, secrets, strings.Join(lines, "\n")+"\n")
	kubectl("create", "secret", "generic", "shop", "--from-env-file", secrets)
	for _, name := range []string{"media", "backups"} {
		folder, err := os.MkdirTemp("/var/tmp", "kitout-e2e-"+name+"-*")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(folder) })
		if err := os.Chown(folder, 10001, 10001); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), name+".yaml")
		writeFile(t, file, fmt.Sprintf(volumes, name, folder))
		kubectl("apply", "--filename", file)
	}

	// Both overlays as the API server sees them, with what Pod Security says of the pods
	for _, folder := range []string{"staging", "production"} {
		name := "shop-" + folder
		if folder != "production" {
			r.run("kubectl", "create", "namespace", name)
		}
		r.run("kubectl", "label", "--overwrite", "namespace", name, "pod-security.kubernetes.io/enforce=restricted", "pod-security.kubernetes.io/warn=restricted")
		if output := r.run("kubectl", "apply", "--dry-run=server", "--validate=strict", "--kustomize", "deploy/kubernetes/overlays/"+folder); strings.Contains(output, "violate") {
			t.Errorf("%s:\n%s", folder, output)
		}
	}

	t.Log(r.run("scripts/release", "production"))
	if succeeded := kubectl("get", "job/shop-migrate", "--output", "jsonpath={.status.succeeded}"); succeeded != "1" {
		t.Errorf("migrations that succeeded: %q", succeeded)
	}
	t.Log(kubectl("logs", "job/shop-migrate", "--container", "connections"))
	kubectl("wait", "--for", "jsonpath={.status.readyReplicas}=2", "--timeout", "3m", "deployment/shop")

	service := "http://" + kubectl("get", "service/shop", "--output", "jsonpath={.spec.clusterIP}")
	ask := func(path string) error {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, service+path, nil)
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
	for _, path := range []string{"/", "/readyz", "/livez", "/api/notes"} {
		if err := ask(path); err != nil {
			t.Error(err)
		}
	}
	if err := ask("/metrics"); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("/metrics without a token: %v", err)
	}

	during := func(what string, change func()) {
		t.Helper()
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		var asked, lost atomic.Int64
		done := make(chan struct{})
		go func() {
			defer close(done)
			for ctx.Err() == nil {
				asked.Add(1)
				if err := ask("/"); err != nil {
					lost.Add(1)
					t.Errorf("while %s: %v", what, err)
				}
			}
		}()
		change()
		stop()
		<-done
		t.Logf("%s: %d requests, %d lost", what, asked.Load(), lost.Load())
	}
	during("restarting", func() {
		kubectl("rollout", "restart", "deployment/shop")
		kubectl("rollout", "status", "--timeout", "5m", "deployment/shop")
	})
	during("going back", func() {
		kubectl("rollout", "undo", "deployment/shop")
		kubectl("rollout", "status", "--timeout", "5m", "deployment/shop")
	})

	// A backup, and the way back from it
	kubectl("create", "job", "saving", "--from", "cronjob/shop-backup")
	kubectl("wait", "--for", "condition=complete", "--timeout", "3m", "job/saving")
	kubectl("create", "job", "restoring", "--from", "cronjob/shop-restore")
	kubectl("wait", "--for", "jsonpath={.status.ready}=1", "--timeout", "3m", "job/restoring")
	kubectl("exec", "job/restoring", "--", "scripts/verify", "latest")

	// More replicas than the database has connections for change nothing
	writeFile(t, overlay, strings.Replace(text, "maxReplicas, value: 3", "maxReplicas, value: 30", 1))
	before := kubectl("get", "hpa/shop", "--output", "jsonpath={.spec.maxReplicas}")
	r.fails("raise the server's max_connections", "scripts/release", "production")
	if after := kubectl("get", "hpa/shop", "--output", "jsonpath={.spec.maxReplicas}"); after != before {
		t.Errorf("the refused release changed the number of replicas from %s to %s", before, after)
	}
}
