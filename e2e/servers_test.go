package e2e

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// password is as awkward as a password manager makes them.
const password = `p@ss:w/rd%25 "'$x;#?&+`

// databaseServer is a throw-away server on a loopback port.
type databaseServer struct {
	scheme  string
	port    int
	process *exec.Cmd
	admin   func(sql string) error
}

var (
	servers      = map[string]func() (*databaseServer, error){"postgres": sync.OnceValues(startPostgres), "mysql": sync.OnceValues(startMariaDB)}
	runningMutex sync.Mutex
	running      []*exec.Cmd
)

// database makes an empty database and a role of its own that may create others, and returns their URL. For SQLite there is
// nothing to make, and the repository's default holds.
func database(t *testing.T, kind, name string) string {
	t.Helper()
	start, found := servers[kind]
	if !found {
		return ""
	}
	server, err := start()
	if err != nil {
		t.Fatalf("%s: %v", kind, err)
	}
	quoted := strings.ReplaceAll(password, "'", "''")
	var statements []string
	switch kind {
	case "postgres":
		statements = []string{
			fmt.Sprintf("CREATE ROLE %s LOGIN CREATEDB PASSWORD '%s'", name, quoted),
			fmt.Sprintf("CREATE DATABASE %s OWNER %s", name, name),
		}
	case "mysql":
		statements = []string{
			fmt.Sprintf("CREATE USER %s@'%%' IDENTIFIED BY '%s'", name, quoted),
			fmt.Sprintf("CREATE DATABASE %s CHARACTER SET utf8mb4", name),
			fmt.Sprintf("GRANT ALL ON `%s%%`.* TO %s@'%%'", strings.ReplaceAll(name, "_", `\_`), name),
			fmt.Sprintf("GRANT ALL ON `test\\_%s%%`.* TO %s@'%%'", strings.ReplaceAll(name, "_", `\_`), name),
			fmt.Sprintf("GRANT RELOAD, PROCESS ON *.* TO %s@'%%'", name),
		}
	}
	for _, statement := range statements {
		if err := server.admin(statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	// PathEscape leaves what may stand in a path; a password in a URL needs more
	escaped := strings.NewReplacer("+", "%20").Replace(url.QueryEscape(strings.ReplaceAll(password, "+", "\x00")))
	escaped = strings.ReplaceAll(escaped, "%00", "%2B")
	return fmt.Sprintf("%s://%s:%s@127.0.0.1:%d/%s", server.scheme, name, escaped, server.port, name)
}

func startPostgres() (*databaseServer, error) {
	binaries, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil || len(binaries) == 0 {
		return nil, errors.New("PostgreSQL's server programs are not installed; run e2e/setup")
	}
	bin := binaries[len(binaries)-1]
	dir, credential, err := serverFolder("postgres")
	if err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	initdb := exec.Command(bin+"/initdb", "--pgdata="+data, "--username=postgres", "--auth-local=trust", "--auth-host=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")
	initdb.SysProcAttr = credential
	initdb.Dir = dir
	if output, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, output)
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	server := exec.Command(bin+"/postgres", "-D", data, "-p", strconv.Itoa(port), "-k", dir, "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "max_connections=200")
	if err := startServer(server, dir, credential); err != nil {
		return nil, err
	}
	admin := func(sql string) error {
		output, err := exec.Command(bin+"/psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--host="+dir, "--port="+strconv.Itoa(port),
			"--username=postgres", "--dbname=postgres", "--command="+sql).CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w: %s", err, output)
		}
		return nil
	}
	return &databaseServer{"postgresql", port, server, admin}, await(func() error { return admin("SELECT 1") })
}

func startMariaDB() (*databaseServer, error) {
	if _, err := exec.LookPath("mariadbd"); err != nil {
		return nil, errors.New("MariaDB's server is not installed; run e2e/setup")
	}
	dir, credential, err := serverFolder("mysql")
	if err != nil {
		return nil, err
	}
	data, socket := filepath.Join(dir, "data"), filepath.Join(dir, "socket")
	install := exec.Command("mariadb-install-db", "--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db", "--datadir="+data)
	install.SysProcAttr = credential
	install.Dir = dir
	if output, err := install.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("mariadb-install-db: %w\n%s", err, output)
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	server := exec.Command("mariadbd", "--no-defaults", "--datadir="+data, "--socket="+socket, "--port="+strconv.Itoa(port), "--bind-address=127.0.0.1",
		"--pid-file="+filepath.Join(dir, "pid"), "--innodb-flush-log-at-trx-commit=0")
	if err := startServer(server, dir, credential); err != nil {
		return nil, err
	}
	admin := func(sql string) error {
		output, err := exec.Command("mariadb", "--no-defaults", "--socket="+socket, "--user=root", "--execute="+sql).CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w: %s", err, output)
		}
		return nil
	}
	return &databaseServer{"mysql", port, server, admin}, await(func() error { return admin("SELECT 1") })
}

// serverFolder makes a folder for a server that refuses to run as root, and says as whom it runs.
func serverFolder(account string) (string, *syscall.SysProcAttr, error) {
	dir := filepath.Join(scratch, account)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", nil, err
	}
	if os.Getuid() != 0 {
		return dir, nil, nil
	}
	owner, err := user.Lookup(account)
	if err != nil {
		return "", nil, err
	}
	uid, err := strconv.Atoi(owner.Uid)
	if err != nil {
		return "", nil, err
	}
	gid, err := strconv.Atoi(owner.Gid)
	if err != nil {
		return "", nil, err
	}
	return dir, &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, os.Chown(dir, uid, gid)
}

func startServer(server *exec.Cmd, dir string, credential *syscall.SysProcAttr) error {
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	server.Stdout, server.Stderr, server.SysProcAttr, server.Dir = log, log, credential, dir
	if err := server.Start(); err != nil {
		return err
	}
	runningMutex.Lock()
	defer runningMutex.Unlock()
	running = append(running, server)
	return nil
}

// stopServers ends what the run started.
func stopServers() {
	runningMutex.Lock()
	defer runningMutex.Unlock()
	for _, server := range running {
		server.Process.Signal(syscall.SIGINT) // PostgreSQL's fast shutdown
		server.Process.Signal(syscall.SIGTERM)
		ended := make(chan struct{})
		go func() { server.Wait(); close(ended) }()
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			server.Process.Kill()
		}
	}
}

// await tries until it succeeds, for at most a minute.
func await(try func() error) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not within a minute: %w", err)
		case <-tick.C:
		}
	}
}

// freePort is a TCP port of the loopback address that nothing uses at the moment.
func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}
