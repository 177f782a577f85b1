package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// podStandIn runs here what a pod of the cluster would run, and takes the orders around it, most of which TestCluster gives to a real one.
const podStandIn = `#!/usr/bin/env bash
set -euo pipefail
printf '%s\n' "$*" >>"$0.asked"
case "$*" in
  "exec job/shop-restoring -- "*) shift 3 && exec "$@" </dev/null ;;
  "exec --stdin job/shop-restoring -- "*) shift 4 && exec "$@" ;;
  "create job shop-restoring --from cronjob/shop-restore" | "delete hpa/shop" | "scale deployment/shop --replicas 0") ;;
  "scale deployment/shop-archive --replicas "[01]) echo "${*: -1}" >"$0.archives" ;;
  "delete job/shop-saving --ignore-not-found") rm -f "$0.saving" ;;
  "create job shop-saving --from cronjob/shop-backup") [ ! -e "$0.saving" ] && : >"$0.saving" && scripts/backup ;;
  "wait --for jsonpath={.status.ready}=1 --timeout 3m job/shop-restoring" | "wait --for condition=complete --timeout 30m job/shop-saving") ;;
  *) echo "unknown: $*" >&2 && exit 1 ;;
esac
`

// TestKubernetesRunbook loses what can be lost of a service on a cluster, and does as the document says.
func TestKubernetesRunbook(t *testing.T) {
	t.Parallel()
	for name, server := range map[string]string{"postgres": "postgres", "mysql": "mysql-image"} {
		if server == "mysql-image" && !thorough {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRecovery(t, name, server, "cluster_"+name, "--deploy", "kubernetes", "--proxy", "none", "--logs", "elk")
			r.hasPods()
			r.keepsCopiesAt("127.0.0.1")
			r.followsClusterRunbook()
		})
	}
}

// TestKubernetesRunbookOfMoments loses rows, a database and a cluster whose archive follows every change, and does as the document says.
func TestKubernetesRunbookOfMoments(t *testing.T) {
	t.Parallel()
	a := archivedHere(t, "mysql", "--deploy", "kubernetes", "--proxy", "none")
	a.speaksKubectl(readFile(t, a.path("docs/production.md")))
	// The key comes by what the document says alone
	key := a.getenv("AGE_IDENTITY_FILE")
	a.env = append(a.env, "AGE_IDENTITY_FILE=")
	pods := a.hasPods()
	a.keepsCopiesAt("127.0.0.1")
	begins := func(why string) {
		a.start()
		a.awaits(why, "bash", "-c", archiveWhole)
	}
	a.sql("INSERT INTO notes VALUES (1, 'Bread <b>');")
	a.upload("1")
	begins("the archive is whole")
	saved := a.rows()
	a.follows(time.Now())
	moment := nextSecond().Format(momentForm)
	nextSecond()
	a.sql("DELETE FROM notes;")
	a.does(a.withKey(a.steps("**Rows were deleted by mistake**")[0], key), "moment="+moment)
	a.holdsRows("a mistake", saved)
	a.kill()
	begins("the archive has a copy since the restore")
	a.follows(time.Now())

	lost := a.steps("**The database is lost**")
	a.does(lost[0])
	if got := readFile(t, pods+".archives"); got != "0\n" {
		t.Fatalf("the archive goes on, %q times", got)
	}
	a.kill()
	a.sql("DROP TABLE notes;")
	a.does(a.withKey(lost[1], key))
	a.holdsRows("a lost database", saved)
	if got := readFile(t, pods+".archives"); got != "1\n" {
		t.Fatalf("the archive does not go on, %q", got)
	}
	begins("the archive has a copy since the other restore")

	now := time.Now().UTC().Format(stampForm)
	if err := awaitMark(func() error { _, err := a.try("bash", "-c", storedUntil, now); return err }); err != nil {
		t.Fatalf("the store has not what was archived until %s: %v", now, err)
	}
	moment = time.Now().UTC().Format(momentForm)
	a.kill()
	a.sql("DROP TABLE notes; CREATE TABLE notes (id INTEGER PRIMARY KEY, title VARCHAR(200));")
	a.run("bash", "-c", "rm -r backups/* media/*")
	nextSecond()
	begins("the archive of the empty service has begun")
	again := a.withKey(a.steps("**The cluster is lost with its volumes**")[0], key)
	said, err := a.try("bash", "-c", "moment="+moment+"\n"+again)
	reached := regexp.MustCompile(`reaches only to (\d{4})(\d\d)(\d\dT\d\d)(\d\d)(\d\dZ)`).FindStringSubmatch(said)
	if err == nil || reached == nil {
		t.Fatalf("a moment that was not archived: %v\n%s", err, tail(said))
	}
	a.does(again, fmt.Sprintf("moment=%s-%s-%s:%s:%s", reached[1], reached[2], reached[3], reached[4], reached[5]))
	a.holdsRows("a lost cluster", saved)
	if got := a.uploaded("1"); got != "upload 1" {
		t.Errorf("the upload is %q", got)
	}
	// Which the API server writes into its log
	if asked := readFile(t, pods+".asked"); strings.Count(asked, "AGE_IDENTITY_FILE=-") != 4 || privateKey.MatchString(asked) {
		t.Errorf("the cluster is asked\n%s", asked)
	}
}

