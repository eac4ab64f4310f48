"""The draining side: everything complete gets into PostgreSQL once, whatever happened to its writer or to the drainer."""

import logging
import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as configured
from django.db import connection, connections, transaction

from bridge.models import Connection, DeliveryKey, Lane, WebhookBody, WebhookEvent
from bridge.spool import folder, progress, setaside, writer
from bridge.spool.drainer import Drainer, Pass, drain_now
from bridge.spool.erasure import Person, forget
from bridge.spool.records import read_header
from bridge.spool.status import LOCK, spool_is_empty, status
from bridge.spool.writer import append
from tests.intake.clinic import Address, make_address, opened, synced_lead
from tests.spool.samples import ARRIVED, BODY, contents, delivery, hint_call

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


@pytest.fixture
def address() -> Address:
    return make_address()


def drain(spool: Path) -> Pass:
    return Drainer(spool).run_once()


def stored_keys() -> list[str]:
    return sorted(WebhookEvent.objects.values_list("delivery_key", flat=True))


def closed_file(spool: Path, *keys: str, connection_id: int) -> Path:
    """A file whose writer is gone."""
    for key in keys:
        append(delivery(key, connection_id=connection_id))
    writer.close()
    (path,) = spool.glob("*.spool")
    return path


def test_a_spooled_delivery_is_stored_as_it_came(spool: Path, address: Address) -> None:
    closed_file(spool, "d-1", connection_id=address.connection.pk)
    assert drain(spool) == Pass(stored=1)
    event, body = WebhookEvent.objects.get(), WebhookBody.objects.get()
    assert (event.arrived_by, event.verification, event.status) == ("spool", "signed", "received")
    assert (event.arrived_at, event.occurred_at) == (ARRIVED, ARRIVED.replace(microsecond=0))
    assert (event.delivery_key, event.conversation_id, event.contact_id) == ("d-1", 1287, 4182)
    assert opened(body) == BODY
    assert (body.length, body.headers["X-Chatwoot-Delivery"]) == (len(BODY), "d-1")
    assert address.dirty() == {"c:4182": 1}
    assert spool_is_empty()
    assert list(spool.iterdir()) == []


def test_a_spooled_hint_marks_its_lane(spool: Path, address: Address) -> None:
    synced_lead(address)
    append(hint_call(connection_id=address.connection.pk, krayin_id=address.connection.krayin_id))
    writer.close()
    assert drain(spool) == Pass(stored=1)
    assert address.dirty() == {"c:4182": 1}


def test_a_live_file_is_drained_as_far_as_it_is_complete_and_never_twice(spool: Path, address: Address) -> None:
    append(delivery("d-1", connection_id=address.connection.pk))
    assert drain(spool) == Pass(stored=1)
    append(delivery("d-2", connection_id=address.connection.pk))
    assert drain(spool) == Pass(stored=1)
    assert drain(spool) == Pass()
    assert stored_keys() == ["d-1", "d-2"]
    assert address.counted() == {}
    assert not spool_is_empty()


def test_what_was_stored_but_not_noted_is_stored_once(spool: Path, address: Address) -> None:
    path = closed_file(spool, "d-1", "d-2", connection_id=address.connection.pk)
    copy = path.read_bytes()
    drain(spool)
    path.write_bytes(copy)  # as if the drainer was killed before it could note anything
    assert drain(spool).stored == 2
    assert stored_keys() == ["d-1", "d-2"]
    assert address.dirty() == {"c:4182": 2}


def test_a_torn_tail_is_cut_off_and_the_records_before_it_are_kept(
    spool: Path, address: Address, caplog: pytest.LogCaptureFixture
) -> None:
    path = closed_file(spool, "d-1", "d-2", "d-3", connection_id=address.connection.pk)
    os.truncate(path, path.stat().st_size - 5)
    with caplog.at_level(logging.WARNING):
        assert drain(spool) == Pass(stored=2)
    assert stored_keys() == ["d-1", "d-2"]
    assert "ends inside a record" in caplog.text
    assert spool_is_empty()
    assert status().bad == 0


def test_a_tail_that_is_being_written_is_left_alone(spool: Path, address: Address) -> None:
    append(delivery("d-1", connection_id=address.connection.pk))
    (path,) = spool.glob("*.spool")
    whole = path.stat().st_size
    with path.open("ab") as file:
        file.write(b"\x00\x00\x01")
    assert drain(spool) == Pass(stored=1)
    assert path.stat().st_size == whole + 3


