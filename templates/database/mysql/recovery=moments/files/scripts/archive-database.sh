# shellcheck shell=bash disable=SC2034,SC2154 # variables are for and from the scripts that source this file
# MySQL and MariaDB for archive and moment, which source this file. mysqlbinlog follows the binary log as a replica would; a
# dump that begins a file of the log is a copy to begin from. A server of its own, on a socket that nobody else reaches,
# replays the log. The account needs REPLICATION SLAVE, REPLICATION CLIENT, RELOAD and PROCESS, and on the database SELECT,
# SHOW VIEW, TRIGGER and EVENT.

archive_bases=1
server=''

archive_sql() { sql "$archive_url" ''; }

# supports PROGRAM OPTION
supports() { grep -q -e "$2" <<<"$("$1" --no-defaults --verbose --help 2>/dev/null)"; }

binlog_program() { command -v mariadb-binlog || command -v mysqlbinlog; }
server_program() { command -v mariadbd || command -v mysqld; }

archive_check() {
  local terms
  binlog_program >/dev/null || { echo 'neither mysqlbinlog nor mariadb-binlog is installed here' >&2 && return 2; }
  terms=$(archive_sql <<<"SELECT CONCAT(IF(@@log_bin, 'on', 'off'), ' ', @@binlog_format)") || return 1
  [ "$terms" = 'on ROW' ] || { echo "the server must write a binary log of rows: log_bin and binlog_format are $terms" >&2 && return 1; }
}

# Of the server and of its data: MySQL keeps its id with the data; MariaDB tells when a table of its own was made, if the
# account may SELECT from mysql.servers
archive_id() {
  local id
  id=$(archive_sql <<<'SELECT @@server_uuid' 2>/dev/null) ||
    id=$(archive_sql <<<"SELECT CONCAT(@@server_uid, COALESCE((SELECT create_time FROM information_schema.tables
      WHERE table_schema = 'mysql' AND table_name = 'servers'), ''))") || return
  printf '%s' "$id" | sum_of | cut -c 1-16
}

# The file of the log that is being written, and how far it goes
archive_position() {
  archive_sql <<<'SHOW BINARY LOG STATUS' 2>/dev/null || archive_sql <<<'SHOW MASTER STATUS'
}

archive_prepare() {
  local oldest
  # The file that was not read to its end is read again. One that the server has deleted meanwhile leaves a gap.
  log_first=$(find "$live/log" -type f | sed 's|.*/||' | LC_ALL=C sort | tail -n 1)
  oldest=$(archive_sql <<<'SHOW BINARY LOGS' | cut -f 1) || return
  if [ -n "$log_first" ] && ! grep -Fqx "$log_first" <<<"$oldest"; then
    warn 'the server has not kept what was not archived yet: there is a gap in the moments that can be brought back'
    rm -f "$archive/sealed/$package-$generation"-list-*.sha256 "$live/log"/*
    log_first=''
  fi
  [ -n "$log_first" ] || { log_first=$(archive_position) && log_first=${log_first%%$'\t'*}; }
}

archive_stream() {
  local program options=()
  program=$(binlog_program)
  if supports "$program" --connection-server-id; then options+=(--connection-server-id=$((0x7fff0000 + RANDOM))); else
    options+=(--stop-never-slave-server-id=$((0x7fff0000 + RANDOM)))
  fi
  url_split "$archive_url"
  exec "$program" --defaults-file=<(server_options) --read-from-remote-server --raw --stop-never "${options[@]}" --result-file="$live/log/" "$log_first"
}

# Print a moment of which the archive has all
archive_beat() {
  local at position file wanted turn
  at=$(archive_sql <<<"SELECT DATE_FORMAT(UTC_TIMESTAMP(), '%Y%m%dT%H%i%SZ')") && position=$(archive_position) || return
  IFS=$'\t' read -r file wanted _ <<<"$position"
  for turn in {1..100}; do
    [ ! -s "$live/log/$file" ] || [ "$(wc -c <"$live/log/$file")" -lt "$wanted" ] || { echo "$at" && return; }
    sleep 0.1
  done
  echo "the archive is behind $file, $wanted" >&2
  return 1
}

# All but the one that is being written
archive_finished() {
  find "$live/log" -type f | sed 's|.*/||' | LC_ALL=C sort | sed '$d'
}

archive_switch() { archive_sql <<<'FLUSH BINARY LOGS'; }

# Named by when it began, and by the file of the log that was being written then. With the dump begins another one.
archive_base() {
  local at first
  at=$(stamp) && first=$(archive_position) || return
  seal base "$at-${first%%$'\t'*}" dump_with_position
}

