"""Clinics, staff accounts and memberships hold only what makes sense."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.utils import timezone

from consent.models import Clinic, DataSubject, Membership, User
from consent.roles import CAPABILITIES, SCREEN_ROLES, Capability, Role, roles_with
from consent.scope import clinics_of, has_role
from consent.validators import validate_cnpj

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("cnpj", ["11222333000181", "11444777000161", "12ABC34501DE35"])
def test_a_cnpj_with_right_check_digits_is_accepted(cnpj: str) -> None:
    assert validate_cnpj(cnpj) is None


@pytest.mark.parametrize(
    ("cnpj", "code"),
    [
        ("11222333000180", "cnpj_digits"),
        ("11222333000191", "cnpj_digits"),
        ("12ABC34501DE36", "cnpj_digits"),
        ("00000000000000", "cnpj_form"),
        ("1122233300018", "cnpj_form"),
        ("12abc34501de35", "cnpj_form"),
        ("11222333000A81", "cnpj_digits"),
        ("112223330001X1", "cnpj_form"),
        ("", "cnpj_form"),
    ],
)
def test_a_wrong_cnpj_is_refused(cnpj: str, code: str) -> None:
    with pytest.raises(ValidationError) as error:
        validate_cnpj(cnpj)
    assert error.value.code == code


def test_a_clinic_is_stored_without_the_punctuation_of_its_cnpj() -> None:
    clinic = Clinic(trade_name="Sol", legal_name="Sol Ltda", cnpj="11.222.333/0001-81")
    clinic.full_clean()
    assert clinic.cnpj == "11222333000181"


def test_a_cnpj_belongs_to_one_clinic_but_many_may_have_none(make_clinic: Callable[..., Clinic]) -> None:
    make_clinic("A")
    make_clinic("B", cnpj="11222333000181")
    twin = Clinic(trade_name="C", legal_name="C", cnpj="11222333000181")
    with pytest.raises(ValidationError, match="CNPJ"):
        twin.full_clean()
    make_clinic("D")
    with pytest.raises(IntegrityError, match="uq_clinics_cnpj"):
        twin.save()


@pytest.mark.parametrize("name", ["America/Sao_Paulo", "America/Rio_Branco", "America/Noronha"])
def test_brazilian_zones_are_accepted(make_clinic: Callable[..., Clinic], name: str) -> None:
    make_clinic(time_zone=name).full_clean()
    assert Clinic.objects.get().time_zone == name


@pytest.mark.parametrize("name", ["Brasília", "GMT-3", "America/São_Paulo", "../etc/passwd"])
def test_other_time_zones_are_refused(make_clinic: Callable[..., Clinic], name: str) -> None:
    clinic = make_clinic(time_zone=name)
    with pytest.raises(ValidationError) as error:
        clinic.full_clean()
    assert list(error.value.message_dict) == ["time_zone"]


def test_a_policy_is_confirmed_whole(make_clinic: Callable[..., Clinic]) -> None:
    with pytest.raises(IntegrityError, match="chk_clinics_policy"):
        make_clinic(policy_version="1")


def test_an_account_signs_in_whatever_the_case_of_its_address(make_user: Callable[..., User]) -> None:
    user = make_user(" Ana@Clinica.Example ")
    assert user.email == "ana@clinica.example"
    assert authenticate(username="ANA@clinica.example", password="uma senha bem comprida") == user
    assert authenticate(username="ana@clinica.example", password="outra senha") is None


def test_one_address_is_one_account(make_user: Callable[..., User]) -> None:
    make_user("ana@clinica.example")
    with pytest.raises(IntegrityError):
        make_user("ANA@clinica.example")


def test_an_account_without_password_cannot_sign_in() -> None:
    user = User.objects.create_user("bia@clinica.example")
    assert not user.has_usable_password()


def test_a_superuser_is_made_by_command_arguments() -> None:
    user = User.objects.create_superuser("root@ponte.example", "uma senha bem comprida")
    assert (user.is_superuser, user.is_staff, user.has_perm("any.thing")) == (True, True, True)


@pytest.mark.parametrize("role", Role)
def test_only_a_technical_administrator_may_have_no_clinic(make_user: Callable[..., User], role: Role) -> None:
    user = make_user()
    if role == Role.TECHNICAL_ADMIN:
        assert Membership.objects.create(user=user, role=role).clinic is None
        return
    with pytest.raises(IntegrityError, match="chk_memberships_all_clinics"):
        Membership.objects.create(user=user, role=role)


@pytest.mark.parametrize("in_clinic", [True, False])
def test_a_role_is_granted_once(make_user: Callable[..., User], clinic: Clinic, in_clinic: bool) -> None:
    grant = {"user": make_user(), "clinic": clinic if in_clinic else None, "role": Role.TECHNICAL_ADMIN}
    Membership.objects.create(**grant)
    with pytest.raises(IntegrityError, match="uq_memberships_grant"):
        Membership.objects.create(**grant)


def test_unknown_roles_are_refused(make_user: Callable[..., User], clinic: Clinic) -> None:
    with pytest.raises(IntegrityError, match="chk_memberships_role"):
        Membership.objects.create(user=make_user(), clinic=clinic, role="owner")


# Roles ----------------------------------------------------------------------------------------------------------------


def test_every_role_has_its_capabilities_written_down() -> None:
    assert set(CAPABILITIES) == set(Role)


def test_who_has_no_business_with_personal_data_cannot_reveal_any() -> None:
    reveal = roles_with(Capability.REVEAL_CONTACT, Capability.REVEAL_CLINICAL)
    assert reveal == {Role.CLINIC_MANAGER, Role.SUPERVISOR, Role.DPO, Role.DPO_SUBSTITUTE, Role.ATTENDANT}
    assert roles_with(Capability.REVEAL_CLINICAL) == {Role.CLINIC_MANAGER}


def test_attendants_and_integrations_have_no_screens(make_user: Callable[..., User], clinic: Clinic) -> None:
    assert {Role.ATTENDANT, Role.INTEGRATION}.isdisjoint(SCREEN_ROLES)
    assert not make_user("a@x.example", (Role.ATTENDANT, clinic)).is_staff
    assert make_user("b@x.example", (Role.AUDITOR, clinic)).is_staff


def test_a_role_counts_in_its_clinic_only(make_user: Callable[..., User], clinic: Clinic, other_clinic: Clinic) -> None:
    user = make_user("a@x.example", (Role.CLINIC_MANAGER, clinic), (Role.ATTENDANT, other_clinic))
    assert set(clinics_of(user)) == {clinic, other_clinic}
    assert set(clinics_of(user, Role.CLINIC_MANAGER)) == {clinic}
    assert user.has_role_in(clinic.pk, [Role.CLINIC_MANAGER])
    assert not user.has_role_in(other_clinic.pk, [Role.CLINIC_MANAGER])
    assert has_role(user, Role.ATTENDANT)
    assert not has_role(user, Role.DPO)


def test_a_technical_administrator_of_all_clinics_sees_all_in_that_role_only(
    make_user: Callable[..., User], clinic: Clinic, other_clinic: Clinic
) -> None:
    user = make_user("t@x.example", (Role.TECHNICAL_ADMIN, None))
    assert set(clinics_of(user)) == {clinic, other_clinic}
    assert set(clinics_of(user, Role.DPO)) == set()


@pytest.mark.parametrize("fields", [{"is_active": False}, {"is_active": False, "is_superuser": True}])
def test_a_closed_account_has_no_roles(make_user: Callable[..., User], clinic: Clinic, fields: dict[str, Any]) -> None:
    user = make_user("a@x.example", (Role.DPO, clinic), is_superuser=fields.get("is_superuser", False))
    User.objects.filter(pk=user.pk).update(is_active=False)
    closed = User.objects.get(pk=user.pk)
    assert not has_role(closed, Role.DPO)
    assert not closed.has_role_in(clinic.pk, [Role.DPO])
    assert not closed.has_perm("any.thing")
    assert not clinics_of(closed).exists()


def test_objections_name_known_purposes(make_subject: Callable[..., DataSubject]) -> None:
    with pytest.raises(IntegrityError, match="chk_data_subjects_opposed"):
        make_subject(opposed_purposes=["everything"])


def test_a_person_prints_as_a_part_of_a_random_id(make_subject: Callable[..., DataSubject]) -> None:
    subject = make_subject(blocked_at=timezone.now())
    assert str(subject) == str(subject.pk)[:8]
    assert subject.pseudonym not in (None, subject.pk)
