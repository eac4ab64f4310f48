"""Apply facts to observed state: newest wins, deletion absorbs, sets by union, set-based per claim (DESIGN section 2).

Applying the same facts twice, late or in any order ends in the same rows. The lanes of a claim are leased, so nobody
else changes their contacts meanwhile.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from bridge.consents.hearing import hear
from bridge.events import ContactFact, ConversationFact, Facts, MessageFact
from bridge.fields.values import take_contacts, take_conversations
from bridge.models import Connection, ConversationDay, ObservedContact, ObservedConversation, ObservedMessage
from consent.encryption import Context, Sealed, blind, blind_version, ensure_subject_keys, seal_many
from consent.identifiers import contact_mask, email_mask, email_normalised, phone_e164, phone_mask
from consent.models import ContactPoint, DataSubject

CONTACT_FIELDS = ("name", "email", "phone", "company")
MESSAGE_UPDATE = [
    "direction", "author_kind", "content", "digest", "version", "is_deleted", "needs_read", "is_marketing",
]  # fmt: skip


def contact_context(contact_id: UUID, field_name: str) -> Context:
    return Context("bridge.ObservedContact", field_name, str(contact_id))


def message_context(message_id: UUID) -> Context:
    return Context("bridge.ObservedMessage", "content", str(message_id))


def content_digest(*parts: str) -> bytes:
    """Keyed digest of sealed content: tells equal from different without opening, and is no use to a guesser."""
    return blind("content", "\x1f".join(parts))


def message_digest(fact: MessageFact) -> bytes:
    return content_digest(fact.text, fact.author_name, ",".join(fact.attachments), str(fact.is_deleted))


@dataclass
class Sealing:
    """Values to seal in one go, so that the keys of all titulares are read with one query."""

    values: list[tuple[str, UUID, Context]] = field(default_factory=list)
    targets: list[tuple[Any, str]] = field(default_factory=list)

    def add(self, row: Any, attribute: str, text: str, subject: UUID, context: Context) -> None:
        if not text:
            setattr(row, attribute, None)
            return
        self.values.append((text, subject, context))
        self.targets.append((row, attribute))

    def carry_out(self) -> None:
        sealed: Sequence[Sealed] = seal_many(self.values)
        for (row, attribute), value in zip(self.targets, sealed, strict=True):
            setattr(row, attribute, value)


@dataclass
class Observation:
    """Facts of one connection on their way into its rows."""

    connection: Connection
    now: datetime
    zone: ZoneInfo
    sealing: Sealing = field(default_factory=Sealing)
    contacts: dict[int, ObservedContact] = field(default_factory=dict)
    conversations: dict[int, ObservedConversation] = field(default_factory=dict)
    messages: dict[int, ObservedMessage] = field(default_factory=dict)
    touched: dict[UUID, set[date]] = field(default_factory=lambda: defaultdict(set))
    changed: set[int] = field(default_factory=set)  # contacts to write
    left: list[ObservedContact] = field(default_factory=list)  # contacts that conversations went away from


def observe(connection: Connection, facts: Sequence[Facts], now: datetime) -> Observation:
    """Merge facts into the rows of one connection; call it inside a transaction. `now` is the database's clock."""
    work = Observation(connection, now, ZoneInfo(connection.clinic.time_zone))
    _contacts(work, [c for f in facts for c in f.contacts])
    _conversations(work, [c for f in facts for c in f.conversations])
    _messages(work, [m for f in facts for m in f.messages])
    _days(work)
    return work


# Contacts ------------------------------------------------------------------------------------------------------------


def _contacts(work: Observation, facts: Sequence[ContactFact]) -> None:
    ids = {f.contact_id for f in facts}
    rows = ObservedContact.objects.filter(connection=work.connection, chatwoot_contact_id__in=ids)
    work.contacts = {row.chatwoot_contact_id: row for row in rows}
    points: dict[int, ContactFact] = {}
    fresh = _new_contacts(work, facts)
    for fact in facts:
        row = work.contacts[fact.contact_id]
        if _merge_contact(work, row, fact, is_new=fact.contact_id in fresh):
            fresh.discard(fact.contact_id)
            points[fact.contact_id] = fact
    for contact_id in take_contacts(work.connection, work.contacts, facts, points, work.now):
        work.contacts[contact_id].needs_read = True
        work.changed.add(contact_id)
    work.sealing.carry_out()
    work.sealing = Sealing()
    changed = [work.contacts[contact_id] for contact_id in sorted(work.changed)]
    if changed:
        ObservedContact.objects.bulk_create(
            changed,
            update_conflicts=True,
            unique_fields=["id"],
            update_fields=[
                *CONTACT_FIELDS, "mask", "has_email", "has_phone", "has_identifier", "digests", "needs_read",
                "seen_at", "last_activity_at", "gone_at", "read_at", "changed_at",
            ],
        )  # fmt: skip
    _contact_points(work, points)


