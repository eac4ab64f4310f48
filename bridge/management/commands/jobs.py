"""`python manage.py jobs`: long work as a list, paused, continued, cancelled or carried out from a terminal."""

import json
import signal
import threading
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from bridge.jobs import control, runner
from bridge.models import SyncJob
from bridge.queries.jobs import recent
from consent.encryption import Actor

ACTS = {"pause": control.pause, "continue": control.resume, "cancel": control.cancel, "start": control.confirm}
SHOWN = 20


class Command(BaseCommand):
    help = "Lists jobs, newest first; pauses, continues, cancels or starts one; or does due steps here for some time."

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_mutually_exclusive_group()
        for name in ACTS:
            what.add_argument(f"--{name}", type=int, metavar="NUMBER", help=f"{name} this job")
        what.add_argument("--run", type=float, metavar="SECONDS", help="do due steps for so long, or until none is due")
        parser.add_argument("--json", action="store_true", help="one JSON object per job")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["run"] is not None:
            stop = threading.Event()
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, lambda *_: stop.set())
            self.stdout.write(json.dumps({"steps": runner.run_for(options["run"], stop)}))
            return
        for name in ACTS:
            if options[name] is not None:
                self._act(name, options[name])
                return
        for job in recent()[:SHOWN]:
            self.stdout.write(json.dumps(as_json(job)) if options["json"] else as_line(job))

    def _act(self, name: str, number: int) -> None:
        job = SyncJob.objects.select_related("connection").filter(pk=number).first()
        if job is None:
            raise CommandError(f"There is no job {number}. `manage.py jobs` lists them.")
        try:
            ACTS[name](job, actor=Actor.system("command"))
        except control.NotPossible as error:
            job.refresh_from_db()
            raise CommandError(f"Job {number} is {job.state}: it cannot be told to {name}.") from error
        self.stdout.write(as_line(job))


def as_json(job: SyncJob) -> dict[str, Any]:
    return {
        "job": job.pk, "kind": job.kind, "connection": job.connection_id, "state": job.state, "hold": job.hold,
        "total": job.total, "done": job.done, "skipped": job.skipped, "failed": job.failed, "causes": job.causes,
        "estimate": job.estimate, "rate_per_minute": job.rate_per_minute,
    }  # fmt: skip


def as_line(job: SyncJob) -> str:
    counts = f"{job.done} done, {job.skipped} skipped, {job.failed} failed of {job.total}"
    return f"{job.pk}  {job.kind}  connection {job.connection_id}  {job.state}  {counts}"
