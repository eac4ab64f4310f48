"""`python manage.py replay`: reprocess what stopped, or read stored events once more; as a job (bridge.jobs.replay)."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from bridge.jobs import control
from bridge.jobs.kinds import kind_of
from bridge.models import Connection
from consent.encryption import Actor


class Command(BaseCommand):
    help = "Plans a job that reprocesses what stopped and starts it; --dry-run only counts. Nothing is written twice."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--connection", type=int, required=True, help="number of the connection")
        parser.add_argument("--what", default="stopped", help="stopped (default), or read: events that were read")
        parser.add_argument("--cause", default="", help="only what stopped for this cause, e.g. KRAYIN_REJECTED")
        parser.add_argument("--type", default="", help="only this type of event or step, e.g. create_lead")
        parser.add_argument("--since", help="from this day, YYYY-MM-DD in the clinic's zone")
        parser.add_argument("--until", help="to this day, YYYY-MM-DD in the clinic's zone")
        parser.add_argument(
            "--rate", type=int, help="calls per minute; at most 30 %% of the budget, which is the default"
        )
        parser.add_argument("--dry-run", action="store_true", help="count and estimate only")

    def handle(self, *args: Any, **options: Any) -> None:
        connection = Connection.objects.select_related("clinic").filter(pk=options["connection"]).first()
        if connection is None:
            raise CommandError(f"There is no connection {options['connection']}.")
        kind = kind_of("replay")
        asked = {name: options[name] or "" for name in ("what", "cause", "type", "since", "until")}
        form = kind.form(asked, connection=connection)
        if not form.is_valid():
            raise CommandError(
                "; ".join(f"--{name}: {error}" for name, errors in form.errors.items() for error in errors)
            )
        if options["dry_run"]:
            self.stdout.write(json.dumps(kind.estimate(connection, form.filter()).as_json()))
            return
        actor = Actor.system("command")
        job = control.plan_job(connection, "replay", form.filter(), actor=actor)
        control.confirm(job, actor=actor, rate_per_minute=options["rate"])
        self.stdout.write(json.dumps({"job": job.pk, **job.estimate}))
