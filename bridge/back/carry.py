"""Carry out steps in Chatwoot, and write a person's fields to Krayin where both sides may change them.

Every handler reads before it writes what people may have changed, decides anew on what it read, and writes only what is
still wanted: a human's change is never overwritten by an older one.
"""

from collections.abc import Callable
from dataclasses import replace

from django.db import transaction

from bridge.back import fields, flips, readings, shown
from bridge.back.fields import Side
from bridge.back.plan import field_of
from bridge.back.state import current_lead, sources_of
from bridge.causes import Cause
from bridge.clients.base import Priority
from bridge.clients.chatwoot import ChatwootClient
from bridge.clients.shapes import Contact, Person, PersonDraft
from bridge.errors import PartnerGone, PartnerRejected
from bridge.events import Facts
from bridge.mappers.chatwoot_rest import contact_fact_of
from bridge.mappers.krayin import merged_person
from bridge.models import Breaker, ObservedContact, SyncedObject
from bridge.sync import breaker, effects, records
from bridge.sync.clock import database_now
from bridge.sync.lanes import fence, mark_dirty
from bridge.sync.observe import contact_digests, observe
from bridge.sync.plan import Step
from bridge.sync.work import Attempt, Later, Work

Kind = SyncedObject.Kind


def show_lead(attempt: Attempt, step: Step) -> None:
    """Write the custom attributes that show the contact's opportunity; Chatwoot keeps all others (contract 8.1)."""
    work = attempt.work
    attributes = shown.attributes_of(work.connection, current_lead(work.connection, work.person, _held(work)))

    def agreed() -> None:
        _agree(work, step, work.contact.chatwoot_contact_id, {"attributes": shown.digest_of(attributes)})

    def write() -> None:
        if attempt.effect(step).looked_up_at:
            there = work.chat.contact(work.contact.chatwoot_contact_id).custom_attributes
            if all(there.get(key) == value for key, value in attributes.items()):
                attempt.confirm({step: work.contact.chatwoot_contact_id}, agreed)
                return
        attempt.sending()
        work.chat.contact_update(work.contact.chatwoot_contact_id, custom_attributes=attributes)
        attempt.confirm({step: work.contact.chatwoot_contact_id}, agreed)

    in_chatwoot(attempt, step, write)


def set_label(attempt: Attempt, step: Step) -> None:
    """Read the labels, put ours in the place of our earlier one, write the list: Chatwoot replaces it whole."""
    work, back = attempt.work, attempt.work.loaded.state.back
    if back is None or back.label_ref != step.ref:
        raise Later(work.now)
    held = work.synced(step.ref)
    ours = {*shown.labels_of(work.connection), str(held.base.get("label", "")) if held else ""}

    def write() -> None:
        read, replace_all = _label_calls(work.chat, is_contact=work.connection.stage_label != "conversation")
        current = read(back.labelled_id)
        wanted = shown.merged_labels(current, ours, back.label)
        if wanted != current:
            attempt.sending()
            replace_all(back.labelled_id, wanted)
        attempt.confirm(
            {step: back.labelled_id},
            lambda: _agree(work, step, back.labelled_id, {"label": back.label}, kind=Kind.LABEL),
        )

    in_chatwoot(attempt, step, write)


def _label_calls(
    chat: ChatwootClient, *, is_contact: bool
) -> tuple[Callable[[int], tuple[str, ...]], Callable[[int, tuple[str, ...]], object]]:
    if is_contact:
        return chat.contact_labels, chat.contact_labels_replace
    return chat.conversation_labels, chat.conversation_labels_replace


