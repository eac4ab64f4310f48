"""Rows written by hand: codes, names and ids, committed at once unless they belong to a change."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction

from audit.context import acting_as
from audit.models import AuditLog
from audit.services import Entry, record, record_many
from consent.models import User

pytestmark = pytest.mark.django_db(databases=["default", "audit"])


def rows() -> list[AuditLog]:
    return list(AuditLog.objects.using("audit").order_by("pk"))


def test_a_row_holds_everything_it_was_given(ana: User) -> None:
    pseudonym = uuid4()
    record(
        action="export.download",
        actor_type="staff",
        actor_id=str(ana.pk),
        clinic_id=3,
        subject=pseudonym,
        object_type="consent.Export",
        object_id="9c1d",
        fields=["name", "phone"],
        purpose="dpo",
        outcome="denied",
        reason_code="not_ready",
    )
    (row,) = rows()
    assert (row.action, row.actor_type, row.actor_id, row.actor_ref) == (
        "export.download",
        "staff",
        ana.pk,
        str(ana.pk),
    )
    assert (row.clinic_id, row.subject, row.object_type, row.object_id) == (3, pseudonym, "consent.Export", "9c1d")
    assert (row.fields, row.purpose, row.outcome, row.reason_code) == (["name", "phone"], "dpo", "denied", "not_ready")
    assert row.timestamp is not None


def test_jobs_and_partners_appear_by_name() -> None:
    record(action="login", actor_type="system", actor_id="lanes")
    record(action="login", actor_type="remote", actor_id="krayin:12")
    assert [(row.actor_id, row.actor_ref) for row in rows()] == [(None, "lanes"), (None, "krayin:12")]


def test_many_rows_are_one_query_for_their_numbers_and_one_statement(
    django_assert_num_queries: Callable[..., Any],
) -> None:
    entries = [Entry(action="reveal", actor_type="system", actor_id="lanes", subject=uuid4()) for _ in range(100)]
    with django_assert_num_queries(2, using="audit"), django_assert_num_queries(0):
        record_many(entries)
    assert {row.subject for row in rows()} == {entry.subject for entry in entries}


def test_rows_of_one_request_share_its_id() -> None:
    with acting_as(None, request_id="r-1"):
        record(action="login", actor_type="system")
        record(action="logout", actor_type="system")
    record(action="login", actor_type="system")
    assert [row.request_id for row in rows()] == ["r-1", "r-1", ""]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("action", ""),
        ("action", "Ver ficha"),
        ("actor_type", "robot"),
        ("actor_id", "ana@clinica.example"),
        ("actor_id", "+5511987654321"),
        ("object_id", "Maria da Silva"),
        ("object_type", "contato de Maria"),
        ("fields", ["nome: Maria"]),
        ("purpose", "porque sim"),
        ("outcome", "maybe"),
        ("reason_code", "ligou a Maria"),
    ],
)
def test_free_text_is_refused_and_not_repeated(column: str, value: Any) -> None:
    arguments = {"action": "reveal", "actor_type": "system", column: value}
    with pytest.raises(ValueError, match="unusable") as error:
        record(**arguments)
    assert not value or str(value) not in str(error.value)
    assert rows() == []


def test_staff_are_named_by_the_id_of_their_account() -> None:
    with pytest.raises(ValueError, match="actor_id of staff"):
        record(action="reveal", actor_type="staff", actor_id="ana")


@pytest.mark.django_db(transaction=True, databases=["default", "audit"])
@pytest.mark.parametrize(("own_connection", "survives"), [(True, True), (False, False)])
def test_only_rows_of_the_own_connection_survive_a_rollback(own_connection: bool, survives: bool) -> None:
    with transaction.atomic():
        record(action="reveal", actor_type="system", own_connection=own_connection)
        transaction.set_rollback(True)
    assert bool(rows()) == survives
