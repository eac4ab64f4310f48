"""Tables, columns and relations the simulator knows (contract section 14), for filters and searches.

Column kinds: int, text (collated), json (binary), decimal, date, datetime.
"""

from __future__ import annotations

_TIMES = {"created_at": "datetime", "updated_at": "datetime"}

COLUMNS: dict[str, dict[str, str]] = {
    "persons": {
        "id": "int", "name": "text", "emails": "json", "contact_numbers": "json", "job_title": "text",
        "user_id": "int", "organization_id": "int", "unique_id": "text", **_TIMES,
    },
    "organizations": {"id": "int", "name": "text", "address": "json", "user_id": "int", **_TIMES},
    "leads": {
        "id": "int", "title": "text", "description": "text", "lead_value": "decimal", "status": "int",
        "lost_reason": "text", "expected_close_date": "date", "closed_at": "datetime", "user_id": "int",
        "person_id": "int", "lead_source_id": "int", "lead_type_id": "int", "lead_pipeline_id": "int",
        "lead_pipeline_stage_id": "int", **_TIMES,
    },
    "lead_products": {
        "id": "int", "lead_id": "int", "product_id": "int", "quantity": "int", "price": "decimal",
        "amount": "decimal", **_TIMES,
    },
    "products": {
        "id": "int", "sku": "text", "name": "text", "description": "text", "quantity": "int", "price": "decimal",
        **_TIMES,
    },
    "activities": {
        "id": "int", "title": "text", "type": "text", "comment": "text", "additional": "json",
        "schedule_from": "datetime", "schedule_to": "datetime", "is_done": "int", "user_id": "int",
        "location": "text", **_TIMES,
    },
    "emails": {
        "id": "int", "subject": "text", "reply": "text", "lead_id": "int", "person_id": "int", **_TIMES,
    },
    "activity_participants": {"id": "int", "activity_id": "int", "user_id": "int", "person_id": "int"},
    "tags": {"id": "int", "name": "text", "color": "text", "user_id": "int", **_TIMES},
    "lead_sources": {"id": "int", "name": "text", **_TIMES},
    "lead_types": {"id": "int", "name": "text", **_TIMES},
    "lead_pipelines": {"id": "int", "name": "text", "is_default": "int", "rotten_days": "int", **_TIMES},
    "lead_pipeline_stages": {
        "id": "int", "code": "text", "name": "text", "probability": "int", "sort_order": "int",
        "lead_pipeline_id": "int",
    },
    "users": {
        "id": "int", "name": "text", "email": "text", "status": "int", "view_permission": "text", "role_id": "int",
        "image": "text", **_TIMES,
    },
    "attributes": {
        "id": "int", "code": "text", "name": "text", "type": "text", "lookup_type": "text", "entity_type": "text",
        "sort_order": "int", "validation": "text", "is_required": "int", "is_unique": "int", "quick_add": "int",
        "is_user_defined": "int", **_TIMES,
    },
    "attribute_options": {"id": "int", "name": "text", "sort_order": "int", "attribute_id": "int"},
    "webhooks": {
        "id": "int", "name": "text", "entity_type": "text", "description": "text", "method": "text",
        "end_point": "text", "query_params": "json", "headers": "json", "payload_type": "text",
        "raw_payload_type": "text", "payload": "json", **_TIMES,
    },
    "workflows": {
        "id": "int", "name": "text", "description": "text", "entity_type": "text", "event": "text",
        "condition_type": "text", "conditions": "json", "actions": "json", **_TIMES,
    },
    "personal_access_tokens": {"id": "int", "user_id": "int", "name": "text", "token": "text", **_TIMES},
}  # fmt: skip

VALUE_COLUMN = {
    "text": "text_value", "textarea": "text_value", "price": "float_value", "boolean": "boolean_value",
    "select": "integer_value", "multiselect": "text_value", "checkbox": "text_value", "email": "json_value",
    "address": "json_value", "phone": "json_value", "lookup": "integer_value", "datetime": "datetime_value",
    "date": "date_value", "file": "text_value", "image": "text_value",
}  # fmt: skip

VALUE_KIND = {
    "text_value": "text", "float_value": "decimal", "boolean_value": "int", "integer_value": "int",
    "json_value": "json", "datetime_value": "datetime", "date_value": "date",
}  # fmt: skip

LINKS = ("lead_activities", "person_activities", "lead_tags", "person_tags")

# relation name -> (table, own column): the related row's id is in the own column.
BELONGS_TO: dict[str, dict[str, tuple[str, str]]] = {
    "persons": {"organization": ("organizations", "organization_id"), "user": ("users", "user_id")},
    "leads": {
        "user": ("users", "user_id"), "person": ("persons", "person_id"), "source": ("lead_sources", "lead_source_id"),
        "type": ("lead_types", "lead_type_id"), "pipeline": ("lead_pipelines", "lead_pipeline_id"),
        "stage": ("lead_pipeline_stages", "lead_pipeline_stage_id"),
    },
    "organizations": {"user": ("users", "user_id")},
    "tags": {"user": ("users", "user_id")},
    "activities": {"user": ("users", "user_id")},
}  # fmt: skip

# relation name -> (table, foreign column): the related rows carry the own id.
HAS_MANY: dict[str, dict[str, tuple[str, str]]] = {
    "persons": {"leads": ("leads", "person_id")},
    "leads": {"products": ("lead_products", "lead_id")},
    "organizations": {"persons": ("persons", "organization_id")},
}

# relation name -> (table, link table).
BELONGS_TO_MANY: dict[str, dict[str, tuple[str, str]]] = {
    "persons": {"activities": ("activities", "person_activities"), "tags": ("tags", "person_tags")},
    "leads": {"activities": ("activities", "lead_activities"), "tags": ("tags", "lead_tags")},
}

WITH_VALUES = ("leads", "persons", "organizations")
