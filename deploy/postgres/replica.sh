#!/bin/sh
# Makes a streaming replica of a running primary in an empty directory; run as the account that owns it.
# Usage: PGPASSWORD=… sh replica.sh HOST PORT USER DIRECTORY     USER may replicate (role attribute REPLICATION)
set -eu

host=$1 port=$2 user=$3 directory=$4
pg_basebackup=${PG_BIN:+$PG_BIN/}pg_basebackup
if [ -s "$directory/PG_VERSION" ]; then
    echo "$directory holds a cluster already: nothing done" >&2
    exit 0
fi
# The password goes into the new postgresql.auto.conf (0600), where the replica reads it at every reconnection.
exec "$pg_basebackup" -d "host=$host port=$port user=$user application_name=ponte_replica" -D "$directory" \
    --wal-method=stream --checkpoint=fast --create-slot --slot=ponte_replica --write-recovery-conf
