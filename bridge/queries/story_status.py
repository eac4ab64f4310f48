"""How a contact or conversation stands, in one sentence: the most pressing truth first."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bridge.causes import Cause
from bridge.models import Connection, ConversationDay, Effect, ObservedConversation, Suggestion, WebhookEvent
from bridge.queries.story_lines import cause_text
from bridge.queries.story_rows import Known
from bridge.queries.words import Word
from config.times import hour

State = Effect.State


@dataclass(frozen=True)
class Status:
    """`word` is one of the eight words of state; `code` is the sentence's name for programs."""

    word: Word
    code: str
    sentence: str


def status_of(known: Known, now: datetime) -> Status:
    """The first sentence that holds."""
    for look in (_closed, _unread, _person, _stopped, _unsure, _shadow, _partner_away, _busy, _note_due):
        found = look(known, now)
        if found:
            return found
    return _in_step(known, now)


def _closed(known: Known, now: datetime) -> Status | None:
    state = known.connection.state
    if state in {Connection.State.DRAFT, Connection.State.OFF}:
        name = known.connection.get_state_display()
        return Status(Word.IGNORED, "connection_off", _("Not sent: the connection is in state “%(s)s”.") % {"s": name})
    return None


def _unread(known: Known, now: datetime) -> Status | None:
    """Nothing of it was read yet: it waits, or it was parked."""
    if known.contact:
        return None
    parked = next((row for row in known.events if row.status == WebhookEvent.Status.PARKED), None)
    if parked:
        return Status(Word.FAILED, "parked", _("Received and stopped: %(why)s") % {"why": cause_text(parked.cause)})
    return Status(Word.WAITING, "unread", _("Received; waiting to be read."))


def _person(known: Known, now: datetime) -> Status | None:
    """Reasons that lie in the contact itself or in where it wrote."""
    contact = known.contact
    if contact is None:
        return None
    if contact.subject.erased_at:
        return Status(Word.IGNORED, "erased", _("The person's data were erased."))
    if contact.subject.blocked_at:
        return Status(Word.BLOCKED, "blocked", _("Not sent: the titular is blocked."))
    if contact.gone_at:
        return Status(Word.IGNORED, "gone", _("The contact no longer exists in Chatwoot; nothing more is sent."))
    if not (contact.has_phone or contact.has_email or contact.has_identifier):
        return Status(Word.IGNORED, "no_identifier", str(Cause.NO_IDENTIFIER.label))
    if known.told and not any(known.connection.serves_inbox(row.inbox_id) for row in known.told):
        return Status(Word.IGNORED, "foreign_inbox", _("Not sent: the inbox is not in the connection's list."))
    return None


def _stopped(known: Known, now: datetime) -> Status | None:
    rejected = [row for row in known.effects if row.state == State.REJECTED]
    if rejected:
        if _has_open_suggestion(known):
            return Status(
                Word.WAITING, "suggestion", _("Waiting for a decision: perhaps this person already exists in Krayin.")
            )
        return Status(Word.FAILED, "rejected", _("Stopped: %(why)s") % {"why": cause_text(rejected[0].cause)})
    parked = [row for row in known.events if row.status == WebhookEvent.Status.PARKED]
    if parked:
        return Status(Word.FAILED, "parked", _("An event is stopped: %(why)s") % {"why": cause_text(parked[0].cause)})
    denied = [row for row in known.effects if row.state == State.DENIED]
    if denied:
        why = denied[0].decision.get_reason_display() if denied[0].decision else cause_text(denied[0].cause)
        return Status(Word.BLOCKED, "denied", _("Not sent because of a privacy rule: %(why)s.") % {"why": why})
    return None


def _has_open_suggestion(known: Known) -> bool:
    return any(row.state == Suggestion.State.OPEN for row in known.suggestions)


def _unsure(known: Known, now: datetime) -> Status | None:
    doubtful = [row for row in known.effects if row.state == State.UNKNOWN]
    if not doubtful:
        return None
    return Status(Word.UNKNOWN, "unknown", str(Cause.KRAYIN_UNCERTAIN.label))


def _shadow(known: Known, now: datetime) -> Status | None:
    planned = sum(row.state == State.SHADOW for row in known.effects)
    if known.connection.state != Connection.State.SHADOW or not planned:
        return None
    sentence = ngettext(
        "In shadow: %(n)d step would be written.", "In shadow: %(n)d steps would be written.", planned
    ) % {"n": planned}
    return Status(Word.POSTPONED, "shadow", sentence)


def _waiting(known: Known) -> list[Effect]:
    return [row for row in known.effects if row.state in {State.INTENDED, State.SENT}]


def _partner_away(known: Known, now: datetime) -> Status | None:
    connection = known.connection
    steps = len(_waiting(known))
    has_work = steps or (known.lane and known.lane.dirty > known.lane.clean_to)
    if not has_work:
        return None
    if connection.state == Connection.State.PAUSED:
        return Status(Word.POSTPONED, "paused", _("Kept: the connection is paused and writes nothing."))
    if connection.problem and connection.paused_until > now:
        values = {"why": cause_text(connection.problem), "time": hour(connection.paused_until, known.zone, now)}
        return Status(Word.WAITING, "partner_away", _("%(why)s Next try at %(time)s.") % values)
    return None


def _busy(known: Known, now: datetime) -> Status | None:
    waiting = _waiting(known)
    if waiting:
        due = min((row.not_before for row in waiting if row.state == State.INTENDED), default=now)
        count = ngettext("%(n)d step waits for Krayin", "%(n)d steps wait for Krayin", len(waiting)) % {
            "n": len(waiting)
        }
        if due > now:
            values = {"count": count, "time": hour(due, known.zone, now)}
            return Status(Word.WAITING, "waiting", _("%(count)s, next try at %(time)s.") % values)
        return Status(Word.RUNNING, "running", f"{count}.")
    if any(row.status == WebhookEvent.Status.RECEIVED for row in known.events):
        return Status(Word.WAITING, "unread", _("Received; waiting to be read."))
    return None


def _note_due(known: Known, now: datetime) -> Status | None:
    """The note of a running conversation is written after a quiet time."""
    if known.connection.preset == Connection.Preset.CONTACTS:
        return None
    told = {row.pk: row for row in known.told}
    due = [
        _due(known.connection, day, told[day.conversation_id], now)
        for day in known.days
        if day.conversation_id in told and day.version > day.written
    ]
    if not due:
        return None
    values = {"time": hour(max(min(due), now), known.zone, now)}
    return Status(Word.WAITING, "note_due", _("In step; the note is written at %(time)s.") % values)


def _due(connection: Connection, day: ConversationDay, conversation: ObservedConversation, now: datetime) -> datetime:
    """When planning writes the note of a day (bridge.sync.plan)."""
    first, last = day.first_change_at, day.last_change_at
    if conversation.status == ObservedConversation.Status.RESOLVED or first is None or last is None:
        return now
    quiet, limit = timedelta(seconds=connection.note_quiet_s), timedelta(seconds=connection.note_max_age_s)
    return min(last + quiet, first + limit)


def _in_step(known: Known, now: datetime) -> Status:
    times = [row.synced_at for row in known.objects] + [row.confirmed_at for row in known.effects if row.confirmed_at]
    if not times:
        return Status(Word.DONE, "nothing", _("Read; nothing to send."))
    return Status(Word.DONE, "in_step", _("In step since %(time)s.") % {"time": hour(max(times), known.zone, now)})
