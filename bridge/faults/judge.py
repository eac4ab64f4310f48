"""Is the CRM exactly what the chat's history must have become? Compares the partners' own states, and our books.

Pure: states in, differences out. What a note must show is rendered anew from the chat's final state. Differences are
named by number and reference; the people in them are invented.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from bridge.faults.books import Books
from bridge.mappers import refs
from bridge.mappers.notes import NoteHeader, NoteMessage, rendered, rendered_message
from bridge.mappers.titles import lead_title

Row = Mapping[str, Any]

ZONE = ZoneInfo("America/Sao_Paulo")
TITLE = "{nome} · {caixa}"
STAGES = ("follow-up", "prospect", "negotiation")
ANY_LINE = re.compile(r"\d\d:\d\d <b>(?:Paciente|Atendente|Automática)[^<]*:</b> ")


@dataclass(frozen=True)
class Told:
    """What the chat holds at the end, of the bridge's own inboxes, and what only its bodies ever showed."""

    ref_code: str
    chatwoot_url: str
    account_id: int
    contacts: Mapping[int, Row]
    conversations: Mapping[int, Row]  # by the number Chatwoot shows
    messages: Mapping[int, Sequence[Row]]  # public ones in the order of creation, by conversation
    inboxes: Mapping[int, str]
    agents: Mapping[int, str]
    resolved: Mapping[int, datetime]

    @classmethod
    def of(cls, chat: Row, *, inbox_ids: Sequence[int], **more: Any) -> Told:
        """`chat` is the simulator's state: sections contacts, conversations, messages."""
        conversations = {row["display_id"]: row for row in chat["conversations"] if row["inbox_id"] in inbox_ids}
        people = {row["contact_id"] for row in conversations.values()}
        messages: dict[int, list[Row]] = {number: [] for number in conversations}
        for message in sorted(chat["messages"], key=lambda row: (row["created_at"], row["id"])):
            is_public = not message["private"] and message["message_type"] != "activity"
            if is_public and message["conversation_id"] in messages:
                messages[message["conversation_id"]].append(message)
        contacts = {row["id"]: row for row in chat["contacts"] if row["id"] in people}
        return cls(contacts=contacts, conversations=conversations, messages=messages, **more)

    def of_contact(self, contact_id: int) -> list[int]:
        return sorted(number for number, row in self.conversations.items() if row["contact_id"] == contact_id)

    def lead_ref(self, contact_id: int) -> str:
        return refs.lead_ref(self.ref_code, contact_id, 1)


@dataclass(frozen=True)
class Note:
    """A note that must be there."""

    title: str
    comment: str
    contact_id: int
    messages: tuple[NoteMessage, ...]


@dataclass
class Found:
    """Records of the CRM by our references; what is there twice or without reason is already a difference."""

    persons: dict[int, Row] = field(default_factory=dict)
    leads: dict[int, Row] = field(default_factory=dict)
    notes: dict[str, Row] = field(default_factory=dict)
    differences: list[str] = field(default_factory=list)


def judge(told: Told, crm: Row, books: Books) -> list[str]:
    """Every difference between what was told and what the CRM and our books hold; empty when all is well."""
    wanted = list(notes_wanted(told))
    found = _sorted_out(told, crm, wanted)
    differences = list(found.differences)
    for contact_id in sorted(told.contacts):
        differences += _person(told, contact_id, found.persons.get(contact_id))
        differences += _lead(told, contact_id, found)
    differences += _doubles(crm)
    differences += _moves(crm)
    for note in wanted:
        differences += _note(told, note, found)
    differences += _ledger(books)
    differences += _mappings(told, wanted, found, books)
    return differences


# What must be there ---------------------------------------------------------------------------------------------------


def notes_wanted(told: Told) -> Iterator[Note]:
    """One note per conversation and local day, in as many parts as it needs."""
    for number, conversation in sorted(told.conversations.items()):
        days: dict[date, list[NoteMessage]] = defaultdict(list)
        for message in told.messages[number]:
            shown = _shown(told, message)
            days[shown.sent_at.astimezone(ZONE).date()].append(shown)
        resolved_at = told.resolved.get(number)
        last = _day_of_resolution(days, resolved_at)
        for day, messages in sorted(days.items()):
            header = NoteHeader(
                conversation_id=number,
                inbox_name=told.inboxes[conversation["inbox_id"]],
                day=day,
                link=f"{told.chatwoot_url}/app/accounts/{told.account_id}/conversations/{number}",
                resolved_at=resolved_at if day == last else None,
            )
            for part, comment in enumerate(rendered(header, messages, zone=ZONE, with_text=True), start=1):
                ref = refs.note_ref(told.ref_code, number, day, part)
                title = refs.note_title(ref, number, day)
                yield Note(title, comment, conversation["contact_id"], tuple(messages))


def _day_of_resolution(days: Iterable[date], resolved_at: datetime | None) -> date | None:
    """The last day with messages up to the resolution carries its line."""
    if resolved_at is None:
        return None
    resolved_on = resolved_at.astimezone(ZONE).date()
    return max((day for day in days if day <= resolved_on), default=None)


