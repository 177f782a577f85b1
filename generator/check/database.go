package check

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/kitout/kitout/generator/detect"
	"github.com/kitout/kitout/generator/internal/lazy"
	"github.com/kitout/kitout/generator/internal/python"
	"github.com/kitout/kitout/generator/internal/shell"
)

func database() []Rule {
	return []Rule{
		{
			ID: "migrations", Severity: Error, Title: "The schema changes by migrations",
			Why: "Without them nobody knows which schema a database has, and changes are made by hand, on live data.",
			Fix: "Django's migrations, Flask-Migrate or Alembic", Add: "database",
			when: hasDatabase,
			find: func(r *repository) []Finding {
				return unless(len(r.found.Facts[detect.Migrations].Value) > 0, "there are no migrations")
			},
		},
		{
			ID: "migrations-create-all", Severity: Error, Title: "The application does not make its tables itself",
			Why: "create_all never changes a table that exists: the code and the schema drift apart.",
			Fix: "write a first migration, and remove the call", Add: "database",
			when: hasModules,
			looks: []look{calls([]string{"create_all"}, func(call python.Called) string {
				if strings.HasSuffix(call.Text, "create_all") && !call.Main {
					return "makes the tables when the application starts"
				}
				return ""
			})},
		},
		{
			ID: "migrations-once", Severity: Warning, Title: "Migrations run once per release, before traffic",
			Why: "In a start script every replica runs them, at the same time, and a failure is a restart loop.",
			Fix: "a step of its own: a one-shot service in Compose, a Job in Kubernetes", Add: "deploy",
			when: hasStarts, find: migratingStarts,
		},
		{
			ID: "migrations-check", Severity: Note, Title: "CI notices a migration that is missing",
			Why: "A model without its migration works on the developer's machine, and fails in production.",
			Fix: "makemigrations --check, flask db check or alembic check in CI", Add: "ci",
			when: all(hasPipeline, func(r *repository) bool { return len(r.found.Facts[detect.Migrations].Value) > 0 }),
			find: func(r *repository) []Finding {
				checks := r.does(migrationChecks()) || slices.ContainsFunc(r.scripts(), func(s script) bool { return migrationChecks().MatchString(s.text) && r.does(calling(s.Path)) })
				return unless(checks, "CI does not compare models and migrations")
			},
		},
		{
			ID: "database-connections", Severity: Note, Title: "Connections are checked before they are used",
			Why: "After a restart of the database, or a silent firewall, the next request of each worker fails.",
			Fix: "CONN_HEALTH_CHECKS = True, or pool_pre_ping=True", Add: "database",
			when: all(hasModules, hasServerDatabase), words: checkedConnections,
			find: func(r *repository) []Finding {
				return unless(r.says(checkedConnections...), "nothing checks a connection before it is used")
			},
		},
		{
			ID: "database-superuser", Severity: Warning, Title: "The application is not the database's superuser",
			Why: "An injection then reads every database, writes files on the server, and runs programs there.",
			Fix: "a role that owns the one database", Add: "database",
			when: hasServices, find: superusers,
		},
		{
			ID: "database-volume", Severity: Error, Title: "The data of a database outlives its container",
			Why:  "What is written into a container goes with it, at the next docker compose down or update.",
			Fix:  "a named volume on the folder of the data",
			when: hasServices, find: fleetingData,
		},
		{
			ID: "database-query-limit", Severity: Note, Title: "A query has a time limit",
			Why: "One that never ends holds its worker, its connection and its locks.",
			Fix: "statement_timeout, max_execution_time or a timeout of the driver", Add: "database",
			when: all(hasModules, hasServerDatabase), words: queryLimits,
			find: func(r *repository) []Finding {
				limited := r.says(queryLimits...) || len(r.grep(lazy.Regexp(strings.Join(queryLimits, "|"))(), r.glob("*.sql", "*.cnf", "*.conf", "*.y{,a}ml", ".env*", "*.sh")...)) > 0
				return unless(limited, "no query has a time limit")
			},
		},
	}
}

