"""Leads: lists, writes and the ways to change a stage (contract sections 8, 20.4, 20.7)."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from bridge.sandbox.http import Json, Response, json_response
from bridge.sandbox.krayin import forms, listing, mails, moments, persons, resources, search, values, workflows
from bridge.sandbox.krayin.collation import cut_bytes, cut_characters, to_number
from bridge.sandbox.krayin.context import Call, expected, found, is_empty, must_exist, to_int, to_text
from bridge.sandbox.krayin.errors import NotFound, ServerError
from bridge.sandbox.krayin.store import Row

_NO_FILTERS = frozenset({"entity_type"})
_CLOSING = ("won", "lost")
_NOT_EDITED = ("title", "description")
_FOREIGN = {
    "user_id": "users",
    "person_id": "persons",
    "lead_source_id": "lead_sources",
    "lead_type_id": "lead_types",
    "lead_pipeline_id": "lead_pipelines",
    "lead_pipeline_stage_id": "lead_pipeline_stages",
}
_LARGEST_VALUE = Decimal("99999999.9999")
_FIELDS = ("title", "description", "lead_value", "status", "lost_reason", "expected_close_date", "closed_at", *_FOREIGN)


def index(call: Call) -> Response:
    return json_response(200, listing.answer(call, "leads", resources.lead, no_filters=_NO_FILTERS))


def find(call: Call) -> Response:
    return json_response(200, search.answer(call, "leads", resources.lead, own_rows_only=True))


def show(call: Call) -> Response:
    row = found(call.store, "leads", call.id())
    return json_response(200, {"data": resources.lead(call, row)})


def store(call: Call) -> Response:
    forms.check_lead(call)
    data = _with_stage({**call.data, "status": 1}, call)
    stage = expected(call.store, "lead_pipeline_stages", to_int(data["lead_pipeline_stage_id"]))
    if stage["code"] in _CLOSING:
        data["closed_at"] = call.now
    row = _create(call, data)
    snapshot = dict(row)
    workflows.fire(call, "lead.create.after", "leads", row)
    return _answer(call, snapshot, _repeated(data), "Lead created successfully.")


def update(call: Call) -> Response:
    lead_id = call.id()
    forms.check_lead(call, lead_id=lead_id)
    data = _with_stage(dict(call.data), call)
    return _updated(call, lead_id, data, attributes=None, way="put")


def edit_attributes(call: Call) -> Response:
    """No validation. Title and description change in the row but not in the attribute values."""
    lead_id = call.id()
    attributes = [row for row in call.store.attributes_of("leads") if row["code"] not in _NOT_EDITED]
    return _updated(call, lead_id, dict(call.data), attributes=attributes, way="attributes/edit")


def edit_stage(call: Call) -> Response:
    lead_id = call.id()
    stage_id = call.data.get("lead_pipeline_stage_id")
    known = isinstance(stage_id, (int, str)) and call.store.get("lead_pipeline_stages", to_int(stage_id))
    field = "lead_pipeline_stage_id"
    forms.require(call, forms.required(call, field))
    forms.require(call, [(field, bool(known), "The selected lead pipeline stage id is invalid.")])
    row = found(call.store, "leads", lead_id)
    pipeline = expected(call.store, "lead_pipelines", row["lead_pipeline_id"])
    stage = found(call.store, "lead_pipeline_stages", to_int(stage_id) or 0)
    if stage["lead_pipeline_id"] != pipeline["id"]:
        raise NotFound
    attribute = call.store.attribute("leads", field)
    chosen = [attribute] if attribute is not None else []
    return _updated(call, lead_id, {field: stage["id"]}, attributes=chosen, way="stage/edit")


def mass_update(call: Call) -> Response:
    """Only the column: no event, no history in Krayin, no `closed_at`, no pipeline, no attribute value."""
    forms.require(call, forms.required(call, "indices", "value"))
    stage_id = to_int(call.data["value"])
    for index_ in call.data["indices"]:
        row = call.store.get("leads", to_int(index_))
        if row is None:
            continue
        must_exist(call.store, "lead_pipeline_stages", stage_id)
        if row["lead_pipeline_stage_id"] != stage_id:
            _note_stage(call, row, stage_id, "mass-update")
            call.store.update(row, {"lead_pipeline_stage_id": stage_id, "updated_at": call.now})
    return json_response(200, {"data": {"message": "Lead updated successfully."}})


def destroy(call: Call) -> Response:
    row = found(call.store, "leads", call.id())
    workflows.fire(call, "lead.delete.before", "leads", row)
    delete(call, row["id"])
    return json_response(200, {"data": {"message": "Lead deleted successfully."}})


def mass_destroy(call: Call) -> Response:
    forms.require(call, forms.required(call, "indices"))
    for index_ in call.data["indices"]:
        row = call.store.get("leads", to_int(index_))
        if row is not None:
            workflows.fire(call, "lead.delete.before", "leads", row)
            delete(call, row["id"])
    return json_response(200, {"data": {"message": "Lead deleted successfully."}})


def attach_tag(call: Call) -> Response:
    row = expected(call.store, "leads", call.id())
    tag = expected(call.store, "tags", to_int(call.data.get("tag_id")))
    call.store.links["lead_tags"].add(row["id"], tag["id"])
    return json_response(200, {"data": {"message": "Tag attached successfully."}})


def detach_tag(call: Call) -> Response:
    row = expected(call.store, "leads", call.id())
    call.store.links["lead_tags"].remove(row["id"], to_int(call.data.get("tag_id")) or 0)
    return json_response(200, {"data": {"message": "Tag detached successfully."}})


def delete(call: Call, lead_id: int) -> None:
    """With values, product rows, tag links and every linked activity, whoever else it was linked to."""
    database = call.store
    database.drop_values("leads", lead_id)
    for activity_id in database.links["lead_activities"].of(lead_id):
        persons.remove_activity(call, activity_id)
    database.links["lead_tags"].drop_left(lead_id)
    for product in [row for row in database.rows("lead_products") if row["lead_id"] == lead_id]:
        database.delete("lead_products", product["id"])
    mails.let_go(database, "lead_id", lead_id)
    database.delete("leads", lead_id)


def _with_stage(data: Row, call: Call) -> Row:
    """The pipeline of the stage replaces whatever was sent; an absent stage key is a 500, an unknown stage a 404."""
    if "lead_pipeline_stage_id" not in data:
        raise ServerError
    if is_empty(data["lead_pipeline_stage_id"]):
        pipeline = _default_pipeline(call)
        first = resources.stages_of(call, pipeline["id"])[0]
        return {**data, "lead_pipeline_id": pipeline["id"], "lead_pipeline_stage_id": first["id"]}
    stage = found(call.store, "lead_pipeline_stages", to_int(data["lead_pipeline_stage_id"]) or 0)
    return {**data, "lead_pipeline_id": stage["lead_pipeline_id"]}


def _default_pipeline(call: Call) -> Row:
    rows = list(call.store.rows("lead_pipelines"))
    return next((row for row in rows if row["is_default"]), rows[0])


def _create(call: Call, data: Row) -> Row:
    """Person first, then row, then values: nothing is rolled back."""
    data = _with_person(call, data, person_wins=True)
    columns = {"title": "", **_columns(call, _with_date(data))}
    row = call.store.insert("leads", {**columns, "created_at": call.now, "updated_at": call.now})
    call.row_written("leads")
    _note_stage(call, {**row, "lead_pipeline_stage_id": None}, row["lead_pipeline_stage_id"], "create")
    values.log_created(call, "leads", row["id"])
    values.save_values(call, "leads", row["id"], _with_date(data))
    for item in _product_list(data.get("products")):
        _add_product(call, row["id"], item)
    return row


def _with_person(call: Call, data: Row, *, person_wins: bool) -> Row:
    person = data.get("person")
    if person is None:
        return data
    held = person if isinstance(person, dict) else {}
    if not is_empty(held.get("id")):
        row = found(call.store, "persons", to_int(held["id"]) or 0)
    else:
        row = persons.create(call, held)
    return {**data, "person_id": row["id"]} if person_wins else {"person_id": row["id"], **data}


def _with_date(data: Row) -> Row:
    """Every write through the repository that lacks the close date clears it."""
    return {**data, "expected_close_date": data.get("expected_close_date") or None}


def _updated(call: Call, lead_id: int, data: Row, *, attributes: list[Row] | None, way: str) -> Response:
    row = _update(call, lead_id, data, attributes=attributes, way=way)
    snapshot = dict(row)
    workflows.fire(call, "lead.update.after", "leads", row)
    return _answer(call, snapshot, _repeated(data), "Lead updated successfully.")


def _update(call: Call, lead_id: int, data: Row, *, attributes: list[Row] | None, way: str) -> Row:
    data = _with_person(call, data, person_wins=False)
    if data.get("lead_pipeline_stage_id") is not None:
        stage = expected(call.store, "lead_pipeline_stages", to_int(data["lead_pipeline_stage_id"]))
        data = {**data, "closed_at": (data.get("closed_at") or call.now) if stage["code"] in _CLOSING else None}
    else:
        data.pop("closed_at", None)
    data = _with_date(data)
    row = found(call.store, "leads", lead_id)
    columns = _columns(call, data)
    changed = {code: (row[code], value) for code, value in columns.items() if _is_dirty(row, code, value, data)}
    if changed:
        _note_stage(call, row, columns.get("lead_pipeline_stage_id", row["lead_pipeline_stage_id"]), way)
        call.store.update(row, {**columns, "updated_at": call.now})
        values.log_row(call, "leads", lead_id, changed)
    values.save_values(call, "leads", lead_id, data, attributes)
    if attributes is None:
        _replace_products(call, lead_id, data.get("products"))
    return row


def _is_dirty(row: Row, code: str, value: Json, data: Row) -> bool:
    """Laravel compares what is sent with the stored text: 2500 and "2500.0000" differ (section 20.8)."""
    if code == "lead_value" and value is not None:
        return str(data[code]) != str(row[code])
    if code in ("title", "description"):
        return bool(to_text(data[code]) != row[code])
    return bool(row[code] != value)


def _columns(call: Call, data: Row) -> Row:
    """The columns named in the data, as the database takes them; foreign keys and dates are checked."""
    columns = {code: _column(code, data[code]) for code in _FIELDS if code in data}
    for code, table in _FOREIGN.items():
        must_exist(call.store, table, columns.get(code))
    return columns


def _column(code: str, value: Json) -> Json:
    if code in _FOREIGN or code == "status":
        return to_int(value)
    text = to_text(value)
    if text is None:
        return None
    if code == "lead_value":
        return _decimal(text)
    if code == "title":
        return cut_characters(text)
    if code in ("description", "lost_reason"):
        return cut_bytes(text)
    try:
        return moments.stored_date(text) if code == "expected_close_date" else moments.stored_datetime(text)
    except ValueError as error:
        raise ServerError from error


def _decimal(text: str) -> str:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite():
        amount = Decimal(str(to_number(text)))
    return f"{max(-_LARGEST_VALUE, min(_LARGEST_VALUE, amount)):.4f}"


def _repeated(data: Row) -> Row:
    return {code: data[code] for code in ("title", "description", "lead_value") if code in data}


def _answer(call: Call, row: Row, sent: Row, message: str) -> Response:
    return json_response(200, {"data": resources.lead(call, row, sent), "message": message})


def _note_stage(call: Call, row: Row, stage_id: int | None, way: str) -> None:
    """The simulator's own record of stage changes; Krayin keeps none that REST could read."""
    if row["lead_pipeline_stage_id"] == stage_id:
        return
    call.store.note(
        "stage_changes",
        {"lead_id": row["id"], "from": row["lead_pipeline_stage_id"], "to": stage_id, "way": way, "at": call.now},
    )


