"""Chatwoot bodies → facts. Pure: no database, no HTTP. Source: contract Chatwoot sections 4 and 5."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from bridge.clients.interactive import is_apart, is_marketing, submitted_values
from bridge.events import BOT, ContactFact, ConversationFact, Facts, MessageFact
from bridge.mappers import attributes, facts_json
from bridge.models import ObservedConversation, ObservedMessage

Direction = ObservedMessage.Direction

# Strings at the top of a message event, integers inside `messages[]` (contract Chatwoot 5.7 and 5.8); 2 is activity.
DIRECTIONS: dict[object, Direction] = {
    "incoming": Direction.INCOMING,
    "outgoing": Direction.OUTGOING,
    "template": Direction.TEMPLATE,
    0: Direction.INCOMING,
    1: Direction.OUTGOING,
    3: Direction.TEMPLATE,
}


class UnreadableBody(ValueError):
    """The body is not what Chatwoot documents; park the event and tell people."""


def facts_of(body: Mapping[str, Any]) -> Facts:
    """Return what a webhook body says. Raises UnreadableBody where a needed key is missing or of another type."""
    event = str(body.get("event", ""))
    try:
        if event == facts_json.EVENT:
            return facts_json.facts_from(body)
        if event.startswith("contact_"):
            return Facts(contacts=(contact_fact(body),))
        if event.startswith("message_"):
            return _message_event(body)
        return _conversation_facts(body)
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise UnreadableBody(f"{event}: {type(error).__name__}") from error


def _message_event(body: Mapping[str, Any]) -> Facts:
    conversation = body["conversation"]
    nested = _conversation_facts(conversation)
    messages = {m.message_id: m for m in nested.messages}
    own = message_fact(body, conversation_id=int(conversation["id"]), version=_version_inside(body, conversation))
    if own:
        messages[own.message_id] = own
    inbox = body.get("inbox") or {}
    names = {int(inbox["id"]): str(inbox.get("name") or "")} if inbox.get("id") else {}
    return Facts(nested.contacts, nested.conversations, tuple(messages.values()), names)


def _version_inside(body: Mapping[str, Any], conversation: Mapping[str, Any]) -> int:
    """A message event has no version of its own; the embedded copy has, when it is the same message."""
    copies = [m for m in conversation.get("messages") or [] if m.get("id") == body.get("id")]
    same = [m for m in copies if m.get("content") == body.get("content")]
    return _microseconds(same[0].get("updated_at")) if same else 0


def _conversation_facts(conversation: Mapping[str, Any]) -> Facts:
    fact = conversation_fact(conversation)
    sender = conversation["meta"]["sender"]
    embedded = (
        message_fact(m, conversation_id=fact.conversation_id, version=_microseconds(m.get("updated_at")))
        for m in conversation.get("messages") or []
    )
    return Facts((contact_fact(sender),), (fact,), tuple(m for m in embedded if m))


def conversation_fact(body: Mapping[str, Any]) -> ConversationFact:
    """A conversation in webhook or REST form (contract Chatwoot 5.6, 8.2)."""
    meta = body["meta"]
    status = str(body["status"])
    if status not in ObservedConversation.Status.values:
        raise UnreadableBody("unknown conversation status")
    return ConversationFact(
        conversation_id=_id(body["id"]),
        contact_id=_id(meta["sender"]["id"]),
        inbox_id=_id(body["inbox_id"]),
        channel=str(body.get("channel") or meta.get("channel") or "")[:60],
        status=status,
        version=_microseconds(body["updated_at"]),
        labels=tuple(sorted({str(label)[:255] for label in body.get("labels") or []})),
        # Bots have numbers of their own, which may be those of people.
        assignee_id=None if meta.get("assignee_type") == BOT else _optional_id(meta.get("assignee")),
        team_id=_optional_id(meta.get("team")),
        started_at=_moment(body["created_at"]) or datetime.fromtimestamp(0, UTC),
        first_reply_at=_moment(body.get("first_reply_created_at")),
        last_activity_at=_moment(body.get("last_activity_at")),
        attributes=attributes.of_conversation(body.get("custom_attributes"), body.get("additional_attributes")),
    )


def contact_fact(body: Mapping[str, Any]) -> ContactFact:
    """A contact in any of its forms (contract Chatwoot 5.3, 5.4, 8.1)."""
    extra = body.get("additional_attributes") or {}
    return ContactFact(
        contact_id=_id(body["id"]),
        name=_text(body.get("name")),
        email=_text(body.get("email")),
        phone=_text(body.get("phone_number")),
        company=_text(extra.get("company_name")),
        has_identifier=bool(body.get("identifier")),
        last_activity_at=_moment(body.get("last_activity_at")),
        changed_at=_changed_at(body.get("changed_attributes")),
        attributes=attributes.of_contact(
            body.get("custom_attributes"), body.get("additional_attributes"), body.get("identifier")
        ),
    )


def _changed_at(changes: object) -> datetime | None:
    """Chatwoot's time of a change of name, e-mail or phone; a list of one-key objects or null (contract 5.9)."""
    if not isinstance(changes, list):
        return None
    changed = {key: value for change in changes if isinstance(change, dict) for key, value in change.items()}
    if not changed.keys() & {"name", "email", "phone_number"}:
        return None
    told = changed.get("updated_at")
    return _moment(told.get("current_value")) if isinstance(told, dict) else None


