"""Activities: notes, calls, meetings and the automatic entries (contract sections 9 and 20.6)."""

from __future__ import annotations

import json

from bridge.sandbox.http import Json, Response, json_response
from bridge.sandbox.krayin import forms, listing, moments, persons, resources, workflows
from bridge.sandbox.krayin.collation import cut_bytes, cut_characters
from bridge.sandbox.krayin.context import Call, expected, found, is_empty, must_exist, to_int, to_text
from bridge.sandbox.krayin.errors import ServerError, is_ajax, redirect
from bridge.sandbox.krayin.store import Row

_WITHOUT_DATES = ("note", "file")
_CREATED = ("title", "type", "comment", "additional", "schedule_from", "schedule_to", "location", "is_done", "user_id")


def index(call: Call) -> Response:
    return json_response(200, listing.answer(call, "activities", resources.activity))


def of_lead(call: Call) -> Response:
    return _linked(call, "lead_activities")


def of_person(call: Call) -> Response:
    return _linked(call, "person_activities")


def _linked(call: Call, link: str) -> Response:
    """Everything, newest first; an unknown record has an empty list."""
    rows = [call.store.tables["activities"][row_id] for row_id in call.store.links[link].of(call.id())]
    rows.sort(key=lambda row: (row["created_at"], row["id"]), reverse=True)
    return json_response(200, {"data": [resources.activity(call, row) for row in rows]})


def show(call: Call) -> Response:
    row = found(call.store, "activities", call.id())
    return json_response(200, {"data": resources.activity(call, row)})


def store(call: Call) -> Response:
    _check_new(call)
    if call.data["type"] == "meeting" and _overlaps(call):
        if is_ajax(call.request):
            return json_response(400, {"message": "Os participantes têm outra reunião neste horário."})
        return redirect(call.crm.site)
    done = 1 if call.data["type"] == "note" else 0
    columns = _columns({**call.data, "is_done": done, "user_id": call.user["id"]})
    row = call.store.insert("activities", {**columns, "created_at": call.now, "updated_at": call.now})
    _add_participants(call, row["id"])
    _link(call, row["id"])
    workflows.fire(call, "activity.create.after", "activities", row)
    data = {"data": resources.activity(call, row), "message": "Activity created successfully."}
    return json_response(200, data)


def update(call: Call) -> Response:
    """No validation; only the keys that are sent change. Fires its event also when nothing changed."""
    row = found(call.store, "activities", call.id())
    columns = _columns(call.data)
    must_exist(call.store, "users", columns.get("user_id"))
    if any(row[code] != value for code, value in columns.items()):
        call.store.update(row, {**columns, "updated_at": call.now})
    if "participants" in call.data:
        for participant in resources.participants_of(call, row["id"]):
            call.store.delete("activity_participants", participant["id"])
        _add_participants(call, row["id"])
    _link(call, row["id"])
    snapshot = dict(row)
    workflows.fire(call, "activity.update.after", "activities", row)
    sent: Row = {code: call.data[code] for code in ("title", "comment") if code in call.data}
    data = {"data": resources.activity(call, snapshot, sent), "message": "Atividade atualizada com sucesso."}
    return json_response(200, data)


def destroy(call: Call) -> Response:
    row = found(call.store, "activities", call.id())
    workflows.fire(call, "activity.delete.before", "activities", row)
    persons.remove_activity(call, row["id"])
    return json_response(200, {"message": "Atividade deletada com sucesso."})


def mass_update(call: Call) -> Response:
    forms.require(call, forms.required(call, "indices", "value"))
    done = to_int(call.data["value"])
    for index_ in call.data["indices"]:
        row = call.store.get("activities", to_int(index_))
        if row is None:
            continue
        if row["is_done"] != done:
            call.store.update(row, {"is_done": done, "updated_at": call.now})
        workflows.fire(call, "activity.update.after", "activities", row)
    return json_response(200, {"message": "Atividades atualizadas com sucesso."})


def mass_destroy(call: Call) -> Response:
    forms.require(call, forms.required(call, "indices"))
    for index_ in call.data["indices"]:
        row = call.store.get("activities", to_int(index_))
        if row is not None:
            workflows.fire(call, "activity.delete.before", "activities", row)
            persons.remove_activity(call, row["id"])
    return json_response(200, {"message": "Atividade deletada com sucesso."})


def _check_new(call: Call) -> None:
    data = call.data
    kind = data.get("type")
    dates = [
        (field, kind in _WITHOUT_DATES or forms.filled(data.get(field)), _dates_text(field))
        for field in ("schedule_from", "schedule_to")
    ]
    comment = kind != "note" or forms.filled(data.get("comment"))
    # Uploads are no part of the simulator, so a `file` activity never has what it needs.
    rules = [
        *forms.required(call, "type"),
        ("comment", comment, "The comment field is required when type is note."),
        *dates,
        ("file", kind != "file", "The file field is required when type is file."),
    ]
    forms.require(call, rules)


def _dates_text(field: str) -> str:
    return f"The {field.replace('_', ' ')} field is required unless type is in note, file."


def _columns(data: Row) -> Row:
    """The columns named in the data, as the database takes them. Arrays and unreadable dates end as 500."""
    return {code: _column(code, data[code]) for code in _CREATED if code in data}


def _column(code: str, value: Json) -> Json:
    if code in ("is_done", "user_id"):
        return to_int(value)
    text = to_text(value)
    if text is None:
        return None
    if code == "comment":
        return cut_bytes(text)
    if code == "additional":
        return _json_text(text)
    if code in ("schedule_from", "schedule_to"):
        try:
            return moments.stored_datetime(text)
        except ValueError as error:
            raise ServerError from error
    return cut_characters(text)


def _json_text(text: str) -> str:
    """The column only takes JSON."""
    try:
        json.loads(text)
    except ValueError as error:
        raise ServerError from error
    return text


def _add_participants(call: Call, activity_id: int) -> None:
    participants = call.data.get("participants")
    if not isinstance(participants, dict):
        return
    for key, table, column in (("users", "users", "user_id"), ("persons", "persons", "person_id")):
        for row_id in participants.get(key) or []:
            must_exist(call.store, table, to_int(row_id))
            call.store.insert("activity_participants", {"activity_id": activity_id, column: to_int(row_id)})


def _link(call: Call, activity_id: int) -> None:
    """One link per call, the lead before the person. An unknown one fails after the activity was written."""
    for key, table, link in (("lead_id", "leads", "lead_activities"), ("person_id", "persons", "person_activities")):
        wanted = call.data.get(key)
        if not is_empty(wanted):
            call.store.links[link].add(expected(call.store, table, to_int(wanted))["id"], activity_id)
            call.store.dirty = True
            return


def _overlaps(call: Call) -> bool:
    """Whether a participant already has something in these hours; without participants anything counts."""
    try:
        begin, end = (moments.stored_datetime(call.data[field]) for field in ("schedule_from", "schedule_to"))
    except ValueError:
        return False
    named = call.data.get("participants")
    users = {to_int(row_id) for row_id in (named or {}).get("users") or []} if isinstance(named, dict) else set()
    people = {to_int(row_id) for row_id in (named or {}).get("persons") or []} if isinstance(named, dict) else set()
    for row in call.store.rows("activities"):
        if row["schedule_from"] is None or row["schedule_to"] is None:
            continue
        if not (row["schedule_from"] <= begin <= row["schedule_to"] or begin <= row["schedule_from"] <= end):
            continue
        if named is None:
            return True
        held = resources.participants_of(call, row["id"])
        if any(item["user_id"] in users or item["person_id"] in people for item in held):
            return True
    return False
