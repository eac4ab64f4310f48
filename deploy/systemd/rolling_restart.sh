#!/usr/bin/env bash
# Restarts the web processes one after the other; the socket stays open, so nothing is refused meanwhile.
# Usage: bash deploy/systemd/rolling_restart.sh [1 2 3]     RESTART, with {} for the number, replaces systemctl restart
set -euo pipefail

restart=${RESTART:-systemctl restart ponte-web@\{\}.service}
[ $# -gt 0 ] || set -- 1 2 3
for number in "$@"; do
    # With Type=notify systemctl returns once a worker serves (deploy/gunicorn.conf.py tells it).
    sh -c "${restart//\{\}/$number}"
done
