"""Pure planning: what is observed, minus what is already in Krayin, is what to ask for (DESIGN section 2).

No database, no HTTP, no clock of its own. Planning the same state twice gives the same steps; planning after the
steps were confirmed gives none.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from bridge.back import plan as back_plan
from bridge.back.fields import Side
from bridge.back.plan import BackState
from bridge.causes import Cause
from bridge.fields import plan as field_plan
from bridge.fields.plan import FieldState
from bridge.mappers import refs
from bridge.models import Connection, Effect
from bridge.rules.conditions import Rule, furthest
from bridge.sync.wishes import MAKES_LEAD, Hand, WishState
from bridge.sync.wishes import Kind as Asked
from bridge.team.choose import NOBODY, Owners, first_owner, next_owner

Kind = Effect.Kind
State = Effect.State

IN_FLIGHT = frozenset({State.SENT, State.UNKNOWN})
STOPPED = frozenset({State.REJECTED, State.DENIED})
FOR_EVER = 0  # the `seq` of creates
MOVING = timedelta(seconds=5)


@dataclass(frozen=True)
class Settings:
    """The part of a connection that decides what is sent."""

    ref_code: str
    all_inboxes: bool
    preset: str
    message_text: str
    note_quiet: timedelta
    note_max_age: timedelta
    stages: tuple[tuple[int, str], ...]  # (id, code): the pipeline's in its order, then those that rules lead to
    first_stage_id: int | None
    stage_rules: tuple[Rule, ...]  # empty when stage progression is off
    settle: timedelta
    owners: Owners = NOBODY

    def position(self, stage_id: int | None) -> int:
        """Place of a stage in the order of all stages; -1 when it is not there."""
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
    inbox_id: int = 0
    labels: frozenset[str] = frozenset()  # every one that was ever seen; teams and assignees likewise, by number
    teams: frozenset[str] = frozenset()
    assignees: frozenset[str] = frozenset()
    assignee_id: int | None = None  # now, and the version since when
    assignee_since: int | None = None
    team_id: int | None = None
    team_since: int | None = None
    is_moving: bool = False  # it left a contact that may have been merged into this one
    is_kept_back: bool = False  # people said: do not send this conversation
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
    hand: Hand = field(default_factory=Hand)
    back: BackState | None = None  # what Chatwoot should show; None where nothing of Krayin is shown there
    fields: Sequence[FieldState] = ()  # mapped fields


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
    owner_id: int | None = None  # Krayin's user
    day: date | None = None
    day_version: int = 0
    part: int = 1
    message_id: int | None = None
    closes_day: bool = False
    category: str = ""  # mapped fields: of the data map
    wish: WishState | None = None  # what a person asked for by hand
    rule_stage_id: int | None = None  # by hand: the stage the rules want now, against which the person decided


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
    # Wishes: to unlink now (nothing is under way), to settle because they are fulfilled, to answer when all is done.
    unlink: WishState | None = None
    fulfilled: list[UUID] = field(default_factory=list)
    refresh: WishState | None = None

    def wake(self, at: datetime) -> None:
        self.wake_at = at if self.wake_at is None else min(self.wake_at, at)

    def keep_only(self, kind: Kind, until: datetime) -> None:
        """Krayin is away until then: what needs it waits, steps of this kind go on."""
        self.ready = [step for step in self.ready if step.kind == kind]
        self.look_up = [effect for effect in self.look_up if effect.kind == kind]
        self.undecided, self.refresh = [], None
        self.wake(until)

    def hold(self, kinds: Collection[Kind], until: datetime) -> None:
        """Keep the steps of these kinds back until then; the others go on."""
        kept = [step for step in self.ready if step.kind not in kinds]
        if len(kept) < len(self.ready):
            self.ready = kept
            self.wake(until)


def plan(state: LaneState, now: datetime) -> Plan:
    """Return what to do for one contact. `now` is the database's clock."""
    result = Plan()
    contact = state.contact
    if contact is None or contact.is_gone:
        return result
    _settle_wishes(state, contact, result)
    _say(state, result, now)
    if state.hand.unlinking:
        _look_ups(state, result, now)
        is_quiet = not any(effect.state in IN_FLIGHT for effect in state.effects)
        result.unlink = state.hand.unlinking if is_quiet else None
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
    for step in (*_wanted(state, contact, result, now), *_back_steps(state), *_field_steps(state)):
        _sort_in(step, effects.get((step.kind, step.ref, step.seq)), state, result, now)
    if refs.person_ref(state.settings.ref_code, contact.contact_id) not in state.synced:
        # An opportunity is never made without its person; while that one waits or is refused, so does this.
        creates_person = any(step.kind == Kind.CREATE_PERSON for step in result.ready)
        result.ready = [s for s in result.ready if s.kind != Kind.CREATE_LEAD or creates_person]
    result.ready.sort(key=lambda step: PRIORITY[step.kind])
    if not (result.ready or result.look_up or result.undecided):
        result.refresh = state.hand.first(Asked.SYNC)
    return result


