# shellcheck shell=bash disable=SC2034 # the variable is for the scripts that source this file
# Which migrations there are, as lines `alembic revision`, for the backup scripts, which source this file.

migrations_table=alembic_version

# Those of the code here; the image of the backup, which has no code, has a list of them
known_migrations() {
  if [ -f known-migrations ]; then cat known-migrations; else migrations_in .; fi
}

# migrations_in FOLDER
migrations_in() {
  find "$1" -name '.?*' -prune -o -path '*/versions/*.py' -exec \
    sed -n "s/^revision[^=]*= *[\"']\([^\"']*\)[\"'].*/alembic \1/p" {} +
}

# The newest that rows of the table, in any database's words, say has been applied
applied_migrations() {
  awk '{ sub(/^INSERT INTO .* VALUES \(/, ""); gsub(/[\t,'\''"()]+/, " "); print "alembic", $1 }'
}