def test_damaged_bytes_are_kept_for_people(spool: Path, address: Address, caplog: pytest.LogCaptureFixture) -> None:
    path = closed_file(spool, "d-1", "d-2", connection_id=address.connection.pk)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert drain(spool) == Pass(stored=1)
    assert stored_keys() == ["d-1"]
    assert (spool / "bad" / f"{path.stem}.damaged").read_bytes() == content
    assert status().bad == 1
    assert "ALERT" in caplog.text


def test_a_file_that_is_none_of_ours_is_put_away(spool: Path) -> None:
    spool.mkdir()
    (spool / "20260101T000000-x.spool").write_bytes(b"something else entirely")
    assert drain(spool) == Pass()
    assert spool_is_empty()
    assert status().bad == 1


def test_a_record_postgresql_refuses_is_set_aside_and_the_others_are_stored(
    spool: Path, address: Address, caplog: pytest.LogCaptureFixture
) -> None:
    closed_file(spool, "d-1", connection_id=address.connection.pk)
    closed = address.connection.pk + 1  # a connection that was deleted meanwhile
    append(delivery("d-2", connection_id=closed))
    append(delivery("d-3", connection_id=address.connection.pk))
    writer.close()
    assert drain(spool) == Pass(stored=2, refused=1)
    assert stored_keys() == ["d-1", "d-3"]
    assert spool_is_empty()
    (bad,) = (spool / "bad").iterdir()
    assert [item.key for item in contents(bad)] == ["d-2"]
    with bad.open("rb") as file:
        assert read_header(file)[0].reason == "IntegrityError 23503"
    assert status().bad == 1
    assert "ALERT spool: record refused" in caplog.text
    assert "Olá" not in caplog.text


def test_a_record_of_an_unknown_version_is_set_aside(spool: Path, address: Address) -> None:
    path = closed_file(spool, "d-1", connection_id=address.connection.pk)
    unknown = spool / "20260101T000000-later.spool"
    setaside.set_aside(path, 0, b"\x00\x00\x00\x02{}", item=None, error=ValueError())
    next((spool / "bad").iterdir()).rename(unknown)
    assert drain(spool) == Pass(stored=1, refused=1)
    assert status().bad == 1


def test_refused_records_get_another_chance(spool: Path, address: Address) -> None:
    missing = address.connection.pk + 1
    closed_file(spool, "d-1", connection_id=missing)
    assert drain(spool) == Pass(refused=1)
    Connection.objects.filter(pk=address.connection.pk).update(name="Outra")
    row = Connection.objects.get(pk=address.connection.pk)
    row.pk, row.public_id, row.ref_code, row._state.adding = missing, "another-public-id", "abcd2345", True
    row.save(force_insert=True)
    assert setaside.retry(spool) == 1
    assert drain(spool) == Pass(stored=1)
    assert (stored_keys(), status().bad) == (["d-1"], 0)


def test_what_was_set_aside_is_destroyed_after_thirty_days(spool: Path, address: Address) -> None:
    closed_file(spool, "d-1", connection_id=address.connection.pk + 1)
    drain(spool)
    drainer, day_s = Drainer(spool), 24 * 3600
    drainer.clean(time.time() + 29 * day_s)
    assert status().bad == 1
    drainer.clean(time.time() + 31 * day_s)
    assert status().bad == 0


def test_without_a_partition_records_wait_because_none_of_them_is_at_fault(spool: Path, address: Address) -> None:
    closed_file(spool, "d-1", connection_id=address.connection.pk)
    execute(
        "ALTER TABLE webhook_events RENAME TO webhook_events_kept",
        "CREATE TABLE webhook_events (LIKE webhook_events_kept INCLUDING ALL) PARTITION BY RANGE (received_at)",
    )
    try:
        assert drain(spool) == Pass(is_away=True)
    finally:
        execute("DROP TABLE webhook_events", "ALTER TABLE webhook_events_kept RENAME TO webhook_events")
    assert drain(spool) == Pass(stored=1)


