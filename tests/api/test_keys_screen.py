"""Screen H3: the management makes keys, sees each once, and revokes them; nobody else's clinic is touched."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from factories import signed_in
from screens.pages import text_of

from api.conftest import Program
from bridge.models import ApiKey, Connection
from consent.models import Clinic
from consent.roles import Role

pytestmark = pytest.mark.django_db(databases=["default", "audit"])

KEYS, ADD, REVOKE = (f"admin:bridge_apikey_{name}" for name in ("changelist", "add", "revoke"))
TOKEN = re.compile(r"ponte_[a-z0-9]{10}_[A-Za-z0-9_-]{43}")


@pytest.fixture
def manager(sol: Connection) -> Client:
    return signed_in(Role.CLINIC_MANAGER, sol.clinic)


def wanted(of: Clinic, **more: Any) -> dict[str, Any]:
    return {"client": "Painel da gestão", "clinic": of.pk, "scopes": ["read:connections"], "days": "90",
            "origins": "", **more}  # fmt: skip


def test_a_key_is_shown_once_and_works(sol: Connection, manager: Client) -> None:
    shown = manager.post(reverse(ADD), wanted(sol.clinic))
    assert shown.status_code == 200
    assert "no-store" in shown["Cache-Control"]
    (token,) = set(TOKEN.findall(shown.content.decode()))
    response = Client().get("/api/v1/connections", headers={"Authorization": f"Bearer {token}"})
    assert response.status_code == 200
    row = ApiKey.objects.get()
    assert (row.client, row.clinic, row.scopes) == ("Painel da gestão", sol.clinic, ["read:connections"])
    assert timedelta(days=89) < row.expires_at - timezone.now() <= timedelta(days=90)
    later = [manager.get(reverse(KEYS)), manager.get(reverse("admin:bridge_apikey_change", args=[row.pk]))]
    for page in later:
        assert row.prefix in page.content.decode()
        assert not TOKEN.search(page.content.decode())
    assert not any(TOKEN.search(str(value)) for value in dict(manager.session).values())


def test_the_list_answers_first(sol: Connection, manager: Client, program: Callable[..., Program]) -> None:
    assert "Nenhuma chave válida" in text_of(manager.get(reverse(KEYS)))
    program(sol.clinic)
    program(sol.clinic, expires_at=timezone.now() + timedelta(days=3))
    assert "2 chaves válidas · 1 vence em até 30 dias." in text_of(manager.get(reverse(KEYS)))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"client": " "}, "obrigatório"),
        ({"scopes": []}, "obrigatório"),
        ({"scopes": ["admin"]}, "válida"),
        ({"days": "9999"}, "válida"),
        ({"origins": "https://painel.example.com/caminho"}, "só o site"),
        ({"origins": "painel.example.com"}, "só o site"),
        ({"origins": "https://a.example\n" * 11}, "No máximo 10 sites"),
    ],
)
def test_what_cannot_be_used_is_said(sol: Connection, manager: Client, more: dict[str, Any], message: str) -> None:
    response = manager.post(reverse(ADD), wanted(sol.clinic, **more))
    assert message in text_of(response)
    assert ApiKey.objects.count() == 0


def test_a_third_key_of_one_program_is_refused(
    sol: Connection, manager: Client, program: Callable[..., Program]
) -> None:
    for _twice in range(2):
        program(sol.clinic, name="painel da GESTÃO")
    assert "já tem duas chaves válidas" in text_of(manager.post(reverse(ADD), wanted(sol.clinic)))
    assert ApiKey.objects.count() == 2


def test_changing_over_begins_with_the_same_settings(
    sol: Connection, manager: Client, program: Callable[..., Program]
) -> None:
    old = program(sol.clinic, "read:leads", "read:jobs", name="Painel", origins=["https://painel.example.com"])
    page = manager.get(reverse("admin:bridge_apikey_change", args=[old.key.pk]))
    address = page.context["successor"]
    initial = manager.get(address).context["adminform"].form.initial
    assert initial["client"] == "Painel"
    assert initial["scopes"] == ["read:jobs", "read:leads"]
    assert initial["origins"] == "https://painel.example.com"


def test_revoking_asks_first(sol: Connection, manager: Client, ours: Program) -> None:
    asked = manager.post(reverse(REVOKE), {"key": ours.key.pk})
    assert "Revogar 1 chave?" in text_of(asked)
    assert ours.get("/api/v1/connections").status_code == 200
    done = manager.post(reverse(REVOKE), {"key": ours.key.pk, "confirmed": "1"}, follow=True)
    assert "1 chave revogada" in text_of(done)
    assert ours.get("/api/v1/connections").status_code == 401


def test_a_list_action_asks_for_the_chosen_ones(sol: Connection, manager: Client, ours: Program) -> None:
    data = {"action": "revoke_chosen", "_selected_action": [ours.key.pk]}
    assert "Revogar 1 chave?" in text_of(manager.post(reverse(KEYS), data))
    assert ApiKey.objects.get().revoked_at is None


def test_keys_of_another_clinic_do_not_exist(lua: Connection, ours: Program) -> None:
    stranger = signed_in(Role.CLINIC_MANAGER, lua.clinic)
    assert stranger.get(reverse("admin:bridge_apikey_change", args=[ours.key.pk])).status_code == 404
    assert ours.key.prefix not in stranger.get(reverse(KEYS)).content.decode()
    stranger.post(reverse(REVOKE), {"key": ours.key.pk, "confirmed": "1"})
    stranger.post(reverse(ADD), wanted(ours.key.clinic))
    assert [row.revoked_at for row in ApiKey.objects.all()] == [None]


@pytest.mark.parametrize("role", list(Role))
def test_only_who_hands_out_access_makes_and_revokes_keys(sol: Connection, ours: Program, role: Role) -> None:
    client = signed_in(role, sol.clinic)
    may = role in {Role.CLINIC_MANAGER, Role.TECHNICAL_ADMIN}
    assert (client.get(reverse(KEYS)).status_code == 200) is may
    client.post(reverse(ADD), wanted(sol.clinic))
    assert ApiKey.objects.count() == (2 if may else 1)
    client.post(reverse(REVOKE), {"key": ours.key.pk, "confirmed": "1"})
    assert (ApiKey.objects.get(pk=ours.key.pk).revoked_at is not None) is may
