"""Conversations told as a list of moments, written as the bridge observes them: times, directions, authors, states."""

import itertools
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import factories

from bridge.models import (
    Connection,
    ContactMapping,
    ConversationMapping,
    KrayinLead,
    ObservedContact,
    ObservedConversation,
    ObservedMessage,
)
from insights.models import Insight, OpeningHours, Unit
from insights.updating import update_ai_insights

ZONE = ZoneInfo("America/Sao_Paulo")
AUTHORS = {
    "patient": ("incoming", "contact"),
    "human": ("outgoing", "user"),
    "bot": ("outgoing", "agent_bot"),
    "campaign": ("outgoing", ""),
    "greeting": ("template", ""),
}
STATES = {"open", "resolved", "pending", "snoozed"}
numbers = itertools.count(9001)
PIPELINES = [
    {
        "id": 1,
        "name": "Funil",
        "stages": [{"id": n, "code": f"s{n}", "name": f"Etapa {n}"} for n in range(1, 6)]
        + [{"id": 6, "code": "won", "name": "Ganho"}, {"id": 7, "code": "lost", "name": "Perdido"}],
    }
]


def at(text: str, zone: ZoneInfo = ZONE) -> datetime:
    """`10-01 09:00` of 2026, local."""
    return datetime.fromisoformat(f"2026-{text}").replace(tzinfo=zone)


def joined(**fields: Any) -> Connection:
    return factories.connection(pipelines=PIPELINES, **fields)


def open_unit(connection: Connection, **fields: Any) -> Unit:
    """Mon–Fri 08–18, Sat 08–12, for every inbox of the clinic."""
    unit = Unit.objects.create(clinic=connection.clinic, name="Centro", is_default=True, **fields)
    OpeningHours.objects.bulk_create(
        OpeningHours(unit=unit, weekday=day, opens_min=480, closes_min=720 if day == 6 else 1080) for day in range(1, 7)
    )
    return unit


@dataclass
class Lead:
    """An opportunity and its contact; `talk` adds a conversation."""

    connection: Connection
    number: int
    contact: ObservedContact

    def talk(self, *moments: tuple[datetime, str], **fields: Any) -> ObservedConversation:
        started = min(when for when, _ in moments)
        talk = factories.conversation(
            self.contact, next(numbers), started_at=started, version=microseconds(started), last_activity_at=started,
            **fields,
        )  # fmt: skip
        ConversationMapping.objects.create(
            connection=self.connection,
            chatwoot_conversation_id=talk.chatwoot_conversation_id,
            krayin_lead_id=self.number,
        )
        return go_on(talk, *moments)

    def update(self, now: datetime | None = None) -> Insight:
        found = update_ai_insights(self.connection.pk, self.number, now)
        return Insight.objects.get(pk=found)

    def in_stage(self, stage_id: int) -> None:
        KrayinLead.objects.update_or_create(
            krayin=self.connection.krayin, lead_id=self.number, defaults={"pipeline_id": 1, "stage_id": stage_id}
        )


def lead(connection: Connection, number: int | None = None) -> Lead:
    contact = factories.contact(connection, phone=None)
    number = number or next(numbers)
    ContactMapping.objects.create(
        connection=connection, chatwoot_contact_id=contact.chatwoot_contact_id, krayin_lead_id=number,
        krayin_person_id=next(numbers),
    )  # fmt: skip
    return Lead(connection, number, contact)


def microseconds(when: datetime) -> int:
    return int(when.timestamp()) * 1_000_000


def go_on(talk: ObservedConversation, *moments: tuple[datetime, str]) -> ObservedConversation:
    """Add moments as observe does: newest state wins, the earliest resolution is kept."""
    for when, what in moments:
        talk.last_activity_at = max(filter(None, (talk.last_activity_at, when)))
        if what in STATES:
            talk.status, talk.version = what, microseconds(when)
            if what == "resolved":
                talk.resolved_at = min(filter(None, (talk.resolved_at, when)))
        else:
            says(talk, when, what)
        talk.save()
    return talk


def says(talk: ObservedConversation, when: datetime, who: str) -> None:
    direction, author = AUTHORS[who]
    ObservedMessage.objects.create(
        connection=talk.connection, conversation=talk, subject=talk.contact.subject,
        chatwoot_message_id=next(numbers), direction=direction, author_kind=author, sent_at=when,
        local_day=when.date(), digest=b"",
    )  # fmt: skip
