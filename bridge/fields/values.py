"""Keep the values of the fields a mapping names, and notice that a body shows another one.

Fields nobody maps are not kept, and a connection without mapping takes no statement here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID, uuid4

from bridge.events import ContactFact, ConversationFact
from bridge.models import Connection, ObservedContact, ObservedConversation, ObservedValue
from consent.encryption import blind, seal_many

Place = tuple[UUID, str]  # the contact's or conversation's row, and the key


def digest_of(key: str, text: str) -> str:
    """Keyed, hexadecimal; empty for an empty value."""
    return blind("content", f"{key}\x1f{text}").hex() if text else ""


def mask_of(text: str) -> str:
    """As little as tells two values apart at a glance."""
    return f"{text[:1] if len(text) > 3 else ''}•••"


@dataclass
class Changes:
    """Values to write and to drop, in one statement each."""

    now: datetime
    held: Mapping[Place, ObservedValue]
    texts: list[str] = field(default_factory=list)
    fresh: list[ObservedValue] = field(default_factory=list)
    dropped: list[UUID] = field(default_factory=list)

    def put(self, place: UUID, key: str, text: str, made: ObservedValue) -> None:
        """Take over `text`; `made` is the row to write if there is none yet."""
        held = self.held.get((place, key))
        if not text:
            self.dropped += [held.pk] if held else []
            return
        digest = digest_of(key, text)
        if held and held.digest == digest and held.subject_id == made.subject_id:
            return
        made.pk = held.pk if held else made.pk
        made.digest, made.mask, made.changed_at = digest, mask_of(text), self.now
        self.fresh.append(made)
        self.texts.append(text)

    def write(self) -> None:
        if self.dropped:
            ObservedValue.objects.filter(pk__in=self.dropped).delete()
        if not self.fresh:
            return
        places = zip(self.texts, self.fresh, strict=True)
        for row, sealed in zip(
            self.fresh, seal_many((text, row.subject_id, row.context) for text, row in places), strict=True
        ):
            row.value = sealed
        ObservedValue.objects.bulk_create(
            self.fresh, update_conflicts=True, unique_fields=["id"],
            update_fields=["contact", "subject", "value", "digest", "mask", "version", "changed_at"],
        )  # fmt: skip


def take_contacts(
    connection: Connection,
    rows: Mapping[int, ObservedContact],
    facts: Iterable[ContactFact],
    taken: Mapping[int, ContactFact],
    now: datetime,
) -> set[int]:
    """Keep what the taken facts say; return the contacts whose other bodies differ: they have no version to tell."""
    watched = [key for key in connection.field_keys if key.startswith("contact.")]
    shown = [fact for fact in facts if fact.attributes is not None]
    if not watched or not shown:
        return set()
    held = {
        (value.contact_id, value.key): value
        for value in ObservedValue.objects.filter(contact__in=[row.pk for row in rows.values()], conversation=None)
    }
    changes = Changes(now, held)
    known: dict[Place, str] = {place: value.digest for place, value in held.items()}
    for number, fact in taken.items():
        row = rows[number]
        for key in watched if fact.attributes is not None else ():
            text = (fact.attributes or {}).get(key, "")
            known[row.pk, key] = digest_of(key, text)
            changes.put(row.pk, key, text, _new(connection, row, key))
    changes.write()
    return {
        fact.contact_id
        for fact in shown
        if not fact.is_authoritative and fact is not taken.get(fact.contact_id) and _differs(fact, rows, watched, known)
    }


def _differs(
    fact: ContactFact, rows: Mapping[int, ObservedContact], watched: Iterable[str], known: Mapping[Place, str]
) -> bool:
    place, attributes = rows[fact.contact_id].pk, fact.attributes or {}
    return any(digest_of(key, attributes.get(key, "")) != known.get((place, key), "") for key in watched)


def take_conversations(
    connection: Connection,
    rows: Mapping[int, ObservedConversation],
    facts: Iterable[ConversationFact],
    now: datetime,
) -> None:
    """Keep what the newest body of each conversation shows."""
    watched = [key for key in connection.field_keys if key.startswith("conversation.")]
    newest: dict[int, ConversationFact] = {}
    for fact in sorted(facts, key=lambda fact: fact.version) if watched else ():
        if fact.attributes is not None:
            newest[fact.conversation_id] = fact
    if not newest:
        return
    mine = [rows[number].pk for number in newest]
    held = {
        (value.conversation_id, value.key): value
        for value in ObservedValue.objects.filter(conversation__in=mine)
        if value.conversation_id
    }
    changes = Changes(now, held)
    for number, fact in newest.items():
        row = rows[number]
        if any(value.version > fact.version for place, value in held.items() if place[0] == row.pk):
            continue
        for key in watched:
            made = _new(connection, row.contact, key, row)
            made.version = fact.version
            changes.put(row.pk, key, (fact.attributes or {}).get(key, ""), made)
    changes.write()


def _new(
    connection: Connection, contact: ObservedContact, key: str, conversation: ObservedConversation | None = None
) -> ObservedValue:
    return ObservedValue(
        id=uuid4(), connection=connection, contact=contact, conversation=conversation, subject_id=contact.subject_id,
        key=key,
    )  # fmt: skip
