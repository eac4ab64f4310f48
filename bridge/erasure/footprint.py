"""Where a person is in the bridge: the numbers of Chatwoot and Krayin, lanes and references.

Read from the rows while they are there and from the erasure's nodes afterwards, so that what arrives late is found, too.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.db.models import Q

from bridge.models import (
    Connection,
    ContactMapping,
    ConversationMapping,
    Effect,
    ObservedContact,
    ObservedConversation,
    SyncedObject,
)
from bridge.models.inbound import lane_of
from consent.erasure.local import Known
from consent.models.erasures import ErasureNode

CHATWOOT, KRAYIN = "chatwoot.", "krayin."


@dataclass
class Place:
    """The person in one connection."""

    connection: Connection
    contacts: set[int] = field(default_factory=set)
    conversations: set[int] = field(default_factory=set)
    people: set[int] = field(default_factory=set)
    leads: set[int] = field(default_factory=set)
    refs: set[str] = field(default_factory=set)

    @property
    def lanes(self) -> list[str]:
        return [lane_of(number) for number in sorted(self.contacts)]


@dataclass
class Footprint:
    """The person everywhere; rows by their own keys."""

    subject: UUID
    places: dict[int, Place] = field(default_factory=dict)
    contact_rows: list[UUID] = field(default_factory=list)
    conversation_rows: list[UUID] = field(default_factory=list)

    def each(self, field_name: str, *, column: str = "connection") -> Q:
        """The condition for rows of each connection whose `field_name` is one of the person's numbers there."""
        source, lookup = SOURCES[field_name]
        wanted = Q(**{f"{column}__in": []})
        for pk, place in self.places.items():
            values = getattr(place, source)
            if values:
                wanted |= Q(**{column: pk, f"{lookup}__in": sorted(values)})
        return wanted


# What is asked for: attribute of Place, column of the tables.
SOURCES = {
    "contact": ("contacts", "chatwoot_contact_id"),
    "conversation": ("conversations", "chatwoot_conversation_id"),
    "conversation_id": ("conversations", "conversation_id"),
    "contact_id": ("contacts", "contact_id"),
    "lead": ("leads", "krayin_lead_id"),
    "lane": ("lanes", "lane_key"),
    "canonical": ("lanes", "canonical"),
    "ref": ("refs", "ref"),
}


def footprint(known: Known) -> Footprint:
    """What `Known.found["bridge"]` holds."""
    found = Footprint(known.subject.pk)
    for row in ObservedContact.objects.filter(subject=known.subject).select_related("connection"):
        found.contact_rows.append(row.pk)
        _place(found, row.connection).contacts.add(row.chatwoot_contact_id)
    _from_nodes(found, known.nodes)
    for place in found.places.values():
        _from_rows(found, place)
    return found


def _place(found: Footprint, connection: Connection) -> Place:
    return found.places.setdefault(connection.pk, Place(connection))


def _from_nodes(found: Footprint, nodes: Iterable[ErasureNode]) -> None:
    """Old numbers: rows that came back by a late event belong to nobody else."""
    nodes = list(nodes)
    chats = {node.system: int(node.system.removeprefix(CHATWOOT)) for node in nodes if node.system.startswith(CHATWOOT)}
    connections = Connection.objects.in_bulk(set(chats.values()))
    for node in nodes:
        if node.system in chats and node.remote_ids:
            connection = connections.get(chats[node.system])
            if connection is None:
                continue
            place = _place(found, connection)
            if node.kind == "contact":
                place.contacts.update(node.remote_ids)
            elif node.kind == "conversation":
                place.conversations.update(node.remote_ids)
        elif node.kind == "lead" and node.system.startswith(KRAYIN):
            for place in found.places.values():
                if place.connection.krayin_id == int(node.system.removeprefix(KRAYIN)):
                    place.leads.update(node.remote_ids)


def _from_rows(found: Footprint, place: Place) -> None:
    of = {"connection": place.connection}
    late = ObservedContact.objects.filter(**of, chatwoot_contact_id__in=place.contacts)
    found.contact_rows = sorted({*found.contact_rows, *late.values_list("pk", flat=True)})
    talks = ObservedConversation.objects.filter(
        Q(contact__in=found.contact_rows, **of) | Q(chatwoot_conversation_id__in=place.conversations, **of)
    )
    for pk, number in talks.values_list("pk", "chatwoot_conversation_id"):
        found.conversation_rows.append(pk)
        place.conversations.add(number)
    for row in ContactMapping.objects.filter(**of, chatwoot_contact_id__in=place.contacts):
        place.people.update(one for one in [row.krayin_person_id] if one)
        place.leads.update(one for one in [row.krayin_lead_id] if one)
    synced = SyncedObject.objects.filter(**of, lane_key__in=place.lanes)
    for kind, number, ref in synced.values_list("kind", "foreign_id", "ref"):
        place.refs.add(ref)
        if kind == SyncedObject.Kind.PERSON:
            place.people.add(number)
        elif kind == SyncedObject.Kind.LEAD:
            place.leads.add(number)
    place.refs.update(Effect.objects.filter(**of, lane_key__in=place.lanes).values_list("object_ref", flat=True))
    _leads_of_conversations(place)


def _leads_of_conversations(place: Place) -> None:
    """Opportunities of the conversations that no other contact is linked to."""
    rows = ConversationMapping.objects.filter(
        connection=place.connection, chatwoot_conversation_id__in=place.conversations
    )
    place.leads.update(rows.values_list("krayin_lead_id", flat=True))


def of_others(place: Place, column: str, numbers: Iterable[int]) -> set[int]:
    """Those of the persons or opportunities that another contact is linked to, too (families, DESIGN section 5)."""
    rows = ContactMapping.objects.filter(
        **{"connection__krayin": place.connection.krayin_id, f"{column}__in": sorted(numbers)}
    ).exclude(connection=place.connection, chatwoot_contact_id__in=place.contacts)
    return set(rows.values_list(column, flat=True))


def places_of(found: Footprint) -> Sequence[Place]:
    return [place for _pk, place in sorted(found.places.items())]