def _say(state: LaneState, result: Plan, now: datetime) -> None:
    """Messages to the person and corrections in Chatwoot need no record in Krayin, and wait for none."""
    _look_ups(state, result, now, says=True)
    effects = {(e.kind, e.ref, e.seq): e for e in state.effects}
    for wish in state.hand.open:
        if wish.kind == Asked.SAY:
            ref = refs.saying_ref(state.settings.ref_code, wish.key)
            step = Step(Kind.SEND_MESSAGE, ref, FOR_EVER, wish.mark, wish.conversation_id, wish=wish)
            _sort_in(step, effects.get((step.kind, step.ref, step.seq)), state, result, now)
        if wish.kind == Asked.CORRECT:
            ref = refs.correction_ref(state.settings.ref_code, wish.key)
            step = Step(Kind.SET_CONTACT, ref, FOR_EVER, wish.mark, wish.conversation_id, wish=wish)
            _sort_in(step, effects.get((step.kind, step.ref, step.seq)), state, result, now)


# Stage before person and lead before notes (DESIGN section 7); creates come first because the rest hangs on them.
PRIORITY = {
    Kind.SEND_MESSAGE: -1,
    Kind.CREATE_PERSON: 0,
    Kind.CREATE_LEAD: 1,
    # First, because a move of ours would hide when people changed the owner last.
    Kind.SET_OWNER: 2,
    Kind.SET_STAGE: 3,
    Kind.SET_PERSON: 4,
    Kind.SET_LEAD: 5,
    Kind.CREATE_NOTE: 6,
    Kind.SET_NOTE: 6,
    Kind.SET_CONTACT: 7,
    Kind.SHOW_LEAD: 8,
    Kind.SET_LABEL: 9,
}


IN_CHATWOOT = frozenset({Kind.SET_CONTACT, Kind.SHOW_LEAD, Kind.SET_LABEL, Kind.SEND_MESSAGE})


def _back_steps(state: LaneState) -> Iterator[Step]:
    if state.back is not None:
        for wanted in back_plan.wanted(state.back, state.synced):
            yield Step(wanted.kind, wanted.ref, wanted.seq, wanted.digest)


def _field_steps(state: LaneState) -> Iterator[Step]:
    if state.hand.waits or is_all_kept_back(state):
        return
    for wanted in field_plan.wanted(state.fields):
        yield Step(wanted.kind, wanted.ref, wanted.seq, wanted.digest, category=wanted.category)


def _look_ups(state: LaneState, result: Plan, now: datetime, *, says: bool = False) -> None:
    for effect in state.effects:
        if effect.state not in IN_FLIGHT or (effect.kind == Kind.SEND_MESSAGE) is not says:
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
    if effect and effect.state == State.DISCARDED and (step.seq == FOR_EVER or effect.digest == step.digest):
        return  # what was given up stays so: an object for ever, a change until something else is wanted
    if effect and effect.state == State.INTENDED and effect.not_before > now:
        result.wake(effect.not_before)
        result.waiting.append(step)
        return
    result.ready.append(step)