def _shown(told: Told, message: Row) -> NoteMessage:
    is_deleted = bool(message["content_attributes"].get("deleted"))
    by_agent = message["message_type"] == "outgoing" and message["sender_type"] == "User"
    return NoteMessage(
        message_id=message["id"],
        direction=message["message_type"],
        author=told.agents[message["sender_id"]] if by_agent and not is_deleted else "",
        text="" if is_deleted else message["content"] or "",
        attachments=() if is_deleted else tuple(file["file_type"] for file in message["attachments"]),
        sent_at=_moment(message["created_at"]).replace(microsecond=0),
        is_deleted=is_deleted,
    )


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def stage_wanted(told: Told, contact_id: int) -> str:
    """The furthest stage any conversation of the contact ever reached."""
    numbers = told.of_contact(contact_id)
    if any(number in told.resolved for number in numbers):
        return STAGES[2]
    return STAGES[1] if any(told.conversations[n]["first_reply_created_at"] for n in numbers) else STAGES[0]


# What is there --------------------------------------------------------------------------------------------------------


def _sorted_out(told: Told, crm: Row, wanted: Sequence[Note]) -> Found:
    found = Found()
    persons = {refs.person_ref(told.ref_code, number): number for number in told.contacts}
    leads = {told.lead_ref(number): number for number in told.contacts}
    titles = {note.title: note.title for note in wanted}
    _take(found, "person", crm["persons"], persons, found.persons, lambda r: r["attributes"]["chatwoot_contact_ref"])
    _take(found, "lead", crm["leads"], leads, found.leads, lambda row: row["attributes"]["bridge_ref"])
    _take(found, "note", crm["notes"], titles, found.notes, lambda row: row["title"])
    return found


def _take(found: Found, kind: str, rows: Sequence[Row], wanted: Mapping[Any, Any], into: dict, key: Any) -> None:
    for row in rows:
        mark = key(row)
        if mark not in wanted:
            found.differences.append(f"{kind} {row['id']} ({mark or 'without reference'}) should not be there")
        elif wanted[mark] in into:
            found.differences.append(f"{kind} {mark} is there twice: {into[wanted[mark]]['id']} and {row['id']}")
        else:
            into[wanted[mark]] = row


def _doubles(crm: Row) -> Iterator[str]:
    """Nothing may be there twice under another reference either."""
    addresses = Counter(value for row in crm["persons"] for value in _values(row["emails"]))
    addresses += Counter(_line(value) for row in crm["persons"] for value in _values(row["contact_numbers"]))
    yield from (f"{count} persons share one address or telephone" for count in addresses.values() if count > 1)
    for kind in ("leads", "notes"):
        titles = Counter(row["title"].casefold() for row in crm[kind])
        yield from (f"{count} {kind} have one title: {title}" for title, count in titles.items() if count > 1)


def _values(entries: Sequence[Row] | None) -> list[str]:
    return [entry["value"] for entry in entries or [] if entry["value"]]


def _line(phone: str | None) -> str:
    """The line a number reaches: a Brazilian mobile is the same with and without its ninth digit."""
    return re.sub(r"^55(\d\d)9?(\d{8})$", r"55\1\2", re.sub(r"\D", "", phone or ""))


def _person(told: Told, contact_id: int, person: Row | None) -> Iterator[str]:
    contact = told.contacts[contact_id]
    if person is None:
        yield f"contact {contact_id} has no person"
        return
    if person["name"] != contact["name"]:
        yield f"contact {contact_id}: the person is called {person['name']}, not {contact['name']}"
    if _values(person["emails"]) != [contact["email"]] * bool(contact["email"]):
        yield f"contact {contact_id}: the person has {_values(person['emails'])}, not {contact['email']}"
    lines = [_line(value) for value in _values(person["contact_numbers"])]
    if lines != [_line(contact["phone_number"])] * bool(contact["phone_number"]):
        yield f"contact {contact_id}: the person has {lines}, not {contact['phone_number']}"


def _lead(told: Told, contact_id: int, found: Found) -> Iterator[str]:
    lead, person = found.leads.get(contact_id), found.persons.get(contact_id)
    if lead is None:
        yield f"contact {contact_id} has no lead"
        return
    if person and lead["person_id"] != person["id"]:
        yield f"contact {contact_id}: the lead belongs to person {lead['person_id']}, not {person['id']}"
    first = told.conversations[told.of_contact(contact_id)[0]]
    title = lead_title(
        TITLE,
        name=told.contacts[contact_id]["name"],
        inbox=told.inboxes[first["inbox_id"]],
        ref=told.lead_ref(contact_id),
    )
    if lead["title"] != title:
        yield f"contact {contact_id}: the lead is titled {lead['title']}, not {title}"
    stage = stage_wanted(told, contact_id)
    if lead["stage_code"] != stage:
        yield f"contact {contact_id}: the lead is in stage {lead['stage_code']}, not {stage}"


