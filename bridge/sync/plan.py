"""Pure planning: what is observed, minus what is already in Krayin, is what to ask for (DESIGN section 2).

No database, no HTTP, no clock of its own. Planning the same state twice gives the same steps; planning after the
steps were confirmed gives none.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from bridge.causes import Cause
from bridge.mappers import refs
from bridge.models import Connection, Effect

Kind = Effect.Kind
State = Effect.State

IN_FLIGHT = frozenset({State.SENT, State.UNKNOWN})
STOPPED = frozenset({State.REJECTED, State.DENIED})
MOVING = timedelta(seconds=5)
RULES = ("stage_on_conversation_created", "stage_on_first_response", "stage_on_conversation_resolved")


@dataclass(frozen=True)
class Settings:
    """The part of a connection that decides what is sent."""

    ref_code: str
    all_inboxes: bool
    preset: str
    message_text: str
    note_quiet: timedelta
    note_max_age: timedelta
    stages: tuple[tuple[int, str], ...]  # (id, code) in pipeline order
    first_stage_id: int | None
    stage_rules: Mapping[str, int | None]  # empty when stage progression is off
    settle: timedelta

    def position(self, stage_id: int | None) -> int:
        """Place of a stage in its pipeline; -1 when it is not there."""
        return next((i for i, (known, _) in enumerate(self.stages) if known == stage_id), -1)

    def is_final(self, stage_id: int | None) -> bool:
        return any(known == stage_id and code in {"won", "lost"} for known, code in self.stages)


@dataclass(frozen=True)
class ContactState:
    contact_id: int  # the number our references carry
    digests: Mapping[str, str]
    is_reachable: bool  # phone, e-mail or identifier known
    is_gone: bool = False


@dataclass(frozen=True)
class MessageState:
    message_id: int
    digest: str


@dataclass(frozen=True)
class DayState:
    """A day whose note is behind; `messages` only when each message has its own note."""

    day: date
    version: int
    first_change_at: datetime
    last_change_at: datetime
    messages: tuple[MessageState, ...] = ()


@dataclass(frozen=True)
class ConversationState:
    conversation_id: int
    status: str
    inbox_digest: str
    has_first_reply: bool
    was_resolved: bool
    lead_number: int | None
    is_moving: bool = False  # it left a contact that may have been merged into this one
    days: tuple[DayState, ...] = ()


@dataclass(frozen=True)
class SyncedState:
    foreign_id: int
    seq: int
    base: Mapping[str, Any]
    stage_id: int | None = None
    is_closed: bool = False
    has_ref: bool = True
    is_ours: bool = True  # created by us, not adopted
    is_gone: bool = False


@dataclass(frozen=True)
class EffectState:
    kind: str
    ref: str
    seq: int
    state: str
    digest: str
    not_before: datetime
    sent_at: datetime | None


@dataclass(frozen=True)
class LaneState:
    settings: Settings
    contact: ContactState | None
    conversations: Sequence[ConversationState]
    synced: Mapping[str, SyncedState]
    effects: Sequence[EffectState]


@dataclass(frozen=True)
class Step:
    """One change to ask for. `digest` is what is wanted: a refused step waits until it differs."""

    kind: Kind
    ref: str
    seq: int
    digest: str
    conversation_id: int | None = None
    lead_number: int = 1
    stage_id: int | None = None
    rule: str = ""
    day: date | None = None
    day_version: int = 0
    part: int = 1
    message_id: int | None = None
    closes_day: bool = False


@dataclass
class Plan:
    """`ready` in the order to carry out; `look_up` first; `wake_at` when the next thing becomes due."""

    ready: list[Step] = field(default_factory=list)
    look_up: list[EffectState] = field(default_factory=list)
    # Conversations that need the state of the contact's last opportunity before they belong to one.
    undecided: list[ConversationState] = field(default_factory=list)
    waiting: list[Step] = field(default_factory=list)
    wake_at: datetime | None = None
    notice: Cause | None = None

    def wake(self, at: datetime) -> None:
        self.wake_at = at if self.wake_at is None else min(self.wake_at, at)


def plan(state: LaneState, now: datetime) -> Plan:
    """Return what to do for one contact. `now` is the database's clock."""
    result = Plan()
    contact = state.contact
    if contact is None or contact.is_gone:
        return result
    if not contact.is_reachable:
        result.notice = Cause.NO_IDENTIFIER
        return result
    if not state.conversations and not state.settings.all_inboxes:
        return result  # a contact of an inbox that is not ours
    if any(conversation.is_moving for conversation in state.conversations):
        result.wake(now + MOVING)
        return result
    effects = {(e.kind, e.ref, e.seq): e for e in state.effects}
    _look_ups(state, result, now)
    for step in _wanted(state, contact, result, now):
        _sort_in(step, effects.get((step.kind, step.ref, step.seq)), state, result, now)
    if refs.person_ref(state.settings.ref_code, contact.contact_id) not in state.synced:
        # An opportunity is never made without its person; while that one waits or is refused, so does this.
        creates_person = any(step.kind == Kind.CREATE_PERSON for step in result.ready)
        result.ready = [s for s in result.ready if s.kind != Kind.CREATE_LEAD or creates_person]
    result.ready.sort(key=lambda step: PRIORITY[step.kind])
    return result