var migrationChecks = lazy.Regexp(`makemigrations\s+.*--check|migrate\s+--check|alembic\s+(\S+\s+)*check|\bflask\s+(\S+\s+)*db\s+(\S+\s+)*check|--check\b.*makemigrations`)

var (
	checkedConnections = []string{"CONN_HEALTH_CHECKS", "conn_health_checks", "pool_pre_ping", "NullPool"}
	queryLimits        = []string{"statement_timeout", "max_execution_time", "max_statement_time", "command_timeout", "read_timeout", "MAX_EXECUTION_TIME"}
)

// calling matches a text that runs a script of the repository.
func calling(name string) *regexp.Regexp {
	return lazy.Regexp(`(^|[\s/])` + regexp.QuoteMeta(path.Base(name)) + `\b`)()
}

func hasDatabase(r *repository) bool { return r.fact("database") != "" }

// hasServerDatabase reports whether the database is another process.
func hasServerDatabase(r *repository) bool { return hasDatabase(r) && !r.is("database", "sqlite") }

// migrates reports whether a command brings a database to another schema.
func migrates(command shell.Command) bool {
	name, rest := program(command.Args)
	switch {
	case strings.HasPrefix(name, "python") && len(rest) > 1 && path.Base(rest[0]) == "manage.py", name == "manage.py" && len(rest) > 0:
		return slices.Contains(rest, "migrate")
	case name == "django-admin":
		return slices.Contains(rest, "migrate")
	case name == "alembic", name == "flask" && slices.Contains(rest, "db"):
		return slices.Contains(rest, "upgrade")
	}
	return false
}

// migratingStarts finds migrations beside a server: in one script, or in one command.
func migratingStarts(r *repository) (findings []Finding) {
	serves := map[string]bool{}
	for _, s := range r.starts() {
		serves[s.group()] = serves[s.group()] || isServer(s.Command) || developmentServer(s.Command) != "" || s.Args[0] == "$@"
	}
	for _, s := range r.starts() {
		if migrates(s.Command) && serves[s.group()] {
			findings = append(findings, s.finding("every container that starts migrates"))
		}
	}
	return findings
}

// group names what starts together: the commands of a script, or those of one line.
func (s start) group() string {
	if s.Script {
		return s.Path
	}
	return Finding{Path: s.Path, Line: s.Line}.Place()
}

func superusers(r *repository) []Finding {
	return r.eachService(func(s service) (findings []Finding) {
		if s.isStore() {
			return nil
		}
		for _, v := range s.environment() {
			value := defaults(v.Value)
			super := strings.Contains(value, "://postgres:") || strings.Contains(value, "://root:")
			user := v.Name == "DB_USER" || v.Name == "DATABASE_USER" || v.Name == "POSTGRES_USER" || v.Name == "MYSQL_USER" || v.Name == "SQL_USER" || v.Name == "PGUSER"
			if super || user && (value == "postgres" || value == "root") {
				findings = append(findings, Finding{Path: v.Path, Line: v.Line, Message: s.Name + " is the superuser of the database"})
			}
		}
		return findings
	})
}

func fleetingData(r *repository) []Finding {
	return r.eachService(func(s service) []Finding {
		image := path.Base(s.image())
		keeps := s.isStore() && !strings.HasPrefix(image, "redis") && !strings.HasPrefix(image, "valkey") && !strings.HasPrefix(image, "memcached") && !strings.HasPrefix(image, "rabbitmq")
		if !keeps {
			return nil
		}
		for _, item := range s.value("volumes").Items() {
			target := item.Get("target").Text()
			if parts := strings.Split(item.Text(), ":"); target == "" && len(parts) > 1 {
				target = parts[1]
			}
			if strings.HasPrefix(target, "/var/lib/") || strings.HasPrefix(target, "/data") || strings.HasPrefix(target, "/bitnami") || strings.HasPrefix(target, "/usr/share/") {
				return nil
			}
		}
		return []Finding{s.finding("keeps its data in the container")}
	})
}
