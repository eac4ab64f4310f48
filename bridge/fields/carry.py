"""Carry mapped values across, and write down what both sides then agree on.

To Krayin all changed fields of a record go in one call; a value that cannot be converted is refused alone, by the names
of its fields. Every handler reads before it writes and decides anew on what it read.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import TypeVar

from bridge.back import flips
from bridge.back import readings as back_readings
from bridge.back.carry import in_chatwoot, observe_contact
from bridge.back.leads import keep_leads
from bridge.back.state import is_shared
from bridge.causes import Cause
from bridge.clients.base import Priority
from bridge.clients.shapes import Contact, Lead, LeadChange, LeadDraft, Person, PersonDraft
from bridge.errors import PartnerRejected
from bridge.events import Facts
from bridge.fields import readings
from bridge.fields.convert import KrayinValue, Unconvertible, canonical, to_chatwoot, to_krayin
from bridge.fields.mapping import STANDARD, Entity, rows_of
from bridge.fields.plan import FieldState, Side, agreement_ref, by_ref, is_field, object_of
from bridge.fields.state import Fields, load_fields
from bridge.fields.values import digest_of
from bridge.mappers import refs
from bridge.mappers.chatwoot_rest import contact_fact_of
from bridge.mappers.krayin import merged_person
from bridge.models import SyncedObject
from bridge.sync import effects, records
from bridge.sync.observe import observe
from bridge.sync.plan import Step
from bridge.sync.work import Attempt, Later, Work
from consent.decisions import decide
from consent.policy import Action, Category, Purpose

Kind = SyncedObject.Kind
T = TypeVar("T")


@dataclass(frozen=True)
class Given:
    """Values on their way to Krayin, by the field they come from."""

    states: tuple[FieldState, ...] = ()
    body: Mapping[str, KrayinValue] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.states)

    def agree(self, work: Work, object_ref: str, foreign_id: int, shown: Person | Lead | None) -> None:
        """Call it in the transaction that confirms the write; `shown` is the answer."""
        there = readings.digests_of(shown) if shown else {}
        agree(work, object_ref, foreign_id, {s.row.id: (s.chat, there.get(s.row.code, "")) for s in self.states})


NOTHING = Given()


# Creating -------------------------------------------------------------------------------------------------------------


def at_creation(work: Work, object_ref: str) -> Given:
    """The values to create a record with. What cannot be converted or may not be sent is left to a step of its own."""
    if not rows_of(work.connection):
        return NOTHING
    loaded = load(work, making=object_ref)
    wanted = [s for s in loaded.states if s.object_ref == object_ref and s.side == Side.TO_KRAYIN]
    allowed = {category: is_allowed(work, category) for category in {state.row.category for state in wanted}}
    body = {}
    states = []
    for state in wanted:
        if not allowed[state.row.category]:
            continue
        try:
            body[state.row.code] = to_krayin(state.row, text_of(work, loaded, state))
        except Unconvertible:
            continue
        states.append(state)
    return Given(tuple(states), body)


def or_without(given: Given, create: Callable[[Given], T]) -> tuple[T, Given]:
    """Create with the mapped values, or without them where Krayin refuses one: the record must not wait for a field,
    whose own step then says what was refused. Returns what was sent, too."""
    try:
        return create(given), given
    except PartnerRejected as error:
        if not {name.removeprefix("person.") for name in error.fields} & given.body.keys():
            raise
    return create(NOTHING), NOTHING


def is_allowed(work: Work, category: str) -> bool:
    """Ask the gate for one category of the data map."""
    return decide(
        work.contact.subject, purpose=Purpose.CARE_CONTACT, category=Category(category), action=Action.PUSH,
        now=work.now, connection_id=work.connection.pk,
    ).allowed  # fmt: skip


def load(work: Work, making: str = "") -> Fields:
    kept_back = {c.conversation_id for c in work.loaded.state.conversations if c.is_kept_back}
    rows = work.loaded.conversations
    return load_fields(
        work.connection, work.contact, list(rows.values()), work.loaded.synced,
        person_ref=refs.person_ref(work.code, work.contact.ref_id),
        kept_back={rows[number].pk for number in kept_back}, making=making,
    )  # fmt: skip


def text_of(work: Work, loaded: Fields, state: FieldState) -> str:
    """The value Chatwoot shows, opened."""
    if state.row.chatwoot in STANDARD:
        return str(getattr(work.open_contact(), STANDARD[state.row.chatwoot]))
    value = loaded.value(state.row)
    if value is None or value.value is None:
        raise Unconvertible
    return work.opener(value.subject_id).text(value.value, subject=value.subject_id, context=value.context)


def for_person(draft: PersonDraft, given: Given) -> PersonDraft:
    """The draft with mapped values; an own attribute goes beside the reference."""
    body = dict(given.body)
    title = body.pop("job_title", None)
    changed = draft if title is None else replace(draft, job_title=str(title))
    return replace(changed, attributes={**changed.attributes, **body})


def for_lead(draft: LeadDraft, given: Given) -> LeadDraft:
    return replace(draft, attributes={**draft.attributes, **given.body})


# To Krayin ------------------------------------------------------------------------------------------------------------


def write_fields(attempt: Attempt, step: Step) -> None:
    """Write every changed field of the record that is of the same data category."""
    work, object_ref = attempt.work, object_of(step.ref)
    held = work.synced(object_ref)
    loaded = load(work)
    known = by_ref(loaded.states)
    ready = (s for s in attempt.plan.ready if effects.key_of(s) in attempt.rows)
    mates = [s for s in ready if s.kind == step.kind and is_field(s.ref) and object_of(s.ref) == object_ref]
    wanted = {s: known[s.ref] for s in mates if s.category == step.category and s.ref in known}
    if held is None or step not in wanted:
        raise Later(work.now)
    given = _converted(attempt, loaded, wanted)
    if not given:
        return
    attempt.steps = list(given)
    if known[step.ref].row.entity == Entity.PERSON:
        _write_person(attempt, held, given)
    else:
        _write_lead(attempt, held, given)


Values = dict[Step, tuple[FieldState, KrayinValue]]


def _converted(attempt: Attempt, loaded: Fields, wanted: Mapping[Step, FieldState]) -> Values:
    """What can be converted; the rest is refused, by the names of the two fields."""
    given: Values = {}
    for step, state in wanted.items():
        try:
            given[step] = state, to_krayin(state.row, text_of(attempt.work, loaded, state))
        except Unconvertible:
            effects.reject(attempt.work.claim, attempt.effect(step), Cause.MAPPING, state.row.label)
    return given


def _write_person(attempt: Attempt, held: SyncedObject, given: Values) -> None:
    work = attempt.work
    if is_shared(held):
        # The person belongs to another titular first: this contact's values are not his.
        _confirm(attempt, held, given, None)
        return
    work.reserve(2, Priority.RECORD)
    found = work.client.persons_by_ids([held.foreign_id])
    if not found:
        _gone(attempt, held, given)
        return
    back_readings.note_person(held, found[0], work.contact.digests, work.now)
    values = _still_wanted(attempt, held, given, found[0])
    if not values:
        return
    opened = replace(work.open_contact(), email="", phone="")  # nothing but mapped fields changes
    draft = merged_person(found[0], opened, write_name=False, drop_email="", drop_phone="")
    draft = for_person(draft, Given(body={**_booleans(work, held.ref), **_body(values)}))
    _send(attempt, values)
    answer = _refusing_by_name(attempt, values, lambda: work.client.person_update(held.foreign_id, draft))
    if answer is not None:
        work.people[answer.id] = answer
        _confirm(attempt, held, values, answer, is_written=True)


def _write_lead(attempt: Attempt, held: SyncedObject, given: Values) -> None:
    work = attempt.work
    work.reserve(2, Priority.RECORD)
    found = work.client.leads_by_ids([held.foreign_id])
    if not found:
        _gone(attempt, held, given)
        return
    keep_leads(work.connection.krayin_id, found, work.now)
    values = _still_wanted(attempt, held, given, found[0])
    if not values:
        return
    body = {**_booleans(work, held.ref), **_body(values)}
    day = body.pop("expected_close_date", None)
    close = date.fromisoformat(str(day)) if day else found[0].expected_close_date
    _send(attempt, values)
    change = LeadChange(close, attributes=body)
    answer = _refusing_by_name(attempt, values, lambda: work.client.lead_edit(held.foreign_id, change))
    if answer is not None:
        _confirm(attempt, held, values, answer, is_written=True)


def _body(values: Values) -> dict[str, KrayinValue]:
    return {state.row.code: value for state, value in values.values()}


def _booleans(work: Work, object_ref: str) -> dict[str, KrayinValue]:
    """Yes/no fields go with every write, because Krayin resets those it does not get (contract Krayin 12.6)."""
    loaded, found = load(work), {}
    for state in loaded.states:
        if state.object_ref == object_ref and state.row.type == "boolean" and state.row.to_krayin and state.chat:
            try:
                found[state.row.code] = to_krayin(state.row, text_of(work, loaded, state))
            except Unconvertible:
                continue
    return found


def with_booleans(work: Work, draft: PersonDraft) -> PersonDraft:
    """A person's other changes must not reset mapped yes/no fields either."""
    if not rows_of(work.connection):
        return draft
    found = _booleans(work, refs.person_ref(work.code, work.contact.ref_id))
    return replace(draft, attributes={**draft.attributes, **found})


