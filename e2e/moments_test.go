package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// archived is a repository whose archive follows a database while the test writes to it.
type archived struct {
	*recovery
	// start starts the archive; kill ends it and all that it has started at once, as a loss of power does.
	start, kill func()
	// lose loses the machine's data and files, but for the archive.
	lose func()
	// run runs a script of the repository where its database is; try does so and may fail.
	scripts func(arguments ...string) (string, error)
}

// uploadEvery is of how many rows one has an upload.
const uploadEvery = 20

const (
	momentForm = "2006-01-02T15:04:05Z"
	stampForm  = "20060102T150405Z" // as the archive writes them
)

// TestMoments loses the data of each database under load, and brings back its last moment, and one before rows were deleted.
func TestMoments(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		archived func(t *testing.T, kind string, flags ...string) *archived
		kind     string
		costly   bool
	}{
		"sqlite":   {archivedHere, "sqlite", false},
		"postgres": {archivedInside, "postgres", false},
		"mariadb":  {archivedHere, "mysql", false},
		"mysql":    {archivedInside, "mysql", true},
	} {
		if row.costly && !thorough {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			row.archived(t, row.kind).bringsBackMoments()
		})
	}
}

func (a *archived) bringsBackMoments() {
	t := a.t
	a.sql("INSERT INTO notes VALUES (1, 'Bread <b>');")
	a.upload("1")
	a.start()
	a.awaits("the archive is whole", "scripts/archive", "--check")

	a.sql("INSERT INTO notes VALUES (2, 'before the mistake');")
	a.upload("2")
	saved := a.rows()
	a.follows(time.Now()) // a row counts as of when it was seen, which on a busy machine is later than its commit
	moment := nextSecond()
	nextSecond()
	a.sql("DELETE FROM notes WHERE id < 3;")
	a.removeUpload("1")

	id, reached, killed := a.loadUntilKilled()
	a.lose()
	a.restores("--time", "latest")
	last := a.expectAll(id, reached, killed)
	t.Logf("of %d rows %d are lost; the archive reached to %s, the end was at %s", len(id), len(id)-last, reached, killed.UTC().Format(momentForm))

	a.restores("--time", moment.Format(momentForm))
	if now := a.rows(); now != saved {
		t.Errorf("at %s the rows were\n%s\nand now they are\n%s", moment.Format(momentForm), tail(saved), tail(now))
	}
	for _, name := range []string{"1", "2"} {
		if got := a.uploaded(name); got != "upload "+name {
			t.Errorf("the upload %s is %q", name, got)
		}
	}

	for moment, why := range map[string]string{
		"2020-01-01T00:00:00Z": "does not go back to", "2099-01-01T00:00:00Z": "reaches only to", "yesterday": "is no moment",
		"2026-13-01 00:00:00": "is no moment",
	} {
		if said, err := a.scripts("scripts/restore", "--yes", "--time", moment); err == nil || !strings.Contains(said, why) || !strings.Contains(said, "nothing was touched") {
			t.Errorf("restoring %s: %v\n%s", moment, err, tail(said))
		}
	}
	if now := a.rows(); now != saved {
		t.Errorf("what was refused has changed the rows to\n%s", tail(now))
	}
	if said, err := a.scripts("scripts/moment", "--drill"); err != nil || !strings.Contains(said, "drill passed: the archive reaches to ") || strings.Contains(said, "kill: ") {
		t.Errorf("the drill: %v\n%s", err, tail(said))
	}
}

// nextSecond waits for the clock to begin another second, and returns that.
func nextSecond() time.Time {
	now := time.Now()
	next := now.Truncate(time.Second).Add(time.Second)
	time.Sleep(next.Sub(now))
	return next.UTC()
}

// awaits runs a script until it succeeds.
func (a *archived) awaits(what string, arguments ...string) {
	a.t.Helper()
	if err := await(func() error {
		said, err := a.scripts(arguments...)
		if err != nil {
			return fmt.Errorf("%w: %s", err, tail(said))
		}
		return nil
	}); err != nil {
		a.t.Fatalf("%s: %v", what, err)
	}
}

// loadUntilKilled inserts a row after the other, some with an upload, ends all at once and returns when each was committed, how
// far the archive then said that it reaches, and when the end began.
func (a *archived) loadUntilKilled() (committed []time.Time, reached string, killed time.Time) {
	a.t.Helper()
	var writing sync.WaitGroup
	stop := make(chan struct{})
	end := sync.OnceFunc(func() { close(stop); writing.Wait() })
	defer end()
	writing.Go(func() {
		// As fast as a busy service, on a machine that has more to do
		pace := time.NewTicker(20 * time.Millisecond)
		defer pace.Stop()
		for id := 1000; ; id++ {
			select {
			case <-stop:
				return
			case <-pace.C:
			}
			if id%uploadEvery == 0 {
				a.upload(strconv.Itoa(id))
			}
			if err := a.data.change(fmt.Sprintf("INSERT INTO notes VALUES (%d, 'under load');", id)); err != nil {
				return // the end
			}
			committed = append(committed, time.Now())
		}
	})
	a.follows(time.Now().Add(2 * time.Second))
	killed = time.Now()
	a.kill()
	end()
	return committed, a.reached(), killed
}

