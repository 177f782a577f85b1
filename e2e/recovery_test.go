package e2e

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// recovery is a repository whose scripts save and restore a database with tables and files of the test's own: nothing is
// installed, as the scripts need none of it.
type recovery struct {
	*repository
	kind string
	data store
}

func newRecovery(t *testing.T, kind, server, name string, flags ...string) *recovery {
	t.Helper()
	r := &recovery{repository: generate(t, append([]string{"--database", kind, "--no-git"}, flags...)...), kind: kind}
	if server == "mysql-image" {
		r.repository = r.withMySQL()
	}
	r.data = r.newStore(server, name)
	r.configure("DATABASE_URL", r.data.url)
	if err := os.MkdirAll(r.path("data"), 0o755); err != nil {
		t.Fatal(err)
	}
	r.sql(`CREATE TABLE notes (id INTEGER PRIMARY KEY, title VARCHAR(200));
		CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY);
		INSERT INTO alembic_version VALUES ('0002');`)
	var rows []string
	for id := range 3000 {
		rows = append(rows, fmt.Sprintf("(%d, 'Bread <b> %x')", -id, sha256.Sum256([]byte(strconv.Itoa(id)))))
	}
	r.sql("INSERT INTO notes VALUES " + strings.Join(rows, ", ") + ";")
	for _, file := range []string{"a file", "b/c", "d"} {
		writeFile(t, r.path("media/"+file), "content of "+file)
	}
	return r
}

// sql changes the database past the repository's own code.
func (r *recovery) sql(statements string) {
	r.t.Helper()
	if err := r.data.change(statements); err != nil {
		r.t.Fatal(err)
	}
}

// saves makes a backup, whose path it returns, and changes the data afterwards.
func (r *recovery) saves() (set string, saved state) {
	r.t.Helper()
	saved = r.look(r.data)
	said := r.run("scripts/backup")
	set = strings.Split(said[strings.LastIndex(said, "backups/shop-"):], ":")[0]
	r.sql("DELETE FROM notes WHERE id < -1000; INSERT INTO notes VALUES (1, 'after the backup');")
	writeFile(r.t, r.path("media/after"), "the backup")
	if err := os.Remove(r.path("media/d")); err != nil {
		r.t.Fatal(err)
	}
	return r.path(set), saved
}

// restores expects a restore to bring the saved state back, and forgets what it has kept.
func (r *recovery) restores(set string, saved state) {
	r.t.Helper()
	r.run("scripts/restore", "--yes", set)
	r.run("scripts/restore", "--yes", "--forget")
	r.unchanged("backup, restore and forget", r.data, saved)
}

// copied is a copy of a set in a folder of its own.
func (r *recovery) copied(set string) string {
	r.t.Helper()
	copied := filepath.Join(r.t.TempDir(), filepath.Base(set))
	writeFile(r.t, copied, readFile(r.t, set))
	writeFile(r.t, copied+".sha256", readFile(r.t, set+".sha256"))
	return copied
}

// remade is a copy that was changed inside, and has the checksums of that.
func (r *recovery) remade(set, change string) string {
	r.t.Helper()
	copied := r.copied(set)
	r.run("bash", "-euc", `
		mkdir "$1.d" && cd "$1.d" && tar -xf "$1"
		list=files
		`+change+`
		(cd content && find . -type f -exec sha256sum {} +) | LC_ALL=C sort -k 2 >"$list"
		tar -cf "$1" about tables migrations files content
		sum=$(sha256sum <"$1") && echo "${sum%% *}  ${1##*/}" >"$1.sha256"`, "bash", copied)
	return copied
}

// TestRecovery damages backups in every way that we know of, fills the disk and kills what runs, at every step: nothing is
// touched before all is known to be whole, and what was begun is finished.
func TestRecovery(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		kind, server string
		costly       bool
	}{
		"sqlite":   {"sqlite", "sqlite", false},
		"postgres": {"postgres", "postgres", false},
		"mariadb":  {"mysql", "mysql", true},
		"mysql":    {"mysql", "mysql-image", true},
	} {
		if row.costly && !thorough {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRecovery(t, row.kind, row.server, "recovery_"+name)
			writeFile(t, r.path("media/back\\slash and\nline"), "a name that is quoted")
			set, saved := r.saves()
			now := r.look(r.data)
			r.damage(set)
			r.fillDisk(set)
			r.unchanged("what was refused", r.data, now)
			r.killBackup()
			r.unchanged("a backup that was killed", r.data, now)
			r.killRestore(set, saved)
			r.keepsLastGood()
			r.losesNothing()
			r.wantsNewClients(name)
		})
	}
}