def _still_wanted(attempt: Attempt, held: SyncedObject, given: Values, shown: Person | Lead) -> Values:
    """Decide on the record as just read. What stands there already is agreed on; what people changed there waits."""
    now = readings.digests_of(shown)
    kept: Values = {}
    equal: Values = {}
    for step, (state, value) in given.items():
        fresh = replace(state, there=now.get(state.row.code, ""), there_at=shown.updated_at)
        if state.row.is_readable and readings.digest_of(state.row.code, canonical(value)) == fresh.there:
            equal[step] = fresh, value
        elif fresh.side == Side.TO_KRAYIN:
            kept[step] = fresh, value
    if equal:
        _confirm(attempt, held, equal, shown)
    if not kept and not equal:
        raise Later(attempt.work.now)
    return kept


def _send(attempt: Attempt, values: Values) -> None:
    """The steps of one call; the one that was begun with may be among those that are not written."""
    attempt.steps = []
    attempt.sending(*values)


def _refusing_by_name(attempt: Attempt, values: Values, write: Callable[[], T]) -> T | None:
    try:
        return write()
    except PartnerRejected as error:
        named = [step for step, (state, _) in values.items() if any(state.row.code in name for name in error.fields)]
        for step, (state, _) in values.items():
            if step in named or not named:
                effects.reject(attempt.work.claim, attempt.effect(step), Cause.KRAYIN_REJECTED, state.row.label)
            else:
                effects.put_back(attempt.work.claim, attempt.effect(step), until=attempt.work.now)
        return None


