"""`manage.py catalogue`: renew, compile or check the Portuguese texts. Needs no gettext programs."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

# polib is a tool of development: only this command needs it.
from config import catalogue


class Command(BaseCommand):
    help = (
        "Collects every text a person may read into config/locale/pt_BR/LC_MESSAGES/django.po and compiles it. "
        "Translate the empty ones there and run it again. --check changes nothing and fails when something is missing, "
        "untranslated, no longer used or not compiled."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="change nothing; exit code 1 when it is not fresh")

    def handle(self, *args: Any, **options: Any) -> None:
        where, wanted = catalogue.places(), catalogue.texts()
        if not options["check"]:
            catalogue.write(catalogue.renewed(catalogue.read(where.po), wanted), where)
        found = catalogue.faults(wanted, where)
        for line in found:
            self.stdout.write(line)
        if found:
            raise CommandError(f"The catalogue is not fresh: {len(found)} texts. Translate them in {where.po.name}.")
        self.stdout.write(f"{len(wanted)} texts, all of them in Portuguese.")
