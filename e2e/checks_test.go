package e2e

import (
	"os"
	"strings"
)

// checksFail proves that each check of the repository can fail, by a file that only this check has something against.
func (r *repository) checksFail(framework string) {
	r.t.Helper()
	const file = "shop/broken.py"
	for _, test := range []struct{ target, code, why string }{
		{"lint", "import os\n", "F401"},
		{"lint", "name  =  1\n", "would be reformatted"},
		{"types", "name: int = \"text\"\n", "[assignment]"},
		{"security", "password = \"hunter2hunter2\"\n", "B105"},
		{"security", "import subprocess\n\nsubprocess.run(\"true\", shell=True)\n", "B602"},
	} {
		writeFile(r.t, r.path(file), test.code)
		r.fails(test.why, "make", test.target)
		if test.target == "security" && !strings.Contains(readFile(r.t, r.path("build/reports/bandit.sarif")), `"ruleId": "`+test.why+`"`) {
			r.t.Errorf("%s is not in the report", test.why)
		}
	}
	if err := os.Remove(r.path(file)); err != nil {
		r.t.Fatal(err)
	}

	if framework == "django" {
		if plan := r.run("make", "--dry-run", "check"); !strings.Contains(plan, "check --deploy --fail-level WARNING") {
			r.t.Errorf("make check does not check the settings as in production:\n%s", plan)
		}
		r.breaks("shop/settings.py", func(text string) string { return text + "\nSECURE_HSTS_SECONDS = 0\n" },
			"security.W004", "make", "deploy-check")
	}
	hooks := []string{".venv/bin/pre-commit", "validate-config", ".pre-commit-config.yaml"}
	r.run(hooks[0], hooks[1:]...)
	r.breaks(".pre-commit-config.yaml", func(text string) string { return strings.Replace(text, "rev:", "ref:", 1) },
		"Missing required key: rev", hooks[0], hooks[1:]...)

	// Gunicorn ignores a name that it does not know, and says nothing
	r.run(".venv/bin/python", "-c", gunicornNames)
	for _, code := range []string{"\ngraceful_timout = 5\n", "\n\ndef post_frok(server: object, worker: object) -> None:\n    pass\n"} {
		r.breaks("deploy/gunicorn.conf.py", func(text string) string { return text + code },
			"unknown to Gunicorn", ".venv/bin/python", "-c", gunicornNames)
	}
}

// breaks changes a file, expects a program to fail for it, and puts the file back.
func (r *repository) breaks(file string, change func(string) string, why, name string, args ...string) {
	r.t.Helper()
	text := readFile(r.t, r.path(file))
	broken := change(text)
	if broken == text {
		r.t.Fatalf("%s: nothing to break", file)
	}
	writeFile(r.t, r.path(file), broken)
	r.fails(why, name, args...)
	writeFile(r.t, r.path(file), text)
}

// gunicornNames fails for a name in Gunicorn's settings that is none of its own: a value, or a function that nothing uses,
// that does not begin with an underscore.
const gunicornNames = `
import ast, sys
from gunicorn.config import KNOWN_SETTINGS

tree = ast.parse(open("deploy/gunicorn.conf.py", encoding="utf-8").read())
nodes, scoped = list(ast.walk(tree)), set()
for scope in nodes:
    if isinstance(scope, (ast.FunctionDef, ast.ClassDef)):
        scoped |= set(ast.walk(scope)) - {scope}
known = {setting.name for setting in KNOWN_SETTINGS}
used = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
names = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node not in scoped}
for node in nodes:
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node not in scoped:
        names |= {node.name} - used if not node.decorator_list else set()
unknown = sorted(name for name in names - known if not name.startswith("_"))
sys.exit(f"unknown to Gunicorn: {unknown}" if unknown else 0)
`
