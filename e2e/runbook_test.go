package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestRunbookOfMoments loses rows, a volume and a machine of a stack whose archive follows every change, and does as the document says.
func TestRunbookOfMoments(t *testing.T) {
	t.Parallel()
	for _, database := range databases {
		if database != "postgres" && !thorough {
			continue
		}
		t.Run(database, func(t *testing.T) {
			t.Parallel()
			project := fmt.Sprintf("e2e%d-runbook-%s", os.Getpid(), database)
			r := generateWith(t, "pip", "--framework", "flask", "--database", database, "--backup", "continuous", "--name", project, "--package", "shop")
			r.leavesNothing(project)
			if database == "sqlite" {
				r.hasLitestream()
			}
			c := r.plainSite()
			r.keepsCopies()
			r.run("scripts/secrets")
			r.up()
			c.expect("create", c.postJSON("/api/notes", `{"title": "Kept"}`), 201)
			r.archivesUntilNow(false)
			kept := c.titles()
			moment := nextSecond()
			nextSecond()
			c.expect("create by mistake", c.postJSON("/api/notes", `{"title": "A mistake"}`), 201)
			r.archivesUntilNow(false)

			// What was archived until then is not encrypted
			r.does(r.runbook("The private key is lost"))
			key := r.path("recovery.key")
			r.archivesUntilNow(false)
			r.compose("exec", "--no-TTY", "archive", "sh", "-c", "ls backups/archive/sealed/*-list-*.age")
			told := r.inspectsRuns()
			r.does(r.withKey(r.runbook("Rows were deleted by mistake"), key), "moment="+moment.Format(momentForm))
			c.holds("a mistake", kept)

			r.archivesUntilNow(false)
			r.compose("rm", "--force", "--stop", "app", "proxy")
			r.loses("data", "database")
			r.does(r.withKey(r.runbook("The database's volume is lost"), key))
			c.holds("a lost volume", kept)

			r.archivesUntilNow(true)
			r.compose("down")
			r.loses("backups", "media", "data", "database")
			r.does(r.withKey(r.runbook("The machine is lost"), key))
			c.holds("a lost machine", kept)
			if text := readFile(t, told) + r.compose("logs", "--no-color"); strings.Count(text, "AGE_IDENTITY_FILE=-") != 3 || privateKey.MatchString(text) {
				t.Error("Docker tells the key, or nothing at all, of the containers that restored")
			}
		})
	}
}

// archiveWhole asks whether the archive reaches to now, and has a copy of the database since the last restore.
const archiveWhole = `scripts/archive --check && test -z "$(find backups/archive -maxdepth 1 -name 'restored*')"`

// storedUntil asks whether the store has what was archived until the moment that is given.
const storedUntil = `test "$(ls backups/archive/sealed/*-files-*.sha256 | sed 's/.*-files-//' | sort | tail -n 1)" \> "$0" && test -z "$(find backups/archive/sealed -name '*.unstored')"`

// awaitMark waits for what the archive tells the store, which it does each minute, and later on a busy machine.
func awaitMark(try func() error) (err error) {
	for range 3 {
		if err = await(try); err == nil {
			return nil
		}
	}
	return err
}

// archivesUntilNow waits until the archive of a running stack reaches to now, and with stored, the store as well.
func (r *repository) archivesUntilNow(stored bool) {
	r.t.Helper()
	now := time.Now().UTC().Format(stampForm)
	reaches := `test "$(cat backups/archive/live/*/reached | sort | tail -n 1)" \> "$0" && ` + archiveWhole
	if stored { // what was brought there last says to where it reaches
		reaches = storedUntil
	}
	if err := awaitMark(func() error {
		said, err := r.try("docker", "compose", "exec", "--no-TTY", "archive", "bash", "-c", reaches, now)
		if err != nil {
			return fmt.Errorf("%w: %s", err, tail(said))
		}
		return nil
	}); err != nil {
		r.t.Fatalf("the archive does not reach to %s: %v\n%s", now, err, tail(r.compose("logs", "archive")))
	}
}

// runbook is what docs/production.md says to do about a loss, which begins a paragraph in bold.
func (r *repository) runbook(loss string) string {
	r.t.Helper()
	steps := regexp.MustCompile("(?s)\\*\\*" + loss + "\\*\\*.*?\n```sh\n(.*?)\n```\n").FindStringSubmatch(readFile(r.t, r.path("docs/production.md")))
	if steps == nil {
		r.t.Fatalf("the runbook does not say what to do when %s", loss)
	}
	return steps[1]
}

// withKey are steps of the runbook as its text has them for an archive that is encrypted, with the file of the key.
func (r *repository) withKey(steps, key string) string {
	r.t.Helper()
	document := strings.ReplaceAll(readFile(r.t, r.path("docs/production.md")), "\n", " ")
	said := regexp.MustCompile("Where the archive is encrypted, ([^.]*) and `<KEY` to the end").FindStringSubmatch(document)
	if said == nil {
		r.t.Fatal("the runbook does not say what to do where the archive is encrypted")
	}
	// What is added, where, and next to what
	additions := regexp.MustCompile("`([^`]+)` (?:goes )?(behind|before) `([^`]+)`").FindAllStringSubmatch(said[1], -1)
	lines := strings.Split(strings.TrimSpace(steps), "\n")
	for i, line := range lines {
		if !strings.Contains(line, "restore") {
			continue
		}
		for _, addition := range additions {
			both := map[string]string{"behind": addition[3] + " " + addition[1], "before": addition[1] + " " + addition[3]}[addition[2]]
			line = strings.Replace(line, addition[3], both, 1)
		}
		lines[i] = line + " <'" + key + "'"
	}
	return strings.Join(lines, "\n")
}

