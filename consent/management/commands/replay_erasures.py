"""`manage.py replay_erasures`: after a restore, erase again what the ledger outside knows; until then nothing is served."""

import json
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from consent.erasure import replaying


class Command(BaseCommand):
    help = "Repeat the erasures this database does not know of. Safe to run again; prints counts as JSON."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(json.dumps(replaying.replay(now=timezone.now())))
