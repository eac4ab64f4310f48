"""Read the mapped fields of one contact: two queries, three where opportunities are read back; none without mapping."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from bridge.fields.mapping import STANDARD, Entity, Row, resets_nothing, rows_of
from bridge.fields.plan import FieldState, agreement_ref
from bridge.mappers import refs
from bridge.models import (
    Connection,
    FieldStop,
    KrayinLead,
    ObservedContact,
    ObservedConversation,
    ObservedValue,
    SyncedObject,
)

Kind = SyncedObject.Kind


@dataclass(frozen=True)
class Fields:
    """The planner's states, and the stored values behind them by the field's id."""

    states: tuple[FieldState, ...] = ()
    values: Mapping[str, ObservedValue] | None = None

    def value(self, row: Row) -> ObservedValue | None:
        return (self.values or {}).get(row.id)


@dataclass(frozen=True)
class Reading:
    """What Krayin last showed of a record: digests by code, and its own time of the last change."""

    digests: Mapping[str, str]
    at: datetime | None


UNREAD = Reading({}, None)


def load_fields(
    connection: Connection,
    contact: ObservedContact | None,
    conversations: Sequence[ObservedConversation],
    synced: Mapping[str, SyncedObject],
    *,
    person_ref: str,
    kept_back: Collection[UUID] = (),
    making: str = "",
) -> Fields:
    """`making` is the reference of a person or opportunity about to be made, which is not among `synced` yet."""
    rows = rows_of(connection)
    if contact is None or not rows:
        return Fields()
    targets = targets_of(synced, person_ref, {making} if making else frozenset())
    lead = synced.get(targets.get(Entity.LEAD.value, ""))
    kept = None
    if lead is not None and any(row.is_readable and row.entity == Entity.LEAD for row in rows):
        kept = KrayinLead.objects.filter(krayin_id=connection.krayin_id, lead_id=lead.foreign_id).first()
    sent = [row for row in conversations if row.pk not in kept_back and row.gone_at is None]
    held = list(ObservedValue.objects.filter(contact=contact))
    fields = fields_of(connection, rows, contact, sent, synced, held, targets, kept)
    return _without_stopped(connection, fields) if any(row.to_krayin and row.to_chatwoot for row in rows) else fields


def _without_stopped(connection: Connection, fields: Fields) -> Fields:
    """Fields that changed back and forth too often wait for a person, like name, e-mail and phone (bridge.back.flips)."""
    refs_of = {state.object_ref for state in fields.states}
    stops = FieldStop.objects.filter(connection=connection, ref__in=refs_of, resumed_at=None)
    stopped = set(stops.values_list("ref", "field"))
    states = [replace(s, is_stopped=True) if (s.object_ref, s.row.id) in stopped else s for s in fields.states]
    return Fields(tuple(states), fields.values)


def fields_of(
    connection: Connection,
    rows: Sequence[Row],
    contact: ObservedContact,
    sent: Sequence[ObservedConversation],
    synced: Mapping[str, SyncedObject],
    held: Sequence[ObservedValue],
    targets: Mapping[str, str],
    lead: KrayinLead | None,
) -> Fields:
    """What `load_fields` makes of what it read. `sent` are the conversations nobody keeps back."""
    edits_leads = resets_nothing(connection, rows)
    values: dict[str, ObservedValue] = {}
    states = []
    for row in rows:
        ref = targets.get(row.entity)
        if ref is None or (row.entity == Entity.LEAD and ref in synced and not edits_leads):
            continue
        value = _value_of(row, held, sent, ref)
        if value is not None:
            values[row.id] = value
        chat = contact.digests.get(STANDARD.get(row.chatwoot, ""), "") if value is None else value.digest
        changed_at = contact.changed_at if value is None else value.changed_at
        reading = _reading(synced.get(ref), lead, row)
        states.append(_state(connection, row, ref, chat, changed_at, reading, synced.get(agreement_ref(ref))))
    return Fields(tuple(states), values)


def targets_of(synced: Mapping[str, SyncedObject], person_ref: str, making: Collection[str]) -> dict[str, str]:
    """The records the rows are about: the contact's person, and the last open opportunity."""
    person = synced.get(person_ref)
    has_person = person is not None and person.gone_at is None
    found = {Entity.PERSON.value: person_ref} if has_person or person_ref in making else {}
    leads = [ref for ref in making if ref != person_ref] or [
        row.ref for row in synced.values()
        if has_person and row.kind == Kind.LEAD and row.ref.startswith(f"{person_ref}-l")
        and not row.gone_at and not row.closed_at
    ]  # fmt: skip
    if leads:
        found[Entity.LEAD.value] = max(leads, key=refs.lead_number_of)
    return found


def _value_of(
    row: Row, held: Sequence[ObservedValue], sent: Sequence[ObservedConversation], ref: str
) -> ObservedValue | None:
    """The stored value; of a conversation's field the one of the newest conversation that has it."""
    found = [value for value in held if value.key == row.chatwoot]
    if not row.chatwoot.startswith("conversation."):
        return found[0] if found else None
    number = refs.lead_number_of(ref) if row.entity == Entity.LEAD else None
    mine = {one.pk for one in sent if number is None or one.lead_number in (None, number)}
    return max((value for value in found if value.conversation_id in mine), key=lambda v: v.version, default=None)


def _reading(record: SyncedObject | None, lead: KrayinLead | None, row: Row) -> Reading:
    if record is None or not row.is_readable:
        return UNREAD
    if row.entity == Entity.LEAD:
        return Reading(lead.fields, lead.changed_at) if lead else UNREAD
    shown = {code.removeprefix("~"): digest for code, digest in record.there.items() if code.startswith("~")}
    return Reading(shown, record.there_version)


def _state(
    connection: Connection, row: Row, ref: str, chat: str, chat_at: datetime | None, reading: Reading,
    agreed: SyncedObject | None,
) -> FieldState:  # fmt: skip
    base_chat, base_there, times = (agreed.base if agreed else {}).get(row.id, ("", "", -1))
    is_ready = connection.krayin_to_chatwoot and connection.back_checked_at is not None and not connection.back_problem
    return FieldState(
        row=row, object_ref=ref, chat=chat, chat_at=chat_at, there=reading.digests.get(row.code, ""),
        there_at=reading.at, base_chat=base_chat, base_there=base_there, times=times, can_show=is_ready,
    )  # fmt: skip
