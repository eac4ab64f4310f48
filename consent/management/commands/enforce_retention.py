"""`manage.py enforce_retention`: list what is due, or carry out what was approved (seed 000, lgpd 3.3)."""

import json
import resource
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from consent.models import RetentionRun
from consent.models.retention_runs import total
from consent.retention import planning, running
from consent.retention.listing import merged


class Command(BaseCommand):
    help = (
        "--dry-run (without option the same) writes the lists of what is due anew, one per clinic and one of the whole "
        "installation, and prints counts and hashes; nothing is removed. --apply carries out the lists that a data "
        "protection officer has approved on the screen Retention, at once, and nothing else; stopped, it goes on with "
        "the next call. 1 when less was carried out than approved: the screen names what stayed and why."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        way = parser.add_mutually_exclusive_group()
        way.add_argument("--dry-run", action="store_true", help="only list what is due")
        way.add_argument("--apply", action="store_true", help="carry out the approved lists now")
        parser.add_argument("--json", action="store_true", help="one line of JSON per list")

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        if not options["apply"]:
            for run in planning.plan_all(now=now):
                self.tell(planned(run), as_json=options["json"])
            return
        finished = running.run_due(now=now, at_once=True, limit_s=float("inf"))
        for run in finished:
            run.refresh_from_db()
            self.tell(carried_out(run), as_json=options["json"])
        if not finished and not options["json"]:
            self.stdout.write("No approved list.")
        if not all(run.is_exact for run in finished):
            sys.exit(1)

    def tell(self, told: dict[str, Any], *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(told, sort_keys=True))
            return
        self.stdout.write(f"{told.pop('clinic')}: {told.pop('state')}")
        for name, value in told.items():
            self.stdout.write(f"  {name}: {value}")


def planned(run: RetentionRun) -> dict[str, Any]:
    return {
        "clinic": name_of(run), "state": run.state, "records": run.listed, "by_sweep": sums(run.counts),
        "by_month": merged(run.counts), "stays": {name: dict(by) for name, by in run.conflicts.items()},
        "hash": run.plan_hash, "table": run.table_version, "memory_mb": peak_mb(),
    }  # fmt: skip


def carried_out(run: RetentionRun) -> dict[str, Any]:
    return {
        "clinic": name_of(run), "state": run.state, "approved": run.listed, "carried_out": total(run.done),
        "by_sweep": sums(run.done), "stayed": {name: dict(by) for name, by in run.kept.items()},
        "is_exact": run.is_exact, "hash": run.plan_hash, "hash_carried_out": run.done_chain, "batches": run.batches,
        "longest_lock_ms": round(run.longest_ms, 1),
        "memory_mb": peak_mb(),
    }  # fmt: skip


def peak_mb() -> int:
    """The most memory of this program alone; getrusage counts what its parent held when it was forked, too."""
    status = Path("/proc/self/status")
    if status.exists():
        peak = next(line for line in status.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM:"))
        return int(peak.split()[1]) // 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def sums(counts: dict[str, dict[str, int]]) -> dict[str, int]:
    return {name: sum(by.values()) for name, by in sorted(counts.items())}


def name_of(run: RetentionRun) -> str:
    """Clinics are no personal data; their number is enough for a log."""
    return f"clinic {run.clinic_id}" if run.clinic_id else "installation"
