"""Stages move forward only, by rule; what people did in Krayin wins (DESIGN section 7)."""

import datetime

import pytest
from connected_clinic import Bridge

from bridge.clients.shapes import LeadChange
from bridge.models import StageChangeLog
from bridge.sync.partners import krayin_client

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


def starts(bridge: Bridge) -> int:
    """A conversation begins and is carried over; return its number."""
    with bridge.chatwoot.capture() as deliveries:
        conversation = bridge.chatwoot.new_person_writes("Bom dia", name="Ana Lima", phone_number="+5511900000021")
    bridge.deliver(deliveries)
    bridge.work()
    return conversation.display_id


def does(bridge: Bridge, *actions: tuple[str, object, object]) -> None:
    with bridge.chatwoot.capture() as deliveries:
        for name, number, value in actions:
            getattr(bridge.chatwoot, name)(number, value)
    bridge.deliver(deliveries)
    bridge.work()


def stage(bridge: Bridge) -> str:
    code: str = bridge.crm["leads"][0]["stage_code"]
    return code


def test_the_stage_follows_start_first_response_and_resolution(bridge: Bridge) -> None:
    number = starts(bridge)
    seen = [stage(bridge)]
    does(bridge, ("outgoing", number, "Olá"))
    seen.append(stage(bridge))
    does(bridge, ("set_status", number, "resolved"))
    seen.append(stage(bridge))
    assert seen == ["follow-up", "prospect", "negotiation"]
    rows = StageChangeLog.objects.order_by("created_at").values_list("previous_stage", "new_stage", "rule")
    assert [row[:2] for row in rows] == [
        (None, "Follow Up"), ("Follow Up", "Prospect"), ("Prospect", "Negotiation"),
    ]  # fmt: skip


def test_a_reopened_conversation_does_not_move_back(bridge: Bridge) -> None:
    number = starts(bridge)
    does(bridge, ("outgoing", number, "Olá"), ("set_status", number, "resolved"))
    does(bridge, ("set_status", number, "open"), ("incoming", number, "Mais uma dúvida"))
    assert stage(bridge) == "negotiation"


def test_a_won_opportunity_is_never_moved(bridge: Bridge) -> None:
    number = starts(bridge)
    client, _ = krayin_client(bridge.connection)
    client.lead_edit(1, LeadChange(None, stage_id=5))
    does(bridge, ("outgoing", number, "Olá"))
    assert stage(bridge) == "won"
    assert StageChangeLog.objects.latest("created_at").result == "closed"


def test_people_who_moved_it_further_are_not_overruled(bridge: Bridge) -> None:
    number = starts(bridge)
    client, _ = krayin_client(bridge.connection)
    client.lead_edit(1, LeadChange(None, stage_id=4))
    does(bridge, ("outgoing", number, "Olá"))
    assert stage(bridge) == "negotiation"
    assert StageChangeLog.objects.latest("created_at").result == "ahead"


def test_the_close_date_survives_a_stage_change(bridge: Bridge) -> None:
    number = starts(bridge)
    client, _ = krayin_client(bridge.connection)
    client.lead_edit(1, LeadChange(datetime.date(2026, 12, 15)))
    does(bridge, ("outgoing", number, "Olá"))
    assert stage(bridge) == "prospect"
    assert str(client.leads_by_ids([1])[0].expected_close_date) == "2026-12-15"


@pytest.mark.parametrize("close_date", [None, "2026-12-15"])
def test_boolean_attributes_survive_a_stage_change(bridge: Bridge, close_date: str | None) -> None:
    client, _ = krayin_client(bridge.connection)
    client.attribute_create(code="convenio_ativo", name="Convênio ativo", entity_type="leads", type="boolean")
    bridge.connection.lead_booleans = ["convenio_ativo"]
    bridge.connection.save()
    number = starts(bridge)
    date = datetime.date.fromisoformat(close_date) if close_date else None
    client.lead_edit(1, LeadChange(date, attributes={"convenio_ativo": 1}))
    does(bridge, ("outgoing", number, "Olá"))
    assert stage(bridge) == "prospect"
    assert bridge.crm["leads"][0]["attributes"]["convenio_ativo"] in (1, True)
    kept = client.leads_by_ids([1])[0].expected_close_date
    assert (str(kept) if kept else None) == close_date


def test_a_conversation_after_the_opportunity_was_won_opens_the_next_one(bridge: Bridge) -> None:
    number = starts(bridge)
    client, _ = krayin_client(bridge.connection)
    client.lead_edit(1, LeadChange(None, stage_id=5))
    does(bridge, ("set_status", number, "resolved"))
    with bridge.chatwoot.capture() as deliveries:
        bridge.chatwoot.start_conversation(4182, "Voltei, quero outro tratamento")
    bridge.deliver(deliveries)
    bridge.settle()
    leads = bridge.crm["leads"]
    assert sorted(lead["stage_code"] for lead in leads) == ["follow-up", "won"]
    assert {lead["person_id"] for lead in leads} == {1}
    assert sorted(lead["attributes"]["bridge_ref"][-3:] for lead in leads) == ["-l1", "-l2"]


def test_a_conversation_while_the_opportunity_is_open_joins_it(bridge: Bridge) -> None:
    starts(bridge)
    with bridge.chatwoot.capture() as deliveries:
        bridge.chatwoot.start_conversation(4182, "Outra pergunta")
    bridge.deliver(deliveries)
    bridge.settle()
    assert bridge.crm["counts"]["leads"] == 1
    assert len({n["title"] for n in bridge.crm["notes"]}) == 2