def _wanted(state: LaneState, contact: ContactState, result: Plan, now: datetime) -> Iterator[Step]:
    if state.hand.waits:
        return  # unlinked by hand, and nobody has said yet who the contact is
    person = state.synced.get(refs.person_ref(state.settings.ref_code, contact.contact_id))
    yield from _person_steps(state, contact, person)
    if person and person.is_gone:
        return
    groups = _by_lead(state, contact, result)
    for number, conversations in groups.items():
        yield from _lead_steps(state, contact, number, conversations)
        lead = state.synced.get(refs.lead_ref(state.settings.ref_code, contact.contact_id, number))
        if lead and not lead.is_gone and state.settings.preset != Connection.Preset.CONTACTS:
            for conversation in conversations:
                if not conversation.is_kept_back:
                    yield from _note_steps(state, conversation, number, result, now)
    yield from _hand_steps(state, contact, groups)


def _person_steps(state: LaneState, contact: ContactState, person: SyncedState | None) -> Iterator[Step]:
    ref = refs.person_ref(state.settings.ref_code, contact.contact_id)
    digest = "".join(contact.digests.get(f, "")[:16] for f in ("name", "email", "phone"))
    if person is None:
        wish = state.hand.linking
        if not is_all_kept_back(state) or state.hand.first(*MAKES_LEAD):
            owner = first_owner(state.settings.owners, state.conversations)
            yield Step(Kind.CREATE_PERSON, ref, 0, _marked(digest, wish), owner_id=owner, wish=wish)
    elif not person.is_gone and (_has_news(state, contact, person) or not person.has_ref):
        yield Step(Kind.SET_PERSON, ref, person.seq, digest)


def _has_news(state: LaneState, contact: ContactState, person: SyncedState) -> bool:
    """Whether Krayin's person has to be written. Where both sides may change a field, only what wins is."""
    if state.back is not None and not state.back.shares_person:
        return bool(state.back.fields_for(Side.TO_KRAYIN))
    return any(contact.digests.get(f, "") != person.base.get(f, "") for f in ("name", "email", "phone"))


def _by_lead(state: LaneState, contact: ContactState, result: Plan) -> dict[int, list[ConversationState]]:
    """Conversations by opportunity number. A new one joins the last opportunity while that is open (section 7)."""
    code = state.settings.ref_code
    known = [c.lead_number for c in state.conversations if c.lead_number]
    last = max(known, default=1)
    groups: dict[int, list[ConversationState]] = {}
    for conversation in state.conversations:
        number = conversation.lead_number
        if number is None and conversation.is_kept_back:
            continue
        if number is None:
            lead = state.synced.get(refs.lead_ref(code, contact.contact_id, last))
            if lead is not None and known:
                result.undecided.append(conversation)
                continue
            number = last
        groups.setdefault(number, []).append(conversation)
    for wish in state.hand.open:
        if wish.kind in MAKES_LEAD and wish.lead_number:
            groups.setdefault(wish.lead_number, [])
    if not groups and not result.undecided and not state.hand.keeps_back:
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
    sent = [conversation for conversation in conversations if not conversation.is_kept_back]
    earned = furthest(settings.stage_rules, [known for known, _ in settings.stages], sent)
    stage_id, rule = earned.stage_id, earned.rule
    if lead is None:
        wish = state.hand.making(number)
        if sent or not conversations or wish:
            yield Step(
                Kind.CREATE_LEAD, ref, 0, _marked(title, wish), conversation_id,
                lead_number=number, stage_id=stage_id or settings.first_stage_id, rule=rule,
                owner_id=first_owner(settings.owners, sent), wish=wish,
            )  # fmt: skip
        return
    if lead.is_gone:
        return
    owner = None if lead.is_closed else next_owner(settings.owners, sent, lead.base.get("owner_wanted"))
    if owner is not None:
        yield Step(Kind.SET_OWNER, ref, lead.seq, str(owner), conversation_id, lead_number=number, owner_id=owner)
    asked = state.hand.stage_of(number)
    if asked:
        # A person's word comes instead of the rules', which may ask again for what comes later only.
        yield _asked_stage(asked, ref, lead, rule_stage_id=stage_id)
    elif stage_id and lead.base.get("stage_wanted") != stage_id and not lead.is_closed:
        is_forward = settings.position(stage_id) > settings.position(lead.stage_id)
        if is_forward:
            yield Step(
                Kind.SET_STAGE, ref, lead.seq, str(stage_id), earned.conversation_id,
                lead_number=number, stage_id=stage_id, rule=rule,
            )  # fmt: skip
    if (lead.is_ours and lead.base.get("title") != title) or not lead.has_ref:
        yield Step(Kind.SET_LEAD, ref, lead.seq, title, conversation_id, lead_number=number)


