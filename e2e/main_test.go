package e2e

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"
)

var (
	frameworks = []string{"django", "flask", "fastapi"}
	databases  = []string{"sqlite", "postgres", "mysql"}
	configs    = []string{"environ", "pydantic", "dynaconf"}
)

// thorough asks for every combination where a sample will do for each change.
var thorough = os.Getenv("KITOUT_E2E_ALL") != ""

var (
	// kitout is the path of the command, built once from the checkout around this folder.
	kitout string
	// scratch is the folder of the command and of the database servers, removed at the end.
	scratch string
)

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

// run builds the command, runs the tests and ends the servers that they started.
func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "kitout-e2e-*")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	// Servers run as users of their own, and need to pass through
	if err := os.Chmod(dir, 0o755); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	scratch, kitout = dir, filepath.Join(dir, "kitout")
	build := exec.Command("go", "build", "-o", kitout, "./cmd/kitout")
	build.Dir = ".."
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // as releases are built
	if output, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, output)
		return 1
	}
	defer stopServers()
	defer removeToolImages()
	// An interrupt ends the servers, too. Besides, what the tests start must not inherit that interrupts are ignored, as they
	// are by what a script runs in the background: a development server would not end by one.
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt)
	go func() {
		<-interrupted
		stopServers()
		os.RemoveAll(dir)
		os.Exit(1)
	}()
	return m.Run()
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

// freePort is a TCP port that nothing uses at the moment, and nobody else is given: below those that connections and listeners take
// without asking for one, as it may be bound minutes later.
func freePort(t testing.TB) int {
	t.Helper()
	port, err := findPort()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

const firstPort, lastPort = 20_000, 32_000

// portsGiven counts from another number in each process.
var portsGiven = func() *atomic.Int64 {
	var given atomic.Int64
	given.Store(int64(os.Getpid()) * 101)
	return &given
}()

func findPort() (port int, err error) {
	for range lastPort - firstPort {
		port = firstPort + int(portsGiven.Add(1)%(lastPort-firstPort))
		var listener net.Listener
		if listener, err = net.Listen("tcp", fmt.Sprintf(":%d", port)); err == nil {
			return port, listener.Close()
		}
	}
	return 0, err
}

func readFile(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// writeFile writes a file that only its owner can read, with the folders above it.
func writeFile(t testing.TB, name, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// tail is the end of an output, for a failure's message.
func tail(text string) string { return text[max(0, len(text)-4000):] }
