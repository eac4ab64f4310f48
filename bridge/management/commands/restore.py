"""`manage.py restore`: bring a backup back; nobody is served from it before the erasures were replayed."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.translation import gettext as _

from bridge.backup import restoring
from bridge.backup.errors import BackupError
from bridge.backup.keeping import LATEST
from bridge.backup.server import Server
from bridge.backup.stores import store
from config.db.partitions import Incomplete

UNTOUCHED, UNFINISHED = 1, 3


class Command(BaseCommand):
    help = (
        "Verifies a backup to its last byte, loads it beside the database, checks it, replays the erasures and gives it "
        "the database's name. Stop workers, Celery and beat first; web processes may stay: they spool deliveries. Exit "
        "codes: 0 restored; 1 nothing was touched; 3 loaded and checked, but not in its place yet: --finish."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("backup", nargs="?", default=LATEST, help="its name (`backup --list`); default: the newest")
        parser.add_argument("--keys", default=LATEST, metavar="BACKUP", help="take the data keys of this backup")
        parser.add_argument(
            "--replace", action="store_true", help="the database is not empty: keep it under another name"
        )
        parser.add_argument("--finish", action="store_true", help="go on where an earlier run stopped")
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        try:
            server = Server.of_settings()
            names = restoring.Names.of(server.database, now)
            if options["finish"]:
                restoring.prepared(server, names.fresh)
            else:
                self.prepare(server, names, **options)
        except BackupError as error:
            raise CommandError(str(error), returncode=UNTOUCHED) from error
        try:
            restoring.finish(server, names, self.stdout.write, now=now)
        except (BackupError, CommandError, Incomplete, Error) as error:
            again = _("Nobody is served from it yet. Correct this and run: restore --finish")
            # The text of a database's own error may quote rows.
            told = type(error).__name__ if isinstance(error, Error) else error
            raise CommandError(f"{told}\n{again}", returncode=UNFINISHED) from error
        self.tell_what_next(names.target)

    def prepare(self, server: Server, names: restoring.Names, **options: Any) -> None:
        place = store()
        chosen = restoring.choose(place, options["backup"], options["keys"])
        restoring.check_fits(server, chosen.data)
        restoring.check_target(server, names, may_replace=options["replace"])
        restoring.check_ledger(chosen.data)
        made = timezone.localtime(chosen.data.at)
        told = {"id": chosen.data.id, "made": f"{made:%Y-%m-%d %H:%M}", "name": names.target}
        self.stdout.write(_("Backup %(id)s of %(made)s, into the database “%(name)s”.") % told)
        if not options["yes"] and not self.is_agreed(names.target):
            raise CommandError(_("Nothing was touched."), returncode=UNTOUCHED)
        size = filesizeformat(restoring.verify(place, chosen))
        self.stdout.write(_("Every byte was verified: %(size)s.") % {"size": size})
        restoring.prepare(place, chosen, server, names, self.stdout.write)

    def is_agreed(self, name: str) -> bool:
        try:
            return input(_("Type the name of the database to go on: ")).strip() == name
        except EOFError:
            return False

    def tell_what_next(self, target: str) -> None:
        for line in (
            _("The database “%(name)s” is restored.") % {"name": target},
            _("Next:"),
            _("1. Start workers, Celery and beat; restart the web processes. The spool drains by itself."),
            _("2. manage.py reconcile --after-restore --full brings what happened at the partners since."),
            _("3. manage.py verify_audit will name a cut tail: the places outside know what came after the backup."),
            _("4. Drop the database that was put aside once nobody misses anything: it still holds who was erased."),
        ):
            self.stdout.write(line)
