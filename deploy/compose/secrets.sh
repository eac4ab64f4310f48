#!/usr/bin/env bash
# Makes the secrets of an installation once, as files that only root reads on this host: bash deploy/compose/secrets.sh HOST MAIL_URL
# Run again it makes only what is missing. KEEP A COPY of master_keys, blind_keys and audit_keys ELSEWHERE: without them
# nobody can read what the database holds.
set -euo pipefail
umask 022

host=${1:?usage: secrets.sh ponte.clinica.com.br smtp://user:password@mail.example}
mail=${2:?the address of a mail server, for invitations and alerts: smtp:// or smtps://}
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
directory=$here/secrets
# The directory keeps others out; inside containers each process has an account of its own, which must read its files.
mkdir -p "$directory" "$here/certificates"
chmod 0700 "$directory" "$here/certificates"
[ "$(id -u)" != 0 ] || chown 65532:65532 "$here/certificates"

keep() { # NAME VALUE
    [ -s "$directory/$1" ] && return
    printf '%s\n' "$2" >"$directory/$1"
    chmod 0444 "$directory/$1"
}
word() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
key() { printf 'k1:%s' "$(head -c 32 /dev/urandom | base64 | tr -d '\n')"; }
value() { cat -- "$directory/$1"; }

keep secret_key "$(word)$(word)"
for name in master_keys blind_keys audit_keys; do keep $name "$(key)"; done
for name in database replication postgres redis; do keep ${name}_password "$(word)"; done
keep mail_url "$mail"
database=$(value database_password)
keep database_url "postgresql://ponte:$database@pgbouncer:6432/ponte"
keep database_direct_url "postgresql://ponte:$database@pgbouncer:6432/ponte_direct"
keep database_replica_url "postgresql://ponte:$database@postgres-b:5432/ponte"
keep pgbouncer_users "\"ponte\" \"$database\"
\"ponte_intake\" \"$database\""
keep redis_url "redis+sentinel://:$(value redis_password)@sentinel-1:26379,sentinel-2:26379,sentinel-3:26379/ponte/0"
# For rabbitmq.yml.
for name in rabbitmq_password rabbitmq_cookie; do keep $name "$(word)"; done
rabbitmq=$(value rabbitmq_password)
keep broker_url "$(printf 'amqp://ponte:%s@rabbitmq-%s:5672/;' "$rabbitmq" 1 "$rabbitmq" 2 "$rabbitmq" 3 | sed 's/;$//')"
[ -s "$here/.env" ] || printf 'PONTE_HOST=%s\nPONTE_VERSION=0.1.0\nPONTE_MAIL_FROM=ponte@%s\n' "$host" "$host" >"$here/.env"
echo "Secrets are in $directory. Copy the three *_keys to a safe place now."
