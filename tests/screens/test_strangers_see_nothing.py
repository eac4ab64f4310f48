"""Every address of the admin: closed to the unknown, empty for other clinics, and for each role what is its own."""

import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import NoReverseMatch, URLPattern, URLResolver, reverse
from django.urls.converters import UUIDConverter
from factories import NAME, PHONE, signed_in, user

from audit.models import AuditLog
from bridge.models import Connection, Effect, Lane, ObservedContact, WebhookEvent
from consent.models import Clinic, Membership, User
from consent.roles import Role
from screens.pages import main_of

pytestmark = pytest.mark.django_db(databases=["default", "audit"])

OWN = {"audit", "bridge", "consent", "insights"}
# Addresses that everybody may open: they let people in or out, lead to the start page, or hold no data.
OPEN = {"login", "logout", "jsi18n", "sidebar_history", "app_list", "password_change", "password_change_done"}
OPERATION = {"webhookevent", "contactmapping", "stagechangelog", "failedwebhook", "observedcontact"}


def patterns(found: list[Any], prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    """Each address of the admin with its name."""
    for one in found:
        if isinstance(one, URLResolver):
            yield from patterns(one.url_patterns, prefix)
        elif one.name:
            yield f"admin:{one.name}", one


ADDRESSES = dict(patterns(admin.site.get_urls()))


def own_models() -> list[type]:
    return [model for model in admin.site._registry if model._meta.app_label in OWN]


def filled(name: str, pattern: URLPattern, of: Connection) -> str:
    """An address with every placeholder filled from the rows of a connection's clinic."""
    values: dict[str, Any] = {
        "connection_id": of.pk, "cause": "KRAYIN_REJECTED", "number": 1287, "content_type_id": 1, "app_label": "bridge",
        "url": "nowhere/",
        "effect_id": Effect.objects.filter(connection=of).values_list("pk", flat=True).first(), "kind": "replay",
    }  # fmt: skip
    model = next((m for m in admin.site._registry if name.startswith(f"admin:{label(m)}_")), None)
    row = row_of(model, of) if model else None
    wanted = pattern.pattern.converters or pattern.pattern.regex.groupindex
    chosen = {key: values.get(key, row.pk if row is not None else 1) for key in wanted}
    chosen |= {key: uuid.uuid4() for key, one in pattern.pattern.converters.items() if isinstance(one, UUIDConverter)
               and not isinstance(chosen[key], uuid.UUID)}  # fmt: skip
    try:
        return reverse(name, kwargs=chosen)
    except NoReverseMatch:
        return reverse(name, args=list(chosen.values()))


def label(model: type) -> str:
    return f"{model._meta.app_label}_{model._meta.model_name}"


def row_of(model: type, of: Connection) -> Any:
    """A row of the connection's clinic."""
    if model is Clinic:
        return of.clinic
    if model in (User, Membership):
        member = Membership.objects.filter(clinic=of.clinic).first()
        return member.user if member and model is User else member
    if model is AuditLog:
        return AuditLog.objects.filter(clinic_id=of.clinic_id).first()
    if model is Connection:
        return of
    if any(field.name == "connection" for field in model._meta.get_fields()):
        return model._default_manager.filter(connection=of).first()
    return None


def fingerprint() -> tuple[Any, ...]:
    """What a stranger must not change."""
    return (
        list(WebhookEvent.objects.order_by("pk").values_list("pk", "status")),
        list(Effect.objects.order_by("pk").values_list("pk", "state")),
        list(Lane.objects.order_by("lane_key").values_list("lane_key", "dirty")),
        list(Connection.objects.order_by("pk").values_list("pk", "name", "state", "breakers__paused_until")),
        list(Clinic.objects.order_by("pk").values()),
    )


# Without account ------------------------------------------------------------------------------------------------------


def test_the_walk_knows_the_addresses() -> None:
    assert len(ADDRESSES) > 60
    for name in ("trace", "trace_sync_now", "trace_unread", "failedwebhook_group", "failedwebhook_reprocess",
                 "failedwebhook_try_now", "webhookevent_read_again", "connection_changelist"):  # fmt: skip
        assert f"admin:bridge_{name}" in ADDRESSES


@pytest.mark.parametrize("method", ["get", "post"])
def test_without_account_every_address_leads_to_the_sign_in(sol: Connection, method: str) -> None:
    user(Role.CLINIC_MANAGER, sol.clinic)
    client, before = Client(), fingerprint()
    for name, pattern in ADDRESSES.items():
        if name.removeprefix("admin:") in OPEN:
            continue
        address = filled(name, pattern, sol)
        response = getattr(client, method)(address)
        assert response.status_code == 302, address
        assert response["Location"].startswith(reverse("admin:login")), address
    assert fingerprint() == before


# Of another clinic ----------------------------------------------------------------------------------------------------

STRANGERS = [Role.CLINIC_MANAGER, Role.TECHNICAL_ADMIN, Role.SUPERVISOR, Role.DPO, Role.AUDITOR]


@pytest.mark.parametrize("role", STRANGERS)
def test_lists_of_another_clinics_member_hold_nothing_of_ours(sol: Connection, lua: Connection, role: Role) -> None:
    client = signed_in(role, lua.clinic)
    ours = set(ObservedContact.objects.filter(connection=sol).values_list("pk", flat=True))
    for model in own_models():
        response = client.get(reverse(f"admin:{label(model)}_changelist"), follow=True)
        if response.status_code == 403:
            continue
        assert response.status_code == 200, model
        content = response.content.decode()
        assert "Clínica Sol" not in content, model
        assert not any(str(pk) in content for pk in ours), model
        changelist = response.context.get("cl")
        for row in changelist.result_list if changelist else ():
            assert getattr(row, "connection_id", lua.pk) == lua.pk, model


@pytest.mark.parametrize("role", STRANGERS)
@pytest.mark.parametrize("method", ["get", "post"])
def test_our_objects_do_not_exist_for_another_clinics_member(
    sol: Connection, lua: Connection, role: Role, method: str
) -> None:
    user(Role.CLINIC_MANAGER, sol.clinic)
    client = signed_in(role, lua.clinic)
    before = fingerprint()
    for name, pattern in ADDRESSES.items():
        model = next((m for m in own_models() if name.startswith(f"admin:{label(m)}_")), None)
        if "trace_unread" not in name and (model is None or not pattern.pattern.converters):
            continue
        if model is not None and row_of(model, sol) is None:
            continue
        address = filled(name, pattern, sol)
        response = getattr(client, method)(address, {"post": "yes", "name": "X", "trade_name": "X"})
        assert response.status_code in (403, 404, 405), (address, response.status_code)
        if method == "get" and role == Role.CLINIC_MANAGER and name.endswith("_change") and "audit" not in name:
            assert response.status_code == 404, address
    assert fingerprint() == before


def test_actions_do_not_reach_another_clinics_rows(sol: Connection, lua: Connection) -> None:
    client = signed_in(Role.CLINIC_MANAGER, lua.clinic)
    parked = WebhookEvent.objects.get(connection=sol, status="parked")
    person = ObservedContact.objects.filter(connection=sol).first()
    assert person is not None
    before = fingerprint()
    posts: list[tuple[str, dict[str, Any]]] = [
        ("bridge_webhookevent_changelist", {"action": "read_again", "_selected_action": [parked.pk]}),
        ("bridge_webhookevent_read_again", {"event": [parked.pk], "confirmed": "1"}),
        ("bridge_failedwebhook_reprocess", {"connection": sol.pk, "cause": "KRAYIN_REJECTED", "confirmed": "1"}),
        ("bridge_failedwebhook_reprocess", {"connection": "x", "cause": "KRAYIN_REJECTED", "confirmed": "1"}),
        ("bridge_failedwebhook_try_now", {"connection": [sol.pk]}),
        ("bridge_trace_sync_now", {"contact": str(person.pk)}),
    ]
    for name, data in posts:
        response = client.post(reverse(f"admin:{name}"), data)
        assert response.status_code in (200, 302, 403, 404), name
        assert fingerprint() == before, name
    narrowed = client.get(reverse("admin:bridge_failedwebhook_changelist"), {"connection": sol.pk})
    assert narrowed.status_code == 404


def test_a_mixed_choice_reaches_only_the_own_clinic(sol: Connection, lua: Connection) -> None:
    client = signed_in(Role.CLINIC_MANAGER, lua.clinic)
    ids = list(WebhookEvent.objects.filter(status="parked").values_list("pk", flat=True))
    client.post(reverse("admin:bridge_webhookevent_read_again"), {"event": ids, "confirmed": "1"})
    assert WebhookEvent.objects.get(pk__in=ids, connection=sol).status == "parked"
    assert WebhookEvent.objects.get(pk__in=ids, connection=lua).status == "received"


def relations() -> list[tuple[type, Any]]:
    """Every relation that some page could offer an autocomplete for."""
    return [
        (model, field)
        for model in own_models()
        for field in model._meta.get_fields()
        if getattr(field, "remote_field", None) and field.concrete and field.remote_field.model in admin.site._registry
    ]


@pytest.mark.parametrize("role", [Role.CLINIC_MANAGER, Role.TECHNICAL_ADMIN, Role.SUPERVISOR])
def test_autocompletes_offer_nothing_of_another_clinic(sol: Connection, lua: Connection, role: Role) -> None:
    owner = user(Role.CLINIC_MANAGER, sol.clinic)
    client = signed_in(role, lua.clinic)
    foreign = {Connection: sol.pk, Clinic: sol.clinic_id, User: owner.pk}
    asked = relations()
    assert len(asked) >= 5
    for model, field in asked:
        query = {"app_label": model._meta.app_label, "model_name": model._meta.model_name, "field_name": field.name}
        response = client.get(f"{reverse('admin:autocomplete')}?{urlencode({**query, 'term': ''})}")
        assert response.status_code in (200, 403, 404), query
        if response.status_code == 200:
            names = " ".join(result["text"] for result in response.json()["results"])
            assert "Sol" not in names, query
            assert owner.email not in names, query
            offered = {result["id"] for result in response.json()["results"]}
            assert str(foreign.get(field.remote_field.model, "")) not in offered, query


# Each role in its own clinic ------------------------------------------------------------------------------------------

OPERATORS = {Role.TECHNICAL_ADMIN, Role.CLINIC_MANAGER, Role.SUPERVISOR}


@pytest.mark.parametrize("role", list(Role))
def test_each_role_opens_the_operation_or_is_refused(sol: Connection, role: Role) -> None:
    client = signed_in(role, sol.clinic)
    # Attendants and integrations have no screens at all: they are sent to the sign-in.
    refused = 302 if role in {Role.ATTENDANT, Role.INTEGRATION} else 403
    for name in ("bridge_trace", *(f"bridge_{model}_changelist" for model in OPERATION - {"observedcontact"})):
        expected = 200 if role in OPERATORS else refused
        assert client.get(reverse(f"admin:{name}")).status_code == expected, name
    searched = client.post(reverse("admin:bridge_trace"), {"q": PHONE})
    assert searched.status_code in ({200, 302} if role in OPERATORS else {refused})


@pytest.mark.parametrize("role", [role for role in Role if role not in {Role.TECHNICAL_ADMIN, Role.CLINIC_MANAGER}])
def test_who_may_not_act_changes_nothing(sol: Connection, role: Role) -> None:
    client = signed_in(role, sol.clinic)
    parked = WebhookEvent.objects.get(connection=sol, status="parked")
    person = ObservedContact.objects.filter(connection=sol).first()
    assert person is not None
    before = fingerprint()
    for name, data in (
        ("webhookevent_read_again", {"event": parked.pk, "confirmed": "1"}),
        ("failedwebhook_reprocess", {"connection": sol.pk, "cause": "UNREADABLE", "confirmed": "1"}),
        ("failedwebhook_try_now", {"connection": sol.pk}),
        ("trace_sync_now", {"contact": str(person.pk)}),
    ):
        client.post(reverse(f"admin:bridge_{name}"), data)
        assert fingerprint() == before, name


@pytest.mark.parametrize("role", [*sorted(OPERATORS), None])
def test_no_screen_shows_a_full_name_or_phone(sol: Connection, role: Role | None) -> None:
    client = signed_in(role, sol.clinic) if role else signed_in(None)
    person = ObservedContact.objects.filter(connection=sol, has_phone=True).first()
    assert person is not None
    addresses = [reverse("admin:index")]
    addresses += [reverse(f"admin:bridge_{model}_changelist") for model in sorted(OPERATION)]
    addresses.append(reverse("admin:bridge_observedcontact_change", args=[person.pk]))
    addresses.append(reverse("admin:bridge_failedwebhook_group", args=[sol.pk, "KRAYIN_REJECTED"]))
    seen = ""
    for address in addresses:
        response = client.get(address, follow=True)
        assert response.status_code == 200, address
        content = response.content.decode()
        for personal in (NAME, NAME.split()[0], PHONE[:-2], "98765"):
            assert personal not in content, address
        seen += main_of(response)
    assert person.mask in seen


def test_an_address_that_does_not_exist_is_404_like_a_foreign_one(sol: Connection, lua: Connection) -> None:
    client = signed_in(Role.CLINIC_MANAGER, lua.clinic)
    foreign = ObservedContact.objects.filter(connection=sol).first()
    assert foreign is not None
    for pk in (foreign.pk, uuid.uuid4(), "x"):
        assert client.get(reverse("admin:bridge_observedcontact_change", args=[pk])).status_code == 404
