"""`connect`: safe to run again, finds what fails in practice, keeps what it learnt current."""

import json
from pathlib import Path
from typing import Any

import pytest
from connected_clinic import Bridge, connection_file, make_bridge
from django.core.management import CommandError, call_command

from audit.models import AuditLog
from bridge.connecting.refresh import refresh_all
from bridge.connecting.spec import UnusableSpec, read_spec
from bridge.connecting.steps import KRAYIN_EVENTS, CannotConnect, connect
from bridge.models import Connection, Krayin, WebhookSecret
from bridge.reconcile.jobs import poll_due
from bridge.sandbox.chatwoot import AGENT_TOKEN, ChatwootSandbox, Delivery
from bridge.sandbox.krayin import SandboxKrayin
from bridge.sync.partners import krayin_client

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


def test_connecting_twice_makes_nothing_twice(bridge: Bridge) -> None:
    before = bridge.crm
    connect(read_spec(connection_file(bridge.chatwoot, bridge.krayin)), lambda step: None)
    after = bridge.crm
    assert len(after["webhooks"]) == len(before["webhooks"]) == 4
    assert len(after["attributes"]) == len(before["attributes"]) == 2
    assert Connection.objects.count() == 1
    assert WebhookSecret.objects.count() == 2
    assert len(bridge.chatwoot.state(["webhooks"])["webhooks"]) == 1


def test_an_interrupted_set_up_is_completed_by_the_next(bridge: Bridge) -> None:
    client, _ = krayin_client(bridge.connection)
    client.workflow_delete(client.workflows()[0].id)
    client.webhook_delete(client.webhooks()[-1].id)
    connect(read_spec(connection_file(bridge.chatwoot, bridge.krayin)), lambda step: None)
    crm = bridge.crm
    ours = [flow for flow in crm["workflows"] if flow["name"].startswith("Ponte")]
    assert len(crm["webhooks"]) == 4
    assert {flow["event"] for flow in ours} >= {event for _, event, _ in KRAYIN_EVENTS}
    assert WebhookSecret.objects.filter(partner="krayin").count() == 1


def test_the_command_prints_the_webhook_address_as_json(
    chatwoot: ChatwootSandbox, krayin: SandboxKrayin, bridge: Bridge, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "connection.json"
    path.write_text(json.dumps(connection_file(chatwoot, krayin)))
    call_command("connect", "--file", str(path))
    made = json.loads(capsys.readouterr().out)
    assert made["webhook_url"].endswith(f"/webhooks/chatwoot/{bridge.connection.public_id}/")
    assert made["state"] == "active"


def test_defaults_are_those_of_the_crm(bridge: Bridge) -> None:
    kept = bridge.connection
    assert (kept.default_pipeline_name, kept.default_stage_name) == ("Default Pipeline", "New")
    assert (kept.default_source_name, kept.default_lead_type_name) == ("Web", "New Business")


def test_secrets_are_stored_sealed_and_never_in_the_audit_rows(bridge: Bridge) -> None:
    secret = bridge.chatwoot.state(["webhooks"])["webhooks"][0]["secret"]
    rows = list(WebhookSecret.objects.values_list("secret", flat=True))
    assert all(secret.encode() not in row.blob for row in rows)
    assert "••••" in str(bridge.connection.chatwoot_token)
    rows_text = str(list(AuditLog.objects.using("audit").values()))
    assert secret not in rows_text
    assert "sandboxAdminToken" not in rows_text


def test_a_token_that_is_not_an_administrators_is_explained(
    chatwoot: ChatwootSandbox, krayin: SandboxKrayin, transactional_db: None
) -> None:
    data = connection_file(chatwoot, krayin)
    data["chatwoot"]["token"] = AGENT_TOKEN
    data["policy_confirmed_by"] = ""
    with pytest.raises(CannotConnect, match="não é de um administrador da conta 3"):
        connect(read_spec(data), lambda step: None)
    assert Connection.objects.get().state == "draft"


def test_a_connection_cannot_write_before_the_policy_is_confirmed(
    chatwoot: ChatwootSandbox, krayin: SandboxKrayin, transactional_db: None
) -> None:
    with pytest.raises(CannotConnect, match="só pode ficar em sombra"):
        make_bridge(chatwoot, krayin, policy_confirmed_by="")
    assert Connection.objects.get().state == "draft"


def test_a_chatwoot_that_cannot_sign_is_refused(krayin: SandboxKrayin, transactional_db: None) -> None:
    with ChatwootSandbox(version="4.10.0") as old, pytest.raises(CannotConnect, match=r"anterior ao 4\.11\.2"):
        make_bridge(old, krayin)


def test_where_chatwoot_cannot_reach_us_polling_alone_brings_everything(
    krayin: SandboxKrayin, transactional_db: None
) -> None:
    with ChatwootSandbox(version="4.10.0") as old:
        data = connection_file(old, krayin)
        data["chatwoot"]["polling_only"] = True
        bridge = make_bridge(old, krayin, chatwoot=data["chatwoot"])
        assert old.state(["webhooks"])["webhooks"] == []
        old.new_person_writes("Bom dia", name="Ana Lima", phone_number="+5511900000021")
        assert poll_due()["brought"] == 1
        bridge.settle()
        assert bridge.crm["counts"]["notes"] == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": ""}, "name falta"),
        ({"clinic": None}, "clinic falta"),
        ({"chatwoot": {"url": "chat.example"}}, "chatwoot.url não é um endereço"),
        ({"stages": {"resolved": 3}}, "stages.resolved não é conhecido"),
        ({"state": "on"}, "state não é um destes"),
        ({"send": {"preset": "everything"}}, "send.preset não é um destes"),
        ({"krayin": {"url": "https://crm.example", "email": "a@b.c"}}, "precisa de senha ou token"),
    ],
)
def test_a_file_with_a_mistake_says_what_and_where(change: dict[str, Any], message: str) -> None:
    data = {
        "name": "Recepção",
        "clinic": {"name": "Clínica"},
        "chatwoot": {"url": "https://chat.example", "account_id": 1, "token": "t", "inboxes": "all"},
        "krayin": {"url": "https://crm.example", "email": "a@b.c", "password": "p"},
    }
    with pytest.raises(UnusableSpec, match=message):
        read_spec(data | change)


