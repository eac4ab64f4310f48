"""What is written down when Krayin has confirmed something: agreements, mappings, stage log (seed 002 tables)."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from django.db import connection as db
from django.db.models import F

from bridge.back.fields import UNROUTABLE, acceptances, agreed_there, are_equal, seen
from bridge.back.leads import keep_leads
from bridge.clients.shapes import Lead, Person
from bridge.mappers import refs
from bridge.mappers.krayin import OpenContact, canonical_phone
from bridge.models import (
    ContactMapping,
    ConversationDay,
    ObservedConversation,
    ObservedMessage,
    StageChangeLog,
    SyncedObject,
)
from bridge.sync.observe import content_digest
from bridge.sync.plan import Step
from bridge.sync.work import Work

Kind = SyncedObject.Kind
FIELDS = ("name", "email", "phone")

MAP_CONTACT = """
INSERT INTO contact_mappings (connection_id, chatwoot_contact_id, krayin_person_id, krayin_lead_id, found_by)
VALUES (%(connection)s, %(contact)s, %(person)s, %(lead)s, %(found_by)s)
ON CONFLICT (connection_id, chatwoot_contact_id) DO UPDATE SET
  krayin_person_id = coalesce(excluded.krayin_person_id, contact_mappings.krayin_person_id),
  krayin_lead_id = coalesce(excluded.krayin_lead_id, contact_mappings.krayin_lead_id), updated_at = now(),
  found_by = CASE WHEN excluded.krayin_person_id IS NULL THEN contact_mappings.found_by ELSE excluded.found_by END
"""

# Counters come from what was observed, not from a trigger per message (DESIGN section 16).
MAP_CONVERSATIONS = """
INSERT INTO conversation_mappings (connection_id, chatwoot_conversation_id, krayin_lead_id, status, message_count,
                                   last_message_at, first_response_at, resolved_at)
SELECT c.connection_id, c.chatwoot_conversation_id, s.foreign_id, c.status, m.n, m.last_at, c.first_reply_at,
       c.resolved_at
FROM observed_conversations c
JOIN synced_objects s ON s.krayin_id = %(krayin)s
  AND s.ref = %(person_ref)s || '-l' || c.lead_number::text
CROSS JOIN LATERAL (SELECT count(*) AS n, max(sent_at) AS last_at FROM observed_messages
                    WHERE conversation_id = c.id) m
WHERE c.contact_id = %(contact)s
ON CONFLICT (connection_id, chatwoot_conversation_id) DO UPDATE SET
  krayin_lead_id = excluded.krayin_lead_id, status = excluded.status, message_count = excluded.message_count,
  last_message_at = excluded.last_message_at, first_response_at = excluded.first_response_at,
  resolved_at = excluded.resolved_at, updated_at = now()
WHERE (conversation_mappings.krayin_lead_id, conversation_mappings.status, conversation_mappings.message_count,
       conversation_mappings.last_message_at, conversation_mappings.first_response_at,
       conversation_mappings.resolved_at)
  IS DISTINCT FROM (excluded.krayin_lead_id, excluded.status, excluded.message_count, excluded.last_message_at,
                    excluded.first_response_at, excluded.resolved_at)
"""

# The key table makes a message unique over all months; both rows appear in one statement.
MAP_MESSAGES = """
WITH k AS (
  INSERT INTO activity_keys (connection_id, chatwoot_message_id, created_at)
  SELECT %(connection)s, m.id, now() FROM unnest(%(messages)s::bigint[]) AS m(id) ORDER BY m.id
  ON CONFLICT DO NOTHING RETURNING chatwoot_message_id, created_at
)
INSERT INTO activity_mappings (connection_id, chatwoot_message_id, krayin_activity_id, conversation_id, message_type,
                               created_at)
SELECT %(connection)s, k.chatwoot_message_id, %(activity)s, %(conversation)s, o.direction, k.created_at
FROM k JOIN observed_messages o
  ON o.connection_id = %(connection)s AND o.chatwoot_message_id = k.chatwoot_message_id
