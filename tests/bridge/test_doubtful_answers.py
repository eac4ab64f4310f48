"""Krayin's answers lie or never come: looked up, then confirmed or repeated, never doubled (DESIGN section 6)."""

from typing import Any

import pytest
import requests
from connected_clinic import Bridge

from bridge.models import ActivityMapping, CallBudget, Connection, ConversationDay, Effect, SyncedObject
from bridge.models.connections import LONG_AGO
from bridge.sync.lanes import mark_dirty
from bridge.sync.partners import krayin_client

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

ONE_OF_EACH = {"persons": 1, "leads": 1, "notes": 1, "organizations": 0, "stage_changes": 0}


def conversation_ends(bridge: Bridge) -> None:
    """A new person writes, is answered, and the conversation is resolved, all before the worker looks."""
    with bridge.chatwoot.capture() as deliveries:
        conversation = bridge.chatwoot.new_person_writes("Bom dia", name="Ana Lima", phone_number="+5511900000021")
        bridge.chatwoot.outgoing(conversation.display_id, "Olá Ana")
        bridge.chatwoot.set_status(conversation.display_id, "resolved")
    assert set(bridge.deliver(deliveries)) == {202}


def counts(bridge: Bridge) -> dict[str, int]:
    return {name: number for name, number in bridge.crm["counts"].items() if name != "system_activities"}


def states() -> set[str]:
    return set(Effect.objects.values_list("state", flat=True))


@pytest.mark.parametrize("kind", ["commit_then_cut", "502_after_commit"])
@pytest.mark.parametrize("path", ["/leads", "/activities"])
def test_a_write_whose_answer_is_lost_is_found_and_not_repeated(bridge: Bridge, kind: str, path: str) -> None:
    bridge.fault(kind, method="POST", path=path, count=1)
    conversation_ends(bridge)
    bridge.work()
    assert "unknown" in states()
    for _ in range(4):
        bridge.make_due()
        bridge.work()
    assert counts(bridge) == ONE_OF_EACH
    assert states() == {"confirmed"}
    assert "Olá Ana" in bridge.crm["notes"][0]["comment"]


@pytest.mark.parametrize("path", ["/leads/attributes/edit", "/activities", "/contacts/persons"])
def test_a_change_whose_answer_is_lost_ends_as_it_was_meant(bridge: Bridge, path: str) -> None:
    conversation_ends(bridge)
    bridge.work()
    bridge.fault("commit_then_cut", method="PUT", path=path, count=1)
    with bridge.chatwoot.capture() as deliveries:
        bridge.chatwoot.update_contact(4182, name="Ana Lima Souza")
        bridge.chatwoot.outgoing(1287, "Mais uma coisa")
    bridge.deliver(deliveries)
    for _ in range(5):
        bridge.work()
        bridge.make_due()
    assert counts(bridge) == ONE_OF_EACH
    assert bridge.crm["persons"][0]["name"] == "Ana Lima Souza"
    assert bridge.crm["leads"][0]["title"].startswith("Ana Lima Souza · ")
    assert "Mais uma coisa" in bridge.crm["notes"][0]["comment"]
    assert states() == {"confirmed"}


def test_a_worker_that_died_after_the_call_leaves_nothing_doubled(bridge: Bridge) -> None:
    """The note is in Krayin, but the ledger still says *sent* and nothing was written down."""
    conversation_ends(bridge)
    bridge.work()
    Effect.objects.filter(kind="create_note").update(state="sent", foreign_id=None, confirmed_at=None)
    SyncedObject.objects.filter(kind="note").delete()
    ConversationDay.objects.update(written=0)
    ActivityMapping.objects.all().delete()
    bridge.make_due()
    mark_dirty(bridge.connection.pk, "c:4182")
    for _ in range(3):
        bridge.work()
        bridge.make_due()
    assert counts(bridge) == ONE_OF_EACH
    assert states() == {"confirmed"}


def test_nothing_is_looked_up_before_it_can_have_settled(bridge: Bridge, settings: Any) -> None:
    settings.SETTLE_S = 45
    bridge.fault("commit_then_cut", method="POST", path="/leads", count=1)
    conversation_ends(bridge)
    bridge.work()
    before = bridge.calls()
    bridge.work()
    assert bridge.calls() == before
    assert Effect.objects.filter(state="unknown").count() == 2


def test_a_lead_written_without_its_attributes_gets_them(bridge: Bridge) -> None:
    bridge.fault("row_without_attributes", method="POST", path="/leads", entity="leads", count=1)
    conversation_ends(bridge)
    for _ in range(4):
        bridge.work()
        bridge.make_due()
    assert counts(bridge) == ONE_OF_EACH
    assert bridge.crm["leads"][0]["attributes"]["bridge_ref"].endswith("-l1")
    assert states() == {"confirmed"}


def test_a_person_written_without_its_attributes_is_found_by_its_phone(bridge: Bridge) -> None:
    bridge.fault("row_without_attributes", method="POST", path="/leads", entity="persons", count=1)
    conversation_ends(bridge)
    for _ in range(5):
        bridge.work()
        bridge.make_due()
    assert counts(bridge) == ONE_OF_EACH
    assert bridge.crm["persons"][0]["attributes"]["chatwoot_contact_ref"].startswith("ponte-")