def set_contact(attempt: Attempt, step: Step) -> None:
    """Write a field that people changed in Krayin to Chatwoot, unless Chatwoot shows a change of its own meanwhile."""
    work, name = attempt.work, field_of(step.ref)
    person = work.person
    current = _person_now(work, person) if person else None
    if person is None or current is None:
        raise Later(work.now)

    def write() -> None:
        observe_contact(work, work.chat.contact(work.contact.chatwoot_contact_id))
        if name not in _sides(work, person, Side.TO_CHATWOOT):
            attempt.confirm({step: work.contact.chatwoot_contact_id}, lambda: _agree_chat(work, step))
            return
        entry = next((e for e in fields.entries(current)[name] if e.digest == person.there[name]), None)
        if entry is None:
            # Somebody read a newer value meanwhile: look at it first.
            work.people.pop(person.foreign_id)
            raise Later(work.now)
        attempt.sending()
        value = {name: entry.value}
        answer = work.chat.contact_update(
            work.contact.chatwoot_contact_id,
            name=value.get("name"), email=value.get("email"), phone=value.get("phone"),
        )  # fmt: skip
        attempt.confirm({step: answer.id}, lambda: _written_to_chatwoot(work, step, person, name, answer))

    in_chatwoot(attempt, step, write)


def _person_now(work: Work, person: SyncedObject) -> Person | None:
    """The person as read in this claim, else read now; None when people deleted it."""
    if person.foreign_id in work.people:
        return work.people[person.foreign_id]
    work.reserve(1, Priority.RECORD)
    at = database_now()
    found = work.client.persons_by_ids([person.foreign_id])
    if not found:
        records.gone(work, person.ref)
        return None
    readings.note_person(person, found[0], work.contact.digests, at)
    work.people[person.foreign_id] = found[0]
    return found[0]


def _sides(work: Work, person: SyncedObject, side: Side) -> tuple[str, ...]:
    """The fields to write on one side, by what is known now."""
    rules = fields.Rules(sources_of(work.connection), flips.stopped(work.connection, person.ref))
    versions = fields.Versions(work.contact.changed_at, person.there_version)
    wanted = fields.to_write(work.contact.digests, person.there, person.base, rules, versions)
    return tuple(name for name, where in wanted.items() if where == side)


def observe_contact(work: Work, contact: Contact) -> None:
    """Take over what Chatwoot shows of the contact, fenced like any observation."""
    with transaction.atomic():
        fence(work.claim)
        observe(work.connection, [Facts(contacts=(contact_fact_of(contact),))], database_now())
    work.reread_contact()


def _written_to_chatwoot(work: Work, step: Step, person: SyncedObject, name: str, answer: Contact) -> None:
    """Agree on the value as Chatwoot returned it; its `contact_updated` then brings nothing new."""
    fact = contact_fact_of(answer)
    observe(work.connection, [Facts(contacts=(fact,))], database_now())
    base = fields.agreed(person.base, name, contact_digests(fact).get(name, ""), person.there[name])
    SyncedObject.objects.filter(pk=person.pk).update(base=base)
    _agree_chat(work, step)
    flips.note(work.connection, work.claim.lane_key, person.ref, [name], Side.TO_CHATWOOT)
    work.reread_contact()


def _agree_chat(work: Work, step: Step) -> None:
    _agree(work, step, work.contact.chatwoot_contact_id, {})


def _agree(work: Work, step: Step, number: int, base: dict[str, str], kind: Kind = Kind.CONTACT) -> None:
    records.agree(work, kind=kind, ref=step.ref, foreign_id=number, base=base, found_by="created")


def _held(work: Work) -> list[SyncedObject]:
    return list(work.loaded.synced.values())


def in_chatwoot(attempt: Attempt, step: Step, write: Callable[[], None]) -> None:
    """Run the calls of one step; what Chatwoot refuses or no longer has is told in its own words."""
    work = attempt.work
    try:
        write()
    except PartnerRejected as error:
        effects.reject(work.claim, attempt.effect(step), Cause.CHATWOOT_REJECTED, ", ".join(sorted(error.fields)))
    except PartnerGone:
        # Deleted or merged: reading it again finds out which (bridge.sync.merges).
        effects.reject(work.claim, attempt.effect(step), Cause.CHATWOOT_GONE)
        ObservedContact.objects.filter(pk=work.contact.pk).update(needs_read=True)
        mark_dirty(work.connection.pk, work.claim.lane_key)
    if work.claim.is_chatwoot_away:
        work.claim.is_chatwoot_away = False
        breaker.close(work.connection, Breaker.Of.CHATWOOT)


# Krayin's side --------------------------------------------------------------------------------------------------------


