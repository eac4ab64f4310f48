#!/usr/bin/env bash
# Known vulnerabilities of the pinned packages: bash deploy/audit_dependencies.sh
# Exit status: 0 asked and none found; 1 found some (they are listed); 3 could not ask. 3 is not "none found": the last
# line says NOT CHECKED, and with PONTE_AUDIT_REQUIRED=1 (a release) whoever calls this must stop.
# PONTE_AUDIT_SERVICE: osv (default, https://api.osv.dev) or pypi. Needs the network; sends names and versions only.
set -uo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
source "$root/deploy/python.sh"

service=${PONTE_AUDIT_SERVICE:-osv}
report=$(mktemp)
trap 'rm -f "$report"' EXIT

prepare_environment requirements-dev.txt || exit 3
# Everything that is installed, also what the pinned packages bring along. --strict: a package that could not be looked
# up is no package without findings. Of a failure's long story the last line says why.
said=$("$python" -m pip_audit --strict --local --progress-spinner off --vulnerability-service "$service" --timeout 15 \
    --format json --output "$report" 2>&1)
status=$?
printf '%s\n' "$said" | tail -n 1

"$python" - "$report" "$status" "$service" <<'PYTHON_CODE'
import json, pathlib, sys

report, status, service = pathlib.Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
try:
    packages = json.loads(report.read_text())["dependencies"]
except (ValueError, KeyError, TypeError):
    packages = []
asked = [one for one in packages if "vulns" in one]
found = [(one["name"], one["version"], bug) for one in asked for bug in one["vulns"]]
for name, version, bug in found:
    fixes = ", ".join(bug.get("fix_versions") or []) or "no version yet"
    print(f"{name} {version}: {bug['id']}, fixed in {fixes}")
if found:
    print(f"dependency audit: {len(found)} known vulnerabilities in {len(asked)} packages ({service})")
    sys.exit(1)
if status or not asked or len(asked) < len(packages):
    print(f"dependency audit: NOT CHECKED, {service} could not be asked about every package (the reason is above)")
    sys.exit(3)
print(f"dependency audit: no known vulnerability in {len(asked)} packages ({service})")
PYTHON_CODE
status=$?
[ $status -eq 3 ] && [ "${PONTE_AUDIT_REQUIRED:-0}" != 1 ] && say "Nobody has looked at the dependencies; do it where there is a network."
exit $status
