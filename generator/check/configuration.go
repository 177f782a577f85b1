package check

import (
	"path"
	"slices"
	"strings"

	"github.com/kitout/kitout/generator/internal/ignore"
	"github.com/kitout/kitout/generator/internal/ini"
	"github.com/kitout/kitout/generator/internal/python"
)

func configuration() []Rule {
	return []Rule{
		{
			ID: "settings-environment", Severity: Warning, Title: "Settings come from the environment",
			Why: "What differs between machines cannot be in the code: one build could not run in two places.",
			Fix: "read each setting from an environment variable, in one module", Add: "config",
			when: hasModules, find: readsEnvironment, words: readers,
		},
		{
			ID: "settings-required", Severity: Warning, Title: "A missing setting stops the start",
			Why: "A secret or a database that is None fails at the first request that needs it, or works insecurely.",
			Fix: "read it with os.environ[\"NAME\"], or validate all settings at start", Add: "config",
			when: hasModules, looks: []look{assignments([]string{"environ.get", "getenv"}, silentlyMissing)},
		},
		{
			ID: "debug-off", Severity: Error, Title: "Debugging is off in production",
			Why:   "Debug pages show code, settings and secrets to whoever causes an error; some let him run code.",
			Fix:   "let the environment turn it on, with false as the default",
			when:  hasModules,
			looks: []look{assignments([]string{"DEBUG", ".debug"}, debugSetting), calls([]string{"debug="}, debugArgument)},
		},
		{
			ID: "secret-literal", Severity: Error, Title: "No secret stands in the code",
			Why: "Whoever reads the repository, or an old copy of it, has the secret; changing it needs a release.",
			Fix: "read it from the environment, without a default, and change it: it is known", Add: "secrets",
			when: hasModules, looks: []look{assignments(secretWords, secretLiteral), assignments([]string{"DATABASES"}, databasePassword)},
		},
		{
			ID: "database-url-literal", Severity: Error, Title: "No password of a database stands in the code",
			Why: "The data is open to everyone who has ever seen the repository and reaches the server.",
			Fix: "read DATABASE_URL from the environment, and change the password", Add: "config",
			when: either(hasModules, func(r *repository) bool { return r.has("*.{ini,cfg}") }),
			find: configuredURLs, looks: []look{{words: databaseSchemes, settings: true, judge: databaseURLs}},
		},
		{
			ID: "hosts-named", Severity: Error, Title: "The service answers only to its own names",
			Why:   "Forged Host headers end up in links, such as those of password resets, and in caches.",
			Fix:   "list the host names, from the environment",
			when:  made("framework", "django", "fastapi"),
			looks: []look{assignments([]string{"ALLOWED_HOSTS"}, anyHost), calls([]string{"allowed_hosts"}, anyHostArgument)},
		},
		{
			ID: "env-ignored", Severity: Error, Title: "git ignores .env",
			Why:  "It holds secrets; one `git add .` publishes them for good.",
			Fix:  "add .env to .gitignore; if it was committed, change every secret in it",
			when: either(hasModules, func(r *repository) bool { return r.has(".env") }), find: envCommitted,
		},
		{
			ID: "env-example", Severity: Note, Title: "Every setting is listed in .env.example",
			Why: "Whoever deploys has to read the code to learn what to set.",
			Fix: "commit .env.example with every variable, without real secrets", Add: "config",
			when: hasModules,
			find: func(r *repository) []Finding {
				there := r.has(".env{.,-,_}{example,sample,template,dist,tmpl}", "{.env,env}{.,-,_}*{example,sample,template,dist}*", "{example,sample}.env", "{env,dotenv}.{example,sample}")
				return unless(there, "no .env.example lists the settings")
			},
		},
	}
}

// readers are what reads settings.
var readers = []string{"environ", "getenv", "BaseSettings", "dynaconf", "decouple", "environs"}

func readsEnvironment(r *repository) []Finding {
	if r.fact("config") != "" || r.says(readers...) {
		return nil
	}
	return missing("no module reads a setting from the environment")
}

// needed are settings without which a service cannot work as it should.
func needed(name string) bool {
	return isSecret(name) || name == "DATABASE_URL" || name == "ALLOWED_HOSTS"
}

func silentlyMissing(_ *repository, a python.Assignment) string {
	name, standard, found := a.Value.Environment()
	if !found || a.Value.Kind != python.Call || !strings.HasSuffix(a.Value.Text, "get") && !strings.HasSuffix(a.Value.Text, "getenv") {
		return ""
	}
	silent := standard.Kind == python.None || standard.Kind == python.Other && standard.Text == "" && standard.Line == 0 ||
		standard.Kind == python.String && standard.Text == ""
	if a.Scope != "" && !strings.Contains(strings.ToLower(a.Scope), "config") || !needed(name) || !silent {
		return ""
	}
	return name + " may be missing, and nothing notices"
}

func debugSetting(_ *repository, a python.Assignment) string {
	name := setting(a)
	if strings.Contains(strings.ToLower(a.Scope), "dev") || strings.Contains(strings.ToLower(a.Scope), "test") || a.Main {
		return ""
	}
	if (name == "DEBUG" || name == "debug" && strings.HasSuffix(a.Name, "app.debug")) && isTrue(a.Value) {
		return "DEBUG is on, unless something turns it off"
	}
	return ""
}

