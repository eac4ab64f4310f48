"""Dump, lose, restore: the same data, nobody who was erased, and no word of success where there was none."""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings
from django.utils import timezone

from audit.models import AuditLog
from audit.sealing import seal_all
from bridge.backup import daily, making, restoring
from bridge.backup.errors import AlreadyRunning, BackupError, ProgramFailed, TargetRefused
from bridge.backup.facts import Table, differences
from bridge.backup.keeping import kept
from bridge.backup.manifest import Manifest
from bridge.backup.server import Server, working_on
from bridge.backup.stores import store
from bridge.health import runs
from bridge.models import Krayin, SetupMark
from consent.encryption import Actor, KeyMissing, datakeys, destroy_subject_keys, ensure_subject_keys, reveal
from consent.encryption.tables import DataKey
from consent.erasure import ledger
from consent.models import Clinic, ContactPoint, DataSubject
from consent.models.erasures import Erasure
from tests.backup.s3_server import Contents

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "audit", "intake"]),
    pytest.mark.usefixtures("in_english"),
]
PHONE = "+5511988776655"
NOW = timezone.now()


@pytest.fixture(autouse=True)
def outside(settings: Any, tmp_path: Path) -> Iterator[None]:
    """Places outside the database of the test's own; data keys live in a schema that no flush empties."""
    settings.AUDIT_CHECKPOINTS = [str(tmp_path / "one"), str(tmp_path / "two")]
    known = set(DataKey.objects.values_list("pk", flat=True))
    yield
    DataKey.objects.exclude(pk__in=known).delete()


@pytest.fixture
def empty() -> Iterator[str]:
    """An empty database that the settings do not name, removed with whatever a restore left beside it."""
    server, name = Server.of_settings(), f"backup_target_{os.getpid()}"
    server.create(name, server.database)
    yield name
    with server.connection("postgres") as held:
        left = held.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [name]).fetchall()
    for (database,) in left:
        server.drop(database)


@pytest.fixture
def maria() -> ContactPoint:
    return person("Clínica Sol")


def person(clinic: str) -> ContactPoint:
    of = Clinic.objects.create(trade_name=clinic, legal_name=f"{clinic} Ltda")
    subject = DataSubject.objects.create(clinic=of)
    ensure_subject_keys([subject.pk])
    point = ContactPoint(subject=subject, clinic=of, kind="phone")
    point.seal_value(PHONE, mask="+55 •••")
    point.save()
    return point


def opened(point: ContactPoint) -> str:
    datakeys.cache.clear()
    held = ContactPoint.objects.get(pk=point.pk)
    return reveal(
        held.value, subject=held.subject_id, context=held.value_context, actor=Actor.system("tests"), purpose="system"
    )


def restore(into: str, *arguments: str) -> str:
    said = StringIO()
    with working_on(into):
        call_command("restore", *arguments, "--yes", stdout=said)
    return said.getvalue()


def databases(like: str) -> list[str]:
    with Server.of_settings().connection("postgres") as held:
        found = held.execute("SELECT datname FROM pg_database WHERE datname LIKE %s", [like]).fetchall()
    return sorted(name for (name,) in found)


# There and back -------------------------------------------------------------------------------------------------------


def test_what_was_dumped_is_there_again(maria: ContactPoint, empty: str, folder: Path) -> None:
    krayin = Krayin.objects.create(base_url="https://crm.example")
    said = StringIO()
    call_command("backup", "--json", stdout=said)
    told = json.loads(said.getvalue())
    assert {path.name for path in (folder / told["backup"]).iterdir()} == {"data", "keys", "manifest.json"}
    assert PHONE.encode() not in b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    person("Clínica Lua")
    restore(empty)
    with working_on(empty):
        assert (opened(maria), list(Clinic.objects.values_list("trade_name", flat=True))) == (PHONE, ["Clínica Sol"])
        assert Krayin.objects.get(pk=krayin.pk).must_look_first(timezone.now())
        assert AuditLog.objects.filter(action="backup.restore", object_id=told["backup"]).count() == 1
    assert Clinic.objects.count() == 2
    assert databases(f"{empty}%") == [empty]
    backup = runs.last(runs.BACKUP)[runs.BACKUP]
    assert (backup.is_ok, backup.counts["tables"]) == (True, told["tables"])


