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
		case strings.HasPrefix(entry.Name(), ".before-"):
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
	after := r.look(data)
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

// backsUp saves the data of a running service, stops it, drills, sees damaged backups refused, and restores.
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
	r.damagedRefused()
	r.encrypts()
	r.onlyHelps()
	r.readsSettings(data)
	r.unchanged("what was refused", data, now)

	r.run("scripts/verify", "latest")
	r.fails("nothing was touched", "scripts/restore", "latest") // nobody can be asked
	r.run("scripts/restore", "--yes", "latest")
	if kept := r.look(data); kept.names == saved.names {
		r.t.Error("the restore has kept no database")
	}
	r.run("scripts/restore", "--yes", "--forget")
	r.unchanged("backup, restore and forget", data, saved)
	r.retains()
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

// damagedRefused damages the backup in several ways, and mends it again.
func (r *repository) damagedRefused() {
	r.t.Helper()
	set := r.set("*.tar")
	sum := set + ".sha256"
	whole, wholeSum := readFile(r.t, set), readFile(r.t, sum)
	matching := func(content string) string {
		return fmt.Sprintf("%x  %s\n", sha256.Sum256([]byte(content)), filepath.Base(set))
	}
	half := len(strings.TrimRight(whole, "\x00")) / 2 // a tar ends in zeros, which nobody would miss
	foreign := strings.Replace(whole, "package shop", "package shoq", 1)
	for name, damaged := range map[string]struct{ content, sum string }{
		"truncated":              {whole[:half], wholeSum},
		"altered":                {whole[:half] + string([]byte{whole[half] ^ 1}) + whole[half+1:], wholeSum},
		"empty":                  {"", wholeSum},
		"truncated, with a sum":  {whole[:half], matching(whole[:half])},
		"empty, with a sum":      {"", matching("")},
		"of another sum":         {whole, matching("")},
		"without a sum":          {whole, ""},
		"of another application": {foreign, matching(foreign)},
	} {
		writeFile(r.t, set, damaged.content)
		writeFile(r.t, sum, damaged.sum)
		for _, command := range [][]string{{"scripts/verify", set}, {"scripts/restore", "--yes", set}} {
			if output, err := r.try(command[0], command[1:]...); err == nil || !strings.Contains(output, "refused") {
				r.t.Errorf("%s of a backup that is %s: %v\n%s", command[0], name, err, output)
			}
		}
	}
	writeFile(r.t, set, whole)
	writeFile(r.t, sum, wholeSum)
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

	const literal = `cp "$1" "${BACKUP_COPY_COMMAND}" # not a comment`
	r.configure("BACKUP_COPY_COMMAND", "'"+literal+"'  # a comment")
	if read := r.run("bash", "-c", ". scripts/backup-set.sh; setting BACKUP_COPY_COMMAND"); strings.TrimSpace(read) != literal {
		r.t.Errorf("a setting of .env is read as %q", read)
	}
	r.configure("BACKUP_COPY_COMMAND", "")

	r.with("MEDIA_ROOT=/nowhere").fails("/nowhere is no folder", "scripts/backup")
	r.set("*.tar")
}

// retains makes one more backup under the tightest rules, which delete what is old and keep what is new, although it cannot
// be copied yet; and copies it later.
func (r *repository) retains() {
	r.t.Helper()
	for _, name := range []string{"shop-20200101T000000Z.tar", "shop-20200101T120000Z.tar", "shop-20191231T000000Z.tar"} {
		writeFile(r.t, r.path("backups/"+name), "")
		writeFile(r.t, r.path("backups/"+name+".sha256"), "")
	}
	r.with("BACKUP_KEEP_DAYS=1", "BACKUP_KEEP_WEEKS=0", "BACKUP_KEEP_MONTHS=0", "BACKUP_COPY_COMMAND=false").
		fails("BACKUP_COPY_COMMAND failed", "scripts/backup")
	left, err := filepath.Glob(r.path("backups/*"))
	if err != nil {
		r.t.Fatal(err)
	}
	for _, name := range left {
		if strings.Contains(name, "/shop-20200101") || strings.Contains(name, "/shop-20191231") {
			r.t.Errorf("%s was not deleted", name)
		}
	}
	r.run("scripts/verify", "latest")
	copies := r.t.TempDir()
	r.with("BACKUP_COPY_COMMAND=cp \"$1\" '"+copies+"'").run("scripts/backup", "--copy")
	r.with("BACKUP_COPY_COMMAND=false").run("scripts/backup", "--copy")                        // nothing is left to copy
	if now, err := filepath.Glob(r.path("backups/*")); err != nil || len(now) != len(left)-1 { // without the marker
		r.t.Errorf("--copy has made %v of %v (%v)", now, left, err)
	}
	copied, err := filepath.Glob(filepath.Join(copies, "*.tar"))
	if err != nil || len(copied) != 1 {
		r.t.Fatalf("copied %v, %v", copied, err)
	}
	r.run("scripts/verify", copied[0])
}