func debugArgument(call python.Called) string {
	value, given := call.Keyword("debug")
	starts := strings.HasSuffix(call.Text, ".run") || strings.HasSuffix(call.Text, ".FastAPI") || strings.HasSuffix(call.Text, ".Starlette")
	if given && starts && isTrue(value) && !call.Main {
		return "debug is on"
	}
	return ""
}

// harmless reports whether a value is no secret, but a path, an address or a text.
func harmless(value string) bool {
	return len(value) < 4 || strings.ContainsAny(value, " {%$<") || strings.HasPrefix(value, "/") || strings.Contains(value, "://")
}

// secretWords begin the names of secrets in settings.
var secretWords = []string{"SECRET", "PASSWORD", "TOKEN", "API_KEY", "PRIVATE_KEY", "ACCESS_KEY", "secret_key"}

func secretLiteral(_ *repository, a python.Assignment) string {
	name := setting(a)
	if !isSecret(name) || name != strings.ToUpper(name) && a.Key == "" && name != "secret_key" || strings.Contains(strings.ToLower(a.Scope), "test") {
		return ""
	}
	value := stringDefault(a.Value)
	switch {
	case harmless(value) || strings.ToUpper(value) == value: // the latter is a name
		return ""
	case a.Value.Kind == python.String:
		return name + " is written out"
	}
	return name + " has a default that everyone knows"
}

// databasePassword looks into Django's dictionary of databases.
func databasePassword(_ *repository, a python.Assignment) string {
	if a.Name != "DATABASES" {
		return ""
	}
	for _, database := range append(a.Value.Items[:len(a.Value.Items):len(a.Value.Items)], a.Value) {
		if password, found := database.Lookup("PASSWORD"); found && stringDefault(password) != "" {
			return "the PASSWORD of a database is written out"
		}
	}
	return ""
}

// databaseSchemes begin the addresses of databases.
var databaseSchemes = []string{
	"postgres://", "postgresql://", "postgresql+", "mysql://", "mysql+", "mariadb://", "mariadb+", "mongodb://", "mongodb+", "redis://", "rediss://", "amqp://", "amqps://", "oracle", "mssql",
}

func databaseURLs(_ *repository, m *module) (findings []Finding) {
	for _, text := range m.read().Strings {
		if text.Kind == python.String && isDatabaseURL(text.Text) && withPassword(text.Text) != "" {
			findings = append(findings, m.finding(text.Line, "a URL with a password is written out"))
		}
	}
	return findings
}

func configuredURLs(r *repository) (findings []Finding) {
	for _, name := range r.glob("alembic.ini", "*.ini", "*.cfg") {
		for _, entry := range ini.Parse(r.text(name)) {
			if strings.HasSuffix(entry.Key, "url") && withPassword(entry.Value) != "" {
				findings = append(findings, Finding{Path: name, Line: entry.Line, Message: entry.Key + " has a password"})
			}
		}
	}
	return findings
}

func isDatabaseURL(text string) bool {
	scheme, _, _ := strings.Cut(text, "://")
	scheme, _, _ = strings.Cut(scheme, "+")
	switch scheme {
	case "postgres", "postgresql", "mysql", "mariadb", "mongodb", "redis", "rediss", "oracle", "mssql", "amqp", "amqps":
		return true
	}
	return false
}

func anyHost(_ *repository, a python.Assignment) string {
	hosts := a.Value.Strings()
	if standard := stringDefault(a.Value); standard != "" {
		hosts = strings.Split(standard, ",")
	}
	for _, host := range hosts {
		if setting(a) == "ALLOWED_HOSTS" && strings.TrimSpace(host) == "*" {
			return "every host name is accepted"
		}
	}
	return ""
}

func anyHostArgument(call python.Called) string {
	if hosts, given := call.Keyword("allowed_hosts"); given && slices.Contains(hosts.Strings(), "*") {
		return "every host name is accepted"
	}
	return ""
}

func envCommitted(r *repository) (findings []Finding) {
	rules := r.ignored()
	for _, name := range r.index().glob(".env{,.*}") {
		base := path.Base(name)
		if forSample(base) || base == ".envrc" || ignore.Git(rules, name) || r.nestedIgnore(name) {
			continue
		}
		findings = append(findings, Finding{Path: name, Message: "git does not ignore it"})
	}
	if len(findings) == 0 && !ignore.Git(rules, ".env") {
		findings = append(findings, Finding{Path: r.existing(".gitignore"), Message: "git would take .env"})
	}
	return findings
}

// forSample reports whether a file only shows what another one looks like.
func forSample(name string) bool {
	for _, part := range nameParts(name) {
		switch part {
		case "example", "sample", "template", "dist", "tmpl", "defaults", "schema", "test", "vault", "enc", "encrypted":
			return true
		}
	}
	return false
}

// nestedIgnore reports whether a .gitignore in a folder on the way ignores a path.
func (r *repository) nestedIgnore(name string) bool {
	for folder := path.Dir(name); folder != "."; folder = path.Dir(folder) {
		if rest := strings.TrimPrefix(name, folder+"/"); ignore.Git(r.text(folder+"/.gitignore"), rest) {
			return true
		}
	}
	return false
}

// existing is the path, if there is such a file.
func (r *repository) existing(name string) string {
	if r.tree.Has(name) {
		return name
	}
	return ""
}
