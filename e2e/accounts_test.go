package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// readsOnly is what each account of backups is not allowed.
var readsOnly = []string{
	"INSERT INTO notes (title) VALUES ('b')", "UPDATE notes SET title = 'b'", "DELETE FROM notes", "TRUNCATE notes", "DROP TABLE notes",
	"CREATE TABLE mine (id int)", "CREATE TEMPORARY TABLE mine (id int)", "CREATE DATABASE mine", "ALTER TABLE notes ADD COLUMN mine int",
}

// TestBackupAccount makes the accounts as deploy/ does on each server, and expects that of backups to read all and to change
// nothing.
func TestBackupAccount(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		kind, server string
		costly       bool
		refused      []string
	}{
		"postgres": {"postgres", "postgres", false, []string{
			"SELECT nextval('notes_id_seq')", "CREATE ROLE mine", "COPY notes TO PROGRAM 'cat'", "BEGIN; LOCK TABLE notes IN EXCLUSIVE MODE",
		}},
		"mariadb": {"mysql", "mysql", false, mysqlRefuses},
		"mysql":   {"mysql", "mysql-image", true, mysqlRefuses},
	} {
		if row.costly && !thorough {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &recovery{repository: generate(t, "--database", row.kind, "--no-git", "--name", "roles"), kind: row.kind}
			if row.server == "mysql-image" {
				r.repository = r.withMySQL()
			}
			server, err := servers[row.server]()
			if err != nil {
				t.Fatal(err)
			}
			r.makesAccounts(server)
			at := fmt.Sprintf("@127.0.0.1:%d/roles", server.port)
			r.configure("DATABASE_URL", server.scheme+"://roles:owners"+at)
			r.configure("BACKUP_DATABASE_URL", server.scheme+"://backup:readers"+at)
			r.readsAlone(server, row.refused)
		})
	}
}

// denied is how the servers say so; what fails for another reason proves nothing.
var denied = regexp.MustCompile("denied|must be owner|must be superuser|SUPER privilege")

// mysqlRefuses has what the rights to see triggers and routines are not: with a binary log no trigger is made without the highest rights.
var mysqlRefuses = []string{
	"CREATE USER mine", "SELECT * FROM notes INTO OUTFILE '/tmp/mine'", "LOCK TABLES notes WRITE", "SET GLOBAL max_connections = 10", "FLUSH TABLES",
	"CREATE TRIGGER mine BEFORE INSERT ON notes FOR EACH ROW SET @mine = 1", "CREATE PROCEDURE mine () SELECT 1", "SELECT * FROM mysql.user",
}

// makesAccounts runs the script of deploy/ that the server's image runs: PostgreSQL's with the server's clients; of MySQL's what it says to
// the client, which is the same for a server that Compose does not run.
func (r *recovery) makesAccounts(server *databaseServer) {
	r.t.Helper()
	folder := r.t.TempDir()
	writeFile(r.t, filepath.Join(folder, "password"), "owners")
	writeFile(r.t, filepath.Join(folder, "reads"), "readers")
	if r.kind == "postgres" {
		socket, err := server.sql("SHOW unix_socket_directories")
		if err != nil {
			r.t.Fatal(err)
		}
		r.with("PGHOST="+strings.TrimSpace(socket), "PGPORT="+strconv.Itoa(server.port), "POSTGRES_USER=postgres", "APPLICATION_DATABASE=roles",
			"APPLICATION_PASSWORD_FILE="+folder+"/password", "BACKUP_PASSWORD_FILE="+folder+"/reads").run("deploy/postgres/application-role.sh")
		return
	}
	writeFile(r.t, filepath.Join(folder, "mysql"), "#!/bin/sh\nexec cat\n")
	if err := os.Chmod(filepath.Join(folder, "mysql"), 0o755); err != nil {
		r.t.Fatal(err)
	}
	statements := r.with("PATH="+folder+":"+r.getenv("PATH"), "MYSQL_ROOT_PASSWORD=unused", "BACKUP_PASSWORD_FILE="+folder+"/reads").run("bash", "deploy/mysql/accounts.sh")
	// The image has made these before
	if _, err := server.sql("CREATE DATABASE roles; CREATE USER roles@'%' IDENTIFIED BY 'owners'; GRANT ALL ON roles.* TO roles@'%';" + statements); err != nil {
		r.t.Fatal(err)
	}
}

// readsAlone saves with the account that reads, and expects the statements to be refused to it, before and after a restore.
func (r *recovery) readsAlone(server *databaseServer, refused []string) {
	r.t.Helper()
	run := func(account, password, statement string) (string, error) {
		if r.kind == "postgres" {
			url := fmt.Sprintf("postgresql://%s:%s@127.0.0.1:%d/roles", account, password, server.port)
			return output(exec.Command("psql", url, "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"), statement)
		}
		// MariaDB's client finds its way to either server
		client := exec.Command("mariadb", "--no-defaults", "--protocol=tcp", "--host=127.0.0.1", fmt.Sprintf("--port=%d", server.port), "--user="+account, "roles")
		client.Env = append(os.Environ(), "MYSQL_PWD="+password)
		return output(client, statement)
	}
	number := map[string]string{"postgres": "serial", "mysql": "int AUTO_INCREMENT"}[r.kind]
	for range 2 { // the second time in what a restore has made
		if _, err := run("roles", "owners", "CREATE TABLE IF NOT EXISTS notes (id "+number+" PRIMARY KEY, title text); INSERT INTO notes (title) VALUES ('a');"); err != nil {
			r.t.Fatal(err)
		}
		r.run("scripts/backup")
		for _, statement := range slices.Concat(refused, readsOnly) {
			if _, err := run("backup", "readers", statement); err == nil || !denied.MatchString(err.Error()) {
				r.t.Errorf("who makes the backups may %s: %v", statement, err)
			}
		}
		if _, err := run("backup", "readers", "SELECT * FROM notes"); err != nil {
			r.t.Error(err)
		}
		r.run("scripts/restore", "--yes", "latest")
		r.run("scripts/restore", "--yes", "--forget")
	}
	r.run("scripts/drill")
}
