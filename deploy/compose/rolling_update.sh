#!/usr/bin/env bash
# A new version without a lost delivery: migrate, then one web process after the other, then everything else.
# Usage: bash deploy/compose/rolling_update.sh     DOCKER, COMPOSE_FILE and SERVERS replace what is used below.
# A web process first leaves Traefik's list, so nothing new comes; when it is back and ready it enters it again.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
docker=${DOCKER:-docker}
file=${COMPOSE_FILE:-$here/production.yml}
servers=${SERVERS:-$here/../traefik/dynamic/servers.yml}
settle_s=${SETTLE_S:-5} patience_s=${PATIENCE_S:-120}

compose() { "$docker" compose -f "$file" "$@"; }
# Written in place: Traefik watches the directory.
edit() {
    local changed
    changed=$(sed "$1" "$servers")
    printf '%s\n' "$changed" >"$servers"
}
leave() { edit "s|^\( *\)- url: http://$1:|\1# out: - url: http://$1:|"; }
enter() { edit "s|^\( *\)# out: - url: http://$1:|\1- url: http://$1:|"; }
is_healthy() {
    [ "$("$docker" inspect --format '{{.State.Health.Status}}' "$(compose ps -q "$1")" 2>/dev/null)" = healthy ]
}
until_healthy() {
    local end=$((SECONDS + patience_s))
    until is_healthy "$1"; do
        [ $SECONDS -lt $end ] || return 1
        sleep 1
    done
}

compose build
compose run --rm migrate
for web in web-1 web-2 web-3; do
    leave $web
    sleep "$settle_s"
    compose up -d --no-deps --force-recreate $web "spool-${web#web-}"
    if ! until_healthy $web; then
        echo "$web does not become healthy; the others run the version before. Its log: docker compose logs $web" >&2
        exit 1
    fi
    enter $web
    sleep "$settle_s"
done
compose up -d --no-deps lanes wake-ups jobs beat
