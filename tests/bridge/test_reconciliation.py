"""What the webhooks missed is found; what vanished or is there twice is told (DESIGN section 8)."""

import json

import pytest
from connected_clinic import Bridge
from django.core.management import call_command
from hypothesis import given
from hypothesis import strategies as st

from bridge.clients.shapes import LeadChange, LeadDraft
from bridge.events import Facts
from bridge.mappers.chatwoot import facts_of
from bridge.mappers.facts_json import body_of, facts_from
from bridge.models import (
    ConversationDay,
    Effect,
    EqualTitle,
    Krayin,
    ObservedContact,
    ObservedConversation,
    ObservedMessage,
    ReconcileDay,
    StageChangeLog,
    SyncedObject,
    WebhookEvent,
)
from bridge.reconcile import chatwoot, jobs, krayin
from bridge.sync.lanes import mark_dirty
from bridge.sync.partners import krayin_client

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


def happens_unheard(bridge: Bridge) -> int:
    """A whole conversation of which no webhook arrives."""
    with bridge.chatwoot.capture():
        conversation = bridge.chatwoot.new_person_writes("Bom dia", name="Ana Lima", phone_number="+5511900000021")
        bridge.chatwoot.outgoing(conversation.display_id, "Olá Ana")
        bridge.chatwoot.set_status(conversation.display_id, "resolved")
    return conversation.display_id


def test_a_conversation_that_no_webhook_told_is_found_and_carried_over(bridge: Bridge) -> None:
    happens_unheard(bridge)
    assert chatwoot.poll(bridge.connection).brought == 1
    bridge.settle()
    crm = bridge.crm
    assert (crm["counts"]["persons"], crm["counts"]["leads"], crm["counts"]["notes"]) == (1, 1, 1)
    assert "Olá Ana" in crm["notes"][0]["comment"]
    assert WebhookEvent.objects.get().arrived_by == "poll"


def test_polling_again_brings_nothing(bridge: Bridge) -> None:
    happens_unheard(bridge)
    chatwoot.poll(bridge.connection)
    bridge.settle()
    calls = bridge.calls()
    assert chatwoot.poll(bridge.connection).brought == 0
    assert chatwoot.poll(bridge.connection).brought == 0
    bridge.settle()
    assert bridge.calls() == calls


def test_what_the_webhooks_told_is_no_news(bridge: Bridge) -> None:
    with bridge.chatwoot.capture() as deliveries:
        conversation = bridge.chatwoot.new_person_writes("Bom dia", name="Ana Lima", phone_number="+5511900000021")
        bridge.chatwoot.outgoing(conversation.display_id, "Olá")
    bridge.deliver(deliveries)
    bridge.work()
    polled = chatwoot.poll(bridge.connection)
    assert (polled.listed, polled.brought, polled.missed) == (1, 0, 0)


def test_a_missed_edit_and_deletion_are_found_with_the_next_change(bridge: Bridge) -> None:
    with bridge.chatwoot.capture() as deliveries:
        conversation = bridge.chatwoot.new_person_writes("Bom dia", name="Ana Lima", phone_number="+5511900000021")
        answer = bridge.chatwoot.outgoing(conversation.display_id, "Quinta")
        wrong = bridge.chatwoot.outgoing(conversation.display_id, "Errado")
    bridge.deliver(deliveries)
    bridge.work()
    chatwoot.poll(bridge.connection)
    with bridge.chatwoot.capture():
        bridge.chatwoot.edit_message(answer.id, "Sexta")
        bridge.chatwoot.delete_message(wrong.id)
        bridge.chatwoot.set_status(conversation.display_id, "resolved")
    assert chatwoot.poll(bridge.connection).brought == 1
    bridge.settle()
    comment = bridge.crm["notes"][0]["comment"]
    assert "Sexta" in comment
    assert "Errado" not in comment
    assert "[mensagem apagada]" in comment


def test_conversations_of_other_inboxes_are_left_alone(bridge: Bridge) -> None:
    with bridge.chatwoot.capture():
        bridge.chatwoot.new_person_writes("Fatura", name="Bia", phone_number="+5511900000022", inbox_id=15)
    assert chatwoot.poll(bridge.connection).listed == 0
    assert not ObservedConversation.objects.exists()


def test_the_gap_rate_counts_what_only_a_poll_brought(bridge: Bridge) -> None:
    number = happens_unheard(bridge)
    row = bridge.chatwoot.store.conversation(number, 3)
    row.updated_at -= 120 * 1_000_000  # two minutes ago: no webhook is on its way any more
    assert chatwoot.poll(bridge.connection).missed == 1
    day = ReconcileDay.objects.get()
    assert (day.listed, day.missed) == (1, 1)


def test_a_deleted_contact_is_noticed_at_night(bridge: Bridge) -> None:
    with bridge.chatwoot.capture() as deliveries:
        conversation = bridge.chatwoot.new_person_writes("Bom dia", name="Ana Lima", phone_number="+5511900000021")
    bridge.deliver(deliveries)
    bridge.work()
    with bridge.chatwoot.capture():
        bridge.chatwoot.delete_contact(conversation.contact_id)
    assert chatwoot.check_contacts(bridge.connection) == 1
    assert ObservedContact.objects.get().gone_at is not None


