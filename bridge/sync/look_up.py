"""Look before you act: did Krayin do what we do not know it did? (DESIGN section 6)

A look-up is not a retry. Found: the step is confirmed as it stands there. Not found: it was not executed, one attempt
is spent and the step waits. Changes of existing objects need no look-up: asking for the same again is harmless. A change
of owner spends an attempt nevertheless: a user whom Krayin no longer knows ends as the same 500 every time.
"""

from dataclasses import replace
from datetime import datetime
from functools import partial

from bridge.causes import Cause
from bridge.clients.base import Priority
from bridge.clients.shapes import Lead, Person
from bridge.consents.saying import find_said
from bridge.mappers import refs
from bridge.mappers.titles import person_name
from bridge.models import Effect, ObservedMessage
from bridge.sync import effects, people, records
from bridge.sync.carry_notes import note_agreed, title_of
from bridge.sync.plan import EffectState, Step
from bridge.sync.work import Work

Kind = Effect.Kind
CREATES = frozenset({Kind.CREATE_PERSON, Kind.CREATE_LEAD, Kind.CREATE_NOTE, Kind.SEND_MESSAGE})


def look_up(work: Work, state: EffectState) -> datetime | None:
    """Settle one effect in doubt; return when to try again, if it has to be."""
    effect = Effect.objects.get(
        krayin_id=work.connection.krayin_id, object_ref=state.ref, kind=state.kind, seq=state.seq
    )
    found = _find(work, effect, step_of(work, effect))
    Effect.objects.filter(pk=effect.pk).update(looked_up_at=work.now)
    if effect.kind == Kind.CREATE_PERSON:
        people.release_identity(work.connection, work.contact.subject_id)
    if found:
        return None
    if effect.kind not in CREATES | {Kind.SET_OWNER}:
        effects.put_back(work.claim, effect, until=work.now)
        return None
    return effects.try_again(work.claim, effect, _cause_of(effect), effect.detail)


def is_there_already(work: Work, effect: Effect) -> bool:
    """Look once more right before something is made; confirms it if it is there.

    After a restore of our database (`Krayin.restored_at`), and when an earlier look-up found nothing: a call of ours
    may have been slower than that.
    """
    may_be_there = effect.looked_up_at is not None or work.connection.krayin.must_look_first(work.now)
    return effect.kind in CREATES and may_be_there and _find(work, effect, step_of(work, effect))


def _cause_of(effect: Effect) -> Cause:
    if effect.cause in Cause.values:
        return Cause(effect.cause)
    return Cause.CHATWOOT_UNCERTAIN if effect.kind == Kind.SEND_MESSAGE else Cause.KRAYIN_UNCERTAIN


def step_of(work: Work, effect: Effect) -> Step:
    """The step an effect once was, as far as a look-up needs it: planning may want something else by now."""
    day, part, message_id = refs.note_parts_of(effect.object_ref)
    if message_id is not None:
        rows = ObservedMessage.objects.filter(connection=work.connection, chatwoot_message_id=message_id)
        day = rows.values_list("local_day", flat=True).first()
    return Step(
        Kind(effect.kind), effect.object_ref, effect.seq, effect.digest, effect.conversation_id,
        lead_number=refs.lead_number_of(effect.object_ref), rule=effect.trigger, day=day, part=part,
        message_id=message_id,
    )  # fmt: skip


def _find(work: Work, effect: Effect, step: Step) -> bool:
    if effect.kind == Kind.CREATE_PERSON:
        return _find_person(work, effect)
    if effect.kind == Kind.CREATE_LEAD:
        return _find_lead(work, effect, step)
    if effect.kind == Kind.CREATE_NOTE:
        return _find_note(work, effect, step)
    if effect.kind == Kind.SEND_MESSAGE:
        return find_said(work, effect)
    return False


def _find_person(work: Work, effect: Effect) -> bool:
    """By reference; then by e-mail and phone, because attributes are written after the row (contract Krayin 6, 20.4)."""
    identity = work.identity()
    work.reserve(2, Priority.RECORD)
    by_ref = [p for p in work.client.person_search(refs=[identity.ref]) if _holds_key(p, identity.ref)]
    if len(by_ref) == 1:
        _confirm_person(work, effect, by_ref[0], has_ref=True, found_by="created")
        return True
    if not (identity.email or identity.phone):
        return False
    hits = work.client.person_search(email=identity.email or None, phone=identity.phone[-8:] or None)
    found = people.match(work.connection, identity, people.not_denied(work.contact, hits))
    if found is None or not found.is_sure:
        return False
    _confirm_person(work, effect, found.person, has_ref=False, found_by=found.found_by.value)
    return True


def _holds_key(person: Person, ref: str) -> bool:
    """Krayin's key search spans every text attribute (contract 12.4): a key seen elsewhere is not ours."""
    return ref not in {person.name.casefold(), (person.job_title or "").casefold()}


def _confirm_person(work: Work, effect: Effect, person: Person, *, has_ref: bool, found_by: str) -> None:
    """The contact is not read anew while this is in doubt (bridge.sync.reread), so its values are those of the call."""
    work.people[person.id] = person
    opened = work.open_contact()
    if has_ref:
        effects.confirm(
            work.claim, {effect: person.id}, lambda: records.lost_person_agreed(work, person), calls=work.calls
        )
        return
    is_ours = person.name == person_name(opened.name, opened.phone, opened.contact_id)
    written = records.values_of(person.name, opened) if is_ours else {}
    found_by = "created" if is_ours else found_by
    effects.confirm(
        work.claim,
        {effect: person.id},
        lambda: records.person_agreed(work, person_id=person.id, found_by=found_by, has_ref=False, written=written),
        calls=work.calls,
    )


def _find_lead(work: Work, effect: Effect, step: Step) -> bool:
    work.reserve(1, Priority.RECORD)
    hits = work.client.leads_by_ref(step.ref)
    ours = [lead for lead in hits if _is_titled(lead, step.ref)] or (list(hits) if len(hits) == 1 else [])
    if not ours:
        return False
    lead = min(ours, key=lambda found: found.id)
    step = replace(step, stage_id=lead.stage_id)
    effects.confirm(
        work.claim,
        {effect: lead.id},
        # The row may have been cut off before its attributes: asking for the reference again is harmless.
        lambda: records.lead_agreed(work, step, lead, found_by="created", has_ref=False),
        calls=work.calls,
    )
    return True


def _is_titled(lead: Lead, ref: str) -> bool:
    """`x-30` in a title also finds `x-301` (contract Krayin 4): the reference must end the title."""
    return lead.title.casefold().endswith(f" {ref}") or lead.title.casefold() == ref


def _find_note(work: Work, effect: Effect, step: Step) -> bool:
    """By exact title: Krayin compares without case, accents and emoji (contract 20.2), so compare again."""
    title = title_of(step)
    work.reserve(1, Priority.NOTE)
    found = [note for note in work.client.notes_by_title(title) if note.title == title]
    if not found or step.conversation_id is None:
        return False
    conversation = work.loaded.conversations[step.conversation_id]
    activity_id = min(note.id for note in found)
    if refs.is_hand_note(step.ref):
        agreed = partial(records.hand_note_agreed, work, step.ref, activity_id)
        effects.confirm(work.claim, {effect: activity_id}, agreed, calls=work.calls)
        return True
    # What it shows is not known: version 0 makes planning write it again, whole.
    stale = replace(step, digest="", day_version=0, closes_day=False)
    effects.confirm(
        work.claim,
        {effect: activity_id},
        lambda: note_agreed(work, stale, conversation, activity_id, 1, ()),
        calls=work.calls,
    )
    return True