// damage expects each damaged set to be refused, for the right reason.
func (r *recovery) damage(set string) {
	r.t.Helper()
	whole := readFile(r.t, set)
	half := len(strings.TrimRight(whole, "\x00")) / 2
	with := func(content string) string {
		copied := r.copied(set)
		writeFile(r.t, copied, content)
		return copied
	}
	without := func(suffix string) string {
		copied := r.copied(set)
		if err := os.Remove(copied + suffix); err != nil {
			r.t.Fatal(err)
		}
		return copied
	}
	dump := map[string]string{"sqlite": "content/database.sqlite3", "postgres": "content/database.dump", "mysql": "content/database.sql.zst"}[r.kind]
	for what, damaged := range map[string]struct{ set, because string }{
		"truncated":                   {with(whole[:half]), "the checksum differs"},
		"bit-flipped":                 {with(whole[:half] + string([]byte{whole[half] ^ 1}) + whole[half+1:]), "the checksum differs"},
		"empty":                       {with(""), "the checksum differs"},
		"a set without its checksum":  {without(".sha256"), "is missing"},
		"a checksum without its set":  {without(""), "no such backup"},
		"no set inside":               {r.remade(set, "rm about && : >about"), "its format is not"},
		"of an unknown format":        {r.remade(set, "sed -i 's/^format .*/format 99/' about"), "its format is not"},
		"of another application":      {r.remade(set, "sed -i 's/^package .*/package shoq/' about"), "not a backup of shop"},
		"of a newer schema":           {r.remade(set, "echo alembic 0099 >migrations"), "which has no alembic 0099"},
		"of a newer server":           {r.remade(set, "sed -i -E 's/^(server [A-Za-z]+).*/\\1 99.1/' about"), "is newer than the server"},
		"of another kind of server":   {r.remade(set, "sed -i 's/^server [A-Za-z]*/server Oracle/' about"), "and the server is"},
		"of an empty dump":            {r.remade(set, ": >"+dump), "refused"},
		"of a dump without a row":     {r.remade(set, "sed -i 's/^notes\\t.*/notes\\t2999/; s/^public.notes\\t.*/public.notes\\t2999/' tables"), "its rows are not"},
		"of a file that was replaced": {r.remade(set, "echo other >content/media/d; list=/dev/null"), "its files are not"},
	} {
		if output, err := r.try("scripts/restore", "--yes", damaged.set); err == nil || !strings.Contains(output, damaged.because) {
			r.t.Errorf("restoring %s: %v, and %q is not in\n%s", what, err, damaged.because, tail(output))
		}
	}
	key, other := filepath.Join(r.t.TempDir(), "key"), filepath.Join(r.t.TempDir(), "other")
	r.run("age-keygen", "--output", key)
	r.run("age-keygen", "--output", other)
	said := r.with("AGE_RECIPIENT=" + publicKey.FindString(readFile(r.t, key))).run("scripts/backup")
	sealed := r.path(strings.Split(said[strings.LastIndex(said, "backups/shop-"):], ":")[0])
	r.with("AGE_IDENTITY_FILE="+other).fails("refused, it cannot be decrypted", "scripts/restore", "--yes", sealed)
	r.fails("is encrypted", "scripts/restore", "--yes", sealed)
	r.with("AGE_IDENTITY_FILE="+key).run("scripts/verify", sealed)
	r.run("rm", sealed, sealed+".sha256")
	if r.kind == "sqlite" {
		// What its rows are is known only when most of the set is written
		r.run("bash", "-euc", `
			cp "$1" data/damaged.sqlite3
			head -c 4096 /dev/zero | dd of=data/damaged.sqlite3 bs=4096 seek=9 conv=notrunc status=none`, "bash", strings.TrimPrefix(r.data.url, "sqlite:///"))
		sets := r.run("ls", "backups")
		r.with("DATABASE_URL=sqlite:///data/damaged.sqlite3").fails("there is no new backup", "scripts/backup")
		if now := r.run("ls", "backups"); now != sets {
			r.t.Errorf("a damaged database was saved: %s", now)
		}
		r.run("rm", "data/damaged.sqlite3")
	}
}

