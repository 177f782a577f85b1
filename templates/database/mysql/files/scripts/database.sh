# shellcheck shell=bash disable=SC2034 # variables are for the scripts that source this file
# MySQL and MariaDB for the backup scripts, which source this file. It needs bash, awk, zstd and the server's own clients,
# so that it runs in the server's image too. The clients read the password from an inherited file descriptor: it is never on
# a command line, nor on a disk.

default_url=''
db_extension=sql.zst
db_format=3 # of a set; another one is refused
db_series=2 # a server reads what another one of its series wrote

# Undo the percent-encoding of a part of a URL
url_decode() {
  local text=${1//\\/\\\\}
  printf '%b' "${text//%/\\x}"
}

# The parts of a URL: db_user, db_password, db_host, db_port, db_name
url_split() {
  local form='^[a-z+]+://(([^:@/]*)(:([^@/]*))?@)?(\[[^]]+\]|[^:@/]*)(:([0-9]+))?/([^?]+)(\?.*)?$'
  local stray='%([^0-9A-Fa-f]|.[^0-9A-Fa-f]|.?$)' parts
  if [[ $1 =~ $stray ]] || ! [[ $1 =~ $form ]]; then
    # Without the value: it holds the password
    echo 'the URL of the database must be mysql://USER:PASSWORD@HOST:PORT/NAME, percent-encoded' >&2
    return 1
  fi
  parts=("${BASH_REMATCH[@]}")
  db_user=$(url_decode "${parts[2]}")
  db_password=$(url_decode "${parts[4]}")
  db_host=${parts[5]#[} db_host=${db_host%]}
  db_port=${parts[7]:-3306}
  db_name=$(url_decode "${parts[8]}")
}

# A value of an option file: quoted, so that # and ; and blanks mean themselves
option() {
  local value=${2//\\/\\\\}
  value=${value//\"/\\\"}
  printf '%s="%s"\n' "$1" "${value//\'/\\\'}"
}

# client PROGRAM URL [ARGUMENT…]: MariaDB calls its programs mariadb and mariadb-dump, MySQL mysql and mysqldump
client() (
  program=$1
  url_split "$2" || exit
  shift 2
  if [ "$program" = dump ]; then program=$(dump_program); else program=$(command -v mariadb || command -v mysql); fi
  exec "$program" --defaults-file=<(
    server_options
    echo 'default-character-set=utf8mb4'
  ) "$@"
)

# server_options: what url_split has found, as a client's file of options
server_options() {
  echo '[client]'
  option user "$db_user"
  option password "$db_password"
  option host "$db_host"
  echo "port=$db_port"
  echo 'protocol=tcp'
}

# sql URL NAME: run the statements of the standard input in the database NAME (empty: in none), stop at the first error
sql() {
  client sql "$1" --batch --skip-column-names ${2:+--database="$2"}
}

dump_program() {
  command -v mariadb-dump || command -v mysqldump
}

# A name as an identifier
quoted() {
  printf "\`%s\`" "${1//\`/\`\`}"
}

# A text as a string
string() {
  local text=${1//\\/\\\\}
  printf "'%s'" "${text//\'/\'\'}"
}

db_name() (
  url_split "$1" || exit
  printf '%s\n' "$db_name"
)

# The URL with another database's name
db_url() {
  local query=''
  case $1 in *\?*) query="?${1#*\?}" ;; esac
  local base=${1%%\?*}
  printf '%s\n' "${base%/*}/$2$query"
}

db_version() {
  local version
  version=$(sql "$1" '' <<<'SELECT VERSION()') || return
  case $version in *MariaDB*) echo "MariaDB $version" ;; *) echo "MySQL $version" ;; esac
}

db_client() {
  "$(dump_program)" --version
}

# Refuse a server that does not answer (1), and clients that are missing, older than the server, or MariaDB's on MySQL and
# the reverse, whose dumps differ (2)
db_check() {
  local server client program number='([0-9]+)\.([0-9]+)\.[0-9]+' wanted
  program=$(dump_program) || { echo 'neither mysqldump nor mariadb-dump is installed here' >&2 && return 2; }
  command -v zstd >/dev/null || { echo 'zstd is not installed here' >&2 && return 2; }
  server=$(db_version "$1") || return
  client=$("$program" --version)
  case $client in *MariaDB*) client="MariaDB ${client#*Distrib }" ;; *) client="MySQL $client" ;; esac
  if [ "${server%% *}" != "${client%% *}" ]; then
    echo "the client is ${client%% *}'s, the server is $server" >&2
    return 2
  fi
  [[ $server =~ $number ]] && wanted=$((BASH_REMATCH[1] * 1000 + BASH_REMATCH[2]))
  [[ $client =~ $number ]]
  if [ $((BASH_REMATCH[1] * 1000 + BASH_REMATCH[2])) -lt "$wanted" ]; then
    echo "${program##*/} ${BASH_REMATCH[0]} is older than the server, $server" >&2
    return 2
  fi
}