def _new_contacts(work: Observation, facts: Iterable[ContactFact]) -> set[int]:
    """Make a titular with a data key for every contact seen for the first time."""
    missing = sorted({f.contact_id for f in facts} - set(work.contacts))
    subjects = [DataSubject(id=uuid4(), clinic_id=work.connection.clinic_id) for _ in missing]
    DataSubject.objects.bulk_create(subjects)
    ensure_subject_keys(s.pk for s in subjects)
    for contact_id, subject in zip(missing, subjects, strict=True):
        work.contacts[contact_id] = ObservedContact(
            connection=work.connection, chatwoot_contact_id=contact_id, subject=subject
        )
    return set(missing)


def _merge_contact(work: Observation, row: ObservedContact, fact: ContactFact, *, is_new: bool) -> bool:
    """Take the fact over; True if the fields were. Bodies of contacts carry no version, so a differing one only asks
    for a read over REST (DESIGN section 2)."""
    if fact.last_activity_at and (row.last_activity_at is None or fact.last_activity_at > row.last_activity_at):
        row.last_activity_at = fact.last_activity_at
        work.changed.add(fact.contact_id)
    if fact.changed_at and (row.changed_at is None or fact.changed_at > row.changed_at):
        row.changed_at = fact.changed_at
        work.changed.add(fact.contact_id)
    digests = contact_digests(fact)
    if not is_new and not fact.is_authoritative:
        if digests != row.digests:
            row.needs_read = True
            work.changed.add(fact.contact_id)
        return False
    phone = phone_e164(fact.phone) or ""
    row.digests, row.needs_read, row.gone_at = digests, False, None
    if fact.is_authoritative:
        row.read_at = work.now
    row.has_email, row.has_phone = bool(email_normalised(fact.email)), bool(phone)
    row.has_identifier = fact.has_identifier
    row.mask = contact_mask(fact.name, phone)
    work.changed.add(fact.contact_id)
    for name, text in contact_values(fact).items():
        work.sealing.add(row, name, text, row.subject_id, contact_context(row.pk, name))
    return True


def contact_values(fact: ContactFact) -> dict[str, str]:
    """The fields as they are kept: e-mail and phone normalised, unusable ones dropped."""
    return {
        "name": fact.name.strip(),
        "email": email_normalised(fact.email) or "",
        "phone": phone_e164(fact.phone) or "",
        "company": fact.company.strip(),
    }


def contact_digests(fact: ContactFact) -> dict[str, str]:
    values = contact_values(fact)
    digests = {name: content_digest(name, text).hex() for name, text in values.items() if text}
    return digests | ({"identifier": "1"} if fact.has_identifier else {})


MASK_OF = {"phone": phone_mask, "email": email_mask}


def _contact_points(work: Observation, facts: dict[int, ContactFact]) -> None:
    """Replace the contact points of the contacts whose fields were taken over; under a legal hold old ones stay."""
    subjects = {contact_id: work.contacts[contact_id].subject_id for contact_id in facts}
    ContactPoint.objects.filter(subject_id__in=subjects.values(), subject__has_hold=False).delete()
    points = []
    for contact_id, fact in facts.items():
        values = contact_values(fact)
        for kind in ("phone", "email"):
            if not values[kind]:
                continue
            point = ContactPoint(
                id=uuid4(), subject_id=subjects[contact_id], clinic_id=work.connection.clinic_id, kind=kind,
                blind=blind(kind, values[kind]), blind_version=blind_version(), mask=MASK_OF[kind](values[kind]),
            )  # fmt: skip
            context = Context("consent.ContactPoint", "value", str(point.pk))
            work.sealing.add(point, "value", values[kind], subjects[contact_id], context)
            points.append(point)
    work.sealing.carry_out()
    work.sealing = Sealing()
    # Those that stayed are there already.
    ContactPoint.objects.bulk_create(points, ignore_conflicts=True)


# Conversations -------------------------------------------------------------------------------------------------------


