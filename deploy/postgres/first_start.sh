#!/bin/sh
# Once, when the primary's cluster is new: the roles, the database, and who may connect. psql finds the server as always
# (PGHOST, PGPORT, PGUSER); passwords come from the files in SECRETS (/run/secrets).
set -eu

secrets=${SECRETS:-/run/secrets}
psql=${PG_BIN:+$PG_BIN/}psql
database=$(cat -- "$secrets/database_password")
replication=$(cat -- "$secrets/replication_password")
"$psql" -X -q -v ON_ERROR_STOP=1 -d postgres >/dev/null <<SQL
CREATE ROLE ponte LOGIN PASSWORD '$database';
CREATE ROLE ponte_intake LOGIN CONNECTION LIMIT 30 PASSWORD '$database' IN ROLE ponte;
ALTER ROLE ponte_intake SET role = 'ponte';
CREATE ROLE ponte_replicator LOGIN REPLICATION PASSWORD '$replication';
CREATE DATABASE ponte OWNER ponte ENCODING 'UTF8' TEMPLATE template0 LOCALE 'C.UTF-8';
GRANT pg_monitor TO ponte;
CREATE ROLE ponte_guard LOGIN PASSWORD '$replication' IN ROLE pg_monitor;
GRANT ALTER SYSTEM ON PARAMETER synchronous_standby_names TO ponte_guard;
GRANT EXECUTE ON FUNCTION pg_reload_conf() TO ponte_guard;
\\connect ponte
CREATE EXTENSION IF NOT EXISTS pg_stat_statements;
SQL
printf 'host replication ponte_replicator all scram-sha-256\n' >>"$PGDATA/pg_hba.conf"
"$psql" -X -q -d postgres -c "SELECT pg_reload_conf()" >/dev/null
