"""Whatever the tables' owner does to the trail with all guards down is found and named."""

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command

from audit import canonical
from audit.checkpoints import FILE
from audit.models import Segment, Verification
from audit.sealing import seal_all
from audit.verifying import check
from tests.audit.trail import findings, guards_down, guards_up, kinds, last_position, row_at, sealed_trail, sql, write

pytestmark = pytest.mark.django_db
KEYS = dict(django_settings.AUDIT_KEYS)


@pytest.fixture(autouse=True)
def places(settings: Any, tmp_path: Path) -> list[Path]:
    settings.AUDIT_CHECKPOINTS = [str(tmp_path / "one"), str(tmp_path / "two")]
    return [tmp_path / "one", tmp_path / "two"]


@pytest.fixture
def trail() -> None:
    sealed_trail(5, 7, 4)
    guards_down()


def test_an_untouched_trail_is_whole(trail: None) -> None:
    checked = check(full=True)
    assert (checked.findings, checked.rows, checked.segments) == ([], 16, 3)


CHANGES = {
    "access_ref": "'00000000-0000-4000-8000-000000000001'",
    "action": "'login'",
    "actor_ref": "'someone'",
    "actor_type": "'remote'",
    "clinic_id": "99",
    "created_at": "created_at + interval '1 microsecond'",
    "fields": "ARRAY['phone']::varchar[]",
    "id": "id + 1000000",
    "key_id": "'other'",
    "object_id": "'x'",
    "object_type": "'x.Y'",
    "outcome": "'denied'",
    "purpose": "'care'",
    "reason_code": "'x'",
    "request_id": "'x'",
    "row_mac": "decode(repeat('ab', 32), 'hex')",
    "subject": "'00000000-0000-4000-8000-000000000001'",
    "user_id": "99",
    "version": "0",
}


def test_a_change_of_each_column_is_tried() -> None:
    assert set(CHANGES) == {*canonical.COLUMNS, "row_mac"}


@pytest.mark.parametrize("column", sorted(CHANGES))
@pytest.mark.acceptance(7)
def test_a_flipped_column_is_named_by_its_row(trail: None, column: str) -> None:
    entry_id = row_at(7)
    sql(f"UPDATE audit_logs SET {column} = {CHANGES[column]} WHERE id = %s", [entry_id])
    # A row under another id or time is no more the one that was sealed, and the other is one nobody sealed.
    wanted = {"missing", "inserted"} if column in ("id", "created_at") else {"modified"}
    found = findings()
    assert {kind for kind, _where in found} == wanted
    assert any(f"row {entry_id} at position 7" == where for _kind, where in found)


def test_a_deleted_row_is_named(trail: None) -> None:
    entry_id = row_at(3)
    sql("DELETE FROM audit_logs WHERE id = %s", [entry_id])
    assert findings() == [("missing", f"row {entry_id} at position 3")]


def test_two_rows_with_swapped_contents_are_both_named(trail: None) -> None:
    one, two = row_at(2), row_at(9)
    sql("UPDATE audit_logs SET actor_ref = 'job-swapped-' || id WHERE id IN (%s, %s)", [one, two])
    assert findings() == [("modified", f"row {one} at position 2"), ("modified", f"row {two} at position 9")]


def test_a_row_put_in_beside_the_triggers_is_named(trail: None) -> None:
    sql("""INSERT INTO audit_logs (action, actor_type, actor_ref, object_type, object_id, fields, purpose, outcome,
           reason_code, request_id, version, key_id, row_mac)
           SELECT action, actor_type, 'ghost', object_type, object_id, fields, purpose, outcome, reason_code, request_id,
           version, key_id, row_mac FROM audit_logs LIMIT 1""")
    (ghost,) = sql("SELECT id FROM audit_logs WHERE actor_ref = 'ghost'")
    assert findings() == [("inserted", f"row {ghost[0]}")]


def test_a_forged_row_that_was_sealed_is_named() -> None:
    write(2)
    guards_down()
    sql("UPDATE audit_logs SET purpose = 'care' WHERE actor_ref = 'job1'")
    seal_all()
    assert findings() == [("forged", f"row {row_at(2)} at position 2")]