@pytest.mark.acceptance(8)
def test_who_was_erased_after_the_backup_is_nowhere_when_it_serves_again(maria: ContactPoint, empty: str) -> None:
    """Acceptance checks 1, 5 and 8 of the requirements: an old dump, today's keys, the ledger outside."""
    sofia = person("Clínica Lua")
    old = making.make(store(), now=NOW)
    erasure = Erasure.objects.create(
        clinic=maria.clinic, subject=maria.subject, planned_at=NOW, policy_version="1", state=Erasure.State.PLANNED
    )
    for kind, facts in (("intent", {"keeps_record": False}), ("key", {})):
        ledger.write(erasure, ledger.Kind(kind), facts, now=NOW)
    destroy_subject_keys([maria.subject_id], now=NOW)
    making.run(now=timezone.now())
    server, place = Server.of_settings(), store()
    names = restoring.Names.of(empty, NOW)
    said: list[str] = []
    restoring.prepare(place, restoring.choose(place, old.id), server, names, said.append)
    with working_on(names.fresh):
        assert opened(sofia) == PHONE
        with pytest.raises(KeyMissing):
            opened(maria)
    assert server.is_empty(empty)
    restore(empty, "--finish")
    with working_on(empty):
        assert ContactPoint.objects.filter(subject=maria.subject_id, value__isnull=False).count() == 0
        assert not ledger.is_behind()
        assert opened(sofia) == PHONE
    with pytest.raises(CommandError, match="--finish") as refused:
        restore(empty, "--finish")
    assert refused.value.returncode == 1


def test_the_newest_backup_of_a_store_is_tried_out_and_the_result_kept(maria: ContactPoint, s3: Contents) -> None:
    seal_all()
    made = daily.backup(NOW)
    tried = daily.test_restore(timezone.now())
    assert (made["bytes"] > 10_000, tried["values"] >= 1, tried["audit_rows"] >= 1) == (True, True, True)
    assert runs.last(runs.RESTORE_TEST)[runs.RESTORE_TEST].is_ok
    assert SetupMark.objects.filter(code="restore").exists()
    assert databases("%restore_test%") == []


# Refused before anything is touched -----------------------------------------------------------------------------------


@pytest.fixture
def made(folder: Path) -> Manifest:
    return making.make(store(), now=NOW)


def change(path: Path, at: int = -20) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


SPOILT: tuple[tuple[str, Callable[[Path], object], str], ...] = (
    ("data", change, "damaged"),
    ("data", lambda path: path.write_bytes(path.read_bytes()[:-1000]), "damaged"),
    ("data", lambda path: path.write_bytes(b""), "damaged"),
    ("data", lambda path: path.unlink(), "no_backup"),
    ("data", lambda path: (path.unlink(), path.symlink_to("/proc/self/mem")), "store_unusable"),
    ("keys", change, "damaged"),
    ("keys", lambda path: path.write_bytes(path.with_name("data").read_bytes()), "damaged"),
    ("manifest.json", change, "damaged"),
    ("manifest.json", lambda path: path.write_text("{}"), "damaged"),
    ("manifest.json", lambda path: path.write_text(path.read_text().replace('"rows": 0', '"rows": 1')), "damaged"),
)


def test_a_backup_that_is_not_what_was_written_is_refused_by_name(made: Manifest, folder: Path, settings: Any) -> None:
    """One dump, spoilt and mended in every way."""
    for name, spoil, code in SPOILT:
        path = folder / made.id / name
        before = path.read_bytes()
        spoil(path)
        with pytest.raises(BackupError) as refused:
            restoring.verify(store(), restoring.choose(store()))
        assert (name, refused.value.code) == (name, code)
        path.unlink(missing_ok=True)
        path.write_bytes(before)
    for keys, code in (({"b2": b"c" * 32}, "key_unknown"), ({"b1": b"c" * 32}, "damaged")):
        with override_settings(BACKUP_KEYS=keys), pytest.raises(BackupError) as refused:
            restoring.choose(store())
        assert refused.value.code == code
    assert restoring.verify(store(), restoring.choose(store())) > 10_000


