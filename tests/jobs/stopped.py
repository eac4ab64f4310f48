"""A connection in which much stopped, and jobs over it; the rows are invented, the database is real."""

from dataclasses import dataclass, field

from django.utils import timezone
from factories import connection, contact, parked_event, refused_step

from bridge.causes import Cause
from bridge.jobs import control
from bridge.models import CallBudget, Connection, Effect, KrayinUser, Lane, SyncJob, WebhookEvent
from bridge.models.connections import LONG_AGO
from consent.encryption import Actor

SYSTEM = Actor.system("test")


@dataclass
class Stopped:
    """One refused step for each person, and events that could not be read."""

    connection: Connection
    steps: list[Effect] = field(default_factory=list)
    events: list[WebhookEvent] = field(default_factory=list)

    def plan(self, **filter: str) -> SyncJob:
        return control.plan_job(self.connection, "replay", filter, actor=SYSTEM)

    def started(self, **filter: str) -> SyncJob:
        job = self.plan(**filter)
        control.confirm(job, actor=SYSTEM)
        return job

    def slowly(self, pause_ms: int = 0) -> SyncJob:
        """A started job that does one item a step, and rests so long after each."""
        job = self.started()
        rate = 60_000 // pause_ms * 2 if pause_ms else 10**7
        SyncJob.objects.filter(pk=job.pk).update(estimated_calls=10**9, rate_per_minute=rate)
        return job

    @property
    def marks(self) -> dict[str, int]:
        """How often each lane was asked for: once for each item, or something was doubled or skipped."""
        rows = Lane.objects.filter(connection=self.connection)
        return dict(rows.values_list("lane_key", "dirty"))

    @property
    def all_once(self) -> dict[str, int]:
        return {row.lane_key: 1 for row in (*self.steps, *self.events)}


def stopped_clinic(steps: int = 3, events: int = 2, *, budget: int = 50) -> Stopped:
    made = connection()
    user = KrayinUser.objects.create(
        krayin=made.krayin, email="ponte@clinica.exemplo",
        budget=CallBudget.objects.create(name=f"krayin:{made.pk}", refill_per_minute=budget),
    )  # fmt: skip
    made.krayin_users.add(user)
    found = Stopped(made)
    person = contact(made)
    # One titular is enough: lanes are told apart by their number.
    for number in range(steps):
        step = refused_step(person)
        step.lane_key = f"c:{900_000 + number}"
        step.save(update_fields=["lane_key"])
        found.steps.append(step)
    for number in range(events):
        found.events.append(parked_event(made, Cause.UNREADABLE, lane_key=f"c:{800_000 + number}"))
    return found


def due(job: SyncJob) -> None:
    """Let every rest of the job pass, and what it brought be worked."""
    SyncJob.objects.filter(pk=job.pk).update(not_before=LONG_AGO)
    Lane.objects.filter(connection=job.connection).update(run_at=timezone.now())
