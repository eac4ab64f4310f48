"""Read what planning needs about one contact's side in Chatwoot: three queries, none where the direction is off."""

from collections.abc import Iterable, Mapping, Sequence

from bridge.back import flips, shown
from bridge.back.fields import FIELDS, Rules, Versions
from bridge.back.plan import BackState, label_ref
from bridge.models import Connection, KrayinLead, ObservedContact, ObservedConversation, SyncedObject
from bridge.sync.people import is_called_shared

Kind = SyncedObject.Kind
StageLabel = Connection.StageLabel


def load_back(
    connection: Connection,
    contact: ObservedContact | None,
    conversations: Sequence[ObservedConversation],
    synced: Mapping[str, SyncedObject],
    *,
    person_ref: str,
) -> BackState | None:
    """The planner's view; None where nothing of Krayin is shown in Chatwoot."""
    if contact is None or not connection.krayin_to_chatwoot:
        return None
    person = person_of(synced, person_ref)
    lead = current_lead(connection, person, synced.values())
    ref, labelled_id = _label_target(connection, contact, conversations)
    return BackState(
        code=connection.ref_code,
        contact_id=contact.chatwoot_contact_id,
        rules=Rules(sources_of(connection), flips.stopped(connection, person.ref) if person else frozenset()),
        versions=Versions(contact.changed_at, person.there_version if person else None),
        chat=contact.digests,
        there=person.there if person else {},
        base=person.base if person else {},
        shares_person=person is None or is_shared(person),
        attributes=shown.digest_of(shown.attributes_of(connection, lead)),
        nothing=shown.digest_of(shown.NOTHING),
        label=shown.label_of(connection, lead) if connection.stage_label != StageLabel.OFF else "",
        label_ref=ref,
        labelled_id=labelled_id,
        can_write=connection.back_checked_at is not None and not connection.back_problem,
    )


def sources_of(connection: Connection) -> dict[str, str]:
    return {name: getattr(connection, f"{name}_source") for name in FIELDS}


def person_of(synced: Mapping[str, SyncedObject], person_ref: str) -> SyncedObject | None:
    """The contact's person in Krayin, unless people deleted it there."""
    row = synced.get(person_ref)
    return row if row and row.gone_at is None else None


def is_shared(person: SyncedObject) -> bool:
    """Whether several contacts have this person: whose name it is cannot be told (DESIGN section 5)."""
    rows = SyncedObject.objects.filter(krayin_id=person.krayin_id, kind=Kind.PERSON, foreign_id=person.foreign_id)
    is_held = rows.exclude(pk=person.pk).filter(gone_at=None).exists()
    return is_held or is_called_shared(person.connection_id, person.foreign_id)


def current_lead(
    connection: Connection, person: SyncedObject | None, synced: Iterable[SyncedObject]
) -> KrayinLead | None:
    """The contact's opportunity as last seen: the last open one, else the last."""
    if person is None:
        return None
    own = [row.foreign_id for row in synced if row.kind == Kind.LEAD and row.gone_at is None and _belongs(row, person)]
    if not own:
        return None
    rows = KrayinLead.objects.filter(krayin_id=connection.krayin_id, lead_id__in=own, gone_at=None)
    return max(rows, key=lambda row: (row.closed_at is None, row.lead_id), default=None)


def _belongs(lead: SyncedObject, person: SyncedObject) -> bool:
    """References of opportunities continue their person's (bridge.mappers.refs)."""
    return lead.ref.startswith(f"{person.ref}-l")


def _label_target(
    connection: Connection, contact: ObservedContact, conversations: Sequence[ObservedConversation]
) -> tuple[str, int]:
    """Reference and number of what carries the label; ours is taken off the contact when it is switched off."""
    code = connection.ref_code
    if connection.stage_label != StageLabel.CONVERSATION:
        return label_ref(code, "c", contact.chatwoot_contact_id), contact.chatwoot_contact_id
    numbers = [row.chatwoot_conversation_id for row in conversations if row.gone_at is None]
    return (label_ref(code, "v", max(numbers)), max(numbers)) if numbers else ("", 0)