@pytest.mark.parametrize("content", [None, "{"])
def test_an_unreadable_file_is_explained(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "connection.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(CommandError, match=r"não pode ser lido|não é JSON"):
        call_command("connect", "--file", str(path))


def test_a_stage_that_people_add_is_known_within_the_hour(bridge: Bridge) -> None:
    Connection.objects.update(pipelines=[], inbox_names={})
    assert refresh_all() == {"refreshed": 1, "failed": 0}
    kept = Connection.objects.get()
    assert [s["code"] for s in kept.stages][:2] == ["new", "follow-up"]
    assert kept.inbox_names["7"] == "WhatsApp Recepção"


def test_a_partner_that_is_away_keeps_what_is_known(bridge: Bridge) -> None:
    known = bridge.connection.pipelines
    bridge.fault("down")
    assert refresh_all() == {"refreshed": 0, "failed": 1}
    assert Connection.objects.get().pipelines == known


def test_the_password_renews_the_token_and_both_stay_sealed(bridge: Bridge) -> None:
    client, _ = krayin_client(bridge.connection)
    bridge.krayin.issue_token()
    assert client.who_am_i().view_permission == "global"
    user = bridge.connection.krayin_users.get()
    assert "senha" not in str(user.password)


def test_two_files_cannot_claim_the_same_inbox(bridge: Bridge) -> None:
    data = connection_file(bridge.chatwoot, bridge.krayin, name="Outra")
    with pytest.raises(CannotConnect, match="WhatsApp Recepção já pertence a «Recepção»"):
        connect(read_spec(data), lambda step: None)
    assert Connection.objects.get(name="Outra").state == "draft"


def test_a_file_says_that_krayin_moved(bridge: Bridge) -> None:
    Krayin.objects.update(base_url="https://antigo.exemplo.com.br")
    data = connection_file(bridge.chatwoot, bridge.krayin)
    data["krayin"]["moved_from"] = "https://antigo.exemplo.com.br/admin"
    connect(read_spec(data), lambda step: None)
    assert Krayin.objects.get().base_url == bridge.krayin.url


def test_another_krayin_is_not_taken_for_the_one_that_moved(bridge: Bridge) -> None:
    bridge.deliver(_first_message(bridge))
    bridge.settle()
    Krayin.objects.update(base_url="https://antigo.exemplo.com.br")
    with SandboxKrayin(rate_limit=None) as stranger:
        data = connection_file(bridge.chatwoot, stranger)
        data["krayin"]["moved_from"] = "https://antigo.exemplo.com.br"
        with pytest.raises(CannotConnect, match="é outra instalação"):
            connect(read_spec(data), lambda step: None)
    assert Krayin.objects.get().base_url == "https://antigo.exemplo.com.br"


def _first_message(bridge: Bridge) -> list[Delivery]:
    with bridge.chatwoot.capture() as deliveries:
        bridge.chatwoot.new_person_writes("Oi", name="Ana Lima", phone_number="+5511900000021")
    return list(deliveries)
