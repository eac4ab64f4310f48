"""The simulation keeps the budget's own rules, repeats itself, and tells when a clinic outgrows its Krayin user."""

import json
from collections import Counter
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from bridge.bench import simulated
from bridge.bench.simulated import Wish, backlog_s, simulate, waits
from bridge.clients.base import Priority
from bridge.models import CallBudget


def test_the_budget_is_the_one_a_new_connection_gets() -> None:
    fields = {field.name: field.default for field in CallBudget._meta.fields}
    assert (fields["capacity"], fields["refill_per_minute"]) == (simulated.CAPACITY, simulated.REFILL_PER_MINUTE)


def test_what_fits_into_the_bucket_does_not_wait() -> None:
    stages = [Wish(float(number), Priority.STAGE, 2) for number in range(5)]
    assert [wait for _, wait in waits(stages)] == [0.0] * 5


def test_beyond_the_bucket_work_waits_for_the_refill() -> None:
    at_once = [Wish(0.0, Priority.RECORD, 1) for _ in range(60)]
    found = sorted(wait for _, wait in waits(at_once))
    assert found[8] == 0.0  # one call of ten is left for stages
    assert found[9] > 0.0
    assert 50 <= found[-1] <= 75  # about fifty calls a minute


def test_a_stage_waits_less_than_the_notes_it_comes_among() -> None:
    notes = [Wish(0.0, Priority.NOTE, 1) for _ in range(40)]
    found = dict(waits([*notes, Wish(0.1, Priority.STAGE, 2)]))
    stage = next(wait for wish, wait in found.items() if wish.priority is Priority.STAGE)
    assert stage < sum(wait for wish, wait in waits(notes)) / len(notes)


def test_the_same_seed_is_the_same_day_and_more_clinics_leave_the_first_as_they_were() -> None:
    first, again, more = simulate(3, seed=7), simulate(3, seed=7), simulate(4, seed=7)
    assert first == again
    assert more.calls > first.calls
    assert simulate(3, seed=8) != first


def test_a_clinic_that_outgrows_its_user_is_told_and_a_second_user_helps() -> None:
    alone, two = simulate(2, seed=1, growth=150), simulate(2, seed=1, growth=150, users=2)
    assert alone.late == 2
    assert simulated.ranks(two.waits["NOTE"])["p95"] < simulated.ranks(alone.waits["NOTE"])["p95"]


def test_a_burst_waits_for_workers_as_long_as_arithmetic_says() -> None:
    # 600 conversations in one minute are 12,000 deliveries; at 100 a second 6,000 of them are left when it ends.
    assert backlog_s(Counter({5: 600}), 100) == 60.0
    assert backlog_s(Counter({5: 600}), 400) == 0.0


def test_the_command_prints_the_same_for_people_and_programs() -> None:
    said, table = StringIO(), StringIO()
    call_command("simulate_load", "--clinics", "5", "--json", stdout=said)
    call_command("simulate_load", "--clinics", "5", "--markdown", stdout=table)
    told = json.loads(said.getvalue())
    assert told["clinics"] == 5
    assert told["deliveries"] == told["conversations"] * simulated.DELIVERIES
    assert f"| CRM calls a day | {told['crm_calls']:,} |" in table.getvalue()


@pytest.mark.parametrize("arguments", [["--clinics", "0"], ["--growth", "no"], ["--users", "-1"], ["--growth", "0"]])
def test_senseless_wishes_are_refused(arguments: list[str]) -> None:
    with pytest.raises(CommandError):
        call_command("simulate_load", *arguments)
