"""Settings: sources, types, tags, pipelines, attributes (contract sections 10 and 11)."""

from __future__ import annotations

import re
from collections.abc import Callable

from bridge.sandbox.http import Response, json_response
from bridge.sandbox.krayin import forms, listing, resources, search
from bridge.sandbox.krayin.collation import fold
from bridge.sandbox.krayin.context import Call, expected, found, to_int, to_text
from bridge.sandbox.krayin.errors import ServerError
from bridge.sandbox.krayin.listing import Shape
from bridge.sandbox.krayin.schema import VALUE_COLUMN
from bridge.sandbox.krayin.store import Row

Handler = Callable[[Call], Response]

_CODE = re.compile(r"[a-zA-Z]+[a-zA-Z0-9_]+")
_BAD_CODE = "O campo deve ser um código válido."


def _message(text: str) -> Response:
    return json_response(200, {"data": {"message": text}})


class NamedRecords:
    """Sources, types and tags: records with a unique name. `used_by` names the lead column that points here."""

    def __init__(self, table: str, title: str, shape: Shape, used_by: str | None = None) -> None:
        self.table = table
        self.title = title
        self.shape = shape
        self.used_by = used_by

    def index(self, call: Call) -> Response:
        return json_response(200, listing.answer(call, self.table, self.shape))

    def find(self, call: Call) -> Response:
        return json_response(200, search.answer(call, self.table, self.shape))

    def show(self, call: Call) -> Response:
        return json_response(200, {"data": self.shape(call, expected(call.store, self.table, call.id()))})

    def store(self, call: Call) -> Response:
        forms.require(call, [*forms.required(call, "name"), forms.unique_name(call, self.table)])
        row = call.store.insert(
            self.table,
            {**self._columns(call), "user_id": call.user["id"], "created_at": call.now, "updated_at": call.now},
        )
        return self._answer(call, row, "created")

    def update(self, call: Call) -> Response:
        row_id = call.id()
        forms.require(call, [*forms.required(call, "name"), forms.unique_name(call, self.table, own_id=row_id)])
        row = found(call.store, self.table, row_id)
        call.store.update(row, {**self._columns(call), "updated_at": call.now})
        return self._answer(call, row, "updated")

    def destroy(self, call: Call) -> Response:
        row = found(call.store, self.table, call.id())
        if self.used_by:
            for lead in call.store.rows("leads"):
                if lead[self.used_by] == row["id"]:
                    call.store.update(lead, {self.used_by: None})
        for link in ("lead_tags", "person_tags"):
            if self.table == "tags":
                call.store.links[link].drop_right(row["id"])
        call.store.delete(self.table, row["id"])
        return _message(f"{self.title} deleted successfully.")

    def _columns(self, call: Call) -> Row:
        columns: Row = {"name": to_text(call.data["name"])}
        if self.table == "tags" and "color" in call.data:
            columns["color"] = to_text(call.data["color"])
        return columns

    def _answer(self, call: Call, row: Row, verb: str) -> Response:
        return json_response(200, {"data": self.shape(call, row), "message": f"{self.title} {verb} successfully."})


sources = NamedRecords("lead_sources", "Source", resources.named, "lead_source_id")
types = NamedRecords("lead_types", "Type", resources.named, "lead_type_id")
tags = NamedRecords("tags", "Tag", resources.tag)


def pipeline_index(call: Call) -> Response:
    return json_response(200, listing.answer(call, "lead_pipelines", resources.pipeline))


def pipeline_show(call: Call) -> Response:
    return json_response(200, {"data": resources.pipeline(call, expected(call.store, "lead_pipelines", call.id()))})


def pipeline_store(call: Call) -> Response:
    _check_pipeline(call, None)
    row = call.store.insert(
        "lead_pipelines", {**_pipeline_columns(call), "created_at": call.now, "updated_at": call.now}
    )
    _make_default(call, row)
    for stage in _sent_stages(call).values():
        _insert_stage(call, row["id"], stage)
    data = {"data": resources.pipeline(call, row), "message": "Pipeline created successfully."}
    return json_response(200, data)


