"""Readiness tells whether an event can be made durable, and how full the spool is."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connections
from django.test import Client

from bridge.spool import writer
from bridge.spool.drainer import Drainer
from bridge.spool.health import kept, look
from bridge.spool.secrets_cache import renew
from bridge.spool.writer import append
from tests.intake.clinic import Address, make_address
from tests.spool.samples import delivery

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

EMPTY = {"records": 0, "oldest_s": None, "bad_records": 0, "locked_files": 0, "is_drained": False}


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    kept.forget()
    yield
    kept.forget()


@pytest.fixture
def address() -> Address:
    return make_address()


def spool_in(answer: dict[str, object]) -> dict[str, object]:
    told = answer["spool"]
    assert isinstance(told, dict)
    return told


def test_with_postgresql_a_process_is_ready_and_tells_of_an_empty_spool(client: Client, address: Address) -> None:
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (200, "ready")
    assert EMPTY.items() <= spool_in(answer.json()).items()


def test_what_waits_and_what_was_refused_is_counted(spool: Path, client: Client, address: Address) -> None:
    append(delivery("d-1", connection_id=address.connection.pk + 1))
    writer.close()
    Drainer(spool).run_once()
    append(delivery("d-2", connection_id=address.connection.pk))
    append(delivery("d-3", connection_id=address.connection.pk))
    told = spool_in(client.get("/readyz").json())
    assert (told["records"], told["bad_records"], told["oldest_s"]) == (2, 1, 0)
    assert told["bytes"] == sum(path.stat().st_size for path in spool.rglob("*") if path.is_file())


def test_without_postgresql_a_process_that_knows_its_senders_is_ready_to_spool(
    client: Client, address: Address
) -> None:
    renew()
    with nobody_at_the_database():
        answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (200, "spooling")


def test_without_postgresql_and_without_senders_nothing_could_be_kept(client: Client, address: Address) -> None:
    with nobody_at_the_database():
        answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (503, "unavailable")


class nobody_at_the_database:
    """The intake's connection finds nobody at its address."""

    def __enter__(self) -> None:
        self._settings = connections["intake"].settings_dict
        connections["intake"].close()
        connections["intake"].settings_dict = {**self._settings, "PORT": "9"}

    def __exit__(self, *args: object) -> None:
        connections["intake"].close()
        connections["intake"].settings_dict = self._settings


def test_probes_that_come_often_look_at_the_disk_only_every_few_seconds(spool: Path, address: Address) -> None:
    assert look()[1]["records"] == 0
    append(delivery("d-1", connection_id=address.connection.pk))
    assert look()[1]["records"] == 0
    kept.forget()
    assert look()[1]["records"] == 1
