package ignore

import "testing"

func TestGit(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rules, path string
		want        bool
	}{
		{".env", ".env", true},
		{".env", "deploy/.env", true},
		{"/.env", "deploy/.env", false},
		{".env*\n!.env.example", ".env.example", false},
		{".env*\n!.env.example", ".env.production", true},
		{"secrets/", "secrets/key", true},
		{"secrets/", "secrets", false},
		{"secrets", "a/secrets/b/key", true},
		{"a/**/key", "a/b/c/key", true},
		{"# .env", ".env", false},
		{"*.py[cod]\r\n.env\r\n", ".env", true},
		{"", ".env", false},
		{"[", "[", false},
	} {
		if got := Git(test.rules, test.path); got != test.want {
			t.Errorf("%q, %s: %v", test.rules, test.path, got)
		}
	}
}

func TestDocker(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rules, path string
		want        bool
	}{
		{".git", ".git", true},
		{".git", ".git/config", true},
		{".env", "deploy/.env", false},
		{"**/.env", "deploy/.env", true},
		{".*", ".env", true},
		{"*\n!shop", "shop", false},
		{"./.env", ".env", true},
		{".git/", ".git", true},
	} {
		if got := Docker(test.rules, test.path); got != test.want {
			t.Errorf("%q, %s: %v", test.rules, test.path, got)
		}
	}
}

func FuzzGit(f *testing.F) {
	f.Add("*.a\n!b/\n", "b/c.a")
	f.Fuzz(func(_ *testing.T, rules, path string) {
		Git(rules, path)
		Docker(rules, path)
	})
}