"""


def agree(work: Work, *, kind: Kind, ref: str, foreign_id: int, base: dict[str, Any], **more: Any) -> None:
    """Remember that an object exists in Krayin as `base` says; raises its `seq`."""
    values: dict[str, Any] = {
        "foreign_id": foreign_id,
        "base": base,
        "synced_at": work.now,
        "gone_at": None,
        "forgotten_at": None,
        **more,
    }
    SyncedObject.objects.update_or_create(
        krayin_id=work.connection.krayin_id,
        ref=ref,
        # Never back to 1, also when it is made again: the ledger knows each change by it.
        defaults={**values, "seq": F("seq") + 1},
        create_defaults={
            **values, "connection": work.connection, "kind": kind, "lane_key": work.claim.lane_key, "seq": 1,
        },
    )  # fmt: skip


def person_base(work: Work, written: dict[str, str] | None = None) -> dict[str, str]:
    """Digests of the agreement: what Chatwoot held (by field) and what was written (by `…_written`)."""
    digests = {name: work.contact.digests[name] for name in FIELDS if name in work.contact.digests}
    return digests | marks("written", written or {})


def marks(kind: str, values: Mapping[str, str]) -> dict[str, str]:
    """Digests by which we know our own values again; empty ones leave no mark."""
    return {f"{name}_{kind}": content_digest(name, text).hex() for name, text in values.items() if text}


def has_marks(held: SyncedObject) -> bool:
    """Whether any value there was written by us; an adopted object is other people's."""
    return any(name.endswith("_written") for name in held.base)


def is_ours(held: SyncedObject, name: str, value: str) -> bool:
    """Whether Krayin shows what we wrote, or what we asked for in a call whose outcome was never learnt.

    Without the second the next change would take our own value for a human's, and leave it there.
    """
    return content_digest(name, value).hex() in {held.base.get(f"{name}_written"), held.base.get(f"{name}_sent")}


def values_of(name: str, contact: OpenContact) -> dict[str, str]:
    """A contact's values as Krayin gets them: what a later change may replace."""
    phone = canonical_phone(contact.phone) if contact.phone else ""
    return {"name": name, "email": contact.email, "phone": phone}


def will_write(held: SyncedObject, *, there: Mapping[str, str], sent: Mapping[str, str]) -> None:
    """Remember, with *sent*, which values of ours are there now and which the call will put in their place."""
    SyncedObject.objects.filter(pk=held.pk).update(base={**held.base, **marks("written", there), **marks("sent", sent)})


def will_move(held: SyncedObject, stage_id: int | None) -> None:
    """Remember, with *sent*, where the call will put an opportunity: should its answer be lost, it was not people."""
    SyncedObject.objects.filter(pk=held.pk).update(base={**held.base, "stage_sent": stage_id})


def lost_person_agreed(work: Work, person: Person) -> None:
    """Agree on a person that a call of ours made whose answer was lost: the values there are ours, for now.

    What Chatwoot says otherwise by now is left out of the agreement and so written next.
    """
    emails = [entry.value for entry in person.emails if not entry.value.endswith(UNROUTABLE)]
    values = {"name": person.name, "email": next(iter(emails), ""), "phone": next((p.value for p in person.phones), "")}
    work.people[person.id] = person
    person_agreed(work, person_id=person.id, found_by="created", has_ref=True, written=values, is_lost=True)


def person_agreed(
    work: Work,
    *,
    person_id: int,
    found_by: str,
    has_ref: bool,
    written: dict[str, str] | None = None,
    is_lost: bool = False,
) -> None:
    ref = refs.person_ref(work.code, work.contact.ref_id)
    held = work.synced(ref)
    base = (acceptances(held.base) if held else {}) | person_base(work, written)
    person = work.people.get(person_id)
    there = seen(person, work.contact.digests, base) if person else {}
    if is_lost:
        base = {key: value for key, value in base.items() if key not in FIELDS or are_equal(key, base, there)}
    agree(
        work, kind=Kind.PERSON, ref=ref, foreign_id=person_id, base=base | (agreed_there(there) if there else {}),
        found_by=found_by, has_ref=has_ref, there=there, there_at=work.seen_at if there else None,
        there_version=person.updated_at if person else None,
    )  # fmt: skip
    map_contact(work, person_id=person_id, lead_id=None, found_by=found_by)


