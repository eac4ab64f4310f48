"""What waits in the spool about a person disappears on demand; what is about others arrives as if nothing had happened."""

import json
import threading
from base64 import b64encode
from pathlib import Path

import pytest

from bridge.models import DeliveryKey, WebhookEvent
from bridge.spool import erasure, folder, progress, writer
from bridge.spool.drainer import Drainer, Pass
from bridge.spool.erasure import Person, forget
from bridge.spool.items import Erased, erased, from_bytes
from bridge.spool.records import Seal, frames, read_header
from bridge.spool.status import spool_is_empty, status
from bridge.spool.writer import append
from tests.intake.clinic import Address, make_address
from tests.spool.samples import BODY, contents, delivery, hint_call, keys_in

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


@pytest.fixture
def address() -> Address:
    return make_address()


def ana(address: Address, **more: frozenset[int] | frozenset[str]) -> Person:
    return Person(address.connection.pk, frozenset({4182}), **more)  # type: ignore[arg-type]


def append_all(address: Address) -> Path:
    """Ana, somebody else, Ana again, somebody else; the writer is alive."""
    for number, contact_id in enumerate((4182, 77, 4182, 78)):
        append(delivery(f"d-{number}", connection_id=address.connection.pk, contact_id=contact_id))
    (path,) = folder.waiting(folder.directory())
    return path


def stored() -> list[str]:
    return sorted(WebhookEvent.objects.values_list("delivery_key", flat=True))


def test_records_of_the_person_are_gone_and_the_others_arrive(spool: Path, address: Address) -> None:
    path = append_all(address)
    writer.close()
    assert forget(ana(address)) == 2
    assert keys_in(spool) == ["d-1", "d-3"]
    assert BODY not in path.read_bytes()
    assert Drainer(spool).run_once() == Pass(stored=4)
    assert stored() == ["d-1", "d-3"]
    assert not DeliveryKey.objects.filter(key__in=["d-0", "d-2"]).exists()
    assert spool_is_empty()


def test_the_sealed_bytes_of_the_person_are_overwritten_and_the_file_keeps_its_length(
    spool: Path, address: Address
) -> None:
    path = append_all(address)
    before = path.read_bytes()
    with path.open("rb") as file:
        _, start = read_header(file)
        sealed = [frame.sealed for frame in frames(file, start)]
    forget(ana(address))
    after = path.read_bytes()
    assert len(after) == len(before)
    assert [each in after for each in sealed] == [False, True, False, True]
    assert [type(item).__name__ for item in contents(path)] == ["Erased", "Delivery", "Erased", "Delivery"]


def test_a_file_that_is_being_written_goes_on(spool: Path, address: Address) -> None:
    append_all(address)
    assert forget(ana(address)) == 2
    append(delivery("d-4", connection_id=address.connection.pk, contact_id=78))
    assert Drainer(spool).run_once() == Pass(stored=5)
    assert stored() == ["d-1", "d-3", "d-4"]


def test_a_file_that_is_half_drained_goes_on_where_it_was(spool: Path, address: Address) -> None:
    path = append_all(address)
    Drainer(spool).run_once()
    append(delivery("d-4", connection_id=address.connection.pk))
    append(delivery("d-5", connection_id=address.connection.pk, contact_id=78))
    assert progress.read(path).number == 4  # type: ignore[union-attr]
    assert forget(ana(address)) == 3
    assert Drainer(spool).run_once() == Pass(stored=2)
    assert stored() == ["d-0", "d-1", "d-2", "d-3", "d-5"]


def test_a_person_is_known_by_conversations_and_by_references_in_krayin(spool: Path, address: Address) -> None:
    pk = address.connection.pk
    append(delivery("d-1", connection_id=pk, contact_id=None))
    append(hint_call(connection_id=pk, ref="cw-1-conv-4711"))
    append(hint_call(connection_id=pk, ref="cw-1-conv-4712"))
    assert forget(ana(address)) == 0
    assert forget(ana(address, conversation_ids=frozenset({1287}), refs=frozenset({"cw-1-conv-4711"}))) == 2
    (path,) = folder.waiting(spool)
    assert [type(item).__name__ for item in contents(path)] == ["Erased", "Erased", "HintCall"]


def test_the_same_numbers_of_another_connection_are_somebody_else(spool: Path, address: Address) -> None:
    append_all(address)
    assert forget(Person(address.connection.pk + 1, frozenset({4182, 77}))) == 0
    assert keys_in(spool) == ["d-0", "d-1", "d-2", "d-3"]


@pytest.mark.parametrize("written", [0, 1, 40, 200])
def test_an_erasure_that_was_killed_is_finished_by_who_opens_the_file_next(
    spool: Path, address: Address, written: int
) -> None:
    """Killed after the plan was kept, with so many bytes of the first record overwritten: the record is torn."""
    path = append_all(address)
    writer.close()
    with path.open("rb") as file:
        header, start = read_header(file)
        seal = Seal.of(header)
        first = next(iter(frames(file, start)))
        record = seal.record(erased(len(seal.open(first))), number=0, now_ms=first.written_ms)
    plan = [(first.at.offset, b64encode(record).decode())]
    folder.put(path.with_suffix(folder.ERASE), json.dumps(plan).encode())
    with path.open("r+b") as file:
        file.seek(first.at.offset)
        file.write(record[:written])
    assert Drainer(spool).run_once() == Pass(stored=4)
    assert stored() == ["d-1", "d-2", "d-3"]
    assert (status().bad, spool_is_empty()) == (0, True)
    assert not list(spool.glob("*.erase"))


def test_a_plan_without_its_file_is_forgotten(spool: Path) -> None:
    folder.make(spool)
    path = spool / "20260101T000000-gone.spool"
    folder.put(path.with_suffix(folder.ERASE), b'[[0, "AA=="]]')
    erasure.finish(path)
    assert list(spool.iterdir()) == []


def test_a_drainer_waits_while_a_file_is_being_rewritten(spool: Path, address: Address) -> None:
    append_all(address)
    done: list[Pass] = []
    with erasure.held(spool):
        drainer = threading.Thread(target=lambda: done.append(Drainer(spool).run_once()))
        drainer.start()
        drainer.join(0.5)
        assert drainer.is_alive()
        assert stored() == []
    drainer.join(30)
    assert done == [Pass(stored=4)]


@pytest.mark.parametrize("length", [60, 61, 1000])
def test_an_erased_record_may_have_any_length(length: int) -> None:
    assert len(erased(length)) == length
    assert from_bytes(erased(length)) == Erased()


def test_without_a_spool_there_is_nothing_to_erase(spool: Path, address: Address) -> None:
    assert forget(ana(address)) == 0
    assert not spool.exists()
