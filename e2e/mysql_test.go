package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"syscall"
)

// mysqlImage is the server of database=mysql, whose own clients come with it.
const mysqlImage = "mysql:9.7"

// startMySQL runs MySQL itself, which no distribution has beside MariaDB, in a container.
func startMySQL() (*databaseServer, error) {
	port, err := findPort()
	if err != nil {
		return nil, err
	}
	name := fmt.Sprintf("e2e%d-mysql", os.Getpid())
	process := exec.Command("docker", "run", "--rm", "--name", name, "--tmpfs", "/var/lib/mysql", "--publish", fmt.Sprintf("127.0.0.1:%d:3306", port),
		"--env", "MYSQL_ALLOW_EMPTY_PASSWORD=1", mysqlImage)
	dir := filepath.Join(scratch, "mysql-image")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	if err := startServer(process, dir, &syscall.SysProcAttr{}, syscall.SIGTERM); err != nil {
		return nil, err
	}
	// By address: while the server is being initialised it listens on its socket only
	client := func(program string, arguments ...string) *exec.Cmd {
		return exec.Command("docker", append([]string{"exec", "--interactive", name, program, "--no-defaults", "--host=127.0.0.1", "--user=root"}, arguments...)...)
	}
	server := &databaseServer{scheme: "mysql", port: port}
	server.sql = func(statements string) (string, error) {
		return output(client("mysql", "--batch", "--skip-column-names"), statements)
	}
	server.dump = func(database string) (string, error) {
		return output(client("mysqldump", "--skip-comments", "--skip-dump-date", "--hex-blob", "--no-tablespaces", "--set-gtid-purged=OFF", database), "")
	}
	return server, server.ready()
}

// mysqlClients are MySQL's clients on this machine: taken out of the image, each with its own C library.
var mysqlClients = sync.OnceValues(func() (string, error) {
	dir := filepath.Join(scratch, "mysql-clients")
	if err := os.MkdirAll(filepath.Join(dir, "lib"), 0o755); err != nil {
		return "", err
	}
	take := exec.Command("docker", "run", "--rm", "--user", fmt.Sprint(os.Getuid()), "--volume", dir+":/out", "--entrypoint", "bash", mysqlImage, "-euc", `
		cd /out
		for program in mysql mysqldump; do
			cp "$(command -v $program)" lib/$program
			for library in $(ldd lib/$program | grep -o '/[^ ]*'); do cp --dereference --update "$library" lib/; done
			printf '#!/bin/sh\nexec "%s"/lib/ld-linux-* --library-path "%s/lib" "%s/lib/%s" "$@"\n' "$1" "$1" "$1" $program >$program
			chmod 0755 $program
		done`, "bash", dir)
	if text, err := take.CombinedOutput(); err != nil {
		return "", fmt.Errorf("the clients of %s: %w\n%s", mysqlImage, err, text)
	}
	return dir, nil
})

// withMySQL is the repository on a machine that has MySQL's clients, and not MariaDB's.
func (r *repository) withMySQL() *repository {
	r.t.Helper()
	clients, err := mysqlClients()
	if err != nil {
		r.t.Fatal(err)
	}
	others := r.without("^(my|maria)")
	return others.with("PATH=" + clients + string(filepath.ListSeparator) + others.getenv("PATH"))
}

// without is the repository on a machine that lacks the programs whose names match.
func (r *repository) without(names string) *repository {
	r.t.Helper()
	bin, missing := r.t.TempDir(), regexp.MustCompile(names)
	for _, folder := range filepath.SplitList(r.getenv("PATH")) {
		programs, err := filepath.Glob(filepath.Join(folder, "*"))
		if err != nil {
			r.t.Fatal(err)
		}
		for _, program := range programs {
			name := filepath.Base(program)
			if missing.MatchString(name) {
				continue
			}
			// The first one of a name counts
			if err := os.Symlink(program, filepath.Join(bin, name)); err != nil && !os.IsExist(err) {
				r.t.Fatal(err)
			}
		}
	}
	return r.with("PATH=" + bin)
}
