"""Shadow plans and shows, paused waits, the gate refuses, Chatwoot is not ready or not there."""

import pytest

from bridge.back import queries
from bridge.back.setup import check, prepare
from bridge.causes import Cause
from bridge.models import Breaker, Connection, Effect, FieldStop, Lane
from bridge.models.connections import LONG_AGO
from bridge.sandbox.chatwoot import AGENT_TOKEN, ChatwootSandbox
from bridge.sync.partners import connection_context
from consent.encryption import seal_system
from consent.models import DataSubject
from tests.back.both_sides import BothSides

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


def test_shadow_plans_and_shows_but_writes_nothing(both: BothSides) -> None:
    both.set(state=Connection.State.SHADOW)
    with both.counted() as calls:
        both.moves(3)
        both.settle()
    assert both.steps(state="shadow") == ["show_lead"]
    assert (both.attributes["crm_stage"], calls.chatwoot) == ("New", 0)


def test_paused_writes_nothing_and_catches_up(both: BothSides) -> None:
    both.set(state=Connection.State.PAUSED)
    with both.counted() as calls:
        both.moves(3)
        both.settle()
    assert (calls.krayin, calls.chatwoot) == (0, 0)
    both.set(state=Connection.State.ACTIVE)
    both.settle()
    assert both.attributes["crm_stage"] == "Prospect"


def test_switched_off_nothing_is_shown_and_what_people_write_in_krayin_stays(both: BothSides) -> None:
    both.set(krayin_to_chatwoot=False)
    both.moves(3)
    both.edits_person(name="Ana Krayin")
    both.settle()
    both.edits_contact(name="Ana Chatwoot")
    both.settle()
    assert both.attributes["crm_stage"] == "New"
    assert (both.contact.name, both.person["name"]) == ("Ana Chatwoot", "Ana Krayin")


def test_nothing_about_a_blocked_person_is_shown(both: BothSides) -> None:
    DataSubject.objects.update(blocked_at=LONG_AGO)
    both.moves(3)
    both.settle()
    assert both.attributes["crm_stage"] == "New"
    assert Effect.objects.get(kind="show_lead", state="denied").cause == Cause.BLOCKED_PERSON


def use_token(both: BothSides, token: str) -> None:
    both.set(chatwoot_token=seal_system(token.encode(), context=connection_context(both.connection)))


def forget_definitions(chatwoot: ChatwootSandbox) -> None:
    for row in list(chatwoot.store.of_account("attribute_definitions", 3)):
        if row.attribute_key.startswith("crm_"):
            chatwoot.store.remove(row)


def test_missing_attributes_are_a_cause_and_hold_everything(both: BothSides) -> None:
    forget_definitions(both.bridge.chatwoot)
    assert check(both.connection).cause == Cause.CHATWOOT_ATTRIBUTES
    both.moves(3)
    both.settle()
    assert both.attributes["crm_stage"] == "New"
    assert [(t.cause, t.connection_id) for t in queries.troubles([both.connection])] == [
        (Cause.CHATWOOT_ATTRIBUTES, both.connection.pk)
    ]
    prepare(both.connection)
    both.look_again()
    assert both.attributes["crm_stage"] == "Prospect"
    assert queries.troubles([both.connection]) == []


def test_without_an_administrators_token_nothing_can_be_made_and_the_cause_says_so(both: BothSides) -> None:
    forget_definitions(both.bridge.chatwoot)
    use_token(both, AGENT_TOKEN)
    assert prepare(both.connection).cause == Cause.CHATWOOT_RIGHTS
    assert both.connection.back_problem == Cause.CHATWOOT_RIGHTS


def test_a_refused_token_is_a_cause(both: BothSides) -> None:
    use_token(both, "nobody's")
    assert check(both.connection).cause == Cause.CHATWOOT_CREDENTIALS


def test_a_connection_just_switched_on_is_checked_once(both: BothSides) -> None:
    both.set(back_checked_at=None)
    with both.counted() as calls:
        both.look_again()
        both.look_again()
    assert both.connection.back_checked_at is not None
    assert calls.chatwoot == 1


def test_while_chatwoot_is_away_krayin_is_served_and_nothing_is_lost(both: BothSides) -> None:
    both.bridge.chatwoot.set_faults(rest="down")
    both.moves(3)
    both.settle()
    waiting = Effect.objects.exclude(state="confirmed").get()
    assert waiting.kind == "show_lead"
    assert waiting.state in {"intended", "unknown"}
    Breaker.objects.update_or_create(
        connection=both.connection, partner="chatwoot", defaults={"problem": Cause.CHATWOOT_UNAVAILABLE,
        "since": LONG_AGO, "paused_until": "2100-01-01T00:00Z"},
    )  # fmt: skip
    both.bridge.make_due()
    with both.counted() as calls:
        both.moves(4)
        both.settle()
    assert (calls.krayin, calls.chatwoot) == (1, 0)  # nobody asks it before the next probe
    both.bridge.chatwoot.set_faults(rest="ok")
    both.bridge.make_due()
    Breaker.objects.update(paused_until=LONG_AGO)
    both.settle()
    assert both.attributes["crm_stage"] == "Negotiation"
    assert not Breaker.objects.exists()


def test_a_write_whose_answer_was_lost_is_looked_for_and_not_repeated(both: BothSides) -> None:
    both.moves(3)
    both.settle()
    effect = Effect.objects.filter(kind="show_lead").latest("seq")
    # The call was made and its confirmation never written: a worker died in between.
    both.unconfirm(effect)
    Lane.objects.update(dirty=99, run_at=LONG_AGO)
    with both.counted() as calls:
        both.settle()
    effect.refresh_from_db()
    assert (effect.state, both.attributes["crm_stage"]) == ("confirmed", "Prospect")
    assert both.bridge.chatwoot.api.calls["PUT /contacts/{id}"] == both.puts_before
    assert (calls.krayin, calls.chatwoot) == (0, 1)


def test_stopped_fields_are_listed_for_people(both: BothSides) -> None:
    FieldStop.objects.create(connection=both.connection, lane_key="c:1", ref="x", field="name")
    FieldStop.objects.create(connection=both.connection, lane_key="c:1", ref="x", field="email")
    found = queries.troubles([both.connection])
    assert [(t.cause, t.count) for t in found] == [(Cause.FIELD_FLIPS, 1)]
    assert [stop.field for stop in queries.open_stops([both.connection])] == ["name", "email"]