def _conversations(work: Observation, facts: Sequence[ConversationFact]) -> None:
    ids = {f.conversation_id for f in facts}
    rows = ObservedConversation.objects.filter(connection=work.connection, chatwoot_conversation_id__in=ids)
    # A conversation can move between the lanes of two contacts: the row lock orders the two observers.
    rows = rows.order_by("pk").select_related("contact").select_for_update(of=("self",))
    work.conversations = {row.chatwoot_conversation_id: row for row in rows}
    for fact in sorted(facts, key=lambda f: f.version):
        row = work.conversations.get(fact.conversation_id)
        if row is None:
            row = _new_conversation(work, fact)
        _merge_conversation(work, row, fact)
    if work.conversations:
        ObservedConversation.objects.bulk_create(
            work.conversations.values(),
            update_conflicts=True,
            unique_fields=["id"],
            update_fields=[
                "contact_id", "moved_from_id", "inbox_id", "channel", "status", "version", "version_digest", "labels",
                "assignee_id", "team_id", "labels_seen", "teams_seen", "assignees_seen", "assignee_since", "team_since",
                "first_reply_at", "resolved_at", "last_activity_at", "gone_at",
            ],
        )  # fmt: skip
        take_conversations(work.connection, work.conversations, facts, work.now)


def _new_conversation(work: Observation, fact: ConversationFact) -> ObservedConversation:
    row = ObservedConversation(
        connection=work.connection,
        chatwoot_conversation_id=fact.conversation_id,
        contact=work.contacts[fact.contact_id],
        inbox_id=fact.inbox_id,
        version=-1,
        version_digest=b"",
        started_at=fact.started_at,
    )
    work.conversations[fact.conversation_id] = row
    return row


def _merge_conversation(work: Observation, row: ObservedConversation, fact: ConversationFact) -> None:
    _accumulate(work, row, fact)
    digest = content_digest(fact.status, *fact.labels, str(fact.assignee_id), str(fact.team_id), str(fact.contact_id))
    is_newest = (fact.version, digest) > (row.version, bytes(row.version_digest))
    row.assignee_since = _since(
        row.assignee_since, row.assignee_id, fact.assignee_id, fact.version, row.assignees_seen, is_newest=is_newest
    )
    row.team_since = _since(
        row.team_since, row.team_id, fact.team_id, fact.version, row.teams_seen, is_newest=is_newest
    )
    if not is_newest:
        return
    row.version, row.version_digest = fact.version, digest
    new_contact = work.contacts[fact.contact_id]
    if not row._state.adding and row.contact_id != new_contact.pk:
        row.moved_from = row.contact
        work.left.append(row.contact)
    row.contact = new_contact
    row.inbox_id, row.channel, row.status = fact.inbox_id, fact.channel, fact.status
    row.labels, row.assignee_id, row.team_id = list(fact.labels), fact.assignee_id, fact.team_id


def _accumulate(work: Observation, row: ObservedConversation, fact: ConversationFact) -> None:
    """Facts that only grow, whatever the order of the bodies: earliest reply, earliest resolution, last activity."""
    row.first_reply_at = _earliest(row.first_reply_at, fact.first_reply_at)
    row.last_activity_at = max(filter(None, (row.last_activity_at, fact.last_activity_at)), default=None)
    row.labels_seen = sorted({*row.labels_seen, *fact.labels})
    row.teams_seen = _seen(row.teams_seen, fact.team_id, fact.version)
    row.assignees_seen = _seen(row.assignees_seen, fact.assignee_id, fact.version)
    if fact.status == ObservedConversation.Status.RESOLVED:
        resolved_at = datetime.fromtimestamp(fact.version / 1_000_000, work.zone)
        earliest = _earliest(row.resolved_at, resolved_at)
        if earliest != row.resolved_at:
            work.touched[row.pk] |= {d.astimezone(work.zone).date() for d in (row.resolved_at, earliest) if d}
            row.resolved_at = earliest


def _seen(known: Mapping[str, int], number: int | None, version: int) -> dict[str, int]:
    """By number, the newest version of the conversation that showed it; nobody takes nobody away."""
    if number is None:
        return dict(known)
    return {**known, str(number): max(version, known.get(str(number), version))}


def _since(
    since: int | None, held: int | None, shown: int | None, version: int, seen: Mapping[str, int], *, is_newest: bool
) -> int | None:
    """Oldest version known to show the present one (`held`, after the newest fact `shown`) with nobody else after it.

    An older body that comes late makes it older, unless somebody else was seen in between; one that shows somebody else
    proves that it was not longer ago.
    """
    if is_newest and shown != held:
        return None if shown is None else version
    if shown != held:
        return max(since, version) if since else since
    if shown is None or since is None or version >= since:
        return since
    others = max((at for number, at in seen.items() if number != str(held)), default=0)
    return version if version > others else since


