package e2e

import (
	"fmt"
	"net/url"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// password is as awkward as a password manager makes them. The mark in it stays the same however the rest is quoted.
const (
	passwordMark = "Zq7mark"
	password     = `p@ss:w/rd%25 "'$x;#?&+` + passwordMark
)

var randomKey = regexp.MustCompile(`(?m)^\\(un)?restrict .*$`)

// store is where a repository keeps its rows, and how a test looks into it past the repository's own code.
type store struct {
	url string
	// rows is every table and row, the same text for the same content.
	rows func() (string, error)
	// names lists the store and the databases beside it that are named after it.
	names func() (string, error)
	// change runs statements, each on its own, as who owns the store.
	change func(statements string) error
}

// newStore makes an empty database, SQLite's or on a server, there with a role of its own that may make others beside it.
func (r *repository) newStore(on, name string) store {
	r.t.Helper()
	if on == "sqlite" {
		return r.newFile(name)
	}
	server, err := servers[on]()
	if err != nil {
		r.t.Fatalf("%s: %v", on, err)
	}
	fill := strings.NewReplacer(
		"NAME", name,
		"PATTERN", strings.ReplaceAll(name, "_", `\_`),
		"SECRET", strings.ReplaceAll(password, "'", "''"),
	)
	// The rights are those that deploy/ gives
	statements := map[string]string{
		"postgresql": `
			CREATE ROLE NAME LOGIN CREATEDB PASSWORD 'SECRET';
			CREATE DATABASE NAME OWNER NAME;`,
		"mysql": "CREATE USER NAME@'%' IDENTIFIED BY 'SECRET';" +
			"CREATE DATABASE NAME CHARACTER SET utf8mb4;" +
			"GRANT ALL ON `PATTERN`.* TO NAME@'%';" +
			"GRANT ALL ON `PATTERN\\_%`.* TO NAME@'%';" +
			"GRANT ALL ON `test\\_PATTERN`.* TO NAME@'%';",
	}
	if _, err := server.sql(fill.Replace(statements[server.scheme])); err != nil {
		r.t.Fatal(err)
	}
	list := map[string]string{
		"postgresql": "SELECT datname FROM pg_database WHERE starts_with(datname, 'NAME') ORDER BY 1",
		"mysql":      "SELECT schema_name FROM information_schema.schemata WHERE LOCATE('NAME', schema_name) = 1 ORDER BY 1",
	}
	use := map[string]string{"postgresql": "\\connect NAME\nSET ROLE NAME;\n", "mysql": "USE NAME;\n"}
	return store{
		// QueryEscape leaves nothing as it is but writes a blank as "+"
		url: fmt.Sprintf("%s://%s:%s@127.0.0.1:%d/%[2]s", server.scheme, name,
			strings.ReplaceAll(url.QueryEscape(password), "+", "%20"), server.port),
		rows:  func() (string, error) { return server.dump(name) },
		names: func() (string, error) { return server.sql(fill.Replace(list[server.scheme])) },
		change: func(statements string) error {
			_, err := server.sql(fill.Replace(use[server.scheme]) + statements)
			return err
		},
	}
}

// newFile is a SQLite database in the folder that the repository has for it.
func (r *repository) newFile(name string) store {
	file := filepath.Join("data", name+".sqlite3")
	return store{
		url:  "sqlite:///" + file,
		rows: func() (string, error) { return output(exec.Command("sqlite3", r.path(file), ".dump"), "") },
		names: func() (string, error) {
			files, err := filepath.Glob(r.path(filepath.Join("data", name+"*.sqlite3")))
			return strings.Join(files, "\n"), err
		},
		change: func(statements string) error {
			_, err := output(exec.Command("sqlite3", "-bail", "-cmd", ".timeout 60000", r.path(file)), statements)
			return err
		},
	}
}
