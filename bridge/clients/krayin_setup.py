"""Krayin's calls that only setting up makes."""

from collections.abc import Mapping
from datetime import datetime

from bridge.clients import krayin_answers
from bridge.clients.base import Answer, Call, Deadline
from bridge.clients.krayin import KrayinClient
from bridge.clients.reading import instant, mapping
from bridge.clients.shapes import Attribute

LEADS_LOOKED_AT = 50


class KrayinSetup(KrayinClient):
    """Krayin as setting up sees it; remembers the limit its answers tell."""

    limit: int | None = None

    def attribute_delete(self, attribute_id: int) -> None:
        """Its values on every record go with it."""
        self._call(Call("DELETE", "/settings/attributes/{id}", ids={"id": attribute_id}), krayin_answers.done)

    def attribute_make_required(self, attribute: Attribute) -> Attribute:
        body = {
            "code": attribute.code, "name": attribute.name, "type": attribute.type,
            "entity_type": attribute.entity_type, "is_required": 1, "is_unique": int(attribute.is_unique),
        }  # fmt: skip
        call = Call("PUT", "/settings/attributes/{id}", ids={"id": attribute.id}, body=body)
        return self._call(call, krayin_answers.one(krayin_answers.attribute))

    def source_delete(self, source_id: int) -> None:
        self._call(Call("DELETE", "/settings/sources/{id}", ids={"id": source_id}), krayin_answers.done)

    def midnights(self) -> tuple[datetime, ...]:
        """Close dates of recent leads as written: local midnight in UTC, which tells the site's time zone."""
        params = {"sort": "updated_at", "order": "desc", "limit": str(LEADS_LOOKED_AT)}
        found = self._call(Call("GET", "/leads", params=params), krayin_answers.many(_close_date))
        return tuple(moment for moment in found if moment is not None)

    def _exchange(self, call: Call, *, headers: Mapping[str, str], deadline: Deadline) -> Answer:
        answer = super()._exchange(call, headers=headers, deadline=deadline)
        told = answer.headers.get("X-RateLimit-Limit", "")
        # The login and the deletion of persons are counted against other limits (Krayin contract section 20.10).
        if told.isdecimal() and call.teaches_pace:
            self.limit = int(told)
        return answer


def _close_date(value: object) -> datetime | None:
    return instant(mapping(value).get("expected_close_date"))
