"""Rows get their places a few seconds after they were committed, once, and places outside are told."""

import json
import os
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import responses
from django.db import connection, connections, transaction

from audit.checkpoints import FILE, tell_all
from audit.models import AuditLog, Checkpoint, Seal, Segment
from audit.sealing import seal_all
from audit.services import record
from audit.verifying import check
from consent.encryption import Actor, Context, ensure_subject_keys, reveal, seal
from consent.models import Clinic, DataSubject
from tests.audit.trail import findings, guards_down, sealed_trail, sql, write

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def places(settings: Any, tmp_path: Path) -> list[Path]:
    settings.AUDIT_CHECKPOINTS = [str(tmp_path / "one"), str(tmp_path / "two")]
    return [tmp_path / "one", tmp_path / "two"]


def waiting() -> int:
    return int(sql("SELECT count(*) FROM audit_unsealed")[0][0])


def test_every_row_gets_one_place() -> None:
    write(12)
    assert waiting() == 12
    assert seal_all() == 12
    assert (waiting(), seal_all()) == (0, 0)
    assert list(Seal.objects.order_by("position").values_list("position", flat=True)) == list(range(1, 13))
    assert set(Seal.objects.values_list("entry_id", flat=True)) == set(AuditLog.objects.values_list("pk", flat=True))


def test_segments_follow_one_another() -> None:
    sealed_trail(3, 2)
    one, two = Segment.objects.order_by("number")
    assert (one.first_position, one.last_position, two.first_position, two.last_position) == (1, 3, 4, 5)
    assert (bytes(one.previous), bytes(two.previous)) == (b"", bytes(one.digest))


def test_a_segment_never_spans_two_quarters() -> None:
    write(4)
    guards_down()
    sql("UPDATE audit_unsealed SET created_at = created_at - interval '91 days' WHERE entry_id % 2 = 0")
    seal_all()
    quarters = list(Segment.objects.order_by("number").values_list("quarter", flat=True))
    assert len(quarters) == len(set(quarters)) == 2


def test_rows_rolled_back_leave_a_gap_in_the_ids_and_none_in_the_chain() -> None:
    write(1)
    with transaction.atomic():
        write(5)
        transaction.set_rollback(True)
    write(1)
    seal_all()
    first, last = Seal.objects.order_by("position").values_list("entry_id", flat=True)
    assert last - first == 6
    assert findings() == []


def test_each_place_outside_is_told_each_segment_once(places: list[Path]) -> None:
    sealed_trail(3, 2)
    tell_all()
    for place in places:
        lines = [json.loads(line) for line in (place / FILE).read_text().splitlines()]
        assert [(line["number"], line["count"]) for line in lines] == [(1, 3), (2, 2)]


def test_a_place_that_fails_does_not_hold_up_the_other_and_is_told_later(
    settings: Any, places: list[Path], tmp_path: Path
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("no directory")
    settings.AUDIT_CHECKPOINTS = [str(blocked), str(places[1])]
    write(2)
    seal_all()
    assert list(tell_all()) == [str(blocked)]
    assert (places[1] / FILE).exists()
    assert Checkpoint.objects.get(place=str(blocked)).problem.startswith("os_error_")
    blocked.unlink()
    assert tell_all() == {}
    assert (blocked / FILE).read_text() == (places[1] / FILE).read_text()


@responses.activate
def test_an_address_is_told_by_post(settings: Any) -> None:
    settings.AUDIT_CHECKPOINTS = ["https://audit.example.com.br/ponte"]
    responses.post("https://audit.example.com.br/ponte", status=503)
    responses.post("https://audit.example.com.br/ponte", status=204)
    write(1)
    seal_all()
    assert tell_all() == {"https://audit.example.com.br/ponte": "status_503"}
    assert tell_all() == {}
    assert json.loads(str(responses.calls[1].request.body, "utf-8"))["number"] == 1


# Of DESIGN section 15 with PONTE_AUDIT_WRITERS=64 PONTE_AUDIT_ROWS=1000: that takes minutes.
WRITERS = int(os.environ.get("PONTE_AUDIT_WRITERS", "16"))
ROWS = int(os.environ.get("PONTE_AUDIT_ROWS", "60"))
NAME = Context("bridge.ObservedContact", "name", "1")


@pytest.mark.django_db(transaction=True, databases=["default", "audit"])
def test_many_writers_and_two_sealers_make_one_chain(make_clinic: Callable[..., Clinic]) -> None:
    """Half of the rows belong to transactions that open a value halfway: its row is committed before they are.

    No fork, none lost, no deadlock: each transaction holds a row of its own locked while the other connection writes.
    """
    subject = DataSubject.objects.create(clinic=make_clinic())
    ensure_subject_keys([subject.pk])
    sealed = seal("Marina Serra Azul", subject=subject.pk, context=NAME)
    opened: list[str] = []

    def write_and_reveal(number: int) -> None:
        for turn in range(ROWS // 2):
            with transaction.atomic():
                record(action="update", actor_type="system", actor_id=f"w{number}.{turn}", own_connection=False)
                actor = Actor.system(f"w{number}.{turn}")
                opened.append(reveal(sealed, subject=subject.pk, context=NAME, actor=actor, purpose="system"))

    going = threading.Event()

    def keep_sealing() -> None:
        while not going.wait(0.02):
            seal_all()

    with ThreadPoolExecutor(WRITERS + 2) as crew:
        sealers = [crew.submit(on_own_connections, keep_sealing) for _ in range(2)]
        writers = [crew.submit(on_own_connections, write_and_reveal, number) for number in range(WRITERS)]
        for writer in writers:
            writer.exception()
        going.set()
        for thread in [*writers, *sealers]:
            thread.result()
    seal_all()
    written = Counter(AuditLog.objects.filter(actor_ref__startswith="w").values_list("action", flat=True))
    assert written == {"update": WRITERS * ROWS // 2, "reveal": WRITERS * ROWS // 2}
    assert len(opened) == written["reveal"]
    assert Seal.objects.count() == AuditLog.objects.count()
    assert check(full=True).findings == []


def on_own_connections(work: Callable[..., None], *arguments: Any) -> None:
    try:
        work(*arguments)
    finally:
        connections.close_all()


def test_nobody_empties_the_trail_nor_copies_over_it() -> None:
    write(1)
    (partition,) = sql("SELECT tableoid::regclass::text FROM audit_logs")[0]
    with connection.cursor() as cursor:
        cursor.execute("SET ponte.retention = 'off'")
        for statement in (
            "TRUNCATE audit_logs",
            f"TRUNCATE {partition}",
            "TRUNCATE audit_seals",
            "TRUNCATE audit_segments",
            "COPY audit_logs (action) FROM STDIN",
        ):
            with pytest.raises(Exception, match=r"insert-only|permission denied|no COPY"), transaction.atomic():
                run(cursor, statement)
        cursor.execute("SET ponte.retention = 'on'")
    assert AuditLog.objects.count() == 1


def run(cursor: object, statement: str) -> None:
    if not statement.startswith("COPY"):
        cursor.execute(statement)  # type: ignore[attr-defined]
        return
    columns = "action, actor_type, actor_ref, object_type, object_id, fields, purpose, outcome, reason_code, request_id"
    with cursor.copy(f"COPY audit_logs ({columns}, version, key_id, row_mac) FROM STDIN") as copy:  # type: ignore[attr-defined]
        copy.write_row(("login", "system", "", "", "", "{}", "", "ok", "", "", 1, "t1", b"x" * 32))
