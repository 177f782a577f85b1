package e2e

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// objectStore is a server that speaks S3, with one account.
type objectStore struct {
	t       testing.TB
	dir     string
	address string // of this machine
	ports   []int
	process *exec.Cmd
}

const storeSecret = "Xw3" + passwordMark

// newObjectStore prepares a server with a folder of its own, on an address of this machine; start starts it.
func newObjectStore(t testing.TB, address string) *objectStore {
	t.Helper()
	s := &objectStore{t: t, dir: t.TempDir(), address: address}
	for range 8 {
		s.ports = append(s.ports, freePort(t))
	}
	writeFile(t, filepath.Join(s.dir, "accounts.json"), `{"identities": [{"name": "shop", "credentials": [{"accessKey": "shop",
		"secretKey": "`+storeSecret+`"}], "actions": ["Admin", "Read", "Write", "List", "Tagging"]}]}`)
	t.Cleanup(s.stop)
	return s
}

func (s *objectStore) url() string { return fmt.Sprintf("http://%s:%d", s.address, s.ports[0]) }

func (s *objectStore) start() {
	s.t.Helper()
	port := func(i int) string { return fmt.Sprint(s.ports[i]) }
	s.process = exec.Command(toolPath(s.t, "weed"), "server", "-ip="+s.address, "-ip.bind="+s.address, "-dir="+s.dir,
		"-s3", "-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false", "-s3.port="+port(0), "-s3.port.grpc="+port(1), "-s3.config="+filepath.Join(s.dir, "accounts.json"),
		"-master.port="+port(2), "-master.port.grpc="+port(3), "-volume.port="+port(4), "-volume.port.grpc="+port(5),
		"-filer", "-filer.port="+port(6), "-filer.port.grpc="+port(7), "-volume.max=20", "-master.volumeSizeLimitMB=64")
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	defer log.Close()
	s.process.Stdout, s.process.Stderr, s.process.Dir = log, log, s.dir
	if err := s.process.Start(); err != nil {
		s.t.Fatalf("%v; run e2e/setup", err)
	}
	if err := await(func() error {
		answer, err := http.Get(s.url())
		if err == nil {
			answer.Body.Close()
		}
		return err
	}); err != nil {
		s.t.Fatalf("the store: %v\n%s", err, tail(readFile(s.t, log.Name())))
	}
}

func (s *objectStore) stop() {
	if s.process == nil {
		return
	}
	s.process.Process.Signal(os.Interrupt)
	kill := time.AfterFunc(20*time.Second, func() { s.process.Process.Kill() })
	s.process.Wait()
	kill.Stop()
	s.process = nil
}