def test_a_row_signed_with_a_key_of_somebody_else_is_named() -> None:
    write(2)
    guards_down()
    sql("UPDATE audit_logs SET key_id = 'theirs' WHERE actor_ref = 'job1'")
    seal_all()
    assert findings() == [("foreign_key", f"row {row_at(2)} at position 2")]


def test_an_unsigned_row_after_signed_ones_is_named() -> None:
    sealed_trail(2)
    write(1)
    guards_down()
    sql("UPDATE audit_logs SET key_id = '', version = 0, row_mac = '' WHERE id = (SELECT max(id) FROM audit_logs)")
    seal_all()
    assert findings() == [("forged", "position 3 is unsigned and follows signed rows")]


def test_swapped_places_are_named(trail: None) -> None:
    sql("UPDATE audit_seals SET position = -1 WHERE position = 8")
    sql("UPDATE audit_seals SET position = 8 WHERE position = 9")
    sql("UPDATE audit_seals SET position = 9 WHERE position = -1")
    assert findings() == [("reordered", "segment 2: the chain does not run through its rows")]


def test_a_seal_that_is_gone_is_named_with_its_row(trail: None) -> None:
    entry_id = row_at(8)
    sql("DELETE FROM audit_seals WHERE position = 8")
    found = findings()
    assert ("gap", "segment 2: no seal at 8") in found
    assert ("inserted", f"row {entry_id}") in found


@pytest.mark.parametrize("forget", ["", "UPDATE audit_checkpoints SET segment = 1"])
def test_a_cut_tail_is_told_by_the_places_outside(trail: None, forget: str) -> None:
    sql("DELETE FROM audit_logs WHERE id IN (SELECT entry_id FROM audit_seals WHERE segment > 1)")
    sql("DELETE FROM audit_seals WHERE segment > 1")
    sql("DELETE FROM audit_segments WHERE number > 1")
    if forget:
        sql(forget)
    assert findings() == [
        ("cut", "checkpoint place 1 knows segments 2 to 3"),
        ("cut", "checkpoint place 2 knows segments 2 to 3"),
    ]


def test_an_emptied_trail_is_told_by_the_places_outside(trail: None) -> None:
    for table in ("audit_logs", "audit_seals", "audit_segments", "audit_verifications"):
        sql(f"DELETE FROM {table}")
    assert kinds() == {"cut"}


def test_an_old_dump_that_grew_on_is_told_by_the_places_outside(trail: None) -> None:
    sql("DELETE FROM audit_logs WHERE id IN (SELECT entry_id FROM audit_seals WHERE segment > 2)")
    sql("DELETE FROM audit_seals WHERE segment > 2")
    sql("DELETE FROM audit_segments WHERE number > 2")
    guards_up()
    write(4)
    seal_all()
    assert findings() == [
        ("rewritten", "checkpoint place 1 knows 1 segments otherwise"),
        ("rewritten", "checkpoint place 2 knows 1 segments otherwise"),
    ]


def test_a_dropped_segment_is_named(trail: None) -> None:
    sql("DELETE FROM audit_logs WHERE id IN (SELECT entry_id FROM audit_seals WHERE segment = 2)")
    assert findings() == [("dropped", "segment 2: all 7 rows are gone")]


@pytest.mark.parametrize("column", ["merkle_root", "head", "previous", "digest", "mac"])
def test_a_changed_segment_is_named(trail: None, column: str) -> None:
    sql(f"UPDATE audit_segments SET {column} = decode(repeat('cd', 32), 'hex') WHERE number = 2")
    assert ("segment", "segment 2 was changed") in findings()


def test_a_segment_that_is_gone_is_named(trail: None) -> None:
    sql("DELETE FROM audit_segments WHERE number = 2")
    assert ("segment", "segments 2 to 2 are gone") in findings()


def test_rows_that_wait_are_looked_after_too() -> None:
    write(3)
    guards_down()
    first, second, third = (row[0] for row in sql("SELECT id FROM audit_logs ORDER BY id"))
    sql("DELETE FROM audit_logs WHERE id = %s", [first])
    sql("UPDATE audit_logs SET outcome = 'denied' WHERE id = %s", [second])
    assert findings() == [("missing", f"row {first}, not sealed yet"), ("forged", f"row {second}, not sealed yet")]
    assert third


