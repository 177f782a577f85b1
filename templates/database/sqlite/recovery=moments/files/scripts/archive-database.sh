# shellcheck shell=bash disable=SC2034,SC2154 # variables are for and from the scripts that source this file
# SQLite for archive and moment, which source this file: Litestream follows the write-ahead log, makes the copies to begin
# from, brings all of it to the store itself and deletes what is old. It does not encrypt: the store has to.

archive_bases=''
socket=''

# Where Litestream keeps what it has: in the store, or here where there is none
replica() {
  if has_store; then
    printf 's3://%s/%slitestream/%s?region=%s%s\n' "$(setting BACKUP_S3_BUCKET)" "$(setting BACKUP_S3_PREFIX)" "$generation" \
      "$(setting BACKUP_S3_REGION us-east-1)" "$(setting BACKUP_S3_ENDPOINT | sed -n 's/^./\&endpoint=&/p')"
  else
    printf 'file://%s\n' "$PWD/$live/log"
  fi
}

# The store's keys, for litestream's environment alone; without keys it takes the role that the machine has
store_keys() {
  LITESTREAM_ACCESS_KEY_ID=$(setting BACKUP_S3_ACCESS_KEY_ID)
  LITESTREAM_SECRET_ACCESS_KEY=$(setting BACKUP_S3_SECRET_ACCESS_KEY)
  [ -z "$LITESTREAM_ACCESS_KEY_ID" ] || export LITESTREAM_ACCESS_KEY_ID LITESTREAM_SECRET_ACCESS_KEY
  # It dies of a bundle that it is told of
  unset AWS_CA_BUNDLE
}

archive_check() {
  command -v litestream >/dev/null || { echo 'litestream is not installed here' >&2 && return 2; }
}

# The id of this file, which lies beside it and is lost with it
archive_id() {
  local file
  file=$(db_file "$archive_url") && [ -f "$file" ] || { echo 'there is no database yet' >&2 && return 1; }
  [ -s "$file-archive" ] || od -A n -t x1 -N 8 /dev/urandom | tr -d ' \n' >"$file-archive"
  cat "$file-archive"
}

# A write-ahead log is what there is to follow
archive_prepare() {
  local file
  file=$(db_file "$archive_url") || return
  [ -n "$socket" ] || socket=$(mktemp -d)
  python3 -c 'import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=60).execute("PRAGMA journal_mode=WAL")' "$file" &&
    cat >"$live/litestream.yml" <<YAML
logging: {level: warn}
socket: {enabled: true, path: "$socket/litestream"}
# Every change of a day; of the days before, one state for each half minute
l0-retention: 24h
snapshot: {interval: 24h, retention: $((24 * ($(setting ARCHIVE_KEEP_DAYS 7) + 1)))h}
dbs:
  - path: "$PWD/$file"
    monitor-interval: 100ms
    replica:
      sync-interval: 100ms
      url: "$(replica)"
YAML
}

archive_stream() {
  store_keys
  exec litestream replicate -no-expand-env -config "$live/litestream.yml"
}

# Print a moment of which the archive has all
archive_beat() {
  local at file
  file=$(db_file "$archive_url") && [ -f "$file" ] && at=$(stamp) || return
  # The socket comes with the stream
  [ -S "$socket/litestream" ] || sleep 0.5
  litestream sync -socket "$socket/litestream" -wait -timeout 20 "$PWD/$file" >/dev/null && echo "$at"
}

archive_finished() { :; }
archive_switch() { :; }
archive_base() { :; }
archive_stop() { :; }

# archive_recover MOMENT DUMP: the database as it was then; at the end of the archive if MOMENT is empty
archive_recover() (
  store_keys
  last=$(litestream ltx -level all "$(replica)" | awk 'NR > 1 && $NF > last { last = $NF } END { print last }') && [ -n "$last" ] || exit
  # Litestream knows no moment after the last change
  if [ -n "$1" ] && [[ $1 < $last ]]; then set -- "$2" -timestamp "$1"; else set -- "$2"; fi
  litestream restore "${@:2}" -integrity-check full -o "$1" "$(replica)"
)
