"""`manage.py partitions`: show the partitions and what is to be done, or do it."""

import json
from argparse import ArgumentParser
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from config.db import catalogue
from config.db.partitions import Action, Incomplete, Partitioned, apply, is_ours, plan, registered

# The daily job keeps 14 days; whoever has less than this has had no job for long, and inserts will soon fail.
ENOUGH = timedelta(days=2)


class Command(BaseCommand):
    help = (
        "Shows (--plan) or makes (--apply) the partitions that are missing and drops the expired ones. "
        "Exit codes: 0 fine; 1 something could not be done, the next run tries again; "
        "3 (--plan) some table is covered for less than 2 days ahead."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--plan", action="store_true", help="show what exists and what would be done")
        what.add_argument("--apply", action="store_true", help="do it, then show what exists")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: object, **options: object) -> None:
        now = catalogue.database_now(connection)
        actions = plan(now)
        failure = ""
        if options["apply"]:
            try:
                apply(actions, using=settings.MAINTENANCE)
            except Incomplete as error:
                failure = str(error)
        tables = [described(partitioned, now) for partitioned in registered()]
        report = {
            "applied": options["apply"] and not failure,
            "failure": failure,
            "tables": tables,
            "actions": [described_action(action) for action in actions],
        }
        self.stdout.write(json.dumps(report, indent=2) if options["json"] else "\n".join(lines(report)))
        if failure:
            raise CommandError(f"Not everything could be done, run it again: {failure}")
        short = [table["table"] for table in tables if datetime.fromisoformat(table["covered_until"]) < now + ENOUGH]
        if options["plan"] and short:
            raise CommandError(f"Covered for less than 2 days, run --apply: {', '.join(short)}", returncode=3)


def described(partitioned: Partitioned, now: datetime) -> dict[str, Any]:
    existing = catalogue.partitions(connection, partitioned.table)
    return {
        "table": partitioned.table,
        "step": partitioned.step.value,
        "keep_days": partitioned.keep.days if partitioned.keep else None,
        "covered_until": catalogue.covered_until(now, existing).isoformat(),
        "partitions": [
            {
                "name": partition.name,
                "from": in_words(partition.lower),
                "to": in_words(partition.upper),
                "ours": is_ours(partition.comment, partitioned.table),
                "default": partition.is_default,
                "detaching": partition.detaching,
            }
            for partition in existing
        ],
    }


def described_action(action: Action) -> dict[str, str | None]:
    return {
        "action": action.kind.value,
        "table": action.table,
        "name": action.name,
        "from": in_words(action.lower),
        "to": in_words(action.upper),
    }


def lines(report: dict[str, Any]) -> list[str]:
    """Return the report for people: one block a table, then the actions."""
    shown = []
    for table in report["tables"]:
        kept = "kept for ever" if table["keep_days"] is None else f"kept {table['keep_days']} days"
        shown.append(f"{table['table']}: by {table['step']}, {kept}, covered until {table['covered_until']}")
        for partition in table["partitions"]:
            notes = [note for note in ("default", "detaching") if partition[note]]
            notes += [] if partition["ours"] else ["not ours"]
            shown.append(
                f"  {partition['name']}  {partition['from']} to {partition['to']}  {', '.join(notes)}".rstrip()
            )
    verb = "done" if report["applied"] else "to do"
    shown += [f"{verb}: {a['action']} {a['name']}  {a['from']} to {a['to']}" for a in report["actions"]]
    return shown + ([] if report["actions"] else ["nothing to do"])


def in_words(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
