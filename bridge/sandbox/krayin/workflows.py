"""Workflows: which event triggers which webhook, with what in its placeholders (contract sections 13.1 to 13.5).

Actions `trigger_webhook` and `send_email_to_participants` (the two seeded workflows) are carried out, others are not.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict

from bridge.sandbox.krayin import moments
from bridge.sandbox.krayin.collation import Json, php_json
from bridge.sandbox.krayin.context import Call
from bridge.sandbox.krayin.encoding import HeadersAreNull, NotSent, Outgoing, Template, encode
from bridge.sandbox.krayin.errors import ServerError
from bridge.sandbox.krayin.resources import participants_of, read
from bridge.sandbox.krayin.store import Row, Store
from bridge.sandbox.krayin.values import decode_json, label, labelled

_ACTIVITY_TYPES = {"note": "Note", "call": "Call", "meeting": "Meeting", "lunch": "Lunch", "file": "File"}


def fire(call: Call, event: str, entity_type: str, row: Row) -> None:
    """Runs the workflows of an event, inside the call that caused it and without the lock while sending.

    Raises `ServerError` where 2.1.0 stumbles over a webhook whose headers are null.
    """
    for workflow in [item for item in call.store.rows("workflows") if item["event"] == event]:
        if not _conditions_hold(call, workflow, entity_type, row):
            continue
        for action in json.loads(workflow["actions"]) or []:
            if action.get("id") == "trigger_webhook":
                _trigger(call, event, entity_type, row, action.get("value"))
            elif action.get("id") == "send_email_to_participants":
                _mail_participants(call, row)


def _trigger(call: Call, event: str, entity_type: str, row: Row, webhook_id: Json) -> None:
    webhook = call.store.get("webhooks", int(webhook_id)) if str(webhook_id).isdigit() else None
    if webhook is None:
        return
    entry: Row = {"event": event, "webhook_id": webhook["id"], "entity_id": row["id"], "at": call.now}
    try:
        outgoing = encode(call.crm.version, _template(call, entity_type, row, webhook))
    except NotSent as reason:
        call.store.note("deliveries", {**entry, "sent": False, "reason": str(reason)})
        return
    except HeadersAreNull as error:
        call.store.note("deliveries", {**entry, "sent": False, "reason": "headers are null"})
        raise ServerError from error
    with call.unlocked():
        result = call.crm.send(_request(outgoing))
    call.store.note("deliveries", {**entry, **result, "url": outgoing.url, "body": outgoing.body.decode()})


def _request(outgoing: Outgoing) -> Row:
    return asdict(outgoing)


def _template(call: Call, entity_type: str, row: Row, webhook: Row) -> Template:
    texts = dict(_placeholders(call, entity_type, row))

    def replaced(text: str) -> str:
        for name, value in texts.items():
            text = text.replace(f"{{%{entity_type}.{name}%}}", value).replace(f"{{% {entity_type}.{name} %}}", value)
        return text

    return Template(
        method=webhook["method"],
        end_point=replaced(webhook["end_point"]),
        headers=replaced(php_json(json.loads(webhook["headers"]))),
        payload=replaced(php_json(json.loads(webhook["payload"]))),
        query_params=replaced(php_json(json.loads(webhook["query_params"]))),
    )


def _placeholders(call: Call, entity_type: str, row: Row) -> Iterator[tuple[str, str]]:
    if entity_type == "activities":
        yield from _activity_placeholders(call, row)
        return
    for attribute in call.store.attributes_of(entity_type):
        yield attribute["code"], _text(call, entity_type, row, attribute)


def _text(call: Call, entity_type: str, row: Row, attribute: Row) -> str:
    code, kind = attribute["code"], attribute["type"]
    stored = read(call, entity_type, row, code) if code in row else call.store.value(entity_type, row["id"], code)
    if kind in ("date", "datetime") and not stored:
        return "N/A"
    if kind == "address":
        return _address(decode_json(stored))
    if kind in ("email", "phone"):
        try:
            return labelled(decode_json(stored)) or ""
        except ServerError:
            return ""
    return label(call.store, attribute, stored) or ""


def _address(value: Json) -> str:
    if not isinstance(value, dict) or not any(value.values()):
        return ""
    street, postcode, city = (value.get(key) or "" for key in ("address", "postcode", "city"))
    return f"{street}<br>{postcode}  {city}<br>{value.get('state') or ''}<br>{value.get('country') or ''}<br>"


def _activity_placeholders(call: Call, row: Row) -> Iterator[tuple[str, str]]:
    yield "title", row["title"] or ""
    yield "type", _ACTIVITY_TYPES.get(row["type"], "")
    yield "location", row["location"] or ""
    yield "comment", row["comment"] or ""
    for code in ("schedule_from", "schedule_to"):
        yield code, moments.long_datetime(row[code]) if row[code] else "N/A"
    owner = call.store.get("users", row["user_id"])
    yield "user_id", owner["name"] if owner else ""
    names = "".join(f"<li>{name}</li>" for name in _participant_names(call.store, participants_of(call, row["id"])))
    yield "participants", f'<ul style="padding-left: 18px;margin: 0;">{names}</ul>'


def _participant_names(store: Store, participants: list[Row]) -> list[str]:
    rows = (store.get("users", item["user_id"]) or store.get("persons", item["person_id"]) for item in participants)
    return [row["name"] for row in rows if row is not None]


def _mail_participants(call: Call, row: Row) -> None:
    for participant in participants_of(call, row["id"]):
        table = "users" if participant["user_id"] else "persons"
        row_id = participant["user_id"] or participant["person_id"]
        call.store.note("mails", {"activity_id": row["id"], "to": {"table": table, "id": row_id}, "at": call.now})


def _conditions_hold(call: Call, workflow: Row, entity_type: str, row: Row) -> bool:
    conditions = [
        condition
        for condition in json.loads(workflow["conditions"]) or []
        if condition.get("attribute") and condition.get("value") not in (None, "")
    ]
    results = (_condition_holds(call, condition, entity_type, row) for condition in conditions)
    if workflow["condition_type"] == "or":
        return any(results) or not conditions
    return all(results)


def _condition_holds(call: Call, condition: Row, entity_type: str, row: Row) -> bool:
    """The current value is tested, never the old one."""
    code = condition["attribute"]
    if entity_type == "activities":
        value = row.get(code)
    elif code in row:
        value = read(call, entity_type, row, code)
    else:
        value = call.store.value(entity_type, row["id"], code)
    if condition.get("attribute_type") in ("multiselect", "checkbox"):
        value = str(value).split(",") if value else []
    return _compare(value, condition.get("operator") or "==", condition["value"])


def _compare(value: Json, operator: str, wanted: Json) -> bool:
    if operator in ("!=", "!{}", ">", "<"):
        opposite = {"!=": "==", "!{}": "{}", ">": "<=", "<": ">="}[operator]
        return not _compare(value, opposite, wanted)
    if operator in ("<=", ">="):
        if value is None or isinstance(value, list):
            return False
        left, right = _comparable(value, wanted)
        return bool(left <= right if operator == "<=" else left >= right)
    wanted_texts = [str(item) for item in wanted] if isinstance(wanted, list) else None
    if isinstance(value, list):
        texts = [str(item) for item in value]
        return bool(set(texts) & set(wanted_texts if wanted_texts is not None else [str(wanted)]))
    text = "" if value is None else str(value)
    if operator == "{}":
        return any(item.lower() in text.lower() for item in wanted_texts) if wanted_texts else str(wanted) in text
    return wanted_texts is None and text == str(wanted)


def _comparable(value: Json, wanted: Json) -> tuple[Json, Json]:
    try:
        return float(value), float(wanted)
    except (TypeError, ValueError):
        return str(value), str(wanted)
