"""A connection that worked in one direction is switched to both."""

import pytest

from bridge.back.setup import prepare
from bridge.connecting.refresh import refresh
from tests.back.both_sides import BothSides

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

BIA = {"name": "Bia Prado", "email": "bia@exemplo.com", "phone_number": "+5511900000022"}


def switched_off_meanwhile(both: BothSides) -> int:
    both.set(krayin_to_chatwoot=False, back_checked_at=None)
    return both.writes(**BIA)


def test_opportunities_made_before_are_shown_after_one_reading(both: BothSides) -> None:
    bia = switched_off_meanwhile(both)
    assert both.bridge.chatwoot.store.contacts[bia].custom_attributes == {}
    both.set(krayin_to_chatwoot=True)
    with both.counted() as calls:
        prepare(both.connection)
        both.settle()
    assert both.bridge.chatwoot.store.contacts[bia].custom_attributes["crm_stage"] == "New"
    assert calls.krayin == 1


def test_a_correction_in_krayin_after_that_is_carried_over(both: BothSides) -> None:
    both.set(krayin_to_chatwoot=False, back_checked_at=None)
    both.look_again()
    both.set(krayin_to_chatwoot=True)
    prepare(both.connection)
    both.settle()
    both.edits_person(name="Ana Lima Souza")
    both.settle()
    assert both.contact.name == "Ana Lima Souza"


def test_the_hourly_refresh_finds_a_connection_that_was_switched_on_and_one_that_was_switched_off(
    both: BothSides,
) -> None:
    bia = switched_off_meanwhile(both)
    both.set(krayin_to_chatwoot=True)
    refresh(both.connection)
    both.settle()
    assert both.bridge.chatwoot.store.contacts[bia].custom_attributes["crm_stage"] == "New"
    both.set(krayin_to_chatwoot=False)
    refresh(both.connection)
    assert both.connection.back_checked_at is None


def test_a_stage_that_is_renamed_in_krayin_is_shown_by_its_new_name(both: BothSides) -> None:
    renamed = [{**p, "stages": [{**s, "name": f"{s['name']} (antes)"} for s in p["stages"]]} for p in
               both.connection.pipelines]  # fmt: skip
    both.set(pipelines=renamed)
    both.look_again()
    assert both.attributes["crm_stage"] == "New (antes)"
    refresh(both.connection)
    both.settle()
    assert both.attributes["crm_stage"] == "New"