def message_fact(body: Mapping[str, Any], *, conversation_id: int, version: int) -> MessageFact | None:
    """A public message in any form; None for private notes, activity lines and answers to requests: never kept."""
    direction = DIRECTIONS.get(body.get("message_type"))
    if direction is None or body.get("private") or is_apart(body.get("content_attributes")):
        return None
    sent_at = _moment(body["created_at"])
    if sent_at is None:
        raise UnreadableBody("message without time")
    sender = body.get("sender") or {}
    deleted = bool((body.get("content_attributes") or {}).get("deleted"))
    return MessageFact(
        message_id=_id(body["id"]),
        conversation_id=conversation_id,
        direction=direction,
        author_kind=_author_kind(sender),
        author_name="" if direction is Direction.INCOMING else _text(sender.get("name")),
        text="" if deleted else _text(body.get("content")),
        attachments=() if deleted else _attachment_kinds(body.get("attachments") or []),
        sent_at=sent_at.replace(microsecond=0),
        version=version,
        is_deleted=deleted,
        is_marketing=is_marketing(body.get("additional_attributes")),
        submitted=() if deleted else submitted_values(body.get("content_attributes")),
    )


def _author_kind(sender: Mapping[str, Any]) -> str:
    """Only a contact in webhook form has no `type` (contract Chatwoot 5.5); null senders are automations."""
    return str(sender.get("type") or "contact")[:20] if sender else ""


def _attachment_kinds(attachments: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    return tuple(str(a.get("file_type") or "file")[:30] for a in attachments)


def _text(value: object) -> str:
    """Text without NUL and lone surrogates, which PostgreSQL and UTF-8 refuse."""
    if value is None:
        return ""
    return str(value).replace("\x00", "").encode("utf-8", "replace").decode()


def _id(value: object) -> int:
    number = int(value)  # type: ignore[call-overload]
    if isinstance(value, bool) or not 0 < number < 2**63:
        raise UnreadableBody("id out of range")
    return int(number)


def _optional_id(value: Mapping[str, Any] | None) -> int | None:
    return _id(value["id"]) if value and value.get("id") else None


def _microseconds(value: object) -> int:
    """Float epoch, integer epoch or ISO text → microseconds; 0 when absent."""
    moment = _moment(value)
    return round(moment.timestamp() * 1_000_000) if moment else 0


def _moment(value: object) -> datetime | None:
    """Epoch (0 means unset, contract Chatwoot 13.6) or ISO text → aware UTC."""
    if value in (None, 0, "", False):
        return None
    if isinstance(value, int | float):
        return datetime.fromtimestamp(value, UTC)
    moment = datetime.fromisoformat(str(value).replace("Z", "+00:00"))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