def _earliest(one: datetime | None, other: datetime | None) -> datetime | None:
    """The earlier of two times, in whole seconds: REST answers and bodies differ in their fractions."""
    times = [t.replace(microsecond=0) for t in (one, other) if t]
    return min(times, default=None)


# Messages and days ---------------------------------------------------------------------------------------------------


def _messages(work: Observation, facts: Sequence[MessageFact]) -> None:
    ids = {f.message_id for f in facts}
    rows = ObservedMessage.objects.filter(connection=work.connection, chatwoot_message_id__in=ids)
    held = {row.chatwoot_message_id: row for row in rows}
    dirty: dict[int, ObservedMessage] = {}
    for fact in facts:
        row = held.get(fact.message_id)
        is_new = row is None
        if row is None:
            row = held[fact.message_id] = _new_message(work, fact)
        if _merge_message(work, row, fact, is_new=is_new):
            dirty[fact.message_id] = row
    work.sealing.carry_out()
    work.sealing = Sealing()
    if dirty:
        ObservedMessage.objects.bulk_create(
            dirty.values(), update_conflicts=True, unique_fields=["id"], update_fields=MESSAGE_UPDATE
        )
    work.messages = dirty
    hear(work.connection, dirty, facts, work.now)


def _new_message(work: Observation, fact: MessageFact) -> ObservedMessage:
    conversation = work.conversations[fact.conversation_id]
    return ObservedMessage(
        connection=work.connection,
        conversation=conversation,
        subject_id=conversation.contact.subject_id,
        chatwoot_message_id=fact.message_id,
        direction=fact.direction,
        sent_at=fact.sent_at,
        local_day=fact.sent_at.astimezone(work.zone).date(),
        digest=b"",
    )


def _merge_message(work: Observation, row: ObservedMessage, fact: MessageFact, *, is_new: bool) -> bool:
    """Take the fact over; True if the row changed. Where it differs and no version decides, the message is re-read."""
    if row.is_deleted and not is_new:
        return False
    digest = message_digest(fact)
    if not is_new and bytes(row.digest) == digest:
        newer = fact.version > row.version
        row.version = max(row.version, fact.version)
        was_doubted = row.needs_read and fact.is_authoritative
        row.needs_read = row.needs_read and not fact.is_authoritative
        return newer or was_doubted
    wins = is_new or fact.is_deleted or fact.is_authoritative or (0 < row.version < fact.version)
    if not wins:
        is_older = 0 < fact.version < row.version
        row.needs_read = row.needs_read or not is_older
        return not is_older
    row.digest, row.is_deleted, row.needs_read = digest, fact.is_deleted, False
    row.version = max(row.version, fact.version)
    row.author_kind, row.is_marketing = fact.author_kind, row.is_marketing or fact.is_marketing
    content = {"text": fact.text, "author": fact.author_name, "attachments": list(fact.attachments)}
    text = "" if fact.is_deleted else json.dumps(content, ensure_ascii=False)
    work.sealing.add(row, "content", text, row.subject_id, message_context(row.pk))
    work.touched[row.conversation_id].add(row.local_day)
    return True


def _days(work: Observation) -> None:
    """Raise the version of every day whose note would look different now."""
    if not work.touched:
        return
    existing = {
        (d.conversation_id, d.day): d
        for d in ConversationDay.objects.filter(conversation_id__in=work.touched).select_for_update()
    }
    known_days = defaultdict(set)
    for conversation_id, day in existing:
        known_days[conversation_id].add(day)
    for row in work.messages.values():
        known_days[row.conversation_id].add(row.local_day)
    changed: dict[tuple[UUID, date], ConversationDay] = {}
    for conversation_id, days in work.touched.items():
        for day in _affected(days, known_days[conversation_id], existing.keys(), conversation_id):
            state = existing.get((conversation_id, day)) or ConversationDay(
                conversation_id=conversation_id, day=day, version=0
            )
            if state.first_change_at is None or state.version == state.written:
                state.first_change_at = work.now
            state.version += 1
            state.last_change_at = work.now
            changed[conversation_id, day] = state
    ConversationDay.objects.bulk_create(
        changed.values(),
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=["version", "first_change_at", "last_change_at"],
    )


def _affected(
    days: set[date], known: set[date], existing: Iterable[tuple[UUID, date]], conversation_id: UUID
) -> set[date]:
    """Days to rewrite. A new day may take the line *Resolvida em* from the day before it, so that one is rewritten too."""
    before = {d for (c, d) in existing if c == conversation_id}
    affected = set()
    for day in days:
        earlier = [d for d in known if d < day]
        if day in known:
            affected.add(day)
        if (day not in before or day not in known) and earlier:
            affected.add(max(earlier))
    return affected
