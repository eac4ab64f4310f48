"""Krayin's JSON to our shapes and back (Krayin contract sections 6 to 13). Foreign keys live here and nowhere else."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import TypeVar

from bridge.clients.reading import (
    calendar_date,
    flag,
    instant,
    integer,
    integer_or_none,
    listed,
    listed_or_empty,
    mapping,
    mapping_or_empty,
    money,
    text,
    text_or_none,
)
from bridge.clients.shapes import (
    Activity,
    Attribute,
    CrmUser,
    CrmWebhook,
    CrmWebhookDraft,
    Labelled,
    Lead,
    LeadChange,
    LeadDraft,
    NamedItem,
    Organization,
    Person,
    PersonDraft,
    Pipeline,
    Stage,
    Workflow,
    WorkflowDraft,
)

T = TypeVar("T")

_FORM = "application/x-www-form-urlencoded"


def one(read: Callable[[object], T]) -> Callable[[object], T]:
    """Reader of `{"data": {...}}`."""
    return lambda body: read(mapping(body)["data"])


def many(read: Callable[[object], T]) -> Callable[[object], tuple[T, ...]]:
    """Reader of `{"data": [...]}`, paginated or not."""
    return lambda body: listed(mapping(body)["data"], read)


def total(body: object) -> int:
    """Reader of a list's `{"meta": {"total"}}`."""
    return integer(mapping(mapping(body)["meta"])["total"])


def done(body: object) -> None:
    """Reader of message-only answers, `{"message"}` or `{"data": {"message"}}` (Krayin contract section 2)."""
    data = mapping(body)
    text(mapping(data.get("data", data))["message"])


def named_item(value: object) -> NamedItem:
    data = mapping(value)
    return NamedItem(id=integer(data["id"]), name=text(data.get("name")))


def organization(value: object) -> Organization:
    data = mapping(value)
    return Organization(id=integer(data["id"]), name=text(data.get("name")))


def person(value: object) -> Person:
    data = mapping(value)
    return Person(
        id=integer(data["id"]),
        name=text(data["name"]),
        emails=_labelled(data.get("emails")),
        phones=_labelled(data.get("contact_numbers")),
        job_title=text_or_none(data.get("job_title")),
        organization_id=_id_of(data.get("organization")),
        owner_id=_id_of(data.get("sales_owner")),
        updated_at=instant(data.get("updated_at")),
    )


def lead(value: object) -> Lead:
    data = mapping(value)
    whose = None if data.get("person") is None else person(data["person"])
    return Lead(
        id=integer(data["id"]),
        title=text(data["title"]),
        description=text_or_none(data.get("description")),
        status=integer_or_none(data.get("status")),
        closed_at=instant(data.get("closed_at")),
        lost_reason=text_or_none(data.get("lost_reason")),
        person=whose,
        person_id=whose.id if whose else None,
        pipeline_id=integer_or_none(data["lead_pipeline_id"]),
        stage_id=integer_or_none(data["lead_pipeline_stage_id"]),
        source_id=integer_or_none(data.get("lead_source_id")),
        type_id=integer_or_none(data.get("lead_type_id")),
        value=money(data.get("lead_value")),
        owner_id=_id_of(data.get("user")),
        owner_name=_name_of(data.get("user")),
        expected_close_date=calendar_date(data.get("expected_close_date")),
        created_at=instant(data.get("created_at")),
        updated_at=instant(data.get("updated_at")),
    )


def activity(value: object) -> Activity:
    data = mapping(value)
    return Activity(
        id=integer(data["id"]),
        type=text(data["type"]),
        title=text_or_none(data.get("title")),
        comment=text_or_none(data.get("comment")),
        additional=mapping_or_empty(data.get("additional")),
        is_done=flag(data.get("is_done")),
        created_at=instant(data.get("created_at")),
        updated_at=instant(data.get("updated_at")),
    )


def pipeline(value: object) -> Pipeline:
    data = mapping(value)
    return Pipeline(
        id=integer(data["id"]),
        name=text(data["name"]),
        is_default=flag(data.get("is_default")),
        stages=listed(data["stages"], _stage),
    )


def user(value: object) -> CrmUser:
    data = mapping(value)
    return CrmUser(
        id=integer(data["id"]),
        name=text(data["name"]),
        email=text(data["email"]),
        is_active=flag(data.get("status")),
        view_permission=text(data.get("view_permission")),
    )


def attribute(value: object) -> Attribute:
    data = mapping(value)
    return Attribute(
        id=integer(data["id"]),
        code=text(data["code"]),
        name=text(data.get("name")),
        type=text(data["type"]),
        entity_type=text(data["entity_type"]),
        is_required=flag(data.get("is_required")),
        is_unique=flag(data.get("is_unique")),
        options=listed_or_empty(data.get("options"), named_item),
    )


def webhook(value: object) -> CrmWebhook:
    data = mapping(value)
    return CrmWebhook(
        id=integer(data["id"]),
        name=text(data["name"]),
        entity_type=text(data.get("entity_type")),
        end_point=text(data.get("end_point")),
        headers=_key_values(data.get("headers")),
        payload=_key_values(data.get("payload")),
    )