// does runs steps of the runbook, with variables that who follows it fills in.
func (r *repository) does(steps string, variables ...string) {
	r.t.Helper()
	r.run("bash", "-c", "set -euo pipefail\n"+strings.Join(append(variables, steps), "\n"))
}

// followsRunbook loses what can be lost of a running stack, and does as the document says.
func (r *repository) followsRunbook(c *client, framework, database string) {
	r.t.Helper()
	saved := c.titles()
	r.keepsCopies()
	r.run("rm", "secrets/backup_s3_secret_access_key")
	r.run("scripts/secrets")
	r.run("docker", "compose", "up", "--detach", "--wait", "--force-recreate", "backup")
	r.compose("exec", "--no-TTY", "backup", "scripts/backup")

	table := map[string]string{"django": "notes_note"}[framework]
	if table == "" {
		table = "notes"
	}
	drop := "DROP TABLE " + table
	r.does(map[string]string{
		"postgres": `docker compose exec --no-TTY database psql --username postgres --command "$drop" shop`,
		"mysql":    `docker compose exec --no-TTY database bash -c 'MYSQL_PWD=$(cat /run/secrets/database_root_password) mysql --user root --execute "$0" shop' "$drop"`,
		"sqlite":   `docker compose run --rm --no-TTY --entrypoint python3 restore -c 'import sqlite3, sys; sqlite3.connect("data/shop.sqlite3").execute(sys.argv[1])' "$drop"`,
	}[database], "drop='"+drop+"'")
	c.expect("without its table", c.get("/api/notes"), 500)
	r.does(r.runbook("A table is lost"), "table="+table)
	c.holds("a lost table", saved)

	c.expect("create what is wrong", c.postJSON("/api/notes", `{"title": "Corrupted by a release"}`), 201)
	set := r.compose("exec", "--no-TTY", "backup", "sh", "-c", "ls -t backups/*.tar | head -n 1")
	r.does(r.runbook("A release has corrupted the data"), "set="+filepath.Base(strings.TrimSpace(set)))
	c.holds("corrupted data", saved)

	if database == "postgres" || thorough {
		r.compose("down")
		r.loses("backups", "media", "data", "database")
		r.run("rm", "-r", "secrets")
		r.does(r.runbook("The host is lost"))
		r.does(r.runbook("The disk is lost"))
		c.holds("a lost host", saved)
	}

	r.does(r.runbook("The private key is lost"))
	r.run("sh", "-c", `docker compose exec --no-TTY --env AGE_IDENTITY_FILE=- backup scripts/verify latest <recovery.key`)
	r.run("rm", "recovery.key")
	r.configure("AGE_RECIPIENT", "")
	r.run("docker", "compose", "up", "--detach", "--wait", "backup")
}

// keepsCopies has the backups of the stack go to a store of this test.
func (r *repository) keepsCopies() {
	r.t.Helper()
	r.keepsCopiesAt(strings.TrimSpace(r.run("docker", "network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Gateway}}")))
}

// keepsCopiesAt has backups go to a store of this test that listens on the address.
func (r *repository) keepsCopiesAt(address string) {
	r.t.Helper()
	store := newObjectStore(r.t, address)
	store.start()
	for name, value := range map[string]string{"ENDPOINT": store.url(), "BUCKET": "copies", "ACCESS_KEY_ID": "shop", "SECRET_ACCESS_KEY": storeSecret} {
		r.configure("BACKUP_S3_"+name, value)
	}
	r.run("bash", "-c", ". scripts/backup-set.sh; store mkdir store:copies")
}

// loses removes those of the volumes that there are, with the containers that use them.
func (r *repository) loses(volumes ...string) {
	r.t.Helper()
	for _, name := range volumes {
		if volume := r.run("docker", "volume", "ls", "--quiet", "--filter", "label=com.docker.compose.project="+r.project(),
			"--filter", "label=com.docker.compose.volume="+name); volume != "" {
			volume = strings.TrimSpace(volume)
			for _, container := range strings.Fields(r.run("docker", "ps", "--all", "--quiet", "--filter", "volume="+volume)) {
				r.run("docker", "rm", "--force", container)
			}
			r.run("docker", "volume", "rm", volume)
		}
	}
}

// holds waits until the service is ready, and expects these notes.
func (c *client) holds(after string, titles []string) {
	c.t.Helper()
	c.awaitReady(after)
	if now := c.titles(); !slices.Equal(now, titles) {
		c.t.Errorf("%s: the notes are %q, not %q", after, now, titles)
	}
}

// project is the name by which Compose knows the stack.
func (r *repository) project() string {
	r.t.Helper()
	return regexp.MustCompile(`(?m)^name: (.*)$`).FindStringSubmatch(readFile(r.t, r.path("compose.yaml")))[1]
}
