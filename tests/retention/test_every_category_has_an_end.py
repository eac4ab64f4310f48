"""No category of the data map is forgotten: a sweep, steady work, people, or a reason why nothing is done here."""

from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings

from consent import tasks
from consent.datamap import entries, places, retention
from consent.datamap.retention import CURRENT_RETENTION, TABLES, End
from consent.retention.approving import next_run
from consent.retention.ways import Ending, Steady, Sweep, Wholesale, listed, ways_of

RULES = TABLES[CURRENT_RETENTION].rules


def mapped_codes() -> Iterator[str]:
    for model in entries().values():
        yield from (entry.retention for entry in model.fields.values() if entry.retention)
    yield from (place.entry.retention for place in places() if place.entry.retention)


@pytest.mark.parametrize("code", sorted(RULES))
def test_every_category_is_carried_out_or_says_why_not(code: str) -> None:
    assert ways_of(code), f"{code} has no way to its end"


def test_every_category_of_the_data_map_is_one_of_the_table() -> None:
    assert set(mapped_codes()) <= set(RULES)
    assert len(set(mapped_codes())) > 10


def test_sweeps_speak_for_models_of_their_category() -> None:
    for way in listed().values():
        assert isinstance(way, Sweep | Wholesale)
        known = {label: {entry.retention for entry in model.fields.values()} for label, model in entries().items()}
        # A lead is a person whose data have, row by row, the class of a patient's or of care (lgpd 3.3).
        wanted = {"R01", "R02", "R13"} if way.code == "R03" else {way.code, "R13"}
        assert all(known[label] & wanted for label in way.models), way.name


def test_records_of_patients_are_only_reviewed() -> None:
    reviewed = [way for way in listed().values() if retention(way.code).end == End.REVIEW]
    assert [way.name for way in reviewed] == ["records"]
    assert all(isinstance(way, Sweep) and way.ending is Ending.REVIEW for way in reviewed)


def test_steady_work_is_on_the_schedule() -> None:
    wanted = {entry for code in RULES for way in ways_of(code) if isinstance(way, Steady) for entry in way.entries}
    assert wanted <= set(settings.CELERY_BEAT_SCHEDULE)
    assert {"partitions", "inbound-retention"} <= wanted


def test_the_run_is_scheduled_for_the_first_at_two_in_sao_paulo() -> None:
    entry = settings.CELERY_BEAT_SCHEDULE["retention-monthly"]
    schedule = entry["schedule"]
    assert entry["task"] == tasks.run_retention.name
    assert (schedule.minute, schedule.hour, schedule.day_of_month) == ({0}, {2}, {1})
    assert schedule.tz == ZoneInfo("America/Sao_Paulo")
    assert settings.CELERY_BEAT_SCHEDULE["retention-plan"]["task"] == tasks.plan_retention.name


@pytest.mark.parametrize(
    ("now", "begins"),
    [
        (datetime(2026, 11, 21, 15, tzinfo=UTC), datetime(2026, 12, 1, 5, tzinfo=UTC)),
        (datetime(2026, 12, 1, 4, 59, tzinfo=UTC), datetime(2026, 12, 1, 5, tzinfo=UTC)),
        (datetime(2026, 12, 1, 5, 0, tzinfo=UTC), datetime(2027, 1, 1, 5, tzinfo=UTC)),
        (datetime(2026, 12, 1, 1, 0, tzinfo=UTC), datetime(2026, 12, 1, 5, tzinfo=UTC)),
    ],
)
def test_an_approval_waits_for_the_next_first_of_the_month(now: datetime, begins: datetime) -> None:
    assert next_run(now) == begins
