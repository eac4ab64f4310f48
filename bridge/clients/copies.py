"""What a person is handed over of the partners' records: fuller shapes than syncing needs, and their readers.

Chatwoot contract sections 5.8 and 8.2, Krayin contract sections 9 and 20.9. Foreign keys live here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from bridge.clients import chatwoot_answers
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
from bridge.clients.shapes import Conversation, Message


@dataclass(frozen=True, slots=True)
class FileAt:
    """A file of a message. `url` works without login: it is a secret (Chatwoot contract section 5.8)."""

    kind: str
    name: str = field(repr=False)
    media_type: str
    size: int | None
    url: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class WholeMessage:
    message: Message
    files: tuple[FileAt, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class ConversationPage:
    """Up to 25 conversations, and how many there are in all."""

    conversations: tuple[Conversation, ...]
    total: int


@dataclass(frozen=True, slots=True)
class WholeActivity:
    """An activity with everything a person may be told; `others` counts people who took part beside the person."""

    id: int
    type: str
    title: str | None = field(repr=False)
    comment: str | None = field(repr=False)
    begins_at: datetime | None
    ends_at: datetime | None
    location: str | None = field(repr=False)
    files: tuple[str, ...] = field(repr=False)
    people: tuple[int, ...]
    is_done: bool
    created_at: datetime | None
    updated_at: datetime | None


@dataclass(frozen=True, slots=True)
class CrmMail:
    """An e-mail the CRM keeps. Its keys are in no contract: all texts are taken as they come."""

    id: int
    subject: str | None = field(repr=False)
    texts: Mapping[str, str] = field(repr=False)
    created_at: datetime | None


def conversation_page(body: object) -> ConversationPage:
    """Answer of `POST /conversations/filter`: no `data` around it."""
    data = mapping(body)
    found = listed(data["payload"], chatwoot_answers.conversation)
    return ConversationPage(found, integer(mapping(data["meta"])["all_count"]))


def contact_conversations(body: object) -> tuple[Conversation, ...]:
    return listed(mapping(body)["payload"], chatwoot_answers.conversation)


def message(value: object) -> WholeMessage:
    files = listed_or_empty(mapping(value).get("attachments"), _file)
    return WholeMessage(chatwoot_answers.message(value), files)


def _file(value: object) -> FileAt:
    data = mapping(value)
    kind, url = text(data.get("file_type")) or "file", text(data.get("data_url"))
    name = url.partition("?")[0].rpartition("/")[2] or text(data.get("fallback_title")) or kind
    media_type = text(data.get("content_type")) or "application/octet-stream"
    return FileAt(kind, name, media_type, integer_or_none(data.get("file_size")), url)


def activity(value: object) -> WholeActivity:
    data = mapping(value)
    taking_part = listed_or_empty(data.get("participants"), mapping)
    return WholeActivity(
        id=integer(data["id"]),
        type=text(data.get("type")),
        title=text_or_none(data.get("title")),
        comment=text_or_none(data.get("comment")),
        begins_at=instant(data.get("schedule_from")),
        ends_at=instant(data.get("schedule_to")),
        location=text_or_none(data.get("location")),
        files=tuple(text(mapping(one).get("name")) for one in listed_or_empty(data.get("files"), mapping)),
        people=tuple(integer(mapping_or_empty(one.get("person"))["id"]) for one in taking_part if one.get("person")),
        is_done=flag(data.get("is_done")),
        created_at=instant(data.get("created_at")),
        updated_at=instant(data.get("updated_at")),
    )


def mail(value: object) -> CrmMail:
    data = mapping(value)
    texts = {key: one for key, one in data.items() if isinstance(one, str) and key not in _TOLD_APART}
    return CrmMail(
        id=integer(data["id"]),
        subject=text_or_none(data.get("subject")),
        texts=texts,
        created_at=instant(data.get("created_at")),
    )


_TOLD_APART = frozenset({"id", "subject", "created_at", "updated_at"})
