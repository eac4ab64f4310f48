"""The assistant: each step tries what was typed, says in Portuguese what is wrong, can be left, resumed, repeated."""

from typing import Any

import pytest
import requests
from django.test import Client
from django.urls import reverse
from wizard import Wizard, text_of

from audit.models import AuditLog
from bridge.models import Connection, ConnectionInbox, Krayin, KrayinUser, Setup, SetupObject, WebhookSecret
from bridge.sandbox.chatwoot import ADMIN_TOKEN, AGENT_TOKEN, OTHER_ACCOUNT_ID, OTHER_ADMIN_TOKEN, ChatwootSandbox
from bridge.sandbox.http import Request, Response, SandboxServer, json_response
from bridge.sandbox.krayin import BRIDGE, SandboxKrayin
from consent.models import Clinic, Membership, User
from consent.roles import Role

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


def crm_of(krayin: SandboxKrayin) -> dict[str, Any]:
    state: dict[str, Any] = requests.get(f"{krayin.url}/__state__", timeout=10).json()
    return state


# What is wrong is said, with the next step ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"address": "chat clinica"}, "Isto não é um endereço"),
        ({"address": "http://127.0.0.1:9"}, "Nada responde neste endereço."),
        ({"address": "https://chat.clinica.example", "account": ""}, "Escreva o número da conta"),
        ({"token": "nada"}, "O Chatwoot não aceita este token de acesso."),
        ({"token": AGENT_TOKEN}, "O token não é de um administrador da conta 3."),
        ({"token": OTHER_ADMIN_TOKEN}, "As contas dele: 4 (Clínica Bem Estar)."),
        ({"account": OTHER_ACCOUNT_ID}, "O token não é da conta 4. As contas dele: 3 (Clínica Vida Plena)."),
    ],
)
def test_a_wrong_chatwoot_is_explained_and_not_kept(wizard: Wizard, typed: dict[str, Any], said: str) -> None:
    wizard.as_far_as("chatwoot")
    assert said in wizard.to_chatwoot(**typed)
    assert "chatwoot" not in wizard.setup.steps
    assert wizard.setup.chatwoot_token is None


@pytest.mark.parametrize(("allowed", "at_once", "in_a_minute"), [(60, 10, 50), (600, 100, 500), (None, 200, 1000)])
def test_ponte_calls_as_often_as_krayin_says_it_may(
    wizard: Wizard, allowed: int | None, at_once: int, in_a_minute: int
) -> None:
    wizard.as_far_as("krayin")
    with SandboxKrayin(rate_limit=allowed) as krayin:
        wizard.to_krayin(address=krayin.url)
        budget = KrayinUser.objects.get().budget
        assert (budget.capacity, budget.refill_per_minute) == (at_once, in_a_minute)


def test_an_address_pasted_from_the_browser_is_understood(wizard: Wizard) -> None:
    wizard.as_far_as("chatwoot")
    wizard.to_chatwoot(address=f"{wizard.chatwoot.url}/app/accounts/3/inbox/7", account="")
    assert (wizard.setup.chatwoot_url, wizard.setup.chatwoot_account_id) == (wizard.chatwoot.url, 3)
    wizard.to_krayin(address=f"{wizard.krayin.url}/admin/leads?pipeline_id=1")
    assert Krayin.objects.get().base_url == wizard.krayin.url


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"address": "crm"}, "O nome do host não está completo"),
        ({"password": "errada"}, "O Krayin não aceita este e-mail e senha."),
        ({"address": "http://127.0.0.1:9"}, "Nada responde neste endereço."),
    ],
)
def test_a_wrong_krayin_is_explained_and_makes_no_connection(wizard: Wizard, typed: dict[str, Any], said: str) -> None:
    wizard.as_far_as("krayin")
    assert said in wizard.to_krayin(**typed)
    assert (Connection.objects.count(), KrayinUser.objects.count()) == (0, 0)


class WithoutPackage(SandboxServer):
    """A Krayin whose REST package is missing: it knows no such route (Krayin contract sections 0 and 2)."""

    def handle(self, request: Request) -> Response:
        return json_response(404, {"message": "Not Found"})


def test_the_missing_package_is_named_with_its_versions(wizard: Wizard) -> None:
    wizard.as_far_as("krayin")
    with WithoutPackage() as bare:
        shown = wizard.to_krayin(address=bare.url)
    assert "A API do Krayin não está instalada ou é de outra versão." in shown
    assert "para o Krayin 2.0.5 a 2.1.x o pacote krayin/rest-api 2.1" in shown
    assert Connection.objects.count() == 0


def test_a_user_that_does_not_see_all_records_is_explained(wizard: Wizard) -> None:
    wizard.as_far_as("krayin")
    token = wizard.krayin.issue_token()
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
    base = f"{wizard.krayin.url}/api/v1"
    me = requests.get(f"{base}/get", headers=headers, timeout=10).json()["data"]
    body = {"name": me["name"], "email": me["email"], "role_id": 1, "status": 1, "view_permission": "individual"}
    assert requests.put(f"{base}/settings/users/{me['id']}", json=body, headers=headers, timeout=10).status_code == 200
    assert "A permissão de visualização do usuário não é global." in wizard.to_krayin()
    assert "Permissão de visualização: Global" in wizard.page("krayin")


