"""What a fresh installation holds, and the two users every clinic has: its administrator and the bridge's own."""

from __future__ import annotations

import json
from dataclasses import dataclass

from bridge.sandbox.krayin.store import Store


@dataclass(frozen=True, slots=True)
class Account:
    """A Krayin user with his password, for logging in."""

    name: str
    email: str
    password: str


ADMIN = Account("Ana Souza", "ana.souza@clinicasorriso.example.com.br", "senha-da-clinica-123")
BRIDGE = Account("Integração Bridge", "bridge@clinicasorriso.example.com.br", "senha-forte-123")

SOURCES = ("Email", "Web", "Web Form", "Phone", "Direct")
TYPES = ("New Business", "Existing Business")
STAGES = (
    ("new", "New"), ("follow-up", "Follow Up"), ("prospect", "Prospect"), ("negotiation", "Negotiation"),
    ("won", "Won"), ("lost", "Lost"),
)  # fmt: skip

# The numbers of an installed site begin here, because the installer seeds twice.
_ATTRIBUTE_OFFSET = 18

# entity -> (code, name, type, lookup, required, unique, validation), in id order.
_ATTRIBUTES: dict[str, tuple[tuple[str, str, str, str | None, int, int, str | None], ...]] = {
    "leads": (
        ("title", "Title", "text", None, 1, 0, None),
        ("description", "Description", "textarea", None, 0, 0, None),
        ("lead_value", "Lead Value", "price", None, 1, 0, None),
        ("lead_source_id", "Source", "select", "lead_sources", 1, 0, None),
        ("lead_type_id", "Type", "select", "lead_types", 1, 0, None),
        ("user_id", "Sales Owner", "select", "users", 0, 0, None),
        ("expected_close_date", "Expected Close Date", "date", None, 0, 0, None),
        ("lead_pipeline_id", "Pipeline", "lookup", "lead_pipelines", 1, 0, None),
        ("lead_pipeline_stage_id", "Stage", "lookup", "lead_pipeline_stages", 1, 0, None),
    ),
    "persons": (
        ("name", "Name", "text", None, 1, 0, None),
        ("emails", "Emails", "email", None, 1, 1, None),
        ("contact_numbers", "Contact Numbers", "phone", None, 0, 1, "numeric"),
        ("job_title", "Job Title", "text", None, 0, 0, None),
        ("user_id", "Sales Owner", "lookup", "users", 0, 0, None),
        ("organization_id", "Organization", "lookup", "organizations", 0, 0, None),
    ),
    "organizations": (
        ("name", "Name", "text", None, 1, 1, None),
        ("address", "Address", "address", None, 0, 0, None),
        ("user_id", "Sales Owner", "lookup", "users", 0, 0, None),
    ),
    "products": (
        ("name", "Name", "text", None, 1, 0, None),
        ("description", "Description", "textarea", None, 0, 0, None),
        ("sku", "SKU", "text", None, 1, 1, None),
        ("quantity", "Quantity", "text", None, 1, 0, "numeric"),
        ("price", "Price", "text", None, 1, 0, "decimal"),
    ),
    "quotes": (
        ("user_id", "Sales Owner", "select", "users", 1, 0, None),
        ("subject", "Subject", "text", None, 1, 0, None),
        ("description", "Description", "textarea", None, 0, 0, None),
        ("billing_address", "Billing Address", "address", None, 1, 0, None),
        ("shipping_address", "Shipping Address", "address", None, 0, 0, None),
        ("discount_percent", "Discount Percent", "text", None, 0, 0, "decimal"),
        ("discount_amount", "Discount Amount", "price", None, 0, 0, "decimal"),
        ("tax_amount", "Tax Amount", "price", None, 0, 0, "decimal"),
        ("adjustment_amount", "Adjustment Amount", "price", None, 0, 0, "decimal"),
        ("sub_total", "Sub Total", "price", None, 1, 0, "decimal"),
        ("grand_total", "Grand Total", "price", None, 1, 0, "decimal"),
        ("expired_at", "Expired At", "date", None, 1, 0, None),
        ("person_id", "Person", "lookup", "persons", 1, 0, None),
    ),
    "warehouses": (
        ("name", "Name", "text", None, 1, 0, None),
        ("description", "Description", "textarea", None, 0, 0, None),
        ("contact_name", "Contact Name", "text", None, 1, 0, None),
        ("contact_emails", "Contact Emails", "email", None, 1, 1, None),
        ("contact_numbers", "Contact Numbers", "phone", None, 0, 1, "numeric"),
        ("contact_address", "Contact Address", "address", None, 1, 0, None),
    ),
}

_MAIL_CONDITIONS = [
    {"value": ["call", "meeting", "lunch"], "operator": "{}", "attribute": "type", "attribute_type": "multiselect"}
]


def fill(store: Store, *, now: str, admin: Account, bridge: Account) -> None:
    """Writes the seeded rows of contract sections 5, 9 and 11 into an empty store."""
    times = {"created_at": now, "updated_at": now}
    for account in (admin, bridge):
        rights = {"status": 1, "view_permission": "global", "role_id": 1}
        user = {"name": account.name, "email": account.email, "password": account.password}
        store.insert("users", {**user, **rights, **times})
    for name in SOURCES:
        store.insert("lead_sources", {"name": name, **times})
    for name in TYPES:
        store.insert("lead_types", {"name": name, **times})
    pipeline = store.insert("lead_pipelines", {"name": "Default Pipeline", "is_default": 1, "rotten_days": 30, **times})
    for order, (code, name) in enumerate(STAGES, start=1):
        stage = {"code": code, "name": name, "probability": 0 if code == "lost" else 100, "sort_order": order}
        store.insert("lead_pipeline_stages", {**stage, "lead_pipeline_id": pipeline["id"]})
    _fill_attributes(store, times)
    _fill_workflows(store, times)


def _fill_attributes(store: Store, times: dict[str, str]) -> None:
    store.sequences["attributes"] = _ATTRIBUTE_OFFSET
    for entity_type, attributes in _ATTRIBUTES.items():
        for order, (code, name, kind, lookup, is_required, is_unique, validation) in enumerate(attributes, start=1):
            store.insert(
                "attributes",
                {
                    "code": code,
                    "name": name,
                    "type": kind,
                    "lookup_type": lookup,
                    "entity_type": entity_type,
                    "sort_order": order,
                    "validation": validation,
                    "is_required": is_required,
                    "is_unique": is_unique,
                    "quick_add": 1,
                    "is_user_defined": 0,
                    **times,
                },
            )


def _fill_workflows(store: Store, times: dict[str, str]) -> None:
    """The two that e-mail every participant of a call, meeting or lunch (contract section 9)."""
    for template, (word, event) in enumerate(
        (("creation", "activity.create.after"), ("updation", "activity.update.after")), start=1
    ):
        name = f"Emails to participants after activity {word}"
        store.insert(
            "workflows",
            {
                "name": name,
                "description": name,
                "entity_type": "activities",
                "event": event,
                "condition_type": "and",
                "conditions": json.dumps(_MAIL_CONDITIONS),
                "actions": json.dumps([{"id": "send_email_to_participants", "value": str(template)}]),
                **times,
            },
        )
