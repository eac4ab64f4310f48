"""One drill for each alert: what is put in place to raise it, and what ends it. Everything in one database."""

import uuid
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import factories

from audit.models import Unsealed
from bridge.causes import Cause
from bridge.health import readings, runs
from bridge.models import (
    ApiKey,
    Breaker,
    Connection,
    FailureGroup,
    IntakeCounter,
    Lane,
    ReconcileDay,
    WebhookEvent,
)
from consent import incidents
from consent.models import ExceptionalAccess, ExportPackage, RequestItem
from consent.roles import Role
from tests.incidents.entered_incidents import dpo_of, entered, sunny
from tests.insights.history import joined, lead
from tests.requests.asking import files

HOUR, DAY, MINUTE = timedelta(hours=1), timedelta(days=1), timedelta(minutes=1)

# Puts rows in place; what it returns ends the alert.
Drill = Callable[[datetime], Callable[[], object]]


def here(name: str = "Recepção") -> Connection:
    return factories.connection(factories.clinic(f"Clínica {uuid.uuid4().hex[:6]}"), name=name)


def oldest_event(now: datetime) -> Callable[[], object]:
    one = factories.event(here(), status="received", lane_key="c:1", received_at=now - 10 * MINUTE)
    return lambda: WebhookEvent.objects.filter(pk=one.pk).update(status="observed")


def silence(now: datetime) -> Callable[[], object]:
    connection = here()
    factories.event(connection, arrived_by="poll", received_at=now - 5 * MINUTE)
    return lambda: factories.event(connection, arrived_by="webhook", received_at=now - MINUTE, arrived_at=now - MINUTE)


def access_refused(now: datetime) -> Callable[[], object]:
    return trouble(now, Breaker.Of.KRAYIN, Cause.KRAYIN_CREDENTIALS, MINUTE)


def partner_away(now: datetime) -> Callable[[], object]:
    return trouble(now, Breaker.Of.CHATWOOT, Cause.CHATWOOT_UNAVAILABLE, 11 * MINUTE)


def trouble(now: datetime, partner: Breaker.Of, cause: Cause, age: timedelta) -> Callable[[], object]:
    row = Breaker.objects.create(
        connection=here(), partner=partner, problem=cause, since=now - age, paused_until=now + MINUTE
    )
    return row.delete


def failure_group(now: datetime) -> Callable[[], object]:
    row = FailureGroup.objects.create(connection=here(), cause=Cause.KRAYIN_REJECTED, most=3, opened_at=now - MINUTE)
    return lambda: FailureGroup.objects.filter(pk=row.pk).update(done_at=now)


def backlog(now: datetime) -> Callable[[], object]:
    connection = here()
    Lane.objects.bulk_create(
        Lane(connection=connection, lane_key=f"c:{n}", dirty=1, run_at=now - MINUTE) for n in range(1001)
    )
    return lambda: Lane.objects.filter(connection=connection).update(run_at=None)


def errors(now: datetime) -> Callable[[], object]:
    connection = here()
    WebhookEvent.objects.bulk_create(
        WebhookEvent(
            connection=connection, event_type="message_created", lane_key="-", verification="signed",
            arrived_at=now - MINUTE, received_at=now - MINUTE, delivery_key=f"d{n}",
            status="parked" if n < 3 else "observed",
        )
        for n in range(120)
    )  # fmt: skip
    return lambda: WebhookEvent.objects.filter(connection=connection).update(status="observed")


def signatures(now: datetime) -> Callable[[], object]:
    connection = here()
    readings.put([(readings.REFUSED, str(connection.pk), 0)], now - 5 * MINUTE)
    IntakeCounter.objects.create(connection=connection, hour=now - HOUR, reason="signature wrong", count=25)
    return lambda: IntakeCounter.objects.filter(connection=connection).update(count=0)


def gaps(now: datetime) -> Callable[[], object]:
    row = ReconcileDay.objects.create(connection=here(), day=now.date(), listed=100, missed=2)
    return lambda: ReconcileDay.objects.filter(pk=row.pk).update(missed=0)


