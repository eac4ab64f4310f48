"""What people do with jobs: plan, confirm, pause, continue, cancel. Each act is an audit row in its own transaction.

The same functions serve screens, commands and the API. Who may call them is decided there.
"""

from collections.abc import Collection

from celery import current_app
from django.db import transaction
from django.db.models import Sum
from django.db.models.functions import Now

from audit.models import ActorType
from audit.services import record
from bridge.jobs.kinds import Filter, kind_of
from bridge.models import Connection, KrayinUser, SyncJob
from bridge.models.connections import LONG_AGO
from bridge.webhooks.wakeups import Afterwards
from consent.encryption import Actor

State = SyncJob.State

SHARE_OF_BUDGET = 0.3  # import and reconciliation never take more (DESIGN section 7)
RUN_JOBS = "bridge.tasks.run_jobs"
STALE_KICK_S = 30

PAUSABLE = (State.WAITING, State.RUNNING)
CANCELLABLE = (State.PLANNED, State.WAITING, State.RUNNING, State.PAUSED)


class NotPossible(Exception):
    """The job is not in a state for that any more: look at it again."""


def plan_job(connection: Connection, code: str, filter: Filter, *, actor: Actor, reason: str = "") -> SyncJob:
    """Make the dry run and keep it as a planned job; nothing else is written. Raises KeyError and PartnerError."""
    found = kind_of(code).estimate(connection, filter)
    with transaction.atomic():
        job = SyncJob.objects.create(
            connection=connection,
            kind=code,
            filter=dict(filter),
            estimate=found.as_json(),
            total=found.items,
            estimated_calls=found.calls,
            rate_per_minute=highest_rate(connection),
            reason=reason,
            created_by=actor.user,
        )
        job.refresh_from_db()
        _record(job, "job_planned", actor)
    return job


def confirm(job: SyncJob, *, actor: Actor, rate_per_minute: int | None = None) -> None:
    """Let a planned job begin, as fast as `rate_per_minute` calls but never above its share. Raises NotPossible."""
    rate = min(rate_per_minute or job.rate_per_minute, highest_rate(job.connection))
    with transaction.atomic():
        _change(job, [State.PLANNED], actor, "job_started", state=State.WAITING, rate_per_minute=max(rate, 1),
                confirmed_at=Now(), not_before=LONG_AGO)  # fmt: skip
        _kick_after_commit()


def pause(job: SyncJob, *, actor: Actor) -> None:
    """Stop after the step that is being done. Raises NotPossible."""
    with transaction.atomic():
        _change(job, PAUSABLE, actor, "job_paused", state=State.PAUSED, hold="")


def resume(job: SyncJob, *, actor: Actor) -> None:
    """Go on where the job stopped; what is done is not done again. Raises NotPossible."""
    with transaction.atomic():
        _change(job, [State.PAUSED], actor, "job_continued", state=State.WAITING, not_before=LONG_AGO)
        _kick_after_commit()


def cancel(job: SyncJob, *, actor: Actor) -> None:
    """End the job; what is done stays done. Raises NotPossible."""
    with transaction.atomic():
        _change(job, CANCELLABLE, actor, "job_cancelled", state=State.CANCELLED, hold="", finished_at=Now())


def highest_rate(connection: Connection) -> int:
    """Calls a minute that leave live traffic its share: 30 % of what all Krayin users of the connection may make."""
    users = KrayinUser.objects.filter(connections=connection)
    refill = users.aggregate(total=Sum("budget__refill_per_minute"))["total"] or 0
    return max(1, int(refill * SHARE_OF_BUDGET))


def _change(job: SyncJob, states: Collection[State], actor: Actor, action: str, **values: object) -> None:
    if not SyncJob.objects.filter(pk=job.pk, state__in=list(states)).update(**values):
        raise NotPossible(job.pk)
    job.refresh_from_db()
    _record(job, action, actor)


def _record(job: SyncJob, action: str, actor: Actor) -> None:
    record(
        action=action,
        actor_type=ActorType.STAFF if actor.user else ActorType.SYSTEM,
        actor_id=actor.ref,
        clinic_id=job.connection.clinic_id,
        object_type="bridge.SyncJob",
        object_id=str(job.pk),
        fields=[job.kind],
        reason_code=job.reason,
        own_connection=False,
    )


def _publish(_: set[int]) -> None:
    current_app.send_task(RUN_JOBS, expires=STALE_KICK_S, retry=False)


# A broker that is away or frozen must not hold the person's click: beat starts a runner every 30 s anyway.
kicks = Afterwards("jobs", _publish)


def _kick_after_commit() -> None:
    transaction.on_commit(lambda: kicks.put(0))
