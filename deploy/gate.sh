#!/usr/bin/env bash
# The gate: lint, format, types, missing migrations, system checks. CI runs this same command.
# Usage: bash deploy/gate.sh
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
source "$root/deploy/python.sh"

prepare_environment requirements-dev.txt
cd -- "$root"
random_key() { "$python" -c 'import base64, secrets; print(base64.b64encode(secrets.token_bytes(32)).decode())'; }
PONTE_SECRET_KEY=$(random_key)
PONTE_MASTER_KEYS=g1:$(random_key)
PONTE_BLIND_KEYS=g1:$(random_key)
PONTE_AUDIT_KEYS=g1:$(random_key)
export PONTE_SECRET_KEY PONTE_MASTER_KEYS PONTE_BLIND_KEYS PONTE_AUDIT_KEYS DJANGO_SETTINGS_MODULE=config.settings

say "ruff"
"$python" -m ruff check .
"$python" -m ruff format --check .
say "migrations and system checks"
"$python" -m config.embedded --ephemeral -- "$python" manage.py makemigrations --check --dry-run
DATABASE_URL=postgres://nobody@127.0.0.1/none "$python" manage.py check
say "mypy"
DATABASE_URL=postgres://nobody@127.0.0.1/none "$python" -m mypy .
