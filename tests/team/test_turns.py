"""Round robin: each in turn, whoever asks at once; who is absent is passed over (screen A9)."""

import threading
from collections import Counter
from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connections
from django.utils import timezone
from factories import connection, contact, step

from bridge.models import Connection, Effect, Owner, OwnerRule
from bridge.team import edit
from bridge.team.turns import take_turn
from tests.team.conftest import Clinic

pytestmark = pytest.mark.django_db
at_once = pytest.mark.django_db(transaction=True, databases="__all__")

WORKERS, EACH = 6, 10


@pytest.fixture
def here(db: None) -> Connection:
    made = connection()
    OwnerRule.objects.create(connection=made, rule="round_robin")
    return made


def person(of: Connection, number: int, **fields: object) -> Owner:
    values = {"name": f"Pessoa {number}", "takes_turns": True, "seen_at": timezone.now(), **fields}
    return Owner.objects.create(connection=of, number=number, **values)


def steps(of: Connection, count: int) -> list[UUID]:
    somebody = contact(of)
    return [step(somebody, "intended").pk for _ in range(count)]


def turn(of: Connection, pk: UUID) -> int | None:
    return take_turn(of, Effect.objects.get(pk=pk))


@at_once
def test_everybody_gets_the_same_number_when_many_ask_at_once(here: Connection) -> None:
    for number in (5, 7, 9):
        person(here, number)
    waiting = steps(here, WORKERS * EACH)
    begin = threading.Barrier(WORKERS)
    got: list[int | None] = []

    def work(mine: list[UUID]) -> None:
        try:
            begin.wait(30)
            got.extend(turn(Connection.objects.get(pk=here.pk), pk) for pk in mine)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=(waiting[n::WORKERS],)) for n in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert Counter(got) == {5: 20, 7: 20, 9: 20}
    assert OwnerRule.objects.get().turn == WORKERS * EACH
    assert Counter(Effect.objects.values_list("owner_id", flat=True)) == {5: 20, 7: 20, 9: 20}


@at_once
def test_the_same_step_asked_twice_at_once_takes_one_turn(here: Connection) -> None:
    for number in (5, 7):
        person(here, number)
    (pk,) = steps(here, 1)
    got: list[int | None] = []

    def work() -> None:
        try:
            got.append(turn(Connection.objects.get(pk=here.pk), pk))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert got == [5, 5, 5, 5]
    assert OwnerRule.objects.get().turn == 1


def test_the_absent_the_gone_and_those_not_in_it_are_passed_over(here: Connection) -> None:
    today = timezone.now().date()
    person(here, 1, takes_turns=False)
    person(here, 2, gone_at=timezone.now())
    person(here, 3, is_active=False)
    person(here, 4, is_absent=True)
    person(here, 5, is_absent=True, absent_until=today + timedelta(days=2))
    person(here, 6, is_absent=True, absent_until=today - timedelta(days=2))
    person(here, 7)
    assert [turn(here, pk) for pk in steps(here, 4)] == [6, 7, 6, 7]


def test_who_comes_back_gets_the_next_turn_and_no_more(here: Connection) -> None:
    away = person(here, 5, is_absent=True)
    for number in (7, 9):
        person(here, number)
    assert [turn(here, pk) for pk in steps(here, 4)] == [7, 9, 7, 9]
    edit.set_work(away, takes_turns=True, is_absent=False, until=None)
    assert [turn(here, pk) for pk in steps(here, 6)] == [5, 7, 9, 5, 7, 9]


def test_a_step_whose_person_left_meanwhile_goes_to_the_next(here: Connection) -> None:
    for number in (5, 7):
        person(here, number)
    (pk,) = steps(here, 1)
    assert turn(here, pk) == 5
    Owner.objects.filter(number=5).update(gone_at=timezone.now())
    assert turn(here, pk) == 7


def test_nobody_there_means_nobody(here: Connection) -> None:
    assert turn(here, steps(here, 1)[0]) is None


def test_a_turn_needs_few_queries(here: Connection, django_assert_max_num_queries: object) -> None:
    person(here, 5)
    effect = Effect.objects.get(pk=steps(here, 1)[0])
    with django_assert_max_num_queries(10):  # type: ignore[operator]
        take_turn(Connection.objects.select_related("clinic").get(pk=here.pk), effect)


@at_once
def test_new_people_are_given_in_turn_and_a_lost_answer_costs_no_turn(clinic: Clinic) -> None:
    for number in (clinic.rafael, clinic.camila):
        edit.set_work(clinic.owner(number), takes_turns=True, is_absent=False, until=None)
    clinic.rule("round_robin")
    clinic.bridge.fault("down", mode="cut", method="POST", path="/leads", count=1)
    for n in range(4):
        clinic.writes(f"Pessoa {n}", f"+55119000001{n:02d}")
    for _ in range(4):
        clinic.bridge.settle()
    assert Counter(clinic.owners) == {clinic.rafael: 2, clinic.camila: 2}
    assert OwnerRule.objects.get().turn == 4
