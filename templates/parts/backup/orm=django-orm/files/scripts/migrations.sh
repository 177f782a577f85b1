# shellcheck shell=bash disable=SC2034 # the variable is for the scripts that source this file
# Which migrations there are, as lines `app migration`, for the backup scripts, which source this file.

migrations_table=django_migrations

# Those of the code here; the image of the backup, which has no code, has a list of them
known_migrations() {
  if [ -f known-migrations ]; then cat known-migrations; else migrations_in .; fi
}

# migrations_in FOLDER: those of applications of its own; the others come with packages
migrations_in() {
  find "$1" -name '.?*' -prune -o -path '*/migrations/[!_]*.py' -print | sed -n 's|.*/\([^/]*\)/migrations/\([^/]*\)\.py$|\1 \2|p'
}

# Those that rows of the table, in any database's words, say have been applied
applied_migrations() {
  awk '{ sub(/^INSERT INTO .* VALUES \(/, ""); gsub(/[\t,'\''"()]+/, " "); print $2, $3 }'
}
