"""After a failure PostgreSQL is left alone for a second, except by one caller."""

from collections.abc import Iterator

import psycopg
import pytest
from django.db import DataError, Error, InterfaceError, OperationalError

from bridge.webhooks.circuit import PAUSE_S, Circuit, NotAsked
from consent.encryption import Undecryptable


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Iterator[Clock]:
    return Clock()


def caused(error: Error, cause: psycopg.Error) -> Error:
    error.__cause__ = cause
    return error


def ask(circuit: Circuit, error: Exception | None = None) -> None:
    """Ask PostgreSQL, which fails so."""
    with circuit.asking():
        if error:
            raise error


@pytest.mark.parametrize(
    "error", [OperationalError(), InterfaceError(), caused(OperationalError(), psycopg.errors.QueryCanceled())]
)
def test_after_an_outage_nobody_asks_for_a_second(clock: Clock, error: Error) -> None:
    circuit = Circuit(clock=clock)
    with pytest.raises(type(error)):
        ask(circuit, error)
    clock.now += PAUSE_S - 0.01
    with pytest.raises(NotAsked):
        ask(circuit)
    clock.now += 0.02
    ask(circuit)
    ask(circuit)
    assert circuit.is_open is False


def test_while_one_caller_tries_the_others_do_not_wait_with_it(clock: Clock) -> None:
    circuit = Circuit(clock=clock)
    with pytest.raises(OperationalError):
        ask(circuit, OperationalError())
    clock.now += PAUSE_S
    with circuit.asking():
        clock.now += 60 * PAUSE_S
        with pytest.raises(NotAsked):
            ask(circuit)
    ask(circuit)
    assert circuit.is_open is False


@pytest.mark.parametrize(
    "error",
    [
        DataError(),
        caused(OperationalError(), psycopg.errors.LockNotAvailable()),
        caused(OperationalError(), psycopg.errors.DeadlockDetected()),
        Undecryptable(),
    ],
)
def test_one_locked_refused_or_unreadable_row_holds_nobody_else_up(clock: Clock, error: Exception) -> None:
    circuit = Circuit(clock=clock)
    with pytest.raises(type(error)):
        ask(circuit, error)
    ask(circuit)
    assert circuit.is_open is False
