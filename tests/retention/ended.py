"""Builders for tests of retention: relations that ended years ago, people who only asked, patients, approved lists."""

from datetime import UTC, datetime, timedelta
from typing import Any

from dateutil.relativedelta import relativedelta
from django.db import connection as db
from django.utils import timezone
from factories import contact, conversation, numbers, user

from bridge.models import (
    ActivityKey,
    ActivityMapping,
    Connection,
    ConversationMapping,
    LeadHealthProfile,
    ObservedContact,
    ObservedMessage,
)
from consent.models import Clinic, RetentionItem, RetentionRun, User
from consent.retention import approving, planning, running
from consent.roles import Role

NOW = datetime(2026, 11, 21, 15, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)


def ago(**length: int) -> datetime:
    """So long before NOW, by the calendar."""
    when: datetime = NOW - relativedelta(**length)
    return when


def relation(of: Connection, last: datetime, **fields: Any) -> ConversationMapping:
    """A patient whose last message was then: conversation, link to the opportunity, one message in one note."""
    made = contact(of, phone=f"+55119{next(numbers):08}", last_activity_at=last, **fields)
    patient(made, at=last)
    return talk(made, last)


def talk(one: ObservedContact, last: datetime) -> ConversationMapping:
    number, of = next(numbers), one.connection
    conversation(one, number, started_at=last, last_activity_at=last)
    row = ConversationMapping.objects.create(
        connection=of, chatwoot_conversation_id=number, krayin_lead_id=number + 500_000, created_at=last, updated_at=last,
        last_message_at=last, message_count=7, status="resolved",
    )  # fmt: skip
    now = timezone.now()
    ActivityKey.objects.create(connection=of, chatwoot_message_id=number, created_at=now)
    ActivityMapping.objects.create(
        connection=of, chatwoot_message_id=number, krayin_activity_id=9, conversation_id=number, message_type="incoming",
        created_at=now,
    )  # fmt: skip
    return row


def message(one: ObservedContact, at: datetime, direction: str = "incoming") -> ObservedMessage:
    talked = one.conversations.first() or conversation(one, next(numbers), started_at=at, last_activity_at=at)
    return ObservedMessage.objects.create(
        connection=one.connection, conversation=talked, subject=one.subject, chatwoot_message_id=next(numbers),
        direction=direction, sent_at=at, local_day=at.date(), digest=b"",
    )  # fmt: skip


def person(of: Connection, last: datetime, **fields: Any) -> ObservedContact:
    """Somebody who wrote then for the last time."""
    made = contact(of, phone=f"+55119{next(numbers):08}", **fields)
    message(made, last)
    return made


def patient(one: ObservedContact, *, at: datetime) -> LeadHealthProfile:
    """Somebody wrote clinical notes about the person, then for the last time."""
    row = LeadHealthProfile.objects.create(subject=one.subject)
    LeadHealthProfile.objects.filter(pk=row.pk).update(updated_at=at)
    return row


def dpo_of(*clinics: Clinic) -> User:
    return user(Role.DPO, *clinics)


def approved(clinic: Clinic | None, *, by: User, at_once: bool = True) -> RetentionRun:
    run = planning.plan(clinic, now=NOW)
    return approving.approve(clinic, run.plan_hash, by=by, now=NOW, at_once=at_once)


def carried_out(now: datetime = LATER) -> RetentionRun:
    """The one run that is due."""
    (run,) = running.run_due(now=now)
    run.refresh_from_db()
    return run


def left(run: RetentionRun) -> dict[str, str]:
    """Rows of the list that are still there, by key, with their state."""
    return dict(RetentionItem.objects.filter(run=run).values_list("key", "state"))


def sql(text: str, *values: object) -> None:
    with db.cursor() as cursor:
        cursor.execute(text, values)