def _product_list(products: Json) -> list[Row]:
    items = products.values() if isinstance(products, dict) else products or []
    return [item for item in items if isinstance(item, dict)]


def _add_product(call: Call, lead_id: int, item: Row) -> None:
    product = expected(call.store, "products", to_int(item.get("product_id")))
    price, quantity = _decimal(str(item.get("price") or 0)), to_int(item.get("quantity")) or 0
    call.store.insert(
        "lead_products",
        {
            "lead_id": lead_id,
            "product_id": product["id"],
            "quantity": quantity,
            "price": price,
            "amount": _decimal(str(Decimal(price) * quantity)),
            "created_at": call.now,
            "updated_at": call.now,
        },
    )


def _replace_products(call: Call, lead_id: int, products: Json) -> None:
    """PUT deletes every product row that is not sent again under its id."""
    sent = products if isinstance(products, dict) else {}
    kept = {to_int(key) for key in sent if str(key).isdigit()}
    for row in [item for item in call.store.rows("lead_products") if item["lead_id"] == lead_id]:
        if row["id"] not in kept:
            call.store.delete("lead_products", row["id"])
    for key, item in sent.items():
        if "product_" in str(key):
            _add_product(call, lead_id, item)


def put_product(call: Call) -> Response:
    lead = expected(call.store, "leads", call.id("lead_id"))
    _drop_product(call, lead["id"])
    _add_product(call, lead["id"], call.data)
    row = list(call.store.rows("lead_products"))[-1]
    return json_response(200, {"data": dict(row), "message": "Lead updated successfully."})


