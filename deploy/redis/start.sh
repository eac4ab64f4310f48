#!/bin/sh
# Starts Redis or a Sentinel in the foreground, with the password from a file, never on a command line.
# Usage: start.sh server [MASTER_HOST MASTER_PORT]    the second form starts a replica
#        start.sh sentinel MASTER_HOST MASTER_PORT
# REDIS_PASSWORD_FILE, REDIS_PORT (6379, 26379), REDIS_DIR (/data), REDIS_BIND (*), REDIS_ANNOUNCE: the name others call it,
# REDIS_SERVER: the program (redis-server; valkey-server does as well)
set -eu
umask 077

role=$1 master=${2:-} port=${3:-6379}
here=$(cd -- "$(dirname -- "$0")" && pwd)
directory=${REDIS_DIR:-/data}
password=$(cat -- "$REDIS_PASSWORD_FILE")
configuration=$directory/$role.conf

server() {
    cat -- "$here/redis.conf"
    printf 'port %s\nbind %s\ndir %s\n' "${REDIS_PORT:-6379}" "${REDIS_BIND:-*}" "$directory"
    printf 'requirepass %s\nmasterauth %s\n' "$password" "$password"
    [ -z "$master" ] || printf 'replicaof %s %s\n' "$master" "$port"
    [ -z "${REDIS_ANNOUNCE:-}" ] || printf 'replica-announce-ip %s\n' "$REDIS_ANNOUNCE"
}

sentinel() {
    cat -- "$here/sentinel.conf"
    printf 'port %s\nbind %s\ndir %s\n' "${REDIS_PORT:-26379}" "${REDIS_BIND:-*}" "$directory"
    printf 'requirepass %s\nsentinel sentinel-pass %s\n' "$password" "$password"
    [ -z "${REDIS_ANNOUNCE:-}" ] || printf 'sentinel announce-ip %s\n' "$REDIS_ANNOUNCE"
    printf 'sentinel monitor ponte %s %s 2\nsentinel auth-pass ponte %s\n' "$master" "$port" "$password"
    printf 'sentinel down-after-milliseconds ponte 5000\nsentinel failover-timeout ponte 15000\n'
    printf 'sentinel parallel-syncs ponte 1\n'
}

case $role in
    server)
        server >"$configuration"
        exec "${REDIS_SERVER:-redis-server}" "$configuration"
        ;;
    sentinel)
        # A Sentinel writes into its file what it learned; after a restart that counts, not what was true at first.
        [ -s "$configuration" ] || sentinel >"$configuration"
        exec "${REDIS_SERVER:-redis-server}" "$configuration" --sentinel
        ;;
    *)
        echo "server or sentinel, not $role" >&2
        exit 2
        ;;
esac