def _note_steps(
    state: LaneState, conversation: ConversationState, number: int, result: Plan, now: datetime
) -> Iterator[Step]:
    settings = state.settings
    for day in conversation.days:
        due = min(day.last_change_at + settings.note_quiet, day.first_change_at + settings.note_max_age)
        if conversation.status != "resolved" and due > now and not state.hand.first(Asked.SYNC):
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


# By hand --------------------------------------------------------------------------------------------------------------


def is_all_kept_back(state: LaneState) -> bool:
    """Whether people keep back every conversation of the contact, so that nothing of it is sent by itself."""
    return bool(state.conversations) and all(c.is_kept_back for c in state.conversations)


def _marked(digest: str, wish: WishState | None) -> str:
    """What is wanted, told from the same thing asked for earlier and refused."""
    return f"{digest}:{wish.mark}" if wish else digest


def _asked_stage(wish: WishState, ref: str, lead: SyncedState, *, rule_stage_id: int | None) -> Step:
    return Step(
        Kind.SET_STAGE, ref, lead.seq, _marked(str(wish.stage_id), wish), wish.conversation_id,
        lead_number=wish.lead_number or 1, stage_id=wish.stage_id, wish=wish, rule_stage_id=rule_stage_id,
    )  # fmt: skip


def _hand_steps(state: LaneState, contact: ContactState, groups: Collection[int]) -> Iterator[Step]:
    """Stages of opportunities that no conversation belongs to now, and notes that staff wrote."""
    code = state.settings.ref_code
    numbers = {c.conversation_id: c.lead_number for c in state.conversations}
    for wish in state.hand.open:
        number = wish.lead_number if wish.kind == Asked.STAGE else numbers.get(wish.conversation_id or 0)
        ref = refs.lead_ref(code, contact.contact_id, number or 0)
        lead = state.synced.get(ref)
        if lead is None or lead.is_gone or number is None:
            continue
        if wish.kind == Asked.STAGE and number not in groups:
            yield _asked_stage(wish, ref, lead, rule_stage_id=None)
        if wish.kind == Asked.NOTE:
            ref = refs.hand_note_ref(code, wish.key)
            yield Step(Kind.CREATE_NOTE, ref, FOR_EVER, wish.mark, wish.conversation_id, lead_number=number, wish=wish)


def _settle_wishes(state: LaneState, contact: ContactState, result: Plan) -> None:
    """Find the wishes that are fulfilled, however that came about."""
    code = state.settings.ref_code
    person = state.synced.get(refs.person_ref(code, contact.contact_id))
    for wish in state.hand.open:
        lead = state.synced.get(refs.lead_ref(code, contact.contact_id, wish.lead_number or 0))
        is_linked = person is not None and wish.person_id in (None, person.foreign_id)
        fulfilled = {
            Asked.OPPORTUNITY: lead is not None,
            Asked.LINK: is_linked and (lead is not None or wish.lead_id is None),
            Asked.NOTE: refs.hand_note_ref(code, wish.key) in state.synced,
        }
        if fulfilled.get(Asked(wish.kind), False):
            result.fulfilled.append(wish.id)
    if state.hand.held and person is not None:
        result.fulfilled.append(state.hand.held)
