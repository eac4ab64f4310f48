#!/bin/sh
# Beside each PostgreSQL: lets the intake wait for the replica only while there is one. A replica that is away for three looks
# is waited for no more, one that streams again is. On a replica it does nothing. PostgreSQL itself would wait for ever.
# psql finds the server as always (PGHOST, PGPORT); PASSWORD_FILE is that of ponte_guard; LOOK_S (1) between two looks.
set -eu

psql=${PG_BIN:+$PG_BIN/}psql
PGPASSWORD=$(cat -- "$PASSWORD_FILE")
export PGPASSWORD PGUSER=ponte_guard PGDATABASE=postgres PGCONNECT_TIMEOUT=3
ask() { "$psql" -X -q -A -t -v ON_ERROR_STOP=1 "$@"; }

wanted="
SELECT CASE
  WHEN pg_is_in_recovery() THEN 'as it is'
  WHEN EXISTS (SELECT FROM pg_stat_replication WHERE application_name = 'ponte_replica' AND state = 'streaming')
    THEN CASE WHEN current_setting('synchronous_standby_names') = '' THEN 'wait' ELSE 'as it is' END
  WHEN current_setting('synchronous_standby_names') = '' THEN 'as it is'
  ELSE 'go on alone' END"
missed=0
while :; do
    case $(ask -c "$wanted" 2>/dev/null || echo away) in
        'go on alone')
            missed=$((missed + 1))
            if [ $missed -ge 3 ]; then
                echo "the replica is away: nobody waits for it any more" >&2
                ask -c "ALTER SYSTEM SET synchronous_standby_names = ''" -c "SELECT pg_reload_conf()" >/dev/null || true
            fi
            ;;
        'wait')
            echo "the replica is back: deliveries are on both machines again" >&2
            ask -c "ALTER SYSTEM RESET synchronous_standby_names" -c "SELECT pg_reload_conf()" >/dev/null || true
            ;;
        *) missed=0 ;;
    esac
    sleep "${LOOK_S:-1}"
done
