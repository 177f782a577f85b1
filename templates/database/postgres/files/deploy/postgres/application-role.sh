#!/bin/bash
# Run once by the server's image, when the data folder is still empty: makes the role that owns the application's
# database. The superuser's password stays with the server.
set -euo pipefail

# CREATEDB is for the scratch databases of the tests, of the restore drill, and of a restore, which goes into a new
# database before it takes the place of the old one. psql quotes the values: :"…" a name, :'…' a string.
psql --no-psqlrc --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
  --set name="$APPLICATION_DATABASE" <<'SQL'
\set password `cat "$APPLICATION_PASSWORD_FILE"`
CREATE ROLE :"name" LOGIN NOSUPERUSER NOCREATEROLE CREATEDB PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name";
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
SQL
