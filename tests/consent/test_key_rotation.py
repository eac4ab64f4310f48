"""A new master key wraps the data keys; what they sealed is not touched, and a stopped run goes on.

PONTE_FULL_ROTATION=1000000 runs it with a million encrypted values (lgpd section 17, check 10).
"""

import os
from collections.abc import Iterable
from io import StringIO
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from consent.encryption import Actor, Context, Sealed, datakeys, ensure_subject_keys, reveal, seal, seal_many
from consent.encryption.keycheck import problems, remember_keys
from consent.encryption.rotation import outstanding, rotate_master_key
from consent.encryption.tables import DataKey
from consent.models import Clinic, DataSubject

pytestmark = pytest.mark.django_db(databases=["default", "audit"])
VALUES = int(os.environ.get("PONTE_FULL_ROTATION", "3000"))
CROWD = 5000
PLACE = Context(model="bridge.ObservedContact", field="name", row="1")


@pytest.fixture
def people() -> list[UUID]:
    clinic = Clinic.objects.create(trade_name="Clínica Sol", legal_name="Sol Ltda")
    people = [DataSubject.objects.create(clinic=clinic).pk for _ in range(7)]
    ensure_subject_keys(people)
    return people


@pytest.fixture
def new_key(settings: Any, people: list[UUID]) -> str:
    """A second master key, put first, as an admin does."""
    settings.MASTER_KEYS = {"new": os.urandom(32), **settings.MASTER_KEYS}
    remember_keys()
    return "new"


def opened(sealed: Sealed, person: UUID) -> str:
    datakeys.cache.clear()
    return reveal(sealed, subject=person, context=PLACE, actor=Actor.system("tests"), purpose="system")


def test_values_open_before_and_after_and_are_not_rewritten(people: list[UUID], settings: Any) -> None:
    before = dict(settings.MASTER_KEYS)
    sealed = seal("Maria", subject=people[0], context=PLACE)
    blob = sealed.blob
    settings.MASTER_KEYS = {"new": os.urandom(32), **before}
    assert opened(sealed, people[0]) == "Maria"
    list(rotate_master_key())
    settings.MASTER_KEYS = {"new": settings.MASTER_KEYS["new"]}
    assert (opened(sealed, people[0]), sealed.blob) == ("Maria", blob)


def test_only_data_keys_are_written(people: list[UUID], new_key: str) -> None:
    with connection.execute_wrapper(Only("UPDATE", '"keys"."data_keys"')):
        list(rotate_master_key())
    live = DataKey.objects.filter(wrapped__isnull=False)
    assert set(live.values_list("master_key_id", flat=True)) == {new_key}


class Only:
    """Fails the test when a statement of a kind touches another table."""

    def __init__(self, verb: str, table: str) -> None:
        self.verb, self.table = verb, table

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        assert not sql.startswith(self.verb) or sql.startswith(f"{self.verb} {self.table}")
        return execute(sql, params, many, context)


@pytest.mark.acceptance(10)
def test_a_new_master_key_rewrites_no_row_that_holds_data(settings: Any) -> None:
    """Row versions of PostgreSQL (xmin, ctid) of encrypted values, before and after."""
    clinic = Clinic.objects.create(trade_name="Clínica Sol", legal_name="Sol Ltda")
    for begin in range(0, VALUES // 2, CROWD):
        encrypt_for(clinic, people=min(CROWD, VALUES // 2 - begin))
    with connection.cursor() as cursor:  # a database that has lived for a day knows how large its tables are
        cursor.execute('ANALYZE contact_points, "keys"."data_keys"')
    settings.MASTER_KEYS = {"new": os.urandom(32), **settings.MASTER_KEYS}
    before = row_versions()
    assert before[0] == VALUES
    *_, last = rotate_master_key()
    assert last.done >= VALUES // 2
    assert row_versions() == before
    assert outstanding() == 0


def encrypt_for(clinic: Clinic, *, people: int) -> None:
    """Two encrypted values for each of so many new people; by COPY, because a million rows take the ORM a quarter hour."""
    crowd = [uuid4() for _ in range(people)]
    keys = [datakeys.fresh_key(DataKey.Kind.SUBJECT, str(one), 1) for one in crowd]
    copy_in("data_subjects (id, clinic_id, has_hold, opposed_purposes, is_minor)",
            ((one, clinic.pk, False, "{}", False) for one in crowd))  # fmt: skip
    copy_in('"keys"."data_keys" (id, kind, ref, version, wrapped, master_key_id)',
            ((key.pk, key.kind, key.ref, key.version, key.wrapped, key.master_key_id) for key in keys))  # fmt: skip
    points = [(uuid4(), one, kind) for one in crowd for kind in ("phone", "email")]
    places = [Context("consent.ContactPoint", "value", str(pk)) for pk, _, _ in points]
    values = seal_many([("+5511988776655", one, place) for (_, one, _), place in zip(points, places, strict=True)])
    copy_in("contact_points (id, subject_id, clinic_id, kind, blind_version, value, mask, is_shared)",
            ((pk, one, clinic.pk, kind, "", value.blob, "", False)
             for (pk, one, kind), value in zip(points, values, strict=True)))  # fmt: skip


def copy_in(columns: str, rows: Iterable[tuple[object, ...]]) -> None:
    with connection.cursor() as cursor, cursor.copy(f"COPY {columns} FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def row_versions() -> tuple[int, str]:
    """How many rows, and a digest of every row's version."""
    told = "id::text || ' ' || xmin::text || ' ' || ctid::text"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*), md5(string_agg({told}, ',' ORDER BY id)) FROM contact_points")
        return cast("tuple[int, str]", cursor.fetchone())


def test_a_stopped_run_goes_on_where_it_was(people: list[UUID], new_key: str) -> None:
    total = outstanding()
    run = rotate_master_key(batch=2)
    assert (next(run).done, outstanding()) == (2, total - 2)
    run.close()
    assert [progress.done for progress in rotate_master_key(batch=2)][-1] == total - 2
    assert outstanding() == 0


def test_destroyed_keys_stay_destroyed(people: list[UUID], new_key: str) -> None:
    datakeys.destroy_subject_keys(people[:1], now=timezone.now())
    list(rotate_master_key())
    assert DataKey.objects.get(ref=str(people[0])).wrapped is None


def test_without_the_old_key_nothing_is_changed_and_people_are_told(people: list[UUID], settings: Any) -> None:
    settings.MASTER_KEYS = {"new": os.urandom(32)}
    with pytest.raises(CommandError, match="add the old key again"):
        call_command("rotate_keys", stdout=StringIO())
    assert "new" not in set(DataKey.objects.values_list("master_key_id", flat=True))


def test_the_command_says_when_the_old_key_may_go(people: list[UUID], new_key: str, settings: Any) -> None:
    said = StringIO()
    call_command("rotate_keys", "--dry-run", stdout=said)
    assert said.getvalue().startswith(f"{outstanding()} data keys are not wrapped")
    call_command("rotate_keys", stdout=said)
    assert "can be taken out of PONTE_MASTER_KEYS" in said.getvalue()
    settings.MASTER_KEYS = {new_key: settings.MASTER_KEYS[new_key]}
    assert problems() == []