def test_a_failed_restore_says_so_and_leaves_nothing(made: Manifest, folder: Path) -> None:
    change(folder / made.id / "data")
    with pytest.raises(CommandError, match="data") as refused:
        restore("backup_nowhere")
    assert refused.value.returncode == 1
    with pytest.raises(BackupError):
        daily.test_restore(NOW)
    failed = runs.last(runs.RESTORE_TEST)[runs.RESTORE_TEST]
    assert (failed.is_ok, failed.problem) == (False, "damaged")
    assert databases("backup_nowhere%") + databases("%restore_test%") == []


def test_a_database_that_holds_something_is_not_replaced_unasked(made: Manifest) -> None:
    with pytest.raises(CommandError, match=r"not empty.*--replace") as refused:
        call_command("restore", "--yes")
    assert refused.value.returncode == 1
    assert not Server.of_settings().is_empty(Server.of_settings().database)


def test_what_this_installation_cannot_take_is_refused(made: Manifest) -> None:
    server = Server.of_settings()
    for facts, told in (
        (replace(made.facts, role="somebody"), "somebody"),
        (replace(made.facts, server="99.1"), "99.1"),
        (replace(made.facts, migrations=[*made.facts.migrations, "bridge.9999_later"]), "9999_later"),
    ):
        with pytest.raises(TargetRefused, match=told):
            restoring.check_fits(server, replace(made, facts=facts))
    with pytest.raises(TargetRefused, match=r"erasure-ledger\.jsonl"):
        restoring.check_ledger(replace(made, erasures=5))


def test_tables_that_differ_are_named() -> None:
    before = {"a": Table(1, "5"), "b": Table(2, "5"), "c": Table(3, "5"), "d": Table(4, "5")}
    after = {"a": Table(1, "5"), "b": Table(2, "6"), "c": Table(2, "5"), "e": Table(0, "0")}
    assert differences(before, after) == ["b: other values", "c: 3 rows, 2 restored", "d: missing", "e: new"]


# No backup, and said so -----------------------------------------------------------------------------------------------


def test_a_dump_that_breaks_off_is_no_backup_and_shows_no_password(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = tmp_path / "seen"
    program = tmp_path / "pg_dump"
    major = server_major()
    program.write_text(
        f'#!/bin/sh\nif [ "$1" = --version ]; then echo "pg_dump (PostgreSQL) {major}.9"; exit; fi\n'
        f'echo "$@" > {seen}\necho half a dump\n'
        'echo "pg_dump: error: query failed: server closed the connection" >&2\necho "DETAIL: Key (phone)=(1)" >&2\nexit 1\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(CommandError, match="server closed the connection") as failed:
        call_command("backup")
    assert failed.value.returncode == 1
    assert "phone" not in str(failed.value)
    assert "--snapshot" in seen.read_text()
    assert Server.of_settings().password not in seen.read_text()
    assert list(folder.rglob("*")) == []
    result = runs.last(runs.BACKUP)[runs.BACKUP]
    assert (result.is_ok, result.problem) == (False, "program_failed")
    assert AuditLog.objects.filter(action="backup.make", outcome="failed", reason_code="program_failed").count() == 1


def server_major() -> int:
    with Server.of_settings().connection("postgres") as held:
        return held.info.server_version // 10000


def test_something_that_is_no_dump_is_refused_by_the_program_itself() -> None:
    server = Server.of_settings()
    with pytest.raises(ProgramFailed, match="pg_restore: error"):
        server.load(server.database, [b"not a dump at all"])


def test_two_backups_at_once_are_one(folder: Path) -> None:
    with making.alone(Server.of_settings(), "ponte.backup"), pytest.raises(AlreadyRunning):
        making.make(store(), now=NOW)
    assert kept(store()) == []


def test_where_no_backups_are_set_up_the_scheduler_makes_none_and_the_command_says_so(settings: Any) -> None:
    settings.BACKUP_TO = ""
    assert (daily.backup(NOW), daily.test_restore(NOW)) == ({"off": 1}, {"off": 1})
    with pytest.raises(CommandError, match="PONTE_BACKUP_TO"):
        call_command("backup")