dump_with_position() {
  local name options only=()
  name=$(db_name "$url") || return
  options=$("$(dump_program)" --no-defaults --help)
  case $options in *--source-data*) only+=(--source-data=2) ;; *) only+=(--master-data=2) ;; esac
  case $options in *--set-gtid-purged*) only+=(--set-gtid-purged=OFF) ;; esac
  case $options in *--masking-policies*) only+=(--skip-masking-policies) ;; esac
  client dump "$archive_url" --single-transaction --flush-logs --quick --routines --triggers --events --hex-blob \
    --no-tablespaces "${only[@]}" --databases "$name"
}

archive_stop() {
  [ -z "$server" ] || { kill "$server" && wait "$server" || true; }
  server=''
}

# beside PROGRAM URL [ARGUMENT…]: as client, with the server beside the one in use, whatever the URL
beside() (
  program=$1
  shift 2
  if [ "$program" = dump ]; then program=$(dump_program); else program=$(command -v mariadb || command -v mysql); fi
  exec "$program" --no-defaults --user=root --socket="$socket/socket" --default-character-set=utf8mb4 "$@"
)

# archive_recover MOMENT DUMP: the database as it was then; at the end of the archive if MOMENT is empty
archive_recover() {
  local data=$PWD/$work/data program binlog name first socket file logs=() only=() user=()
  if ! binlog=$(binlog_program) || ! program=$(server_program); then
    echo 'neither mysqld nor mariadbd is installed here' >&2
    return 1
  fi
  name=$(db_name "$url") && socket=$(mktemp -d) || return
  [ "$(id -u)" != 0 ] || user=(--user=root)
  if [ "${program##*/}" = mysqld ]; then
    "$program" --no-defaults --initialize-insecure --datadir="$data" ${user[@]+"${user[@]}"} 2>"$work/server.log"
  else
    mariadb-install-db --no-defaults --auth-root-authentication-method=normal --skip-test-db --datadir="$data" \
      ${user[@]+"${user[@]}"} >"$work/server.log" 2>&1
  fi || { tail -n 20 "$work/server.log" >&2 && return 1; }
  ! supports "$program" --mysqlx || only+=(--mysqlx=OFF)
  # Nothing of it needs to be durable
  "$program" --no-defaults --datadir="$data" --socket="$socket/socket" --pid-file="$socket/pid" --skip-networking --skip-log-bin \
    --innodb-flush-log-at-trx-commit=0 ${user[@]+"${user[@]}"} ${only[@]+"${only[@]}"} >"$work/server.log" 2>&1 & server=$!
  until beside sql '' --execute 'SELECT 1' >/dev/null 2>&1; do
    kill -0 "$server" 2>/dev/null || { tail -n 20 "$work/server.log" >&2 && server='' && return 1; }
    sleep 0.2
  done
  # The file of the log that begins with the dump
  first=$(sed -n "s/^-- CHANGE .*_LOG_FILE='\([^']*\)'.*/\1/p;/^CREATE/q" "$work/base") && [ -n "$first" ] || return
  beside sql '' --binary-mode <"$work/base" || return
  while IFS= read -r file; do
    [[ $file < $first ]] || logs+=("$work/logs/$file")
  done < <(find "$work/logs" -type f | sed 's|.*/||' | LC_ALL=C sort)
  [ "${#logs[@]}" != 0 ] || { echo "the archive lacks the log from $first on" >&2 && return 1; }
  # The statements of a restore move tables between databases, of which the archive follows one alone
  only=(--no-defaults)
  [ -z "$1" ] || only+=(--stop-datetime="$(tr -d Z <<<"${1/T/ }")")
  if TZ=UTC "$binlog" "${only[@]}" --base64-output=decode-rows "${logs[@]}" |
    awk '/^RENAME TABLE .*_restore_/ { found = 1 } END { exit !found }'; then
    echo 'a backup was restored shortly before that moment, and no copy to begin from was made yet: take a moment before it, or a later one' >&2
    return 1
  fi
  ! supports "$binlog" --skip-gtids || only+=(--skip-gtids)
  TZ=UTC "$binlog" "${only[@]}" --database="$name" "${logs[@]}" | beside sql '' --binary-mode || return
  (
    # shellcheck disable=SC2329 # what makes the dump calls it
    client() { beside "$@"; }
    db_dump "$url" "$2" >/dev/null
  ) && archive_stop && rm -rf "$data" "$socket"
}
