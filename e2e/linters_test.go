package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// linter is a program that holds files of a repository against the rules of their format.
type linter struct {
	name    string
	command func(r *repository) []string
	// file with the content broken makes the linter say why, which proves that it looks at that file.
	file, broken, why string
}

const workflow = `name: CI
on: push
permissions: {}
jobs:
  test:
    runs-on: ubuntu-24.04
    steps:
`

// linters are those of formats that do not depend on the Python environment, which `make check` looks after.
var linters = []linter{
	{
		"hadolint", tool("hadolint", "Dockerfile"),
		"Dockerfile", "FROM debian\nRUN cd /tmp\n", "DL3006",
	},
	{
		"hadolint of the next release", tool("hadolint", "deploy/rehearsal/Dockerfile"),
		"deploy/rehearsal/Dockerfile", "FROM debian\nRUN cd /tmp\n", "DL3006",
	},
	{
		"checkov", checkov("--framework", "dockerfile", "github_actions", "secrets", "--directory", "."),
		"Dockerfile", "FROM debian:trixie-slim\nUSER root\n", "CKV_DOCKER_8",
	},
	{
		"shellcheck", func(r *repository) []string {
			return append(tool("shellcheck", "--external-sources", "--source-path=SCRIPTDIR")(r), r.shellScripts()...)
		},
		"scripts/migrate", "#!/bin/sh\nrm -rf $1/x\n", "SC2086",
	},
	{
		"actionlint", func(r *repository) []string { return tool("actionlint", "-shellcheck", toolPath(r.t, "shellcheck"))(r) },
		".github/workflows/ci.yml", workflow + "      - run: echo ${{ matrix.nothing }}\n", "[expression]",
	},
	{
		"zizmor", tool("zizmor", "--offline", "--persona", "pedantic", "--no-progress", "--color", "never", ".github"),
		".github/workflows/ci.yml", workflow + "      - uses: actions/checkout@v4\n", "unpinned-uses",
	},
	{
		"yamllint", tool("yamllint", "--strict", "--config-data",
			"{extends: default, ignore: /.kitout/, rules: {line-length: {max: 120}, document-start: disable, truthy: {check-keys: false}}}", "."),
		"compose.dev.yaml", "services:\n  app: {}\nservices: {}\n", "duplication of key",
	},
	{
		"systemd-analyze", func(r *repository) []string {
			return []string{"bash", "-c", `XDG_RUNTIME_DIR=$1 systemd-analyze --user verify deploy/systemd/*`, "bash", r.t.TempDir()}
		},
		"deploy/systemd/shop-check.timer", "[Timer]\nOnCalender=hourly\n", "Unknown key",
	},
	{
		"schema of workflows", tool("check-jsonschema", "--builtin-schema", "vendor.github-workflows", ".github/workflows/ci.yml"),
		".github/workflows/ci.yml", workflow + "      - ran: true\n", "Schema validation errors",
	},
	{
		"schema of Dependabot", tool("check-jsonschema", "--builtin-schema", "vendor.dependabot", ".github/dependabot.yml"),
		".github/dependabot.yml", "version: 2\nupdates: [{package-ecosystem: pip}]\n", "Schema validation errors",
	},
	{
		"schema of Renovate", tool("check-jsonschema", "--builtin-schema", "vendor.renovate", "renovate.json"),
		"renovate.json", "{\"packageRules\": [{\"minimumReleaseAge\": 7}]}\n", "Schema validation errors",
	},
	{
		"schema of Compose", tool("check-jsonschema", "--builtin-schema", "vendor.compose-spec", "compose.yaml", "compose.dev.yaml", "compose.tools.yaml"),
		"compose.dev.yaml", "services: {app: {prots: []}}\n", "Schema validation errors",
	},
	{
		"docker compose", program("docker", "compose", "config", "--quiet"),
		"compose.yaml", "services: {app: {image: app, depends_on: [nobody]}}\n", "undefined service",
	},
	{
		"docker compose for development",
		program("docker", "compose", "--file", "compose.yaml", "--file", "compose.dev.yaml", "config", "--quiet"),
		"compose.dev.yaml", "services: {app: {networks: [nowhere]}}\n", "undefined network",
	},
	{
		"docker compose for tools", program("docker", "compose", "--file", "compose.tools.yaml", "config", "--quiet"),
		"compose.tools.yaml", "services: {syft: {image: syft, networks: [nowhere]}}\n", "undefined network",
	},
	{
		"gixy", tool("gixy", "deploy/nginx/nginx.conf"),
		"deploy/nginx/application.conf", "proxy_pass http://application;\nadd_header X-Path $uri;\n", "http_splitting",
	},
	{
		"nginx", nginx,
		"deploy/nginx/application.conf", "proxy_pas http://application;\n", `unknown directive "proxy_pas"`,
	},
	{
		"promtool check rules", tool("promtool", "check", "rules", "deploy/prometheus/alerts.yml"),
		"deploy/prometheus/alerts.yml", "groups: [{name: x, rules: [{alert: Y, expr: sum(}]}]\n", "could not parse expression",
	},
	{
		"promtool check recording rules", tool("promtool", "check", "rules", "deploy/prometheus/rules.yml"),
		"deploy/prometheus/rules.yml", "groups: [{name: x, rules: [{record: a-b, expr: up}]}]\n", "invalid recording rule name",
	},
	{
		// The token is where the server runs
		"promtool check config", tool("promtool", "check", "config", "--syntax-only", "deploy/prometheus/prometheus.yml"),
		"deploy/prometheus/prometheus.yml", "scrape_confs: []\n", "scrape_confs not found",
	},
	{
		"promtool test rules", tool("promtool", "test", "rules", "deploy/prometheus/alerts_test.yml"),
		"deploy/prometheus/alerts.yml", "groups: []\n", "exp:",
	},
	{
		"promtool test recording rules", tool("promtool", "test", "rules", "deploy/prometheus/rules_test.yml"),
		"deploy/prometheus/rules.yml", "groups: []\n", "exp:",
	},
	{
		"amtool check-config", tool("amtool", "check-config", "deploy/prometheus/alertmanager.yml"),
		"deploy/prometheus/alertmanager.yml", "route: {receiver: nobody}\nreceivers: [{name: page}]\n", "undefined receiver",
	},
	{
		"amtool config routes test", tool("amtool", "config", "routes", "test", "--config.file", "deploy/prometheus/alertmanager.yml",
			"--verify.receivers", "page", "severity=page"),
		"deploy/prometheus/alertmanager.yml", "route: {receiver: page, routes: [{receiver: ticket, matchers: [severity=page]}]}\nreceivers: [{name: page}, {name: ticket}]\n",
		"did not match",
	},
	{
		"docker compose with monitoring",
		program("docker", "compose", "--file", "compose.yaml", "--file", "compose.monitoring.yaml", "config", "--quiet"),
		"compose.monitoring.yaml", "services: {prometheus: {image: p, networks: [nowhere]}}\n", "undefined network",
	},
	{
		"editorconfig", tool("editorconfig-checker", "-no-color", "-disable-indent-size", "-exclude", `^\.kitout/`),
		"scripts/migrate", "#!/bin/sh\n\texit 0  \n", "railing whitespace",
	},
}