def request_due(now: datetime) -> Callable[[], object]:
    clinic = sunny("Clínica Terra")
    request = files(clinic, "T01", now=now - 10 * DAY, received_at=now - 10 * DAY)
    return lambda: RequestItem.objects.filter(request=request).update(state="cancelled_by_subject")


def export_stuck(now: datetime) -> Callable[[], object]:
    person = factories.contact(here()).subject
    package = ExportPackage.objects.create(
        clinic=person.clinic, subject=person, protocol="2026-ABCD2345", created_at=now - 25 * HOUR
    )
    return lambda: ExportPackage.objects.filter(pk=package.pk).update(state="cancelled")


def seal_late(now: datetime) -> Callable[[], object]:
    row = Unsealed.objects.create(entry_id=2**60, created_at=now - 2 * MINUTE)
    return row.delete


def backup_old(now: datetime) -> Callable[[], object]:
    here()
    runs.record(runs.RESTORE_TEST, True, now - DAY)
    runs.record(runs.BACKUP, True, now - 27 * HOUR)
    return lambda: runs.record(runs.BACKUP, True, now)


def disk_full(now: datetime) -> Callable[[], object]:
    readings.put([(readings.DISK, "web-1", 91)], now - 2 * MINUTE)
    return lambda: readings.put([(readings.DISK, "web-1", 60)], now - MINUTE)


def spool_used(now: datetime) -> Callable[[], object]:
    readings.put([(readings.SPOOL_RECORDS, "web-1", 3), (readings.SPOOL_SHARE, "web-1", 1)], now - 2 * MINUTE)
    return lambda: readings.put([(readings.SPOOL_RECORDS, "web-1", 0)], now - MINUTE)


def work_late(now: datetime) -> Callable[[], object]:
    runs.record("audit.tasks.verify", True, now - 3 * HOUR)
    return lambda: runs.record("audit.tasks.verify", True, now)


def exceptional(now: datetime) -> Callable[[], object]:
    person = factories.contact(here()).subject
    access = ExceptionalAccess.objects.create(
        user=factories.user(Role.TECHNICAL_ADMIN, person.clinic), clinic=person.clinic, subject=person,
        reason=ExceptionalAccess.Reason.REPAIR, asked_at=now - 5 * MINUTE, until=now + 25 * MINUTE,
    )  # fmt: skip
    return lambda: ExceptionalAccess.objects.filter(pk=access.pk).update(until=now - MINUTE)


def incident_clock(now: datetime) -> Callable[[], object]:
    clinic = sunny("Clínica Vento")
    officer = dpo_of(clinic)
    incident = entered(clinic, officer, known_at=now - 20 * DAY)
    return lambda: incidents.close(
        incident, outcome="no_incident", reason="Nenhum dado saiu.", by=officer, now=now - MINUTE
    )


def patient_waits(now: datetime) -> Callable[[], object]:
    talk = lead(joined(of=factories.clinic("Clínica Rio"))).talk((now - HOUR, "patient"))
    return lambda: type(talk).objects.filter(pk=talk.pk).update(status="resolved")


def key_ends(now: datetime) -> Callable[[], object]:
    row = ApiKey.objects.create(
        clinic=factories.clinic("Clínica Mata"), client="Site", prefix="abcdefgh23", digest=b"", digest_key="k",
        scopes=["read:links"], expires_at=now + 20 * DAY,
    )  # fmt: skip
    return lambda: ApiKey.objects.filter(pk=row.pk).update(revoked_at=now)


DRILLS: Mapping[str, Drill] = {
    "AL01": oldest_event,
    "AL02": silence,
    "AL03": access_refused,
    "AL04": partner_away,
    "AL05": failure_group,
    "AL06": backlog,
    "AL07": errors,
    "AL08": signatures,
    "AL09": gaps,
    "AL10": request_due,
    "AL11": export_stuck,
    "AL12": seal_late,
    "AL13": backup_old,
    "AL14": disk_full,
    "AL15": spool_used,
    "AL16": work_late,
    "AL17": exceptional,
    "AL18": incident_clock,
    "AL19": patient_waits,
    "AL20": key_ends,
}
