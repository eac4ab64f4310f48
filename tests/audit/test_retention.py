"""Whole sealed quarters leave; what stays proves that retention did it, and nothing else can be passed off as that."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from audit import canonical, keys
from audit.models import AuditLog, Drop, Seal, Segment
from audit.retention import CannotDrop, drop_quarter
from audit.sealing import seal_all
from config.db import catalogue
from config.db.partitions import Action, ActionKind, Step, create
from tests.audit.trail import findings, sealed_trail, sql

pytestmark = pytest.mark.django_db(transaction=True)
OLD = Step.QUARTER.start(datetime(2024, 5, 1, tzinfo=UTC))


@pytest.fixture(autouse=True)
def places(settings: Any, tmp_path: Path) -> None:
    settings.AUDIT_CHECKPOINTS = [str(tmp_path / "one")]


@pytest.fixture
def old_rows() -> Iterator[list[int]]:
    """Five signed rows of a quarter long past."""
    for table in ("audit_logs", "audit_seals"):
        create(connection, Action(ActionKind.CREATE, table, f"{table}_old", OLD, Step.QUARTER.following(OLD)))
    key_id, key = keys.newest()
    rows = []
    for number in range(5):
        row = AuditLog(pk=number + 1, timestamp=OLD + timedelta(hours=number), action="login", actor_type="system")
        row.outcome, row.key_id = "ok", key_id
        row.row_mac = canonical.row_mac(key, canonical.rendered(row.columns()))
        row.save(force_insert=True)
        rows.append(row.pk)
    yield rows
    sql("DROP TABLE IF EXISTS audit_logs_old, audit_seals_old")


def test_a_sealed_quarter_leaves_and_the_trail_stays_whole(old_rows: list[int]) -> None:
    seal_all()
    sealed_trail(3)
    drop_quarter(OLD.date())
    assert (AuditLog.objects.count(), Seal.objects.count(), Segment.objects.count()) == (3, 3, 2)
    assert {partition.lower for partition in catalogue.partitions(connection, "audit_logs")}.isdisjoint({OLD})
    assert findings() == []


def test_dropping_it_again_changes_nothing(old_rows: list[int]) -> None:
    seal_all()
    assert drop_quarter(OLD.date()).pk == drop_quarter(OLD.date()).pk
    assert Drop.objects.count() == 1


@pytest.mark.parametrize("quarter", [date(2024, 5, 1), datetime.now(UTC).date().replace(day=1)])
def test_what_is_no_quarter_that_is_over_is_refused(old_rows: list[int], quarter: date) -> None:
    with pytest.raises(CannotDrop):
        drop_quarter(quarter)
    assert AuditLog.objects.count() == 5


def test_rows_without_seal_are_not_dropped(old_rows: list[int]) -> None:
    with pytest.raises(CannotDrop, match="5 rows"):
        drop_quarter(OLD.date())
    assert AuditLog.objects.count() == 5


def test_a_quarter_dropped_by_hand_is_found(old_rows: list[int]) -> None:
    seal_all()
    sql("DROP TABLE audit_logs_old")
    assert findings() == [("dropped", "segment 1: all 5 rows are gone")]


def test_a_forged_permission_to_drop_is_none(old_rows: list[int]) -> None:
    seal_all()
    key_id = keys.newest()[0]
    Drop.objects.create(quarter=OLD.date(), first_segment=1, last_segment=1, key_id=key_id, mac=b"x" * 32)
    sql("DROP TABLE audit_logs_old")
    assert findings() == [("dropped", "segment 1: all 5 rows are gone")]
