"""`manage.py rotate_keys`: wrap every data key with the newest master key, or give people new data keys."""

import time
from argparse import ArgumentParser
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from consent.encryption import Undecryptable
from consent.encryption.keycheck import remember_keys
from consent.encryption.renewal import GRACE, people_due, renew
from consent.encryption.rotation import outstanding, rotate_master_key
from consent.models import DataSubject

PEOPLE_A_LINE = 100


class Command(BaseCommand):
    help = (
        "Master keys: put a new key first in PONTE_MASTER_KEYS, restart every process, run this, and take the old key "
        "out when it says that none is left. Data keys of people: --person or --made-before; their values are sealed "
        "again and the old key is destroyed. Either can be stopped and started again; nothing else stops meanwhile."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only say how many data keys are left")
        parser.add_argument(
            "--person", action="append", type=UUID, metavar="PSEUDONYM", help="a new data key for this person"
        )
        parser.add_argument(
            "--made-before", type=date.fromisoformat, metavar="DATE", help="new data keys instead of older ones"
        )
        parser.add_argument(
            "--no-wait", action="store_true", help="leave the old keys of people to the next run instead of waiting"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["person"] or options["made_before"]:
            return self.renew_people(**options)
        newest = next(iter(settings.MASTER_KEYS))
        if options["dry_run"]:
            self.stdout.write(f"{outstanding()} data keys are not wrapped by master key {newest} yet.")
            return None
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
        return None

    # Data keys of people ----------------------------------------------------------------------------------------------

    def renew_people(
        self, person: list[UUID] | None, made_before: date | None, dry_run: bool, no_wait: bool, **_: Any
    ) -> None:
        people = chosen(person or [], made_before)
        if dry_run:
            self.stdout.write(f"{len(people)} people would get a new data key.")
            return
        waiting, broken = self.go_through(people)
        if waiting and not no_wait:
            self.stdout.write(f"Waiting {GRACE.seconds} s until no process seals with the old keys any more.")
            time.sleep(GRACE.seconds)
            waiting, more = self.go_through(waiting)
            broken |= more
        if broken:
            raise CommandError(f"{len(broken)} people keep their old key, because a value does not open.")
        self.stdout.write(
            f"{len(people) - len(waiting)} people have a new data key and the old one is destroyed."
            + (f" The old key of {len(waiting)} waits for the next run." if waiting else "")
        )

    def go_through(self, people: Iterable[UUID]) -> tuple[list[UUID], set[UUID]]:
        """Renew one after another; return who has to be looked at again, and whose values do not open."""
        waiting, broken, values = [], set(), 0
        for number, one in enumerate(people, 1):
            try:
                renewed = renew(one)
            except Undecryptable as error:
                self.stderr.write(f"{error}")
                broken.add(one)
                continue
            values += renewed.values
            if not renewed.is_finished:
                waiting.append(one)
            if number % PEOPLE_A_LINE == 0:
                self.stdout.write(f"{number} people, {values} values sealed again")
        self.stdout.write(f"{values} values sealed again.")
        return waiting, broken


def chosen(pseudonyms: list[UUID], made_before: date | None) -> list[UUID]:
    """Ids of the people meant. Raises CommandError for a pseudonym that nobody has."""
    found = dict(DataSubject.objects.filter(pseudonym__in=pseudonyms).values_list("pseudonym", "pk"))
    if unknown := [str(one) for one in pseudonyms if one not in found]:
        raise CommandError(f"Nobody has the pseudonym {', '.join(unknown)}.")
    people = [found[one] for one in pseudonyms if one]
    if made_before:
        moment = timezone.make_aware(datetime.combine(made_before, datetime.min.time()))
        people += [one for one in people_due(moment) if one not in found.values()]
    return people
