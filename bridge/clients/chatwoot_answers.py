"""Chatwoot's REST JSON to our shapes (Chatwoot contract sections 5, 7, 8). Foreign keys live here and nowhere else.

Credentials that come along (channel secrets of inboxes, `pubsub_token`, attachment addresses) are not taken over.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeVar

from bridge.clients.interactive import is_apart, is_marketing, mark_of, submitted_values
from bridge.clients.reading import (
    flag,
    instant,
    integer,
    integer_or_none,
    listed,
    listed_or_empty,
    mapping,
    mapping_or_empty,
    text,
    text_or_none,
)
from bridge.clients.shapes import (
    AccountRole,
    Agent,
    AttributeDefinition,
    ChatWebhook,
    Contact,
    Conversation,
    Inbox,
    InboxMember,
    Message,
    MessageType,
    NamedItem,
    Profile,
    Sender,
    SenderType,
)

T = TypeVar("T")

_MESSAGE_TYPES: Mapping[object, MessageType] = {
    0: MessageType.INCOMING,
    1: MessageType.OUTGOING,
    2: MessageType.ACTIVITY,
    3: MessageType.TEMPLATE,
} | {each.value: each for each in MessageType}
_SENDER_TYPES = {each.value: each for each in SenderType}
_FIELD_NAME = re.compile(r"[A-Za-z0-9_.]{1,120}")


def payload(read: Callable[[object], T]) -> Callable[[object], T]:
    """Reader of `{"payload": {...}}`."""
    return lambda body: read(mapping(body)["payload"])


def payloads(read: Callable[[object], T]) -> Callable[[object], tuple[T, ...]]:
    """Reader of `{"payload": [...]}`."""
    return lambda body: listed(mapping(body)["payload"], read)


def nothing(body: object) -> None:
    """Reader of answers whose body says nothing, mostly empty."""


def is_online(value: object) -> bool:
    """Of a contact (contract section 8.1)."""
    return text(mapping(value).get("availability_status")) == "online"


def profile(body: object) -> Profile:
    data = mapping(body)
    return Profile(
        user_id=integer(data["id"]),
        name=text(data.get("name")),
        accounts=listed_or_empty(data.get("accounts"), _account_role),
    )


def contact(value: object) -> Contact:
    data = mapping(value)
    inboxes = [mapping(entry).get("inbox") for entry in listed_or_empty(data.get("contact_inboxes"), mapping)]
    return Contact(
        id=integer(data["id"]),
        name=text(data.get("name")),
        email=text_or_none(data.get("email")),
        phone=text_or_none(data.get("phone_number")),
        identifier=text_or_none(data.get("identifier")),
        company_name=_company_name(data.get("additional_attributes")),
        blocked=flag(data.get("blocked")),
        custom_attributes=mapping_or_empty(data.get("custom_attributes")),
        inbox_ids=frozenset(integer(mapping(inbox)["id"]) for inbox in inboxes if inbox is not None),
        last_activity_at=instant(data.get("last_activity_at")),
        extra=mapping_or_empty(data.get("additional_attributes")),
    )


def message(value: object) -> Message:
    data = mapping(value)
    content_attributes = mapping_or_empty(data.get("content_attributes"))
    return Message(
        id=integer(data["id"]),
        conversation_id=integer(data["conversation_id"]),
        inbox_id=integer_or_none(data.get("inbox_id")),
        type=_message_type(data["message_type"]),
        content_type=text(data.get("content_type")) or "text",
        content=text_or_none(data.get("content")),
        private=flag(data.get("private")),
        deleted=content_attributes.get("deleted") is True,
        external_echo=content_attributes.get("external_echo") is True,
        status=text_or_none(data.get("status")),
        source_id=text_or_none(data.get("source_id")),
        sender=_sender(data.get("sender")),
        attachment_types=listed_or_empty(data.get("attachments"), _attachment_type),
        created_at=_set_instant(data["created_at"]),
        is_marketing=is_marketing(data.get("additional_attributes")),
        submitted=submitted_values(content_attributes),
        mark=mark_of(content_attributes),
        is_apart=is_apart(content_attributes),
    )


def conversation(value: object) -> Conversation:
    data = mapping(value)
    meta = mapping_or_empty(data.get("meta"))
    whose = None if meta.get("sender") is None else contact(meta["sender"])
    assignee, team = mapping_or_empty(meta.get("assignee")), mapping_or_empty(meta.get("team"))
    return Conversation(
        id=integer(data["id"]),
        inbox_id=integer(data["inbox_id"]),
        channel=text(meta.get("channel")),
        status=text(data["status"]),
        contact=whose,
        contact_id=whose.id if whose else None,
        assignee_id=integer_or_none(assignee.get("id")),
        assignee_name=text_or_none(assignee.get("name")),
        assignee_type=text_or_none(meta.get("assignee_type")),
        team_id=integer_or_none(team.get("id")),
        team_name=text_or_none(team.get("name")),
        labels=listed_or_empty(data.get("labels"), text),
        priority=text_or_none(data.get("priority")),
        custom_attributes=mapping_or_empty(data.get("custom_attributes")),
        created_at=instant(data.get("created_at")),
        updated_at=instant(data.get("updated_at")),
        last_activity_at=instant(data.get("last_activity_at")),
        first_reply_created_at=instant(data.get("first_reply_created_at")),
        waiting_since=instant(data.get("waiting_since")),
        extra=mapping_or_empty(data.get("additional_attributes")),
        can_reply=data.get("can_reply") is True,
    )


def conversation_list(body: object) -> tuple[Conversation, ...]:
    return listed(mapping(mapping(body)["data"])["payload"], conversation)


def inbox(value: object) -> Inbox:
    data = mapping(value)
    return Inbox(id=integer(data["id"]), name=text(data.get("name")), channel_type=text(data.get("channel_type")))


def webhook(body: object) -> ChatWebhook:
    return _webhook(mapping(mapping(body)["payload"])["webhook"])


def webhook_list(body: object) -> tuple[ChatWebhook, ...]:
    return listed(mapping(mapping(body)["payload"])["webhooks"], _webhook)


def attribute_definition(value: object) -> AttributeDefinition:
    data = mapping(value)
    return AttributeDefinition(
        id=integer(data["id"]),
        key=text(data["attribute_key"]),
        display_name=text(data.get("attribute_display_name")),
        display_type=text(data.get("attribute_display_type")),
        model=text(data.get("attribute_model")),
    )


def attribute_definitions(body: object) -> tuple[AttributeDefinition, ...]:
    return listed(body, attribute_definition)


def agents(body: object) -> tuple[Agent, ...]:
    return listed(body, _agent)


def _agent(value: object) -> Agent:
    data = mapping(value)
    return Agent(id=integer(data["id"]), name=text(data.get("name")), email=text(data.get("email")))


def teams(body: object) -> tuple[NamedItem, ...]:
    return listed(body, _team)


def _team(value: object) -> NamedItem:
    data = mapping(value)
    return NamedItem(id=integer(data["id"]), name=text(data.get("name")))


def inbox_member(value: object) -> InboxMember:
    data = mapping(value)
    return InboxMember(id=integer(data["id"]), email=text(data.get("email")))


def label_titles(body: object) -> tuple[str, ...]:
    """Labels of one contact or conversation."""
    return listed(mapping(body)["payload"], text)


def label_title(value: object) -> str:
    """Title of one label of the account."""
    return text(mapping(value)["title"])


def refused_fields(body: object) -> frozenset[str]:
    """`attributes` of a validation failure; other refusals name none (Chatwoot contract section 9)."""
    names = listed_or_empty(mapping(body).get("attributes"), text)
    return frozenset(name if _FIELD_NAME.fullmatch(name) else "?" for name in names)


def _account_role(value: object) -> AccountRole:
    data = mapping(value)
    return AccountRole(account_id=integer(data["id"]), account_name=text(data.get("name")), role=text(data.get("role")))


def _webhook(value: object) -> ChatWebhook:
    data = mapping(value)
    return ChatWebhook(
        id=integer(data["id"]),
        name=text_or_none(data.get("name")),
        url=text(data["url"]),
        subscriptions=listed_or_empty(data.get("subscriptions"), text),
        secret=text_or_none(data.get("secret")),
    )


def _sender(value: object) -> Sender | None:
    if value is None or value == {}:
        return None
    data = mapping(value)
    # A contact in webhook form is the only sender without a type (Chatwoot contract section 5.5).
    kind = data.get("type") or SenderType.CONTACT.value
    return Sender(
        type=_SENDER_TYPES.get(text(kind), SenderType.UNKNOWN),
        id=integer_or_none(data.get("id")),
        name=text(data.get("name")),
    )


def _message_type(value: object) -> MessageType:
    return _MESSAGE_TYPES.get(value, MessageType.UNKNOWN) if isinstance(value, (int, str)) else MessageType.UNKNOWN


def _attachment_type(value: object) -> str:
    return text(mapping(value).get("file_type")) or "file"


def _company_name(additional_attributes: object) -> str | None:
    name = mapping_or_empty(additional_attributes).get("company_name")
    # Free form: anybody may have written anything there.
    return name if isinstance(name, str) and name else None


def _set_instant(value: object) -> datetime:
    moment = instant(value)
    if moment is None:
        raise ValueError("a time that is not set")
    return moment
