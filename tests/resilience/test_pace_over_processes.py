"""The call budget of a Krayin user holds over all processes, whatever they do at once (DESIGN section 7)."""

import ast
import itertools
import re
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import pytest
import requests
from django.db import connections
from django.db.models.functions import Now

from bridge.clients.base import Priority
from bridge.errors import CredentialsRefused, Paced, PartnerError
from bridge.models import CallBudget, Connection, Effect, KrayinUser
from bridge.models.connections import LONG_AGO
from bridge.sandbox.chatwoot import ChatwootSandbox
from bridge.sandbox.krayin import SandboxKrayin
from bridge.sync.partners import SharedPace, krayin_client
from tests.bridge.connected_clinic import PLENTY, Bridge, make_bridge
from tests.intake.server import PROJECT
from tests.resilience.scene import PATIENCE_S, environment, lane_worker, pass_time, rows, somebody_writes, until

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

AS_INSTALLED = {
    "capacity": 10, "refill_per_minute": 50, "tokens": 10, "queued_until": LONG_AGO, "blocked_until": LONG_AGO,
}  # fmt: skip


def hammered(processes: int, seconds: float) -> list[Counter[str]]:
    """Let so many processes call side by side, and return what each counted."""
    command = [sys.executable, "-m", "tests.resilience.hammer", str(seconds)]
    crew = [
        subprocess.Popen(command, cwd=PROJECT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(processes)
    ]
    said = [process.communicate(timeout=seconds + PATIENCE_S) for process in crew]
    assert [process.returncode for process in crew] == [0] * processes, said
    return [Counter(ast.literal_eval(out.decode())) for out, _ in said]


def revoke_tokens(bridge: Bridge) -> None:
    """Somebody signs in as the bridge's user: every other token of it dies (contract Krayin 1)."""
    body = {"email": bridge.krayin.bridge.email, "password": bridge.krayin.bridge.password, "device_name": "other"}
    requests.post(f"{bridge.krayin.url}/api/v1/login", json=body, timeout=10).raise_for_status()


def logins(bridge: Bridge) -> int:
    count: int = bridge.crm["calls"]["by_kind"].get("POST /login", 0)
    return count


@pytest.fixture
def limited(chatwoot: ChatwootSandbox, transactional_db: None) -> Iterator[Bridge]:
    """A clinic whose Krayin counts 60 calls a minute, and whose window was empty when the test began."""
    with SandboxKrayin(rate_limit=None) as krayin:
        made = make_bridge(chatwoot, krayin)
        krayin._limiter.limit = 60
        krayin._limiter.reset()
        CallBudget.objects.filter(krayinuser__isnull=False).update(**AS_INSTALLED)
        yield made


def test_four_processes_together_never_make_more_than_sixty_calls_in_a_window(limited: Bridge) -> None:
    """Longer than a window, so that its end is met at full speed, too."""
    before = limited.calls()
    found = hammered(4, 75)
    crm = limited.crm
    assert crm["calls"]["max_in_window"] <= 60
    assert crm["calls"]["refused"] == {}
    assert sum(each["calls"] for each in found) == crm["calls"]["total"] - before > 50
    assert all(each["waits"] for each in found)


def test_a_500_that_means_429_slows_everybody_down_and_nobody_signs_in(limited: Bridge) -> None:
    """Somebody else uses the same user: the window is used up although our own budget is not."""
    limited.krayin._limiter.limit = 12
    CallBudget.objects.filter(krayinuser__isnull=False).update(**PLENTY)
    before = logins(limited)
    found = hammered(3, 4)
    assert sum(each["calls"] for each in found) <= 12
    assert sum(each["CredentialsRefused"] for each in found) == 0
    assert limited.crm["calls"]["refused"].get("limit", 0) <= 6
    assert logins(limited) == before
    assert rows("SELECT bool_or(blocked_until > clock_timestamp() + interval '20 s') FROM call_budgets") == [(True,)]


def test_who_comes_too_early_is_given_a_turn_of_his_own(bridge: Bridge) -> None:
    """A thousand lanes that were told the same moment would all wake up for one call."""
    turns = refused_turns(8, tokens=0)
    gaps = [(later - sooner).total_seconds() for sooner, later in itertools.pairwise(turns)]
    assert all(59 < gap < 70 for gap in gaps[1:])


def test_nobody_waits_longer_for_a_turn_than_ten_minutes(bridge: Bridge) -> None:
    refused_turns(15, tokens=0)
    assert rows("SELECT max(queued_until) <= clock_timestamp() + interval '10 min' FROM call_budgets") == [(True,)]


def refused_turns(count: int, **values: float) -> list[datetime]:
    """The turns given by a budget that has no call left and gets one back a minute."""
    budget = KrayinUser.objects.get().budget
    CallBudget.objects.filter(pk=budget.pk).update(**AS_INSTALLED | {"refill_per_minute": 1, **values}, at=Now())
    pace, turns = SharedPace(budget), []
    for _ in range(count):
        with pytest.raises(Paced) as caught:
            pace.reserve(1, Priority.RECORD)
        turns.append(caught.value.until)
    return turns


def test_a_busy_clinic_does_not_slow_another(bridge: Bridge) -> None:
    """Two clinics, each with a Krayin user of its own, and one worker process for both."""
    for number in range(40):
        somebody_writes(bridge, 100 + number)
    CallBudget.objects.filter(krayinuser__connections=bridge.connection).update(**AS_INSTALLED)
    with second_clinic() as quiet, lane_worker("--threads", "2"):
        assert until(lambda: confirmed(bridge) > 0)
        somebody_writes(quiet, 900)
        assert until(lambda: confirmed(quiet) >= 2)
        # Most people of the busy clinic came before, and still wait.
        assert bridge.crm["counts"]["leads"] < 20


def confirmed(bridge: Bridge) -> int:
    return Effect.objects.filter(connection=bridge.connection, state="confirmed").count()


@contextmanager
def second_clinic() -> Iterator[Bridge]:
    """Another clinic with both partners of its own."""
    with ChatwootSandbox(shuffle=False) as chatwoot, SandboxKrayin(rate_limit=None) as krayin:
        yield make_bridge(chatwoot, krayin, name="Outra", clinic={"name": "Clínica Sol"})


def test_a_token_revoked_while_eight_processes_work_costs_one_login(bridge: Bridge) -> None:
    stop = threading.Timer(5, revoke_tokens, [bridge])
    before = logins(bridge)
    stop.start()
    found = hammered(8, 12)
    stop.join()
    assert logins(bridge) - before == 2  # the stranger's and ours
    assert all(set(each) <= {"calls", "waits"} for each in found)
    assert all(each["calls"] for each in found)


def test_a_wrong_password_is_tried_once_per_interval_by_all_together(bridge: Bridge) -> None:
    revoke_tokens(bridge)
    bridge.fault("refuse", path="/login", status=422, errors={"email": ["?"]})
    before = logins(bridge)
    errors = at_once(8, bridge.connection) + at_once(8, bridge.connection)
    assert set(errors) <= {"CredentialsRefused", "Paced"}
    assert refused_logins(bridge) == 1
    pass_time(seconds=6)
    at_once(8, bridge.connection)
    assert refused_logins(bridge) == 2
    pass_time(seconds=6)
    at_once(4, bridge.connection)
    assert refused_logins(bridge) == 2
    pass_time(seconds=6)
    at_once(4, bridge.connection)
    assert refused_logins(bridge) == 3
    assert logins(bridge) - before <= 3


def refused_logins(bridge: Bridge) -> int:
    """How often the switch refused a login."""
    return sum(fault["fired"] for fault in bridge.krayin.faults.as_json())


def at_once(count: int, connection: Connection) -> list[str]:
    """So many threads call once; return the errors they got."""
    errors: list[str] = []
    gate = threading.Barrier(count)

    def call() -> None:
        try:
            client, _ = krayin_client(connection)
            gate.wait()
            client.leads_by_ids([1])
        except PartnerError as error:
            errors.append(type(error).__name__)
        finally:
            connections.close_all()

    crew = [threading.Thread(target=call) for _ in range(count)]
    for thread in crew:
        thread.start()
    for thread in crew:
        thread.join()
    return errors


def test_of_two_users_the_one_whose_password_works_is_used(bridge: Bridge) -> None:
    user = KrayinUser.objects.get()
    budget = CallBudget.objects.create(name="another", **PLENTY)
    other = KrayinUser.objects.create(krayin=user.krayin, email=bridge.krayin.admin.email, budget=budget)
    other.connections.add(bridge.connection)
    CallBudget.objects.filter(pk=user.budget_id).update(tokens=1)
    client, _ = krayin_client(bridge.connection)
    with pytest.raises(CredentialsRefused):
        client.leads_by_ids([1])
    client, _ = krayin_client(bridge.connection)
    assert client.who_am_i().email == user.email
    assert re.fullmatch(r".+@.+", user.email)
