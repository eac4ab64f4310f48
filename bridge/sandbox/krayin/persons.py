"""Persons (contract sections 6, 20.4, 20.5, 20.9)."""

from __future__ import annotations

from bridge.sandbox.http import Json, Response, json_response
from bridge.sandbox.krayin import forms, listing, mails, organizations, resources, search, values, workflows
from bridge.sandbox.krayin.collation import cut_characters, fold, php_json
from bridge.sandbox.krayin.context import Call, expected, found, is_empty, must_exist, to_int, to_text
from bridge.sandbox.krayin.errors import ServerError
from bridge.sandbox.krayin.store import Row

_NO_FILTERS = frozenset({"entity_type"})
_COLUMNS = ("name", "emails", "contact_numbers", "job_title", "user_id", "organization_id", "unique_id")


def index(call: Call) -> Response:
    return json_response(200, listing.answer(call, "persons", resources.person, no_filters=_NO_FILTERS))


def find(call: Call) -> Response:
    return json_response(200, search.answer(call, "persons", resources.person, own_rows_only=True))


def show(call: Call) -> Response:
    row = expected(call.store, "persons", call.id())
    return json_response(200, {"data": resources.person(call, row)})


def store(call: Call) -> Response:
    forms.check_entity(call, "persons")
    row = create(call, _with_numbers(call.data))
    snapshot = dict(row)
    workflows.fire(call, "contacts.person.create.after", "persons", row)
    data = {"data": resources.person(call, snapshot), "message": "Person created successfully."}
    return json_response(200, data)


def update(call: Call) -> Response:
    row_id = call.id()
    forms.check_entity(call, "persons", entity_id=row_id)
    row = _update(call, row_id, _with_numbers(call.data))
    snapshot = dict(row)
    workflows.fire(call, "contacts.person.update.after", "persons", row)
    data = {"data": resources.person(call, snapshot), "message": "Person updated successfully."}
    return json_response(200, data)


def destroy(call: Call) -> Response:
    """The refusal answers 500 with the success text, after values, activities and notes are gone."""
    row = expected(call.store, "persons", call.id())
    workflows.fire(call, "contacts.person.delete.before", "persons", row)
    try:
        delete(call, row["id"])
    except ServerError:
        return json_response(500, {"message": "Person deleted successfully."})
    return json_response(200, {"message": "Person deleted successfully."})


def mass_destroy(call: Call) -> Response:
    """Fires no webhook (the event has another name); the first refusal ends the whole call."""
    forms.require(call, forms.required(call, "indices"))
    for index_ in call.data["indices"]:
        row = call.store.get("persons", to_int(index_))
        if row is not None:
            delete(call, row["id"])
    return json_response(200, {"message": "Person deleted successfully."})


def attach_tag(call: Call) -> Response:
    row = expected(call.store, "persons", call.id())
    tag = expected(call.store, "tags", to_int(call.data.get("tag_id")))
    call.store.links["person_tags"].add(row["id"], tag["id"])
    return json_response(200, {"message": "Tag attached successfully."})


def detach_tag(call: Call) -> Response:
    row = expected(call.store, "persons", call.id())
    call.store.links["person_tags"].remove(row["id"], to_int(call.data.get("tag_id")) or 0)
    return json_response(200, {"message": "rest-api::app.contacts.persons.view.tags.destroy-success"})


def _with_numbers(data: Row) -> Row:
    """The REST controller reads `contact_numbers` without looking whether it is there."""
    if "contact_numbers" not in data:
        raise ServerError
    return {**data, "contact_numbers": _without_nulls(data["contact_numbers"] or [])}


def _without_nulls(numbers: Json) -> list[Json]:
    if not isinstance(numbers, list) or any(not isinstance(item, dict) or "value" not in item for item in numbers):
        raise ServerError
    # The gap an entry leaves stays a gap: code that reads the first entry fails when that one was null.
    if numbers and numbers[0]["value"] is None:
        raise ServerError
    return [item for item in numbers if item["value"] is not None]