def pipeline_update(call: Call) -> Response:
    """Stages that are not sent again are deleted; their leads keep no stage."""
    row_id = call.id()
    _check_pipeline(call, row_id)
    row = found(call.store, "lead_pipelines", row_id)
    call.store.update(row, {**_pipeline_columns(call), "updated_at": call.now})
    _make_default(call, row)
    sent = _sent_stages(call)
    for stage in resources.stages_of(call, row_id):
        if str(stage["id"]) not in sent:
            _delete_stage(call, stage["id"])
    for key, stage in sent.items():
        held = call.store.get("lead_pipeline_stages", to_int(key)) if key.isdigit() else None
        if held is None:
            _insert_stage(call, row_id, stage)
        else:
            call.store.update(held, {**held, **_stage_columns(stage)})
    data = {"data": resources.pipeline(call, row), "message": "Pipeline updated successfully."}
    return json_response(200, data)


def pipeline_destroy(call: Call) -> Response:
    """Its leads move to the first stage of the default pipeline, which itself cannot be deleted."""
    row = found(call.store, "lead_pipelines", call.id())
    if row["is_default"]:
        return json_response(400, {"data": {"message": "Default pipeline can not be deleted."}})
    default = next(item for item in call.store.rows("lead_pipelines") if item["is_default"])
    first = resources.stages_of(call, default["id"])[0]
    for lead in call.store.rows("leads"):
        if lead["lead_pipeline_id"] == row["id"]:
            call.store.update(lead, {"lead_pipeline_id": default["id"], "lead_pipeline_stage_id": first["id"]})
    for stage in resources.stages_of(call, row["id"]):
        _delete_stage(call, stage["id"])
    call.store.delete("lead_pipelines", row["id"])
    return _message("Pipeline deleted successfully.")


def _check_pipeline(call: Call, own_id: int | None) -> None:
    stages = list(_sent_stages(call).values())
    names = [fold(str(stage.get("name") or "")) for stage in stages]
    codes = [fold(str(stage.get("code") or "")) for stage in stages]
    rules = [
        *forms.required(call, "name", "rotten_days"),
        forms.unique_name(call, "lead_pipelines", own_id=own_id),
        ("stages", len(set(names)) == len(names) and len(set(codes)) == len(codes), "The stages must be unique."),
    ]
    forms.require(call, rules)


def _sent_stages(call: Call) -> dict[str, Row]:
    stages = call.data.get("stages")
    pairs = stages.items() if isinstance(stages, dict) else enumerate(stages or [])
    return {str(key): stage for key, stage in pairs if isinstance(stage, dict)}


def _pipeline_columns(call: Call) -> Row:
    # The mere presence of the key makes a pipeline the default one (contract section 11).
    return {
        "name": to_text(call.data["name"]),
        "rotten_days": to_int(call.data["rotten_days"]),
        "is_default": 1 if "is_default" in call.data else 0,
    }


def _make_default(call: Call, row: Row) -> None:
    if row["is_default"]:
        for other in call.store.rows("lead_pipelines"):
            if other["id"] != row["id"]:
                call.store.update(other, {"is_default": 0})


def _stage_columns(stage: Row) -> Row:
    return {
        "code": to_text(stage.get("code")),
        "name": to_text(stage.get("name")),
        "probability": to_int(stage.get("probability")) or 0,
        "sort_order": to_int(stage.get("sort_order")) or 0,
    }


def _insert_stage(call: Call, pipeline_id: int, stage: Row) -> None:
    call.store.insert("lead_pipeline_stages", {**_stage_columns(stage), "lead_pipeline_id": pipeline_id})


def _delete_stage(call: Call, stage_id: int) -> None:
    for lead in call.store.rows("leads"):
        if lead["lead_pipeline_stage_id"] == stage_id:
            call.store.update(lead, {"lead_pipeline_stage_id": None})
    call.store.delete("lead_pipeline_stages", stage_id)