# Steps can be left, resumed, repeated ---------------------------------------------------------------------------------


def test_what_was_left_is_found_again_at_its_next_step(wizard: Wizard) -> None:
    wizard.as_far_as("krayin")
    shown = text_of(wizard.client.get(reverse("admin:bridge_setup")))
    assert "Recepção · Clínica Vida Plena · a seguir: Krayin" in shown
    wizard.to_krayin()
    assert Connection.objects.get().state == "draft"
    assert wizard.setup.next_step == "send"


def test_repeating_every_step_makes_nothing_twice(wizard: Wizard) -> None:
    wizard.as_far_as("test")
    once = crm_of(wizard.krayin)
    for again in (lambda: wizard.to_chatwoot(token=""), lambda: wizard.to_krayin(password=""), wizard.what):
        again()
    wizard.send("prepare-krayin", make="1", optional="source")
    assert "Tudo já existia: nada foi criado." in wizard.send("prepare-chatwoot", make="1")
    twice = crm_of(wizard.krayin)
    for name in ("attributes", "webhooks", "workflows", "sources"):
        assert len(twice.get(name, [])) == len(once.get(name, [])), name
    assert len(wizard.chatwoot.state(["webhooks"])["webhooks"]) == 1
    assert (Connection.objects.count(), Krayin.objects.count(), WebhookSecret.objects.count()) == (1, 1, 2)


def test_a_partner_that_goes_away_in_the_middle_is_finished_by_the_next_run(wizard: Wizard) -> None:
    wizard.as_far_as("prepare-krayin")
    wizard.krayin.faults.add("down", method="POST", path="/settings/workflows", skip=1)
    shown = wizard.send("prepare-krayin", make="1", optional="source")
    assert "o que foi feito fica, e o resto é feito então" in shown
    assert "prepare-krayin" not in wizard.setup.steps
    wizard.krayin.faults.clear()
    wizard.send("prepare-krayin", make="1", optional="source")
    assert "prepare-krayin" in wizard.setup.steps
    crm = crm_of(wizard.krayin)
    ours = [flow for flow in crm["workflows"] if flow["name"].startswith("Ponte")]
    assert (len(crm["webhooks"]), len(ours)) == (4, 4)


def test_a_chatwoot_that_cannot_sign_goes_on_by_polling(wizard: Wizard) -> None:
    with ChatwootSandbox(version="4.10.0") as old:
        wizard.chatwoot = old
        wizard.as_far_as("prepare-chatwoot")
        assert "anterior ao 4.11.2" in wizard.send("prepare-chatwoot", make="1")
        assert old.state(["webhooks"])["webhooks"] == []
        wizard.send("prepare-chatwoot", only_polling="1")
        assert old.state(["webhooks"])["webhooks"] == []
    assert Connection.objects.get().polling_only
    assert "prepare-chatwoot" in wizard.setup.steps


def test_what_was_made_can_be_undone(wizard: Wizard) -> None:
    wizard.as_far_as("test")
    for row in SetupObject.objects.filter(undone_at=None).order_by("-pk"):
        wizard.client.post(reverse("admin:bridge_setup_undo", args=[wizard.setup.pk]), {"object": row.pk})
    assert SetupObject.objects.filter(undone_at=None).count() == 0
    crm = crm_of(wizard.krayin)
    assert (crm["webhooks"], crm["attributes"]) == ([], [])
    assert wizard.chatwoot.state(["webhooks"])["webhooks"] == []
    assert Connection.objects.get().lead_source_id is None
    assert "existe" not in wizard.page("prepare-krayin")
    wizard.send("prepare-krayin", make="1", optional="source")
    assert len(crm_of(wizard.krayin)["webhooks"]) == 4


# What to send ---------------------------------------------------------------------------------------------------------


def test_defaults_are_fetched_and_can_be_overridden_by_hand(wizard: Wizard) -> None:
    wizard.as_far_as("send")
    kept = Connection.objects.get()
    assert (kept.default_pipeline_name, kept.default_stage_name) == ("Default Pipeline", "New")
    assert (kept.default_source_name, kept.default_lead_type_name) == ("Web", "New Business")
    phone = next(s["id"] for s in wizard.setup.crm_lists["sources"] if s["name"] == "Phone")
    wizard.what(lead_source_id=phone, lead_pipeline_stage_id=2)
    kept.refresh_from_db()
    assert (kept.source_id, kept.first_stage_id) == (phone, 2)


