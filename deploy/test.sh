#!/usr/bin/env bash
# Runs the tests with everything they need: environment, PostgreSQL and Redis/Valkey on free ports, Chromium.
# Usage: bash deploy/test.sh [pytest arguments]     Without arguments: the whole suite, except what -m servers runs: the tests
# of fail-overs and rolling restarts, for which PgBouncer and RabbitMQ are needed (apt-get install pgbouncer rabbitmq-server).
# PYTHON, PONTE_SERVERS: as in quickstart.sh. PONTE_CHROMIUM: the browser's program.
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
source "$root/deploy/python.sh"

find_chromium() {
    local name
    for name in ${PONTE_CHROMIUM:+"$PONTE_CHROMIUM"} chromium chromium-browser google-chrome google-chrome-stable \
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"; do
        command -v "$name" && return
    done
    return 1
}

require_chromium() {
    find_chromium && return
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        say "Installing Chromium / Instalando o Chromium"
        { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends chromium; } >&2 || true
        find_chromium && return
    fi
    fail "the tests of the screens need Chromium: sudo apt-get install chromium, or set PONTE_CHROMIUM=/path/to/chrome, or leave them out: bash deploy/test.sh -m 'not browser'" \
        "os testes das telas precisam do Chromium: sudo apt-get install chromium, ou defina PONTE_CHROMIUM=/caminho/do/chrome, ou deixe-os de fora: bash deploy/test.sh -m 'not browser'"
}

random_key() { "$python" -c 'import base64, secrets; print(base64.b64encode(secrets.token_bytes(32)).decode())'; }

# The tests' own secrets: never those of an installation on this machine.
export_test_settings() {
    PONTE_SECRET_KEY=$(random_key)
    PONTE_MASTER_KEYS=t1:$(random_key)
    PONTE_BLIND_KEYS=t1:$(random_key)
    PONTE_AUDIT_KEYS=t1:$(random_key)
    export PONTE_SECRET_KEY PONTE_MASTER_KEYS PONTE_BLIND_KEYS PONTE_AUDIT_KEYS
    export DJANGO_SETTINGS_MODULE=config.settings
}

gives_marks() {
    local argument
    for argument in "$@"; do
        case $argument in -m*) return 0 ;; esac
    done
    return 1
}

gives_workers() {
    local argument
    for argument in "$@"; do
        case $argument in -n* | --numprocesses* | --pdb | --collect-only | --co) return 0 ;; esac
    done
    return 1
}

prepare_environment requirements-dev.txt
case "$*" in
    *"not browser"*) ;;
    *)
        PONTE_CHROMIUM=$(require_chromium) || exit 1
        export PONTE_CHROMIUM
        ;;
esac
export_test_settings
gives_marks "$@" || set -- -m "not servers" "$@"
# Two processes for each core: many tests wait for servers, partners and clocks.
gives_workers "$@" || set -- -n "$("$python" -c 'import os; print(min(8, 2 * (os.cpu_count() or 1)))')" --dist loadfile --no-loadscope-reorder "$@"
cd -- "$root"
exec "$python" -m config.embedded --ephemeral -- "$python" -m pytest "$@"
