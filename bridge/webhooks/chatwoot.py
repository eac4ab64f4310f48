"""What a verified Chatwoot body is: type, lane, ours or not, readable or not. Pure: no database, no HTTP."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

from bridge.causes import Cause
from bridge.events import IGNORED_EVENTS, EventKind
from bridge.models.inbound import NO_LANE, lane_of
from bridge.webhooks.intake import Finding, Status, plain
from bridge.webhooks.redaction import redacted, scrubbed

KNOWN_EVENTS = frozenset(kind.value for kind in EventKind) - {EventKind.UNKNOWN.value}
MAX_ID = 2**63 - 1
# Sent for every incoming message; nothing in it changes what the CRM should hold (contract Chatwoot 13.8).
MERE_ACTIVITY = frozenset({"last_activity_at", "updated_at"})


class Scope(Protocol):
    """The part of a connection that decides whether a body belongs to it."""

    @property
    def account_id(self) -> int: ...

    def serves_inbox(self, inbox_id: int | None) -> bool: ...


def judge(raw: bytes, scope: Scope) -> Finding:
    """Decide what becomes of a verified body. Never raises, whatever the bytes are."""
    body = parsed(raw)
    if body is None:
        return Finding(status=Status.PARKED, cause=Cause.UNREADABLE, body=scrubbed(raw))
    event = plain(body.get("event"), 60)
    if event in IGNORED_EVENTS:
        return Finding(event_type=event, dropped="ignored")
    conversation = conversation_of(event, body)
    account_id = number(_object(body.get("account") or conversation.get("account")).get("id"))
    if account_id is not None and account_id != scope.account_id:
        # Another account's data are not ours to keep: the event is shown, its body is not stored.
        return Finding(event_type=event, status=Status.PARKED, cause=Cause.WRONG_ACCOUNT)
    if not scope.serves_inbox(inbox_of(body, conversation)):
        return Finding(event_type=event, dropped="foreign")
    return _kept(event, body, conversation)


def _kept(event: str, body: Mapping[str, Any], conversation: Mapping[str, Any]) -> Finding:
    """A body of this connection: work where it can be, else parked or ignored."""
    stored = redacted(body)
    if event not in KNOWN_EVENTS:
        cause = Cause.UNKNOWN_TYPE if event else Cause.UNREADABLE
        return Finding(event_type=event, status=Status.PARKED, cause=cause, body=stored.data)
    found = Finding(
        event_type=event,
        lane_key=_lane(contact_of(event, body, conversation)),
        conversation_id=number(conversation.get("id")),
        contact_id=contact_of(event, body, conversation),
        body=stored.data,
    )
    if event == EventKind.CONTACT_UPDATED and is_mere_activity(body.get("changed_attributes")):
        return replace(found, status=Status.IGNORED, body=None)
    if found.contact_id is None or stored.was_cut:
        return replace(found, status=Status.PARKED, cause=Cause.UNREADABLE)
    return found


def parsed(raw: bytes) -> Mapping[str, Any] | None:
    """The JSON object in the bytes; None for anything else, however broken or deep."""
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def conversation_of(event: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The conversation a body is about or carries; empty for the others (contract Chatwoot 5.6, 5.7)."""
    if event.startswith("conversation_"):
        return body
    return {} if event.startswith("contact_") else _object(body.get("conversation"))


def inbox_of(body: Mapping[str, Any], conversation: Mapping[str, Any]) -> int | None:
    """The inbox, from the conversation or from the short form in messages; contact events name none."""
    places = (conversation.get("inbox_id"), body.get("inbox_id"), _object(body.get("inbox")).get("id"))
    return next((inbox_id for inbox_id in map(number, places) if inbox_id is not None), None)


def contact_of(event: str, body: Mapping[str, Any], conversation: Mapping[str, Any]) -> int | None:
    """The person: the body itself in contact events, else `meta.sender` (contract Chatwoot 13.3, 13.4)."""
    if event.startswith("contact_"):
        return number(body.get("id"))
    return number(_object(_object(conversation.get("meta")).get("sender")).get("id"))


def is_mere_activity(changes: object) -> bool:
    """`changed_attributes` is null or a list of one-key objects (contract Chatwoot 5.9)."""
    if not isinstance(changes, list) or not changes:
        return False
    return all(isinstance(change, dict) and change and MERE_ACTIVITY.issuperset(change) for change in changes)


def number(value: object) -> int | None:
    """An id PostgreSQL can hold, else None."""
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 < value <= MAX_ID else None


def _lane(contact_id: int | None) -> str:
    return NO_LANE if contact_id is None else lane_of(contact_id)


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
