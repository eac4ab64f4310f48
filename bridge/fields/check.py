"""The dry check: what the draft would do with twenty contacts, from what we keep. Nothing is asked or written.

Values are opened for it, so each person gets an audit row; what is shown are counts.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar
from uuid import UUID

from bridge.fields.checks import Line, lines_of
from bridge.fields.convert import Unconvertible, to_krayin
from bridge.fields.edit import sample
from bridge.fields.mapping import STANDARD, Entity, Row
from bridge.fields.plan import FieldState, Side
from bridge.fields.state import Fields, fields_of, targets_of
from bridge.mappers import refs
from bridge.models import (
    Connection,
    KrayinLead,
    ObservedContact,
    ObservedConversation,
    ObservedValue,
    SyncedObject,
    Wish,
)
from bridge.models.inbound import lane_of
from bridge.sync.observe import contact_context
from consent.encryption import Actor, Opener, RevealDenied, open_for
from consent.policy import PurposeOfUse


class Found(StrEnum):
    TO_KRAYIN = "to_krayin"
    TO_CHATWOOT = "to_chatwoot"
    SAME = "same"
    EMPTY = "empty"
    NO_RECORD = "no_record"  # not in Krayin yet: sent when it is made
    FAILS = "fails"
    BLOCKED = "blocked"


@dataclass
class Outcome:
    """Contacts looked at, and what was found for each row of the draft."""

    contacts: int = 0
    lines: Sequence[Line] = ()
    found: dict[int, Counter[Found]] = field(default_factory=dict)

    def total(self, what: Found) -> int:
        return sum(counter[what] for counter in self.found.values())


def check(connection: Connection) -> Outcome:
    """Plan the draft for the contacts that were active last: a dozen queries, however many rows."""
    contacts = sample(connection)
    outcome = Outcome(len(contacts), lines_of(connection))
    outcome.found = {number: Counter() for number, _ in enumerate(outcome.lines)}
    if not contacts or not outcome.lines:
        return outcome
    stored = _stored(connection, contacts)
    opener = _opener(contacts)
    for contact in contacts:
        for number, what in _of_contact(connection, contact, outcome.lines, stored, opener).items():
            outcome.found[number][what] += 1
    return outcome


@dataclass(frozen=True)
class Stored:
    """What is kept about the contacts, by lane or contact."""

    synced: Mapping[str, Mapping[str, SyncedObject]]
    conversations: Mapping[UUID, Sequence[ObservedConversation]]
    values: Mapping[UUID, Sequence[ObservedValue]]
    leads: Mapping[int, KrayinLead]


def _stored(connection: Connection, contacts: Sequence[ObservedContact]) -> Stored:
    lanes = [lane_of(row.chatwoot_contact_id) for row in contacts]
    synced: dict[str, dict[str, SyncedObject]] = defaultdict(dict)
    for held in SyncedObject.objects.filter(connection=connection, lane_key__in=lanes, forgotten_at=None):
        synced[held.lane_key][held.ref] = held
    kept_back = Wish.objects.filter(
        connection=connection, kind=Wish.Kind.KEEP_BACK, state=Wish.State.OPEN, conversation__isnull=False
    )
    talks = ObservedConversation.objects.filter(contact__in=contacts, gone_at=None)
    values = ObservedValue.objects.filter(contact__in=contacts)
    numbers = [o.foreign_id for row in synced.values() for o in row.values() if o.kind == SyncedObject.Kind.LEAD]
    leads = KrayinLead.objects.filter(krayin_id=connection.krayin_id, lead_id__in=numbers)
    return Stored(
        synced, grouped(talks.exclude(pk__in=kept_back.values("conversation"))), grouped(values),
        {row.lead_id: row for row in leads},
    )  # fmt: skip


Kept = TypeVar("Kept", ObservedConversation, ObservedValue)


def grouped(rows: Iterable[Kept]) -> dict[UUID, list[Kept]]:
    found: dict[UUID, list[Kept]] = defaultdict(list)
    for row in rows:
        found[row.contact_id].append(row)
    return found


def _opener(contacts: Sequence[ObservedContact]) -> Opener | None:
    try:
        return open_for(
            [row.subject_id for row in contacts], actor=Actor.system("field-check"), purpose=PurposeOfUse.SYSTEM,
            fields=["bridge.ObservedContact", "bridge.ObservedValue"],
        )  # fmt: skip
    except RevealDenied:
        return None


def _of_contact(
    connection: Connection, contact: ObservedContact, lines: Sequence[Line], stored: Stored, opener: Opener | None
) -> Mapping[int, Found]:
    if opener is None or contact.subject_id in opener.denied:
        return dict.fromkeys(range(len(lines)), Found.BLOCKED)
    synced = stored.synced.get(lane_of(contact.chatwoot_contact_id), {})
    people = [row.ref for row in synced.values() if row.kind == SyncedObject.Kind.PERSON and row.gone_at is None]
    ref = people[0] if people else refs.person_ref(connection.ref_code, contact.ref_id)
    targets = targets_of(synced, ref, frozenset())
    # A record that does not exist yet is looked at as if it were about to be made.
    targets = {
        Entity.PERSON.value: ref,
        Entity.LEAD.value: refs.lead_ref(connection.ref_code, contact.ref_id, 1),
    } | targets
    held = synced.get(targets[Entity.LEAD.value])
    fields = fields_of(
        connection, [line.row for line in lines], contact, stored.conversations.get(contact.pk, []), synced,
        stored.values.get(contact.pk, []), targets, stored.leads.get(held.foreign_id) if held else None,
    )  # fmt: skip
    by_id = {state.row.id: state for state in fields.states}
    return {n: _of_row(by_id.get(line.row.id), fields, synced, contact, opener) for n, line in enumerate(lines)}


def _of_row(
    state: FieldState | None, fields: Fields, synced: Mapping[str, SyncedObject], contact: ObservedContact,
    opener: Opener,
) -> Found:  # fmt: skip
    if state is None or not (state.chat or state.there):
        return Found.EMPTY
    if state.chat and state.row.to_krayin and not _converts(state.row, fields, contact, opener):
        return Found.FAILS
    if state.object_ref not in synced:
        return Found.NO_RECORD
    if state.side is None:
        return Found.SAME
    return Found.TO_KRAYIN if state.side == Side.TO_KRAYIN else Found.TO_CHATWOOT


def _converts(row: Row, loaded: Fields, contact: ObservedContact, opener: Opener) -> bool:
    value = loaded.value(row)
    if value is not None and value.value is not None:
        text = opener.text(value.value, subject=value.subject_id, context=value.context)
    else:
        name = STANDARD.get(row.chatwoot, "")
        sealed = getattr(contact, name, None) if name else None
        context = contact_context(contact.pk, name)
        text = opener.text(sealed, subject=contact.subject_id, context=context) if sealed else ""
    try:
        to_krayin(row, text)
    except Unconvertible:
        return False
    return True