def _moves(crm: Row) -> Iterator[str]:
    """No lead ever went back, or twice to one place."""
    stages = {stage["id"]: stage for pipeline in crm["pipelines"] for stage in pipeline["stages"]}
    places: dict[int, int] = {}
    for move in crm["stage_changes"]:
        place = stages[move["to"]]["sort_order"]
        if place <= places.get(move["lead_id"], 0):
            yield f"lead {move['lead_id']} moved back or again to {stages[move['to']]['code']}"
        places[move["lead_id"]] = place


# Notes ----------------------------------------------------------------------------------------------------------------


def _note(told: Told, note: Note, found: Found) -> Iterator[str]:
    held = found.notes.get(note.title)
    if held is None:
        yield f"note '{note.title}' is missing"
        return
    lead = found.leads.get(note.contact_id)
    if lead and held["lead_ids"] != [lead["id"]]:
        yield f"note '{note.title}' hangs on leads {held['lead_ids']}, not on {lead['id']}"
    if held["comment"] != note.comment:
        yield from (f"note '{note.title}' {what}" for what in text_differences(note, held["comment"]))


def text_differences(note: Note, comment: str) -> Iterator[str]:
    """Say what is wrong with a transcript that is not what it must be: lacking, double, old, out of order."""
    lines = [(message, f"{rendered_message(message, zone=ZONE)}<br>") for message in note.messages]
    lines = [(message, line) for message, line in lines if line in note.comment]
    wanted, count = Counter(line for _, line in lines), len(ANY_LINE.findall(comment))
    is_wrong = False
    if count != len(lines):
        is_wrong = True
        yield f"shows {count} of {len(lines)} messages"
    place = -1
    for message, line in lines:
        times, at = comment.count(line), comment.find(line)
        if times == 0:
            yield f"lacks message {message.message_id} as it reads now"
        elif times > wanted[line]:
            yield f"shows message {message.message_id} {times} times"
        elif at < place:
            yield f"shows message {message.message_id} out of order"
        is_wrong = is_wrong or times != wanted[line] or at < place
        place = max(place, at)
    if not is_wrong:
        yield f"has other words around its messages: {comment[:200]!r}, not {note.comment[:200]!r}"


# Our own books --------------------------------------------------------------------------------------------------------


def _ledger(books: Books) -> Iterator[str]:
    for step in books.open_steps:
        words = ("kind", "state", "object_ref", "cause", "detail", "attempts")
        yield "step " + " ".join(str(step[word]) for word in words if step[word] not in ("", None))
    for status, cause, count in books.unfinished_events:
        yield f"{count} events are {status} {cause}".rstrip()
    if books.problem:
        yield f"the connection shows the problem {books.problem}"


def _mappings(told: Told, wanted: Sequence[Note], found: Found, books: Books) -> Iterator[str]:
    """Our mappings name the records the CRM really has, one of each."""
    for contact_id in told.contacts.keys() | books.contacts.keys():
        person, lead = found.persons.get(contact_id), found.leads.get(contact_id)
        pair = (person["id"] if person else None, lead["id"] if lead else None)
        if books.contacts.get(contact_id) != pair:
            yield f"contact {contact_id} is mapped to {books.contacts.get(contact_id)}, the CRM has {pair}"
    yield from _conversation_mappings(told, found, books)
    notes = {m.message_id: found.notes[n.title]["id"] for n in wanted if n.title in found.notes for m in n.messages}
    if len(books.messages) != len(dict(books.messages)):
        yield "messages are mapped twice"
    mapped = dict(books.messages)
    for message_id in notes.keys() | mapped.keys():
        if mapped.get(message_id) != notes.get(message_id):
            yield f"message {message_id} is mapped to {mapped.get(message_id)}, its note is {notes.get(message_id)}"
    yield from _objects(told, found, books)


def _conversation_mappings(told: Told, found: Found, books: Books) -> Iterator[str]:
    for number in told.conversations.keys() | books.conversations.keys():
        conversation, row = told.conversations.get(number), books.conversations.get(number)
        if conversation is None or row is None:
            yield f"conversation {number} is {'not' if row is None else 'wrongly'} mapped"
            continue
        lead = found.leads.get(conversation["contact_id"])
        pairs = {
            "krayin_lead_id": lead["id"] if lead else None,
            "status": conversation["status"],
            "message_count": len(told.messages[number]),
        }
        for name, value in pairs.items():
            if row[name] != value:
                yield f"conversation {number}: {name} is {row[name]}, not {value}"


def _objects(told: Told, found: Found, books: Books) -> Iterator[str]:
    present = {refs.person_ref(told.ref_code, number): row for number, row in found.persons.items()}
    present |= {told.lead_ref(number): row for number, row in found.leads.items()}
    present |= {row["title"].rpartition(" ")[2]: row for row in found.notes.values()}
    for ref in present.keys() | books.objects.keys():
        row, held = present.get(ref), books.objects.get(ref)
        if row is None or held is None:
            yield f"{ref} is {'not known to us' if held is None else 'not in the CRM'}"
        elif held["foreign_id"] != row["id"] or held["gone_at"] or not held["has_ref"]:
            yield f"{ref}: our books say {dict(held)}, the CRM has {row['id']}"