// TestOffSite keeps backups in a store that speaks S3, also when that is away for a while, loses the machine's own, and restores.
func TestOffSite(t *testing.T) {
	t.Parallel()
	r := newRecovery(t, "sqlite", "sqlite", "offsite")
	s := newObjectStore(t, "127.0.0.1")
	key := filepath.Join(t.TempDir(), "key")
	r.run("age-keygen", "--output", key)
	r.configure("AGE_RECIPIENT", publicKey.FindString(readFile(t, key)))
	writeFile(t, filepath.Join(s.dir, "secret"), storeSecret)
	for name, value := range map[string]string{"ENDPOINT": s.url(), "BUCKET": "copies", "PREFIX": "shop/", "ACCESS_KEY_ID": "shop",
		"SECRET_ACCESS_KEY_FILE": filepath.Join(s.dir, "secret")} {
		r.configure("BACKUP_S3_"+name, value)
	}
	scripted := func(script string, arguments ...string) string {
		return r.run("bash", append([]string{"-c", ". scripts/backup-set.sh; " + script, "bash"}, arguments...)...)
	}
	stored := func() []string { return strings.Fields(scripted("store lsf store:copies/shop")) }

	// Away: the backup is good all the same, and what runs next brings it there
	r.fails("is not in the store yet", "scripts/backup")
	r.run("scripts/backup", "--check")
	waiting, err := filepath.Glob(r.path("backups/*.unstored"))
	if err != nil || len(waiting) != 1 {
		t.Fatalf("waiting: %v, %v", waiting, err)
	}
	old := time.Now().Add(-26 * time.Hour)
	if err := os.Chtimes(waiting[0], old, old); err != nil {
		t.Fatal(err)
	}
	r.fails("not in the store for 25 hours", "scripts/backup", "--check")

	s.start()
	scripted("store mkdir store:copies")
	r.run("scripts/backup", "--upload")
	first := stored()
	if len(first) != 2 || first[0]+".sha256" != first[1] {
		t.Fatalf("the store has %v", first)
	}
	r.run("scripts/backup", "--check")

	// Killed after the set, before its checksum: that is no set, until the next run has been there
	saved := r.look(r.data)
	r.run("scripts/backup")
	r.configure("BACKUP_S3_PREFIX", "other/")
	r.sql("INSERT INTO notes VALUES (3, 'lost with the disk');")
	r.run("bash", "-c", `: >"$(ls backups/*.age | tail -n 1).unstored"`)
	r.killed(`put "$set.sha256"`, 1, "scripts/backup", "--upload")
	r.fails("there is no backup in the store", "scripts/verify", "--from-store", "latest")
	r.run("scripts/backup", "--upload")

	// The disk is lost, or what is on it is damaged
	reads := r.with("AGE_IDENTITY_FILE=" + key)
	r.run("bash", "-c", `for set in backups/*.age; do echo damaged >"$set"; done`)
	reads.fails("refused", "scripts/restore", "--yes", "latest")
	reads.run("scripts/restore", "--yes", "--from-store", "latest")
	r.run("scripts/restore", "--yes", "--forget")
	r.unchanged("a restore from the store", r.data, saved)
	r.run("rm", "-r", r.path("backups"))
	reads.run("scripts/restore", "--yes", "latest")
	r.run("scripts/restore", "--yes", "--forget")
	r.unchanged("a restore on an empty machine", r.data, saved)
	said := reads.run("scripts/drill", "--latest", "--from-store")
	report := readFile(t, r.path("backups/drill.json"))
	for _, part := range []string{`"rows": 3001,`, `"files": 3,`, `"recovery_time_seconds": `, `"recovery_point_seconds": `} {
		if !strings.Contains(report, part) || !strings.Contains(said, "drill passed") {
			t.Errorf("the drill reports %s, and says %s", report, tail(said))
		}
	}
	if metrics := readFile(t, r.path("backups/drill.prom")); !strings.Contains(metrics, `backup_drill_success_timestamp_seconds{package="shop"} `) {
		t.Errorf("the drill measures %s", metrics)
	}

	// The same retention holds there, over the sets that are whole
	for _, name := range []string{"shop-20200101T000000Z.tar.age", "shop-20200102T000000Z.tar.age"} {
		file := filepath.Join(t.TempDir(), name)
		writeFile(t, file, "")
		scripted(`store copyto "$1" "$(in_store "${1##*/}")"; store copyto "$1" "$(in_store "${1##*/}.sha256")"`, file)
	}
	scripted(`store deletefile "$(in_store shop-20200102T000000Z.tar.age.sha256)"`)
	r.with("BACKUP_KEEP_DAYS=2", "BACKUP_KEEP_WEEKS=0", "BACKUP_KEEP_MONTHS=0").run("scripts/backup")
	if left := scripted("stored_sets"); !strings.Contains(left, "shop-20200101") {
		t.Errorf("half of a set has counted as a day: the store has %s", left)
	}
	r.with("BACKUP_KEEP_DAYS=1", "BACKUP_KEEP_WEEKS=0", "BACKUP_KEEP_MONTHS=0").run("scripts/backup")
	if left := scripted("stored_sets"); strings.Contains(left, "shop-20200101") || strings.TrimSpace(left) == "" {
		t.Errorf("the store has %s", left)
	}
	r.noPasswordLeft()
}
