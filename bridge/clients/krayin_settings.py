"""Krayin's settings: lists for mapping and set-up, attributes, webhooks, workflows (contract sections 11 to 13)."""

from __future__ import annotations

from bridge.clients import krayin_answers as answers
from bridge.clients.base import Call
from bridge.clients.krayin_wire import KrayinWire
from bridge.clients.shapes import (
    Attribute,
    CrmUser,
    CrmWebhook,
    CrmWebhookDraft,
    NamedItem,
    Pipeline,
    Workflow,
    WorkflowDraft,
)
from bridge.errors import WouldBeCut

_ALL = {"pagination": "0"}
_END_POINT_CHARACTERS = 255


class KrayinSettings(KrayinWire):
    """Every list comes whole: `pagination=0`. None of these calls is needed while conversations flow."""

    def pipelines(self) -> tuple[Pipeline, ...]:
        return self._call(_list("/settings/pipelines"), answers.many(answers.pipeline))

    def sources(self) -> tuple[NamedItem, ...]:
        return self._call(_list("/settings/sources"), answers.many(answers.named_item))

    def types(self) -> tuple[NamedItem, ...]:
        return self._call(_list("/settings/types"), answers.many(answers.named_item))

    def users(self) -> tuple[CrmUser, ...]:
        return self._call(_list("/settings/users"), answers.many(answers.user))

    def attributes(self, *, entity_type: str | None = None, code: str | None = None) -> tuple[Attribute, ...]:
        """Fields of one entity (`leads`, `persons`, …) or all of them, by exact code if given."""
        filters = {"entity_type": entity_type, "code": code}
        given = {key: value for key, value in filters.items() if value is not None}
        return self._call(_list("/settings/attributes", **given), answers.many(answers.attribute))

    def attribute_create(self, *, code: str, name: str, entity_type: str, type: str = "text") -> Attribute:
        """A unique, optional custom attribute: an own key (Krayin contract section 12).

        Raises PartnerRejected with the field `code` when it exists or is malformed.
        """
        body = _attribute_body(code=code, name=name, type=type, entity_type=entity_type)
        return self._call(_write("POST", "/settings/attributes", body), answers.one(answers.attribute))

    def attribute_make_optional(self, attribute: Attribute) -> Attribute:
        """Needed once for the e-mails of persons, so that somebody with only a phone can be stored (section 6.2)."""
        body = _attribute_body(
            code=attribute.code,
            name=attribute.name,
            type=attribute.type,
            entity_type=attribute.entity_type,
            is_unique=attribute.is_unique,
        )
        call = _write("PUT", "/settings/attributes/{id}", body, attribute.id)
        return self._call(call, answers.one(answers.attribute))

    def source_create(self, name: str) -> NamedItem:
        """Raises PartnerRejected with the field `name` when it exists."""
        return self._call(_write("POST", "/settings/sources", {"name": name}), answers.one(answers.named_item))

    def webhooks(self) -> tuple[CrmWebhook, ...]:
        return self._call(_list("/settings/webhooks"), answers.many(answers.webhook))

    def webhook_create(self, draft: CrmWebhookDraft) -> CrmWebhook:
        return self._call(_write("POST", "/settings/webhooks", _webhook_body(draft)), answers.one(answers.webhook))

    def webhook_update(self, webhook_id: int, draft: CrmWebhookDraft) -> CrmWebhook:
        call = _write("PUT", "/settings/webhooks/{id}", _webhook_body(draft), webhook_id)
        return self._call(call, answers.one(answers.webhook))

    def webhook_delete(self, webhook_id: int) -> None:
        self._call(_delete("/settings/webhooks/{id}", webhook_id), answers.done)

    def workflows(self) -> tuple[Workflow, ...]:
        return self._call(_list("/settings/workflows"), answers.many(answers.workflow))

    def workflow_create(self, draft: WorkflowDraft) -> Workflow:
        """Remember `draft.event`: Krayin does not give it back (Krayin contract section 13.1)."""
        call = _write("POST", "/settings/workflows", answers.workflow_body(draft))
        return self._call(call, answers.one(answers.workflow))

    def workflow_update(self, workflow_id: int, draft: WorkflowDraft) -> Workflow:
        call = _write("PUT", "/settings/workflows/{id}", answers.workflow_body(draft), workflow_id)
        return self._call(call, answers.one(answers.workflow))

    def workflow_delete(self, workflow_id: int) -> None:
        self._call(_delete("/settings/workflows/{id}", workflow_id), answers.done)


def _list(endpoint: str, **filters: str) -> Call:
    return Call("GET", endpoint, params={**filters, **_ALL})


def _write(method: str, endpoint: str, body: dict[str, object], record_id: int | None = None) -> Call:
    return Call(method, endpoint, ids={} if record_id is None else {"id": record_id}, body=body)


def _delete(endpoint: str, record_id: int) -> Call:
    return Call("DELETE", endpoint, ids={"id": record_id})


def _attribute_body(*, code: str, name: str, type: str, entity_type: str, is_unique: bool = True) -> dict[str, object]:
    return {
        "code": code,
        "name": name,
        "type": type,
        "entity_type": entity_type,
        "is_required": 0,
        "is_unique": int(is_unique),
    }


def _webhook_body(draft: CrmWebhookDraft) -> dict[str, object]:
    if len(draft.end_point) > _END_POINT_CHARACTERS:
        raise WouldBeCut("an end point of a Krayin webhook holds 255 characters")
    return answers.webhook_body(draft)
