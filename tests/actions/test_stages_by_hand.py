"""A person moves an opportunity: anywhere, once, and never over another person's change."""

import pytest

from audit.models import AuditLog
from bridge import actions
from bridge.clients.shapes import LeadChange
from bridge.models import ObservedConversation, StageChangeLog, Wish
from bridge.sync.partners import krayin_client
from consent.encryption import Actor
from consent.models import User
from tests.bridge.connected_clinic import Bridge

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

FOLLOW_UP, PROSPECT, NEGOTIATION, WON, LOST = 2, 3, 4, 5, 6


def stage(bridge: Bridge) -> str:
    code: str = bridge.crm["leads"][0]["stage_code"]
    return code


def test_it_arrives_in_krayin_with_who_asked(
    bridge: Bridge, conversation: ObservedConversation, attendant: Actor
) -> None:
    wish = actions.change_stage(conversation, NEGOTIATION, attendant, via="panel")
    assert stage(bridge) == "follow-up"
    bridge.settle()
    assert stage(bridge) == "negotiation"
    wish.refresh_from_db()
    assert (wish.state, wish.reason) == ("done", "")
    row = StageChangeLog.objects.latest("created_at")
    assert (row.trigger_source, row.previous_stage, row.new_stage, row.result) == (
        "panel", "Follow Up", "Negotiation", "moved",
    )  # fmt: skip
    assert row.asked_by == attendant.user
    assert row.chatwoot_conversation_id == conversation.chatwoot_conversation_id


def test_its_audit_row_names_nobody_but_the_account(
    bridge: Bridge, conversation: ObservedConversation, attendant: Actor
) -> None:
    wish = actions.change_stage(conversation, NEGOTIATION, attendant, via="panel")
    row = AuditLog.objects.get(action="hand.stage")
    assert (row.actor_ref, row.subject, row.object_id, row.reason_code) == (
        attendant.ref, conversation.contact.subject.pseudonym, str(wish.pk), "panel",
    )  # fmt: skip


def test_a_person_may_move_back_and_out_of_won(
    bridge: Bridge, conversation: ObservedConversation, attendant: Actor
) -> None:
    for wanted, code in ((WON, "won"), (FOLLOW_UP, "follow-up"), (LOST, "lost"), (PROSPECT, "prospect")):
        actions.change_stage(conversation, wanted, attendant)
        bridge.settle()
        assert stage(bridge) == code


def test_the_rules_do_not_undo_it(bridge: Bridge, conversation: ObservedConversation, attendant: Actor) -> None:
    number = conversation.chatwoot_conversation_id
    with bridge.chatwoot.capture() as deliveries:
        bridge.chatwoot.outgoing(number, "Olá")
    bridge.deliver(deliveries)
    bridge.settle()
    assert stage(bridge) == "prospect"
    actions.change_stage(conversation, FOLLOW_UP, attendant)
    bridge.settle()
    with bridge.chatwoot.capture() as deliveries:
        bridge.chatwoot.outgoing(number, "Tudo bem?")
    bridge.deliver(deliveries)
    bridge.settle()
    assert stage(bridge) == "follow-up"


def test_another_persons_move_meanwhile_wins(
    bridge: Bridge, conversation: ObservedConversation, attendant: Actor
) -> None:
    wish = actions.change_stage(conversation, NEGOTIATION, attendant)
    client, _ = krayin_client(bridge.connection)
    client.lead_edit(1, LeadChange(None, stage_id=LOST))
    bridge.settle()
    assert stage(bridge) == "lost"
    wish.refresh_from_db()
    assert (wish.state, wish.reason) == ("refused", "moved_by_hand")
    assert StageChangeLog.objects.latest("created_at").result == "conflict"


def test_the_last_of_several_wishes_counts_and_is_written_once(
    bridge: Bridge, conversation: ObservedConversation, attendant: Actor, manager: Actor
) -> None:
    first = actions.change_stage(conversation, PROSPECT, attendant)
    actions.change_stage(conversation, NEGOTIATION, manager)
    before = bridge.calls()
    bridge.settle()
    assert bridge.calls() - before == 2
    assert stage(bridge) == "negotiation"
    first.refresh_from_db()
    assert first.state == "withdrawn"
    assert StageChangeLog.objects.filter(trigger_source="panel").count() == 1


def test_it_waits_for_krayin_and_happens_once(
    bridge: Bridge, conversation: ObservedConversation, attendant: Actor
) -> None:
    bridge.fault("502_after_commit", method="PUT", path="/leads/attributes/edit", count=1)
    actions.change_stage(conversation, NEGOTIATION, attendant)
    bridge.settle()
    bridge.settle()
    assert stage(bridge) == "negotiation"
    assert Wish.objects.get(kind="stage").state == "done"
    moved = StageChangeLog.objects.filter(trigger_source="panel")
    assert [row.result for row in moved] == ["moved"]


def test_a_deleted_opportunity_refuses_the_wish(
    bridge: Bridge, conversation: ObservedConversation, attendant: Actor
) -> None:
    wish = actions.change_stage(conversation, NEGOTIATION, attendant)
    client, _ = krayin_client(bridge.connection)
    client.lead_delete(1)
    bridge.settle()
    wish.refresh_from_db()
    assert (wish.state, wish.reason) == ("refused", "object_gone")
    assert bridge.crm["counts"]["leads"] == 0


def test_nothing_is_stored_without_permission(bridge: Bridge, conversation: ObservedConversation) -> None:
    stranger = Actor.staff(User.objects.create_user("alguem@clinica.exemplo", None))
    with pytest.raises(actions.AskForPermission):
        actions.change_stage(conversation, NEGOTIATION, stranger)
    assert not Wish.objects.exists()
    assert AuditLog.objects.using("audit").get(action="hand.stage").outcome == "denied"


def test_unknown_present_and_repeated_stages_are_refused(
    bridge: Bridge, conversation: ObservedConversation, attendant: Actor
) -> None:
    with pytest.raises(actions.ChooseAnother):
        actions.change_stage(conversation, 99, attendant)
    with pytest.raises(actions.NothingToDo):
        actions.change_stage(conversation, FOLLOW_UP, attendant)
    assert not Wish.objects.exists()


@pytest.mark.parametrize("state", ["shadow", "draft", "off"])
def test_a_connection_that_writes_nothing_says_so(
    bridge: Bridge, conversation: ObservedConversation, attendant: Actor, state: str
) -> None:
    bridge.connection.state = state
    bridge.connection.save()
    with pytest.raises(actions.ActivateFirst) as refused:
        actions.change_stage(conversation, NEGOTIATION, attendant)
    assert refused.value.code == state
    assert len(str(refused.value)) > 20


def test_a_withdrawn_wish_changes_nothing(bridge: Bridge, conversation: ObservedConversation, attendant: Actor) -> None:
    wish = actions.change_stage(conversation, NEGOTIATION, attendant)
    actions.withdraw(wish, attendant)
    bridge.settle()
    assert stage(bridge) == "follow-up"
    with pytest.raises(actions.NothingToDo):
        actions.withdraw(wish, attendant)
