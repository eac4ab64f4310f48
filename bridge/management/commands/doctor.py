"""`manage.py doctor [--connection NAME | --system] [--json]`: every check, what it found, its fix; exit code 1: failed."""

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from bridge.connecting import checks
from bridge.connecting.checks.base import Finding, State, keep
from bridge.connecting.look import Look
from bridge.health import lines
from bridge.models import Connection
from bridge.models.setup import setup_of
from bridge.queries.words import Word

WORDS = {Word.FAILED: "✗", Word.WAITING: "!", Word.UNKNOWN: "?"}
MARKS = {State.OK: "✓", State.WARNING: "!", State.FAILED: "✗", State.UNKNOWN: "?"}


class Command(BaseCommand):
    help = "Check every connection (or one) with both partners; prints each finding with its fix. Exit code 1: to fix."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--connection", default="", help="name or number of one connection")
        parser.add_argument(
            "--system", action="store_true", help="the lines of the page Health instead; asks no partner"
        )
        parser.add_argument("--json", action="store_true", help="one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["system"]:
            self._tell_system(as_json=options["json"])
            return
        rows = _chosen(options["connection"])
        results = {row: examined(row) for row in rows}
        if options["json"]:
            told = [
                {"connection": row.name, "id": row.pk, "checks": [_as_json(f) for f in found]}
                for row, found in results.items()
            ]
            self.stdout.write(json.dumps({"connections": told}, ensure_ascii=False))
        else:
            self._tell(results)
        if any(finding.state == State.FAILED for found in results.values() for finding in found):
            sys.exit(1)

    def _tell_system(self, *, as_json: bool) -> None:
        found = lines.lines(timezone.now())
        if as_json:
            told = [
                {"code": line.code, "state": line.word.value, "found": line.value, "fix": line.do} for line in found
            ]
            self.stdout.write(json.dumps({"system": told}, ensure_ascii=False))
        for line in found if not as_json else ():
            self.stdout.write(f"  {WORDS.get(line.word, '✓')} {line.title}: {line.value}")
            if line.do and not line.is_well:
                self.stdout.write(f"      → {line.do}")
        if any(line.word == Word.FAILED for line in found):
            sys.exit(1)

    def _tell(self, results: dict[Connection, list[Finding]]) -> None:
        if not results:
            self.stdout.write(_("No connection yet: python manage.py connect, or the assistant in the admin."))
        for row, found in results.items():
            self.stdout.write(f"\n{row.name} · {row.clinic.trade_name} · {row.get_state_display()}")
            for finding in found:
                self.stdout.write(f"  {MARKS[finding.state]} {finding.check.title}: {finding.found}")
                if finding.fix and finding.state != State.OK:
                    self.stdout.write(f"      → {finding.fix}")


def examined(connection: Connection) -> list[Finding]:
    """Make every check and keep what was found for the connection's page."""
    found = checks.run(checks.ALL, Look(connection))
    keep(setup_of(connection), found)
    return found


def _chosen(text: str) -> list[Connection]:
    rows = Connection.objects.select_related("clinic", "krayin").order_by("pk")
    if not text:
        return list(rows.exclude(state=Connection.State.OFF))
    named = Q(name__iexact=text) | (Q(pk=int(text)) if text.isdecimal() and len(text) < 19 else Q())
    found = list(rows.filter(named)) if text.isdecimal() else list(rows.filter(name__iexact=text))
    if not found:
        raise CommandError(_("There is no connection “%(name)s”.") % {"name": text})
    return found


def _as_json(finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.code, "state": finding.state.value, "title": str(finding.check.title), "found": finding.found,
        "why": str(finding.check.why), "fix": finding.fix, "can_fix": finding.check.can_fix,
    }  # fmt: skip
