# shellcheck shell=bash disable=SC2034 # variables are for the scripts that source this file
# PostgreSQL for the backup scripts, which source this file. It needs bash, awk and PostgreSQL's own clients, so that it
# runs in the server's image too. Passwords travel in the environment, never on a command line.

default_url=''
db_extension=dump
db_format=2 # of a set; another one is refused
db_series=1 # a server reads what another one of its major version wrote

# Undo the percent-encoding of a part of a URL
url_decode() {
  local text=${1//\\/\\\\}
  printf '%b' "${text//%/\\x}"
}

# Point libpq, and with it every client, at a URL; a second argument replaces the database's name
url_export() {
  local form='^[a-z+]+://(([^:@/]*)(:([^@/]*))?@)?(\[[^]]+\]|[^:@/]*)(:([0-9]+))?/([^?]+)(\?(.*))?$'
  local stray='%([^0-9A-Fa-f]|.[^0-9A-Fa-f]|.?$)' parts pair
  if [[ $1 =~ $stray ]] || ! [[ $1 =~ $form ]]; then
    # Without the value: it holds the password
    echo 'the URL of the database must be postgresql://USER:PASSWORD@HOST:PORT/NAME, percent-encoded' >&2
    return 1
  fi
  parts=("${BASH_REMATCH[@]}")
  PGUSER=$(url_decode "${parts[2]}")
  PGPASSWORD=$(url_decode "${parts[4]}")
  PGHOST=$(url_decode "${parts[5]}") PGHOST=${PGHOST#[} PGHOST=${PGHOST%]}
  PGPORT=${parts[7]:-5432}
  PGDATABASE=${2:-$(url_decode "${parts[8]}")}
  export PGUSER PGPASSWORD PGHOST PGPORT PGDATABASE PGCONNECT_TIMEOUT=10
  while IFS= read -r -d '&' pair; do
    case $pair in
      sslmode=*) export PGSSLMODE=${pair#*=} ;;
      sslrootcert=*) PGSSLROOTCERT=$(url_decode "${pair#*=}") && export PGSSLROOTCERT ;;
    esac
  done <<<"${parts[10]}&"
}

# sql URL NAME [VARIABLE=VALUE…]: run the statements of the standard input in the database NAME (empty: the URL's), stop at
# the first error
sql() (
  url_export "$1" "$2" || exit
  shift 2
  for variable; do set -- "$@" --set "$variable" && shift; done
  exec psql --no-psqlrc --no-password --quiet --tuples-only --no-align --set ON_ERROR_STOP=1 "$@"
)

db_name() (
  url_export "$1" || exit
  printf '%s\n' "$PGDATABASE"
)

# The URL with another database's name
db_url() {
  local query=''
  case $1 in *\?*) query="?${1#*\?}" ;; esac
  local base=${1%%\?*}
  printf '%s\n' "${base%/*}/$2$query"
}

