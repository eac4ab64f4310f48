"""Keeping a conversation back, a note of the staff, looking again."""

import pytest
from django.utils import timezone

from bridge import actions
from bridge.clients.shapes import LeadChange
from bridge.models import Effect, ObservedConversation, SyncedObject, Wish
from bridge.sync.partners import krayin_client
from consent.encryption import Actor
from consent.models import DataSubject
from tests.bridge.connected_clinic import Bridge

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

TEXT = "Ligou pedindo <b>retorno</b> na terça"


def writes(bridge: Bridge, conversation: ObservedConversation, text: str) -> None:
    with bridge.chatwoot.capture() as deliveries:
        bridge.chatwoot.incoming(conversation.chatwoot_conversation_id, text)
    bridge.deliver(deliveries)
    bridge.settle()


def comments(bridge: Bridge) -> str:
    return "\n".join(note["comment"] for note in bridge.crm["notes"])


def test_a_conversation_kept_back_is_written_no_more_until_it_is_lifted(
    bridge: Bridge, conversation: ObservedConversation, attendant: Actor
) -> None:
    actions.do_not_send(conversation, attendant, via="panel")
    writes(bridge, conversation, "Isto é particular")
    assert "particular" not in comments(bridge)
    actions.do_not_send(conversation, attendant, on=False)
    bridge.settle()
    assert "particular" in comments(bridge)


def test_a_new_person_kept_back_from_the_first_message_on_is_not_created(bridge: Bridge, attendant: Actor) -> None:
    bridge.connection.state = "paused"
    bridge.connection.save()
    with bridge.chatwoot.capture() as deliveries:
        made = bridge.chatwoot.new_person_writes("Oi", name="Lia Sá", phone_number="+5511900000055")
    bridge.deliver(deliveries)
    bridge.connection.state = "shadow"
    bridge.connection.save()
    bridge.work()
    row = ObservedConversation.objects.get(chatwoot_conversation_id=made.display_id)
    actions.do_not_send(row, attendant)
    bridge.connection.state = "active"
    bridge.connection.save()
    bridge.settle()
    assert bridge.crm["counts"]["persons"] == 0


def test_keeping_back_twice_is_nothing_to_do(
    bridge: Bridge, conversation: ObservedConversation, attendant: Actor
) -> None:
    actions.do_not_send(conversation, attendant)
    with pytest.raises(actions.NothingToDo):
        actions.do_not_send(conversation, attendant)
    actions.do_not_send(conversation, attendant, on=False)
    with pytest.raises(actions.NothingToDo):
        actions.do_not_send(conversation, attendant, on=False)


def test_a_note_is_written_once_escaped_and_then_forgotten_here(
    bridge: Bridge, conversation: ObservedConversation, attendant: Actor
) -> None:
    wish = actions.note_to_crm(conversation, TEXT, attendant, via="panel")
    wish.refresh_from_db()
    assert TEXT.encode() not in wish.text.blob
    bridge.settle()
    bridge.settle()
    (note,) = [note for note in bridge.crm["notes"] if "Nota da equipe" in note["title"]]
    assert "&lt;b&gt;retorno&lt;/b&gt; na terça" in note["comment"]
    assert "Bia Rocha" in note["comment"]
    assert note["lead_ids"] == [1]
    wish.refresh_from_db()
    assert (wish.state, wish.text) == ("done", None)


def test_a_note_whose_answer_was_lost_is_not_written_twice(
    bridge: Bridge, conversation: ObservedConversation, attendant: Actor
) -> None:
    bridge.fault("commit_then_cut", method="POST", path="/activities", count=1)
    actions.note_to_crm(conversation, TEXT, attendant)
    bridge.settle()
    bridge.settle()
    assert sum("Nota da equipe" in note["title"] for note in bridge.crm["notes"]) == 1
    wish = Wish.objects.get(kind="note")
    assert (wish.state, wish.text) == ("done", None)


def test_the_gate_is_asked_before_a_note_leaves(
    bridge: Bridge, conversation: ObservedConversation, attendant: Actor
) -> None:
    actions.note_to_crm(conversation, TEXT, attendant)
    DataSubject.objects.update(blocked_at=timezone.now())
    bridge.settle()
    assert not any("Nota da equipe" in note["title"] for note in bridge.crm["notes"])
    assert Effect.objects.get(kind="create_note", state="denied").cause == "BLOCKED_PERSON"
    with pytest.raises(actions.LeaveAlone):
        actions.note_to_crm(conversation, TEXT, attendant)


@pytest.mark.parametrize(("text", "code"), [("   ", "empty"), ("x" * 4001, "too_long")])
def test_unusable_texts_are_refused(
    bridge: Bridge, conversation: ObservedConversation, attendant: Actor, text: str, code: str
) -> None:
    with pytest.raises(actions.RewordText) as refused:
        actions.note_to_crm(conversation, text, attendant)
    assert refused.value.code == code
    assert not Wish.objects.exists()


def test_sync_now_writes_waiting_notes_and_reads_the_opportunity(
    bridge: Bridge, conversation: ObservedConversation, attendant: Actor
) -> None:
    bridge.connection.note_quiet_s = 600
    bridge.connection.save()
    with bridge.chatwoot.capture() as deliveries:
        bridge.chatwoot.incoming(conversation.chatwoot_conversation_id, "Cheguei")
    bridge.deliver(deliveries)
    bridge.work()
    assert "Cheguei" not in comments(bridge)
    krayin_client(bridge.connection)[0].lead_edit(1, LeadChange(None, stage_id=4))
    wish = actions.sync_now(conversation, attendant, via="panel")
    bridge.work()
    assert "Cheguei" in comments(bridge)
    assert SyncedObject.objects.get(kind="lead").stage_id == 4
    wish.refresh_from_db()
    assert wish.state == "done"