def execute(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def test_a_file_whose_master_key_is_gone_waits_and_the_others_are_stored(
    spool: Path, address: Address, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    keys = dict(configured.MASTER_KEYS)
    settings.MASTER_KEYS = {"lost": os.urandom(32), **keys}
    path = closed_file(spool, "d-1", connection_id=address.connection.pk)
    settings.MASTER_KEYS = keys
    append(delivery("d-2", connection_id=address.connection.pk))
    writer.close()
    drainer = Drainer(spool)
    assert drainer.run_once() == Pass(stored=1, stuck=1)
    assert drainer.run_once() == Pass(stuck=1)
    assert caplog.text.count("ALERT") == 1
    assert status().locked_files == 1
    assert path.exists()


def test_a_finished_file_loses_its_key_before_its_name(spool: Path, address: Address) -> None:
    path = closed_file(spool, "d-1", connection_id=address.connection.pk)
    left = spool / "backup"
    os.link(path, left)  # the same blocks under another name, as on a disk after a deletion
    drain(spool)
    content = left.read_bytes()
    assert content.startswith(bytes(64))
    assert configured.MASTER_KEYS.keys().isdisjoint(content.decode("latin-1").split('"'))
    left.rename(path)
    assert drain(spool) == Pass()
    assert spool_is_empty()


def test_of_two_drainers_one_works(spool: Path, address: Address) -> None:
    folder.make(spool)
    inside, leave, results = threading.Event(), threading.Event(), []

    def first() -> None:
        with folder.only_one(spool / LOCK) as is_mine:
            results.append(is_mine)
            inside.set()
            leave.wait(20)

    thread = threading.Thread(target=first)
    thread.start()
    assert inside.wait(20)
    assert status().is_drained
    with folder.only_one(spool / LOCK) as is_mine:
        results.append(is_mine)
    closed_file(spool, "d-1", connection_id=address.connection.pk)
    assert drain_now(timeout_s=0.2) is False
    leave.set()
    thread.join()
    assert results == [True, False]
    assert drain_now(timeout_s=20) is True
    assert stored_keys() == ["d-1"]


def test_drain_now_empties_the_file_of_a_running_process(spool: Path, address: Address) -> None:
    append(delivery("d-1", connection_id=address.connection.pk))
    assert drain_now(timeout_s=20) is True
    assert stored_keys() == ["d-1"]
    assert list(spool.glob("*.*")) == [spool / LOCK]


def test_drain_now_refuses_a_transaction_that_could_roll_back(spool: Path, address: Address) -> None:
    append(delivery("d-1", connection_id=address.connection.pk))
    with pytest.raises(RuntimeError, match="transaction"), transaction.atomic():
        drain_now()
    assert not DeliveryKey.objects.exists()


def test_refused_records_of_a_person_are_destroyed_by_erasure(spool: Path, address: Address) -> None:
    missing = address.connection.pk + 1
    for key, contact_id in (("d-1", 4182), ("d-2", 77), ("d-3", None)):
        append(delivery(key, connection_id=missing, contact_id=contact_id))
    writer.close()
    assert drain(spool) == Pass(refused=3)
    assert forget(Person(address.connection.pk, frozenset({4182}))) == 0
    assert forget(Person(missing, frozenset({4182, 5}))) == 1
    left = [item.key for path in folder.set_aside(spool) for item in contents(path)]
    assert sorted(left) == ["d-2", "d-3"]


def test_progress_is_noted_while_a_long_file_is_drained(spool: Path, address: Address) -> None:
    for number in range(120):
        append(delivery(f"d-{number}", connection_id=address.connection.pk))
    append(delivery("held up", connection_id=address.connection.pk, contact_id=77))
    writer.close()
    (path,) = spool.glob("*.spool")
    held = Lane.objects.create(connection=address.connection, lane_key="c:77")
    worker = threading.Thread(target=drain_in_thread, args=[spool])
    with transaction.atomic():
        Lane.objects.select_for_update().get(pk=held.pk)
        worker.start()
        end = time.monotonic() + 20
        while WebhookEvent.objects.count() < 120 and time.monotonic() < end:
            time.sleep(0.02)
        assert progress.read(path).number == 100
    worker.join()
    assert len(stored_keys()) == 121
    assert spool_is_empty()


def drain_in_thread(spool: Path) -> None:
    drain(spool)
    connections.close_all()


def test_progress_that_cannot_be_read_means_storing_again(spool: Path, address: Address) -> None:
    path = closed_file(spool, "d-1", connection_id=address.connection.pk)
    path.with_suffix(".done").write_text("[12")
    assert progress.read(path) is None
    assert drain(spool) == Pass(stored=1)
