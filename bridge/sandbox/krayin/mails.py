"""E-mails the CRM keeps: listed by person or lead, removed one by one; they outlive both (contract section 20.9)."""

from __future__ import annotations

from bridge.sandbox.http import Response, json_response
from bridge.sandbox.krayin import listing
from bridge.sandbox.krayin.context import Call, found
from bridge.sandbox.krayin.store import Store


def index(call: Call) -> Response:
    return json_response(200, listing.answer(call, "emails", lambda _call, row: dict(row)))


def destroy(call: Call) -> Response:
    row = found(call.store, "emails", call.id())
    call.store.delete("emails", row["id"])
    return json_response(200, {"message": "Email deleted successfully."})


def let_go(store: Store, column: str, number: int) -> None:
    """The record is gone: the link becomes null; address, subject and text stay."""
    for row in [row for row in store.rows("emails") if row[column] == number]:
        store.update(row, {column: None})


def keep(store: Store, *, subject: str, text: str, lead_id: int | None, person_id: int | None) -> None:
    """The caller holds the store's lock."""
    store.insert("emails", {"subject": subject, "reply": text, "lead_id": lead_id, "person_id": person_id})
