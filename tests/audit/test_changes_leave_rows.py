"""Changes of clinics, people and roles leave rows that name the fields, in the same transaction."""

from collections.abc import Callable

import pytest
from auditlog.context import set_actor
from django.contrib.auth import authenticate
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.signals import user_logged_in
from django.db import DatabaseError, connection, transaction
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from audit.context import acting_as
from audit.middleware import ActorMiddleware
from audit.models import AuditLog
from consent.models import Clinic, Membership, User
from consent.roles import Role

pytestmark = pytest.mark.django_db


def rows() -> list[tuple[str, str, str, list[str]]]:
    trail = AuditLog.objects.order_by("pk")
    return [(row.action, row.object_type, row.object_id, row.fields) for row in trail]


def test_creating_changing_and_deleting_a_clinic_is_told_by_field_names(make_clinic: Callable[..., Clinic]) -> None:
    clinic = make_clinic(dpo_name="Maria da Silva", contact_email="contato@sol.example")
    key = str(clinic.pk)
    clinic.dpo_name = "Joana Souza"
    clinic.save()
    clinic.save()
    clinic.delete()
    created, changed, deleted = rows()
    assert created[:3] == ("create", "consent.Clinic", key)
    assert {"dpo_name", "contact_email", "trade_name"} <= set(created[3])
    assert {"id", "memberships", "subjects"}.isdisjoint(created[3])
    assert changed == ("update", "consent.Clinic", key, ["dpo_name"])
    assert deleted[:3] == ("delete", "consent.Clinic", key)


def test_no_value_reaches_a_row(make_clinic: Callable[..., Clinic], ana: User) -> None:
    clinic = make_clinic(dpo_name="Maria da Silva", dpo_contact="11 98765-4321", contact_email="contato@sol.example")
    Membership.objects.create(user=ana, clinic=clinic, role=Role.DPO)
    with set_actor(ana, remote_addr="203.0.113.9"):
        ana.name = "Ana Lima Souza"
        ana.set_password("outra senha bem comprida")
        ana.save()
    with connection.cursor() as cursor:
        cursor.execute("SELECT audit_logs::text FROM audit_logs")
        text = "\n".join(row for (row,) in cursor.fetchall())
    for value in ("Maria", "98765", "sol.example", "Clínica", "ana@", "Lima", "203.0.113.9", "pbkdf2", "$"):
        assert value not in text
    assert AuditLog.objects.filter(object_type="consent.User", action="update").get().fields == ["name", "password"]


def test_rows_are_placed_in_the_clinic(make_clinic: Callable[..., Clinic], ana: User) -> None:
    clinic = make_clinic()
    Membership.objects.create(user=ana, clinic=clinic, role=Role.DPO)
    placed = AuditLog.objects.exclude(object_type="consent.User").values_list("object_type", "clinic_id")
    assert sorted(placed) == [("consent.Clinic", clinic.pk), ("consent.Membership", clinic.pk)]


def test_signing_in_is_no_change_of_the_account(ana: User, rf: RequestFactory) -> None:
    assert authenticate(username=ana.email, password="uma senha bem comprida") == ana
    user_logged_in.send(sender=User, request=rf.get("/"), user=ana)
    ana.refresh_from_db()
    assert ana.last_login is not None
    assert [action for action, *_ in rows()] == ["create"]


def test_saving_without_a_change_leaves_no_row(make_clinic: Callable[..., Clinic]) -> None:
    clinic = make_clinic()
    clinic.save()
    assert [action for action, *_ in rows()] == ["create"]


def test_a_change_that_rolls_back_takes_its_row_along(make_clinic: Callable[..., Clinic]) -> None:
    with transaction.atomic():
        make_clinic()
        transaction.set_rollback(True)
    assert rows() == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("verb", ["create", "delete"])
def test_without_its_row_a_change_does_not_happen(make_clinic: Callable[..., Clinic], verb: str) -> None:
    make_clinic("Clínica Lua")
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE audit_logs ADD CONSTRAINT broken CHECK (action <> '{verb}') NOT VALID")
    try:
        with pytest.raises(DatabaseError):
            Clinic.objects.get().delete() if verb == "delete" else make_clinic()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE audit_logs DROP CONSTRAINT broken")
    assert [clinic.trade_name for clinic in Clinic.objects.all()] == ["Clínica Lua"]


# Who ------------------------------------------------------------------------------------------------------------------


def test_a_change_in_a_request_is_the_signed_in_persons(
    make_clinic: Callable[..., Clinic], ana: User, rf: RequestFactory
) -> None:
    def view(request: HttpRequest) -> HttpResponse:
        make_clinic()
        make_clinic("Clínica Lua")
        return HttpResponse()

    request = rf.post("/")
    request.user = ana
    ActorMiddleware(view)(request)
    first, second = AuditLog.objects.filter(object_type="consent.Clinic")
    assert {(row.actor_type, row.actor_id, row.actor_ref) for row in (first, second)} == {
        ("staff", ana.pk, str(ana.pk))
    }
    assert first.request_id == second.request_id != ""


@pytest.mark.parametrize("user", [None, AnonymousUser()])
def test_without_a_signed_in_person_a_change_is_the_systems(
    make_clinic: Callable[..., Clinic], user: AnonymousUser | None
) -> None:
    with acting_as(user):
        make_clinic()
    row = AuditLog.objects.get()
    assert (row.actor_type, row.actor_id, row.actor_ref) == ("system", None, "")


def test_a_row_outlives_the_account_of_its_actor(make_clinic: Callable[..., Clinic], ana: User) -> None:
    key = ana.pk
    with acting_as(ana):
        make_clinic()
    ana.delete()
    row = AuditLog.objects.filter(object_type="consent.Clinic").get()
    assert (row.actor_id, row.actor_ref) == (key, str(key))


def test_the_trail_of_an_object_is_found(make_clinic: Callable[..., Clinic]) -> None:
    sol, lua = make_clinic(), make_clinic("Clínica Lua")
    assert AuditLog.objects.get_for_object(sol).get().object_id == str(sol.pk)
    assert AuditLog.objects.get_for_objects(Clinic.objects.all()).count() == 2
    assert AuditLog.objects.get_for_model(Clinic).count() == 2
    assert sol != lua
