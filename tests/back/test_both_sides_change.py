"""Name, e-mail and phone may change on both sides; nothing loops, nothing newer is lost (DESIGN section 8)."""

from typing import Any

import pytest

from bridge.models import Effect, FieldStop, KrayinHint
from bridge.reconcile import krayin
from tests.back.both_sides import BothSides, hints

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

MAIL = [{"value": "ana.lima@exemplo.com", "label": "work"}]
PHONE = [{"value": "+55 11 97777-0001", "label": "work"}]


def test_a_name_corrected_in_krayin_reaches_chatwoot_and_the_title_of_the_opportunity(both: BothSides) -> None:
    both.edits_person(name="Ana Lima Souza")
    both.settle()
    assert both.contact.name == "Ana Lima Souza"
    assert both.person["name"] == "Ana Lima Souza"
    assert both.lead["title"].startswith("Ana Lima Souza")
    assert both.steps(kind="set_person") == []


def test_a_correction_in_krayin_costs_one_reading_and_two_calls_to_chatwoot(both: BothSides) -> None:
    with both.counted() as calls:
        both.edits_person(emails=MAIL)
        both.settle()
    assert both.contact.email == "ana.lima@exemplo.com"
    assert (calls.krayin, calls.chatwoot) == (1, 2)


def test_e_mail_and_phone_changed_in_krayin_reach_chatwoot(both: BothSides) -> None:
    both.edits_person(emails=MAIL, contact_numbers=PHONE)
    both.settle()
    assert both.contact.email == "ana.lima@exemplo.com"
    assert both.contact.phone_number == "+5511977770001"
    assert both.person["contact_numbers"][0]["value"] == "+55 11 97777-0001"


def test_a_change_in_chatwoot_reaches_krayin_and_its_echo_costs_nothing(both: BothSides) -> None:
    both.edits_contact(name="Ana Souza")
    both.settle()
    assert both.person["name"] == "Ana Souza"
    with both.counted() as calls:
        both.settle()
        both.look_again()
    assert (calls.krayin, calls.chatwoot) == (0, 0)
    assert hints() == 0
    assert Effect.objects.get(kind="set_person").absorbed


def test_our_own_write_to_chatwoot_comes_back_and_changes_nothing(both: BothSides) -> None:
    both.edits_person(name="Ana Lima Souza")
    both.settle()
    steps = Effect.objects.count()
    with both.counted() as calls:
        both.settle()
        both.look_again()
    assert (calls.krayin, calls.chatwoot) == (0, 0)
    assert Effect.objects.count() == steps


@pytest.mark.parametrize(("source", "name"), [("chatwoot", "Anna"), ("krayin", "Hanna")])
def test_when_both_changed_the_source_of_truth_decides(both: BothSides, source: str, name: str) -> None:
    both.set(name_source=source)
    both.edits_contact(name="Anna")
    both.edits_person(name="Hanna")
    both.settle()
    assert (both.contact.name, both.person["name"]) == (name, name)


@pytest.mark.parametrize(("source", "name"), [("chatwoot", "Anna"), ("krayin", "Hanna")])
def test_a_change_in_chatwoot_that_no_webhook_told_is_seen_before_writing(
    both: BothSides, source: str, name: str
) -> None:
    both.set(name_source=source)
    with both.bridge.chatwoot.capture():
        both.edits_contact(name="Anna")
    both.edits_person(name="Hanna")
    both.settle()
    assert (both.contact.name, both.person["name"]) == (name, name)


@pytest.mark.parametrize(("source", "name"), [("chatwoot", "Anna"), ("krayin", "Hanna")])
def test_a_change_in_krayin_that_no_hint_told_is_seen_before_writing(both: BothSides, source: str, name: str) -> None:
    both.set(name_source=source)
    both.edits_person(name="Hanna")
    KrayinHint.objects.all().delete()
    both.edits_contact(name="Anna")
    both.settle()
    assert (both.contact.name, both.person["name"]) == (name, name)


def test_a_change_in_krayin_that_no_hint_told_is_found_by_the_poll(both: BothSides) -> None:
    krayin.watch(both.connection)
    both.edits_person(name="Ana Lima Souza")
    KrayinHint.objects.all().delete()
    both.settle()
    assert both.contact.name == "Ana Lima"
    krayin.watch(both.connection)
    both.settle()
    assert both.contact.name == "Ana Lima Souza"


def test_different_fields_changed_on_both_sides_are_all_kept(both: BothSides) -> None:
    both.edits_contact(name="Ana Souza")
    both.edits_person(emails=MAIL)
    both.settle()
    assert (both.contact.name, both.contact.email) == ("Ana Souza", "ana.lima@exemplo.com")
    assert (both.person["name"], both.person["emails"]) == ("Ana Souza", MAIL)


def test_both_sides_corrected_alike_need_no_write(both: BothSides) -> None:
    with both.counted() as calls:
        both.edits_contact(email="ana.lima@exemplo.com")
        both.edits_person(emails=MAIL)
        both.settle()
    assert both.steps(kind="set_person") == []
    assert both.steps(kind="set_contact") == []
    assert calls.krayin == 1


def test_a_value_another_contact_has_is_refused_and_told(both: BothSides) -> None:
    both.bridge.chatwoot.create_contact(name="Bia", email="ana.lima@exemplo.com")
    both.edits_person(name="Ana Souza", emails=MAIL)
    both.settle()
    refused = Effect.objects.get(kind="set_contact", state="rejected")
    assert (refused.cause, refused.detail) == ("CHATWOOT_REJECTED", "email")
    assert (both.contact.name, both.contact.email) == ("Ana Souza", "ana@exemplo.com")


def test_a_field_that_flips_too_often_is_stopped_until_people_let_it_go_on(both: BothSides, settings: Any) -> None:
    settings.FLIPS_PER_WINDOW = 3
    for number in range(4):
        both.edits_person(name=f"Ana {number}")
        both.settle()
    assert both.contact.name == "Ana 3"
    both.edits_person(name="Ana 4")
    both.edits_contact(email="outra@exemplo.com")
    both.settle()
    stop = FieldStop.objects.get()
    assert (stop.field, both.contact.name, both.person["name"]) == ("name", "Ana 3", "Ana 4")
    assert both.person["emails"][0]["value"] == "outra@exemplo.com"  # other fields go on
    both.resume(stop)
    both.settle()
    assert both.contact.name == "Ana 4"