def test_an_inbox_that_reveals_health_is_kept_audited_and_warned_about(wizard: Wizard) -> None:
    wizard.as_far_as("send")
    assert "revela saúde: todos no Krayin poderiam lê-lo" in wizard.what(health_ids=[7], preview="1", save=None)
    assert ConnectionInbox.objects.count() == 0
    wizard.what(health_ids=[7])
    assert ConnectionInbox.objects.get(reveals_health=True).inbox_id == 7
    assert AuditLog.objects.filter(object_type="bridge.ConnectionInbox").exists()


def test_what_would_change_in_a_day_is_counted_in_chatwoot_on_request(wizard: Wizard) -> None:
    wizard.as_far_as("send")
    assert "Ainda não se sabe" in wizard.page("send")
    wizard.chatwoot.new_person_writes("Oi", name="Ana Lima", phone_number="+5511900000021")
    shown = wizard.what(count="1", save=None)
    assert "1 conversas das caixas escolhidas teriam gravado no máximo" in shown
    assert set(wizard.setup.last_day["inboxes"]["7"]) == {"conversations", "contacts", "replied", "resolved"}
    assert "cerca de 4 chamadas por dia" in shown


def test_no_secret_is_shown_or_kept_in_clear(wizard: Wizard) -> None:
    wizard.as_far_as("test")
    pages = "".join(wizard.client.get(wizard.address_of(step)).content.decode() for step in Setup.Step.values)
    secret = wizard.chatwoot.state(["webhooks"])["webhooks"][0]["secret"]
    told = pages + str(list(AuditLog.objects.values())) + str(list(Setup.objects.values()))
    assert not [text for text in (ADMIN_TOKEN, BRIDGE.password, secret) if text in told]


def test_a_password_that_is_not_to_be_kept_leaves_only_the_token(wizard: Wizard) -> None:
    wizard.as_far_as("krayin")
    wizard.to_krayin(keep_password=None)
    user = KrayinUser.objects.get()
    assert user.password is None
    assert user.token is not None


# Several connections --------------------------------------------------------------------------------------------------


def test_a_second_connection_of_the_account_takes_other_inboxes(wizard: Wizard) -> None:
    wizard.as_far_as("test").send("test", watch="1")
    clinic = Clinic.objects.get()
    wizard.address(name="Site", clinic=str(clinic.pk), new_clinic="")
    wizard.to_chatwoot()
    wizard.to_krayin()
    assert "WhatsApp Recepção já pertence a «Recepção»" in wizard.what(inbox_ids=[7])
    assert "Escolha caixas de entrada uma a uma nas duas" in wizard.what(all_inboxes="on")
    wizard.what(inbox_ids=[9])
    assert sorted(Connection.objects.values_list("inbox_ids", flat=True)) == [[7], [9]]
    assert Krayin.objects.count() == 1


def test_a_krayin_that_moved_stays_one_installation(wizard: Wizard) -> None:
    wizard.as_far_as("test")
    Krayin.objects.update(base_url="https://antigo.exemplo.com.br")
    old = Krayin.objects.get()
    assert "mudou para cá" in wizard.page("krayin")
    wizard.to_krayin(same_as=str(old.pk))
    assert Krayin.objects.get().base_url == wizard.krayin.url
    assert Connection.objects.get().krayin_id == old.pk


# Who may --------------------------------------------------------------------------------------------------------------


def test_another_clinics_set_up_does_not_exist(wizard: Wizard) -> None:
    wizard.as_far_as("send")
    stranger = User.objects.create_user("outra@clinica.exemplo")
    other = Clinic.objects.create(trade_name="Outra", legal_name="Outra")
    Membership.objects.create(user=stranger, clinic=other, role=Role.TECHNICAL_ADMIN)
    client = Client()
    client.force_login(stranger)
    row = Connection.objects.get()
    for address in (
        wizard.address_of("send"), reverse("admin:bridge_setup_first", args=[wizard.setup.pk]),
        reverse("admin:bridge_connection_checks", args=[row.pk]), reverse("admin:bridge_connection_setup", args=[row.pk]),
    ):  # fmt: skip
        assert client.get(address).status_code == 404, address
        assert client.post(address, {"confirm_policy": "1"}).status_code in {404, 405}, address
    assert not Clinic.objects.get(trade_name="Clínica Vida Plena").has_confirmed_policy


def test_who_is_not_the_dpo_cannot_confirm_the_bases(wizard: Wizard) -> None:
    wizard.as_far_as("send")
    technician = User.objects.create_user("tecnica@clinica.exemplo")
    Membership.objects.create(user=technician, clinic=Clinic.objects.get(), role=Role.TECHNICAL_ADMIN)
    client = Client()
    client.force_login(technician)
    assert "Peça ao encarregado" in text_of(client.get(wizard.address_of("send")))
    assert client.post(wizard.address_of("send"), {"confirm_policy": "1"}).status_code == 403
    refused = text_of(client.post(wizard.address_of("switch"), {"state": "active"}))
    assert "ainda não confirmou as bases legais" in refused
    assert Connection.objects.get().state == "draft"
