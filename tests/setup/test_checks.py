"""Checks: each thing that fails in practice is found, explained, and put right where Ponte can; `doctor` prints them."""

import json
from typing import Any

import pytest
import requests
from django.core.management import call_command
from django.urls import reverse
from django.utils import timezone
from wizard import Wizard, text_of

from bridge.connecting import checks
from bridge.connecting.access import krayin_setup, try_chatwoot
from bridge.connecting.asking import Answers, ask
from bridge.connecting.checks import BY_CODE, State
from bridge.connecting.look import Look
from bridge.connecting.spec import read_spec
from bridge.models import Connection, Effect, IntakeCounter, Lane
from bridge.sandbox.chatwoot import ACCOUNT_ID, ADMIN_TOKEN
from bridge.sandbox.krayin import BRIDGE, SandboxKrayin

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


@pytest.fixture
def ready(wizard: Wizard) -> Wizard:
    """Every step done but the test."""
    wizard.as_far_as("test")
    return wizard


def found(code: str) -> checks.Finding:
    return checks.run([BY_CODE[code]], Look(Connection.objects.get()))[0]


def repaired(code: str) -> State:
    BY_CODE[code].repair(Look(Connection.objects.get()))
    return found(code).state


def test_a_connection_as_the_assistant_leaves_it_has_nothing_to_fix(ready: Wizard, settings: Any) -> None:
    results = {f.code: f.state for f in checks.run(checks.ALL, Look(Connection.objects.get()))}
    assert set(results) == set(BY_CODE)
    own_address = {"ADDRESS_HTTPS", "ADDRESS_PUBLIC", "ADDRESS_ANSWERS"}
    assert [code for code, state in results.items() if state == State.FAILED and code not in own_address] == []
    assert results["POLICY_CONFIRMED"] == results["SECRET_MATCHED"] == State.WARNING


def test_every_check_says_why_and_how_in_portuguese(ready: Wizard) -> None:
    texts = [str(text) for check in checks.ALL for text in (check.title, check.why, check.fix)]
    assert all(texts)
    assert not [text for text in texts if " the " in text]


def test_an_emptied_krayin_is_noticed_and_put_right(ready: Wizard) -> None:
    krayin = krayin_setup(Connection.objects.get())
    for attribute in krayin.attributes():
        if attribute.code in {"chatwoot_contact_ref", "bridge_ref"}:
            krayin.attribute_delete(attribute.id)
        if (attribute.entity_type, attribute.code) == ("persons", "emails"):
            krayin.attribute_make_required(attribute)
    for hook in krayin.webhooks():
        krayin.webhook_delete(hook.id)
    assert found("KRAYIN_FIELDS").state == found("KRAYIN_EMAIL").state == State.FAILED
    assert found("KRAYIN_WEBHOOKS").state == State.WARNING
    for code in ("KRAYIN_FIELDS", "KRAYIN_EMAIL", "KRAYIN_WEBHOOKS"):
        assert repaired(code) == State.OK, code


def test_a_deleted_webhook_is_noticed_and_made_again(ready: Wizard) -> None:
    hook = ready.chatwoot.state(["webhooks"])["webhooks"][0]
    client = try_chatwoot(ready.chatwoot.url, ACCOUNT_ID, ADMIN_TOKEN)
    client.webhook_delete(hook["id"])
    assert found("CHATWOOT_PREPARED").state == State.FAILED
    assert repaired("CHATWOOT_PREPARED") == State.OK


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("lead_pipeline_id", "O funil não existe mais: número 99."),
        ("lead_pipeline_stage_id", "Uma etapa não existe mais"),
        ("lead_source_id", "A origem não existe mais: número 99."),
        ("lead_type_id", "O tipo não existe mais: número 99."),
    ],
)
def test_what_was_deleted_in_krayin_is_named(ready: Wizard, field: str, said: str) -> None:
    Connection.objects.update(**{field: 99})
    result = found("KRAYIN_TARGETS")
    assert result.state == State.FAILED
    assert said in result.found


def test_an_inbox_that_is_gone_or_missing_is_named(ready: Wizard) -> None:
    Connection.objects.update(inbox_ids=[7, 4711])
    assert "4711 não existe mais" in found("CHATWOOT_INBOXES").found
    Connection.objects.update(inbox_ids=[])
    assert found("CHATWOOT_INBOXES").state == State.FAILED


def test_refused_signatures_are_told_and_the_secret_is_fetched_again(ready: Wizard) -> None:
    row = Connection.objects.get()
    IntakeCounter.objects.create(connection=row, hour=timezone.now(), reason="signature wrong", count=7)
    result = found("SECRET_MATCHED")
    assert (result.state, result.found) == (State.FAILED, "7 entregas com assinatura errada em 24 horas.")
    row.secrets.filter(partner="chatwoot").delete()
    BY_CODE["SECRET_MATCHED"].repair(Look(row))
    assert row.secrets.filter(partner="chatwoot").count() == 1


def test_a_proxy_that_drops_the_header_is_told_from_a_wrong_token(ready: Wizard) -> None:
    def look(token: str) -> Look:
        return Look(chatwoot=lambda: try_chatwoot(ready.chatwoot.url, ACCOUNT_ID, token), account_id=ACCOUNT_ID)

    dropped = checks.run([BY_CODE["CHATWOOT_HEADER"]], look(""))[0]  # an empty header arrives as none
    assert dropped.state == State.FAILED
    assert "underscores_in_headers on" in dropped.fix
    wrong = checks.run([BY_CODE["CHATWOOT_HEADER"], BY_CODE["CHATWOOT_TOKEN"]], look("errado"))
    assert [finding.state for finding in wrong] == [State.OK, State.FAILED]