def workflow(value: object) -> Workflow:
    data = mapping(value)
    actions = listed_or_empty(data.get("actions"), mapping)
    fired = [action.get("value") for action in actions if action.get("id") == "trigger_webhook"]
    return Workflow(
        id=integer(data["id"]),
        name=text(data["name"]),
        entity_type=text(data.get("entity_type")),
        webhook_ids=tuple(integer(each) for each in fired),
    )


def person_body(draft: PersonDraft) -> dict[str, object]:
    """Body of `POST` and `PUT /contacts/persons`: no phone needs one empty entry (Krayin contract section 6.1)."""
    phones = _labels(draft.phones) or [{"value": "", "label": "work"}]
    return {**_person_fields(draft), "contact_numbers": phones, "user_id": draft.owner_id}


def lead_body(draft: LeadDraft) -> dict[str, object]:
    body = _sent(
        {
            "title": draft.title,
            "lead_pipeline_stage_id": draft.stage_id,
            "description": draft.description,
            "lead_value": _amount(draft.value),
            "lead_source_id": draft.source_id,
            "lead_type_id": draft.type_id,
            "user_id": draft.owner_id,
            "expected_close_date": _day(draft.expected_close_date),
        }
    )
    if draft.person_id is not None:
        body["person"] = {"id": draft.person_id}
    elif draft.person is not None:
        body["person"] = _nested_person(draft.person)
    return {**draft.attributes, **body}


def lead_change_body(change: LeadChange) -> dict[str, object]:
    body = _sent(
        {
            "lead_pipeline_id": change.pipeline_id,
            "lead_pipeline_stage_id": change.stage_id,
            "title": change.title,
            "lead_value": _amount(change.value),
            "user_id": change.owner_id,
            "person_id": change.person_id,
            "lost_reason": change.lost_reason,
        }
    )
    return {**change.attributes, **body, "expected_close_date": _day(change.expected_close_date)}


def webhook_body(draft: CrmWebhookDraft) -> dict[str, object]:
    headers = {"Content-Type": _FORM, **draft.headers}
    return {
        "name": draft.name,
        "entity_type": draft.entity_type,
        "description": draft.description,
        "method": "POST",
        "end_point": draft.end_point,
        "query_params": [],
        "headers": _pairs(headers),
        "payload_type": "x-www-form-urlencoded",
        "raw_payload_type": "json",
        "payload": _pairs(draft.payload),
    }


def workflow_body(draft: WorkflowDraft) -> dict[str, object]:
    return {
        "name": draft.name,
        "description": "",
        "entity_type": draft.entity_type,
        "event": draft.event,
        "condition_type": "and",
        "conditions": [],
        "actions": [{"id": "trigger_webhook", "value": draft.webhook_id}],
    }


def additional_text(additional: Mapping[str, object]) -> str | None:
    """`additional` travels as JSON text; a nested object is a 500 (Krayin contract section 9)."""
    return json.dumps(additional) if additional else None


def _nested_person(draft: PersonDraft) -> dict[str, object]:
    # Inside a lead the numbers may be left out, but neither be empty nor null (Krayin contract section 20.4).
    body = _person_fields(draft)
    if draft.phones:
        body["contact_numbers"] = _labels(draft.phones)
    if draft.owner_id is not None:
        body["user_id"] = draft.owner_id
    return body


def _person_fields(draft: PersonDraft) -> dict[str, object]:
    optional = _sent(
        {
            "job_title": draft.job_title,
            "organization_id": draft.organization_id,
            "organization_name": draft.organization_name,
        }
    )
    return {**draft.attributes, **optional, "name": draft.name, "emails": _labels(draft.emails)}


def _stage(value: object) -> Stage:
    data = mapping(value)
    return Stage(id=integer(data["id"]), code=text(data.get("code")), name=text(data.get("name")))


def _labelled(value: object) -> tuple[Labelled, ...]:
    entries = listed_or_empty(value, mapping)
    read = [Labelled(text(entry.get("value")), text(entry.get("label")) or "work") for entry in entries]
    return tuple(entry for entry in read if entry.value)


def _labels(entries: Iterable[Labelled]) -> list[dict[str, str]]:
    return [{"value": entry.value, "label": entry.label} for entry in entries]


def _key_values(value: object) -> dict[str, str]:
    """A list of key/value pairs; any other payload form is not ours and reads as empty."""
    if not isinstance(value, list):
        return {}
    return {text(mapping(pair)["key"]): text(mapping(pair).get("value")) for pair in value}


def _pairs(values: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in values.items()]


def _id_of(value: object) -> int | None:
    return None if value is None else integer(mapping(value)["id"])


def _name_of(value: object) -> str:
    return "" if value is None else text(mapping(value).get("name"))


def _sent(fields: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in fields.items() if value is not None}


def _amount(value: Decimal | None) -> str | None:
    """Digits, a dot, at most four decimals (Krayin contract section 8.3)."""
    return None if value is None else f"{value.quantize(Decimal('0.0001')).normalize():f}"


def _day(value: date | None) -> str | None:
    return None if value is None else value.isoformat()
