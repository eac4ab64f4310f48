"""`manage.py rotate_keys`: wrap every data key with the newest master key."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from consent.encryption import Undecryptable
from consent.encryption.keycheck import remember_keys
from consent.encryption.rotation import outstanding, rotate_master_key


class Command(BaseCommand):
    help = (
        "Put a new key first in PONTE_MASTER_KEYS, restart every process, run this, and take the old key out when it "
        "says that none is left. It can be stopped and started again; nothing else stops meanwhile."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only say how many data keys are left")

    def handle(self, *args: Any, **options: Any) -> None:
        newest = next(iter(settings.MASTER_KEYS))
        if options["dry_run"]:
            self.stdout.write(f"{outstanding()} data keys are not wrapped by master key {newest} yet.")
            return
        remember_keys()
        done = 0
        try:
            for progress in rotate_master_key():
                done = progress.done
                self.stdout.write(f"{progress.done} of {progress.total} data keys")
        except Undecryptable as error:
            raise CommandError(f"{error}. {done} data keys were done; add the old key again and repeat.") from error
        old = ", ".join(key_id for key_id in settings.MASTER_KEYS if key_id != newest)
        left = outstanding()
        said = f"{done} data keys wrapped by master key {newest}, {left} left."
        self.stdout.write(said + (f" {old} can be taken out of PONTE_MASTER_KEYS." if old and not left else ""))