def _confirm(
    attempt: Attempt, held: SyncedObject, values: Values, shown: Person | Lead | None, *, is_written: bool = False
) -> None:
    work = attempt.work
    states = [state for state, _ in values.values()]

    def write() -> None:
        Given(tuple(states)).agree(work, held.ref, held.foreign_id, shown)
        _count(work, held, states if is_written else (), Side.TO_KRAYIN)
        if isinstance(shown, Person):
            back_readings.note_person(held, shown, work.contact.digests, work.seen_at)
        elif shown is not None:
            keep_leads(work.connection.krayin_id, [shown], work.seen_at)

    attempt.confirm(dict.fromkeys(values, held.foreign_id), write)


def _count(work: Work, held: SyncedObject, states: Iterable[FieldState], side: Side) -> None:
    """Notice a quarrel of two programs over a field that goes both ways."""
    names = [state.row.id for state in states if state.row.to_krayin and state.row.to_chatwoot]
    flips.note(work.connection, work.claim.lane_key, held.ref, names, side)


def _gone(attempt: Attempt, held: SyncedObject, values: Values) -> None:
    records.gone(attempt.work, held.ref)
    for step in values:
        effects.reject(attempt.work.claim, attempt.effect(step), Cause.KRAYIN_OBJECT_GONE)


