package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// databaseServer is a throw-away server on a loopback port, with a superuser who comes by its socket.
type databaseServer struct {
	scheme string
	port   int
	stop   os.Signal // for a fast and clean end
	// sql runs statements, each on its own, and returns the rows as lines.
	sql func(statements string) (string, error)
	// dump returns every table and row of a database, the same text for the same content.
	dump func(database string) (string, error)
}

// servers starts each kind of server at its first use. Tests of database=mysql use MariaDB, which starts faster, but for those that say
// otherwise.
var servers = map[string]func() (*databaseServer, error){
	"postgres":    sync.OnceValues(startPostgres),
	"mysql":       sync.OnceValues(startMariaDB),
	"mysql-image": sync.OnceValues(startMySQL),
}

var running struct {
	sync.Mutex
	servers []runningServer
}

type runningServer struct {
	*exec.Cmd
	stop os.Signal
}

func startPostgres() (*databaseServer, error) {
	binaries, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil || len(binaries) == 0 {
		return nil, errors.New("PostgreSQL's server programs are not installed; run e2e/setup")
	}
	bin := binaries[len(binaries)-1]
	dir, account, err := serverFolder("postgres")
	if err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	initdb := exec.Command(bin+"/initdb", "--pgdata="+data, "--username=postgres", "--auth-local=trust", "--auth-host=scram-sha-256",
		"--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")
	if err := runAs(initdb, dir, account); err != nil {
		return nil, err
	}
	port, err := findPort()
	if err != nil {
		return nil, err
	}
	process := exec.Command(bin+"/postgres", "-D", data, "-p", strconv.Itoa(port), "-k", dir,
		"-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "max_connections=200")
	if err := startServer(process, dir, account, os.Interrupt); err != nil {
		return nil, err
	}
	connect := []string{"--host=" + dir, "--port=" + strconv.Itoa(port), "--username=postgres"}
	server := &databaseServer{scheme: "postgresql", port: port}
	server.sql = func(statements string) (string, error) {
		return output(exec.Command(bin+"/psql", append(connect, "--no-psqlrc", "--quiet", "--tuples-only", "--no-align",
			"--set=ON_ERROR_STOP=1", "--dbname=postgres")...), statements)
	}
	server.dump = func(database string) (string, error) {
		// The key is random where a release has it
		text, err := output(exec.Command(bin+"/pg_dump", append(connect, database)...), "")
		return randomKey.ReplaceAllString(text, ""), err
	}
	return server, server.ready()
}

func startMariaDB() (*databaseServer, error) {
	if _, err := exec.LookPath("mariadbd"); err != nil {
		return nil, errors.New("MariaDB's server is not installed; run e2e/setup")
	}
	dir, account, err := serverFolder("mysql")
	if err != nil {
		return nil, err
	}
	data, socket := filepath.Join(dir, "data"), filepath.Join(dir, "socket")
	install := exec.Command("mariadb-install-db", "--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db", "--datadir="+data)
	if err := runAs(install, dir, account); err != nil {
		return nil, err
	}
	port, err := findPort()
	if err != nil {
		return nil, err
	}
	process := exec.Command("mariadbd", "--no-defaults", "--datadir="+data, "--socket="+socket, "--port="+strconv.Itoa(port),
		"--bind-address=127.0.0.1", "--pid-file="+filepath.Join(dir, "pid"), "--innodb-flush-log-at-trx-commit=0",
		"--log-bin", "--binlog-format=ROW", "--server-id=1") // as the archive wants it
	if err := startServer(process, dir, account, syscall.SIGTERM); err != nil {
		return nil, err
	}
	connect := []string{"--no-defaults", "--socket=" + socket, "--user=root"}
	server := &databaseServer{scheme: "mysql", port: port}
	server.sql = func(statements string) (string, error) {
		return output(exec.Command("mariadb", append(connect, "--batch", "--skip-column-names")...), statements)
	}
	server.dump = func(database string) (string, error) {
		return output(exec.Command("mariadb-dump", append(connect, "--skip-comments", "--skip-dump-date", "--hex-blob", database)...), "")
	}
	return server, server.ready()
}

func (s *databaseServer) ready() error {
	return await(func() error {
		_, err := s.sql("SELECT 1")
		return err
	})
}

// output runs an administrator's program. What holds a password is its input, so that no list of processes shows it.
func output(cmd *exec.Cmd, input string) (string, error) {
	cmd.Stdin = strings.NewReader(input)
	text, err := cmd.Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		return "", fmt.Errorf("%s: %w: %s", filepath.Base(cmd.Path), err, failed.Stderr)
	}
	return string(text), err
}

// serverFolder makes a folder for a server that refuses to run as root, and says as whom it runs.
func serverFolder(account string) (string, *syscall.SysProcAttr, error) {
	dir := filepath.Join(scratch, account)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", nil, err
	}
	if os.Getuid() != 0 {
		return dir, &syscall.SysProcAttr{}, nil
	}
	owner, err := user.Lookup(account)
	if err != nil {
		return "", nil, err
	}
	uid, err := strconv.ParseUint(owner.Uid, 10, 32)
	if err != nil {
		return "", nil, err
	}
	gid, err := strconv.ParseUint(owner.Gid, 10, 32)
	if err != nil {
		return "", nil, err
	}
	credential := &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return dir, &syscall.SysProcAttr{Credential: credential}, os.Chown(dir, int(uid), int(gid))
}

// runAs runs a program to its end under a server's account.
func runAs(cmd *exec.Cmd, dir string, account *syscall.SysProcAttr) error {
	cmd.Dir, cmd.SysProcAttr = dir, account
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", filepath.Base(cmd.Path), err, text)
	}
	return nil
}

func startServer(cmd *exec.Cmd, dir string, account *syscall.SysProcAttr, stop os.Signal) error {
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr, cmd.Dir = log, log, account, dir
	if err := cmd.Start(); err != nil {
		return err
	}
	running.Lock()
	defer running.Unlock()
	running.servers = append(running.servers, runningServer{cmd, stop})
	return nil
}

// stopServers ends what the run started, by force if a server takes its time.
func stopServers() {
	running.Lock()
	defer running.Unlock()
	for _, server := range running.servers {
		server.Process.Signal(server.stop)
		kill := time.AfterFunc(20*time.Second, func() { server.Process.Kill() })
		server.Wait()
		kill.Stop()
	}
}
