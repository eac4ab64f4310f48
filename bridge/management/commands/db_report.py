"""`python manage.py db_report [--json]`: what PostgreSQL says about itself, with the command that keeps it in order."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from bridge.health.database import Section, report


class Command(BaseCommand):
    help = "Slow statements, unused indexes, sizes, dead rows, connections and blocking locks of the database."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        found = report()
        if options["json"]:
            told = {one.code: [[*row] for row in one.rows] for one in found}
            self.stdout.write(json.dumps(told, ensure_ascii=False))
            return
        for section in found:
            self._tell(section)

    def _tell(self, section: Section) -> None:
        self.stdout.write(f"\n{section.title}")
        if not section.rows:
            self.stdout.write(f"  {section.empty}")
            return
        self.stdout.write("  " + " · ".join(str(column) for column in section.columns))
        for row in section.rows:
            self.stdout.write("  " + " · ".join(row))
        self.stdout.write(f"  → {section.advice} {section.command}")