def agree(work: Work, object_ref: str, foreign_id: int, agreed: Mapping[str, tuple[str, str]]) -> None:
    """Remember, by field, what Chatwoot and Krayin hold now; each agreement has a number."""
    if not agreed:
        return
    ref = agreement_ref(object_ref)
    held = SyncedObject.objects.filter(krayin_id=work.connection.krayin_id, ref=ref).first()
    base = dict(held.base) if held else {}
    for row_id, (chat, there) in agreed.items():
        base[row_id] = [chat, there, base.get(row_id, ["", "", -1])[2] + 1]
    records.agree(work, kind=Kind.FIELDS, ref=ref, foreign_id=foreign_id, base=base, found_by="created")


# To Chatwoot ----------------------------------------------------------------------------------------------------------


def show_field(attempt: Attempt, step: Step) -> None:
    """Write one value of Krayin to the contact's attribute, unless Chatwoot shows a change of its own that wins."""
    work = attempt.work
    state = by_ref(load(work).states).get(step.ref)
    held = work.synced(object_of(step.ref))
    if state is None or held is None:
        raise Later(work.now)
    shown = _read(work, held, state)
    text = readings.texts_of(shown).get(state.row.code, "") if shown else ""
    if shown is None or not text or readings.digest_of(state.row.code, text) != state.there:
        raise Later(work.now)  # what was read is written down: planning sees it
    try:
        value = to_chatwoot(state.row, text)
    except Unconvertible:
        effects.reject(work.claim, attempt.effect(step), Cause.MAPPING, state.row.label)
        return

    def write() -> None:
        observe_contact(work, work.chat.contact(work.contact.chatwoot_contact_id))
        now = by_ref(load(work).states).get(step.ref)
        if now is None or now.side != Side.TO_CHATWOOT:
            raise Later(work.now)
        attempt.sending()
        answer = work.chat.contact_update(
            work.contact.chatwoot_contact_id, custom_attributes={state.row.attribute: value}
        )
        attempt.confirm({step: answer.id}, lambda: _shown_in_chatwoot(work, held, state, answer))

    in_chatwoot(attempt, step, write)


def _read(work: Work, held: SyncedObject, state: FieldState) -> Person | Lead | None:
    """The record as it is now; None when people deleted it."""
    if state.row.entity == Entity.PERSON and held.foreign_id in work.people:
        return work.people[held.foreign_id]
    work.reserve(1, Priority.RECORD)
    if state.row.entity == Entity.PERSON:
        for person in work.client.persons_by_ids([held.foreign_id]):
            back_readings.note_person(held, person, work.contact.digests, work.now)
            work.people[person.id] = person
            return person
    else:
        for lead in work.client.leads_by_ids([held.foreign_id]):
            keep_leads(work.connection.krayin_id, [lead], work.now)
            return lead
    records.gone(work, held.ref)
    return None


def _shown_in_chatwoot(work: Work, held: SyncedObject, state: FieldState, answer: Contact) -> None:
    """Agree on the value as Chatwoot returned it; its `contact_updated` then brings nothing new."""
    fact = contact_fact_of(answer)
    observe(work.connection, [Facts(contacts=(fact,))], work.now)
    chat = digest_of(state.row.chatwoot, (fact.attributes or {}).get(state.row.chatwoot, ""))
    agree(work, held.ref, held.foreign_id, {state.row.id: (chat, state.there)})
    _count(work, held, [state], Side.TO_CHATWOOT)
    work.reread_contact()
