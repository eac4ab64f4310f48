"""The state page: everything the simulated CRM holds and how it was called, as one JSON object."""

from __future__ import annotations

from bridge.sandbox.krayin.store import Row, Store
from bridge.sandbox.krayin.values import custom_values, decode_json

_HIDDEN = ("password",)


def state(store: Store, *, max_in_window: int, faults: list[Row], recent: list[Row]) -> Row:
    """The caller holds the store's lock."""
    activities = [_activity(store, row) for row in store.rows("activities")]
    notes = [row for row in activities if row["type"] == "note"]
    changes = list(store.journals["stage_changes"])
    return {
        "persons": [_person(store, row) for row in store.rows("persons")],
        "leads": [_lead(store, row) for row in store.rows("leads")],
        "notes": notes,
        "emails": [dict(row) for row in store.rows("emails")],
        "activities": [row for row in activities if row["type"] != "system"],
        "organizations": [_organization(store, row) for row in store.rows("organizations")],
        "stage_changes": changes,
        "pipelines": [_pipeline(store, row) for row in store.rows("lead_pipelines")],
        "tags": [dict(row) for row in store.rows("tags")],
        "attributes": [dict(row) for row in store.rows("attributes") if row["is_user_defined"]],
        "webhooks": [_decoded(row, "headers", "query_params", "payload") for row in store.rows("webhooks")],
        "workflows": [_decoded(row, "conditions", "actions") for row in store.rows("workflows")],
        "users": [{key: row[key] for key in row if key not in _HIDDEN} for row in store.rows("users")],
        "deliveries": list(store.journals["deliveries"]),
        "mails": list(store.journals["mails"]),
        "counts": {
            "persons": len(store.table("persons")),
            "leads": len(store.table("leads")),
            "notes": len(notes),
            "organizations": len(store.table("organizations")),
            "stage_changes": sum(1 for change in changes if change["way"] != "create"),
            "system_activities": sum(1 for row in activities if row["type"] == "system"),
        },
        "calls": {
            "total": sum(store.counters["by_kind"].values()),
            "by_kind": dict(store.counters["by_kind"]),
            "by_user": dict(store.counters["by_user"]),
            "refused": dict(store.counters["refused"]),
            "max_in_window": max_in_window,
            "recent": recent,
        },
        "faults": faults,
    }


def _decoded(row: Row, *columns: str) -> Row:
    return {**row, **{column: decode_json(row[column]) for column in columns}}


def _person(store: Store, row: Row) -> Row:
    return {
        **_decoded(row, "emails", "contact_numbers"),
        "attributes": custom_values(store, "persons", row["id"]),
        "tag_ids": store.links["person_tags"].of(row["id"]),
    }


def _organization(store: Store, row: Row) -> Row:
    return {**_decoded(row, "address"), "attributes": custom_values(store, "organizations", row["id"])}


def _lead(store: Store, row: Row) -> Row:
    stage = store.get("lead_pipeline_stages", row["lead_pipeline_stage_id"])
    return {
        **row,
        "stage_code": stage["code"] if stage else None,
        "stage_name": stage["name"] if stage else None,
        "attributes": custom_values(store, "leads", row["id"]),
        "tag_ids": store.links["lead_tags"].of(row["id"]),
        "product_ids": [item["product_id"] for item in store.rows("lead_products") if item["lead_id"] == row["id"]],
    }


def _activity(store: Store, row: Row) -> Row:
    return {
        **_decoded(row, "additional"),
        "lead_ids": store.links["lead_activities"].back(row["id"]),
        "person_ids": store.links["person_activities"].back(row["id"]),
    }


def _pipeline(store: Store, row: Row) -> Row:
    stages = [dict(item) for item in store.rows("lead_pipeline_stages") if item["lead_pipeline_id"] == row["id"]]
    return {**row, "stages": stages}
