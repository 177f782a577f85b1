package e2e

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// unobserved takes the access lines and the request ids out of an application that was generated without metrics. What is left of
// them is reading a clock twice and setting a variable: the same application otherwise.
const unobserved = `

def accept_request_id(candidate: str | None) -> str:
    return ""


def log_access(method: str, path: str, status: int, seconds: float) -> None:
    pass
`

// BenchmarkCost compares the list of notes, with access lines, request ids and metrics, to that of the same application without them, in
// turns, and their starts to one another and to that of a minimal application of the framework. Where much else runs on the machine, the
// CPU time of a request says more than the requests per second.
func BenchmarkCost(b *testing.B) {
	for _, framework := range frameworks {
		b.Run(framework, func(b *testing.B) {
			flags := []string{"--framework", framework, "--database", "sqlite"}
			on := forProduction(b, flags...)
			off := on.besides(b, append(flags, "--metrics", "none")...)
			writeFile(b, off.path("shop/logs.py"), readFile(b, off.path("shop/logs.py"))+unobserved)
			bare := on.besides(b, append(flags, "--metrics", "none")...)
			writeFile(b, bare.path("minimal.py"), minimal[framework])
			bare.rewrite("Makefile", entry[framework], "minimal:app")

			var starts [3][]float64
			for range 9 {
				for i, r := range []*repository{on, off, bare} {
					starts[i] = append(starts[i], r.secondsToStart(b))
				}
			}
			services := []*service{on.serve("/readyz"), off.serve("/readyz")}
			for _, s := range services {
				for i := range 20 {
					s.expect("create", s.postJSON("/api/notes", fmt.Sprintf(`{"title": "Note %d", "body": "Some words."}`, i)), 201)
				}
			}
			var rates, work [2][]float64 // requests per second, and milliseconds of CPU time for each
			for b.Loop() {
				for range 5 {
					for i, s := range services {
						const duration = 2 * time.Second
						before := groupSeconds(b, s.pid)
						rate, _ := load(b, s.base+"/api/notes", duration)
						rates[i] = append(rates[i], rate)
						work[i] = append(work[i], 1000*(groupSeconds(b, s.pid)-before)/(rate*duration.Seconds()))
					}
				}
			}
			services[0].logsAreJSON()
			b.ReportMetric(median(rates[0]), "requests/s")
			b.ReportMetric(median(ratios(rates[0], rates[1])), "of-unobserved")
			b.ReportMetric(median(work[0]), "cpu-ms/request")
			b.ReportMetric(median(ratios(work[1], work[0])), "cpu-of-unobserved")
			b.ReportMetric(1000*median(starts[0]), "ms-to-start")
			b.ReportMetric(1000*(median(starts[0])-median(starts[1])), "ms-to-start-over-unobserved")
			b.ReportMetric(1000*(median(starts[0])-median(starts[2])), "ms-to-start-over-minimal")
			b.ReportMetric(0, "ns/op") // the duration of the load, which says nothing
		})
	}
}

// besides is another repository for production that has the installed packages of this one, which are all that it needs.
func (r *repository) besides(b *testing.B, flags ...string) *repository {
	b.Helper()
	other := generateWith(b, "pip", flags...)
	if err := os.Symlink(r.path(".venv"), other.path(".venv")); err != nil {
		b.Fatal(err)
	}
	other.configure("ENVIRONMENT", "production")
	other.make("migrate")
	return other
}

// ratios are of what was measured one after the other: the machine changes less between the two than in a run.
func ratios(of, to []float64) (all []float64) {
	for i := range of {
		all = append(all, of[i]/to[i])
	}
	return all
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// secondsToStart is the time from the command to the first answer of the production server, which is ended then.
func (r *repository) secondsToStart(b *testing.B) float64 {
	b.Helper()
	port := freePort(b)
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
	defer cancel()
	cmd := r.with("WEB_CONCURRENCY=2", "PORT="+strconv.Itoa(port)).command(ctx, "make", "--silent", "serve")
	var output lockedBuffer
	cmd.Stdout, cmd.Stderr = &output, &output
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		cmd.Wait()
	}()
	for ctx.Err() == nil {
		response, err := http.Get("http://" + address + "/livez")
		if err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return time.Since(begin).Seconds()
			}
		}
		time.Sleep(time.Millisecond) // nothing tells of it earlier
	}
	b.Fatalf("no answer within a minute\n%s", tail(output.String()))
	return 0
}

// groupSeconds is the CPU time that the processes of a group have used, and those that they waited for.
func groupSeconds(b *testing.B, group int) (seconds float64) {
	b.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		b.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		// After the name, in brackets: the state, the parent, the group; the twelfth to the fifteenth are times
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		if fields[2] != strconv.Itoa(group) {
			continue
		}
		for _, field := range fields[11:15] {
			ticks, err := strconv.ParseFloat(field, 64)
			if err != nil {
				b.Fatal(err)
			}
			seconds += ticks / 100 // as Linux counts for programs, on every machine
		}
	}
	if seconds == 0 {
		b.Fatalf("no process of the group %d has worked", group)
	}
	return seconds
}
