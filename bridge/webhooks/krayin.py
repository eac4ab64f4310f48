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

# One statement: the lane of the record with this reference becomes dirty; a log row shows that the call came. A call
# that came while one of ours on the record is on its way is most likely ours: that call's answer tells what it would,
# and costs nothing. Only one is taken for it: a person's change at the same moment brings a second.
MARK = """
WITH o AS (
  SELECT s.connection_id, s.ref, coalesce(a.canonical, s.lane_key) AS lane_key
  FROM synced_objects s LEFT JOIN lane_alias a ON a.connection_id = s.connection_id AND a.lane_key = s.lane_key
  WHERE s.krayin_id = %(krayin)s AND s.ref = %(ref)s AND s.connection_id = %(connection)s
), own AS (
  UPDATE effects SET absorbed = true
  WHERE krayin_id = %(krayin)s AND (object_ref = %(ref)s OR starts_with(object_ref, %(ref)s || '~'))
    AND state = 'sent' AND NOT absorbed AND NOT %(deletes)s
    AND EXISTS (SELECT 1 FROM o)
  RETURNING 1
), h AS (
  INSERT INTO krayin_hints (connection_id, ref, lane_key, at, not_before)
  SELECT connection_id, ref, lane_key, now(), now() + make_interval(secs => %(wait)s)
  FROM o WHERE NOT EXISTS (SELECT 1 FROM own)
  ON CONFLICT (connection_id, ref) DO UPDATE SET at = excluded.at, lane_key = excluded.lane_key,
    not_before = greatest(krayin_hints.not_before, excluded.not_before)
), e AS (
  INSERT INTO webhook_events (received_at, connection_id, event_type, lane_key, arrived_at, arrived_by, verification,
                              status, delivery_key, cause, observed_at)
  SELECT now(), o.connection_id, %(event_type)s, o.lane_key, %(arrived_at)s, 'webhook', 'token', 'observed', '', '',
         now() FROM o
), l AS (
  INSERT INTO lanes (connection_id, lane_key, dirty, run_at)
  SELECT connection_id, lane_key, 1, now() + make_interval(secs => %(wait)s)
  FROM o WHERE NOT EXISTS (SELECT 1 FROM own)
  ON CONFLICT (connection_id, lane_key) DO UPDATE SET dirty = lanes.dirty + 1,
    run_at = CASE WHEN lanes.leased AND lanes.run_at > now() THEN lanes.run_at
                  ELSE least(lanes.run_at, excluded.run_at) END
)
SELECT (SELECT count(*) FROM o), (SELECT count(*) FROM own)
"""
# A deletion is announced before it happens (contract Krayin 13.2); within this time it has.
DELETED_AFTER_S = 10
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
    """Mark the hinted record to be read; marks coalesce. A record we do not know, or our own call, is counted.

    Raises django.db.Error when the mark could not be made.
    """

    deletes = ".delete." in hint.event

    def run() -> tuple[int, int]:
        values: dict[str, Any] = {
            "connection": connection_id,
            "krayin": krayin_id,
            "ref": hint.ref.lower(),
            "event_type": f"krayin:{hint.event}",
            "arrived_at": arrived_at,
            "deletes": deletes,
            "wait": DELETED_AFTER_S if deletes else 0,
        }
        with connections[using].cursor() as cursor:
            cursor.execute(MARK, values)
            known, own = cursor.fetchone()
            return known, own

    known, own = on_live_connection(run, using=using) if hint.ref else (0, 0)
    if known and not own:
        return Outcome.ACCEPTED
    count(connection_id, "hint_own" if own else "hint_unknown", using=using)
    return Outcome.IGNORED
