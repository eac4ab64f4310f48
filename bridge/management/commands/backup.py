"""`manage.py backup`: make a backup now, or list those that are kept."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.translation import gettext as _

from bridge.backup import making
from bridge.backup.errors import BackupError
from bridge.backup.keeping import expire, kept
from bridge.backup.stores import store

NOT_MADE, NOT_CLEANED = 1, 3


class Command(BaseCommand):
    help = (
        "Dumps the database, sealed, to PONTE_BACKUP_TO and removes backups that reached their time. Exit codes: 0 made "
        "and whole; 1 none was made and nothing of it is left; 3 made, but an old one could not be removed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--list", action="store_true", help="only list what is kept")
        parser.add_argument("--json", action="store_true", help="one line of JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["list"]:
                return self.listed(**options)
            now = timezone.now()
            made = making.run(now=now)
        except BackupError as error:
            raise CommandError(str(error), returncode=NOT_MADE) from error
        facts = {"backup": made.id, "bytes": made.size, "tables": len(made.facts.tables), "segment": made.facts.segment}
        try:
            facts |= {f"removed_{what}": count for what, count in expire(store(), now).items()}
        except BackupError as error:
            raise CommandError(f"{made.id}: {error}", returncode=NOT_CLEANED) from error
        size = filesizeformat(made.size)
        told = _("Backup %(id)s was made: %(size)s, %(tables)s tables.") % {**facts, "id": made.id, "size": size}
        self.stdout.write(json.dumps(facts) if options["json"] else told)
        return None

    def listed(self, **options: Any) -> None:
        """Newest first; those whose data keys have gone already are read with the newest keys."""
        whole = [one for one in kept(store()) if one.is_whole]
        if options["json"]:
            self.stdout.write(json.dumps([{"backup": one.id, "has_keys": one.has_keys} for one in whole]))
            return
        for one in whole:
            keys = _("with data keys") if one.has_keys else _("data keys removed")
            self.stdout.write(f"{one.id}  {timezone.localtime(one.at):%Y-%m-%d %H:%M}  {keys}")
        if not whole:
            self.stdout.write(_("There is no backup at all."))
