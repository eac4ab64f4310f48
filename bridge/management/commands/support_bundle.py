"""`manage.py support_bundle`: an archive for who helps from outside, without personal data and secrets."""

from argparse import ArgumentParser
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from django.utils import timezone
from django.utils.translation import gettext as _

from audit.models import ActorType
from audit.services import record
from bridge import support


class Command(BaseCommand):
    help = "Writes versions, states, counts and check results into one archive and lists what it holds."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--output", type=Path, default=None, metavar="FILE", help="default: a new file in PONTE_VAR"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        path = options["output"] or settings.VAR_DIR / f"support-{now:%Y%m%dT%H%M%SZ}.zip"
        # Nothing personal leaves, so a database that cannot keep the row must not keep help away.
        with suppress(DatabaseError):
            record(action="support.bundle", actor_type=ActorType.SYSTEM, actor_id="support_bundle")
        try:
            told = support.write(path, now=now)
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror}") from error
        self.stdout.write(_("%(path)s holds:") % {"path": path})
        for line in told:
            self.stdout.write(f"  {line}")
        self.stdout.write(_("No names, telephones, messages or keys are in it; look before you send it all the same."))
