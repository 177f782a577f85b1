package e2e

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// runbook is what docs/production.md says to do about a loss, which begins a paragraph in bold.
func (r *repository) runbook(loss string) string {
	r.t.Helper()
	steps := regexp.MustCompile("(?s)\\*\\*" + loss + "\\*\\*.*?\n```sh\n(.*?)\n```\n").FindStringSubmatch(readFile(r.t, r.path("docs/production.md")))
	if steps == nil {
		r.t.Fatalf("the runbook does not say what to do when %s", loss)
	}
	return steps[1]
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
	expect := func(what string) {
		r.t.Helper()
		if err := await(func() error {
			_, err := c.try("GET", "/readyz", "")
			return err
		}); err != nil {
			r.t.Fatal(err)
		}
		if titles := c.titles(); !slices.Equal(titles, saved) {
			r.t.Errorf("%s: the notes are %q, not %q", what, titles, saved)
		}
	}
	gateway := strings.TrimSpace(r.run("docker", "network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Gateway}}"))
	store := newObjectStore(r.t, gateway)
	store.start()
	for name, value := range map[string]string{"ENDPOINT": store.url(), "BUCKET": "copies", "ACCESS_KEY_ID": "shop", "SECRET_ACCESS_KEY": storeSecret} {
		r.configure("BACKUP_S3_"+name, value)
	}
	r.run("rm", "secrets/backup_s3_secret_access_key")
	r.run("scripts/secrets")
	r.run("docker", "compose", "up", "--detach", "--wait", "--force-recreate", "backup")
	r.compose("exec", "--no-TTY", "backup", "bash", "-c", ". scripts/backup-set.sh; store mkdir store:copies")
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
	expect("a lost table")

	c.expect("create what is wrong", c.postJSON("/api/notes", `{"title": "Corrupted by a release"}`), 201)
	set := r.compose("exec", "--no-TTY", "backup", "sh", "-c", "ls -t backups/*.tar | head -n 1")
	r.does(r.runbook("A release has corrupted the data"), "set="+filepath.Base(strings.TrimSpace(set)))
	expect("corrupted data")

	if database == "postgres" || thorough {
		r.compose("down")
		for _, name := range []string{"backups", "media", "data", "database"} {
			if volume := r.run("docker", "volume", "ls", "--quiet", "--filter", "label=com.docker.compose.project="+r.project(),
				"--filter", "label=com.docker.compose.volume="+name); volume != "" {
				r.run("docker", "volume", "rm", strings.TrimSpace(volume))
			}
		}
		r.run("rm", "-r", "secrets")
		r.does(r.runbook("The host is lost"))
		r.does(r.runbook("The disk is lost"))
		expect("a lost host")
	}

	r.does(r.runbook("The private key is lost"))
	r.run("sh", "-c", `docker compose exec --no-TTY --env AGE_IDENTITY_FILE=- backup scripts/verify latest <recovery.key`)
	r.run("rm", "recovery.key")
	r.configure("AGE_RECIPIENT", "")
	r.run("docker", "compose", "up", "--detach", "--wait", "backup")
}

// project is the name by which Compose knows the stack.
func (r *repository) project() string {
	r.t.Helper()
	return regexp.MustCompile(`(?m)^name: (.*)$`).FindStringSubmatch(readFile(r.t, r.path("compose.yaml")))[1]
}
