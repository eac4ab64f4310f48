"""Wrong tries lock, longer each time, and say nothing about which accounts exist."""

import threading
from datetime import timedelta

import pytest
import time_machine
from django.db import connection, connections
from django.test import Client
from django.utils import timezone

from audit.models import AuditLog
from consent.access import lockout
from consent.models import Clinic, SignInTries
from consent.roles import Role
from tests.access.at_the_door import app_shows, is_in, person, types, types_code

pytestmark = pytest.mark.django_db(databases=["default", "audit"])
NOON = "2026-11-21 12:00:00+00:00"


def fails(account: str, times: int, address: str = "203.0.113.7") -> None:
    for _try in range(times):
        types(Client(), account, "errada", address)


def test_after_five_wrong_tries_the_right_password_does_not_open(sol: Clinic) -> None:
    bia, client = person(Role.ATTENDANT, sol), Client()
    with time_machine.travel(NOON, tick=False) as clock:
        fails(bia.email, 5)
        assert "em 1 minuto" in types(client, bia).content.decode()
        assert not is_in(client)
        clock.shift(61)
        types(client, bia)
        assert is_in(client)


def test_each_further_wrong_try_locks_for_longer() -> None:
    now, waits = timezone.now(), []
    for _try in range(9):
        locked = lockout.take_try("a@b.example", "203.0.113.7", now)
        assert locked is None
        until = SignInTries.objects.get(kind="pair").locked_until
        waits.append(int((until - now).total_seconds() // 60) if until and until > now else 0)
        now = until if until and until > now else now
        now += timedelta(seconds=1)
    assert waits == [0, 0, 0, 0, 1, 2, 4, 8, 16]


def test_four_wrong_tries_and_a_right_one_are_forgotten(sol: Clinic) -> None:
    bia = person(Role.ATTENDANT, sol)
    for _round in range(3):
        fails(bia.email, 4)
        client = Client()
        types(client, bia)
        assert is_in(client)


def test_an_account_that_does_not_exist_answers_the_same(sol: Clinic) -> None:
    bia = person(Role.ATTENDANT, sol)
    with time_machine.travel(NOON, tick=False):
        for account in (bia.email, "ninguem@clinica.exemplo"):
            said = []
            for _try in range(7):
                page = types(Client(), account, "errada").content.decode()
                said.append("Muitas tentativas" in page or ("senha" in page and "em 1 minuto" in page))
            assert said == [False] * 5 + [True] * 2


def test_a_stranger_elsewhere_does_not_lock_the_owner_out(sol: Clinic) -> None:
    bia, client = person(Role.ATTENDANT, sol), Client()
    fails(bia.email, 8, address="198.51.100.9")
    types(client, bia)
    assert is_in(client)


def test_many_addresses_together_lock_the_account_and_many_accounts_the_address(sol: Clinic) -> None:
    now = timezone.now()
    for number in range(20):
        assert lockout.take_try("a@b.example", f"198.51.100.{number}", now) is None
    assert lockout.take_try("a@b.example", "198.51.100.99", now) is not None
    for number in range(50):
        assert lockout.take_try(f"{number}@b.example", "203.0.113.9", now) is None
    assert lockout.take_try("outra@b.example", "203.0.113.9", now) is not None


def test_the_right_password_does_not_buy_more_tries_at_the_code(sol: Clinic) -> None:
    bia, client = person(Role.CLINIC_MANAGER, sol, device=True), Client()
    for _round in range(2):
        types(client, bia)
        types_code(client, "000000")
    types(client, bia)
    answer = types_code(client, app_shows(bia))
    assert "Muitas tentativas" in answer.content.decode()
    assert not is_in(client)


def test_what_is_counted_names_nobody(sol: Clinic) -> None:
    fails("alguem@clinica.exemplo", 2)
    with connection.cursor() as cursor:
        cursor.execute("SELECT t::text FROM sign_in_tries t")
        dumped = " ".join(row for (row,) in cursor.fetchall())
    assert "alguem" not in dumped
    assert "203.0.113" not in dumped
    assert AuditLog.objects.filter(action="login", outcome="failed").count() == 2


def test_old_tries_are_forgotten_and_removed(sol: Clinic) -> None:
    now = timezone.now()
    for _try in range(4):
        lockout.take_try("a@b.example", "203.0.113.7", now)
    later = now + timedelta(hours=25)
    for _try in range(4):
        assert lockout.take_try("a@b.example", "203.0.113.7", later) is None
    assert not SignInTries.objects.filter(kind="pair", locked_until__gt=later).exists()
    lockout.forgive("b@b.example", "203.0.113.8", now + timedelta(days=4))
    assert not SignInTries.objects.exists()


@pytest.mark.django_db(transaction=True, databases=["default", "audit"])
def test_twenty_tries_at_the_same_moment_are_five_tries() -> None:
    start, answers = threading.Barrier(20), []

    def tries() -> None:
        try:
            start.wait(timeout=60)
            answers.append(lockout.take_try("a@b.example", "203.0.113.7", timezone.now()))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=tries) for _thread in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert len(answers) == 20
    assert sum(answer is None for answer in answers) == 5
