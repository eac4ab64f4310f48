"""How much time an incident leaves: business days of the clinic's zone from the knowledge on, and what stops a clock."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from consent import incidents
from consent.incidents import Clock, open_timers
from consent.incidents.timers import timers_of
from consent.models import DeadlineRegime, Incident
from tests.incidents.entered_incidents import KNOWN, dpo_of, entered, sunny, to_authority, to_persons

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def clocks(row: Incident, now: datetime) -> dict[str, Any]:
    return {timer.clock.value: timer for timer in timers_of(row, row.entries.all(), now)}


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}:00").replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("known", "zone", "small", "due"),
    [
        ("2026-11-18T15:00", "America/Sao_Paulo", False, "2026-11-24"),  # past 20 November and a weekend
        ("2026-11-18T15:00", "America/Sao_Paulo", True, "2026-11-27"),
        ("2026-11-19T02:30", "America/Sao_Paulo", False, "2026-11-24"),  # there still the 18th
        ("2026-11-19T02:30", "America/Noronha", False, "2026-11-25"),  # there already the 19th
        ("2026-02-13T15:00", "America/Manaus", False, "2026-02-18"),  # carnival counts as work
        ("2026-04-01T15:00", "America/Rio_Branco", False, "2026-04-06"),  # so does Good Friday
        ("2025-12-23T15:00", "America/Sao_Paulo", False, "2025-12-29"),
        ("2025-12-30T15:00", "America/Sao_Paulo", False, "2026-01-05"),  # over the end of the year
    ],
)
def test_the_anpd_and_the_people_are_told_by_the_same_last_day(known: str, zone: str, small: bool, due: str) -> None:
    sol = sunny(time_zone=zone)
    dpo = dpo_of(sol)
    if small:
        DeadlineRegime.objects.create(clinic=sol, regime="small", reason="Pequeno porte.", decided_by=dpo)
    row = entered(sol, dpo, known_at=at(known))
    for timer in timers_of(row, row.entries.all(), at(known)):
        assert timer.due_at.astimezone(timer.zone).isoformat()[:19] == f"{due}T23:59:59"


def test_running_clocks_come_with_the_business_days_left_the_most_urgent_first() -> None:
    sol = sunny()
    dpo = dpo_of(sol)
    late, soon = entered(sol, dpo), entered(sol, dpo, known_at=KNOWN + 5 * DAY)
    told = entered(sol, dpo)
    incidents.told_authority(told, to_authority(KNOWN + DAY), by=dpo, now=KNOWN + DAY)
    incidents.told_persons(told, to_persons(KNOWN + DAY), by=dpo, now=KNOWN + DAY)
    # Monday: 24 November is the last day of the first, 26 November that of the second.
    found = open_timers(KNOWN + 5 * DAY)
    assert [(timer.number, timer.days_left) for timer in found] == [
        (late.number, 1), (late.number, 1), (soon.number, 3), (soon.number, 3),
    ]  # fmt: skip
    assert {timer.clinic_id for timer in found} == {sol.pk}
    assert [timer.days_left for timer in open_timers(KNOWN + 6 * DAY)][:2] == [0, 0]
    assert [timer.days_left for timer in open_timers(KNOWN + 7 * DAY)][:2] == [-1, -1]


def test_a_preliminary_report_asks_for_a_complement_within_twenty_business_days() -> None:
    sol = sunny()
    dpo = dpo_of(sol)
    row = entered(sol, dpo)
    incidents.told_authority(row, to_authority(KNOWN + DAY, "preliminary"), by=dpo, now=KNOWN + DAY)
    timer = clocks(row, KNOWN + DAY)[Clock.COMPLEMENT]
    # From Thursday 19 November, without 20 November: 17 December is the twentieth.
    assert (timer.is_open, timer.due_at.date().isoformat(), timer.days_left) == (True, "2026-12-18", 20)
    incidents.told_authority(row, to_authority(KNOWN + 9 * DAY, "complement"), by=dpo, now=KNOWN + 9 * DAY)
    assert not clocks(row, KNOWN + 9 * DAY)[Clock.COMPLEMENT].is_open


def test_a_public_notice_stays_three_months_and_then_the_anpd_is_told() -> None:
    sol = sunny()
    dpo = dpo_of(sol)
    row = entered(sol, dpo)
    incidents.told_persons(row, to_persons(KNOWN + DAY, "public", channel="page", people=None), by=dpo, now=KNOWN + DAY)
    timer = clocks(row, KNOWN + DAY)[Clock.STATEMENT]
    assert timer.is_open
    assert timer.due_at - KNOWN > timedelta(days=92)


def test_what_was_told_late_stays_late() -> None:
    sol = sunny()
    dpo = dpo_of(sol)
    row, then = entered(sol, dpo), KNOWN + 8 * DAY
    incidents.told_authority(row, to_authority(then), by=dpo, now=then)
    timer = clocks(row, then)[Clock.AUTHORITY]
    assert (timer.is_open, timer.is_late) == (False, True)


def test_the_decision_not_to_report_stops_the_clocks_and_another_one_lets_them_run() -> None:
    sol = sunny()
    dpo = dpo_of(sol)
    row = entered(sol, dpo)
    incidents.decide(row, report=False, reason="O disco estava cifrado e a chave segura.", by=dpo, now=KNOWN)
    assert open_timers(KNOWN) == []
    incidents.decide(row, report=True, reason="", by=dpo, now=KNOWN + DAY)
    assert len(open_timers(KNOWN + DAY)) == 2