def delete_product(call: Call) -> Response:
    _drop_product(call, call.id("lead_id"))
    return json_response(200, {"data": {"message": "Lead deleted successfully."}})


def _drop_product(call: Call, lead_id: int) -> None:
    product_id = to_int(call.data.get("product_id"))
    for row in list(call.store.rows("lead_products")):
        if row["lead_id"] == lead_id and row["product_id"] == product_id:
            call.store.delete("lead_products", row["id"])


def kanban(call: Call) -> Response:
    """Leads by stage of one pipeline, ten per stage; the path parameter is not looked at."""
    wanted = call.query.get("pipeline_id")
    pipeline = expected(call.store, "lead_pipelines", to_int(wanted)) if wanted else _default_pipeline(call)
    return json_response(
        200, {"data": [_column_of(call, stage) for stage in resources.stages_of(call, pipeline["id"])]}
    )


def _column_of(call: Call, stage: Row) -> Row:
    leads = [
        row
        for row in call.store.rows("leads")
        if row["lead_pipeline_stage_id"] == stage["id"] and row["lead_pipeline_id"] == stage["lead_pipeline_id"]
    ]
    amounts = [Decimal(row["lead_value"]) for row in leads if row["lead_value"] is not None]
    shown = leads[:10]
    meta = {
        "current_page": 1,
        "from": 1 if shown else None,
        "last_page": max(1, -(-len(leads) // 10)),
        "per_page": 10,
        "to": len(shown) or None,
        "total": len(leads),
    }
    return {
        **resources.stage(stage, f"{sum(amounts):.4f}" if amounts else 0),
        "leads": {"data": [resources.lead(call, row) for row in shown], "meta": meta},
    }
