"""Nobody changes or removes an audit row; the table is cut by quarters and has the seed's shape as a view."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from audit.models import AuditLog
from audit.services import record
from config.db import partitions
from config.db.partitions import Step

pytestmark = pytest.mark.django_db


@pytest.fixture
def row() -> AuditLog:
    record(
        action="reveal",
        actor_type="system",
        actor_id="lanes",
        object_type="consent.Clinic",
        object_id="12",
        fields=["name"],
        own_connection=False,
    )
    return AuditLog.objects.get()


def test_a_row_is_neither_changed_nor_removed(row: AuditLog) -> None:
    partition = "SELECT tableoid::regclass::text FROM audit_logs"
    with connection.cursor() as cursor:
        cursor.execute(partition)
        (name,) = cursor.fetchone()
    attempts: list[Callable[[], Any]] = [
        lambda: AuditLog.objects.update(outcome="denied"),
        lambda: AuditLog.objects.filter(pk=row.pk).delete(),
        lambda: row.delete(),
        lambda: row.save(),
        lambda: connection.cursor().execute("UPDATE audit_logs SET action = 'login'"),
        lambda: connection.cursor().execute(f"UPDATE {name} SET action = 'login'"),
        lambda: connection.cursor().execute(f"DELETE FROM {name}"),
    ]
    for attempt in attempts:
        with pytest.raises(DatabaseError, match=r"is insert-only|permission denied"), transaction.atomic():
            attempt()
    stored = AuditLog.objects.get()
    assert (stored.pk, stored.action, stored.outcome) == (row.pk, "reveal", "ok")


def test_no_column_is_meant_for_personal_data() -> None:
    with connection.cursor() as cursor:
        columns = {column.name for column in connection.introspection.get_table_description(cursor, "audit_logs")}
    assert columns == {
        "id", "created_at", "action", "actor_type", "user_id", "actor_ref", "clinic_id", "subject", "object_type",
        "object_id", "fields", "purpose", "outcome", "reason_code", "request_id", "access_ref", "version", "key_id",
        "row_mac",
    }  # fmt: skip


def test_the_view_has_the_columns_of_the_seed(row: AuditLog) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM audit_logs_seed")
        names = [column.name for column in cursor.description]
        (seen,) = cursor.fetchall()
    assert dict(zip(names, seen, strict=True)) == {
        "id": row.pk,
        "user_id": None,
        "action": "reveal",
        "model": "consent.Clinic",
        "model_id": 12,
        "changes": '["name"]',
        "ip_address": None,
        "user_agent": None,
        "created_at": row.timestamp,
    }


def test_the_view_leaves_out_ids_that_are_no_numbers() -> None:
    record(action="reveal", actor_type="system", object_id="0f8fad5b-d9cb", own_connection=False)
    with connection.cursor() as cursor:
        cursor.execute("SELECT model_id FROM audit_logs_seed")
        assert cursor.fetchall() == [(None,)]


def test_rows_are_kept_by_quarter() -> None:
    assert partitions.Partitioned("audit_logs", "created_at", Step.QUARTER, insert_only=True) in partitions.registered()
    now = datetime.now(UTC)
    planned = partitions.plan(now, tables=[p for p in partitions.registered() if p.table == "audit_logs"])
    assert planned == []


@pytest.mark.parametrize(
    "index",
    ["user", "model", "action", "created_at", "clinic", "subject"],
)
def test_the_questions_asked_of_the_trail_have_indexes(index: str) -> None:
    with connection.cursor() as cursor:
        constraints = connection.introspection.get_constraints(cursor, "audit_logs")
    assert constraints[f"idx_audit_logs_{index}"]["index"]
    assert "created_at" in constraints[f"idx_audit_logs_{index}"]["columns"]
