package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// BenchmarkBackup saves databases of PostgreSQL of several sizes, and reports how much longer a verified set takes than the bare
// dump in the same run, and the memory of the largest process. KITOUT_E2E_MIB replaces the larger size.
func BenchmarkBackup(b *testing.B) {
	large := 512
	if given, err := strconv.Atoi(os.Getenv("KITOUT_E2E_MIB")); err == nil {
		large = given
	}
	for _, size := range []int{64, large} {
		b.Run(fmt.Sprintf("%dMiB", size), func(b *testing.B) {
			r := &repository{t: b, dir: filepath.Join(b.TempDir(), "shop"), env: environment()}
			r.render("--database", "postgres", "--no-git")
			data := r.newStore("postgres", fmt.Sprintf("bench_%d", size))
			r.configure("DATABASE_URL", data.url)
			// Text that compresses as text does, to about a half
			if err := data.change(fmt.Sprintf(`CREATE TABLE notes (id bigint PRIMARY KEY, body text);
				INSERT INTO notes SELECT n, md5(n || 'a') || md5(n || 'b') || md5(n || 'c') || md5(n || 'd') FROM generate_series(1, %d) AS n;`,
				size<<20/136)); err != nil {
				b.Fatal(err)
			}
			timed := func(name string, args ...string) (time.Duration, int64) {
				cmd := r.command(b.Context(), name, args...)
				start := time.Now()
				if output, err := cmd.CombinedOutput(); err != nil {
					b.Fatalf("%s: %v\n%s", cmd, err, tail(string(output)))
				}
				return time.Since(start), cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss >> 10
			}
			var whole, bare time.Duration
			var memory int64
			for b.Loop() {
				took, _ := timed("bash", "-c", `. scripts/backup-set.sh; db_dump "$url" bare && rm bare`)
				bare += took
				took, peak := timed("scripts/backup")
				whole += took
				memory = max(memory, peak)
			}
			b.ReportMetric(whole.Seconds()/bare.Seconds(), "times-the-dump")
			b.ReportMetric(float64(memory), "MiB-memory")
		})
	}
}
