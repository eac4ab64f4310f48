#!/bin/sh
# The container of the replica: makes it at the first start, then serves it. After a promotion it serves the primary.
set -eu

chmod 0700 "$PGDATA"
PGPASSWORD=$(cat /run/secrets/replication_password) \
    sh /opt/replica.sh "$PRIMARY" 5432 ponte_replicator "$PGDATA"
exec postgres -c config_file=/etc/postgresql/ponte.conf -c cluster_name=ponte_replica
