"""Screen A5: where the first real message is now, read from our own tables only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from bridge.models import (
    Connection,
    ConversationDay,
    Effect,
    IntakeCounter,
    ObservedContact,
    ObservedConversation,
    Partner,
    Setup,
    SyncedObject,
    WebhookEvent,
    WebhookSecret,
)
from bridge.queries.story_lines import cause_text
from bridge.queries.words import Word, effect_word

Kind = Effect.Kind
IMPATIENT = timedelta(seconds=30)
POLL_EVERY = timedelta(minutes=5)
POLL_ONLY_EVERY = timedelta(minutes=1)


@dataclass(frozen=True)
class Point:
    """One station of the way: *recebida*, *verificada*, … `at` is when it was passed."""

    name: str
    word: Word
    text: str = ""
    at: datetime | None = None


@dataclass(frozen=True)
class Doubt:
    """Why nothing has come, in order of frequency; `check` names what can be looked at by a button."""

    text: str
    check: str = ""
    is_likely: bool = False


@dataclass(frozen=True)
class FirstMessage:
    """The way of one conversation since the watch began."""

    setup: Setup
    connection: Connection
    event: WebhookEvent | None
    contact: ObservedContact | None
    points: Sequence[Point]
    doubts: Sequence[Doubt] = ()
    lead_id: int | None = None
    person_id: int | None = None
    note_due: datetime | None = None

    @property
    def conversation_id(self) -> int | None:
        return self.event.conversation_id if self.event else None

    @property
    def is_shadow(self) -> bool:
        return self.connection.state == Connection.State.SHADOW

    @property
    def is_over(self) -> bool:
        """Nothing more will happen by itself."""
        last = [point.word for point in self.points if point.word != Word.IGNORED]
        if not last:
            return False
        return last[-1] in {Word.DONE, Word.POSTPONED} or Word.FAILED in last or Word.BLOCKED in last

    @property
    def wants_reading_back(self) -> bool:
        """Everything is written, and nobody has read it again yet."""
        words = [point.word for point in self.points[3:6]]
        is_written = bool(words) and all(word in {Word.DONE, Word.IGNORED} for word in words)
        return self.lead_id is not None and is_written and self.setup.read_back_at is None and not self.is_shadow


def first_message(setup: Setup, *, now: datetime | None = None) -> FirstMessage:
    """Follow the oldest message that arrived since `watch_from`. Raises LookupError before there is a connection."""
    now = now or timezone.now()
    connection = setup.connection
    if connection is None or setup.watch_from is None:
        raise LookupError("nothing is being watched")
    event = _event(connection, setup.watch_from)
    if event is None:
        waited = now - setup.watch_from
        doubts = _doubts(connection, setup, now) if waited > IMPATIENT else []
        return FirstMessage(setup, connection, None, None, _waiting(), doubts)
    return _followed(setup, connection, event)


def _event(connection: Connection, since: datetime) -> WebhookEvent | None:
    rows = WebhookEvent.objects.filter(
        connection=connection, received_at__gte=since, conversation_id__isnull=False, contact_id__isnull=False
    )
    return rows.order_by("received_at", "pk").first()


def _waiting() -> list[Point]:
    names = _names()
    return [
        Point(names[0], Word.RUNNING, _("waiting for a message")),
        *(Point(name, Word.WAITING) for name in names[1:]),
    ]


def _names() -> list[str]:
    return [
        _("message received"), _("verified"), _("kept"), _("person"), _("opportunity"), _("note"), _("read back"),
    ]  # fmt: skip


def _followed(setup: Setup, connection: Connection, event: WebhookEvent) -> FirstMessage:
    contact = ObservedContact.objects.filter(connection=connection, chatwoot_contact_id=event.contact_id or 0).first()
    held = {
        row.kind: row
        for row in SyncedObject.objects.filter(connection=connection, lane_key=event.lane_key).order_by("pk")
        if row.kind != SyncedObject.Kind.NOTE or _is_of(row, event)
    }
    steps = {
        row.kind: row
        for row in Effect.objects.filter(connection=connection, lane_key=event.lane_key).order_by("created_at")
        if row.state != Effect.State.CANCELLED
    }
    lead = held.get(SyncedObject.Kind.LEAD)
    person = held.get(SyncedObject.Kind.PERSON)
    note_due = _note_due(connection, event)
    points = [
        *_arrival(event, contact),
        _object_point(_("person"), person, steps.get(Kind.CREATE_PERSON), connection),
        _object_point(_("opportunity"), lead, steps.get(Kind.CREATE_LEAD), connection),
        _note_point(connection, held.get(SyncedObject.Kind.NOTE), steps, note_due, lead),
    ]
    points.append(_read_back(setup, points, connection))
    return FirstMessage(
        setup, connection, event, contact, points,
        lead_id=lead.foreign_id if lead else None, person_id=person.foreign_id if person else None, note_due=note_due,
    )  # fmt: skip


def _is_of(row: SyncedObject, event: WebhookEvent) -> bool:
    return f"-v{event.conversation_id}-" in row.ref or "-m" in row.ref


def _arrival(event: WebhookEvent, contact: ObservedContact | None) -> list[Point]:
    names = _names()
    how = _("%(how)s, conversation %(n)s") % {"how": event.get_arrived_by_display(), "n": event.conversation_id}
    received = Point(names[0], Word.DONE, how, event.arrived_at)
    checked = Point(names[1], Word.DONE, str(event.get_verification_display()), event.arrived_at)
    if event.status == WebhookEvent.Status.PARKED:
        return [received, checked, Point(names[2], Word.FAILED, cause_text(event.cause), event.received_at)]
    if contact is None:
        return [received, checked, Point(names[2], Word.RUNNING, _("encrypted; being read"), event.received_at)]
    return [
        received,
        checked,
        Point(names[2], Word.DONE, _("encrypted · %(who)s") % {"who": contact}, event.received_at),
    ]


def _object_point(name: str, held: SyncedObject | None, step: Effect | None, connection: Connection) -> Point:
    if held is not None:
        at = step.confirmed_at if step and step.confirmed_at else held.synced_at
        how = _("made, number %(n)s") if held.found_by == "created" else _("found, number %(n)s")
        return Point(name, Word.DONE, how % {"n": held.foreign_id}, at)
    if step is None:
        return Point(name, Word.WAITING)
    return _step_point(name, step)


def _step_point(name: str, step: Effect) -> Point:
    word = effect_word(step.state)
    if step.state == Effect.State.SHADOW:
        return Point(name, Word.POSTPONED, _("would be written"), step.created_at)
    if step.state in {Effect.State.REJECTED, Effect.State.DENIED}:
        return Point(name, word, cause_text(step.cause), step.updated_at)
    return Point(name, word, "", None)


def _note_point(
    connection: Connection, held: SyncedObject | None, steps: dict[str, Effect], due: datetime | None, lead: Any
) -> Point:
    name = _("note")
    if connection.preset == Connection.Preset.CONTACTS:
        return Point(name, Word.IGNORED, _("not sent with these settings"))
    step = steps.get(Kind.SET_NOTE) or steps.get(Kind.CREATE_NOTE)
    if held is not None:
        return _object_point(name, held, step, connection)
    if connection.state == Connection.State.SHADOW:
        return Point(name, Word.POSTPONED, _("would be written after the conversation is quiet"))
    if step is not None:
        return _step_point(name, step)
    if lead is not None and due is not None:
        return Point(name, Word.WAITING, _("waits until the conversation is quiet"), due)
    return Point(name, Word.WAITING)


def _note_due(connection: Connection, event: WebhookEvent) -> datetime | None:
    rows = ConversationDay.objects.filter(
        conversation__connection=connection, conversation__chatwoot_conversation_id=event.conversation_id or 0
    )
    quiet, limit = timedelta(seconds=connection.note_quiet_s), timedelta(seconds=connection.note_max_age_s)
    times = [
        min(row.last_change_at + quiet, row.first_change_at + limit)
        for row in rows
        if row.version > row.written and row.last_change_at and row.first_change_at
    ]
    return min(times, default=None)


def _read_back(setup: Setup, points: Sequence[Point], connection: Connection) -> Point:
    name = _("read back")
    if connection.state == Connection.State.SHADOW:
        return Point(name, Word.IGNORED, _("nothing was written"))
    if setup.read_back_at:
        return Point(name, Word.DONE, _("Krayin shows what was written"), setup.read_back_at)
    is_written = all(point.word in {Word.DONE, Word.IGNORED} for point in points)
    return Point(name, Word.RUNNING if is_written else Word.WAITING)


def hurry_note(connection: Connection, conversation_id: int) -> bool:
    """Let the note of this conversation be due now: its quiet time counts as over. Return whether one was waiting."""
    conversation = ObservedConversation.objects.filter(
        connection=connection, chatwoot_conversation_id=conversation_id
    ).first()
    if conversation is None:
        return False
    over = timezone.now() - timedelta(seconds=max(connection.note_quiet_s, connection.note_max_age_s) + 1)
    rows = ConversationDay.objects.filter(conversation=conversation, last_change_at__isnull=False)
    return bool(rows.update(first_change_at=over, last_change_at=over))


# Nothing came ---------------------------------------------------------------------------------------------------------


def _doubts(connection: Connection, setup: Setup, now: datetime) -> list[Doubt]:
    """The likely ones first; what counters prove comes before what is only frequent."""
    seen = _counters(connection, setup.watch_from or now)
    is_polling = connection.polling_only
    doubts = [
        Doubt(
            _("Something arrived from an inbox that is not chosen.") if seen.get("foreign")
            else _("The inbox in which you wrote is not chosen."),
            "CHATWOOT_INBOXES", bool(seen.get("foreign")),
        ),
    ]  # fmt: skip
    if not is_polling:
        doubts += [
            Doubt(_("Chatwoot does not reach Ponte's address."), "ADDRESS_ANSWERS"),
            Doubt(_("The webhook in Chatwoot was deleted or changed."), "CHATWOOT_PREPARED"),
            Doubt(
                _("The message was written in another Chatwoot account."), "CHATWOOT_ACCOUNT",
                _wrong_account(connection, setup),
            ),
            Doubt(
                _("A delivery arrived with a wrong signature.") if seen.get("signature wrong")
                else _("The secret is not Chatwoot's."),
                "SECRET_MATCHED", bool(seen.get("signature wrong")),
            ),
        ]  # fmt: skip
    if connection.state not in {Connection.State.SHADOW, Connection.State.ACTIVE}:
        doubts.insert(0, Doubt(_("The connection is neither in shadow nor active."), "", True))
    return sorted(doubts, key=lambda doubt: not doubt.is_likely)


def next_poll(connection: Connection, *, now: datetime) -> datetime:
    """When the poll would bring it at the latest."""
    every = POLL_ONLY_EVERY if connection.polling_only else POLL_EVERY
    due = (connection.polled_at or now) + every
    return max(due, now)


def _counters(connection: Connection, since: datetime) -> dict[str, int]:
    hour = since.replace(minute=0, second=0, microsecond=0)
    rows = IntakeCounter.objects.filter(connection=connection, hour__gte=hour).values("reason").annotate(n=Sum("count"))
    return {row["reason"]: row["n"] for row in rows}


def _wrong_account(connection: Connection, setup: Setup) -> bool:
    rows = WebhookEvent.objects.filter(connection=connection, received_at__gte=setup.watch_from, cause="WRONG_ACCOUNT")
    return rows.exists()


def matched_at(connection: Connection) -> datetime | None:
    """When a secret of Chatwoot last verified a delivery."""
    rows = WebhookSecret.objects.filter(connection=connection, partner=Partner.CHATWOOT).exclude(last_matched_at=None)
    return rows.order_by("-last_matched_at").values_list("last_matched_at", flat=True).first()
