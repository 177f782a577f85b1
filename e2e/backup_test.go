package e2e

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// state is all that a backup is about: the rows, the uploaded files, and which databases there are.
type state struct{ rows, media, names string }

// look reads the state past the repository's own code.
func (r *repository) look(data store) state {
	r.t.Helper()
	rows, err := data.rows()
	if err != nil {
		r.t.Fatal(err)
	}
	if !strings.Contains(rows, "Bread <b>") {
		r.t.Fatalf("no notes in the rows:\n%s", tail(rows))
	}
	names, err := data.names()
	if err != nil {
		r.t.Fatal(err)
	}
	var media strings.Builder
	if err := filepath.WalkDir(r.path("media"), func(name string, entry os.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case strings.HasPrefix(entry.Name(), ".before-"), strings.HasPrefix(entry.Name(), ".new-") && entry.IsDir():
			return filepath.SkipDir
		case entry.IsDir():
			return nil
		}
		content, err := os.ReadFile(name)
		fmt.Fprintf(&media, "%s %x\n", name, sha256.Sum256(content))
		return err
	}); err != nil {
		r.t.Fatal(err)
	}
	return state{rows, media.String(), names}
}

// unchanged expects the state to be what it was.
func (r *repository) unchanged(what string, data store, before state) {
	r.t.Helper()
	r.same(what, r.look(data), before)
}

// same expects two states to be the same.
func (r *repository) same(what string, after, before state) {
	r.t.Helper()
	if after.rows != before.rows {
		r.t.Errorf("%s changed the rows: before\n%s\nafter\n%s", what, tail(before.rows), tail(after.rows))
	}
	if after.media != before.media {
		r.t.Errorf("%s changed the files: before\n%s\nafter\n%s", what, before.media, after.media)
	}
	if after.names != before.names {
		r.t.Errorf("%s changed the databases: before\n%s\nafter\n%s", what, before.names, after.names)
	}
}

// backsUp saves the data of a running service, stops it, drills, and restores.
func (r *repository) backsUp(data store, s *service) {
	r.t.Helper()
	saved := r.look(data)
	r.make("backup")
	r.unchanged("make backup", data, saved)
	s.expect("create after the backup", s.postJSON("/api/notes", `{"title": "Lost in the restore"}`), 201)
	s.stopInFlight()

	now := r.look(data)
	for _, title := range []string{"Lost in the restore", "Sent during the stop"} {
		if !strings.Contains(now.rows, title) {
			r.t.Errorf("the row %q is missing", title)
		}
	}
	r.drillsBesideAnother()
	r.run("scripts/drill", "--latest")
	r.unchanged("the drill", data, now)
	r.encrypts()
	r.onlyHelps()
	r.readsSettings(data)
	r.unchanged("what was refused", data, now)

	r.run("scripts/verify", "latest")
	r.fails("nothing was touched", "scripts/restore", "latest") // nobody can be asked
	r.restoresBeside(data)
	r.run("scripts/restore", "--yes", "latest")
	if kept := r.look(data); kept.names == saved.names {
		r.t.Error("the restore has kept no database")
	}
	r.run("scripts/restore", "--yes", "--forget")
	r.unchanged("backup, restore and forget", data, saved)
}

// restoresBeside has a restore leave the data in use alone, by a name of its own that no other one has.
func (r *repository) restoresBeside(data store) {
	r.t.Helper()
	now := r.look(data)
	r.fails("unknown argument --beside=", "scripts/restore", "--yes", "--beside=", "latest")
	r.fails("--beside=Not-one: ", "scripts/restore", "--yes", "--beside=Not-one", "latest")
	r.unchanged("what was refused", data, now)
	r.run("scripts/restore", "--yes", "--beside=lost", "latest")
	beside := r.look(data)
	if !strings.Contains(beside.names, "_beside_lost") {
		r.t.Errorf("there is no database beside: %s", beside.names)
	}
	r.fails("is there already", "scripts/restore", "--yes", "--beside=lost", "latest")
	r.unchanged("a second restore beside", data, beside)
	r.run("scripts/restore", "--yes", "--forget")
	r.unchanged("a restore beside", data, now)
}

// set is the path of the newest backup.
func (r *repository) set(pattern string) string {
	r.t.Helper()
	sums, err := filepath.Glob(r.path(filepath.Join("backups", pattern+".sha256")))
	if err != nil || len(sums) != 1 {
		r.t.Fatalf("backups: %v, %v", sums, err)
	}
	return strings.TrimSuffix(sums[0], ".sha256")
}

var (
	publicKey  = regexp.MustCompile(`age1[a-z0-9]+`)
	privateKey = regexp.MustCompile(`AGE-SECRET-KEY-[A-Z0-9]+`)
)