# Stage before person and lead before notes (DESIGN section 7); creates come first because the rest hangs on them.
PRIORITY = {
    Kind.CREATE_PERSON: 0,
    Kind.CREATE_LEAD: 1,
    Kind.SET_STAGE: 2,
    Kind.SET_PERSON: 3,
    Kind.SET_LEAD: 4,
    Kind.CREATE_NOTE: 5,
    Kind.SET_NOTE: 5,
}


def _look_ups(state: LaneState, result: Plan, now: datetime) -> None:
    for effect in state.effects:
        if effect.state not in IN_FLIGHT:
            continue
        due = effect.not_before if effect.state == State.UNKNOWN else (effect.sent_at or now) + state.settings.settle
        if due <= now:
            result.look_up.append(effect)
        else:
            result.wake(due)


def _sort_in(step: Step, effect: EffectState | None, state: LaneState, result: Plan, now: datetime) -> None:
    """Put a wanted step where it belongs, given what the ledger says about it and about its object."""
    in_flight = any(e.ref == step.ref and e.state in IN_FLIGHT for e in state.effects)
    if in_flight:
        return
    if effect and effect.state in STOPPED and effect.digest == step.digest:
        return
    if effect and effect.state == State.INTENDED and effect.not_before > now:
        result.wake(effect.not_before)
        result.waiting.append(step)
        return
    result.ready.append(step)


def _wanted(state: LaneState, contact: ContactState, result: Plan, now: datetime) -> Iterator[Step]:
    person = state.synced.get(refs.person_ref(state.settings.ref_code, contact.contact_id))
    yield from _person_steps(state, contact, person)
    if person and person.is_gone:
        return
    for number, conversations in _by_lead(state, contact, result).items():
        yield from _lead_steps(state, contact, number, conversations)
        lead = state.synced.get(refs.lead_ref(state.settings.ref_code, contact.contact_id, number))
        if lead and not lead.is_gone and state.settings.preset != Connection.Preset.CONTACTS:
            for conversation in conversations:
                yield from _note_steps(state, conversation, number, result, now)


def _person_steps(state: LaneState, contact: ContactState, person: SyncedState | None) -> Iterator[Step]:
    ref = refs.person_ref(state.settings.ref_code, contact.contact_id)
    digest = "".join(contact.digests.get(f, "")[:16] for f in ("name", "email", "phone"))
    if person is None:
        yield Step(Kind.CREATE_PERSON, ref, 0, digest)
    elif not person.is_gone:
        changed = any(contact.digests.get(f, "") != person.base.get(f, "") for f in ("name", "email", "phone"))
        if changed or not person.has_ref:
            yield Step(Kind.SET_PERSON, ref, person.seq, digest)


def _by_lead(state: LaneState, contact: ContactState, result: Plan) -> dict[int, list[ConversationState]]:
    """Conversations by opportunity number. A new one joins the last opportunity while that is open (section 7)."""
    code = state.settings.ref_code
    known = [c.lead_number for c in state.conversations if c.lead_number]
    last = max(known, default=1)
    groups: dict[int, list[ConversationState]] = {}
    for conversation in state.conversations:
        number = conversation.lead_number
        if number is None:
            lead = state.synced.get(refs.lead_ref(code, contact.contact_id, last))
            if lead is not None and known:
                result.undecided.append(conversation)
                continue
            number = last
        groups.setdefault(number, []).append(conversation)
    if not groups and not result.undecided:
        groups[1] = []  # a contact without conversation in an account that is wholly ours
    return groups


