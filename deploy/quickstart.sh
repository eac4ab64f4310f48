#!/usr/bin/env bash
# Everything from nothing but Python >= 3.11: environment, servers, keys, example clinic, example conversations.
# Usage: bash deploy/quickstart.sh [--once]     Other arguments go to `manage.py up`; see README.md.
# PYTHON chooses the interpreter, PONTE_VAR the data directory, PONTE_SERVERS (auto, system, wheels) the servers.
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
source "$root/deploy/python.sh"

prepare_environment requirements.txt
exec "$python" "$root/manage.py" up "$@"
