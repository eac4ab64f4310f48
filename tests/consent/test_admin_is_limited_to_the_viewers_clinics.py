"""The admin shows, offers and changes only what belongs to the viewer's clinics; the rest does not exist."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from audit.models import AuditLog
from consent.models import Clinic, Membership, User
from consent.roles import Role
from consent.scope import ClinicScopedAdmin

pytestmark = pytest.mark.django_db(databases=["default", "audit"])

CLINIC_FIELDS = {"trade_name": "Clínica Sol", "legal_name": "Sol Ltda", "time_zone": "America/Sao_Paulo"}


@pytest.fixture
def manager(make_user: Callable[..., User], clinic: Clinic) -> User:
    return make_user("gestao@sol.example", (Role.CLINIC_MANAGER, clinic))


@pytest.fixture
def stranger(make_user: Callable[..., User], other_clinic: Clinic) -> User:
    return make_user("gestao@lua.example", (Role.CLINIC_MANAGER, other_clinic))


@pytest.fixture
def root(make_user: Callable[..., User]) -> User:
    return make_user("root@ponte.example", is_superuser=True)


def page(model: type, name: str, *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{name}", args=args)


def listed(client: Client, model: type, query: str = "") -> set[Any]:
    response = client.get(page(model, "changelist") + query)
    assert response.status_code == 200
    return set(response.context["cl"].result_list)


# Seeing ---------------------------------------------------------------------------------------------------------------


def test_lists_hold_the_viewers_clinics_only(
    sign_in: Callable[[User], Client], manager: User, stranger: User, clinic: Clinic, other_clinic: Clinic
) -> None:
    client = sign_in(manager)
    assert listed(client, Clinic) == {clinic}
    assert listed(client, User) == {manager}
    assert listed(client, Membership) == set(manager.memberships.all())


def test_a_superuser_sees_all(
    sign_in: Callable[[User], Client], root: User, manager: User, clinic: Clinic, other_clinic: Clinic
) -> None:
    client = sign_in(root)
    assert listed(client, Clinic) == {clinic, other_clinic}
    assert listed(client, User) == {root, manager}


@pytest.mark.parametrize("name", ["change", "delete", "history"])
def test_another_clinics_object_is_404_as_if_it_did_not_exist(
    sign_in: Callable[[User], Client], manager: User, stranger: User, other_clinic: Clinic, name: str
) -> None:
    client = sign_in(manager)
    foreign = [other_clinic, stranger, stranger.memberships.get()]
    for obj in foreign:
        expected = client.get(page(type(obj), name, 987654))
        assert client.get(page(type(obj), name, obj.pk)).status_code == expected.status_code
        assert client.post(page(type(obj), name, obj.pk), {"post": "yes"}).status_code in (403, 404, 405)
    assert client.get(page(Clinic, "change", other_clinic.pk)).status_code == 404
    assert Clinic.objects.filter(pk=other_clinic.pk).exists()


def test_every_own_page_of_these_apps_is_scoped() -> None:
    own = {"consent", "audit", "bridge", "insights"}
    pages = {model: site for model, site in admin.site._registry.items() if model._meta.app_label in own}
    assert {Clinic, User, Membership, AuditLog} <= set(pages)
    assert [model for model, site in pages.items() if not isinstance(site, ClinicScopedAdmin)] == []


@pytest.mark.parametrize("role", [Role.ATTENDANT, Role.INTEGRATION])
def test_roles_without_screens_do_not_get_in(
    sign_in: Callable[[User], Client], make_user: Callable[..., User], clinic: Clinic, role: Role
) -> None:
    client = sign_in(make_user("a@sol.example", (role, clinic)))
    assert client.get(reverse("admin:index")).status_code == 302


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        (Role.TECHNICAL_ADMIN, {Clinic, User, Membership}),
        (Role.CLINIC_MANAGER, {Clinic, User, Membership}),
        (Role.SUPERVISOR, set()),
        (Role.DPO, {Clinic, AuditLog}),
        (Role.DPO_SUBSTITUTE, {Clinic, AuditLog}),
        (Role.AUDITOR, {AuditLog}),
    ],
)
def test_each_role_opens_its_own_lists(
    sign_in: Callable[[User], Client], make_user: Callable[..., User], clinic: Clinic, role: Role, allowed: set[type]
) -> None:
    client = sign_in(make_user("a@sol.example", (role, clinic)))
    statuses = {
        model: client.get(page(model, "changelist")).status_code for model in (Clinic, User, Membership, AuditLog)
    }
    assert statuses == {model: 200 if model in allowed else 403 for model in statuses}


def test_a_role_in_one_clinic_opens_nothing_in_another(
    sign_in: Callable[[User], Client], make_user: Callable[..., User], clinic: Clinic, other_clinic: Clinic
) -> None:
    both = make_user("a@sol.example", (Role.CLINIC_MANAGER, clinic), (Role.AUDITOR, other_clinic))
    client = sign_in(both)
    assert listed(client, Clinic) == {clinic}
    foreign = AuditLog.objects.get(object_type="consent.Clinic", object_id=str(clinic.pk))
    own = AuditLog.objects.get(object_type="consent.Clinic", object_id=str(other_clinic.pk))
    statuses = [client.get(page(AuditLog, "change", row.pk)).status_code for row in (own, foreign)]
    assert statuses == [200, 404]


# Choosing -------------------------------------------------------------------------------------------------------------


def autocomplete(client: Client, term: str = "") -> list[str]:
    query = {"app_label": "consent", "model_name": "membership", "field_name": "user", "term": term}
    response = client.get(f"{reverse('admin:autocomplete')}?{urlencode(query)}")
    assert response.status_code == 200
    return [result["text"] for result in response.json()["results"]]


def test_autocompletes_offer_the_viewers_clinics_only(
    sign_in: Callable[[User], Client], manager: User, stranger: User
) -> None:
    client = sign_in(manager)
    assert autocomplete(client) == ["gestao@sol.example"]
    assert autocomplete(client, "lua") == []


def test_forms_offer_the_clinics_the_viewer_manages(
    sign_in: Callable[[User], Client],
    make_user: Callable[..., User],
    make_clinic: Callable[..., Clinic],
    clinic: Clinic,
    other_clinic: Clinic,
) -> None:
    make_clinic("Clínica Mar")
    both = make_user("a@sol.example", (Role.CLINIC_MANAGER, clinic), (Role.DPO, other_clinic))
    form = sign_in(both).get(page(Membership, "add")).context["adminform"].form
    assert list(form.fields["clinic"].queryset) == [clinic]
    assert form.fields["clinic"].required
    assert Role.TECHNICAL_ADMIN not in dict(form.fields["role"].choices)


def test_a_foreign_clinic_cannot_be_posted(
    sign_in: Callable[[User], Client],
    manager: User,
    make_user: Callable[..., User],
    clinic: Clinic,
    other_clinic: Clinic,
) -> None:
    bia = make_user("bia@sol.example", (Role.SUPERVISOR, clinic))
    client = sign_in(manager)
    for choice in ({"clinic": other_clinic.pk, "role": "dpo"}, {"clinic": clinic.pk, "role": "technical_admin"}):
        assert client.post(page(Membership, "add"), {"user": bia.pk, **choice}).status_code == 200
    assert list(bia.memberships.values_list("role", flat=True)) == ["supervisor"]
    assert client.post(page(Membership, "add"), {"user": bia.pk, "clinic": clinic.pk, "role": "dpo"}).status_code == 302
    assert set(bia.memberships.values_list("role", flat=True)) == {"supervisor", "dpo"}


def test_a_foreign_person_cannot_be_posted(
    sign_in: Callable[[User], Client], manager: User, stranger: User, clinic: Clinic
) -> None:
    grant = {"user": stranger.pk, "clinic": clinic.pk, "role": "supervisor"}
    assert sign_in(manager).post(page(Membership, "add"), grant).status_code == 200
    assert stranger.memberships.count() == 1


def test_filters_offer_the_viewers_clinics_only(
    sign_in: Callable[[User], Client], manager: User, clinic: Clinic, other_clinic: Clinic
) -> None:
    content = sign_in(manager).get(page(Membership, "changelist")).content.decode()
    assert "Clínica Sol" in content
    assert "Clínica Lua" not in content


# Acting ---------------------------------------------------------------------------------------------------------------


def confirm(client: Client, *clinics: Clinic) -> int:
    data = {"action": "confirm_policy", "_selected_action": [clinic.pk for clinic in clinics]}
    return client.post(page(Clinic, "changelist"), data).status_code


def test_actions_reach_only_clinics_where_the_viewer_may_act(
    sign_in: Callable[[User], Client], make_user: Callable[..., User], clinic: Clinic, other_clinic: Clinic
) -> None:
    dpo = make_user("dpo@sol.example", (Role.DPO, clinic), (Role.CLINIC_MANAGER, other_clinic))
    before = timezone.now()
    assert confirm(sign_in(dpo), clinic, other_clinic) == 302
    clinic.refresh_from_db()
    other_clinic.refresh_from_db()
    assert (clinic.policy_version, clinic.policy_confirmed_by) == ("1", dpo)
    assert clinic.policy_confirmed_at >= before
    assert other_clinic.policy_version == ""


def test_the_management_does_not_confirm_for_the_dpo(
    sign_in: Callable[[User], Client], manager: User, clinic: Clinic
) -> None:
    confirm(sign_in(manager), clinic)
    clinic.refresh_from_db()
    assert clinic.policy_version == ""


def test_the_dpo_sees_the_clinic_without_changing_it(
    sign_in: Callable[[User], Client], make_user: Callable[..., User], clinic: Clinic
) -> None:
    client = sign_in(make_user("dpo@sol.example", (Role.DPO, clinic)))
    assert client.get(page(Clinic, "change", clinic.pk)).status_code == 200
    assert client.post(page(Clinic, "change", clinic.pk), {**CLINIC_FIELDS, "trade_name": "X"}).status_code == 403
    clinic.refresh_from_db()
    assert clinic.trade_name == "Clínica Sol"


def test_the_management_changes_its_clinic_and_adds_none(
    sign_in: Callable[[User], Client], manager: User, clinic: Clinic
) -> None:
    client = sign_in(manager)
    data = {**CLINIC_FIELDS, "cnpj": "11.222.333/0001-81", "dpo_name": "Maria da Silva"}
    assert client.post(page(Clinic, "change", clinic.pk), data).status_code == 302
    clinic.refresh_from_db()
    assert (clinic.cnpj, clinic.dpo_name) == ("11222333000181", "Maria da Silva")
    assert client.get(page(Clinic, "add")).status_code == 403


def test_a_wrong_cnpj_is_shown_as_an_error(sign_in: Callable[[User], Client], manager: User, clinic: Clinic) -> None:
    response = sign_in(manager).post(page(Clinic, "change", clinic.pk), {**CLINIC_FIELDS, "cnpj": "11222333000180"})
    assert "cnpj" in response.context["adminform"].form.errors
    clinic.refresh_from_db()
    assert clinic.cnpj is None


# Accounts -------------------------------------------------------------------------------------------------------------

NO_INLINES = {"memberships-TOTAL_FORMS": "0", "memberships-INITIAL_FORMS": "0"}


def new_account(**grant: Any) -> dict[str, Any]:
    data = {"email": "bia@sol.example", "name": "Bia", "memberships-TOTAL_FORMS": "1"}
    row = {f"memberships-0-{key}": value for key, value in grant.items()}
    return {**data, "memberships-INITIAL_FORMS": "0", **row}


def test_the_management_adds_a_colleague_to_its_clinic(
    sign_in: Callable[[User], Client], manager: User, clinic: Clinic
) -> None:
    response = sign_in(manager).post(page(User, "add"), new_account(clinic=clinic.pk, role="supervisor"))
    assert response.status_code == 200
    bia = User.objects.get(email="bia@sol.example")
    assert bia.grants == {(clinic.pk, Role.SUPERVISOR)}
    assert bia.invited_by == manager
    assert not bia.has_usable_password()


def test_an_account_without_a_clinic_or_in_a_foreign_one_is_refused(
    sign_in: Callable[[User], Client], manager: User, other_clinic: Clinic
) -> None:
    client = sign_in(manager)
    for grant in ({}, {"clinic": other_clinic.pk, "role": "supervisor"}):
        assert client.post(page(User, "add"), new_account(**grant)).status_code == 200
    assert not User.objects.filter(email="bia@sol.example").exists()


def test_nobody_changes_their_own_roles(sign_in: Callable[[User], Client], manager: User, clinic: Clinic) -> None:
    client, own = sign_in(manager), manager.memberships.get()
    grant = {"user": manager.pk, "clinic": clinic.pk, "role": "dpo"}
    assert client.post(page(Membership, "add"), grant).status_code == 200
    assert client.post(page(Membership, "change", own.pk), {"role": "dpo"}).status_code == 403
    assert client.post(page(Membership, "delete", own.pk), {"post": "yes"}).status_code == 403
    row = {"memberships-0-clinic": clinic.pk, "memberships-0-role": "dpo"}
    account = {"name": "Gestão", "is_active": "on", "memberships-TOTAL_FORMS": "1", "memberships-INITIAL_FORMS": "0"}
    client.post(page(User, "change", manager.pk), {**account, **row})
    assert list(manager.memberships.values_list("role", flat=True)) == ["clinic_manager"]


def test_the_management_hands_nobody_the_superuser_flag_or_another_address(
    sign_in: Callable[[User], Client], manager: User, make_user: Callable[..., User], clinic: Clinic
) -> None:
    bia = make_user("bia@sol.example", (Role.SUPERVISOR, clinic))
    data = {"name": "Bia", "is_active": "on", "is_superuser": "on", "email": "x@x.example", **NO_INLINES}
    assert sign_in(manager).post(page(User, "change", bia.pk), data).status_code == 302
    bia.refresh_from_db()
    assert (bia.name, bia.email, bia.is_superuser) == ("Bia", "bia@sol.example", False)


def test_an_account_reaching_into_another_clinic_is_not_changed_from_one(
    sign_in: Callable[[User], Client],
    manager: User,
    make_user: Callable[..., User],
    clinic: Clinic,
    other_clinic: Clinic,
) -> None:
    bia = make_user("bia@sol.example", (Role.SUPERVISOR, clinic), (Role.DPO, other_clinic))
    client = sign_in(manager)
    response = client.get(page(User, "change", bia.pk))
    assert response.status_code == 200
    assert "Clínica Lua" not in response.content.decode()
    assert client.post(page(User, "change", bia.pk), {"name": "X", **NO_INLINES}).status_code == 403


@pytest.mark.parametrize("role", [Role.CLINIC_MANAGER, Role.TECHNICAL_ADMIN])
def test_setting_a_colleagues_password_takes_a_superuser(
    sign_in: Callable[[User], Client], make_user: Callable[..., User], root: User, clinic: Clinic, role: Role
) -> None:
    bia = make_user("bia@sol.example", (Role.DPO, clinic))
    url = reverse("admin:auth_user_password_change", args=[bia.pk])
    new = {"password1": "senha-muito-longa-2", "password2": "senha-muito-longa-2", "usable_password": "true"}
    assert sign_in(make_user("a@sol.example", (role, clinic))).post(url, new).status_code == 403
    assert sign_in(root).post(url, new).status_code == 302
    bia.refresh_from_db()
    assert bia.check_password("senha-muito-longa-2")


def test_a_strangers_password_page_is_404(sign_in: Callable[[User], Client], manager: User, stranger: User) -> None:
    url = reverse("admin:auth_user_password_change", args=[stranger.pk])
    assert sign_in(manager).get(url).status_code == 404


# What the admin writes down -------------------------------------------------------------------------------------------


def test_djangos_own_log_names_fields_and_ids_only(
    sign_in: Callable[[User], Client], root: User, clinic: Clinic
) -> None:
    client = sign_in(root)
    client.post(page(Clinic, "change", clinic.pk), {**CLINIC_FIELDS, "dpo_name": "Maria da Silva"})
    client.post(page(User, "add"), new_account(clinic=clinic.pk, role="supervisor"))
    bia = User.objects.get(email="bia@sol.example")
    client.post(page(Membership, "delete", bia.memberships.get().pk), {"post": "yes"})
    entries = list(LogEntry.objects.order_by("pk"))
    assert [entry.action_flag for entry in entries] == [2, 1, 3]
    assert [entry.object_repr for entry in entries[:2]] == [f"consent.Clinic {clinic.pk}", f"consent.User {bia.pk}"]
    written = " ".join(f"{entry.object_repr} {entry.change_message}" for entry in entries)
    for value in ("Maria", "Bia", "bia@", "Clínica", "Sol"):
        assert value not in written
    # The history of an object is its audit, which has a page of its own.
    assert client.get(page(Clinic, "history", clinic.pk), follow=True).status_code == 200


def test_lists_open_nothing_and_leave_no_row(sign_in: Callable[[User], Client], root: User, clinic: Clinic) -> None:
    client, before = sign_in(root), AuditLog.objects.count()
    for model in (Clinic, User, Membership):
        listed(client, model)
    assert AuditLog.objects.count() == before


def test_the_trail_cannot_be_written_from_the_admin(
    sign_in: Callable[[User], Client], root: User, clinic: Clinic
) -> None:
    client, row = sign_in(root), AuditLog.objects.latest()
    assert client.get(page(AuditLog, "add")).status_code == 403
    assert client.post(page(AuditLog, "delete", row.pk), {"post": "yes"}).status_code == 403
    client.post(page(AuditLog, "change", row.pk), {"outcome": "denied"})
    assert AuditLog.objects.filter(pk=row.pk, outcome="ok").exists()


@pytest.mark.parametrize("model", [Clinic, User, Membership])
def test_lists_take_few_queries(
    sign_in: Callable[[User], Client],
    make_user: Callable[..., User],
    make_clinic: Callable[..., Clinic],
    django_assert_max_num_queries: Callable[..., Any],
    model: type,
) -> None:
    clinics = [make_clinic(f"Clínica {number}") for number in range(5)]
    for number, clinic in enumerate(clinics):
        make_user(f"p{number}@sol.example", (Role.SUPERVISOR, clinic), (Role.DPO, clinic))
    grants = [(role, clinic) for clinic in clinics for role in (Role.CLINIC_MANAGER, Role.DPO)]
    client = sign_in(make_user("a@sol.example", *grants))
    with django_assert_max_num_queries(15):
        assert listed(client, model)
