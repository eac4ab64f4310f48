"""The job: goes on where it was killed, waits for partners, ends when it must, never hands over half as the whole."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from exporting import bytes_of, exported, files_of
from factories import user

from audit.models import AuditLog
from bridge.models import ObservedContact
from consent.encryption import Actor, KeyMissing, destroy_subject_keys
from consent.export import control, job, parts
from consent.export.sources import Item, Record, SourceAway, SourceWaits
from consent.models import ExportPackage, User
from consent.models.exports import LONG_AGO
from consent.roles import Role

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

SYSTEM = Actor.system("test")


class Killed(BaseException):
    """What a kill looks like from inside: nothing after it runs."""


def asked(person: ObservedContact, protocol: str = "2026-000123", **more: Any) -> ExportPackage:
    return control.ask(person.subject, protocol=protocol, rights=["T03"], actor=more.pop("actor", SYSTEM), **more)


def make_due(row: ExportPackage) -> None:
    ExportPackage.objects.filter(pk=row.pk).update(not_before=LONG_AGO, lease_until=LONG_AGO)


def test_a_killed_worker_costs_one_step_and_what_was_read_is_not_read_again(
    person: ObservedContact, also: Callable[..., None]
) -> None:
    read_units: list[str] = []

    def read(unit: str) -> Iterator[Item]:
        read_units.append(unit)
        if unit == "b" and read_units.count("b") == 1:
            raise Killed
        yield Record("leads", {"system": "outro", "id": ord(unit), "title": unit})

    also(read, lambda: ["a", "b", "c"])
    row = asked(person)
    with pytest.raises(Killed):
        job.run_once()
    assert not job.run_once()
    make_due(row)
    assert job.run_once()
    row.refresh_from_db()
    assert row.state == "ready"
    assert read_units == ["a", "b", "b", "c"]
    assert row.counts["read"]["leads"] == 3


def test_a_second_worker_takes_over_after_the_lease_and_the_first_writes_nothing_more(
    person: ObservedContact, also: Callable[..., None]
) -> None:
    row_of: list[ExportPackage] = []

    def read(unit: str) -> Iterator[Item]:
        yield Record("leads", {"system": "outro", "id": 1})
        if len(row_of) == 1:
            row_of.append(row_of[0])
            make_due(row_of[0])
            assert job.run_once()

    also(read)
    row_of.append(asked(person))
    assert job.run_once()
    row_of[0].refresh_from_db()
    assert row_of[0].state == "ready"
    assert AuditLog.objects.filter(action="export.built").count() == 1


def test_a_system_that_does_not_answer_makes_it_incomplete_and_nobody_can_release_it(
    person: ObservedContact, dpo: User, also: Callable[..., None]
) -> None:
    def read(unit: str) -> Iterator[Item]:
        raise SourceAway("timeout")
        yield

    also(read)
    row = asked(person)
    for _try in range(job.TRIES):
        assert job.run_once()
        make_due(row)
    row.refresh_from_db()
    assert (row.state, row.is_complete) == ("ready", False)
    assert [one["status"] for one in row.systems if one["code"] == "outro"] == ["away"]
    with pytest.raises(control.NotPossible, match="incomplet"):
        control.release(row, by=dpo, now=timezone.now())
    assert "incompleta" in files_of(row)["index.html"].decode()


def test_a_used_up_budget_makes_it_wait_without_counting_as_a_failure(
    person: ObservedContact, also: Callable[..., None]
) -> None:
    until, times = timezone.now() + timedelta(minutes=2), iter([True, False])

    def read(unit: str) -> Iterator[Item]:
        if next(times):
            raise SourceWaits(until)
        yield Record("leads", {"system": "outro", "id": 1})

    also(read)
    row = asked(person)
    assert job.run_once()
    row.refresh_from_db()
    assert (row.state, row.not_before, row.errors_in_a_row) == ("collecting", until, 0)
    assert not job.run_once()
    make_due(row)
    assert job.run_once()
    row.refresh_from_db()
    assert row.state == "ready"


def test_a_count_that_differs_from_the_source_makes_it_incomplete(
    person: ObservedContact, also: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    from exporting import Scripted

    monkeypatch.setattr(Scripted, "counts", lambda self, reading: {"leads": 2})
    also(lambda unit: iter([Record("leads", {"system": "outro", "id": 1})]))
    row = exported(person)
    assert not row.is_complete
    assert [one["errors"] for one in row.systems if one["code"] == "outro"] == [["count_leads"]]


def test_cancelling_removes_what_was_read(person: ObservedContact, also: Callable[..., None], export_dir: Any) -> None:
    also(lambda unit: iter([Record("leads", {"system": "outro", "id": 1})]), lambda: ["a", "b"])
    row = asked(person)
    job.work(job.claim(), until=0.0)  # type: ignore[arg-type]
    control.cancel(row, actor=SYSTEM)
    assert row.state == "cancelled"
    assert not parts.folder(row.pk).exists()
    assert not job.run_once()
    with pytest.raises(control.NotPossible):
        control.cancel(row, actor=SYSTEM)


def test_two_exports_of_one_protocol_are_not_made_at_once(person: ObservedContact) -> None:
    asked(person)
    with pytest.raises(control.NotPossible):
        asked(person)


def test_a_protocol_that_would_be_no_file_name_is_refused(person: ObservedContact) -> None:
    for protocol in ("", "../x", "a b", "x" * 41):
        with pytest.raises(ValueError, match="protocol"):
            asked(person, protocol)
    assert not ExportPackage.objects.exists()


def test_rights_that_no_package_answers_are_refused(person: ObservedContact) -> None:
    with pytest.raises(ValueError, match="T02"):
        control.ask(person.subject, protocol="2026-1", rights=["T07"], actor=SYSTEM)
    assert not ExportPackage.objects.exists()


# Release and end ------------------------------------------------------------------------------------------------------


def healthy(person: ObservedContact, also: Callable[..., None], by: User) -> ExportPackage:
    also(lambda unit: iter([Record("leads", {"system": "outro", "id": 1, "title": "Resultado do exame"})]))
    row = asked(person, actor=Actor.staff(by))
    while job.run_once():
        pass
    row.refresh_from_db()
    return row


def test_with_health_content_another_person_releases_it(
    person: ObservedContact, dpo: User, also: Callable[..., None]
) -> None:
    other = user(Role.DPO_SUBSTITUTE, person.connection.clinic)
    row = healthy(person, also, by=dpo)
    assert row.has_health
    with pytest.raises(control.SecondPersonNeeded):
        control.release(row, by=dpo, now=timezone.now())
    control.release(row, by=other, now=timezone.now())
    assert (row.state, row.released_by) == ("released", other)


def test_a_clinic_with_one_eligible_person_waits_24_hours_with_a_notice(
    person: ObservedContact, dpo: User, also: Callable[..., None]
) -> None:
    row, now = healthy(person, also, by=dpo), timezone.now()
    with pytest.raises(control.MustWait):
        control.release(row, by=dpo, now=now)
    with pytest.raises(control.MustWait):
        control.release(row, by=dpo, now=now + timedelta(hours=23))
    assert AuditLog.objects.filter(action="export.release_alone").count() == 1
    control.release(row, by=dpo, now=now + timedelta(hours=24))
    assert row.state == "released"


def test_a_package_is_destroyed_at_its_time_and_the_hash_of_its_manifest_stays(
    person: ObservedContact, export_dir: Any
) -> None:
    row = exported(person)
    assert control.destroy_expired(now=timezone.now() + timedelta(days=14)) == 0
    assert control.destroy_expired(now=timezone.now() + timedelta(days=15, minutes=1)) == 1
    row.refresh_from_db()
    assert (row.state, row.key, len(row.manifest_sha256)) == ("destroyed", None, 64)
    assert not any(export_dir.rglob("*.zip"))
    assert not parts.folder(row.pk).exists()


def test_without_the_persons_key_a_package_opens_for_nobody(person: ObservedContact) -> None:
    row = exported(person)
    assert bytes_of(row)
    destroy_subject_keys([person.subject_id], now=timezone.now())
    with pytest.raises(KeyMissing):
        bytes_of(row)
