"""Consent is a list of acts that nobody can change afterwards."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from consent.models import ConsentRecord, DataSubject

pytestmark = pytest.mark.django_db

AT = datetime(2026, 11, 20, 22, 40, tzinfo=UTC)


@pytest.fixture
def act(make_subject: Callable[..., DataSubject]) -> Callable[..., ConsentRecord]:
    subject = make_subject()

    def create(**fields: Any) -> ConsentRecord:
        defaults = {"consent_type": "marketing", "status": "granted", "consent_text": "Aceito.", "consent_version": "1"}
        with transaction.atomic():
            return ConsentRecord.objects.create(subject=subject, **{**defaults, **fields})

    return create


@pytest.mark.parametrize(
    "fields",
    [
        {"granted_at": AT},
        {"status": "withdrawn", "withdrawn_at": AT},
        {"status": "withdrawn", "granted_at": AT, "withdrawn_at": AT + timedelta(days=1)},
        {"status": "denied"},
        {"granted_at": AT, "ip_address": "0f8fad5b-d9cb-469f-a165-70867728950e", "chatwoot_contact_id": 5},
    ],
)
def test_acts_that_make_sense_are_stored(act: Callable[..., ConsentRecord], fields: dict[str, Any]) -> None:
    record = act(**fields)
    record.refresh_from_db()
    assert record.created_at is not None
    assert {name: getattr(record, name) for name in fields} == fields


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({}, "chk_consent_status_dates"),
        ({"granted_at": AT, "withdrawn_at": AT}, "chk_consent_status_dates"),
        ({"status": "withdrawn"}, "chk_consent_status_dates"),
        ({"status": "denied", "granted_at": AT}, "chk_consent_status_dates"),
        ({"status": "asked"}, "chk_consent_status_dates"),
        ({"status": "withdrawn", "granted_at": AT, "withdrawn_at": AT - timedelta(days=1)}, "chk_consent_dates_order"),
        ({"granted_at": AT, "consent_type": "all"}, "chk_consent_type"),
        ({"granted_at": AT, "ip_address": "203.0.113.9"}, "chk_consent_references"),
        ({"granted_at": AT, "user_agent": "Mozilla/5.0"}, "chk_consent_references"),
    ],
)
def test_the_database_refuses_the_others(act: Callable[..., ConsentRecord], fields: dict[str, Any], rule: str) -> None:
    with pytest.raises(IntegrityError, match=rule):
        act(**fields)
    assert not ConsentRecord.objects.exists()


def test_an_act_is_neither_changed_nor_removed(act: Callable[..., ConsentRecord]) -> None:
    record = act(granted_at=AT)
    record.status = "denied"
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL ponte.retention = 'off'")  # tests are retention, which alone may remove
    attempts: list[Callable[[], Any]] = [
        lambda: record.save(),
        lambda: record.delete(),
        lambda: ConsentRecord.objects.update(consent_version="2"),
        lambda: connection.cursor().execute("DELETE FROM consent_records"),
    ]
    for attempt in attempts:
        with pytest.raises(IntegrityError, match="consent_records is insert-only"), transaction.atomic():
            attempt()
    stored = ConsentRecord.objects.get()
    assert (stored.status, stored.consent_version) == ("granted", "1")


def test_the_table_has_the_columns_and_indexes_of_the_seed() -> None:
    with connection.cursor() as cursor:
        columns = {column.name for column in connection.introspection.get_table_description(cursor, "consent_records")}
        constraints = connection.introspection.get_constraints(cursor, "consent_records")
    assert columns == {
        "id", "contact_id", "chatwoot_contact_id", "krayin_lead_id", "consent_type", "status", "granted_at",
        "withdrawn_at", "ip_address", "user_agent", "consent_text", "consent_version", "created_at", "updated_at",
    }  # fmt: skip
    assert {name for name in constraints if name.startswith("idx_")} == {
        "idx_consent_contact_type", "idx_consent_chatwoot_contact", "idx_consent_status", "idx_consent_created_at",
        "idx_consent_valid",
    }  # fmt: skip