def lead_agreed(work: Work, step: Step, lead: Lead, *, found_by: str, has_ref: bool) -> None:
    """Remember the opportunity, give it its conversations and log the stage it was made in."""
    title = step.digest.partition(":")[0]  # without the mark of a wish
    keep_leads(work.connection.krayin_id, [lead], work.seen_at)
    base: dict[str, Any] = {"title": title, "stage_ours": lead.stage_id, **marks("written", {"title": lead.title})}
    if found_by == "created" and step.rule:
        base["stage_wanted"] = step.stage_id
    base["owner_ours"] = lead.owner_id
    if step.owner_id is not None and lead.owner_id is not None:
        # An opportunity taken over stays whose it is: only who attends it from now on counts.
        base["owner_wanted"] = step.owner_id
    agree(
        work, kind=Kind.LEAD, ref=step.ref, foreign_id=lead.id, base=base, stage_id=lead.stage_id,
        closed_at=lead.closed_at, found_by=found_by, has_ref=has_ref,
    )  # fmt: skip
    ObservedConversation.objects.filter(contact=work.contact, lead_number=None).update(lead_number=step.lead_number)
    map_contact(work, person_id=None, lead_id=lead.id, found_by=found_by)
    if base.get("stage_wanted"):
        log_stage(work, step, lead.id, previous=None, result=StageChangeLog.Result.MOVED)


def map_contact(work: Work, *, person_id: int | None, lead_id: int | None, found_by: str) -> None:
    values: dict[str, Any] = {
        "connection": work.connection.pk,
        "contact": work.contact.chatwoot_contact_id,
        "person": person_id,
        "lead": lead_id,
        "found_by": found_by if found_by in ContactMapping.FoundBy.values else ContactMapping.FoundBy.CREATED,
    }
    with db.cursor() as cursor:
        cursor.execute(MAP_CONTACT, values)


def map_conversations(work: Work) -> None:
    """Refresh the mapping rows of the contact's conversations; unchanged ones are not written."""
    person_ref = refs.person_ref(work.code, work.contact.ref_id)
    values: dict[str, Any] = {"krayin": work.connection.krayin_id, "person_ref": person_ref, "contact": work.contact.pk}
    with db.cursor() as cursor:
        cursor.execute(MAP_CONVERSATIONS, values)


def map_messages(work: Work, *, activity_id: int, conversation_id: int, messages: Sequence[ObservedMessage]) -> None:
    values: dict[str, Any] = {
        "connection": work.connection.pk,
        "messages": [m.chatwoot_message_id for m in messages],
        "activity": activity_id,
        "conversation": conversation_id,
    }
    with db.cursor() as cursor:
        cursor.execute(MAP_MESSAGES, values)


def day_written(conversation: ObservedConversation, day: date, version: int) -> None:
    """The day's note shows `version`; a change that came meanwhile keeps the day behind."""
    ConversationDay.objects.filter(conversation=conversation, day=day, written__lt=version).update(written=version)


def stage_name(work: Work, stage_id: int | None) -> str | None:
    names = {s["id"]: s["name"] for p in work.connection.pipelines for s in p["stages"]}
    return str(names.get(stage_id, stage_id))[:100] if stage_id else None


def log_stage(work: Work, step: Step, lead_id: int, *, previous: int | None, result: StageChangeLog.Result) -> None:
    conversation = work.loaded.conversations.get(step.conversation_id or 0)
    StageChangeLog.objects.create(
        connection=work.connection,
        krayin_lead_id=lead_id,
        previous_stage=stage_name(work, previous),
        new_stage=stage_name(work, step.stage_id) or "",
        trigger_source=StageChangeLog.Trigger.PANEL if step.wish else StageChangeLog.Trigger.WEBHOOK,
        asked_by_id=step.wish.asked_by_id if step.wish else None,
        rule=step.rule,
        result=result,
        chatwoot_conversation_id=step.conversation_id,
        chatwoot_status=conversation.status if conversation else None,
    )


def gone(work: Work, ref: str) -> None:
    """A person deleted the object in Krayin: it is not made again (DESIGN section 6)."""
    SyncedObject.objects.filter(krayin_id=work.connection.krayin_id, ref=ref, gone_at=None).update(gone_at=work.now)


def hand_note_agreed(work: Work, ref: str, activity_id: int) -> None:
    """A note that staff wrote: it is never rewritten."""
    agree(work, kind=Kind.NOTE, ref=ref, foreign_id=activity_id, base={})
