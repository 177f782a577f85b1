package check

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/kitout/kitout/generator/internal/lazy"
	"github.com/kitout/kitout/generator/internal/shell"
)

func recovery() []Rule {
	return []Rule{
		{
			ID: "backup", Severity: Error, Title: "The data is saved",
			Why: "A disk, a mistake or a blackmailer takes it, and it is gone.",
			Fix: "a daily backup of the database and of the uploaded files", Add: "backup",
			when: hasDatabase,
			find: func(r *repository) []Finding {
				return unless(r.fact("backup") != "" || len(r.dumps()) > 0, "nothing saves the data")
			},
		},
		{
			ID: "backup-restore", Severity: Error, Title: "A script brings the data back",
			Why: "Under stress, by hand, from memory: that is how the rest gets lost.",
			Fix: "a script that restores beside the old data, compares and then swaps", Add: "backup",
			when: savesData, find: savesWithout(restores, "no script restores a backup"),
		},
		{
			ID: "backup-drill", Severity: Warning, Title: "Restoring is rehearsed",
			Why: "A backup that was never restored is a hope.",
			Fix: "restore into a scratch database in CI, and count the rows", Add: "backup",
			when: savesData, find: savesWithout(drills, "nothing rehearses a restore"),
		},
		{
			ID: "backup-encrypted", Severity: Warning, Title: "Backups can be encrypted",
			Why: "A copy of the data lies where nobody watches.",
			Fix: "age, gpg or the store's own encryption", Add: "backup",
			when: savesData, find: savesWithout(encrypts, "backups are not encrypted"),
		},
		{
			ID: "backup-off-site", Severity: Warning, Title: "Backups can go to another place",
			Why: "What takes the machine takes the backup along.",
			Fix: "rclone, aws s3 cp, restic or the like, to another provider", Add: "backup",
			when: savesData, find: savesWithout(leaves, "backups stay on the machine"),
		},
		{
			ID: "backup-verified", Severity: Warning, Title: "A backup is checked when it is made",
			Why: "A dump that failed leaves a file that looks like one.",
			Fix: "read it back, and keep a checksum beside it", Add: "backup",
			when: savesData, find: savesWithout(verifies, "nothing checks a backup"),
		},
		{
			ID: "backup-retention", Severity: Note, Title: "Old backups are deleted, by a rule",
			Why: "The disk fills up, and the next backup fails.",
			Fix: "keep so many days, weeks and months", Add: "backup",
			when: savesData, find: savesWithout(deletes, "backups are never deleted"),
		},
		{
			ID: "backup-pipeline", Severity: Error, Title: "A dump that fails is noticed",
			Why: "Of a pipe only the last program's status counts: pg_dump | gzip leaves 20 valid bytes, and says that all is well.",
			Fix: "set -o pipefail, or dump to a file and check the status", Add: "backup",
			when: uses("pg_dump", "pg_dumpall", "mysqldump", "mariadb-dump", "mongodump", "pg_basebackup"),
			find: func(r *repository) []Finding {
				return r.eachCommand(func(s script, c shell.Command) string {
					if len(c.From) > 0 && dumps(c.From) && !s.Pipefail {
						return "the status of " + path.Base(c.From[0]) + " is lost"
					}
					return ""
				})
			},
		},
		{
			ID: "backup-password", Severity: Error, Title: "No password stands on a command line",
			Why: "Every user of the machine sees it in the list of processes, and it stays in histories and logs.",
			Fix: "PGPASSFILE, --defaults-extra-file, or the environment", Add: "backup",
			when: uses("pg_dump", "pg_dumpall", "psql", "pg_restore", "mysqldump", "mariadb-dump", "mysql", "mariadb"),
			find: func(r *repository) []Finding {
				return r.eachCommand(func(_ script, c shell.Command) string { return shownPassword(c) })
			},
		},
		{
			ID: "backup-consistent", Severity: Warning, Title: "A dump is of one moment",
			Why: "Without a transaction each table is of another moment, and they do not fit together.",
			Fix: "mysqldump --single-transaction", Add: "backup",
			when: uses("mysqldump", "mariadb-dump"),
			find: func(r *repository) []Finding {
				return r.eachCommand(func(_ script, c shell.Command) string {
					name := path.Base(c.Args[0])
					if (name == "mysqldump" || name == "mariadb-dump") && !strings.Contains(c.Text, "--single-transaction") && !strings.Contains(c.Text, "--no-data") && !strings.Contains(c.Text, "--version") && len(c.Args) > 1 {
						return name + " without --single-transaction"
					}
					return ""
				})
			},
		},
		{
			ID: "backup-copied-file", Severity: Error, Title: "A file of SQLite is not copied while it is written",
			Why: "cp takes half of a transaction: the copy may not open.",
			Fix: "sqlite3 FILE \".backup COPY\", or VACUUM INTO", Add: "backup",
			when: all(made("database", "sqlite"), uses("cp", "tar", "rsync", "sqlite3")),
			find: func(r *repository) []Finding {
				return r.eachCommand(func(s script, c shell.Command) string {
					name := path.Base(c.Args[0])
					if (name == "cp" || name == "tar" || name == "rsync") && len(c.Args) > 1 && sqliteFile().MatchString(c.Text) {
						return name + " of a database that is in use"
					}
					return ""
				})
			},
		},
		{
			ID: "restore-stops", Severity: Error, Title: "A restore stops at the first error",
			Why: "psql goes on: it ends with status 0 and no rows, after the old ones were dropped.",
			Fix: "psql --set ON_ERROR_STOP=1, and --single-transaction", Add: "backup",
			when: uses("psql"),
			find: func(r *repository) []Finding {
				return r.eachCommand(func(s script, c shell.Command) string {
					restores := path.Base(c.Args[0]) == "psql" && (len(c.From) > 0 && unpacks(c.From) || reads(c.Args))
					if restores && !strings.Contains(s.text, "ON_ERROR_STOP") {
						return "psql goes on after an error"
					}
					return ""
				})
			},
		},
	}
}