def _sanitized(data: Row) -> Row:
    """Adds `unique_id`: owner, organization, first e-mail, and the first phone when phones are given."""
    data = dict(data)
    if "organization_id" in data and is_empty(data["organization_id"]):
        data["organization_id"] = None
    parts = [data.get("user_id"), data.get("organization_id"), _first_value(data.get("emails"))]
    data["unique_id"] = "|".join(str(part) for part in parts if not is_empty(part))
    if data.get("contact_numbers") is not None:
        data["contact_numbers"] = _without_nulls(data["contact_numbers"])
        if not data["contact_numbers"]:
            raise ServerError
        data["unique_id"] += f"|{data['contact_numbers'][0]['value']}"
    return data


def _first_value(entries: Json) -> Json:
    first = entries[0] if isinstance(entries, list) and entries else None
    return first.get("value") if isinstance(first, dict) else None


def create(call: Call, data: Row) -> Row:
    """Row, `system` activity, values: a failure on the way leaves what was written so far."""
    data = _sanitized(data)
    data = _with_organization(call, data)
    if "user_id" in data:
        data["user_id"] = None if is_empty(data["user_id"]) else data["user_id"]
    if data.get("emails") is None:
        raise ServerError
    columns = _columns(call, {"name": "", **data})
    _check_unique_id(call, columns["unique_id"])
    row = call.store.insert("persons", {**columns, "created_at": call.now, "updated_at": call.now})
    call.row_written("persons")
    values.log_created(call, "persons", row["id"])
    values.save_values(call, "persons", row["id"], data)
    return row


def _update(call: Call, row_id: int, data: Row) -> Row:
    data = _sanitized(data)
    data["user_id"] = None if is_empty(data.get("user_id")) else data["user_id"]
    data = _with_organization(call, data)
    row = found(call.store, "persons", row_id)
    if "emails" in data and data["emails"] is None:
        raise ServerError
    columns = _columns(call, data)
    _check_unique_id(call, columns["unique_id"], own_id=row_id)
    changed = {code: (row[code], value) for code, value in columns.items() if row[code] != value}
    if changed:
        call.store.update(row, {**columns, "updated_at": call.now})
        values.log_row(call, "persons", row_id, changed)
    values.save_values(call, "persons", row_id, data)
    return row


def _with_organization(call: Call, data: Row) -> Row:
    """The name wins over the id; it is no part of `unique_id`, which is already built."""
    name = data.get("organization_name")
    if is_empty(name):
        return data
    return {**data, "organization_id": organizations.find_or_create(call, to_text(name) or "")["id"]}


def _columns(call: Call, data: Row) -> Row:
    """The columns named in the data, as the database takes them; foreign keys are checked."""
    columns: Row = {}
    for code in _COLUMNS:
        if code not in data:
            continue
        value = data[code]
        if code in ("emails", "contact_numbers"):
            columns[code] = None if value is None else php_json(value)
        elif code in ("user_id", "organization_id"):
            columns[code] = to_int(value)
        else:
            text = to_text(value)
            columns[code] = None if text is None else cut_characters(text)
    if columns.get("name", "") is None:
        raise ServerError
    must_exist(call.store, "users", columns.get("user_id"))
    must_exist(call.store, "organizations", columns.get("organization_id"))
    return columns


def _check_unique_id(call: Call, unique_id: str, own_id: int | None = None) -> None:
    """The unique index ignores case; its refusal is a plain 500."""
    wanted = fold(unique_id)
    for row in call.store.rows("persons"):
        if row["id"] != own_id and row["unique_id"] is not None and fold(row["unique_id"]) == wanted:
            raise ServerError


def delete(call: Call, person_id: int) -> None:
    """The hooks take values and activities first; then the database refuses a person that still has leads."""
    database = call.store
    database.drop_values("persons", person_id)
    for activity_id in database.links["person_activities"].of(person_id):
        remove_activity(call, activity_id)
    if any(lead["person_id"] == person_id for lead in database.rows("leads")):
        raise ServerError
    database.links["person_tags"].drop_left(person_id)
    for participant in [row for row in database.rows("activity_participants") if row["person_id"] == person_id]:
        database.delete("activity_participants", participant["id"])
    mails.let_go(database, "person_id", person_id)
    database.delete("persons", person_id)


def remove_activity(call: Call, activity_id: int) -> None:
    """An activity with its links and participants; other records it was linked to lose it as well."""
    database = call.store
    for link in ("lead_activities", "person_activities"):
        database.links[link].drop_right(activity_id)
    for participant in resources.participants_of(call, activity_id):
        database.delete("activity_participants", participant["id"])
    database.delete("activities", activity_id)
