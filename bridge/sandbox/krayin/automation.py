"""Webhooks and workflows as records (contract sections 11 and 13.1)."""

from __future__ import annotations

import json

from bridge.sandbox.http import Response, json_response
from bridge.sandbox.krayin import forms, listing, resources
from bridge.sandbox.krayin.context import Call, expected, found, to_text
from bridge.sandbox.krayin.store import Row

_WEBHOOK_REQUIRED = ("name", "entity_type", "method", "end_point", "payload_type")
_WEBHOOK_TEXTS = (*_WEBHOOK_REQUIRED, "description", "raw_payload_type")
_WEBHOOK_JSON = ("query_params", "headers", "payload")
_LONGEST = 255


def webhook_index(call: Call) -> Response:
    return json_response(200, listing.answer(call, "webhooks", resources.webhook))


def webhook_show(call: Call) -> Response:
    return json_response(200, {"data": resources.webhook(call, found(call.store, "webhooks", call.id()))})


def webhook_store(call: Call) -> Response:
    _check_webhook(call)
    columns = {**_webhook_columns(call), "created_at": call.now, "updated_at": call.now}
    row = call.store.insert("webhooks", {**dict.fromkeys(_WEBHOOK_JSON, "null"), **columns})
    data = {"data": resources.webhook(call, row), "message": "Webhook created successfully."}
    return json_response(200, data)


def webhook_update(call: Call) -> Response:
    row_id = call.id()
    _check_webhook(call)
    row = found(call.store, "webhooks", row_id)
    call.store.update(row, {**_webhook_columns(call), "updated_at": call.now})
    data = {"data": resources.webhook(call, row), "message": "Webhook updated successfully."}
    return json_response(200, data)


def webhook_destroy(call: Call) -> Response:
    row = found(call.store, "webhooks", call.id())
    call.store.delete("webhooks", row["id"])
    return json_response(200, {"message": "Webhook deleted successfully."})


def _check_webhook(call: Call) -> None:
    lengths = [
        (field, len(str(call.data.get(field) or "")) <= _LONGEST, _too_long(field))
        for field in ("name", "entity_type", "description", "method", "end_point")
    ]
    forms.require(call, [*forms.required(call, *_WEBHOOK_REQUIRED), *lengths])


def _too_long(field: str) -> str:
    return f"The {field.replace('_', ' ')} must not be greater than {_LONGEST} characters."


def _webhook_columns(call: Call) -> Row:
    texts = {code: to_text(call.data[code]) for code in _WEBHOOK_TEXTS if code in call.data}
    return {**texts, **{code: json.dumps(call.data[code]) for code in _WEBHOOK_JSON if code in call.data}}


def workflow_index(call: Call) -> Response:
    return json_response(200, listing.answer(call, "workflows", resources.workflow))


def workflow_show(call: Call) -> Response:
    return json_response(200, {"data": resources.workflow(call, expected(call.store, "workflows", call.id()))})


def workflow_store(call: Call) -> Response:
    forms.require(call, forms.required(call, "name"))
    defaults = {"condition_type": "and", "conditions": "null", "actions": "null"}
    columns = {**_workflow_columns(call), "created_at": call.now, "updated_at": call.now}
    row = call.store.insert("workflows", {**defaults, **columns})
    data = {"data": resources.workflow(call, row), "message": "Workflow created successfully."}
    return json_response(200, data)


def workflow_update(call: Call) -> Response:
    row_id = call.id()
    forms.require(call, forms.required(call, "name"))
    row = found(call.store, "workflows", row_id)
    call.store.update(row, {**_workflow_columns(call), "updated_at": call.now})
    data = {"data": resources.workflow(call, row), "message": "Workflow updated successfully."}
    return json_response(200, data)


def workflow_destroy(call: Call) -> Response:
    row = found(call.store, "workflows", call.id())
    call.store.delete("workflows", row["id"])
    return json_response(200, {"data": {"message": "Workflow deleted successfully."}})


def _workflow_columns(call: Call) -> Row:
    texts = ("name", "description", "entity_type", "event", "condition_type")
    columns: Row = {code: to_text(call.data[code]) for code in texts if code in call.data}
    columns.update({code: json.dumps(call.data[code]) for code in ("conditions", "actions") if code in call.data})
    return columns