// fillDisk runs a backup and a restore on a disk that has no room for them.
func (r *recovery) fillDisk(set string) {
	r.t.Helper()
	info, err := os.Stat(set)
	if err != nil {
		r.t.Fatal(err)
	}
	small := func(size int64, command string) string {
		arguments := []string{"--mount"}
		if os.Getuid() != 0 {
			arguments = append(arguments, "--user", "--map-root-user")
		}
		output, err := r.try("unshare", append(arguments, "bash", "-c", fmt.Sprintf(`
			set -e
			cp backups/*.tar backups/*.sha256 "$1"
			mount -t tmpfs -o size=%d none backups
			[ -z "$2" ] || cp "$1/${2##*/}" "$1/${2##*/}.sha256" backups
			%s`, size, command), "bash", r.t.TempDir(), set)...)
		if err == nil {
			r.t.Errorf("%s did not fail on a full disk:\n%s", command, tail(output))
		}
		return output
	}
	if said := small(info.Size()+info.Size()/2, "scripts/backup || { ls backups/*.tar | grep -vF \"${2##*/}\"; false; }"); !strings.Contains(said, "there is no new backup") ||
		strings.Contains(strings.TrimSuffix(said, "\n"), "\nbackups/shop-") {
		r.t.Errorf("a backup on a full disk: %s", tail(said))
	}
	if said := small(info.Size()+64<<10, "scripts/restore --yes latest"); !strings.Contains(said, "refused, it cannot be unpacked") {
		r.t.Errorf("a restore on a full disk: %s", tail(said))
	}
}

// killed runs a script until a command begins for the n-th time, and kills it then: no handler runs.
func (r *recovery) killed(command string, n int, script ...string) {
	r.t.Helper()
	trap := filepath.Join(r.t.TempDir(), "trap")
	writeFile(r.t, trap, `set -T
times=0
trap '[[ $BASH_COMMAND != "$KILL_AT"* ]] || ((++times < KILL_TIMES)) || kill -KILL $$ $BASHPID' DEBUG
`)
	output, err := r.with("BASH_ENV="+trap, "KILL_AT="+command, fmt.Sprintf("KILL_TIMES=%d", n)).try(script[0], script[1:]...)
	if err == nil || !strings.Contains(err.Error(), "killed") {
		r.t.Fatalf("%v was not killed at %q: %v\n%s", script, command, err, tail(output))
	}
}

// killBackup expects a backup that is killed to leave no set that is not whole, and the next one to be good.
func (r *recovery) killBackup() {
	r.t.Helper()
	dump := map[string]string{"sqlite": "db_snapshot", "postgres": "db_dump", "mysql": "db_dump"}[r.kind]
	for _, command := range []string{
		dump, `LC_ALL=C sort "$1.counted"`, "copy_media", "sum=$({", `whole "$work`, `mv "$work/$name.sha256"`, `mv "$work/$name"`, "measure", "prune",
	} {
		r.killed(command, 1, "scripts/backup")
		sets, err := filepath.Glob(r.path("backups/*.tar"))
		if err != nil {
			r.t.Fatal(err)
		}
		for _, set := range sets {
			r.run("scripts/verify", set)
		}
	}
	r.run("scripts/backup")
	r.run("scripts/verify", "latest")
}

// killRestore expects a restore that is killed to have touched nothing, or to be finished by the next one.
func (r *recovery) killRestore(set string, saved state) {
	r.t.Helper()
	now := r.look(r.data)
	for _, command := range []string{`unpack "$file"`, "db_create", "db_restore", "rows=", `mkdir -p "$new_media"`, `note "$stamp" out`} {
		r.killed(command, 1, "scripts/restore", "--yes", set)
		left := r.look(r.data)
		left.names = now.names // the new database is left, until the next run
		r.same("a restore that was killed at "+command, left, now)
	}
	for _, kill := range []struct {
		command string
		n       int
	}{{`mv "$entry"`, 1}, {`mv "$entry"`, 2}, {`note "$1" in`, 1}, {`mv "$entry"`, 4}, {"db_swap", 1}, {`rm -rf "$new_media" "$journal"`, 1}} {
		r.sql("INSERT INTO notes VALUES (2, 'lost in the restore');")
		r.killed(kill.command, kill.n, "scripts/restore", "--yes", set)
		// Nothing but what was begun: the next run finishes it, whatever else it is asked for
		r.run("scripts/restore", "--yes", "--forget")
		r.unchanged("finishing a restore that was killed at "+kill.command, r.data, saved)
		writeFile(r.t, r.path("media/after"), "the backup")
	}
	r.restores(set, saved)
}

