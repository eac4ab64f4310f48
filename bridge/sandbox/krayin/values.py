"""Attribute values, the second copy of every field, and the `system` activities their changes leave (section 14).

They are written after the row, one by one in the order of the attributes: whatever fails on the way leaves the row
and the values written so far.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from bridge.sandbox.krayin import moments
from bridge.sandbox.krayin.collation import Json, cut_bytes, php_json, to_number
from bridge.sandbox.krayin.context import Call, to_int, to_text
from bridge.sandbox.krayin.errors import ServerError
from bridge.sandbox.krayin.schema import VALUE_COLUMN
from bridge.sandbox.krayin.store import Row, Store

LOOKUP_TABLES = (
    "lead_sources",
    "lead_types",
    "users",
    "lead_pipelines",
    "lead_pipeline_stages",
    "organizations",
    "persons",
)

_LOGGED = {"leads": "lead_activities", "persons": "person_activities"}


def save_values(
    call: Call, entity_type: str, entity_id: int, data: Row, attributes: Iterable[Row] | None = None
) -> None:
    """Writes the values of every attribute whose code is in `data`; booleans that are absent become 0."""
    chosen = call.store.attributes_of(entity_type) if attributes is None else attributes
    for attribute in chosen:
        code = attribute["code"]
        if attribute["type"] == "boolean":
            sent: Json = 1 if data.get(code) not in (None, "", "0", 0, False) else 0
        elif code in data:
            sent = _prepare(attribute["type"], data[code])
        else:
            continue
        _save_one(call, attribute, entity_type, entity_id, sent)


def _prepare(kind: str, value: Json) -> Json:
    if kind in ("date", "price") and value == "":
        return None
    if kind in ("multiselect", "checkbox"):
        if not isinstance(value, list):
            raise ServerError
        return ",".join(str(item) for item in value)
    if kind in ("email", "phone"):
        if not isinstance(value, list) or any(not isinstance(item, dict) or "value" not in item for item in value):
            raise ServerError
        return [item for item in value if item["value"] is not None]
    if kind in ("file", "image"):
        return None
    return value


def _save_one(call: Call, attribute: Row, entity_type: str, entity_id: int, sent: Json) -> None:
    store = call.store
    column = VALUE_COLUMN[attribute["type"]]
    before = store.values[entity_type].get(entity_id, {}).get(attribute["id"])
    after = _to_column(column, sent)
    store.set_value(entity_type, entity_id, attribute["id"], after)
    old, new = _decoded(column, before), _decoded(column, after)
    if entity_type in _LOGGED and not _loosely_equal(old, new):
        _log(
            call,
            entity_type,
            entity_id,
            attribute["name"],
            old={"value": old, "label": label(store, attribute, before)},
            new={"value": new, "label": label(store, attribute, after)},
        )


def _to_column(column: str, value: Json) -> Json:
    if value is None:
        return None
    if column == "json_value":
        return php_json(value)
    if column == "text_value":
        return cut_bytes(to_text(value) or "")
    if column == "float_value":
        return to_number(to_text(value) or "")
    if column in ("integer_value", "boolean_value"):
        return to_int(value)
    try:
        return moments.stored_date(value) if column == "date_value" else moments.stored_datetime(value)
    except ValueError as error:
        raise ServerError from error


def _decoded(column: str, value: Json) -> Json:
    if value is None:
        return None
    if column == "float_value":
        return int(value) if float(value).is_integer() else value
    if column == "json_value" and value not in ("[]", "{}"):
        return decode_json(value)
    # An empty list stays the text it is stored as: the vendor decodes only what decodes to something.
    return value


def decode_json(text: str | None) -> Json:
    """A JSON column as the application reads it."""
    if text is None:
        return None
    return json.loads(text)


def _loosely_equal(old: Json, new: Json) -> bool:
    if old in (None, "", 0, False) and new in (None, "", 0, False):
        return True
    return bool(old == new) or (not isinstance(new, (dict, list)) and str(old) == str(new))


def log_created(call: Call, entity_type: str, entity_id: int) -> None:
    """The `system` activity of a new row."""
    _attach(call, entity_type, entity_id, title="Criado", additional=None)


def log_row(call: Call, entity_type: str, entity_id: int, changes: dict[str, tuple[Json, Json]]) -> None:
    """One `system` activity for each changed column that is no attribute: `changes` maps it to (old, new)."""
    codes = {attribute["code"] for attribute in call.store.attributes_of(entity_type)}
    for column, (old, new) in changes.items():
        if column not in codes and not _loosely_equal(old, new):
            _log(
                call,
                entity_type,
                entity_id,
                column,
                old={"value": old, "label": old},
                new={"value": new, "label": new},
            )


def _log(call: Call, entity_type: str, entity_id: int, name: str, *, old: Row, new: Row) -> None:
    _attach(
        call,
        entity_type,
        entity_id,
        title="Atualizado",
        additional={"attribute": name, "new": _sorted_keys(new), "old": _sorted_keys(old)},
    )


def _sorted_keys(change: Row) -> Row:
    value = change["value"]
    if isinstance(value, list):
        value = [dict(sorted(item.items())) if isinstance(item, dict) else item for item in value]
    return {"value": value, "label": change["label"]}


def _attach(call: Call, entity_type: str, entity_id: int, *, title: str, additional: Row | None) -> None:
    now = call.now
    activity = call.store.insert(
        "activities",
        {
            "title": title,
            "type": "system",
            "additional": None if additional is None else php_json(additional),
            "is_done": 1,
            "user_id": call.user["id"],
            "created_at": now,
            "updated_at": now,
        },
    )
    call.store.links[_LOGGED[entity_type]].add(entity_id, activity["id"])


def label(store: Store, attribute: Row, stored: Json) -> str | None:
    """A value as panel and activities show it. Raises `ServerError` for an e-mail or phone without label."""
    kind = attribute["type"]
    if kind == "price":
        return moments.format_price(stored)
    if kind == "boolean":
        return "Yes" if stored else "No"
    if kind in ("select", "radio", "lookup"):
        return option_name(store, attribute, stored)
    if kind in ("multiselect", "checkbox"):
        names = (option_name(store, attribute, to_int(item)) for item in str(stored or "").split(","))
        return ", ".join(name for name in names if name)
    if kind in ("email", "phone"):
        return labelled(decode_json(stored))
    if kind == "date":
        return moments.long_date(stored) if stored else None
    if kind == "datetime":
        return moments.long_datetime(stored) if stored else None
    return None if stored is None else str(stored)


def option_name(store: Store, attribute: Row, stored: Json) -> str | None:
    """The name of the option or of the looked-up record, None when there is none."""
    table = attribute["lookup_type"] or "attribute_options"
    if table not in LOOKUP_TABLES and table != "attribute_options":
        return None
    row = store.get(table, stored)
    return None if row is None else row["name"]


def labelled(entries: Json) -> str | None:
    """`value (label), value (label)`."""
    if not isinstance(entries, list) or not entries:
        return None
    texts: list[str] = []
    for entry in entries:
        if "label" not in entry:
            raise ServerError
        texts.append(f"{entry['value']} ({entry['label']})")
    return ", ".join(texts)


def custom_values(store: Store, entity_type: str, entity_id: int) -> dict[str, Any]:
    """The stored values of the attributes added by users, by code: for the state page."""
    held = store.values[entity_type].get(entity_id, {})
    return {
        attribute["code"]: held.get(attribute["id"])
        for attribute in store.attributes_of(entity_type)
        if attribute["is_user_defined"] and held.get(attribute["id"]) is not None
    }