def test_the_limit_of_calls_and_the_time_zone_are_read_from_answers(ready: Wizard) -> None:
    assert found("KRAYIN_ZONE").state == State.OK
    lead = {"title": "x", "lead_pipeline_stage_id": 1, "lead_value": 1, "lead_source_id": 1, "lead_type_id": 1,
            "expected_close_date": "2030-01-15"}  # fmt: skip
    with SandboxKrayin(timezone="Asia/Tokyo") as far:
        ready.krayin = far
        ready.to_krayin(address=far.url)
        token = far.issue_token()
        import_lead(far, token, lead)
        ready.to_krayin(address=far.url)
        result = found("KRAYIN_ZONE")
        assert (result.state, "UTC+09:00" in result.found) == (State.WARNING, True)
        assert found("KRAYIN_LIMIT").found == "O Krayin permite 60 chamadas por minuto a este usuário."


def import_lead(krayin: SandboxKrayin, token: str, lead: dict[str, Any]) -> None:
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
    answer = requests.post(f"{krayin.url}/api/v1/leads", json=lead, headers=headers, timeout=10)
    assert answer.status_code == 200, answer.text


def test_a_partner_that_is_away_leaves_the_others_checked(ready: Wizard) -> None:
    ready.krayin.faults.add("down")
    results = {f.code: f.state for f in checks.run(checks.ALL, Look(Connection.objects.get()))}
    assert results["KRAYIN_REACHED"] == State.FAILED
    assert results["KRAYIN_TARGETS"] == State.UNKNOWN
    assert results["CHATWOOT_ADMIN"] == State.OK


# The pages and the commands -------------------------------------------------------------------------------------------


def test_the_page_of_checks_asks_partners_only_when_told_to(ready: Wizard) -> None:
    address = reverse("admin:bridge_connection_checks", args=[Connection.objects.get().pk])
    before = ready.krayin.state()["calls"]["total"]
    shown = text_of(ready.client.get(address))
    assert "Conferir agora · 13 chamadas" in shown
    assert ready.krayin.state()["calls"]["total"] == before
    checked = text_of(ready.client.post(address, follow=True))
    assert "Todos existem, no funil «Default Pipeline»." in checked
    assert ready.krayin.state()["calls"]["total"] == before + 8


def test_the_page_repairs_what_can_be_repaired(ready: Wizard) -> None:
    krayin = krayin_setup(Connection.objects.get())
    for attribute in krayin.attributes():
        if (attribute.entity_type, attribute.code) == ("persons", "emails"):
            krayin.attribute_make_required(attribute)
    address = reverse("admin:bridge_connection_checks", args=[Connection.objects.get().pk])
    assert "Tornar opcional" in text_of(ready.client.post(address, follow=True))
    assert "O e-mail é opcional." in text_of(ready.client.post(address, {"repair": "KRAYIN_EMAIL"}, follow=True))


def test_doctor_prints_every_check_with_its_fix_and_fails_when_something_must_be_fixed(
    ready: Wizard, capsys: pytest.CaptureFixture[str]
) -> None:
    Connection.objects.update(lead_source_id=99)
    with pytest.raises(SystemExit) as end:
        call_command("doctor")
    out = capsys.readouterr().out
    assert end.value.code == 1
    assert "✗ Funil, etapas, origem e tipo existem: A origem não existe mais: número 99." in out
    assert "→ Escolha outros em O que enviar." in out


def test_doctor_speaks_json_for_scripts(ready: Wizard, capsys: pytest.CaptureFixture[str]) -> None:
    Connection.objects.update(polling_only=True)  # no address of our own to reach in a test
    call_command("doctor", "--json", "--connection", "recepção")
    told = json.loads(capsys.readouterr().out)["connections"][0]
    assert {check["code"] for check in told["checks"]} == set(BY_CODE)
    assert {"state", "found", "why", "fix", "can_fix"} <= set(told["checks"][0])


def test_connect_asks_when_there_is_no_file(ready: Wizard) -> None:
    given = iter(["Clínica Sol", "", "", ready.chatwoot.url, "três", "3", ADMIN_TOKEN, "7, 9", "não", ready.krayin.url,
                  BRIDGE.email, BRIDGE.password])  # fmt: skip
    said: list[str] = []
    answers = Answers(say=said.append, read=lambda prompt, is_secret: next(given))
    spec = read_spec(ask(answers))
    assert (spec.account_id, spec.inboxes, spec.polling_only, spec.state) == (3, (7, 9), True, "shadow")
    assert said == ["Só algarismos, por favor."]


# Switching ------------------------------------------------------------------------------------------------------------


def test_what_was_planned_in_shadow_is_wanted_once_the_connection_is_active(ready: Wizard) -> None:
    ready.client.post(ready.address_of("send"), {"confirm_policy": "1"})
    row = Connection.objects.get()
    Effect.objects.create(
        connection=row, krayin=row.krayin, lane_key="c:1", kind="create_person", object_ref="x", state="shadow"
    )
    ready.send("switch", state="shadow")
    assert Lane.objects.count() == 0
    ready.send("switch", state="active")
    assert Lane.objects.get().lane_key == "c:1"
    assert Connection.objects.get().state == "active"