def _lead_steps(
    state: LaneState, contact: ContactState, number: int, conversations: list[ConversationState]
) -> Iterator[Step]:
    settings = state.settings
    ref = refs.lead_ref(settings.ref_code, contact.contact_id, number)
    lead = state.synced.get(ref)
    first = min(conversations, key=lambda c: c.conversation_id, default=None)
    conversation_id = first.conversation_id if first else None
    title = contact.digests.get("name", "")[:16] + (first.inbox_digest if first else "")[:16]
    stage_id, rule, mover = furthest_stage(settings, conversations)
    if lead is None:
        yield Step(
            Kind.CREATE_LEAD, ref, 0, title, conversation_id,
            lead_number=number, stage_id=stage_id or settings.first_stage_id, rule=rule,
        )  # fmt: skip
        return
    if lead.is_gone:
        return
    if stage_id and lead.base.get("stage_wanted") != stage_id and not lead.is_closed:
        is_forward = settings.position(stage_id) > settings.position(lead.stage_id)
        if is_forward:
            yield Step(
                Kind.SET_STAGE, ref, lead.seq, str(stage_id), mover, lead_number=number, stage_id=stage_id, rule=rule
            )
    if (lead.is_ours and lead.base.get("title") != title) or not lead.has_ref:
        yield Step(Kind.SET_LEAD, ref, lead.seq, title, conversation_id, lead_number=number)


def furthest_stage(
    settings: Settings, conversations: Sequence[ConversationState]
) -> tuple[int | None, str, int | None]:
    """The furthest stage any rule asks for, its rule and the conversation that fulfils it; (None, "", None) if none.

    Facts only accumulate, so the result does not depend on the order in which they came.
    """
    best: tuple[int | None, str, int | None] = (None, "", None)
    for conversation in sorted(conversations, key=lambda c: c.conversation_id):
        reached = (True, conversation.has_first_reply, conversation.was_resolved)
        for rule, holds in zip(RULES, reached, strict=True):
            stage_id = settings.stage_rules.get(rule)
            if holds and stage_id and settings.position(stage_id) > settings.position(best[0]):
                best = (stage_id, rule, conversation.conversation_id)
    return best


def _note_steps(
    state: LaneState, conversation: ConversationState, number: int, result: Plan, now: datetime
) -> Iterator[Step]:
    settings = state.settings
    for day in conversation.days:
        due = min(day.last_change_at + settings.note_quiet, day.first_change_at + settings.note_max_age)
        if conversation.status != "resolved" and due > now:
            result.wake(due)
            continue
        if settings.message_text == Connection.MessageText.EACH:
            yield from _message_notes(state, conversation, day, number)
        else:
            yield from _day_note(state, conversation, day, number)


def _day_note(state: LaneState, conversation: ConversationState, day: DayState, number: int) -> Iterator[Step]:
    code = state.settings.ref_code
    first = state.synced.get(refs.note_ref(code, conversation.conversation_id, day.day))
    parts = int(first.base.get("parts", 1)) if first and first.base.get("version") == day.version else 1
    for part in range(1, parts + 1):
        ref = refs.note_ref(code, conversation.conversation_id, day.day, part)
        note = state.synced.get(ref)
        if note and (note.is_gone or note.base.get("version") == day.version):
            continue
        yield Step(
            Kind.SET_NOTE if note else Kind.CREATE_NOTE, ref, note.seq if note else 0, str(day.version),
            conversation.conversation_id, lead_number=number, day=day.day, day_version=day.version, part=part,
        )  # fmt: skip


def _message_notes(state: LaneState, conversation: ConversationState, day: DayState, number: int) -> Iterator[Step]:
    pending = []
    for message in day.messages:
        ref = refs.message_note_ref(state.settings.ref_code, message.message_id)
        note = state.synced.get(ref)
        if note and (note.is_gone or note.base.get("version") == message.digest):
            continue
        pending.append((ref, note, message))
    for ref, note, message in pending:
        yield Step(
            Kind.SET_NOTE if note else Kind.CREATE_NOTE, ref, note.seq if note else 0, message.digest,
            conversation.conversation_id, lead_number=number, day=day.day, day_version=day.version,
            message_id=message.message_id, closes_day=len(pending) == 1,
        )  # fmt: skip
