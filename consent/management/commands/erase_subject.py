"""`manage.py erase_subject <id> --by <e-mail> [--care yes|no] [--quotes-seen] [--run]`: look, approve, carry out.

The person is named by the id that C3 and C7 show, never by a telephone: what is typed here stays in shell histories.
"""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from consent.erasure import planning, running
from consent.erasure.errors import NotPossible
from consent.erasure.systems import Later, NotRemoved
from consent.models import DataSubject, Erasure, User


class Command(BaseCommand):
    help = "Erase one person: look first, then approve (--care), then carry out (--run). Ends with what is left."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("subject", help="id of the person")
        parser.add_argument("--by", required=True, help="e-mail address of the data protection officer")
        parser.add_argument("--care", choices=["yes", "no"], help="whether the person ever received care: approves")
        parser.add_argument("--quotes-seen", action="store_true", help="the quotes in Krayin were looked at")
        parser.add_argument("--run", action="store_true", help="work on it now instead of waiting for a worker")

    def handle(self, *args: Any, **options: Any) -> None:
        now, by = timezone.now(), _user(options["by"])
        try:
            erasure = _open(_subject(options["subject"]), by)
            if erasure.state == Erasure.State.NEW:
                planning.look(erasure, now=now)
            if options["care"] and erasure.state == Erasure.State.PLANNED:
                planning.approve(
                    erasure, by=by, now=now, received_care=options["care"] == "yes", saw_quotes=options["quotes_seen"]
                )
        except NotPossible as error:
            raise CommandError(error.text) from error
        except (Later, NotRemoved) as error:
            raise CommandError(f"A system does not answer ({error.code}): try again later.") from error
        if options["run"]:
            running.run(erasure, now=timezone.now())
        told = {
            "erasure": str(erasure.pk), "state": erasure.state, "counts": erasure.counts, "stays": erasure.stays,
            "warnings": erasure.warnings, "leftovers": erasure.leftovers,
        }  # fmt: skip
        self.stdout.write(json.dumps(told, indent=2, ensure_ascii=False))


def _user(email: str) -> User:
    found = User.objects.filter(email=email, is_active=True).first()
    if found is None:
        raise CommandError("Nobody active has this e-mail address.")
    return found


def _subject(text: str) -> DataSubject:
    try:
        found = DataSubject.objects.filter(pk=text).first()
    except ValueError:
        found = None
    if found is None:
        raise CommandError("There is no such person.")
    return found


def _open(subject: DataSubject, by: User) -> Erasure:
    """The one under way, else a new one."""
    found = Erasure.objects.filter(subject=subject, state__in=Erasure.OPEN).first()
    return found or planning.plan(subject, now=timezone.now(), by=by, cause=Erasure.Cause.DPO)
