"""`manage.py export_audit`: the sealed trail as JSON lines, which `deploy/verify_audit_export.py` checks anywhere."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from audit.export import lines
from audit.models import ActorType
from audit.services import record


class Command(BaseCommand):
    help = (
        "Writes sealed segments and their rows as JSON lines. Rows hold names of fields and pseudonyms, never values."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--from-segment", type=int, default=1, metavar="N")
        parser.add_argument("--to-segment", type=int, default=None, metavar="N")
        parser.add_argument("--output", type=Path, default=None, metavar="FILE", help="default: standard output")

    def handle(self, *args: Any, **options: Any) -> None:
        # Exports of the trail are themselves on the trail (lgpd 14.2), and before a row leaves.
        record(action="audit.export", actor_type=ActorType.SYSTEM, actor_id="export_audit")
        told = lines(first=options["from_segment"], last=options["to_segment"])
        if options["output"] is None:
            sys.stdout.writelines(told)
            return
        with options["output"].open("x", encoding="utf-8") as file:
            file.writelines(told)