// keepsLastGood expects a damaged set not to make an older one superfluous.
func (r *recovery) keepsLastGood() {
	r.t.Helper()
	newest := strings.TrimSpace(r.run("bash", "-c", "ls backups/*.tar | tail -n 1"))
	for name, content := range map[string]string{"shop-20200101T000000Z.tar": readFile(r.t, r.path(newest)), "shop-20200102T000000Z.tar": "damaged"} {
		writeFile(r.t, r.path("backups/"+name), content)
		writeFile(r.t, r.path("backups/"+name+".sha256"), readFile(r.t, r.path(newest)+".sha256"))
	}
	said := r.with("BACKUP_KEEP_DAYS=2", "BACKUP_KEEP_WEEKS=0", "BACKUP_KEEP_MONTHS=0").run("scripts/backup")
	if !strings.Contains(said, "20200102T000000Z.tar is damaged") {
		r.t.Errorf("the damage was not told:\n%s", said)
	}
	r.run("scripts/verify", "shop-20200101T000000Z.tar")
	r.run("bash", "-c", "rm backups/shop-2020*")
}

// losesNothing saves while somebody writes, a file and then the row that names it: all that was written before comes back.
func (r *recovery) losesNothing() {
	r.t.Helper()
	write := func(id int) error {
		if err := os.WriteFile(r.path(fmt.Sprintf("media/%d", id)), []byte(strconv.Itoa(id)), 0o600); err != nil {
			return err
		}
		return r.data.change(fmt.Sprintf("INSERT INTO notes VALUES (%d, 'written under load');", id))
	}
	first := 1000
	for id := first; id < first+20; id++ {
		if err := write(id); err != nil {
			r.t.Fatal(err)
		}
	}
	stop, written := make(chan struct{}), make(chan error, 1)
	last := first + 20
	go func() {
		for {
			select {
			case <-stop:
				written <- nil
				return
			default:
			}
			if err := write(last); err != nil {
				written <- err
				return
			}
			last++
		}
	}()
	before := first + 20
	said := r.run("scripts/backup")
	close(stop)
	if err := <-written; err != nil {
		r.t.Fatal(err)
	}
	r.run("scripts/restore", "--yes", strings.Split(said[strings.LastIndex(said, "backups/shop-"):], ":")[0])
	rows := r.look(r.data).rows
	back := strings.Count(rows, "written under load")
	if back < before-first || last == before {
		r.t.Errorf("%d rows came back; %d were written before the backup and %d during it", back, before-first, last-before)
	}
	for id := first; id < first+back; id++ {
		if _, err := os.Stat(r.path(fmt.Sprintf("media/%d", id))); err != nil {
			r.t.Errorf("a row without its file: %v", err)
		}
	}
	r.run("scripts/restore", "--yes", "--forget")
	r.t.Logf("%d rows were written before the backup, %d during it, and %d came back", before-first, last-before, back)
}

// wantsNewClients expects clients that are older than the server, or are not all there, to be refused.
func (r *recovery) wantsNewClients(server string) {
	r.t.Helper()
	client := map[string][2]string{
		"postgres": {"pg_dump", "pg_dump (PostgreSQL) 9.6.24"},
		"mariadb":  {"mariadb-dump", "mariadb-dump Ver 10.19 Distrib 5.5.68-MariaDB, for Linux (x86_64)"},
		"mysql":    {"mysqldump", "mysqldump  Ver 8.0.46 for Linux on x86_64 (MySQL Community Server - GPL)"},
	}[server]
	if client[0] == "" {
		return // Python is the client and the server
	}
	dir := r.t.TempDir()
	writeFile(r.t, filepath.Join(dir, client[0]), "#!/bin/sh\necho '"+client[1]+"'\n")
	if err := os.Chmod(filepath.Join(dir, client[0]), 0o755); err != nil {
		r.t.Fatal(err)
	}
	old := r.with("PATH="+dir+string(filepath.ListSeparator)+r.getenv("PATH"), "IN_IMAGE=1")
	old.fails("older than the server", "scripts/backup")
	old.fails("older than the server", "scripts/restore", "--yes", "latest")
	if r.kind == "mysql" {
		r.without("^zstd$").with("IN_IMAGE=1").fails("zstd is not installed here", "scripts/backup")
	}
}
