"""Krayin's calls in every form it really sends (contract Krayin 13.3, 13.7): hints, never facts.

Accepted are an own key and an event name; values may be display texts, literal placeholders or broken. The hint marks
the lane of the record's contact; the record itself is read over REST.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from django.db import connections

from bridge.webhooks.intake import Outcome, count, plain

# One statement: the lane of the record with this reference becomes dirty; a log row shows that the call came.
MARK = """
WITH o AS (
  SELECT connection_id, lane_key FROM synced_objects WHERE krayin_id = %(krayin)s AND ref = %(ref)s
    AND connection_id = %(connection)s
), e AS (
  INSERT INTO webhook_events (received_at, connection_id, event_type, lane_key, arrived_at, arrived_by, verification,
                              status, delivery_key, cause, observed_at)
  SELECT now(), o.connection_id, %(event_type)s, o.lane_key, %(arrived_at)s, 'webhook', 'token', 'observed', '', '',
         now() FROM o
)
INSERT INTO lanes (connection_id, lane_key, dirty, run_at) SELECT connection_id, lane_key, 1, now() FROM o
ON CONFLICT (connection_id, lane_key) DO UPDATE SET dirty = lanes.dirty + 1,
  run_at = CASE WHEN lanes.leased AND lanes.run_at > now() THEN lanes.run_at ELSE least(lanes.run_at, now()) END
"""


@dataclass(frozen=True)
class Hint:
    """What may be believed of a call: its event name and our own reference, both possibly empty."""

    event: str
    ref: str


def token_of(bridge_token: str, authorization: str) -> str:
    """The constant secret, from either header a Krayin webhook can carry (contract Krayin 13.6)."""
    if bridge_token:
        return bridge_token
    kind, _, value = authorization.partition(" ")
    return value.strip() if kind.lower() == "bearer" else ""


def parse(raw: bytes, content_type: str) -> Hint:
    """Read event and own key from any body form; unreadable or empty bodies are an empty hint. Never raises."""
    fields = _fields(raw, content_type)
    ref = _value(fields.get("bridge_ref")) or _value(fields.get("chatwoot_contact_ref"))
    return Hint(event=_value(fields.get("event"))[:52], ref=ref[:80])


def _value(value: object) -> str:
    """Plain text; a literal placeholder means that the record has no such field."""
    text = plain(value, 200).strip()
    return "" if "{%" in text else text


def _fields(raw: bytes, content_type: str) -> Mapping[str, Any]:
    text = raw.decode("utf-8", "replace").strip()
    if not text:
        return {}
    if "json" in content_type.lower() or text[:1] in '{["':
        fields = _json_fields(text)
        if fields:
            return fields
    return dict(parse_qsl(text, keep_blank_values=True)) if "=" in text else {}


def _json_fields(text: str) -> Mapping[str, Any]:
    """An object, a list of key and value pairs, or a string that holds JSON again (encoded twice in 2.1.3 and later)."""
    for _ in range(2):
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return {}
        if isinstance(value, dict):
            return value
        if isinstance(value, list):
            pairs = [item for item in value if isinstance(item, dict)]
            return {str(pair.get("key")): pair.get("value") for pair in pairs}
        if not isinstance(value, str):
            return {}
        text = value
    return {}


def store(connection_id: int, krayin_id: int, hint: Hint, *, arrived_at: datetime, using: str = "intake") -> Outcome:
    """Mark the lane of the hinted record dirty; marks coalesce. A record we do not know is counted."""
    if hint.ref:
        values = {
            "connection": connection_id,
            "krayin": krayin_id,
            "ref": hint.ref.lower(),
            "event_type": f"krayin:{hint.event}",
            "arrived_at": arrived_at,
        }
        with connections[using].cursor() as cursor:
            cursor.execute(MARK, values)
            if cursor.rowcount:
                return Outcome.ACCEPTED
    count(connection_id, "hint_unknown", using=using)
    return Outcome.IGNORED
