"""A label, a team, an inbox, an assignee: each may move an opportunity in the CRM, forward only (screen A8)."""

from collections.abc import Callable

import pytest
import requests

from bridge.clients.shapes import LeadChange
from bridge.connecting.refresh import refresh
from bridge.models import Connection, Effect, ObservedConversation, StageChangeLog, StageRule
from bridge.rules import edit
from bridge.sandbox.chatwoot import AGENT_ID, WHATSAPP_INBOX_ID
from bridge.sync.partners import krayin_client
from tests.bridge.connected_clinic import Bridge
from tests.rules.drafts import draft

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

Add = Callable[..., StageRule]
NEW, FOLLOW_UP, PROSPECT, NEGOTIATION, WON = 1, 2, 3, 4, 5


def starts(bridge: Bridge) -> int:
    with bridge.chatwoot.capture() as deliveries:
        conversation = bridge.chatwoot.new_person_writes("Bom dia", name="Ana Lima", phone_number="+5511900000021")
    bridge.deliver(deliveries)
    bridge.work()
    return conversation.display_id


def does(bridge: Bridge, name: str, *values: object) -> None:
    with bridge.chatwoot.capture() as deliveries:
        getattr(bridge.chatwoot, name)(*values)
    bridge.deliver(deliveries)
    bridge.work()


def lead(bridge: Bridge) -> dict[str, object]:
    found: dict[str, object] = bridge.crm["leads"][0]
    return found


def test_a_label_put_in_chatwoot_moves_the_opportunity(bridge: Bridge, rule: Add) -> None:
    made = rule("label", "orçamento", stage=PROSPECT)
    number = starts(bridge)
    assert lead(bridge)["stage_code"] == "new"
    does(bridge, "set_labels", number, ["orçamento", "urgente"])
    assert lead(bridge)["stage_code"] == "prospect"
    row = StageChangeLog.objects.get()
    assert (row.new_stage, row.rule, row.result) == ("Prospect", f"rule:{made.pk}", "moved")


def test_a_label_that_was_taken_away_again_has_been_there(bridge: Bridge, rule: Add) -> None:
    rule("label", "orçamento", stage=PROSPECT)
    number = starts(bridge)
    with bridge.chatwoot.capture() as deliveries:
        bridge.chatwoot.set_labels(number, ["orçamento"])
        first = list(deliveries)
        bridge.chatwoot.set_labels(number, [])
    bridge.deliver([d for d in deliveries if d not in first])
    bridge.deliver(first)
    bridge.work()
    assert ObservedConversation.objects.get().labels == []
    assert lead(bridge)["stage_code"] == "prospect"


@pytest.mark.parametrize(("when", "number", "act"), [("team", 2, "assign_team"), ("assignee", AGENT_ID, "assign")])
def test_a_team_or_a_person_that_takes_over_moves_it(
    bridge: Bridge, rule: Add, when: str, number: int, act: str
) -> None:
    rule(when, str(number), stage=NEGOTIATION)
    conversation = starts(bridge)
    assert lead(bridge)["stage_code"] == "new"
    does(bridge, act, conversation, number)
    assert lead(bridge)["stage_code"] == "negotiation"


def test_an_inbox_decides_where_the_opportunity_begins(bridge: Bridge, rule: Add) -> None:
    rule("inbox", str(WHATSAPP_INBOX_ID), stage=FOLLOW_UP)
    starts(bridge)
    assert lead(bridge)["stage_code"] == "follow-up"


def test_the_furthest_stage_wins_whatever_the_order_of_the_list(bridge: Bridge, rule: Add) -> None:
    rule("label", "urgente", stage=FOLLOW_UP)
    rule("label", "orçamento", stage=NEGOTIATION)
    rule("resolved", stage=PROSPECT)
    number = starts(bridge)
    does(bridge, "set_labels", number, ["orçamento"])
    does(bridge, "set_labels", number, ["orçamento", "urgente"])
    does(bridge, "set_status", number, "resolved")
    assert lead(bridge)["stage_code"] == "negotiation"
    assert StageChangeLog.objects.count() == 1


def test_a_rule_that_is_off_moves_nothing(bridge: Bridge, rule: Add) -> None:
    edit.enable(rule("label", "orçamento", stage=PROSPECT), is_enabled=False)
    number = starts(bridge)
    does(bridge, "set_labels", number, ["orçamento"])
    assert lead(bridge)["stage_code"] == "new"