def write_person(
    attempt: Attempt, step: Step, held: SyncedObject, current: Person, complete: Callable[[PersonDraft], PersonDraft]
) -> None:
    """Write to Krayin the fields whose change in Chatwoot wins, decided on the person as just read.

    Fields that people changed in Krayin stay, and reach Chatwoot by a step of their own. `complete` adds what Krayin
    would reset if it were left out.
    """
    work = attempt.work
    readings.note_person(held, current, work.contact.digests, work.now)
    names = _sides(work, held, Side.TO_KRAYIN)
    base = fields.settled(work.contact.digests, held.there, held.base)
    if not names and held.has_ref:
        attempt.confirm({step: held.foreign_id}, lambda: _agree_person(work, held, base))
        return
    opened = work.open_contact()
    given = replace(
        opened, email=opened.email if "email" in names else "", phone=opened.phone if "phone" in names else ""
    )
    draft = merged_person(
        current, given, write_name="name" in names, drop_email=_replaced(held, current, "email", names),
        drop_phone=_replaced(held, current, "phone", names),
    )  # fmt: skip
    written = records.values_of(draft.name if "name" in names else "", given)
    attempt.sending(write=lambda: records.will_write(held, there={}, sent=written))
    answer = work.client.person_update(held.foreign_id, complete(draft))
    attempt.confirm({step: held.foreign_id}, lambda: _written_to_krayin(work, held, base, names, written, answer))


def _replaced(held: SyncedObject, current: Person, name: str, names: tuple[str, ...]) -> str:
    """The entry the new value replaces, as it stands there: ours, or what people made of ours; others stay."""
    if name not in names:
        return ""
    raw = [e.value for e in current.emails] if name == "email" else [p.value for p in current.phones]
    of_ours = held.base.get(f"{name}_there") in {held.base.get(f"{name}_written"), held.base.get(f"{name}_sent")}
    was_changed = fields.changed_there(name, held.there, held.base)
    for value in raw:
        digests = {entry.digest for entry in fields.entries_of(name, [value])}
        if any(digest in digests for digest in (held.base.get(f"{name}_written"), held.base.get(f"{name}_sent"))):
            return value
        if of_ours and was_changed and held.there[name] in digests:
            return value
    return ""


def _agree_person(work: Work, held: SyncedObject, base: dict[str, str]) -> None:
    records.agree(
        work, kind=Kind.PERSON, ref=held.ref, foreign_id=held.foreign_id, base=base, found_by=held.found_by,
        has_ref=held.has_ref,
    )  # fmt: skip


def _written_to_krayin(
    work: Work,
    held: SyncedObject,
    base: dict[str, str],
    names: tuple[str, ...],
    written: dict[str, str],
    answer: Person,
) -> None:
    """Agree on what was written as Krayin returned it; what waits for Chatwoot goes on waiting."""
    chat = work.contact.digests
    there = fields.seen(answer, chat, base)
    base = {key: value for key, value in base.items() if not key.endswith("_sent")}
    for name in names:
        base = fields.put(base, name, chat.get(name, ""))
        base[f"{name}_there"] = there[name]
        base.pop(f"{name}_written", None)
    base |= records.marks("written", {name: text for name, text in written.items() if name in names})
    records.agree(
        work, kind=Kind.PERSON, ref=held.ref, foreign_id=held.foreign_id, base=base, found_by=held.found_by,
        has_ref=True, there=there, there_at=work.asked_at, there_version=answer.updated_at or held.there_version,
    )  # fmt: skip
    flips.note(work.connection, work.claim.lane_key, held.ref, names, Side.TO_KRAYIN)
    records.map_contact(work, person_id=held.foreign_id, lead_id=None, found_by=held.found_by)


def settle_equal(work: Work) -> None:
    """Where both sides came to hold the same value without us, that is the agreement from now on."""
    back = work.loaded.state.back
    person = work.person if back else None
    if back is None or person is None or back.shares_person:
        return
    base = fields.settled(work.contact.digests, person.there, person.base)
    if base == person.base:
        return
    with transaction.atomic():
        fence(work.claim)
        SyncedObject.objects.filter(pk=person.pk, seq=person.seq).update(base=base)
    work.reload()
