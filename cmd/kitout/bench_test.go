package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// built compiles a program as a release would be.
func built(b *testing.B, source string) string {
	b.Helper()
	binary := filepath.Join(b.TempDir(), "program")
	output, err := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", binary, source).CombinedOutput()
	if err != nil {
		b.Fatalf("%v\n%s", err, output)
	}
	return binary
}

func timed(b *testing.B, name string, args ...string) time.Duration {
	b.Helper()
	start := time.Now()
	output, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		b.Fatalf("%s: %v\n%s", name, err, output)
	}
	return time.Since(start)
}

func median(times []time.Duration) float64 {
	slices.Sort(times)
	return float64(times[len(times)/2])
}

// BenchmarkNew holds `kitout new --no-git` against `cp -r` of the same tree, turn by turn; x/cp is the ratio of the medians.
func BenchmarkNew(b *testing.B) {
	binary := built(b, ".")
	for name, choice := range map[string][]string{
		"default": nil, "django": {"--preset", "django-postgres"}, "flask": {"--preset", "flask-mysql"}, "poetry": {"--deps", "poetry"},
		"pipenv": {"--deps", "pipenv", "--index-url", "https://packages.example.com/simple"},
	} {
		b.Run(name, func(b *testing.B) {
			dir := b.TempDir()
			original := filepath.Join(dir, "original")
			args := append([]string{"new", "--no-git", "--yes"}, choice...)
			timed(b, binary, append(args, original)...)
			var kitout, cp []time.Duration
			for i := 0; b.Loop(); i++ {
				cp = append(cp, timed(b, "cp", "-r", original, filepath.Join(dir, "copy"+strconv.Itoa(i))))
				kitout = append(kitout, timed(b, binary, append(args, filepath.Join(dir, "new"+strconv.Itoa(i)))...))
			}
			b.ReportMetric(median(kitout)/median(cp), "x/cp")
			b.ReportMetric(median(kitout)/1e6, "ms/new")
			b.ReportMetric(median(cp)/1e6, "ms/cp")
			b.ReportMetric(peak(b, binary, append(args, filepath.Join(dir, "peak"))...), "MiB-peak")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// peak is the largest resident size of a program. Python starts it, because a child of this process would inherit the
// size of this one.
func peak(b *testing.B, name string, args ...string) float64 {
	b.Helper()
	const script = "import resource, subprocess, sys\n" +
		"subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)\n" +
		"print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
	output, err := exec.Command("python3", append([]string{"-c", script, name}, args...)...).Output()
	if err != nil {
		b.Fatal(err)
	}
	kib, err := strconv.Atoi(strings.TrimSpace(string(output)))
	if err != nil {
		b.Fatal(err)
	}
	return float64(kib) / 1024
}

// ordinaryModule is what most Python files of a large repository are like.
var ordinaryModule = `"""Orders."""

from decimal import Decimal

from shop.models import Customer, Order
from shop.prices import discount

LARGEST = 1000


class OrderError(ValueError):
    """An order that cannot be taken."""

` + strings.Repeat(`
def total(order: Order, customer: Customer) -> Decimal:
    """Return what an order costs."""
    lines = [line for line in order.lines if line.count > 0]
    if not lines or len(lines) > LARGEST:
        raise OrderError(f"{order.number}: {len(lines)} lines")
    return sum((line.price * line.count for line in lines), start=Decimal(0)) * (1 - discount(customer))

`, 5)

// manyFiles writes a repository of so many files, a third of them Python, and commits it.
func manyFiles(b *testing.B, count int) string {
	b.Helper()
	folder := b.TempDir()
	original := filepath.Join(b.TempDir(), "original")
	timed(b, "go", "run", ".", "new", "--no-git", "--yes", original)
	timed(b, "cp", "-r", original+"/.", folder)
	source := []byte(ordinaryModule)
	endings := []string{".py", ".html", ".js", ".css", ".py", ".md", ".json", ".svg", ".py"}
	for i := range count {
		name := filepath.Join(folder, "part"+strconv.Itoa(i/100), "file"+strconv.Itoa(i)+endings[i%len(endings)])
		if i%100 == 0 {
			must(b, os.MkdirAll(filepath.Dir(name), 0o755))
		}
		must(b, os.WriteFile(name, append(source, strconv.Itoa(i)...), 0o644))
	}
	for _, args := range [][]string{{"init", "-q"}, {"add", "-A"}, {"-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-qm", "all"}} {
		timed(b, "git", append([]string{"-C", folder}, args...)...)
	}
	return folder
}

// BenchmarkCheck holds `kitout check` against `git status` on 20,000 files, turn by turn; x/status is the ratio of the medians.
func BenchmarkCheck(b *testing.B) {
	binary, folder := built(b, "."), manyFiles(b, 20_000)
	var check, status []time.Duration
	for b.Loop() {
		status = append(status, timed(b, "git", "-C", folder, "status", "--porcelain"))
		check = append(check, timed(b, binary, "check", "--fail-under", "0", folder))
	}
	b.ReportMetric(median(check)/median(status), "x/status")
	b.ReportMetric(median(check)/1e6, "ms/check")
	b.ReportMetric(median(status)/1e6, "ms/status")
	b.ReportMetric(peak(b, binary, "check", "--fail-under", "0", folder), "MiB-peak")
	b.ReportMetric(0, "ns/op")
}

const bareProgram = `package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
)

func main() {
	root := &cobra.Command{Use: "bare"}
	root.AddCommand(&cobra.Command{Use: "version", Run: func(*cobra.Command, []string) { fmt.Println("bare dev") }})
	if root.Execute() != nil {
		os.Exit(1)
	}
}
`

// BenchmarkVersion holds `kitout version` against the same command of a program that is nothing but cobra.
func BenchmarkVersion(b *testing.B) {
	source := filepath.Join(b.TempDir(), "main.go")
	if err := os.WriteFile(source, []byte(bareProgram), 0o644); err != nil {
		b.Fatal(err)
	}
	binary, bare := built(b, "."), built(b, source)
	var ours, theirs []time.Duration
	for b.Loop() {
		theirs = append(theirs, timed(b, bare, "version"))
		ours = append(ours, timed(b, binary, "version"))
	}
	b.ReportMetric(median(ours)/1e6, "ms/kitout")
	b.ReportMetric(median(theirs)/1e6, "ms/bare")
	b.ReportMetric((median(ours)-median(theirs))/1e6, "ms-more")
	b.ReportMetric(0, "ns/op")
}
