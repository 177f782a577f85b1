package e2e

import (
	"os"
	"strings"
	"testing"
)

// TestDeploy publishes, deploys and goes back, by a real SSH server, a registry and an engine: while somebody uses the service, a
// good release, and what goes wrong.
func TestDeploy(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, "deploy")
	d.buildsTools()
	first := d.signs()
	d.refusesOtherServers()

	// Where it is missing, the registry knows
	if err := os.Remove(d.path("build/release.env")); err != nil {
		t.Fatal(err)
	}
	if told := d.says("make", "deploy"); !strings.Contains(told, first.commit+" is signed, with its provenance and its contents") {
		t.Errorf("a signed release:\n%s", told)
	}
	if found := d.file("build/release.env"); found.text != first.text {
		t.Errorf("the registry knows another release:\n%s\nthan was published:\n%s", found.text, first.text)
	}
	d.site.expect("ready", d.site.get("/readyz"), 200)
	d.expectRuns(first)
	d.run("sh", "-c", `cd "$1" && docker compose --file compose.yaml --file compose.monitoring.yaml config --quiet`, "sh", d.server)

	// What comes is signed by nobody
	d.run("git", "rm", "--quiet", "deploy/cosign.pub")
	aTableMore := migration("later", "0002", "CREATE TABLE later (id INTEGER)")
	later := d.derives("a migration more", aTableMore)
	later.buildsProxyAgain(d)
	proxy := d.container("proxy")
	before := d.state()
	if told := d.says("scripts/deploy", "--dry-run", later.file); !strings.Contains(told, "its migrations would run") || !strings.Contains(told, "so nothing is verified") {
		t.Errorf("a dry run says\n%s", told)
	}
	if after := d.state(); after != before {
		t.Errorf("a dry run has changed the server: before\n%s\nafter\n%s", before, after)
	}

	d.underLoad("a good release, with the connection cut", func() {
		cut := d.starts("scripts/deploy", later.file)
		d.awaitLog(later, "starting the new application")
		cut.kill()
		if told := d.says("scripts/deploy", later.file); !strings.Contains(told, "began it at") || !strings.Contains(told, later.commit+" runs") {
			t.Errorf("the same again says\n%s", told)
		}
	})
	d.expectRuns(later)
	if after := d.container("proxy"); after != proxy {
		t.Errorf("the proxy is another container, %s, although its files are the same", after)
	}
	if told := d.says("scripts/deploy", later.file); !strings.Contains(told, "runs already") {
		t.Errorf("the release that runs, once more:\n%s", told)
	}

	// It answers, but not as it should: nobody may come to it
	broken := d.derives("never ready", `CMD ["python", "-m", "http.server", "8000"]
HEALTHCHECK --start-period=1s --interval=1s --retries=5 CMD ["false"]`)
	d.underLoad("a release that is never ready, and another one at the same time", func() {
		one := d.starts("scripts/deploy", broken.file)
		d.awaitLog(broken, "starting the new application")
		d.refuses("is at it since", "scripts/deploy", first.file)
		if told, err := one.wait(); err == nil || !strings.Contains(told, later.commit+" goes on") {
			t.Errorf("a release that is never ready: %v\n%s", err, told)
		}
	})
	d.expectRuns(later)

	unmigrated := d.derives("a migration that fails", aTableMore+migration("unmigrated", "later", "SELECT no_such_column"))
	d.underLoad("a migration that fails", func() {
		d.refuses("the migration failed: nothing was switched", "scripts/deploy", unmigrated.file)
	})
	d.expectRuns(later)

	before = d.state()
	d.says("scripts/rollback", "--dry-run")
	if after := d.state(); after != before {
		t.Errorf("a dry run of the way back has changed the server: before\n%s\nafter\n%s", before, after)
	}
	d.underLoad("the way back", func() { d.says("scripts/rollback") })
	d.expectRuns(first)

	narrow := d.derives("a column that former code does not fill",
		aTableMore+migration("narrow", "later", "ALTER TABLE notes ADD COLUMN narrow INTEGER NOT NULL"))
	d.underLoad("a release that a person ends, one that the machine interrupts, and once more", func() {
		one := d.starts("scripts/deploy", narrow.file)
		d.awaitLog(narrow, "saving the data")
		d.run("sh", "-c", `kill -- "-$(cut -d ' ' -f 1 "$1/lock")"`, "sh", d.server)
		if told, err := one.wait(); err == nil {
			t.Errorf("a release that was ended has succeeded:\n%s", told)
		}
		one = d.starts("scripts/deploy", narrow.file)
		d.awaitLog(narrow, "  Waiting") // Compose, for the new application
		if d.interrupts() == 0 {
			t.Error("nothing has the lock")
		}
		if told, err := one.wait(); err == nil || !strings.Contains(told, "ended before it came to an end") {
			t.Errorf("an interrupted release: %v\n%s", err, told)
		}
		told := d.says("scripts/deploy", narrow.file)
		for _, text := range []string{"WARNING: the code that runs does not work on the database", "has left something, which is taken away"} {
			if !strings.Contains(told, text) {
				t.Errorf("the same again does not say %q:\n%s", text, told)
			}
		}
	})
	d.expectRuns(narrow)
	told := d.refuses("the column notes.narrow needs a value", "scripts/rollback")
	d.expectRuns(narrow)
	d.givesUp(told)
	d.expectRuns(first)

	d.logHas("deploy ok", "deploy ok", "deploy failed", "deploy failed", "rollback ok", "deploy failed", "deploy ok", "rollback refused", "rollback ok")
	d.hasKept(first, later, narrow)
}
