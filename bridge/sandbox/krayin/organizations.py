"""Organizations (contract section 7)."""

from __future__ import annotations

from bridge.sandbox.http import Json, Response, json_response
from bridge.sandbox.krayin import forms, listing, resources
from bridge.sandbox.krayin.collation import cut_characters, fold, php_json
from bridge.sandbox.krayin.context import Call, expected, found, must_exist, to_int, to_text
from bridge.sandbox.krayin.errors import ServerError
from bridge.sandbox.krayin.store import Row
from bridge.sandbox.krayin.values import save_values

_NO_FILTERS = frozenset({"entity_type"})


def index(call: Call) -> Response:
    return json_response(200, listing.answer(call, "organizations", resources.organization, no_filters=_NO_FILTERS))


def show(call: Call) -> Response:
    row = expected(call.store, "organizations", call.id())
    return json_response(200, {"data": resources.organization(call, row)})


def store(call: Call) -> Response:
    forms.check_entity(call, "organizations")
    row = create(call, call.data)
    sent = {"name": call.data.get("name")}
    data = {"data": resources.organization(call, row, sent), "message": "Organization created successfully."}
    return json_response(200, data)


def update(call: Call) -> Response:
    row_id = call.id()
    forms.check_entity(call, "organizations", entity_id=row_id)
    row = found(call.store, "organizations", row_id)
    changes = {code: value for code, value in _columns(call, call.data).items() if code in call.data}
    _check_unique(call, changes.get("name"), own_id=row_id)
    if any(row[code] != value for code, value in changes.items()):
        call.store.update(row, {**changes, "updated_at": call.now})
    save_values(call, "organizations", row_id, call.data)
    data = {"data": resources.organization(call, row), "message": "Organization updated successfully."}
    return json_response(200, data)


def destroy(call: Call) -> Response:
    """Unknown ids answer 200 with a failure text (contract section 2)."""
    done = _delete(call, call.id())
    text = "Organization deleted successfully." if done else "Organization delete failed."
    return json_response(200, {"data": {"message": text}})


def mass_destroy(call: Call) -> Response:
    forms.require(call, forms.required(call, "indices"))
    for index_ in call.data["indices"]:
        _delete(call, to_int(index_) or 0)
    return json_response(200, {"data": {"message": "Organization deleted successfully."}})


def create(call: Call, data: Row) -> Row:
    """A row first, its values after it. The name is unique in the database, an absent one is stored as empty."""
    columns = _columns(call, data)
    _check_unique(call, columns["name"])
    row = call.store.insert("organizations", {**columns, "created_at": call.now, "updated_at": call.now})
    call.row_written("organizations")
    save_values(call, "organizations", row["id"], data)
    return row


def find_or_create(call: Call, name: str) -> Row:
    """By name, case and accents ignored."""
    wanted = fold(name)
    for row in call.store.rows("organizations"):
        if fold(row["name"]) == wanted:
            return row
    return create(call, {"name": name})


def _columns(call: Call, data: Row) -> Row:
    address: Json = data.get("address")
    owner = to_int(data.get("user_id") or None)
    must_exist(call.store, "users", owner)
    return {
        "name": cut_characters(to_text(data.get("name")) or ""),
        "address": None if address is None else php_json(address),
        "user_id": owner,
    }


def _check_unique(call: Call, name: str | None, own_id: int | None = None) -> None:
    if name is None:
        return
    wanted = fold(name)
    if any(row["id"] != own_id and fold(row["name"]) == wanted for row in call.store.rows("organizations")):
        raise ServerError


def _delete(call: Call, row_id: int) -> bool:
    if call.store.get("organizations", row_id) is None:
        return False
    for person in call.store.rows("persons"):
        if person["organization_id"] == row_id:
            call.store.update(person, {"organization_id": None})
    call.store.drop_values("organizations", row_id)
    call.store.delete("organizations", row_id)
    return True
