"""One contact on both sides, now: what Chatwoot shows, what was agreed last, what Krayin shows (screen B1).

Three calls at most. What was read is written down as any other reading is; values leave this module masked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bridge.back import fields, readings
from bridge.back.leads import keep_leads, note_stage
from bridge.back.state import is_shared
from bridge.clients.base import Priority
from bridge.clients.shapes import Contact, Lead, Person
from bridge.mappers.chatwoot_rest import contact_fact_of
from bridge.models import Connection, ObservedContact, SyncedObject
from bridge.models.back import Field
from bridge.models.inbound import lane_of
from bridge.sync.clock import database_now
from bridge.sync.lanes import mark_dirty
from bridge.sync.observe import contact_digests
from bridge.sync.partners import chatwoot_client, krayin_client
from consent.identifiers import email_mask, name_mask, phone_mask

MOST_CALLS = 3
MASKS = {"name": name_mask, "email": email_mask, "phone": phone_mask}
Kind = SyncedObject.Kind


@dataclass(frozen=True)
class FieldLine:
    """One field on both sides, masked; two values may look alike behind their masks and still differ."""

    field: Field
    chatwoot: str
    krayin: str
    is_equal: bool
    is_accepted: bool  # people said that just this difference may stay
    changed_here: bool  # since the last agreement
    changed_there: bool
    can_take_chatwoot: bool
    can_take_krayin: bool
    can_accept: bool


@dataclass(frozen=True)
class LeadLine:
    """One opportunity: the stage Ponte last saw or set, and the one it has now."""

    lead_id: int
    seen_stage_id: int | None
    stage_id: int | None
    is_gone: bool

    @property
    def is_equal(self) -> bool:
        return not self.is_gone and self.seen_stage_id == self.stage_id


@dataclass(frozen=True)
class Comparison:
    """`person_id` is None where the contact has no person in Krayin yet; `is_gone`: deleted there."""

    person_id: int | None
    is_gone: bool
    is_shared: bool
    lines: Sequence[FieldLine]
    leads: Sequence[LeadLine]
    calls: int

    @property
    def differing(self) -> int:
        fields_differ = sum(not line.is_equal and not line.is_accepted for line in self.lines)
        return fields_differ + sum(not lead.is_equal for lead in self.leads) + self.is_gone


def compare(contact: ObservedContact) -> Comparison:
    """Ask both partners now. Raises the partner errors of `bridge.errors`; PartnerGone: no longer in Chatwoot."""
    connection = contact.connection
    rows = list(
        SyncedObject.objects.filter(
            connection=connection, lane_key=lane_of(contact.chatwoot_contact_id), kind__in=[Kind.PERSON, Kind.LEAD],
            gone_at=None, forgotten_at=None,
        ).order_by("pk")
    )  # fmt: skip
    person = next((row for row in rows if row.kind == Kind.PERSON), None)
    leads = [row for row in rows if row.kind == Kind.LEAD]
    at, chat = database_now(), chatwoot_client(connection).contact(contact.chatwoot_contact_id)
    krayin = krayin_client(connection)[0] if rows else None
    read = krayin.persons_by_ids([person.foreign_id]) if krayin and person else ()
    found: Mapping[int, Lead] = {}
    if krayin and leads:
        asked = [row.foreign_id for row in leads][:100]
        found = {lead.id: lead for lead in krayin.leads_by_ids(asked, priority=Priority.RECORD)}
    lead_lines = [_lead_line(row, found.get(row.foreign_id)) for row in leads]
    digests = _note_contact(contact, chat)
    _note_leads(connection, leads, found, at)
    readings.note_people(connection, read, at)
    if person:
        person.refresh_from_db()
    shown = next(iter(read), None)
    shared = person is not None and is_shared(person)
    return Comparison(
        person_id=person.foreign_id if person else None,
        is_gone=person is not None and shown is None,
        is_shared=shared,
        lines=_field_lines(connection, chat, digests, person, shown, may_choose=not shared),
        leads=lead_lines,
        calls=1 + bool(person) + bool(leads),
    )


def _note_contact(contact: ObservedContact, chat: Contact) -> Mapping[str, str]:
    """What differs from what is known is read again by the lane, as after a poll."""
    digests = contact_digests(contact_fact_of(chat))
    if contact.digests != digests:
        ObservedContact.objects.filter(pk=contact.pk).update(needs_read=True)
        mark_dirty(contact.connection_id, lane_of(contact.chatwoot_contact_id))
    return digests


def _note_leads(connection: Connection, rows: Sequence[SyncedObject], found: Mapping[int, Lead], at: datetime) -> None:
    keep_leads(connection.krayin_id, found.values(), at)
    for row in rows:
        if row.foreign_id in found:
            note_stage(connection, row, found[row.foreign_id])


def _lead_line(row: SyncedObject, lead: Lead | None) -> LeadLine:
    return LeadLine(row.foreign_id, row.stage_id, lead.stage_id if lead else None, lead is None)


def _field_lines(
    connection: Connection,
    chat: Contact,
    digests: Mapping[str, str],
    person: SyncedObject | None,
    shown: Person | None,
    *,
    may_choose: bool,
) -> list[FieldLine]:
    here = {"name": chat.name, "email": chat.email or "", "phone": chat.phone or ""}
    there = person.there if person and shown else {}
    base = person.base if person else {}
    entries = fields.entries(shown) if shown else {}
    lines = []
    for field in Field:
        entry = fields.chosen(entries.get(field, []), digests.get(field, ""), base.get(f"{field}_there", ""))
        equal = shown is None or fields.are_equal(field, digests, there)
        accepted = not equal and fields.is_accepted(field, digests, there, base)
        lines.append(
            FieldLine(
                field=field,
                chatwoot=MASKS[field](here[field]),
                krayin=MASKS[field](entry.value) if entry else "",
                is_equal=equal,
                is_accepted=accepted,
                changed_here=shown is not None and fields.changed_here(field, digests, base),
                changed_there=fields.changed_there(field, there, base),
                can_take_chatwoot=may_choose and not equal and bool(digests.get(field)),
                can_take_krayin=may_choose and not equal and bool(there.get(field)) and connection.krayin_to_chatwoot,
                can_accept=may_choose and not equal and not accepted,
            )
        )
    return lines