var (
	restores   = lazy.Regexp(`(?i)pg_restore|psql\b.*<|mysql\b.*<|\.restore\b|scripts/restore|restore\(\)|loaddata|litestream\s+restore|restic\s+restore|db_restore`)
	drills     = lazy.Regexp(`(?i)\bdrill\b|restore[-_ ]?(test|check|verif)|test[-_ ]?restore|verify[-_ ]?(backup|restore)`)
	encrypts   = lazy.Regexp(`(?i)\bage\s+(-|--encrypt)|\bgpg\b|openssl\s+enc|AGE_RECIPIENT|restic|borg\b|--sse|kopia|duplicity|wal-g|cipher-type`)
	leaves     = lazy.Regexp(`(?i)rclone|aws\s+s3|s3cmd|gsutil|az\s+storage|b2\s+upload|restic|borg\b|scp\b|rsync\s.*:|s3://|litestream|wal-g|pgbackrest|mc\s+(cp|mirror)|kopia`)
	verifies   = lazy.Regexp(`(?i)sha256|sha512|md5sum|shasum|pg_restore\s+(-l|--list)|gzip\s+-t|gunzip\s+-t|integrity_check|restic\s+check|pgbackrest`)
	deletes    = lazy.Regexp(`(?i)-mtime|-mmin|KEEP_DAYS|keep[-_]?(days|last|daily)|retention|--keep-|prune|lifecycle|\brm\b.*(old|backup)|outdated`)
	sqliteFile = lazy.Regexp(`(?i)\S+\.(sqlite3?|db)\b`)
)

// dumpPrograms save databases.
var dumpPrograms = map[string]bool{"pg_dump": true, "pg_dumpall": true, "mysqldump": true, "mariadb-dump": true, "mongodump": true, "pg_basebackup": true, "litestream": true}

