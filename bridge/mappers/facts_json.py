"""Facts as JSON and back: polls and imports enter by the same road as webhooks, in our own words. Pure."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from bridge.events import ContactFact, ConversationFact, Facts, MessageFact
from bridge.models import ObservedMessage

EVENT = "facts"


def body_of(facts: Facts) -> dict[str, Any]:
    """A body that `facts_from` reads back; times as ISO text."""
    return {
        "event": EVENT,
        "contacts": [_plain(asdict(f)) for f in facts.contacts],
        "conversations": [_plain(asdict(f)) for f in facts.conversations],
        "messages": [_plain(asdict(f)) for f in facts.messages],
        "inbox_names": {str(inbox_id): name for inbox_id, name in facts.inbox_names.items()},
    }


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {k: v.isoformat() if isinstance(v, datetime) else v for k, v in values.items()}


def facts_from(body: Mapping[str, Any]) -> Facts:
    """Read what `body_of` wrote. Raises KeyError, TypeError or ValueError for anything else.

    What was stored is evidence like any body, no longer the last word: newer things may have come before it.
    """
    return Facts(
        contacts=tuple(
            ContactFact(**{**c, "last_activity_at": _moment(c["last_activity_at"]), "is_authoritative": False})
            for c in body["contacts"]
        ),
        conversations=tuple(_conversation(c) for c in body["conversations"]),
        messages=tuple(_message(m) for m in body["messages"]),
        inbox_names={int(key): str(name) for key, name in body["inbox_names"].items()},
    )


def _conversation(values: Mapping[str, Any]) -> ConversationFact:
    times = {name: _moment(values[name]) for name in ("started_at", "first_reply_at", "last_activity_at")}
    return ConversationFact(**{**values, **times, "labels": tuple(values["labels"])})


def _message(values: Mapping[str, Any]) -> MessageFact:
    return MessageFact(
        **{
            **values,
            "direction": ObservedMessage.Direction(values["direction"]),
            "attachments": tuple(values["attachments"]),
            "submitted": tuple(values.get("submitted", ())),
            "sent_at": _moment(values["sent_at"]),
            "is_authoritative": False,
        }
    )


def _moment(value: str | None) -> datetime | None:
    return datetime.fromisoformat(value) if value else None
