package e2e

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
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

// freePort is a TCP port of the loopback address that nothing uses at the moment.
func freePort(t testing.TB) int {
	t.Helper()
	port, err := findPort()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func findPort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
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
