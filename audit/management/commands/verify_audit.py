"""`manage.py verify_audit`: is the audit trail whole?"""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.verifying import check


class Command(BaseCommand):
    help = (
        "Checks the audit trail: names every changed, missing, inserted, reordered row, cut tail and dropped segment. "
        "Checks what came after the last clean check; --full checks everything. Exit code 1 when something is found."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--full", action="store_true", help="check from the first row on")
        parser.add_argument("--json", action="store_true", help="one line of JSON")
        parser.add_argument("--processes", type=int, default=2, metavar="N", help="share the rows among N (2)")

    def handle(self, *args: Any, **options: Any) -> None:
        checked = check(full=options["full"], processes=options["processes"])
        if options["json"]:
            told = {
                "mode": str(checked.mode),
                "rows": checked.rows,
                "segments": checked.segments,
                "seconds": round(checked.seconds, 3),
                "rows_per_second": checked.rows_per_second,
                "findings": [finding.as_json() for finding in checked.findings],
            }
            self.stdout.write(json.dumps(told))
        else:
            for finding in checked.findings:
                self.stdout.write(f"{finding.kind}: {finding.where}")
            self.stdout.write(
                f"{checked.rows} rows in {checked.segments} segments, {checked.seconds:.1f} s "
                f"({checked.rows_per_second} rows/s): {len(checked.findings)} findings"
            )
        if checked.findings:
            raise CommandError("The audit trail is not whole.", returncode=1)
