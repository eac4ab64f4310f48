"""Finding one person: by phone, e-mail or conversation number, exactly, over the blind index (screen B1)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from bridge.models import Connection, ObservedContact
from bridge.queries.story import connections_naming, contacts_of_conversation, contacts_to_tell
from consent.encryption import Actor
from consent.models import Clinic
from consent.queries import people_search

MAX_NUMBER = 2**63 - 1
FOUND_SHOWN = 20
CONVERSATION_ADDRESS = re.compile(r"/conversations/(\d{1,18})(?:\D|$)")

KIND_NAMES = {
    "phone": _("phone"),
    "email": _("e-mail"),
    "conversation": _("conversation number"),
}


@dataclass(frozen=True)
class Asked(people_search.Asked):
    """What a search box holds, read every way it can be read. The text itself is not kept."""

    conversation: int | None = None

    @property
    def kinds(self) -> list[str]:
        """Names of what is searched, for the audit row and the answer."""
        return super().kinds + (["conversation"] if self.conversation else [])


@dataclass(frozen=True)
class Found:
    """Contacts that answer, and connections where only unread events name the conversation."""

    asked: Asked
    contacts: Sequence[ObservedContact] = ()
    unread: Sequence[Connection] = field(default_factory=tuple)
    by_conversation: frozenset[UUID] = frozenset()  # the contacts whose conversation was named


def read(text: str) -> Asked:
    """Understand what was typed; nothing usable gives an empty question."""
    text = text.strip()[: people_search.LONGEST]
    address = CONVERSATION_ADDRESS.search(text)
    if address:
        return Asked(conversation=int(address[1]))
    digits = text.lstrip("#")
    number = int(digits) if digits.isascii() and digits.isdecimal() and len(digits) <= len(str(MAX_NUMBER)) else 0
    typed = people_search.read(text)
    return Asked(typed.phones, typed.email, number if 0 < number <= MAX_NUMBER else None)


def find(asked: Asked, connections: QuerySet[Connection]) -> Found:
    """Contacts of these connections that have the phone, the e-mail or the conversation."""
    contacts = {row.pk: row for row in _by_points(asked, connections)}
    unread: list[Connection] = []
    held: list[ObservedContact] = []
    if asked.conversation:
        held = list(contacts_of_conversation(asked.conversation, connections)[:FOUND_SHOWN])
        contacts |= {row.pk: row for row in held}
        known = {row.connection_id for row in held}
        unread = [row for row in connections_naming(asked.conversation, connections) if row.pk not in known]
    return Found(asked, list(contacts.values())[:FOUND_SHOWN], unread, frozenset(row.pk for row in held))


def record(found: Found, actor: Actor) -> None:
    """Write down that somebody looked for a person. Raises django.db.DatabaseError: then nothing may be shown."""
    seen: set[tuple[int | None, UUID | None]] = {
        (row.connection.clinic_id, row.subject.pseudonym) for row in found.contacts
    }
    seen = seen or {(row.clinic_id, None) for row in found.unread}
    people_search.record(found.asked, seen, actor, object_type="bridge.ObservedContact")


def _by_points(asked: Asked, connections: QuerySet[Connection]) -> QuerySet[ObservedContact]:
    if not asked.phones and not asked.email:
        return ObservedContact.objects.none()
    clinics = Clinic.objects.filter(pk__in=connections.order_by().values("clinic_id"))
    reached = people_search.points(asked, clinics).values("subject_id")
    return contacts_to_tell(connections).filter(subject__in=reached)[:FOUND_SHOWN]
