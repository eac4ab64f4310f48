"""Krayin allows 60 calls a minute: what a conversation costs."""

import pytest
from connected_clinic import Bridge

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


def test_a_new_contact_with_ten_messages_and_three_stages_costs_at_most_eight_calls(
    bridge: Bridge, capsys: pytest.CaptureFixture[str]
) -> None:
    chat, before = bridge.chatwoot, bridge.calls()
    chat.change_inbox(7, greeting_enabled=False, csat_survey_enabled=False)
    with chat.capture() as deliveries:
        conversation = chat.new_person_writes("Bom dia", name="Ana Lima", phone_number="+5511900000021")
        for text in ("Quero agendar", "Quinta pode?", "De manhã"):
            chat.incoming(conversation.display_id, text)
    bridge.deliver(deliveries)
    bridge.work()
    with chat.capture() as deliveries:
        for text in ("Olá Ana", "Temos 9h30", "Confirmo?"):
            chat.outgoing(conversation.display_id, text)
        for text in ("Sim", "Obrigada", "Até lá"):
            chat.incoming(conversation.display_id, text)
    bridge.deliver(deliveries)
    bridge.work()
    with chat.capture() as deliveries:
        chat.set_status(conversation.display_id, "resolved")
    bridge.deliver(deliveries)
    bridge.work()
    crm, calls = bridge.crm, bridge.calls() - before
    with capsys.disabled():
        print(f"\ncalls of a new contact with conversation, 10 messages and three stages: {calls}")
    assert [change["way"] for change in crm["stage_changes"]].count("create") <= 1
    assert crm["leads"][0]["stage_code"] == "negotiation"
    assert crm["counts"]["stage_changes"] == 2
    assert crm["notes"][0]["comment"].count("<b>") == 11
    assert calls <= 8
