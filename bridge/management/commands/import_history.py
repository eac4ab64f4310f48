"""`python manage.py import_history`: bring conversations of the last days into the CRM; as a job (bridge.importing)."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from bridge.errors import PartnerError
from bridge.jobs import control
from bridge.jobs.kinds import kind_of
from bridge.models import Connection, SyncJob
from bridge.queries.jobs import counts_of, duration_text
from consent.encryption import Actor


class Command(BaseCommand):
    help = "Plans a job that imports conversations of the last days and starts it; --dry-run only counts."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--connection", type=int, required=True, help="number of the connection")
        parser.add_argument("--days", default="30", help="conversations with activity in so many days (default 30)")
        parser.add_argument("--inbox", action="append", default=[], help="only this inbox; may be given several times")
        parser.add_argument("--rate", type=int, help="calls per minute; at most 30 %% of the budget, the default")
        parser.add_argument("--dry-run", action="store_true", help="count and estimate only")
        parser.add_argument("--json", action="store_true", help="one JSON object instead of sentences")

    def handle(self, *args: Any, **options: Any) -> None:
        connection = connection_of(options["connection"])
        kind = kind_of("import_history")
        form = kind.form({"days": options["days"], "inboxes": options["inbox"]}, connection=connection)
        if not form.is_valid():
            raise CommandError(" ".join(str(error) for errors in form.errors.values() for error in errors))
        try:
            if options["dry_run"]:
                found = kind.estimate(connection, form.filter())
                rate = min(options["rate"] or control.highest_rate(connection), control.highest_rate(connection))
                draft = SyncJob(
                    connection=connection, kind=kind.code, estimate=found.as_json(), total=found.items,
                    estimated_calls=found.calls, rate_per_minute=rate,
                )  # fmt: skip
                self._tell(draft, as_json=options["json"])
                return
            actor = Actor.system("command")
            job = control.plan_job(connection, kind.code, form.filter(), actor=actor)
        except PartnerError as error:
            values = {"partner": error.partner.capitalize()}
            raise CommandError(
                _("%(partner)s does not answer: nothing was begun. Try again later.") % values
            ) from error
        control.confirm(job, actor=actor, rate_per_minute=options["rate"])
        self._tell(job, as_json=options["json"])

    def _tell(self, job: SyncJob, *, as_json: bool) -> None:
        if as_json:
            number = {"job": job.pk} if job.pk else {}
            self.stdout.write(json.dumps({**number, **job.estimate, "rate_per_minute": job.rate_per_minute}))
            return
        for count in counts_of(job.estimate, leave_out=("items",)):
            self.stdout.write(f"{count.text} {count.name}")
        self.stdout.write(duration_text(job))
        if job.pk:
            self.stdout.write(_("Job %(number)d has begun: `manage.py jobs` shows how far it is.") % {"number": job.pk})


def connection_of(number: int) -> Connection:
    """Raises CommandError, which lists the connections there are."""
    found = Connection.objects.select_related("clinic", "krayin").filter(pk=number).first()
    if found is None:
        there = ", ".join(f"{row.pk} ({row.name})" for row in Connection.objects.order_by("pk")[:20])
        raise CommandError(_("There is no connection %(number)s. There are: %(there)s.") % {
            "number": number, "there": there or "-"
        })  # fmt: skip
    return found
