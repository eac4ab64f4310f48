"""Chatwoot tells when a contact changed only inside `changed_attributes` (contract Chatwoot 5.9)."""

from datetime import UTC, datetime
from typing import Any

import pytest

from bridge.mappers.chatwoot import facts_of

CHANGED = "2026-11-20T12:00:00.250Z"


def body(*changes: dict[str, Any]) -> dict[str, Any]:
    return {
        "event": "contact_updated", "id": 31, "name": "Ana Souza", "email": None, "phone_number": "+5511900000021",
        "identifier": None, "additional_attributes": {}, "custom_attributes": {},
        "changed_attributes": list(changes),
    }  # fmt: skip


def changed_at(*changes: dict[str, Any]) -> datetime | None:
    return facts_of(body(*changes)).contacts[0].changed_at


def test_a_changed_name_carries_its_time() -> None:
    told = changed_at(
        {"name": {"previous_value": "Ana", "current_value": "Ana Souza"}},
        {"updated_at": {"previous_value": "2026-11-20T11:00:00.000Z", "current_value": CHANGED}},
    )
    assert told == datetime(2026, 11, 20, 12, 0, 0, 250_000, tzinfo=UTC)


@pytest.mark.parametrize("key", ["last_activity_at", "custom_attributes", "label_list"])
def test_other_changes_are_no_version_of_the_fields(key: str) -> None:
    assert (
        changed_at({key: {"previous_value": 1, "current_value": 2}}, {"updated_at": {"current_value": CHANGED}}) is None
    )


def test_a_change_without_a_time_is_no_version() -> None:
    assert changed_at({"name": {"previous_value": "Ana", "current_value": "Ana Souza"}}) is None


def test_a_body_without_changes_is_read_all_the_same() -> None:
    whole = {**body(), "changed_attributes": None}
    assert facts_of(whole).contacts[0].changed_at is None
