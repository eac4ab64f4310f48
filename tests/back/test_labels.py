"""An optional label tells the stage; people's own labels stay (DESIGN section 8)."""

import pytest

from bridge.back.setup import prepare
from bridge.back.shown import merged_labels, stage_label
from tests.back.both_sides import BothSides

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


def with_label(both: BothSides, where: str) -> None:
    both.set(stage_label=where)
    prepare(both.connection)
    both.look_again()


def test_the_label_follows_the_stage_and_leaves_peoples_labels_alone(both: BothSides) -> None:
    both.bridge.chatwoot.set_contact_labels(both.contact_id, ["vip", "retorno"])
    with_label(both, "contact")
    assert both.contact.label_list == ["vip", "retorno", "crm-new"]
    both.moves(3)
    both.settle()
    assert both.contact.label_list == ["vip", "retorno", "crm-prospect"]


def test_a_stage_change_with_label_costs_two_calls_more(both: BothSides) -> None:
    with_label(both, "contact")
    with both.counted() as calls:
        both.moves(3)
        both.settle()
    assert (calls.krayin, calls.chatwoot) == (1, 3)


def test_the_label_can_be_put_on_the_conversation(both: BothSides) -> None:
    with_label(both, "conversation")
    conversation = both.bridge.chatwoot.store.conversations_of(both.contact_id)[0]
    assert list(conversation.label_list) == ["crm-new"]


def test_a_pipeline_that_reveals_health_gives_no_label(both: BothSides) -> None:
    with_label(both, "contact")
    both.set(health_pipeline_ids=[1])
    both.moves(3)
    both.settle()
    assert both.contact.label_list == []
    assert both.attributes["crm_stage"] == "Prospect"


def test_switched_off_the_label_is_taken_off(both: BothSides) -> None:
    with_label(both, "contact")
    both.set(stage_label="off")
    both.look_again()
    assert both.contact.label_list == []


def test_the_labels_people_can_choose_are_made_once(both: BothSides) -> None:
    both.set(stage_label="contact")
    made = prepare(both.connection).made
    assert made == ("crm-new", "crm-follow-up", "crm-prospect", "crm-negotiation", "crm-won", "crm-lost")
    assert prepare(both.connection).made == ()


@pytest.mark.parametrize(
    ("stage", "label"), [("Avaliação — 1ª consulta", "crm-avaliacao-1a-consulta"), ("😀", "crm-7"), ("", "crm-7")]
)
def test_labels_are_plain_letters(stage: str, label: str) -> None:
    assert stage_label(stage, 7) == label


def test_merging_keeps_the_order_of_others() -> None:
    ours = {"crm-new", "crm-won"}
    assert merged_labels(("vip", "crm-new", "retorno"), ours, "crm-won") == ("vip", "retorno", "crm-won")
    assert merged_labels(("crm-vip", "crm-won"), ours, "") == ("crm-vip",)
    assert merged_labels(("crm-won", "vip"), ours, "crm-won") == ("crm-won", "vip")