# Refuse a server that does not answer (1), and missing clients or older ones than the server, whose dumps would lack what
# they do not know (2)
db_check() {
  local server client
  command -v pg_dump >/dev/null || { echo 'pg_dump is not installed here' >&2 && return 2; }
  server=$(sql "$1" postgres <<<'SHOW server_version_num') || return 1 # psql's own status is 2
  client=$(pg_dump --version)
  client=${client##*) } client=${client%%[!0-9]*}
  if [ "$client" -lt "$((server / 10000))" ]; then
    echo "pg_dump $client is older than the server, PostgreSQL $((server / 10000))" >&2
    return 2
  fi
}

db_version() {
  local version
  version=$(sql "$1" postgres <<<'SHOW server_version') && echo "PostgreSQL $version"
}

db_client() {
  pg_dump --version
}

# db_dump URL FILE: one consistent snapshot, while the application goes on. What goes into the file is read back on the way,
# and printed as by db_rows.
db_dump() {
  (url_export "$1" && exec pg_dump --no-password --format=custom --lock-wait-timeout=60s) | tee "$2" | rows_in
}

# What a dump holds, for rows_of
db_rows() { rows_in <"$1"; }

# The same of the standard input, to whose end pg_restore does not always read
rows_in() { pg_restore --data-only --file=- && cat >/dev/null; }

# Every row of it, to its last byte
# shellcheck disable=SC2016 # it is awk
db_reader='
  table && $0 == "\\." { table = ""; next }
  table { row(table, $0); next }
  /^COPY .* FROM stdin;$/ {
    table = $0
    sub(/^COPY /, "", table)
    sub(/ \(.*/, "", table)
    found(table)
  }
  /^SELECT pg_catalog.setval/ { row("sequences", $0) }
'

# db_restore FILE URL: into an empty database; all or nothing
db_restore() (
  url_export "$2" || exit
  owner=$(sql "$2" postgres "name=$PGDATABASE" <<<"SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = :'name'") || exit
  # The role that owns the database owns what is in it, whoever restores
  exec pg_restore --no-password --no-owner --no-privileges --role="$owner" \
    --single-transaction --exit-on-error --dbname="$PGDATABASE" "$1"
)

# db_list URL PREFIX: the databases whose names begin so
db_list() {
  sql "$1" postgres "prefix=$2" <<<"SELECT datname FROM pg_database WHERE starts_with(datname, :'prefix') ORDER BY 1"
}

# db_create URL NAME: an empty database beside the URL's own, for the same owner and the same who may connect
db_create() {
  local beside
  beside=$(db_name "$1") || return
  sql "$1" postgres "name=$2" "beside=$beside" <<'SQL'
SELECT coalesce((SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = :'beside'), current_user) AS owner \gset
CREATE DATABASE :"name" OWNER :"owner" TEMPLATE template0 ENCODING 'UTF8';
SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', :'name') FROM pg_database WHERE datname = :'beside' AND datacl IS NOT NULL \gexec
SELECT format('GRANT %s ON DATABASE %I TO %s', privilege_type, :'name',
  CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END)
FROM pg_database, aclexplode(datacl) WHERE datname = :'beside' AND grantee <> datdba \gexec
SQL
}

db_drop() {
  sql "$1" postgres "name=$2" <<<'DROP DATABASE IF EXISTS :"name" WITH (FORCE)'
}

# db_swap URL NEW OLD: NEW takes the name of the URL's database, which is kept as OLD; both names change or none. Done
# already, it does nothing.
db_swap() {
  local name there
  name=$(db_name "$1") && there=$(db_list "$1" '') || return
  if ! grep -Fqx "$2" <<<"$there"; then
    grep -Fqx "$name" <<<"$there" || return
    ! grep -Fqx "$3" <<<"$there" || sql "$1" postgres "old=$3" <<<'ALTER DATABASE :"old" ALLOW_CONNECTIONS true'
    return
  fi
  if ! grep -Fqx "$name" <<<"$there"; then
    sql "$1" postgres "name=$name" "new=$2" <<<'ALTER DATABASE :"new" RENAME TO :"name"'
    return
  fi
  # A database with sessions cannot be renamed: end them, and let none begin meanwhile. The server's own processes end themselves.
  sql "$1" postgres "name=$name" "new=$2" "old=$3" <<'SQL' && return
ALTER DATABASE :"name" ALLOW_CONNECTIONS false;
BEGIN;
SELECT count(pg_terminate_backend(pid, 5000)) AS ended FROM pg_stat_activity WHERE datname = :'name' AND backend_type = 'client backend' \gset
ALTER DATABASE :"name" RENAME TO :"old";
ALTER DATABASE :"new" RENAME TO :"name";
COMMIT;
ALTER DATABASE :"old" ALLOW_CONNECTIONS true;
SQL
  sql "$1" postgres "name=$name" <<<'ALTER DATABASE :"name" ALLOW_CONNECTIONS true'
  return 1
}

# A table with rows that are easy to lose: quotes, several lines, tabs, other scripts, bytes, nothing at all
db_load_sample() {
  sql "$1" '' <<'SQL'
CREATE TABLE drill_sample (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, title text UNIQUE, body text, data bytea);
INSERT INTO drill_sample (title, body, data) VALUES
  ('it''s', E'two\nlines\tand a tab \\ "quoted"', '\x00ff0a5c'),
  ('żółć 漢字 🐘', '', NULL),
  ('nothing', NULL, '\x');
INSERT INTO drill_sample (title, body) SELECT 'row ' || n, repeat(md5(n::text), 8) FROM generate_series(1, 500) AS n;
CREATE TABLE drill_empty (id int PRIMARY KEY);
SQL
}