def test_a_write_that_was_cut_before_it_happened_is_repeated_once(bridge: Bridge) -> None:
    bridge.fault("down", mode="cut", method="POST", path="/leads", count=1)
    conversation_ends(bridge)
    for _ in range(4):
        bridge.work()
        bridge.make_due()
    assert counts(bridge) == ONE_OF_EACH
    assert Effect.objects.get(kind="create_lead").attempts == 1


def test_a_krayin_that_is_down_costs_no_attempts_and_nothing_is_lost(bridge: Bridge) -> None:
    bridge.fault("down", mode="503")
    conversation_ends(bridge)
    for _ in range(5):
        bridge.work()
        bridge.make_due()
    assert set(Effect.objects.values_list("attempts", flat=True)) == {0}
    assert Connection.objects.get().problem == "KRAYIN_UNAVAILABLE"
    assert not Effect.objects.filter(state="rejected").exists()
    bridge.krayin.faults.clear()
    bridge.settle()
    assert counts(bridge) == ONE_OF_EACH
    assert Connection.objects.get().problem == ""


def test_a_refused_token_is_renewed_and_the_call_repeated(bridge: Bridge) -> None:
    conversation_ends(bridge)
    bridge.krayin.faults.clear()
    revoke_tokens(bridge)
    bridge.work()
    assert counts(bridge) == ONE_OF_EACH
    assert bridge.crm["calls"]["by_kind"]["POST /login"] >= 2


def revoke_tokens(bridge: Bridge) -> None:
    """Somebody signs in as the bridge's user: every other token of it dies (contract Krayin 1)."""
    body = {"email": bridge.krayin.bridge.email, "password": bridge.krayin.bridge.password, "device_name": "other"}
    requests.post(f"{bridge.krayin.url}/api/v1/login", json=body, timeout=10).raise_for_status()


def test_a_wrong_password_is_a_problem_of_the_connection_not_of_the_steps(bridge: Bridge) -> None:
    conversation_ends(bridge)
    revoke_tokens(bridge)
    bridge.fault("refuse", path="/login", status=422, errors={"email": ["?"]})
    bridge.work()
    assert Connection.objects.get().problem == "KRAYIN_CREDENTIALS"
    assert states() == {"intended"}


def test_refusals_that_mean_too_fast_only_slow_down(bridge: Bridge) -> None:
    conversation_ends(bridge)
    bridge.fault("refuse", status=500, limiter_headers=False, count=3)
    bridge.work()
    assert states() == {"intended"}
    CallBudget.objects.update(blocked_until=LONG_AGO)
    bridge.settle()
    assert counts(bridge) == ONE_OF_EACH


def test_a_refused_field_waits_for_a_person_and_says_which(bridge: Bridge) -> None:
    bridge.fault("refuse", method="POST", path="/leads", status=422, errors={"lead_type_id": ["?"]}, count=1)
    conversation_ends(bridge)
    bridge.settle()
    refused = Effect.objects.get(state="rejected")
    assert (refused.cause, refused.detail) == ("KRAYIN_REJECTED", "lead_type_id")
    assert counts(bridge) == dict.fromkeys(ONE_OF_EACH, 0)


def test_a_slow_krayin_only_makes_things_later(bridge: Bridge) -> None:
    bridge.fault("slow", seconds=0.3, method="POST", path="/leads", count=1)
    conversation_ends(bridge)
    bridge.work()
    assert counts(bridge) == ONE_OF_EACH


def test_a_note_deleted_by_people_is_not_made_again(bridge: Bridge) -> None:
    conversation_ends(bridge)
    bridge.work()
    client, _ = krayin_client(bridge.connection)
    client.activity_delete(bridge.crm["notes"][0]["id"])
    with bridge.chatwoot.capture() as deliveries:
        bridge.chatwoot.outgoing(1287, "Mais uma coisa")
    bridge.deliver(deliveries)
    for _ in range(3):
        bridge.work()
        bridge.make_due()
    assert counts(bridge)["notes"] == 0
    assert Effect.objects.get(kind="set_note").cause == "KRAYIN_OBJECT_GONE"


def test_a_lead_deleted_by_people_is_not_made_again(bridge: Bridge) -> None:
    with bridge.chatwoot.capture() as deliveries:
        bridge.chatwoot.new_person_writes("Bom dia", name="Ana Lima", phone_number="+5511900000021")
    bridge.deliver(deliveries)
    bridge.work()
    client, _ = krayin_client(bridge.connection)
    client.lead_delete(bridge.crm["leads"][0]["id"])
    with bridge.chatwoot.capture() as deliveries:
        bridge.chatwoot.outgoing(1287, "Olá")
        bridge.chatwoot.set_status(1287, "resolved")
    bridge.deliver(deliveries)
    for _ in range(3):
        bridge.work()
        bridge.make_due()
    assert counts(bridge)["leads"] == 0
