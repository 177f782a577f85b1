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

// bareDumps are the dump tools of the databases alone, each into a file: PostgreSQL's compresses it, and MySQL's is compressed as is usual.
var bareDumps = map[string]string{
	"sqlite":   `sqlite3 "$(db_file "$url")" .dump >bare`,
	"postgres": `url_export "$url" && pg_dump --format=custom --file=bare`,
	"mysql":    `client dump "$url" --single-transaction --quick --no-tablespaces "$(db_name "$url")" | gzip -1 >bare`,
}

// largeTables make a table of so many rows of 136 bytes, text that compresses as text does, to about a half.
var largeTables = map[string]string{
	"sqlite": `CREATE TABLE notes (id integer PRIMARY KEY, body text);
		WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < %d)
		INSERT INTO notes SELECT n, lower(hex(randomblob(64))) FROM numbers;`,
	"postgres": `CREATE TABLE notes (id bigint PRIMARY KEY, body text);
		INSERT INTO notes SELECT n, md5(n || 'a') || md5(n || 'b') || md5(n || 'c') || md5(n || 'd') FROM generate_series(1, %d) AS n;`,
	"mysql": `CREATE TABLE notes (id bigint PRIMARY KEY, body text);
		INSERT INTO notes SELECT seq, CONCAT(MD5(CONCAT(seq, 'a')), MD5(CONCAT(seq, 'b')), MD5(CONCAT(seq, 'c')), MD5(CONCAT(seq, 'd'))) FROM seq_1_to_%d;`,
}

// BenchmarkBackup saves databases of several sizes, encrypted, and reports how much longer a verified set takes than the bare dump in the
// same run, and the memory of the largest process. KITOUT_E2E_MIB replaces the larger size.
func BenchmarkBackup(b *testing.B) {
	large := 512
	if given, err := strconv.Atoi(os.Getenv("KITOUT_E2E_MIB")); err == nil {
		large = given
	}
	for _, kind := range databases {
		for _, size := range []int{64, large} {
			b.Run(fmt.Sprintf("%s/%dMiB", kind, size), func(b *testing.B) {
				r := &repository{t: b, dir: filepath.Join(b.TempDir(), "shop"), env: environment()}
				r.render("--database", kind, "--no-git")
				key := filepath.Join(b.TempDir(), "key")
				r.run("age-keygen", "--output", key)
				r.configure("AGE_RECIPIENT", publicKey.FindString(readFile(b, key)))
				data := r.newStore(kind, fmt.Sprintf("bench_%s_%d", kind, size))
				r.configure("DATABASE_URL", data.url)
				if err := os.MkdirAll(r.path("data"), 0o755); err != nil {
					b.Fatal(err)
				}
				if err := data.change(fmt.Sprintf(largeTables[kind], size<<20/136)); err != nil {
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
					took, _ := timed("bash", "-c", `. scripts/backup-set.sh; `+bareDumps[kind]+` && rm bare`)
					bare += took
					took, peak := timed("scripts/backup")
					whole += took
					memory = max(memory, peak)
					r.run("bash", "-c", "rm backups/*")
				}
				b.ReportMetric(whole.Seconds()/bare.Seconds(), "times-the-dump")
				b.ReportMetric(bare.Seconds()/float64(b.N), "s-the-dump")
				b.ReportMetric(float64(memory), "MiB-memory")
			})
		}
	}
}
