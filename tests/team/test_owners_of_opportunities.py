"""Who attends a conversation owns its opportunity, and what people decide in Krayin afterwards stays (screen A9)."""

import pytest

from bridge.connecting.refresh import refresh
from bridge.models import Connection, Effect, Owner, OwnerLink
from bridge.team import directory, edit
from tests.team.conftest import CAMILA, RAFAEL, Clinic

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

RECEPTION, FINANCE = 2, 3
ADMIN = 1  # Krayin's administrator


def test_keep_names_the_default_owner_in_the_creating_call_and_changes_nobody(clinic: Clinic) -> None:
    before = clinic.bridge.calls()
    clinic.writes("Rui Sá", "+5511900000033")
    without = clinic.bridge.calls() - before
    clinic.rule("keep", default=clinic.camila)
    before = clinic.bridge.calls()
    number = clinic.writes()
    assert clinic.bridge.calls() - before == without
    assert clinic.owners == [None, clinic.camila]
    assert [person["user_id"] for person in clinic.bridge.crm["persons"]] == [None, clinic.camila]
    clinic.gives_by_hand(ADMIN, lead_id=2)
    clinic.does("assign", number, RAFAEL)
    assert clinic.owners == [None, ADMIN]
    assert clinic.steps() == []


def test_who_attended_before_the_rule_was_chosen_gets_nothing_by_it(clinic: Clinic) -> None:
    number = clinic.writes()
    clinic.does("assign", number, RAFAEL)
    assert clinic.owners == [None]
    clinic.rule("assignee")
    clinic.does("set_labels", number, ["retorno"])
    assert clinic.owners == [None]
    clinic.does("assign", number, CAMILA)
    assert clinic.owners == [clinic.camila]
    with clinic.bridge.chatwoot.capture() as deliveries:
        other = clinic.bridge.chatwoot.new_person_writes("Oi", name="Rui", phone_number="+5511900000033").display_id
        clinic.bridge.chatwoot.assign(other, RAFAEL)
    before = clinic.steps()
    clinic.hears(list(deliveries))
    assert clinic.owners == [clinic.camila, clinic.rafael]
    assert clinic.steps() == before


def test_the_opportunity_goes_with_the_conversation(clinic: Clinic) -> None:
    clinic.rule("assignee", default=clinic.camila)
    number = clinic.writes()
    assert clinic.owners == [clinic.camila]
    clinic.does("assign", number, RAFAEL)
    assert clinic.owners == [clinic.rafael]
    clinic.does("assign", number, None)
    assert clinic.owners == [clinic.rafael]
    clinic.does("assign", number, CAMILA)
    assert clinic.owners == [clinic.camila]
    assert clinic.steps() == ["confirmed", "confirmed"]


def test_the_team_decides_where_the_rule_says_so(clinic: Clinic) -> None:
    entries = clinic.connection.directory  # type: ignore[attr-defined]
    edit.pair(entries.get(kind="team", key=str(FINANCE)), clinic.owner(clinic.camila))
    clinic.rule("team")
    number = clinic.writes()
    clinic.does("assign", number, RAFAEL)
    clinic.does("assign_team", number, RECEPTION)
    assert clinic.owners == [None]
    clinic.does("assign_team", number, FINANCE)
    assert clinic.owners == [clinic.camila]


def test_what_people_chose_in_krayin_stays_until_somebody_else_attends(clinic: Clinic) -> None:
    clinic.rule("assignee")
    number = clinic.writes()
    clinic.does("assign", number, RAFAEL)
    clinic.gives_by_hand(ADMIN)
    clinic.does("set_labels", number, ["retorno"])
    clinic.does("set_status", number, "resolved")
    assert clinic.owners == [ADMIN]
    clinic.does("assign", number, CAMILA)
    assert clinic.owners == [clinic.camila]


@pytest.mark.parametrize("newest_first", [False, True])
def test_an_older_fact_that_comes_late_changes_nothing(clinic: Clinic, *, newest_first: bool) -> None:
    clinic.rule("assignee", default=clinic.camila)
    number = clinic.writes()
    late = clinic.unheard("assign", number, RAFAEL)
    clinic.gives_by_hand(ADMIN)
    newer = clinic.unheard("set_labels", number, ["retorno"])
    if newest_first:
        clinic.bridge.deliver(newer)
    clinic.hears(late if newest_first else late + newer)
    assert clinic.owners == [ADMIN]
    clinic.does("set_labels", number, ["retorno", "urgente"])
    assert clinic.owners == [ADMIN]


