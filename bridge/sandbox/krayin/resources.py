"""Answer objects: exactly the keys the vendor's resources return (contract sections 6 to 11)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from bridge.sandbox.http import Json
from bridge.sandbox.krayin import moments
from bridge.sandbox.krayin.context import Call
from bridge.sandbox.krayin.store import Row
from bridge.sandbox.krayin.values import decode_json

ADMINISTRATOR = {
    "id": 1,
    "name": "Administrator",
    "description": "Administrator Role",
    "permission_type": "all",
    "permissions": None,
    "created_at": None,
    "updated_at": None,
}


def _times(call: Call, row: Row) -> Row:
    return {"created_at": call.iso(row["created_at"]), "updated_at": call.iso(row["updated_at"])}


def read(call: Call, entity_type: str, row: Row, code: str) -> Json:
    """A field as the models read it: the column first, the attribute-value copy when it is null."""
    if row[code] is not None:
        return row[code]
    return call.store.value(entity_type, row["id"], code)


def user(call: Call, row: Row) -> Row:
    return {
        "id": row["id"],
        "name": row["name"],
        "email": row["email"],
        "status": row["status"],
        "view_permission": row["view_permission"],
        "role": ADMINISTRATOR,
        **_times(call, row),
        "image": row["image"],
        "image_url": None,
    }


def organization(call: Call, row: Row, sent: Mapping[str, Any] | None = None) -> Row:
    return {
        "id": row["id"],
        "name": sent["name"] if sent is not None and "name" in sent else row["name"],
        "address": decode_json(row["address"]),
        **_times(call, row),
    }


def person(call: Call, row: Row) -> Row:
    answer: Row = {
        "id": row["id"],
        "name": row["name"],
        "emails": decode_json(row["emails"]),
        "contact_numbers": decode_json(row["contact_numbers"]),
    }
    employer = call.store.get("organizations", read(call, "persons", row, "organization_id"))
    if employer is not None:
        answer["organization"] = organization(call, employer)
    answer["job_title"] = read(call, "persons", row, "job_title")
    owner = call.store.get("users", read(call, "persons", row, "user_id"))
    if owner is not None:
        answer["sales_owner"] = user(call, owner)
    return {**answer, **_times(call, row)}


def lead(call: Call, row: Row, sent: Mapping[str, Any] | None = None) -> Row:
    """`sent` holds what the same call wrote: title and value come back as they were sent, uncut and as a number."""
    sent = sent or {}
    owner = call.store.get("users", read(call, "leads", row, "user_id"))
    contact = call.store.get("persons", row["person_id"])
    return {
        "id": row["id"],
        "title": sent.get("title", row["title"]),
        "description": sent.get("description", read(call, "leads", row, "description")),
        "lead_value": sent.get("lead_value", read(call, "leads", row, "lead_value")),
        "status": row["status"],
        "lost_reason": row["lost_reason"],
        "closed_at": call.iso(row["closed_at"]),
        "user": None if owner is None else user(call, owner),
        "person": None if contact is None else person(call, contact),
        "lead_products": [_lead_product(call, item) for item in _products_of(call, row["id"])],
        "lead_source_id": read(call, "leads", row, "lead_source_id"),
        "lead_type_id": read(call, "leads", row, "lead_type_id"),
        "lead_pipeline_id": row["lead_pipeline_id"],
        "lead_pipeline_stage_id": row["lead_pipeline_stage_id"],
        **_times(call, row),
        "expected_close_date": call.iso(read(call, "leads", row, "expected_close_date")),
    }


def _products_of(call: Call, lead_id: int) -> list[Row]:
    return [row for row in call.store.rows("lead_products") if row["lead_id"] == lead_id]


def _lead_product(call: Call, row: Row) -> Row:
    product = call.store.get("products", row["product_id"])
    return {
        "id": row["id"],
        "quantity": row["quantity"],
        "price": row["price"],
        "amount": row["amount"],
        "product": None if product is None else {**product, **_times(call, product)},
        **_times(call, row),
    }


def activity(call: Call, row: Row, sent: Mapping[str, Any] | None = None) -> Row:
    """`sent` holds texts that a PUT answers uncut."""
    sent = sent or {}
    owner = call.store.get("users", row["user_id"])
    return {
        "id": row["id"],
        "parent_id": None,
        "title": sent.get("title", row["title"]),
        "type": row["type"],
        "comment": sent.get("comment", row["comment"]),
        "additional": decode_json(row["additional"]),
        "schedule_from": call.iso(row["schedule_from"]),
        "schedule_to": call.iso(row["schedule_to"]),
        "is_done": row["is_done"],
        "user": None if owner is None else _activity_user(call, owner),
        "files": [],
        "participants": [_participant(call, item) for item in participants_of(call, row["id"])],
        "location": row["location"],
        **_times(call, row),
    }


def _activity_user(call: Call, row: Row) -> Row:
    # `updated_at` holds the name: a defect of the resource (contract section 9).
    return {
        "id": row["id"],
        "name": row["name"],
        "email": row["email"],
        "image": row["image"],
        "created_at": call.iso(row["created_at"]),
        "updated_at": row["name"],
    }


def participants_of(call: Call, activity_id: int) -> list[Row]:
    return [row for row in call.store.rows("activity_participants") if row["activity_id"] == activity_id]


def _participant(call: Call, row: Row) -> Row:
    if row["user_id"] is not None:
        return {"user": user(call, call.store.table("users")[row["user_id"]])}
    return {"person": person(call, call.store.table("persons")[row["person_id"]])}


def stage(row: Row, lead_value: str | int | None = None) -> Row:
    return {
        "id": row["id"],
        "code": row["code"],
        "name": row["name"],
        "lead_value": lead_value,
        "formatted_lead_value": moments.format_price(lead_value),
        "is_user_defined": None,
        "created_at": None,
        "updated_at": None,
    }


def stages_of(call: Call, pipeline_id: int) -> list[Row]:
    """Stages in their order; the answers show no order, only the sequence of the list."""
    rows = [row for row in call.store.rows("lead_pipeline_stages") if row["lead_pipeline_id"] == pipeline_id]
    return sorted(rows, key=lambda row: (row["sort_order"] or 0, row["id"]))


def pipeline(call: Call, row: Row) -> Row:
    return {
        "id": row["id"],
        "name": row["name"],
        "is_default": row["is_default"],
        "rotten_days": row["rotten_days"],
        "stages": [stage(item) for item in stages_of(call, row["id"])],
        **_times(call, row),
    }


def named(call: Call, row: Row) -> Row:
    return {"id": row["id"], "name": row["name"], **_times(call, row)}


def tag(call: Call, row: Row) -> Row:
    owner = call.store.get("users", row["user_id"])
    answer: Row = {"id": row["id"], "name": row["name"], "color": row["color"]}
    if owner is not None:
        answer["user"] = user(call, owner)
    return {**answer, **_times(call, row)}


def attribute(call: Call, row: Row, sent: Mapping[str, Any] | None = None) -> Row:
    """`sent` holds what a create wrote: defaults of the database are not in its answer yet."""
    shown = row if sent is None else {**row, **sent}
    options = [option for option in call.store.rows("attribute_options") if option["attribute_id"] == row["id"]]
    keys = (
        "id", "code", "name", "type", "lookup_type", "entity_type", "sort_order", "validation", "is_required",
        "is_unique", "quick_add", "is_user_defined",
    )  # fmt: skip
    return {**{key: shown[key] for key in keys}, "options": [dict(option) for option in options], **_times(call, row)}


def webhook(call: Call, row: Row) -> Row:
    return {
        "id": row["id"],
        "name": row["name"],
        "entity_type": row["entity_type"],
        "description": row["description"],
        "method": row["method"],
        "end_point": row["end_point"],
        "query_params": json.loads(row["query_params"]),
        "headers": json.loads(row["headers"]),
        "payload_type": row["payload_type"],
        "raw_payload_type": row["raw_payload_type"],
        "payload": json.loads(row["payload"]),
        **_times(call, row),
    }


def workflow(call: Call, row: Row) -> Row:
    # `event` repeats the entity type: a defect of the resource (contract section 13.1).
    return {
        "id": row["id"],
        "name": row["name"],
        "description": row["description"],
        "entity_type": row["entity_type"],
        "event": row["entity_type"],
        "condition_type": row["condition_type"],
        "conditions": json.loads(row["conditions"]),
        "actions": json.loads(row["actions"]),
        **_times(call, row),
    }