def test_nothing_moves_while_all_rules_are_off(bridge: Bridge, rule: Add) -> None:
    rule("label", "orçamento", stage=PROSPECT)
    edit.switch(bridge.connection, on=False)
    number = starts(bridge)
    does(bridge, "set_labels", number, ["orçamento"])
    assert lead(bridge)["stage_code"] == "new"


def test_after_a_person_moved_it_in_krayin_no_rule_moves_it(bridge: Bridge, rule: Add) -> None:
    rule("label", "orçamento", stage=NEGOTIATION)
    number = starts(bridge)
    client, _ = krayin_client(bridge.connection)
    client.lead_edit(1, LeadChange(None, stage_id=FOLLOW_UP))
    does(bridge, "set_labels", number, ["orçamento"])
    assert lead(bridge)["stage_code"] == "follow-up"
    assert StageChangeLog.objects.get(rule__startswith="rule:").result == "conflict"


def test_a_move_whose_answer_was_lost_is_not_taken_for_a_persons(bridge: Bridge, rule: Add) -> None:
    rule("label", "orçamento", stage=FOLLOW_UP)
    rule("label", "urgente", stage=NEGOTIATION)
    number = starts(bridge)
    bridge.fault("commit_then_cut", method="PUT", path="/leads/attributes/edit/1", count=1)
    does(bridge, "set_labels", number, ["orçamento"])
    assert Effect.objects.get(kind="set_stage").state == "unknown"
    does(bridge, "set_labels", number, ["orçamento", "urgente"])
    bridge.settle()
    assert lead(bridge)["stage_code"] == "negotiation"


def test_a_rule_may_lead_into_another_pipeline_and_never_back(bridge: Bridge, rule: Add) -> None:
    other = other_pipeline(bridge)
    rule("label", "cirurgia", stage=other["stages"][0]["id"], pipeline=other["id"])
    rule("resolved", stage=NEGOTIATION)
    number = starts(bridge)
    does(bridge, "set_labels", number, ["cirurgia"])
    moved = lead(bridge)
    does(bridge, "set_status", number, "resolved")
    assert moved["lead_pipeline_id"] == other["id"]
    assert lead(bridge)["lead_pipeline_stage_id"] == moved["lead_pipeline_stage_id"] == other["stages"][0]["id"]


def test_yes_no_fields_keep_an_opportunity_in_its_pipeline(bridge: Bridge, rule: Add) -> None:
    other = other_pipeline(bridge)
    Connection.objects.filter(pk=bridge.connection.pk).update(lead_booleans=["convenio_ativo"])
    rule("label", "cirurgia", stage=other["stages"][0]["id"], pipeline=other["id"])
    number = starts(bridge)
    does(bridge, "set_labels", number, ["cirurgia"])
    assert lead(bridge)["stage_code"] == "new"


def other_pipeline(bridge: Bridge) -> dict[str, object]:
    """A second pipeline in Krayin, known to the connection as after the hourly refresh."""
    token = krayin_client(bridge.connection)[0]._tokens.current()
    body = {
        "name": "Cirurgias", "rotten_days": 30, "is_default": 0,
        "stages": {f"stage_{n}": {"name": name, "code": code, "probability": 10 * n, "sort_order": n}
                   for n, (name, code) in enumerate([("Triagem", "triagem"), ("Ganho", "won"), ("Perdido", "lost")], 1)},
    }  # fmt: skip
    answer = requests.post(
        f"{bridge.krayin.url}/api/v1/settings/pipelines", json=body, timeout=10,
        headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
    )  # fmt: skip
    assert answer.status_code == 200, answer.text
    refresh(bridge.connection)
    bridge.connection.refresh_from_db()
    found: dict[str, object] = next(p for p in bridge.connection.pipelines if p["name"] == "Cirurgias")
    return found


def test_the_list_is_full_at_fifty(bridge: Bridge, rule: Add) -> None:
    for n in range(edit.MOST):
        rule("label", f"etiqueta {n}", stage=PROSPECT)
    with pytest.raises(edit.TooManyRules):
        edit.add(bridge.connection, draft("label", "mais uma", stage=PROSPECT))
    assert StageRule.objects.count() == edit.MOST
