"""Validation: Krayin's attribute-driven forms and the few fixed rules of the other controllers (section 5, 8.3, 9).

Rules exist only for attribute codes that are present in the request; a missing key is never "required".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import datetime

from bridge.sandbox.krayin import moments
from bridge.sandbox.krayin.collation import Json, fold, php_json
from bridge.sandbox.krayin.context import Call
from bridge.sandbox.krayin.errors import Invalid, ServerError
from bridge.sandbox.krayin.schema import VALUE_COLUMN
from bridge.sandbox.krayin.store import Row
from bridge.sandbox.krayin.values import decode_json

Errors = dict[str, list[str]]

TAKEN = "The value has already been taken."

_DECIMAL = re.compile(r"\d*(\.\d{1,4})?")
_NUMERIC = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)*")
_ADDRESS_KEYS = ("address", "country", "state", "city", "postcode")


def check_entity(call: Call, entity_type: str, *, entity_id: int | None = None) -> None:
    """The form of persons and organizations. Raises `Invalid`."""
    form = _Form(call)
    form.add(entity_type, call.data, entity_id=entity_id)
    form.check()


def check_lead(call: Call, *, lead_id: int | None = None) -> None:
    """The form of leads with the nested person, whose errors are named `person.*`. Raises `Invalid`.

    A `person` that is no object crashes the validator: `ServerError`.
    """
    person = call.data.get("person")
    if person is not None and not isinstance(person, (dict, list)):
        raise ServerError
    form = _Form(call)
    form.add("leads", call.data, entity_id=lead_id)
    if isinstance(person, dict):
        form.add("persons", person, entity_id=person.get("id"), prefix="person.")
    form.check()


def require(call: Call, rules: Iterable[tuple[str, bool, str]]) -> None:
    """Fixed rules: `(field, holds, text)`. Raises `Invalid` with the texts of those that do not hold."""
    errors: Errors = {}
    for field, holds, text in rules:
        if not holds:
            errors.setdefault(field, []).append(text)
    if errors:
        raise Invalid(errors)


def filled(value: Json) -> bool:
    """Laravel's `required`: neither null nor empty text nor empty list."""
    return value is not None and value not in ("", [], {})


def required(call: Call, *fields: str) -> list[tuple[str, bool, str]]:
    return [(field, filled(call.data.get(field)), required_text(field)) for field in fields]


def required_text(field: str) -> str:
    return f"The {field.replace('_', ' ')} field is required."


def unique_name(call: Call, table: str, *, column: str = "name", own_id: int | None = None) -> tuple[str, bool, str]:
    """A rule: no other row of the table holds this value, by the database's collation."""
    wanted = fold(str(call.data.get(column) or ""))
    taken = any(row["id"] != own_id and fold(row[column] or "") == wanted for row in call.store.rows(table))
    return column, not wanted or not taken, f"The {column.replace('_', ' ')} has already been taken."