// program is a command of the machine.
func program(name string, args ...string) func(*repository) []string {
	return func(*repository) []string { return append([]string{name}, args...) }
}

// tool is one of the programs that e2e/setup installs beside the machine's own.
func tool(name string, args ...string) func(*repository) []string {
	return func(r *repository) []string { return append([]string{toolPath(r.t, name)}, args...) }
}

// checkov looks for what is unsafe. It asks its makers nothing.
func checkov(args ...string) func(*repository) []string {
	return tool("checkov", append([]string{"--skip-download", "--quiet", "--compact"}, args...)...)
}

func toolPath(t testing.TB, name string) string {
	t.Helper()
	return filepath.Join(toolFolder(t), "bin", name)
}

// toolFolder is where e2e/setup puts what it installs.
func toolFolder(t testing.TB) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(cache, "kitout-e2e")
}

// nginx tests the configuration in the proxy's image, under the terms that Compose sets.
func nginx(r *repository) []string {
	args := []string{"docker", "run", "--rm", "--user", "101:101", "--read-only", "--tmpfs", "/tmp", "--network", "none", "--cap-drop", "ALL"}
	for _, name := range []string{"nginx.conf", "headers.conf", "application.conf"} {
		args = append(args, "--volume", r.path("deploy/nginx/"+name)+":/etc/nginx/"+name+":ro")
	}
	return append(args, "nginx:1.30", "nginx", "-t")
}

// shellScripts are the files of the repository that a shell runs.
func (r *repository) shellScripts() []string {
	r.t.Helper()
	var scripts []string
	for name := range strings.Lines(r.run("git", "ls-files")) {
		name = strings.TrimSpace(name)
		first, _, _ := strings.Cut(readFile(r.t, r.path(name)), "\n")
		if strings.HasPrefix(first, "#!") && strings.HasSuffix(first, "sh") || strings.HasSuffix(name, ".sh") {
			scripts = append(scripts, name)
		}
	}
	if len(scripts) == 0 {
		r.t.Fatal("no shell scripts")
	}
	return scripts
}

// TestLint holds the files of each framework and database against the linters, with and without a domain.
func TestLint(t *testing.T) {
	t.Parallel()
	sources, count := []string{"env", "vault", "aws", "gcp"}, 0
	destinations := append([]string{"stdout"}, shippedTo...)
	for i, framework := range frameworks {
		for j, kind := range databases {
			for k, name := range []string{"", domain} {
				if !thorough && (i+j+k)%2 != 0 {
					continue
				}
				tool := depsTools[(i+2*j+k)%len(depsTools)]
				flags := []string{"--framework", framework, "--database", kind, "--scan", "bandit,trivy,snyk,dependency-check",
					"--secrets", sources[count%len(sources)], "--logs", destinations[count%len(destinations)],
					"--backup", []string{"daily", "continuous", "daily"}[i]}
				count++
				title := framework + "/" + kind + "/" + tool
				if name != "" {
					flags = append(flags, "--domain", name, "--email", "admin@example.com")
					title += "/https"
				}
				t.Run(title, func(t *testing.T) {
					t.Parallel()
					r := generateWith(t, tool, flags...)
					r.lints(linters)
				})
			}
		}
	}
}

// lints runs those linters that there is a file for, and says how many.
func (r *repository) lints(linters []linter) (run int) {
	r.t.Helper()
	for _, l := range linters {
		if _, err := os.Stat(r.path(l.file)); err != nil {
			continue
		}
		run++
		command := l.command(r)
		if output, err := r.try(command[0], command[1:]...); err != nil {
			r.t.Errorf("%s: %v\n%s", l.name, err, tail(output))
		}
	}
	return run
}

// TestLintersFail proves for each linter that it finds something where there is something.
func TestLintersFail(t *testing.T) {
	t.Parallel()
	usual, plain := generate(t, "--database", "postgres"), generate(t, "--ci", "none")
	for _, l := range linters {
		t.Run(l.name, func(t *testing.T) {
			r := &repository{t: t, dir: usual.dir, env: usual.env}
			if _, err := os.Stat(r.path(l.file)); err != nil {
				r.dir = plain.dir
			}
			command := l.command(r)
			r.breaks(l.file, func(string) string { return l.broken }, l.why, command[0], command[1:]...)
		})
	}
}
