"""Carry out steps on notes: render from what is observed now, write whole, map every message (DESIGN section 7)."""

import json
from collections.abc import Sequence
from datetime import date

from bridge.causes import Cause
from bridge.clients.base import Priority
from bridge.errors import PartnerGone
from bridge.mappers import refs
from bridge.mappers.notes import NoteHeader, NoteMessage, rendered, rendered_message
from bridge.models import Connection, ConversationDay, ObservedConversation, ObservedMessage, SyncedObject
from bridge.sync import effects, records
from bridge.sync.observe import message_context
from bridge.sync.plan import Step
from bridge.sync.state import inbox_name, settings_of
from bridge.sync.work import Attempt, Work
from consent.encryption import Opener

Kind = SyncedObject.Kind


def write_note(attempt: Attempt, step: Step) -> None:
    """Create the note, or replace its comment (contract Krayin 20.6: nothing else has to be sent again)."""
    work = attempt.work
    lead = work.lead(step.lead_number)
    if lead is None or step.conversation_id is None or step.day is None:
        return
    conversation = work.loaded.conversations[step.conversation_id]
    messages = _messages(conversation, step.day, step.message_id)
    parts = _parts(work, conversation, step, messages)
    comment = parts[min(step.part, len(parts)) - 1]
    held = work.synced(step.ref)
    work.reserve(1, Priority.NOTE)
    attempt.sending()
    activity_id: int | None
    if held is None:
        activity_id = work.client.note_create(title=title_of(step), comment=comment, lead_id=lead.foreign_id).id
    else:
        activity_id = _rewrite(attempt, step, held, comment)
        if activity_id is None:
            return
    attempt.confirm(
        {step: activity_id}, lambda: note_agreed(work, step, conversation, activity_id, len(parts), messages)
    )


def _rewrite(attempt: Attempt, step: Step, held: SyncedObject, comment: str) -> int | None:
    try:
        attempt.work.client.note_update(held.foreign_id, comment)
    except PartnerGone:
        records.gone(attempt.work, step.ref)
        effects.reject(attempt.work.claim, attempt.effect(step), Cause.KRAYIN_OBJECT_GONE)
        return None
    return held.foreign_id


def title_of(step: Step) -> str:
    """The exact title a note is looked up by."""
    if step.conversation_id is not None and refs.is_hand_note(step.ref):
        return refs.hand_note_title(step.ref, step.conversation_id)
    if step.conversation_id is None or step.day is None:
        raise ValueError("a note step names its conversation and day")
    if step.message_id is not None:
        return refs.message_note_title(step.ref, step.conversation_id)
    return refs.note_title(step.ref, step.conversation_id, step.day)


def note_agreed(
    work: Work,
    step: Step,
    conversation: ObservedConversation,
    activity_id: int,
    parts: int,
    messages: Sequence[ObservedMessage],
) -> None:
    """Remember what the note shows; the day is done with its last part or last message."""
    if step.day is None or step.conversation_id is None:
        return
    version = step.digest if step.message_id is not None else step.day_version
    records.agree(work, kind=Kind.NOTE, ref=step.ref, foreign_id=activity_id, base={"version": version, "parts": parts})
    records.map_messages(work, activity_id=activity_id, conversation_id=step.conversation_id, messages=messages)
    is_last = step.closes_day if step.message_id is not None else step.part >= parts
    if is_last:
        records.day_written(conversation, step.day, step.day_version)


def _messages(conversation: ObservedConversation, day: date, message_id: int | None) -> list[ObservedMessage]:
    rows = ObservedMessage.objects.filter(conversation=conversation, local_day=day)
    if message_id is not None:
        rows = rows.filter(chatwoot_message_id=message_id)
    return list(rows.order_by("sent_at", "chatwoot_message_id"))


def _parts(
    work: Work, conversation: ObservedConversation, step: Step, messages: Sequence[ObservedMessage]
) -> list[str]:
    with_text = settings_of(work.connection).message_text != Connection.MessageText.OFF
    opener = work.opener(*{row.subject_id for row in messages}) if with_text else None
    opened = [_opened(opener, row) for row in messages]
    if step.message_id is not None:
        return [rendered_message(message, zone=work.zone) for message in opened]
    header = NoteHeader(
        conversation_id=conversation.chatwoot_conversation_id,
        inbox_name=inbox_name(work.connection, conversation.inbox_id),
        day=messages[0].local_day,
        link=chatwoot_link(work.connection, conversation.chatwoot_conversation_id),
        resolved_at=conversation.resolved_at if _shows_resolution(work, conversation, step) else None,
    )
    return rendered(header, opened, zone=work.zone, with_text=with_text)


def _opened(opener: Opener | None, row: ObservedMessage) -> NoteMessage:
    """Without an opener (no text is sent) nothing is opened."""
    content: dict[str, object] = {}
    if opener is not None and row.content and not row.is_deleted:
        text = opener.text(row.content, subject=row.subject_id, context=message_context(row.pk))
        content = json.loads(text)
    kinds = content.get("attachments")
    return NoteMessage(
        message_id=row.chatwoot_message_id,
        direction=row.direction,
        author=str(content.get("author", "")),
        text=str(content.get("text", "")),
        attachments=tuple(str(kind) for kind in kinds) if isinstance(kinds, list) else (),
        sent_at=row.sent_at,
        is_deleted=row.is_deleted,
    )


def _shows_resolution(work: Work, conversation: ObservedConversation, step: Step) -> bool:
    """Only the last day with messages up to the resolution carries its line."""
    if conversation.resolved_at is None or step.day is None:
        return False
    resolved_day = conversation.resolved_at.astimezone(work.zone).date()
    days = ConversationDay.objects.filter(conversation=conversation, day__lte=resolved_day)
    last = days.order_by("-day").values_list("day", flat=True).first()
    return step.day == last


def chatwoot_link(connection: Connection, conversation_id: int) -> str:
    base = connection.chatwoot_url.rstrip("/")
    return f"{base}/app/accounts/{connection.chatwoot_account_id}/conversations/{conversation_id}"