// hasPods lets kubectl be one that runs here what a pod would run, and returns its path.
func (r *recovery) hasPods() string {
	r.t.Helper()
	program := filepath.Join(r.t.TempDir(), "kubectl")
	writeFile(r.t, program, podStandIn)
	if err := os.Chmod(program, 0o755); err != nil {
		r.t.Fatal(err)
	}
	r.repository = r.with("PATH=" + filepath.Dir(program) + string(os.PathListSeparator) + r.getenv("PATH"))
	return program
}

// holdsRows compares the rows of today with those of before.
func (a *archived) holdsRows(after, want string) {
	a.t.Helper()
	if now := a.rows(); now != want {
		a.t.Fatalf("after %s the rows are\n%s\nand were\n%s", after, tail(now), tail(want))
	}
}

func (r *recovery) followsClusterRunbook() {
	document := readFile(r.t, r.path("docs/production.md"))
	r.speaksKubectl(document)
	forget := inline(document, "kubectl exec job/shop-restoring -- scripts/restore --yes --forget")
	saved := r.look(r.data)
	set := filepath.Base(strings.TrimSpace(r.run("bash", "-c", "scripts/backup >&2; ls backups/*.tar")))
	r.does(r.steps("### The data is lost or wrong")[0])

	r.sql("DROP TABLE notes;")
	r.does(r.steps("**A table is lost**")[0], "table=notes")
	r.unchanged("a lost table", r.data, saved)

	r.sql("INSERT INTO notes VALUES (7, 'corrupted');")
	r.does(r.steps("**A release has corrupted the data**")[0]+forget, "set="+set)
	r.unchanged("corrupted data", r.data, saved)

	r.sql("DELETE FROM notes;")
	r.run("bash", "-c", "rm -r backups/* media/*")
	lost := r.steps("**The cluster is lost**")
	if list := r.run("bash", "-c", lost[0]); list != set+"\n" {
		r.t.Errorf("the store has %q, and the runbook lists %q", set, list)
	}
	r.does(lost[1]+forget, "set="+set)
	r.unchanged("a lost cluster", r.data, saved)

	lost = r.steps("**The private key is lost**")
	r.configure("AGE_RECIPIENT", strings.TrimSpace(lastLine(r.run("bash", "-c", lost[0]))))
	r.does(lost[1])
	r.sql("DELETE FROM notes;")
	r.does(strings.ReplaceAll(inline(document, "kubectl exec --stdin job/shop-restoring -- env AGE_IDENTITY_FILE=- scripts/restore --yes latest <KEY"), "<KEY", "<recovery.key") + forget)
	r.unchanged("an encrypted set", r.data, saved)
}

func (r *repository) speaksKubectl(document string) {
	r.t.Helper()
	if _, runbook, _ := strings.Cut(document, "\n## Runbook\n"); strings.Contains(runbook, "docker compose") {
		r.t.Error("the runbook of a cluster speaks of Compose")
	}
}

// steps are the blocks of commands of the runbook behind a mark, up to the next one.
func (r *repository) steps(mark string) (blocks []string) {
	r.t.Helper()
	_, text, found := strings.Cut(readFile(r.t, r.path("docs/production.md")), "\n"+mark)
	if !found {
		r.t.Fatalf("the runbook lacks %q", mark)
	}
	text = text[:len(text)-len(regexp.MustCompile(`(?s)\n(\*\*|###).*`).FindString(text))]
	for _, block := range regexp.MustCompile("(?s)\n```sh\n(.*?\n)```\n").FindAllStringSubmatch(text+"\n", -1) {
		blocks = append(blocks, block[1])
	}
	return blocks
}

// inline is a command that the document has in its text, as a line; or nothing.
func inline(document, command string) string {
	if !strings.Contains(strings.ReplaceAll(document, "\n", " "), "`"+command+"`") {
		return "false # the document does not say: " + command
	}
	return command + "\n"
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}
