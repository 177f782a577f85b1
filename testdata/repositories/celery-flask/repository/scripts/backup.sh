#!/bin/sh
set -e
pg_dump "$DATABASE_URL" | gzip > "/backups/$(date +%F).sql.gz"