def test_a_sealer_that_stopped_is_noticed() -> None:
    write(2)
    guards_down()
    sql("UPDATE audit_unsealed SET created_at = created_at - interval '2 minutes'")
    assert "late" in kinds()


@pytest.mark.django_db(transaction=True)
def test_two_processes_find_what_one_finds(settings: Any) -> None:
    sealed_trail(5, 7)
    (key_id,) = list(settings.AUDIT_KEYS)[:1]
    settings.AUDIT_KEYS = {**settings.AUDIT_KEYS, key_id: b"somebody else's".ljust(32)}
    write(1)
    settings.AUDIT_KEYS = {**settings.AUDIT_KEYS, key_id: KEYS[key_id]}
    seal_all()
    sealed_trail(4, 6)
    checked = check(full=True, processes=2, range_rows=5)
    assert (checked.rows, checked.segments) == (23, 5)
    assert [(str(f.kind), f.where) for f in checked.findings] == [("forged", f"row {row_at(13)} at position 13")]


# Incremental ----------------------------------------------------------------------------------------------------------


def test_the_next_check_reads_only_what_is_new() -> None:
    sealed_trail(5, 7, 4)
    assert check(full=True).rows == 16
    sealed_trail(3)
    later = check(full=False)
    assert (later.mode, later.rows, later.findings) == ("incremental", 3, [])


def test_the_next_check_reads_segments_only_from_the_last_one_checked() -> None:
    sealed_trail(5, 7, 4)
    check(full=True)
    sealed_trail(3)
    guards_down()
    sql("UPDATE audit_segments SET head = decode(repeat('cd', 32), 'hex') WHERE number = 1")
    assert kinds(full=False) == set()
    assert kinds() >= {"segment"}


@pytest.mark.parametrize("last", [2, 0])
@pytest.mark.acceptance(7)
def test_a_tail_cut_behind_the_last_check_is_named(trail: None, last: int) -> None:
    guards_up()
    check(full=True)
    guards_down()
    sql("DELETE FROM audit_logs WHERE id IN (SELECT entry_id FROM audit_seals WHERE segment > %s)", [last])
    sql("DELETE FROM audit_seals WHERE segment > %s", [last])
    sql("DELETE FROM audit_segments WHERE number > %s", [last])
    assert findings(full=False)[0] == ("segment", "segment 3 and those after it are gone")
    assert ("cut", f"checkpoint place 1 knows segments {last + 1} to 3") in findings(full=True)


def test_a_check_that_found_something_is_no_base_for_the_next(trail: None) -> None:
    sql("DELETE FROM audit_logs WHERE id = %s", [row_at(3)])
    assert kinds(full=False) == kinds(full=False) == {"missing"}


def test_a_forged_result_is_no_base_for_the_next(trail: None) -> None:
    sql("DELETE FROM audit_logs WHERE id = %s", [row_at(3)])
    last = Segment.objects.count()
    Verification.objects.create(
        mode="full", rows=16, last_position=last_position(), last_segment=last, seconds=1, key_id="t1", mac=b"x" * 32
    )
    assert kinds(full=False) == {"missing"}


# The command ----------------------------------------------------------------------------------------------------------


def test_the_command_tells_what_it_found_and_fails(trail: None) -> None:
    entry_id = row_at(3)
    sql("DELETE FROM audit_logs WHERE id = %s", [entry_id])
    said = StringIO()
    with pytest.raises(CommandError) as refused:
        call_command("verify_audit", "--full", "--json", stdout=said)
    assert refused.value.returncode == 1
    told = json.loads(said.getvalue())
    assert told["findings"] == [{"kind": "missing", "where": f"row {entry_id} at position 3"}]


def test_the_command_is_content_with_a_whole_trail(trail: None) -> None:
    said = StringIO()
    call_command("verify_audit", "--full", stdout=said)
    assert "16 rows in 3 segments" in said.getvalue()
    assert ": 0 findings" in said.getvalue()


@pytest.mark.parametrize("tamper", [lambda path: path.write_text("{}\n[1]\nnonsense\n"), lambda path: path.unlink()])
def test_a_checkpoint_file_that_proves_nothing_accuses_nobody(
    trail: None, places: list[Path], tamper: Callable[[Path], object]
) -> None:
    for place in places:
        tamper(place / FILE)
    assert findings() == []
