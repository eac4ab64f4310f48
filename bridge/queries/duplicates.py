"""Pairs of a contact and a person of Krayin that may be one human being, with their evidence (screen B6)."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from bridge.models import (
    Connection,
    ContactMapping,
    KrayinLead,
    ObservedContact,
    ObservedConversation,
    Suggestion,
    SyncedObject,
)
from bridge.models.inbound import lane_of
from bridge.queries.words import Word

State = Suggestion.State
PAGE = 20

# What matched (before the colon) and why it was not simply adopted (after it): bridge.sync.people, bridge.sync.merges.
SAME = {
    "phone": gettext_lazy("same phone, with or without the ninth digit"),
    "email": gettext_lazy("same e-mail"),
    "document": gettext_lazy("same document"),
    "reference": gettext_lazy("same reference"),
}
DOUBTS: Mapping[str, str | Promise] = {
    "several_hits": gettext_lazy("several persons in Krayin have it"),
    "linked_to_another": gettext_lazy("that person is linked to another contact"),
    "krayin_of_several_clinics": gettext_lazy("several clinics share this Krayin"),
    "another_name": gettext_lazy("the names do not agree"),
    "merged_in_chatwoot": gettext_lazy("the contacts were joined in Chatwoot; each had a person in Krayin"),
    "by_hand": gettext_lazy("somebody said by hand that it is not this person"),
}


@dataclass(frozen=True)
class Pair:
    """A pair and what each side has. `person_id` is the person the contact is linked to now, if any."""

    row: Suggestion
    evidence: str
    conversations: int
    person_id: int | None
    others: Sequence[ObservedContact]  # contacts linked to the proposed person
    leads: int  # opportunities of the proposed person, as far as Ponte has seen them
    open_leads: int

    @property
    def is_linked(self) -> bool:
        """To the very person that is proposed."""
        return self.person_id == self.row.krayin_person_id


def pairs(connections: QuerySet[Connection]) -> QuerySet[Suggestion]:
    rows = Suggestion.objects.filter(connection__in=connections.order_by().values("pk"))
    return rows.select_related("contact__subject", "connection__clinic", "connection__krayin", "decided_by")


def page_of(connections: QuerySet[Connection], *, is_open: bool, after: int | None) -> tuple[list[Pair], int | None]:
    """One page: open pairs the oldest first, decided ones the newest first; and the key of the next page, if any."""
    rows = pairs(connections)
    rows = rows.filter(state=State.OPEN).order_by("pk") if is_open else rows.exclude(state=State.OPEN).order_by("-pk")
    if after is not None:
        rows = rows.filter(pk__gt=after) if is_open else rows.filter(pk__lt=after)
    found = list(rows[: PAGE + 1])
    return told(found[:PAGE]), (found[PAGE - 1].pk if len(found) > PAGE else None)


def told(rows: Sequence[Suggestion]) -> list[Pair]:
    """The pairs with what each side has: five queries for all of them."""
    held, others, conversations = _held(rows), _others(rows), _conversations(rows)
    leads = _leads(rows)
    return [
        Pair(
            row=row,
            evidence=evidence_text(row.evidence),
            conversations=conversations.get(row.contact_id, 0),
            person_id=held.get((row.connection_id, lane_of(row.contact.chatwoot_contact_id))),
            others=[one for one in others.get((row.connection_id, row.krayin_person_id), ()) if one != row.contact],
            leads=sum(leads.get((row.connection.krayin_id, row.krayin_person_id), ())),
            open_leads=leads.get((row.connection.krayin_id, row.krayin_person_id), (0, 0))[0],
        )
        for row in rows
    ]


def evidence_text(evidence: str) -> str:
    """`mesmo telefone, com ou sem o nono dígito · os nomes não combinam`."""
    what, _colon, doubt = evidence.rpartition(":")
    parts = [str(SAME.get(what, what)), str(DOUBTS.get(doubt, doubt))]
    return " · ".join(part for part in parts if part)


def _held(rows: Iterable[Suggestion]) -> dict[tuple[int, str], int]:
    lanes = {lane_of(row.contact.chatwoot_contact_id) for row in rows}
    ids = {row.connection_id for row in rows}
    found = SyncedObject.objects.filter(
        connection__in=ids, lane_key__in=lanes, kind=SyncedObject.Kind.PERSON, gone_at=None
    )
    return {(one.connection_id, one.lane_key): one.foreign_id for one in found.order_by("-pk")}


def _others(rows: Iterable[Suggestion]) -> dict[tuple[int, int], list[ObservedContact]]:
    """Contacts of the same connection that are linked to the proposed person."""
    ids, persons = {row.connection_id for row in rows}, {row.krayin_person_id for row in rows}
    mapped = ContactMapping.objects.filter(connection__in=ids, krayin_person_id__in=persons)
    numbers = list(mapped.values_list("connection_id", "chatwoot_contact_id", "krayin_person_id")[:200])
    contacts = {
        (one.connection_id, one.chatwoot_contact_id): one
        for one in ObservedContact.objects.filter(
            connection__in=ids, chatwoot_contact_id__in=[number for _connection, number, _person in numbers]
        )
    }
    found: dict[tuple[int, int], list[ObservedContact]] = defaultdict(list)
    for connection_id, number, person_id in numbers:
        if person_id is not None and (connection_id, number) in contacts:
            found[connection_id, person_id].append(contacts[connection_id, number])
    return found


def _conversations(rows: Iterable[Suggestion]) -> dict[object, int]:
    counted: dict[object, int] = defaultdict(int)
    contacts = [row.contact_id for row in rows]
    for contact_id in ObservedConversation.objects.filter(contact__in=contacts).values_list("contact_id", flat=True):
        counted[contact_id] += 1
    return counted


def _leads(rows: Iterable[Suggestion]) -> dict[tuple[int, int], tuple[int, int]]:
    """Open and closed opportunities of each proposed person."""
    krayins, persons = {row.connection.krayin_id for row in rows}, {row.krayin_person_id for row in rows}
    found: dict[tuple[int, int], list[int]] = defaultdict(lambda: [0, 0])
    seen = KrayinLead.objects.filter(krayin__in=krayins, person_id__in=persons, gone_at=None)
    for krayin_id, person_id, closed_at in seen.values_list("krayin_id", "person_id", "closed_at"):
        if person_id is not None:
            found[krayin_id, person_id][closed_at is not None] += 1
    return {key: (counts[0], counts[1]) for key, counts in found.items()}


def sentence(waiting: int) -> tuple[Word, str]:
    if not waiting:
        return Word.DONE, _("No pair waits for an answer.")
    text = ngettext("%(n)d pair waits for your answer.", "%(n)d pairs wait for your answer.", waiting)
    return Word.WAITING, text % {"n": waiting}
