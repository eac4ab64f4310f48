#!/bin/sh
# Starts RabbitMQ in the foreground, with user, password and the cluster's cookie from files.
# RABBITMQ_PASSWORD_FILE, RABBITMQ_COOKIE_FILE; RABBITMQ_HOME (/var/lib/rabbitmq); RABBITMQ_NODES: "rabbit@a rabbit@b"
set -eu
umask 077

here=$(cd -- "$(dirname -- "$0")" && pwd)
HOME=${RABBITMQ_HOME:-/var/lib/rabbitmq}
export HOME RABBITMQ_CONFIG_FILE="$HOME/ponte.conf" RABBITMQ_MNESIA_BASE="$HOME/data"

{
    cat -- "$here/rabbitmq.conf"
    printf 'default_user = ponte\ndefault_pass = %s\n' "$(cat -- "$RABBITMQ_PASSWORD_FILE")"
    number=0
    for node in ${RABBITMQ_NODES:-}; do
        number=$((number + 1))
        [ $number -gt 1 ] || printf 'cluster_formation.peer_discovery_backend = classic_config\n'
        printf 'cluster_formation.classic_config.nodes.%s = %s\n' $number "$node"
    done
} >"$RABBITMQ_CONFIG_FILE"
rm -f -- "$HOME/.erlang.cookie"
cat -- "$RABBITMQ_COOKIE_FILE" >"$HOME/.erlang.cookie"
chmod 400 "$HOME/.erlang.cookie"
exec "${RABBITMQ_SERVER:-rabbitmq-server}"
