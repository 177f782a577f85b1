package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRepositories takes each framework on each database from nothing to a drilled restore.
func TestRepositories(t *testing.T) {
	for _, framework := range frameworks {
		for _, kind := range databases {
			t.Run(framework+"/"+kind, func(t *testing.T) {
				t.Parallel()
				r := generate(t, "--framework", framework, "--database", kind)
				if url := database(t, kind, framework); url != "" {
					r.set("DATABASE_URL", url)
				}
				r.make("setup")
				r.make("test")
				r.make("check")
				r.make("config-check")
				r.make("migrate")
				r.make("migrate") // nothing to do is no failure

				s := r.serve()
				s.exercise()
				s.stopInFlight()

				r.backupSurvives()
				r.refuses("SECRET_KEY", "ENVIRONMENT=production", "SECRET_KEY=change-me", "ALLOWED_HOSTS=localhost")
				r.refuses("ALLOWED_HOSTS", "ENVIRONMENT=production", "ALLOWED_HOSTS=")
				r.refuses("DATABASE_URL", "ENVIRONMENT=production", "DATABASE_URL=oracle://x")

				r.make("remove-example")
				r.make("test", "check", "migrate")
				r.noSecretsLeft()
			})
		}
	}
}

// backupSurvives makes a backup, drills it, and expects damaged ones to be refused.
func (r *repository) backupSurvives() {
	r.t.Helper()
	r.make("backup")
	r.make("drill")
	sets, err := filepath.Glob(filepath.Join(r.dir, "backups", "*.sha256"))
	if err != nil || len(sets) != 1 {
		r.t.Fatalf("backups: %v, %v", sets, err)
	}
	set := strings.TrimSuffix(sets[0], ".sha256")
	r.run("scripts/verify", set)
	whole := readFile(r.t, set)
	for name, damaged := range map[string]string{
		"truncated": whole[:len(whole)/2],
		"altered":   whole[:len(whole)/2] + "x" + whole[len(whole)/2+1:],
		"empty":     "",
	} {
		if err := os.WriteFile(set, []byte(damaged), 0o600); err != nil {
			r.t.Fatal(err)
		}
		if output, err := r.try("scripts/verify", set); err == nil {
			r.t.Errorf("verify accepts a %s backup:\n%s", name, output)
		}
		if output, err := r.try("scripts/restore", "--yes", set); err == nil {
			r.t.Errorf("restore accepts a %s backup:\n%s", name, output)
		}
	}
	if err := os.WriteFile(set, []byte(whole), 0o600); err != nil {
		r.t.Fatal(err)
	}
	r.run("scripts/restore", "--yes", set)
}

// noSecretsLeft looks for the database's password in everything that the repository has written.
func (r *repository) noSecretsLeft() {
	r.t.Helper()
	err := filepath.WalkDir(r.dir, func(name string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.Contains(name, "/.venv/") {
			return err
		}
		data, err := os.ReadFile(name)
		if err == nil && strings.Contains(string(data), password) {
			r.t.Errorf("%s holds the password", name)
		}
		return err
	})
	if err != nil {
		r.t.Error(err)
	}
}