class _Form:
    """Collects rules in the order Laravel runs them: plain fields first, then those with a star."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._plain: list[Callable[[], object]] = []
        self._starred: list[Callable[[], object]] = []
        self._errors: Errors = {}

    def add(self, entity_type: str, data: Row, *, entity_id: Json, prefix: str = "") -> None:
        for attribute in self._call.store.attributes_of(entity_type):
            code = attribute["code"]
            if code in data and attribute["type"] != "boolean":
                self._add_one(attribute, data[code], f"{prefix}{code}", entity_id)

    def _add_one(self, attribute: Row, value: Json, name: str, entity_id: Json) -> None:
        if attribute["type"] == "address":
            if attribute["is_required"]:
                self._plain.append(lambda: self._address(value, name))
        elif attribute["type"] in ("email", "phone"):
            self._plain.append(lambda: self._presence(attribute, value, name))
            self._starred.append(lambda: self._entries(attribute, value, name, entity_id))
        else:
            self._plain.append(lambda: self._scalar(attribute, value, name, entity_id))

    def check(self) -> None:
        for rule in (*self._plain, *self._starred):
            rule()
        if self._errors:
            raise Invalid(self._errors)

    def _fail(self, name: str, text: str) -> None:
        self._errors.setdefault(name, []).append(text)

    def _presence(self, attribute: Row, value: Json, name: str) -> bool:
        if attribute["is_required"] and not filled(value):
            self._fail(name, required_text(name))
            return False
        return filled(value)

    def _address(self, value: Json, name: str) -> None:
        held = value if isinstance(value, dict) else {}
        for key in _ADDRESS_KEYS:
            if not filled(held.get(key)):
                self._fail(f"{name}.{key}", required_text(f"{name}.{key}"))

    def _scalar(self, attribute: Row, value: Json, name: str, entity_id: Json) -> None:
        if not self._presence(attribute, value, name):
            return
        for text in _type_errors(self._call, attribute, value, name):
            self._fail(name, text)
        if attribute["is_unique"] and not self._is_unique(attribute, value, entity_id):
            self._fail(name, TAKEN)

    def _entries(self, attribute: Row, value: Json, name: str, entity_id: Json) -> None:
        entries = value if isinstance(value, list) else []
        for index, entry in enumerate(entries):
            held = entry if isinstance(entry, dict) else {}
            content, field = held.get("value"), f"{name}.{index}.value"
            if self._presence(attribute, content, field):
                if attribute["type"] == "email" and not _EMAIL.fullmatch(str(content)):
                    self._fail(field, f"The {field} must be a valid email address.")
                if attribute["is_unique"] and not self._is_unique(attribute, content, entity_id):
                    self._fail(field, TAKEN)
            self._presence(attribute, held.get("label"), f"{name}.{index}.label")

    def _is_unique(self, attribute: Row, value: Json, entity_id: Json) -> bool:
        """A query on the attribute values: exact inside JSON, by the collation for texts (section 5)."""
        if isinstance(value, (dict, list)):
            raise ServerError
        column = VALUE_COLUMN[attribute["type"]]
        wanted = str(value)
        held_by_others = (
            held[attribute["id"]]
            for owner, held in self._call.store.values[attribute["entity_type"]].items()
            if str(owner) != str(entity_id) and held.get(attribute["id"]) is not None
        )
        if column == "json_value":
            written = php_json(wanted)
            return not any(written in stored and _holds_entry(stored, wanted) for stored in held_by_others)
        folded = fold(wanted)
        return not any(fold(str(stored)) == folded for stored in held_by_others)


def _holds_entry(stored: str, wanted: str) -> bool:
    entries = decode_json(stored)
    return any(isinstance(entry, dict) and entry.get("value") == wanted for entry in entries)


def _type_errors(call: Call, attribute: Row, value: Json, name: str) -> Iterable[str]:
    kind, rule, text = attribute["type"], attribute["validation"], str(value)
    if kind == "price" or (kind == "text" and rule == "decimal"):
        if isinstance(value, (dict, list)) or not _DECIMAL.fullmatch(text):
            yield f"The {name} must be a decimal."
    elif kind == "text" and rule == "numeric" and not _NUMERIC.fullmatch(text):
        yield f"The {name} must be a number."
    elif kind == "text" and rule == "email" and not _EMAIL.fullmatch(text):
        yield f"The {name} must be a valid email address."
    if attribute["code"] == "expected_close_date" and attribute["entity_type"] == "leads":
        yield from _close_date_errors(call, value)


def _close_date_errors(call: Call, value: Json) -> Iterable[str]:
    yesterday = call.crm.moments.yesterday()
    try:
        datetime.strptime(str(value), "%Y-%m-%d")
    except ValueError:
        yield "The expected close date does not match the format Y-m-d."
    try:
        later = moments.parse(value).date() > yesterday
    except ValueError:
        later = False
    if not later:
        yield f"The expected close date must be a date after {yesterday.isoformat()}."
