"""A change in Krayin is read once and shown in Chatwoot (DESIGN section 8)."""

import pytest

from bridge.models import KrayinLead, StageChangeLog, SyncedObject
from bridge.reconcile import krayin
from tests.back.both_sides import BothSides, hints

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


def test_a_contact_shows_its_new_opportunity(both: BothSides) -> None:
    lead = both.lead
    assert both.attributes == {
        "crm_lead_id": lead["id"],
        "crm_link": f"{both.bridge.krayin.url}/admin/leads/view/{lead['id']}",
        "crm_stage": "New",
        "crm_pipeline": "Default Pipeline",
        "crm_value": None,
        "crm_owner": both.attributes["crm_owner"],
    }
    assert both.steps(kind="show_lead", state="confirmed") == ["show_lead"]


def test_a_stage_change_in_krayin_costs_one_reading_and_one_call_to_chatwoot(both: BothSides) -> None:
    with both.counted() as calls:
        both.moves(3)
        both.settle()
    assert both.attributes["crm_stage"] == "Prospect"
    assert (calls.krayin, calls.chatwoot) == (1, 1)
    assert hints() == 0


def test_a_stage_change_by_hand_is_logged_and_kept(both: BothSides) -> None:
    both.moves(3)
    both.settle()
    assert StageChangeLog.objects.get().trigger_source == "manual"
    kept = KrayinLead.objects.get()
    assert (kept.stage_id, kept.person_id, kept.gone_at) == (3, both.person["id"], None)


def test_value_and_owner_are_shown_as_krayin_has_them(both: BothSides) -> None:
    both.edits_lead(lead_value="2500.50", user_id=1)
    both.settle()
    assert both.attributes["crm_value"] == 2500.5
    assert both.attributes["crm_owner"] == both.bridge.krayin.state()["users"][0]["name"]


def test_the_same_change_told_twice_is_shown_once(both: BothSides) -> None:
    both.moves(3)
    both.moves(3)
    both.settle()
    with both.counted() as calls:
        both.moves(3)
        both.settle()
    assert (calls.krayin, calls.chatwoot) == (1, 0)
    assert len(both.steps(kind="show_lead", state="confirmed")) == 2


def test_a_mass_change_that_krayin_tells_nobody_is_found_by_the_poll(both: BothSides) -> None:
    krayin.watch(both.connection)
    both.settle()
    both.moves_unheard(4)
    both.settle()
    assert both.attributes["crm_stage"] == "New"
    with both.counted() as calls:
        found = krayin.watch(both.connection)
        both.settle()
    assert (found["leads"], found["by_hand"]) == (1, 1)
    assert both.attributes["crm_stage"] == "Negotiation"
    assert (calls.krayin, calls.chatwoot) == (2, 1)


def test_a_poll_without_news_costs_two_calls_and_wakes_nobody(both: BothSides) -> None:
    krayin.watch(both.connection)
    both.settle()
    with both.counted() as calls:
        found = krayin.watch(both.connection)
        both.settle()
    assert (found["leads"], found["persons"]) == (0, 0)
    assert (calls.krayin, calls.chatwoot) == (2, 0)


def test_a_deleted_opportunity_disappears_from_the_contact_and_is_not_made_again(both: BothSides) -> None:
    lead_id = both.lead["id"]
    both.deletes_lead()
    both.settle()
    assert hints() == 1  # announced before it happens: read a moment later
    both.hints_become_due()
    both.settle()
    assert set(both.attributes.values()) == {None}
    assert SyncedObject.objects.get(kind="lead").gone_at is not None
    assert KrayinLead.objects.get(lead_id=lead_id).gone_at is not None
    assert both.bridge.krayin.state()["leads"] == []


def test_a_deleted_person_is_gone_and_not_made_again(both: BothSides) -> None:
    both.deletes_lead()
    both.deletes_person()
    both.hints_become_due()
    both.settle()
    assert not SyncedObject.objects.filter(kind__in=["person", "lead"], gone_at=None).exists()
    assert set(both.attributes.values()) == {None}
    both.edits_contact(name="Ana Souza")
    both.settle()
    assert both.bridge.krayin.state()["persons"] == []


def test_several_opportunities_are_read_with_one_call(both: BothSides) -> None:
    for number in range(2, 6):
        both.writes(name=f"Pessoa {number}", email=f"p{number}@exemplo.com", phone_number=f"+551190000002{number}")
    leads = [row["id"] for row in both.bridge.krayin.state()["leads"]]
    assert len(leads) == 5
    with both.counted() as calls:
        for lead_id in leads:
            both.moves_one(lead_id, 3)
        both.settle()
    shown = [row.custom_attributes["crm_stage"] for row in both.contacts_of_the_bridge]
    assert shown == ["Prospect"] * 5
    assert (calls.krayin, calls.chatwoot) == (1, 5)
