"""Does the simulated CRM hold exactly what the simulated chat's conversations must have become?

Computed from both partners' own states, independently of what Ponte believes. Problems are named by number, never by
name or telephone.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

Row = Mapping[str, Any]

KINDS = ("persons", "leads", "notes")
ZONE = ZoneInfo("America/Sao_Paulo")
STAGES = ("follow-up", "prospect", "negotiation")
LINE = re.compile(r"\d\d:\d\d <b>(?:Paciente|Atendente|Automática)")


@dataclass
class Comparison:
    """What this run added to the CRM, and every difference from what it should have added."""

    persons: int = 0
    leads: int = 0
    notes: int = 0
    stage_changes: int = 0
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Played:
    """Who took part in a run: rows of the simulated chat."""

    contacts: Mapping[int, Row]
    conversations: Mapping[int, Row]
    messages: Mapping[int, list[Row]]  # public ones, by conversation

    @classmethod
    def of(cls, chat: Row, conversation_ids: Sequence[int]) -> Played:
        conversations = {c["display_id"]: c for c in chat["conversations"] if c["display_id"] in conversation_ids}
        wanted = {c["contact_id"] for c in conversations.values()}
        messages: dict[int, list[Row]] = {number: [] for number in conversations}
        for message in sorted(chat["messages"], key=lambda m: (m["created_at"], m["id"])):
            is_public = not message["private"] and message["message_type"] != "activity"
            if is_public and message["conversation_id"] in messages:
                messages[message["conversation_id"]].append(message)
        return cls({c["id"]: c for c in chat["contacts"] if c["id"] in wanted}, conversations, messages)

    def of_contact(self, contact_id: int) -> list[Row]:
        return [c for c in self.conversations.values() if c["contact_id"] == contact_id]

    def by_day(self) -> dict[tuple[int, date], list[Row]]:
        """Messages by conversation and local day: one note each."""
        days: dict[tuple[int, date], list[Row]] = {}
        for number, messages in self.messages.items():
            for message in messages:
                day = datetime.fromisoformat(message["created_at"]).astimezone(ZONE).date()
                days.setdefault((number, day), []).append(message)
        return days


def compare(played: Played, before: Row, after: Row, *, ref_code: str) -> Comparison:
    """Compare what appeared in the CRM between two of its states with what was played meanwhile."""
    added = {kind: added_rows(before, after, kind) for kind in KINDS}
    result = Comparison(len(added["persons"]), len(added["leads"]), len(added["notes"]))
    result.problems += changed_rows(before, after)
    persons = by_reference(added["persons"], "chatwoot_contact_ref", rf"ponte-{ref_code}-c(\d+)")
    leads = by_reference(added["leads"], "bridge_ref", rf"ponte-{ref_code}-c(\d+)-l1")
    result.problems += unexpected("person", added["persons"], persons, played.contacts)
    result.problems += unexpected("lead", added["leads"], leads, played.contacts)
    for contact_id, contact in played.contacts.items():
        person, lead = persons.get(contact_id), leads.get(contact_id)
        if person and lead:
            result.problems += person_problems(contact, person)
            result.problems += lead_problems(contact, played.of_contact(contact_id), person, lead)
    result.problems += note_problems(played, leads, added["notes"])
    numbers = {lead["id"]: contact_id for contact_id, lead in leads.items()}
    moves = [move for move in after["stage_changes"][len(before["stage_changes"]) :] if move["way"] != "create"]
    result.stage_changes = len(moves)
    result.problems += move_problems(played, numbers, moves, stage_codes(after))
    return result


def added_rows(before: Row, after: Row, kind: str) -> list[Row]:
    known = {row["id"] for row in before[kind]}
    return [row for row in after[kind] if row["id"] not in known]


def changed_rows(before: Row, after: Row) -> Iterator[str]:
    """Records of earlier runs must stay as they were."""
    for kind in KINDS:
        now = {row["id"]: row for row in after[kind]}
        for row in before[kind]:
            if now.get(row["id"]) != row:
                yield f"{kind} {row['id']} of an earlier run has changed or gone"


def by_reference(rows: Sequence[Row], attribute: str, pattern: str) -> dict[int, Row]:
    """Rows by the contact number in our reference; rows without one are left out."""
    found = {}
    for row in rows:
        reference = re.fullmatch(pattern, str(row["attributes"].get(attribute) or ""))
        if reference:
            found[int(reference[1])] = row
    return found


def unexpected(
    kind: str, rows: Sequence[Row], by_contact: Mapping[int, Row], contacts: Mapping[int, Row]
) -> Iterator[str]:
    for contact_id in contacts.keys() - by_contact.keys():
        yield f"contact {contact_id} has no {kind}"
    wanted = {row["id"] for contact_id, row in by_contact.items() if contact_id in contacts}
    for row in rows:
        if row["id"] not in wanted:
            yield f"{kind} {row['id']} should not be there"


def person_problems(contact: Row, person: Row) -> Iterator[str]:
    number = contact["id"]
    if person["name"] != contact["name"]:
        yield f"contact {number}: the person has another name"
    if values(person["emails"]) != [contact["email"]] * bool(contact["email"]):
        yield f"contact {number}: the person has other e-mail addresses"
    lines = [line(value) for value in values(person["contact_numbers"])]
    if lines != [line(contact["phone_number"])] * bool(contact["phone_number"]):
        yield f"contact {number}: the person has other telephone numbers"


def values(entries: Sequence[Row] | None) -> list[str]:
    return [entry["value"] for entry in entries or []]


def line(phone: str | None) -> str:
    """The line a number reaches: a Brazilian mobile is the same with and without its ninth digit."""
    digits = re.sub(r"\D", "", phone or "")
    return re.sub(r"^55(\d\d)9?(\d{8})$", r"55\1\2", digits)


def lead_problems(contact: Row, conversations: Sequence[Row], person: Row, lead: Row) -> Iterator[str]:
    number = contact["id"]
    if lead["person_id"] != person["id"]:
        yield f"contact {number}: the lead belongs to another person"
    if not lead["title"].startswith(f"{contact['name']} · "):
        yield f"contact {number}: the lead has another title"
    stage = STAGES[furthest(conversations)]
    if lead["stage_code"] != stage:
        yield f"contact {number}: the lead is in stage {lead['stage_code']}, not {stage}"


def furthest(conversations: Sequence[Row]) -> int:
    """How far the stages must have come: 0 created, 1 answered, 2 resolved."""
    is_answered = any(c["first_reply_created_at"] for c in conversations)
    return 2 if any(c["status"] == "resolved" for c in conversations) else int(is_answered)


def note_problems(played: Played, leads: Mapping[int, Row], notes: Sequence[Row]) -> Iterator[str]:
    days = played.by_day()
    titles = Counter(note["title"].partition(" · ponte-")[0] for note in notes)
    for title, count in titles.items():
        if count > 1:
            yield f"note '{title}' is there {count} times"
    by_title = {note["title"].partition(" · ponte-")[0]: note for note in notes}
    for (number, day), messages in days.items():
        note = by_title.pop(f"Conversa {number} · {day:%d/%m/%Y}", None)
        lead = leads.get(played.conversations[number]["contact_id"])
        if note is None:
            yield f"conversation {number} has no note of {day}"
        elif lead is None or note["lead_ids"] != [lead["id"]]:
            yield f"the note of conversation {number} is not on its lead"
        else:
            yield from text_problems(number, messages, note["comment"])
    for title in by_title:
        yield f"note '{title}' should not be there"


def text_problems(number: int, messages: Sequence[Row], comment: str) -> Iterator[str]:
    """Every message once and in order, as it reads in the chat now."""
    if len(LINE.findall(comment)) != len(messages):
        yield f"the note of conversation {number} has {len(LINE.findall(comment))} of {len(messages)} messages"
    place = 0
    for message in messages:
        text = shown(message)
        found = comment.find(text, place)
        if found < 0:
            yield f"the note of conversation {number} lacks message {message['id']}, or shows it out of order"
        place = max(place, found + len(text))


def shown(message: Row) -> str:
    """What of a message must be readable in its note."""
    if message["content_attributes"].get("deleted"):
        return "[mensagem apagada]"
    if message["content"]:
        return html.escape(message["content"].strip()).replace("\n", "<br>")
    return "<i>["


def move_problems(
    played: Played, numbers: Mapping[int, int], moves: Sequence[Row], codes: Mapping[int, str]
) -> Iterator[str]:
    """Each lead went through the stages its conversations reached, each once."""
    for lead_id, contact_id in numbers.items():
        if contact_id not in played.contacts:
            continue
        came = [codes.get(move["to"], "?") for move in moves if move["lead_id"] == lead_id]
        wanted = list(STAGES[1 : furthest(played.of_contact(contact_id)) + 1])
        if came != wanted:
            yield f"contact {contact_id}: the lead moved to {came}, not to {wanted}"
    for move in moves:
        if move["lead_id"] not in numbers:
            yield f"lead {move['lead_id']} of nobody's moved"


def stage_codes(crm: Row) -> dict[int, str]:
    return {stage["id"]: stage["code"] for pipeline in crm["pipelines"] for stage in pipeline["stages"]}