# db_dump URL FILE: one consistent snapshot, while the application goes on. A row per line, so that they can be counted. What
# goes into the file is read back on the way, and printed as by db_rows.
db_dump() {
  local name options only=()
  name=$(db_name "$1") || return
  options=$("$(dump_program)" --no-defaults --help)
  # Of the server, not of the database: its transaction ids, and masking policies, which need rights on its own tables
  case $options in *--set-gtid-purged*) only+=(--set-gtid-purged=OFF) ;; esac
  case $options in *--masking-policies*) only+=(--skip-masking-policies) ;; esac
  client dump "$1" --single-transaction --quick --routines --triggers --events --hex-blob --no-tablespaces \
    --skip-extended-insert --no-autocommit ${only[@]+"${only[@]}"} "$name" | zstd -q -1 | tee "$2" | zstd -qdc
}

# What a dump holds, for rows_of
db_rows() { zstd -qdc "$1"; }

# Every row of it, to its last byte
# shellcheck disable=SC2016 # it is awk
db_reader='
  BEGIN { FS = "`" }
  $1 == "INSERT INTO " { row($2, $0); next }
  $1 == "CREATE TABLE " { found($2) }
  { end = $0 }
  END { if (end !~ /^-- Dump completed/) { print "the dump has no end" >"/dev/stderr"; exit 1 } }
'

# db_restore FILE URL: into an empty database
db_restore() {
  local name
  name=$(db_name "$2") || return
  zstd -qdc "$1" | client sql "$2" --binary-mode --database="$name"
}

# db_list URL PREFIX: the databases whose names begin so
db_list() {
  sql "$1" '' <<<"SELECT schema_name FROM information_schema.schemata WHERE LOCATE($(string "$2"), schema_name) = 1"
}

# db_create URL NAME: an empty database
db_create() {
  sql "$1" '' <<<"CREATE DATABASE $(quoted "$2") CHARACTER SET utf8mb4"
}

db_drop() {
  sql "$1" '' <<<"DROP DATABASE IF EXISTS $(quoted "$2")"
}

# db_swap URL NEW OLD: the tables of NEW take the place of those of the URL's database, which are kept in OLD. One
# statement moves them all, because a database cannot be renamed. Done already, it does nothing.
db_swap() {
  local name database table moves='' fixed left there
  name=$(db_name "$1") || return
  left=$(sql "$1" '' <<SQL
SELECT count(*) FROM information_schema.tables WHERE table_schema = $(string "$2")
SQL
  ) || return
  there=$(db_list "$1" '') || return
  if [ "$left" = 0 ] && grep -Fqx "$name" <<<"$there"; then
    db_drop "$1" "$2"
    return
  fi
  fixed=$(sql "$1" '' <<SQL
SELECT table_name FROM information_schema.views WHERE table_schema IN ($(string "$name"), $(string "$2"))
UNION ALL
SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema IN ($(string "$name"), $(string "$2"))
UNION ALL
SELECT routine_name FROM information_schema.routines WHERE routine_schema IN ($(string "$name"), $(string "$2"))
UNION ALL
SELECT event_name FROM information_schema.events WHERE event_schema IN ($(string "$name"), $(string "$2"))
SQL
  ) || return
  if [ -n "$fixed" ]; then
    echo "views, triggers, routines and events cannot be moved: let DATABASE_URL name the new database instead, $2" >&2
    return 1
  fi
  for database in "$name" "$3"; do
    grep -Fqx "$database" <<<"$there" || db_create "$1" "$database" || return
  done
  for database in "$name" "$2"; do
    while IFS= read -r table; do
      moves+=",$(quoted "$database").$(quoted "$table") TO "
      if [ "$database" = "$name" ]; then moves+=$(quoted "$3"); else moves+=$(quoted "$name"); fi
      moves+=".$(quoted "$table")"
    done < <(sql "$1" '' <<<"SELECT table_name FROM information_schema.tables WHERE table_schema = $(string "$database")")
  done
  if ! sql "$1" '' <<<"SET SESSION lock_wait_timeout = 60; RENAME TABLE ${moves#,}"; then
    db_drop "$1" "$3" # still empty: the statement moves all tables or none
    return 1
  fi
  db_drop "$1" "$2"
}

# A table with rows that are easy to lose: quotes, several lines, tabs, other scripts, bytes, nothing at all
db_load_sample() {
  local name
  name=$(db_name "$1") || return
  sql "$1" "$name" <<'SQL'
CREATE TABLE drill_sample (id bigint AUTO_INCREMENT PRIMARY KEY, title varchar(200) UNIQUE, body text, data blob);
INSERT INTO drill_sample (title, body, data) VALUES
  ('it''s', 'two\nlines\tand a tab \\ "quoted"', x'00ff0a5c'),
  ('żółć 漢字 🐘', '', NULL),
  ('nothing', NULL, '');
INSERT INTO drill_sample (title, body)
WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 500)
SELECT CONCAT('row ', n), REPEAT(SHA2(n, 256), 4) FROM numbers;
CREATE TABLE drill_empty (id int PRIMARY KEY, sample bigint, FOREIGN KEY (sample) REFERENCES drill_sample (id));
SQL
}
