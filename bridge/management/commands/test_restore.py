"""`manage.py test_restore`: could the newest backup be used? Restores it into a database of its own and drops that."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.translation import gettext as _

from bridge.backup import trying
from bridge.backup.errors import BackupError
from bridge.backup.keeping import LATEST


class Command(BaseCommand):
    help = (
        "Restores a backup into a database of its own: every row and sum as it was dumped, encrypted values open, the "
        "audit chain is whole; then drops it and keeps the result for health and alerts. Exit code 1: it failed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("backup", nargs="?", default=LATEST, help="its name (`backup --list`); default: the newest")
        parser.add_argument("--json", action="store_true", help="one line of JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            counts = trying.run(now=timezone.now(), wanted=options["backup"])
        except BackupError as error:
            raise CommandError(str(error)) from error
        told = _(
            "The backup can be restored: %(tables)s tables are the same, %(values)s encrypted values opened, the audit "
            "trail is whole up to row %(audit_rows)s."
        )
        self.stdout.write(json.dumps(counts) if options["json"] else told % counts)