// uses returns a condition: a script runs one of these programs, in a container or not.
func uses(programs ...string) func(*repository) bool {
	return func(r *repository) bool {
		return slices.ContainsFunc(r.scripts(), func(s script) bool {
			return slices.ContainsFunc(s.Commands, func(c shell.Command) bool {
				return slices.ContainsFunc(append(c.Args[:len(c.Args):len(c.Args)], c.From...), func(word string) bool { return slices.Contains(programs, path.Base(word)) })
			})
		})
	}
}

// dumps reports whether one of the words is such a program: docker exec db pg_dump ….
func dumps(words []string) bool {
	return slices.ContainsFunc(words, func(word string) bool { return dumpPrograms[path.Base(word)] })
}

// dumps are the scripts that save a database: a function that nothing in its script calls saves nothing.
func (r *repository) dumps() (scripts []script) {
	for _, s := range r.scripts() {
		called := func(c shell.Command) bool {
			return c.Function == "" || slices.ContainsFunc(s.Commands, func(other shell.Command) bool { return other.Args[0] == c.Function })
		}
		if slices.ContainsFunc(s.Commands, func(c shell.Command) bool { return (dumps(c.Args) || sqliteDump().MatchString(c.Text)) && called(c) }) {
			scripts = append(scripts, s)
		}
	}
	return scripts
}

var sqliteDump = lazy.Regexp(`(?i)\.backup\b|VACUUM INTO`)

func savesData(r *repository) bool {
	return hasDatabase(r) && (r.fact("backup") != "" || len(r.dumps()) > 0)
}

// savesWithout says that no script, service or pipeline that has to do with backups does something.
func savesWithout(does func() *regexp.Regexp, message string) func(*repository) []Finding {
	return func(r *repository) []Finding {
		for _, s := range r.scripts() {
			if about := s.Path + s.text; does().MatchString(about) && aboutBackups().MatchString(about) {
				return nil
			}
		}
		paths := r.glob("compose*.y{,a}ml", "docker-compose*.y{,a}ml", "*backup*", "*restore*", "*drill*", "Makefile", "litestream.yml", "*.y{,a}ml")
		for _, name := range append(paths, r.pipelineFiles()...) {
			if text := name + "\n" + r.text(name); aboutBackups().MatchString(text) && does().MatchString(text) {
				return nil
			}
		}
		for _, s := range r.dumps() {
			return []Finding{{Path: s.Path, Message: message}}
		}
		return missing(message)
	}
}

var aboutBackups = lazy.Regexp(`(?i)backup|restore|dump|drill`)

// shownPassword says which program gets a password as an argument.
func shownPassword(c shell.Command) string {
	name := path.Base(c.Args[0])
	for _, word := range c.Args[1:] {
		if strings.HasPrefix(name, "mysql") || strings.HasPrefix(name, "mariadb") {
			if strings.HasPrefix(word, "-p") && len(word) > 2 && !strings.HasPrefix(word, "-p=") || strings.HasPrefix(word, "--password=") && len(word) > len("--password=") {
				return name + " gets the password as an argument"
			}
		}
		if (dumpPrograms[name] || name == "psql" || name == "pg_restore") && withPassword(word) != "" {
			return name + " gets a URL with a password as an argument"
		}
	}
	for _, assignment := range c.Env {
		variable, value, _ := strings.Cut(assignment, "=")
		if (variable == "PGPASSWORD" || variable == "MYSQL_PWD") && isLiteral(strings.Trim(value, `"'`)) {
			return variable + " is written out"
		}
	}
	return ""
}

// unpacks reports whether a command reads a dump.
func unpacks(words []string) bool {
	switch path.Base(words[0]) {
	case "gunzip", "zcat", "gzip", "cat", "bzcat", "xzcat", "zstd", "zstdcat", "unzip":
		return true
	}
	return false
}

// reads reports whether psql is given a file of commands.
func reads(words []string) bool {
	return slices.ContainsFunc(words, func(word string) bool {
		return word == "-f" || strings.HasPrefix(word, "--file") || strings.HasSuffix(word, ".sql")
	})
}