// follows waits until the archive says that it reaches past a time.
func (a *archived) follows(at time.Time) {
	a.t.Helper()
	if err := await(func() error {
		if reached := a.reached(); reached <= at.UTC().Format(stampForm) {
			return errors.New("it reaches to " + reached)
		}
		return nil
	}); err != nil {
		a.t.Fatalf("the archive does not follow: %v", err)
	}
}

// reached is the moment up to which the archive has all, by its own words.
func (a *archived) reached() string {
	said, _ := a.scripts("sh", "-c", "cat backups/archive/live/*/reached")
	return strings.TrimSpace(said)
}

// expectAll expects what was committed before the archive's moment, each row with its upload, and no gap in what comes after it.
func (a *archived) expectAll(committed []time.Time, reached string, killed time.Time) (last int) {
	a.t.Helper()
	rows := a.rows()
	for i, at := range committed {
		id := strconv.Itoa(1000 + i)
		if !strings.Contains(rows, id) {
			if at.UTC().Format(stampForm) < reached {
				a.t.Errorf("the row %s, of %s, is lost, and the archive reached to %s", id, at.UTC(), reached)
			}
			// Beside other tests the archive may have to wait for the machine; what it says that it has is held above
			if lost := killed.Sub(at); lost > time.Second && thorough {
				a.t.Errorf("the last %s are lost, and a second is what may be", lost)
			} else {
				a.t.Logf("lost: the last %s before the end", lost)
			}
			for j := i; j < len(committed); j++ {
				if strings.Contains(rows, strconv.Itoa(1000+j)) {
					a.t.Errorf("the row %d is there, and an earlier one is not", 1000+j)
				}
			}
			return i
		}
		if got := a.uploaded(id); (1000+i)%uploadEvery == 0 && got != "upload "+id && at.UTC().Format(stampForm) < reached {
			a.t.Errorf("the upload of the row %s is %q", id, got)
		}
	}
	return len(committed)
}

func (a *archived) rows() string {
	a.t.Helper()
	rows, err := a.data.rows()
	if err != nil {
		a.t.Fatal(err)
	}
	return rows
}

// restores brings back what the arguments name.
func (a *archived) restores(arguments ...string) {
	a.t.Helper()
	start := time.Now()
	if said, err := a.scripts(append([]string{"scripts/restore", "--yes"}, arguments...)...); err != nil {
		a.t.Fatalf("scripts/restore %v: %v\n%s", arguments, err, tail(said))
	}
	a.t.Logf("%5.1f s  scripts/restore %s", time.Since(start).Seconds(), strings.Join(arguments, " "))
}

func (a *archived) upload(name string) {
	// Written beside and renamed, as the service does
	file := a.path("media/" + name)
	if os.WriteFile(file+".part", []byte("upload "+name), 0o644) == nil {
		os.Rename(file+".part", file)
	}
}

func (a *archived) removeUpload(name string) {
	a.t.Helper()
	if err := os.Remove(a.path("media/" + name)); err != nil {
		a.t.Fatal(err)
	}
}

func (a *archived) uploaded(name string) string {
	content, err := os.ReadFile(a.path("media/" + name))
	if err != nil {
		return err.Error()
	}
	return string(content)
}