def attribute_index(call: Call) -> Response:
    return json_response(200, listing.answer(call, "attributes", resources.attribute))


def attribute_show(call: Call) -> Response:
    return json_response(200, {"data": resources.attribute(call, expected(call.store, "attributes", call.id()))})


def attribute_store(call: Call) -> Response:
    _check_attribute(call, None)
    sent = {
        **{key: to_text(call.data.get(key)) for key in ("code", "name", "type", "entity_type")},
        "lookup_type": to_text(call.data.get("lookup_type")),
        "validation": to_text(call.data.get("validation")),
        "is_required": to_int(call.data.get("is_required")),
        "is_unique": to_int(call.data.get("is_unique")),
        "quick_add": 1,
    }
    if sent["type"] not in VALUE_COLUMN:
        raise ServerError
    stored = {**sent, "is_required": sent["is_required"] or 0, "is_unique": sent["is_unique"] or 0}
    row = call.store.insert(
        "attributes", {**stored, "is_user_defined": 1, "created_at": call.now, "updated_at": call.now}
    )
    _save_options(call, row["id"])
    answer = resources.attribute(call, row, {**sent, "is_user_defined": None})
    return json_response(200, {"data": answer, "message": "Attribute created successfully."})


def attribute_update(call: Call) -> Response:
    row_id = call.id()
    _check_attribute(call, row_id)
    row = found(call.store, "attributes", row_id)
    changes: Row = {key: to_text(call.data[key]) for key in ("code", "name", "type", "validation") if key in call.data}
    for key in ("is_required", "is_unique"):
        if key in call.data:
            changes[key] = to_int(call.data[key])
    call.store.update(row, {**changes, "updated_at": call.now})
    if "options" in call.data:
        _save_options(call, row_id)
    answer = resources.attribute(call, row)
    return json_response(200, {"data": answer, "message": "Attribute updated successfully."})


def attribute_destroy(call: Call) -> Response:
    """Seeded attributes cannot be deleted; the values of a deleted one go with it."""
    row = found(call.store, "attributes", call.id())
    if not row["is_user_defined"]:
        return json_response(400, {"data": {"message": "Can not delete system attribute."}})
    for held in call.store.values.get(row["entity_type"], {}).values():
        held.pop(row["id"], None)
    for option in [item for item in call.store.rows("attribute_options") if item["attribute_id"] == row["id"]]:
        call.store.delete("attribute_options", option["id"])
    call.store.delete("attributes", row["id"])
    return _message("Attribute deleted successfully.")


def _check_attribute(call: Call, own_id: int | None) -> None:
    code, entity_type = str(call.data.get("code") or ""), call.data.get("entity_type")
    taken = any(
        row["id"] != own_id and row["entity_type"] == entity_type and fold(row["code"]) == fold(code)
        for row in call.store.rows("attributes")
    )
    rules = [
        *forms.required(call, "code", "name", "type"),
        ("code", not code or _CODE.fullmatch(code) is not None, _BAD_CODE),
        ("code", not code or not taken, "The code has already been taken."),
    ]
    forms.require(call, rules)


def _save_options(call: Call, attribute_id: int) -> None:
    """Keys that begin with `option_` are new ones, others are ids; those not sent are deleted."""
    options = call.data.get("options")
    sent = options if isinstance(options, dict) else {}
    for held in [row for row in call.store.rows("attribute_options") if row["attribute_id"] == attribute_id]:
        change = sent.get(str(held["id"]))
        if change is None:
            call.store.delete("attribute_options", held["id"])
        else:
            call.store.update(held, {"name": to_text(change.get("name"))})
    for key, option in sent.items():
        if not str(key).isdigit():
            call.store.insert(
                "attribute_options",
                {
                    "name": to_text(option.get("name")),
                    "sort_order": to_int(option.get("sort_order")),
                    "attribute_id": attribute_id,
                },
            )
