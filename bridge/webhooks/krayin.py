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

from bridge.clients.krayin_wire import LEAD_REF, PERSON_REF
from bridge.webhooks.intake import Outcome, count, on_live_connection, plain

# One statement: the lane of the record with this reference becomes dirty; a log row shows that the call came.
MARK = """
WITH o AS (
  SELECT s.connection_id, coalesce(a.canonical, s.lane_key) AS lane_key
  FROM synced_objects s LEFT JOIN lane_alias a ON a.connection_id = s.connection_id AND a.lane_key = s.lane_key
  WHERE s.krayin_id = %(krayin)s AND s.ref = %(ref)s AND s.connection_id = %(connection)s
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
ENCODED_TWICE = 2


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


def parse(raw: bytes) -> Hint:
    """Read event and own key from any body form; unreadable or empty bodies are an empty hint. Never raises.

    The content type is not asked: before 2.1.3 form fields come under a JSON header (contract Krayin 13.3).
    """
    text = raw.decode("utf-8", "replace").strip()
    fields = _json_fields(text) or dict(parse_qsl(text, keep_blank_values=True))
    ref = _value(fields.get(LEAD_REF)) or _value(fields.get(PERSON_REF))
    return Hint(event=_value(fields.get("event"))[:52], ref=ref)


def _value(value: object) -> str:
    """Plain text; a literal placeholder means that the record has no such field."""
    text = plain(value, 200).strip()
    return "" if "{%" in text else text


def _json_fields(text: str) -> Mapping[str, Any]:
    """An object, a list of key and value pairs, or a string that holds JSON again; empty for all else."""
    for _ in range(ENCODED_TWICE):
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return {}
        if isinstance(value, dict):
            return value
        if isinstance(value, list):
            pairs = [item for item in value if isinstance(item, dict)]
            return {pair["key"]: pair.get("value") for pair in pairs if isinstance(pair.get("key"), str)}
        if not isinstance(value, str):
            return {}
        text = value
    return {}


def store(connection_id: int, krayin_id: int, hint: Hint, *, arrived_at: datetime, using: str = "intake") -> Outcome:
    """Mark the lane of the hinted record dirty; marks coalesce. A record we do not know is counted.

    Raises django.db.Error when the mark could not be made.
    """

    def run() -> bool:
        values: dict[str, Any] = {
            "connection": connection_id,
            "krayin": krayin_id,
            "ref": hint.ref.lower(),
            "event_type": f"krayin:{hint.event}",
            "arrived_at": arrived_at,
        }
        with connections[using].cursor() as cursor:
            cursor.execute(MARK, values)
            return bool(cursor.rowcount)

    if hint.ref and on_live_connection(run, using=using):
        return Outcome.ACCEPTED
    count(connection_id, "hint_unknown", using=using)
    return Outcome.IGNORED