// archivedHere archives on this machine: SQLite into a store that is away at first, MariaDB into the folder of the backups.
func archivedHere(t *testing.T, kind string, flags ...string) *archived {
	t.Helper()
	name := fmt.Sprintf("moments_%s_%d", kind, len(flags))
	a := &archived{recovery: newArchived(t, kind, flags...)}
	a.data = a.newStore(kind, name)
	a.configure("DATABASE_URL", a.data.url)
	a.sql("CREATE TABLE notes (id INTEGER PRIMARY KEY, title VARCHAR(200));")
	if kind == "mysql" {
		server, err := servers[kind]()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := server.sql(strings.ReplaceAll("CREATE USER NAME_a@'%' IDENTIFIED BY '"+passwordMark+"'; GRANT RELOAD, REPLICATION CLIENT, REPLICATION SLAVE ON *.* TO NAME_a@'%';"+
			"GRANT SELECT, SHOW VIEW, TRIGGER, EVENT ON NAME.* TO NAME_a@'%'; GRANT SELECT ON mysql.servers TO NAME_a@'%';", "NAME", name)); err != nil {
			t.Fatal(err)
		}
		a.configure("ARCHIVE_DATABASE_URL", fmt.Sprintf("mysql://%s_a:%s@127.0.0.1:%d/%[1]s", name, passwordMark, server.port))
	}
	a.scripts = func(arguments ...string) (string, error) { return a.try(arguments[0], arguments[1:]...) }
	key := filepath.Join(t.TempDir(), "key")
	a.run("age-keygen", "--output", key)
	a.configure("AGE_RECIPIENT", publicKey.FindString(readFile(t, key)))
	a.env = append(a.env, "AGE_IDENTITY_FILE="+key, "PATH="+a.getenv("PATH")+":"+filepath.Join(toolFolder(t), "bin"))
	away := func() {}
	if kind == "sqlite" {
		s := newObjectStore(t, "127.0.0.1")
		for name, value := range map[string]string{"ENDPOINT": s.url(), "BUCKET": "copies", "PREFIX": "shop/", "ACCESS_KEY_ID": "shop", "SECRET_ACCESS_KEY": storeSecret} {
			a.configure("BACKUP_S3_"+name, value)
		}
		away = func() {
			a.fails("does not reach", "scripts/archive", "--check")
			s.start()
			a.run("bash", "-c", ". scripts/backup-set.sh; echo made | store rcat store:copies/made")
		}
	}
	var process *exec.Cmd
	var log lockedBuffer
	a.start = func() {
		process = a.command(t.Context(), "scripts/archive")
		process.Stdout, process.Stderr = &log, &log
		if err := process.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if t.Failed() {
				t.Logf("the archive said\n%s", tail(log.String()))
			}
		})
		away()
	}
	a.kill = func() {
		syscall.Kill(-process.Process.Pid, syscall.SIGKILL)
		process.Wait()
	}
	t.Cleanup(func() {
		if process != nil && process.ProcessState == nil {
			a.kill()
		}
	})
	a.lose = func() {
		for _, folder := range []string{"data", "media"} {
			a.run("sh", "-c", "rm -rf "+folder+"; mkdir "+folder)
		}
		if kind != "sqlite" {
			a.sql("DROP TABLE notes;")
		}
	}
	return a
}

// newArchived is a repository that archives.
func newArchived(t *testing.T, kind string, flags ...string) *recovery {
	t.Helper()
	r := &recovery{repository: generate(t, append([]string{"--database", kind, "--backup", "continuous", "--no-git"}, flags...)...), kind: kind}
	for _, folder := range []string{"data", "media"} {
		if err := os.MkdirAll(r.path(folder), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// archivedInside archives by the stack that Compose runs, as it is in production.
func archivedInside(t *testing.T, kind string, flags ...string) *archived {
	t.Helper()
	project := fmt.Sprintf("e2e%d-moments-%s", os.Getpid(), kind)
	a := &archived{recovery: newArchived(t, kind, append(flags, "--name", project, "--package", "shop")...)}
	a.leavesNothing(project)
	// The test is who uploads
	a.run("chmod", "0777", a.path("media"))
	writeFile(t, a.path("test.yaml"), "volumes: {media: {driver: local, driver_opts: {type: none, o: bind, device: "+a.path("media")+"}}}\n")
	a.env = append(a.env, "COMPOSE_FILE=compose.yaml:test.yaml")
	a.run("scripts/secrets")
	a.run("docker", "compose", "build", "--quiet", "backup")
	database := func() { a.run("docker", "compose", "up", "--detach", "--wait", "database") }
	database()
	client := map[string][]string{
		"postgres": {"psql", "--username=postgres", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1", "--command=SET ROLE shop", "shop", "--command"},
		"mysql":    {"bash", "-c", `MYSQL_PWD=$(cat /run/secrets/database_root_password) exec mysql --user=root --batch --skip-column-names --execute="$0" shop`},
	}[kind]
	ask := func(statements string) (string, error) {
		return a.try("docker", slices.Concat([]string{"compose", "exec", "--no-TTY", "database"}, client, []string{statements})...)
	}
	a.data = store{
		rows: func() (string, error) { return ask("SELECT * FROM notes ORDER BY id") },
		change: func(statements string) error {
			said, err := ask(statements)
			if err != nil {
				err = fmt.Errorf("%w: %s", err, said)
			}
			return err
		},
	}
	a.sql("CREATE TABLE notes (id INTEGER PRIMARY KEY, title VARCHAR(200));")
	a.scripts = func(arguments ...string) (string, error) {
		return a.try("docker", append([]string{"compose", "run", "--rm", "--no-TTY", "--no-deps", "--entrypoint", arguments[0], "restore"}, arguments[1:]...)...)
	}
	a.start = func() { a.run("docker", "compose", "up", "--detach", "--no-deps", "archive") }
	a.kill = func() { a.run("docker", "compose", "kill", "archive", "database") }
	a.lose = func() {
		t.Log(tail(a.compose("logs", "--no-color", "archive")))
		a.run("docker", "compose", "rm", "--force", "database")
		a.run("docker", "volume", "rm", project+"_database")
		a.run("sh", "-c", "rm -rf media/*")
		database()
	}
	return a
}
