"""How the conversation stands, in the one sentence the attendant reads: in step, waiting for Krayin, or not sent."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from bridge.causes import Cause
from bridge.models import Connection, Effect
from bridge.panel.known import Known
from bridge.panel.tokens import Viewer
from bridge.queries.story_lines import cause_text
from bridge.queries.words import Word
from config.times import hour

State = Effect.State


@dataclass(frozen=True)
class Sentence:
    """`word` is one of the eight words of state; `code` is for programs and tests."""

    word: Word
    code: str
    text: str


def sentence_of(known: Known, viewer: Viewer, now: datetime) -> Sentence:
    """The most pressing truth first."""
    return _kept_here(known) or _stopped(known) or _waiting(known, viewer, now) or _in_step(known, now)


def _not_sent(code: str, why: str, word: Word = Word.IGNORED) -> Sentence:
    return Sentence(word, code, _("Not sent: %(why)s") % {"why": why})


def _kept_here(known: Known) -> Sentence | None:
    """What people or the state of things decided."""
    connection, contact = known.connection, known.contact
    if connection.state in {Connection.State.DRAFT, Connection.State.OFF}:
        return _not_sent("connection_off", _("the connection is switched off."))
    if contact.gone_at:
        return _not_sent("gone", _("the contact no longer exists in Chatwoot."))
    if known.keep_back:
        return _not_sent("kept_back", _("somebody asked to keep this conversation back."))
    if known.unlinked:
        return Sentence(Word.WAITING, "undecided", _("Waiting: somebody must say who this contact is in Krayin."))
    if not (contact.has_phone or contact.has_email or contact.has_identifier):
        return _not_sent("no_identifier", _("the contact has neither phone nor e-mail."))
    return None


def _stopped(known: Known) -> Sentence | None:
    rejected = next((row for row in known.effects if row.state == State.REJECTED), None)
    if rejected:
        return _not_sent("rejected", cause_text(rejected.cause), Word.FAILED)
    denied = next((row for row in known.effects if row.state == State.DENIED), None)
    if denied:
        why = denied.decision.get_reason_display() if denied.decision else cause_text(denied.cause)
        return _not_sent("denied", _("privacy rule (%(why)s).") % {"why": why}, Word.BLOCKED)
    return None


def _waiting(known: Known, viewer: Viewer, now: datetime) -> Sentence | None:
    under_way = [row for row in known.effects if row.state in {State.INTENDED, State.SENT}]
    if any(row.state == State.UNKNOWN for row in known.effects):
        return Sentence(Word.UNKNOWN, "unknown", str(Cause.KRAYIN_UNCERTAIN.label))
    if known.connection.state == Connection.State.SHADOW:
        return Sentence(Word.POSTPONED, "shadow", _("In shadow: Ponte shows what it would write and writes nothing."))
    asked = [w for w in known.wishes if w.state == w.State.OPEN and w.kind not in {w.Kind.KEEP_BACK, w.Kind.SAY}]
    if not (under_way or known.is_unread or asked):
        return None
    if known.connection.state == Connection.State.PAUSED:
        return Sentence(Word.POSTPONED, "paused", _("Kept: the connection is paused and writes nothing."))
    if viewer.away_problem:
        zone = ZoneInfo(known.connection.clinic.time_zone)
        until = max(viewer.away_until or now, now)
        values = {"why": cause_text(viewer.away_problem), "time": hour(until, zone, now)}
        return Sentence(Word.WAITING, "away", _("Waiting for Krayin: %(why)s Next try at %(time)s.") % values)
    return Sentence(Word.WAITING, "waiting", _("Waiting for Krayin."))


def _in_step(known: Known, now: datetime) -> Sentence:
    if known.person is None and known.lead is None:
        return Sentence(Word.WAITING, "nothing", _("Nothing was sent to Krayin yet."))
    if known.is_behind and known.connection.preset != Connection.Preset.CONTACTS:
        return Sentence(Word.DONE, "note_due", _("In step; the note follows when the conversation rests."))
    zone = ZoneInfo(known.connection.clinic.time_zone)
    latest = max(row.synced_at for row in known.objects)
    return Sentence(Word.DONE, "in_step", _("In step since %(time)s.") % {"time": hour(latest, zone, now)})
