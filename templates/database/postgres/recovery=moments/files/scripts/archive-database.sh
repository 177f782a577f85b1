# shellcheck shell=bash disable=SC2034,SC2154 # variables are for and from the scripts that source this file
# PostgreSQL for archive and moment, which source this file. pg_receivewal follows the write-ahead log as a standby would,
# to the last commit; pg_basebackup makes the copies to begin from. A server of its own, on a socket that nobody else
# reaches, replays the log. The account needs REPLICATION, and EXECUTE on pg_switch_wal().

archive_bases=1
server=''
slot=archive_$package

archive_check() {
  command -v pg_receivewal >/dev/null || { echo 'pg_receivewal is not installed here' >&2 && return 2; }
}

archive_sql() { sql "$archive_url" ''; }

archive_id() { archive_sql <<<'SELECT system_identifier FROM pg_control_system()'; }

# The server keeps what this slot has not got yet. When that was too much, there is a gap: the archive begins anew.
archive_prepare() {
  local lost
  lost=$(archive_sql <<<"SELECT slot_name FROM pg_replication_slots WHERE slot_name = '$slot' AND wal_status = 'lost'") || return
  if [ -n "$lost" ]; then
    archive_sql <<<"SELECT pg_drop_replication_slot('$slot')" >/dev/null || return
    warn 'the server has not kept what was not archived yet: there is a gap in the moments that can be brought back'
    rm -f "$archive/sealed/$package-$generation"-list-*.sha256
    rm -rf "$live/log"
    mkdir "$live/log"
  fi
  (url_export "$archive_url" && exec pg_receivewal --no-password --slot="$slot" --create-slot --if-not-exists)
}

archive_stream() {
  url_export "$archive_url"
  exec pg_receivewal --no-password --no-loop --directory="$live/log" --slot="$slot" --synchronous --status-interval=1
}

# Print a moment of which the archive has all: of a transaction that changes nothing, and that the slot has got
archive_beat() {
  archive_sql <<SQL
SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYYMMDD"T"HH24MISS"Z"') AS at \gset
SELECT pg_logical_emit_message(true, 'archive', '') AS beat \gset
DO \$\$
DECLARE
  wanted pg_lsn := pg_current_wal_flush_lsn();
BEGIN
  FOR turn IN 1..400 LOOP
    IF (SELECT active AND restart_lsn >= wanted FROM pg_replication_slots WHERE slot_name = '$slot') THEN
      RETURN;
    END IF;
    PERFORM pg_sleep(0.05);
  END LOOP;
  RAISE 'the archive is behind %', wanted;
END
\$\$;
SELECT :'at';
SQL
}

archive_finished() {
  find "$live/log" -type f ! -name '*.partial' | sed 's|.*/||' | LC_ALL=C sort
}

archive_switch() { archive_sql <<<'SELECT pg_switch_wal()' >/dev/null; }

# Named by when it began, and by the file of the log that it needs first
archive_base() {
  local at first
  at=$(stamp) && first=$(archive_sql <<<'SELECT pg_walfile_name(pg_current_wal_flush_lsn())') || return
  url_export "$archive_url"
  # It would remind of what the archive does
  export PGOPTIONS='-c client_min_messages=warning'
  seal base "$at-$first" pg_basebackup --no-password --pgdata=- --format=tar --wal-method=none --checkpoint=fast
}

archive_stop() {
  [ -z "$server" ] || { kill -INT "$server" && wait "$server" || true; }
  server=''
}

# archive_recover MOMENT DUMP: the database as it was then; at the end of the archive if MOMENT is empty
archive_recover() {
  local data=$PWD/$work/data socket file
  socket=$(mktemp -d) && mkdir -m 0700 "$data" && tar -xf "$work/base" -C "$data" && rm "$work/base" || return
  pg_verifybackup --quiet --no-parse-wal "$data" || return
  # The one that was being written is whole up to the last commit; it may have been finished and sealed since
  for file in "$work"/logs/*.partial; do
    [ ! -e "$file" ] || [ -e "${file%.partial}" ] || mv "$file" "${file%.partial}"
  done
  touch "$data/recovery.signal"
  printf 'local all all trust\n' >"$data/pg_hba.conf"
  cat >>"$data/postgresql.auto.conf" <<CONF
restore_command = 'cp "$PWD/$work/logs/%f" "%p"'
recovery_target_time = '${1/%Z/+00}'
recovery_target_action = 'promote'
hot_standby = off
archive_mode = off
listen_addresses = ''
unix_socket_directories = '$socket'
hba_file = '$data/pg_hba.conf'
fsync = off
shared_buffers = 32MB
logging_collector = off
CONF
  postgres -D "$data" >"$work/server.log" 2>&1 & server=$!
  until pg_isready --quiet --host="$socket" --username=nobody; do
    kill -0 "$server" 2>/dev/null || { tail -n 20 "$work/server.log" >&2 && server='' && return 1; }
    sleep 0.2
  done
  db_dump "postgresql://$(url_export "$url" && printf '%s' "$PGUSER")@${socket//\//%2F}:5432/$(db_name "$url")" "$2" >/dev/null &&
    archive_stop && rm -rf "$data" "$socket"
}