def test_a_missed_correction_of_a_contact_is_found_at_night(bridge: Bridge) -> None:
    with bridge.chatwoot.capture() as deliveries:
        conversation = bridge.chatwoot.new_person_writes("Bom dia", name="Ana", phone_number="+5511900000021")
    bridge.deliver(deliveries)
    bridge.work()
    with bridge.chatwoot.capture():
        bridge.chatwoot.update_contact(conversation.contact_id, name="Ana Lima Souza")
    assert chatwoot.check_contacts(bridge.connection) == 0
    bridge.work()
    assert bridge.crm["persons"][0]["name"] == "Ana Lima Souza"


def test_a_stage_moved_by_hand_is_logged_once(bridge: Bridge) -> None:
    with bridge.chatwoot.capture() as deliveries:
        bridge.chatwoot.new_person_writes("Bom dia", name="Ana Lima", phone_number="+5511900000021")
    bridge.deliver(deliveries)
    bridge.work()
    client, _ = krayin_client(bridge.connection)
    client.lead_edit(1, LeadChange(None, stage_id=4))
    assert krayin.watch_leads(bridge.connection)["by_hand"] == 1
    assert krayin.watch_leads(bridge.connection)["by_hand"] == 0
    row = StageChangeLog.objects.get(trigger_source="manual")
    assert (row.previous_stage, row.new_stage) == ("Follow Up", "Negotiation")


def test_two_opportunities_with_one_reference_are_reported(bridge: Bridge) -> None:
    with bridge.chatwoot.capture() as deliveries:
        bridge.chatwoot.new_person_writes("Bom dia", name="Ana Lima", phone_number="+5511900000021")
    bridge.deliver(deliveries)
    bridge.work()
    client, _ = krayin_client(bridge.connection)
    double = client.lead_create(LeadDraft(title=bridge.crm["leads"][0]["title"], stage_id=1, person_id=1))
    assert krayin.watch_leads(bridge.connection)["equal_titles"] == 1
    assert krayin.watch_leads(bridge.connection)["equal_titles"] == 0
    assert EqualTitle.objects.get().foreign_ids == [1, double.id]


def test_records_that_people_deleted_are_noticed_and_not_made_again(bridge: Bridge) -> None:
    number = happens_unheard(bridge)
    chatwoot.poll(bridge.connection)
    bridge.settle()
    client, _ = krayin_client(bridge.connection)
    client.activity_delete(bridge.crm["notes"][0]["id"])
    assert krayin.find_gone(bridge.connection) == 1
    with bridge.chatwoot.capture() as deliveries:
        bridge.chatwoot.incoming(number, "Mais uma dúvida")
    bridge.deliver(deliveries)
    bridge.settle()
    assert bridge.crm["counts"]["notes"] == 0


def test_after_a_restore_nothing_is_made_twice(bridge: Bridge) -> None:
    """The database forgot what it had written; Krayin did not."""
    happens_unheard(bridge)
    chatwoot.poll(bridge.connection)
    bridge.settle()
    before = bridge.crm["counts"]
    SyncedObject.objects.all().delete()
    Effect.objects.all().delete()
    ConversationDay.objects.update(written=0)
    ObservedConversation.objects.update(lead_number=None)
    call_command("reconcile", "--after-restore")
    mark_dirty(bridge.connection.pk, "c:4182")
    for _ in range(3):
        bridge.work()
        bridge.make_due()
    after = bridge.crm["counts"]
    assert {k: after[k] for k in ("persons", "leads", "notes")} == {k: before[k] for k in ("persons", "leads", "notes")}
    assert set(Effect.objects.values_list("state", flat=True)) == {"confirmed"}
    assert Krayin.objects.get().restored_at is not None


def test_a_partner_that_is_away_fails_alone(bridge: Bridge) -> None:
    bridge.fault("down")
    assert jobs.poll_due()["failed"] == 1
    bridge.krayin.faults.clear()
    bridge.connection.refresh_from_db()
    assert bridge.connection.polled_at is not None


def test_polls_come_every_five_minutes_and_every_minute_where_they_are_all_there_is(bridge: Bridge) -> None:
    assert jobs.poll_due()["connections"] == 1
    assert jobs.poll_due()["connections"] == 0
    bridge.connection.polling_only = True
    bridge.connection.save()
    assert jobs.poll_due()["connections"] == 1


def test_facts_survive_being_stored(bridge: Bridge) -> None:
    with bridge.chatwoot.capture() as deliveries:
        bridge.chatwoot.new_person_writes("Bom dia", name="Ana Lima", phone_number="+5511900000021")

    for delivery in deliveries:
        facts = facts_of(json.loads(delivery.body))
        assert facts_from(json.loads(json.dumps(body_of(facts)))) == facts


@given(st.dictionaries(st.integers(1, 100), st.text(max_size=20), max_size=3))
def test_empty_facts_and_names_survive_too(names: dict[int, str]) -> None:
    facts = Facts(inbox_names=names)
    assert facts_from(body_of(facts)) == facts
    assert ObservedMessage.objects.count() == 0