def test_who_is_absent_is_passed_over(clinic: Clinic) -> None:
    clinic.rule("assignee", default=clinic.camila)
    edit.set_work(clinic.owner(clinic.rafael), takes_turns=False, is_absent=True, until=None)
    number = clinic.writes()
    clinic.does("assign", number, RAFAEL)
    assert clinic.owners == [clinic.camila]


def test_a_move_whose_answer_was_lost_is_not_taken_for_a_persons(clinic: Clinic) -> None:
    clinic.rule("assignee")
    number = clinic.writes()
    clinic.bridge.fault("commit_then_cut", method="PUT", path="/leads/attributes/edit/1", count=1)
    clinic.does("assign", number, RAFAEL)
    assert clinic.steps() == ["unknown"]
    clinic.does("assign", number, CAMILA)
    clinic.bridge.settle()
    clinic.bridge.settle()
    assert clinic.owners == [clinic.camila]


def test_yes_no_fields_keep_the_owner_where_it_is(clinic: Clinic) -> None:
    Connection.objects.filter(pk=clinic.connection.pk).update(lead_booleans=["convenio_ativo"])
    clinic.rule("assignee", default=clinic.camila)
    number = clinic.writes()
    clinic.does("assign", number, RAFAEL)
    assert clinic.owners == [clinic.camila]
    assert clinic.steps() == []


# Gone -----------------------------------------------------------------------------------------------------------------


def test_a_user_deleted_unseen_costs_one_failed_try_and_the_default_owner_gets_it(clinic: Clinic) -> None:
    clinic.rule("assignee", default=clinic.camila)
    clinic.forgets_in_krayin(clinic.rafael)
    with clinic.bridge.chatwoot.capture() as deliveries:
        number = clinic.bridge.chatwoot.new_person_writes("Oi", name="Ana", phone_number="+5511900000021").display_id
        clinic.bridge.chatwoot.assign(number, RAFAEL)
    clinic.hears(list(deliveries))
    for _ in range(3):
        clinic.bridge.settle()
    assert clinic.owners == [clinic.camila]
    assert len(clinic.bridge.crm["persons"]) == 1
    assert clinic.owner(clinic.rafael).gone_at is not None


def test_a_change_to_a_deleted_user_is_refused_with_its_cause_once(clinic: Clinic) -> None:
    clinic.rule("assignee", default=clinic.camila)
    number = clinic.writes()
    clinic.forgets_in_krayin(clinic.rafael)
    clinic.does("assign", number, RAFAEL)
    for _ in range(3):
        clinic.bridge.settle()
    step = Effect.objects.get(kind="set_owner")
    assert (step.state, step.cause, step.detail) == ("rejected", "KRAYIN_TARGET_GONE", "user_id")
    assert clinic.owners == [clinic.camila]
    before = clinic.bridge.calls()
    clinic.does("set_labels", number, ["retorno"])
    assert clinic.bridge.calls() == before


def test_the_hourly_look_finds_who_left_and_asks_nothing_without_a_rule(clinic: Clinic) -> None:
    clinic.forgets_in_krayin(clinic.rafael)
    refresh(clinic.connection)
    assert clinic.owner(clinic.rafael).gone_at is None
    clinic.rule("round_robin")
    refresh(clinic.connection)
    assert clinic.owner(clinic.rafael).gone_at is not None
    assert clinic.owner(clinic.camila).gone_at is None


# Pairs ----------------------------------------------------------------------------------------------------------------


def test_equal_e_mails_make_pairs_and_hands_decide_otherwise(clinic: Clinic) -> None:
    links = OwnerLink.objects.filter(connection=clinic.connection)
    pairs = {(link.key, link.owner.number, link.found_by) for link in links.select_related("owner") if link.owner}
    assert pairs == {(str(RAFAEL), clinic.rafael, "email"), (str(CAMILA), clinic.camila, "email")}
    entry = clinic.connection.directory.get(kind="agent", key=str(RAFAEL))  # type: ignore[attr-defined]
    assert edit.pair(entry, None)
    assert directory.fetch(clinic.connection).pairs == 1
    rafael = links.get(key=str(RAFAEL))
    assert (rafael.owner, rafael.found_by) == (None, "manual")
    masks = [*Owner.objects.values_list("mask", flat=True), entry.mask]
    assert all("•••@•••" in mask and "clinica" not in mask for mask in masks)