// encrypts makes a backup that only the key's owner can read, and deletes it.
func (r *repository) encrypts() {
	r.t.Helper()
	key := filepath.Join(r.t.TempDir(), "key")
	r.run("age-keygen", "--output", key)
	r.with("AGE_RECIPIENT=" + publicKey.FindString(readFile(r.t, key))).run("scripts/backup")
	set := r.set("*.tar.age")
	if strings.Contains(readFile(r.t, set), "package shop") {
		r.t.Error("the encrypted backup can be read")
	}
	r.fails("AGE_IDENTITY_FILE", "scripts/verify", set)
	r.with("AGE_IDENTITY_FILE="+key).run("scripts/verify", set)
	r.with("AGE_IDENTITY="+readFile(r.t, key)).run("scripts/verify", set)
	r.run("sh", "-c", `AGE_IDENTITY_FILE=- scripts/verify "$1" <"$2"`, "sh", set, key)
	r.run("sh", "-c", `AGE_IDENTITY_FILE=- scripts/drill --latest <"$1"`, "sh", key)
	r.asksForKey(set, privateKey.FindString(readFile(r.t, key)))
	for _, name := range []string{set, set + ".sha256"} {
		if err := os.Remove(name); err != nil {
			r.t.Fatal(err)
		}
	}
}

// asksForKey verifies an encrypted backup on a terminal, which must ask for the key and not show it.
func (r *repository) asksForKey(set, key string) {
	r.t.Helper()
	command := r.command(r.t.Context(), "script", "--quiet", "--return", "--command", "scripts/verify "+set, "/dev/null")
	var output lockedBuffer
	command.Stdout = &output
	keyboard, err := command.StdinPipe()
	if err != nil {
		r.t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		r.t.Fatal(err)
	}
	asked := await(func() error {
		if !strings.Contains(output.String(), "private key") {
			return errors.New("no question")
		}
		return nil
	})
	_, typed := io.WriteString(keyboard, key+"\n")
	err = errors.Join(asked, typed, command.Wait())
	if err != nil || strings.Contains(output.String(), key) || !strings.Contains(output.String(), ": good") {
		r.t.Errorf("asked for the key on a terminal: %v\n%s", err, output.String())
	}
}

// drillsBesideAnother drills while there is the database of another drill, whose number begins with the same digits.
func (r *repository) drillsBesideAnother() {
	r.t.Helper()
	seed := filepath.Join(r.t.TempDir(), "seed")
	writeFile(r.t, seed, "RANDOM=1\n")
	seeded := r.with("BASH_ENV=" + seed)
	number := strings.TrimSpace(seeded.run("bash", "-c", "echo $RANDOM"))
	other := func(script string) string {
		return r.run("bash", "-c", `. scripts/backup-set.sh
			name=$(db_name "$url")
			other=${name:0:20}_drill_`+number+`1_source
			`+script)
	}
	other(`db_create "$url" "$other" && db_load_sample "$(db_url "$url" "$other")"`)
	seeded.make("drill")
	if left := strings.TrimSpace(other(`db_list "$url" "$other" && db_drop "$url" "$other"`)); !strings.HasSuffix(left, number+"1_source") {
		r.t.Errorf("of the databases of another drill %q is left", left)
	}
}

// onlyHelps asks every script for its help, by another path than usual and beside other arguments.
func (r *repository) onlyHelps() {
	r.t.Helper()
	scripts, err := filepath.Glob(r.path("scripts/*"))
	if err != nil || len(scripts) == 0 {
		r.t.Fatalf("scripts: %v, %v", scripts, err)
	}
	for _, script := range scripts {
		name := filepath.Base(script)
		if !strings.HasPrefix(readFile(r.t, script), "#!") {
			continue
		}
		arguments := " --help"
		if name == "restore" {
			arguments = " --yes --help latest"
		}
		if output := r.run("bash", "-c", "cd scripts && ./"+name+arguments); !strings.HasPrefix(output, "usage: scripts/"+name) {
			r.t.Errorf("the help of %s is\n%s", name, output)
		}
	}
	r.set("*.tar") // still the only one
}

// readsSettings expects the scripts to read settings as the application does, and to miss no file in silence.
func (r *repository) readsSettings(data store) {
	r.t.Helper()
	file := filepath.Join(r.t.TempDir(), "url")
	writeFile(r.t, file, data.url+"\n")
	useless := r.with("DATABASE_URL=useless")
	forget := []string{"--yes", "--forget"} // reads the list of the databases
	useless.fails("the URL of the database", "scripts/restore", forget...)
	useless.with("DATABASE_URL_FILE="+file).run("scripts/restore", forget...)
	useless.with("DATABASE_URL_FILE=/nowhere").fails("cannot be read", "scripts/restore", forget...)
	r.configure("DATABASE_URL_FILE", file)
	useless.run("scripts/restore", forget...)
	r.configure("DATABASE_URL_FILE", "")

	const literal = `"$1" ${BACKUP_S3_PREFIX} # not a comment`
	r.configure("BACKUP_S3_PREFIX", "'"+literal+"'  # a comment")
	if read := r.run("bash", "-c", ". scripts/backup-set.sh; setting BACKUP_S3_PREFIX"); strings.TrimSpace(read) != literal {
		r.t.Errorf("a setting of .env is read as %q", read)
	}
	r.configure("BACKUP_S3_PREFIX", "")

	r.with("MEDIA_ROOT=/nowhere").fails("/nowhere is no folder", "scripts/backup")
	r.set("*.tar")
}
