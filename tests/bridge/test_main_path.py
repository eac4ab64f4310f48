"""The main job: a conversation becomes person, opportunity, note and stage in Krayin."""

import pytest
from connected_clinic import Bridge

from bridge.models import ActivityMapping, ContactMapping, ConversationMapping, Effect, StageChangeLog

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


def test_a_first_conversation_becomes_person_lead_note_and_stage(bridge: Bridge) -> None:
    with bridge.chatwoot.capture() as deliveries:
        conversation = bridge.chatwoot.new_person_writes(
            "Quero agendar uma avaliação", name="Mariana Alves", phone_number="+5511900000017"
        )
        bridge.chatwoot.outgoing(conversation.display_id, "Bom dia! Quinta às 15h30?")
        bridge.chatwoot.set_status(conversation.display_id, "resolved")
    assert set(bridge.deliver(deliveries)) == {202}
    bridge.work()
    crm = bridge.crm
    assert crm["counts"] | {"system_activities": 0} == {
        "persons": 1, "leads": 1, "notes": 1, "organizations": 0, "stage_changes": 0, "system_activities": 0,
    }  # fmt: skip
    assert crm["leads"][0]["stage_code"] == "negotiation"
    assert crm["leads"][0]["title"].startswith("Mariana Alves · WhatsApp Recepção · ponte-")
    assert "Quero agendar uma avaliação" in crm["notes"][0]["comment"]
    assert not Effect.objects.exclude(state="confirmed").exists()
    assert ContactMapping.objects.get().krayin_lead_id == crm["leads"][0]["id"]
    assert ConversationMapping.objects.get().message_count == 4  # the greeting and the survey count too
    assert ActivityMapping.objects.count() == 4
    assert StageChangeLog.objects.get().result == "moved"
