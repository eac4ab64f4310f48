"""The dry run: what is due in a clinic now, what keeps some of it, and what will be due in the next twelve months."""

from collections.abc import Iterator
from datetime import datetime

from dateutil.relativedelta import relativedelta
from django.db import connection as db
from django.db import transaction

from consent.datamap.retention import CURRENT_RETENTION
from consent.models import Clinic, RetentionItem, RetentionRun
from consent.models.retention_runs import total, units_of
from consent.retention import cases, periods
from consent.retention.listing import BEGINNING, BLOCKED, HELD, add, chained, due_sql, values
from consent.retention.ways import Ending, sweeps, wholesales

State = RetentionRun.State
PAGE, LONG = 5000, 10_000
LOCK = "SELECT pg_advisory_xact_lock(hashtext('ponte.retention'), %s)"
FILL = """
INSERT INTO retention_items (run_id, sweep, key, subject, number, due_at, state)
SELECT %(run)s, %(sweep)s, d.key, d.subject, d.number, d.due_at,
  CASE WHEN {held} THEN 'held' WHEN {blocked} THEN 'blocked' ELSE 'planned' END
FROM ({due}) d ORDER BY d.key COLLATE "C"
"""
COUNT = """
SELECT sweep, state, to_char(due_at AT TIME ZONE 'UTC', 'YYYY-MM'), count(*) FROM retention_items
WHERE run_id = %s GROUP BY 1, 2, 3
"""
AHEAD = """
SELECT to_char(d.due_at AT TIME ZONE 'UTC', 'YYYY-MM'), count(*) FROM ({due}) d WHERE d.due_at > %(now)s GROUP BY 1
"""


def plan_all(*, now: datetime) -> list[RetentionRun]:
    """A dry run of every clinic, and of what lies in tables of all of them."""
    return [plan(clinic, now=now) for clinic in (*Clinic.objects.order_by("pk"), None)]


def plan(clinic: Clinic | None, *, now: datetime) -> RetentionRun:
    """Write the list of what is due anew; one that was approved already is left as it is and returned.

    Removes nothing. The patients whose records are due appear on the list of reviews.
    """
    with transaction.atomic(), db.cursor() as cursor:
        cursor.execute(LOCK, [clinic.pk if clinic else 0])
        held = RetentionRun.objects.select_for_update().filter(clinic=clinic, state__in=RetentionRun.OPEN).first()
        if held is not None and held.state in RetentionRun.DECIDED:
            return held
        if held is not None:
            forget_list(held)
            held.delete()
        found = periods.of_clinic(clinic) if clinic else periods.of_installation()
        run = RetentionRun.objects.create(
            clinic=clinic, table_version=CURRENT_RETENTION, planned_at=now, plan_hash=BEGINNING, done_chain=BEGINNING,
            periods={code: units_of(period) for code, period in found.items()},
        )  # fmt: skip
        if clinic:
            _list_of_clinic(run, clinic, now)
        else:
            _list_of_installation(run, now)
        _sum_up(run)
        run.save()
    return run


def forget_list(run: RetentionRun) -> None:
    """One statement, however long the list is; deleting by models would first read it."""
    with db.cursor() as cursor:
        cursor.execute("DELETE FROM retention_items WHERE run_id = %s", [run.pk])


def _list_of_clinic(run: RetentionRun, clinic: Clinic, now: datetime) -> None:
    cases.end_erased(clinic, now=now)
    for sweep in sweeps():
        period = run.period(sweep.code)
        asked = {**values(sweep, clinic, period, now), "run": run.pk, "sweep": sweep.name, "now": now}
        if sweep.ending is Ending.REVIEW:
            cases.open_reviews(run, sweep, asked)
        else:
            held, blocked = HELD.format(row="d"), BLOCKED.format(row="d")
            with db.cursor() as cursor:
                cursor.execute(FILL.format(due=due_sql(sweep), held=held, blocked=blocked), asked)
        with db.cursor() as cursor:
            cursor.execute(AHEAD.format(due=due_sql(sweep)), {**asked, "horizon": now + relativedelta(months=12)})
            run.forecast[sweep.name] = dict(sorted(cursor.fetchall()))


def _list_of_installation(run: RetentionRun, now: datetime) -> None:
    for one in wholesales():
        rows = [
            RetentionItem(run=run, sweep=one.name, key=found.key, due_at=found.due_at, state=found.why or "planned")
            for found in sorted(one.look(run.period(one.code), now), key=lambda found: found.key)
        ]
        RetentionItem.objects.bulk_create(rows)


def _sum_up(run: RetentionRun) -> None:
    """Counts and hash, from the list as it stands."""
    with db.cursor() as cursor:
        cursor.execute(COUNT, [run.pk])
        for sweep, state, label, n in cursor.fetchall():
            if state == RetentionItem.State.PLANNED:
                add(run.counts, sweep, label, n)
            else:
                add(run.conflicts, sweep, state, n)
        if total(run.counts) > LONG:
            # Without fresh statistics every page of the list would be looked for in all of it.
            cursor.execute("ANALYZE retention_items")
    for sweep, key in _listed(run):
        run.plan_hash = chained(run.plan_hash, sweep, key)
    run.state = State.PLANNED if total(run.counts) or total(run.conflicts) else State.NOTHING


def _listed(run: RetentionRun) -> Iterator[tuple[str, str]]:
    """The list in its order, page by page: it may be a million rows long."""
    last = 0
    while True:
        rows = RetentionItem.objects.filter(run=run, state=RetentionItem.State.PLANNED, id__gt=last).order_by("id")
        page = list(rows.values_list("id", "sweep", "key")[:PAGE])
        if not page:
            return
        last = page[-1][0]
        yield from ((sweep, key) for _id, sweep, key in page)
