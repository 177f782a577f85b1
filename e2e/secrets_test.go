package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSecrets makes the secrets for Compose: of .env once, and of nothing for another folder, as a rehearsal has one.
func TestSecrets(t *testing.T) {
	t.Parallel()
	r := generate(t, "--database", "postgres")
	r.configure("DATABASE_PASSWORD", "'"+passwordMark+"'  # a comment")
	r.run("scripts/secrets")
	for name, want := range map[string]string{
		"database_password": passwordMark, "migrate_database_url": "",
		"backup_database_url": "postgresql://backup:" + r.configured("DATABASE_BACKUP_PASSWORD") + "@database:5432/shop",
		"database_url":        "postgresql://shop:" + passwordMark + "@database:5432/shop", "secret_key": r.configured("SECRET_KEY"),
	} {
		if got := readFile(t, r.path("secrets/"+name)); got != want {
			t.Errorf("%s is %q, not %q", name, got, want)
		}
	}
	if info, err := os.Stat(r.path("secrets")); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder is open to others: %v %v", info, err)
	}
	r.configure("DATABASE_PASSWORD", "another")
	r.run("scripts/secrets")
	if got := readFile(t, r.path("secrets/database_password")); got != passwordMark {
		t.Errorf("a secret was overwritten by %q", got)
	}

	if err := os.Remove(r.path(".env")); err != nil {
		t.Fatal(err)
	}
	r.make("setup")
	for name, want := range map[string]string{
		"DATABASE_PASSWORD": passwordMark, "DATABASE_URL": "postgresql://shop:" + passwordMark + "@127.0.0.1:5432/shop",
		"SECRET_KEY": readFile(t, r.path("secrets/secret_key")),
	} {
		if got := r.configured(name); got != want {
			t.Errorf("a new .env has %s=%q, not the %q of the containers", name, got, want)
		}
	}

	other := filepath.Join(t.TempDir(), "other")
	r.run("scripts/secrets", other)
	for name, length := range map[string]int{"database_password": 64, "secret_key": 64, "migrate_database_url": 0} {
		if got := readFile(t, filepath.Join(other, name)); len(got) != length || got == r.configured("SECRET_KEY") {
			t.Errorf("in another folder %s has %d characters, not %d new ones", name, len(got), length)
		}
	}
	if status := r.run("git", "status", "--porcelain"); status != "" {
		t.Errorf("the secrets are not ignored by git:\n%s", status)
	}
}

// TestSecretsOfAManager makes no value for what a manager holds, but for the database of Compose, and lets the containers that ask the
// manager reach it.
func TestSecretsOfAManager(t *testing.T) {
	t.Parallel()
	r := generate(t, "--database", "postgres", "--secrets", "vault")
	r.configure("SECRETS_PATH", "shop/production")
	r.run("scripts/secrets")
	for name, length := range map[string]int{
		"secret_key": 0, "secret_key_fallbacks": 0, "database_url": 0, "vault_secret_id": 0, "database_password": len(r.configured("DATABASE_PASSWORD")),
	} {
		if got := readFile(t, r.path("secrets/"+name)); len(got) != length {
			t.Errorf("%s has %d characters, not %d", name, len(got), length)
		}
	}
	var stack struct {
		Services map[string]struct {
			Environment map[string]string
			Networks    map[string]any
			Secrets     []struct{ Source string }
		}
	}
	if err := json.Unmarshal([]byte(r.run("docker", "compose", "config", "--format", "json")), &stack); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"app", "migrate"} {
		service := stack.Services[name]
		_, out := service.Networks["edge"]
		if !out || service.Environment["SECRETS_PATH"] != "shop/production" || service.Environment["VAULT_SECRET_ID_FILE"] != "/run/secrets/vault_secret_id" {
			t.Errorf("%s does not reach the manager: %+v", name, service)
		}
	}

	other := filepath.Join(t.TempDir(), "other")
	r.run("scripts/secrets", other)
	if got := readFile(t, filepath.Join(other, "secret_key")); len(got) != 64 {
		t.Errorf("a rehearsal, which asks no manager, has a key of %d characters", len(got))
	}
}

// TestExternalSecret holds the manifest against what the External Secrets Operator takes, and has the schema find what it does not.
func TestExternalSecret(t *testing.T) {
	t.Parallel()
	r := generateForKubernetes(t, "--database", "postgres", "--secrets", "kubernetes")
	schema, err := filepath.Abs("external_secret.json")
	if err != nil {
		t.Fatal(err)
	}
	const manifest = "deploy/kubernetes/external-secret.yaml"
	check := []string{toolPath(t, "check-jsonschema"), "--schemafile", schema, manifest}
	r.run(check[0], check[1:]...)
	for _, wrong := range []struct{ old, new, where string }{
		{"external-secrets.io/v1", "external-secrets.io/v1beta1", "$.apiVersion"},
		{"refreshInterval", "refreshEvery", "$.spec"},
		{"kind: SecretStore", "kind: Store", "$.spec.secretStoreRef.kind"},
		{"Retain", "Keep", "$.spec.target.deletionPolicy"},
		{"extract:", "extracted:", "$.spec.dataFrom[0]"},
		{"key:", "path:", "$.spec.dataFrom[0].extract"},
	} {
		r.breaks(manifest, func(text string) string { return strings.Replace(text, wrong.old, wrong.new, 1) }, wrong.where, check[0], check[1:]...)
	}
}
