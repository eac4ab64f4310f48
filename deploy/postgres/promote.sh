#!/bin/sh
# Makes the replica the primary and sends PgBouncer there. Meanwhile deliveries wait in the spools; nothing is lost.
# Usage: promote.sh REPLICA_URL PRIMARY_URL DATABASES_INI "host=old port=1" "host=new port=2" RELOAD_COMMAND
#   URLs are of a superuser, without passwords: PGPASSWORD or ~/.pgpass has them. DATABASES_INI is PgBouncer's list
#   of places; RELOAD_COMMAND sends it SIGHUP.
# Afterwards: python manage.py reconcile --after-restore
set -eu

replica=$1 primary=$2 databases=$3 old=$4 new=$5 reload=$6
psql=${PG_BIN:+$PG_BIN/}psql
ask() { "$psql" -X -q -A -t -v ON_ERROR_STOP=1 "$@"; }

# Two primaries would both take writes: the old one has to be off before this goes on.
if PGCONNECT_TIMEOUT=3 ask "$primary" -c "SELECT 1" >/dev/null 2>&1; then
    echo "The primary still answers. Stop it for good first (or is only the network between them broken?)." >&2
    exit 1
fi
# Nobody follows the new primary yet: waiting for a second copy would stop the intake.
ask "$replica" -c "ALTER SYSTEM SET synchronous_standby_names = ''" -c "SELECT pg_reload_conf()" >/dev/null
ask "$replica" -c "SELECT pg_promote(true, 60)" | grep -qx t || {
    echo "The replica did not become primary within 60 s; its log says why." >&2
    exit 1
}
# Written in place: the file may be a mount of its own.
changed=$(sed "s/$old /$new /" "$databases")
printf '%s\n' "$changed" >"$databases"
sh -c "$reload"
echo "Promoted. Now: python manage.py reconcile --after-restore, and make a new replica (replica.sh)."
