package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// operations are the choices that every two of different questions meet by operationsRows, with each framework.
var operations = struct{ secrets, metrics, logs, config, traces []string }{
	secrets: []string{"env", "vault", "aws", "gcp", "kubernetes"},
	metrics: []string{"prometheus", "datadog", "newrelic", "none"},
	logs:    append([]string{"stdout"}, shippedTo...),
	config:  configs,
	traces:  []string{"none", "opentelemetry"},
}

// operationsRows are answers of which TestOperationsMeet proves that every two choices of different questions are in one of them, but
// for traces and an agent that has its own.
func operationsRows() (rows [][]string) {
	tracedWith := []string{"prometheus", "prometheus", "prometheus", "prometheus", "none"}
	for i, secrets := range operations.secrets {
		for j, logs := range operations.logs {
			metrics, traces := operations.metrics[(i+j)%4], "none"
			if metrics == tracedWith[i] {
				traces = "opentelemetry"
			}
			rows = append(rows, []string{
				"--secrets", secrets, "--metrics", metrics, "--logs", logs,
				"--config", operations.config[(i+2*j)%3], "--traces", traces,
			})
		}
	}
	return rows
}

func TestOperationsMeet(t *testing.T) {
	met := map[string]bool{}
	for _, row := range operationsRows() {
		for i := 0; i < len(row); i += 2 {
			for j := 0; j < i; j += 2 {
				met[strings.Join(row[j:j+2], " ")+" "+strings.Join(row[i:i+2], " ")] = true
			}
		}
	}
	sizes := []int{len(operations.secrets), len(operations.metrics), len(operations.logs), len(operations.config), len(operations.traces)}
	want := -2 // traces with either agent
	for i, size := range sizes {
		for _, other := range sizes[:i] {
			want += size * other
		}
	}
	if len(met) != want {
		t.Errorf("%d pairs of choices meet, and not %d", len(met), want)
	}
}

// TestOperations runs the tests and checks of the generated repositories in which every two of these choices meet, with each framework.
func TestOperations(t *testing.T) {
	if !thorough {
		t.Skip("every pair is for make e2e-all; other tests have some of them")
	}
	t.Parallel()
	for _, framework := range frameworks {
		t.Run(framework, func(t *testing.T) {
			t.Parallel()
			shared := generate(t, "--framework", framework, "--database", "postgres")
			shared.make("setup") // its environment is everyone's, to which each adds what it needs
			for i, row := range operationsRows() {
				t.Run(strings.Join(row, " "), func(t *testing.T) {
					flags := append(row, "--framework", framework)
					kind := "sqlite"
					if row[1] == "kubernetes" {
						kind, flags = "postgres", append(flags, "--deploy", "kubernetes", "--proxy", "none")
					}
					r := generate(t, append(flags, "--database", kind)...)
					r.configure("DATABASE_URL", r.newStore(kind, fmt.Sprintf("operated_%s_%d", framework, i)).url)
					r.run(shared.path(".venv/bin/python"), "-m", "pip", "install", "--quiet", "--require-hashes", "--no-deps", "--requirement", "requirements-dev.txt")
					if err := os.Symlink(shared.path(".venv"), r.path(".venv")); err != nil {
						t.Fatal(err)
					}
					r.make("test")
					r.make("check")
				})
			}
		})
	}
}
