"""What the pages of retention (C8) show: policy, list, forecast, result, conflicts, people who wait."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta
from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from config.charts import chart
from config.times import clock
from consent.admin.holds_person import masks_of
from consent.datamap import entries
from consent.datamap.retention import CURRENT_RETENTION, TABLES, Origin, RetentionRule
from consent.models import Clinic, DataSubject, RetentionCase, RetentionItem, RetentionPeriod, RetentionRun
from consent.models.retention_runs import total
from consent.retention import cases, periods
from consent.retention.listing import merged
from consent.retention.ways import Elsewhere, Ending, Steady, Sweep, listed, ways_of

MOST = 100
State = RetentionRun.State
PERSON = "admin:consent_datasubject_change"


def newest_runs(clinic: Clinic | None) -> tuple[RetentionRun | None, RetentionRun | None]:
    """The list as it stands, and the last run that was finished."""
    rows = RetentionRun.objects.filter(clinic=clinic).select_related("approved_by").order_by("-planned_at")
    found = list(rows.filter(state__in=RetentionRun.OPEN)[:1])
    done = list(rows.filter(state=State.DONE).order_by("-finished_at")[:1])
    return (found[0] if found else None), (done[0] if done else None)


def sentence(run: RetentionRun | None, reviews: int, erasures: int) -> tuple[dict[str, str], str]:
    if run is None:
        return {"value": "unknown"}, _("No list yet: the first one is made in the night.")
    told, word = [], "done"
    if run.state == State.RUNNING:
        word = "running"
        told.append(_("The approved list is being carried out."))
    elif run.state == State.APPROVED:
        word = "waiting"
        told.append(_("The list is approved and waits for its time."))
    elif run.listed:
        word = "waiting"
        told.append(
            ngettext("%(n)d record is due and waits for approval.", "%(n)d records are due and wait for approval.",
                     run.listed) % {"n": run.listed}
        )  # fmt: skip
    elif kept := total(run.conflicts):
        text = ngettext("%(n)d due record stays; nothing waits for approval.",
                        "%(n)d due records stay; nothing waits for approval.", kept)  # fmt: skip
        told.append(text % {"n": kept})
    else:
        told.append(_("Nothing is due."))
    if reviews:
        told.append(ngettext("%(n)d patient's record to review.", "%(n)d patients' records to review.", reviews)
                    % {"n": reviews})  # fmt: skip
    if erasures:
        told.append(ngettext("%(n)d person to erase.", "%(n)d people to erase.", erasures) % {"n": erasures})
    return {"value": "waiting" if word == "done" and (reviews or erasures) else word}, " ".join(told)


# The policy -----------------------------------------------------------------------------------------------------------


def policy(clinic: Clinic) -> Iterator[dict[str, Any]]:
    own = {code: row for (_clinic, code), row in periods.chosen([clinic]).items()}
    used = fields_by_code()
    for code, rule in TABLES[CURRENT_RETENTION].rules.items():
        mine = own.get(code)
        yield {
            "code": code, "title": rule.title, "start": rule.anchor.label, "minimum": least(rule),
            "is_law": rule.minimum_from == Origin.LAW, "maximum": most(rule, mine), "bounds": bounds(rule),
            "end": rule.end.label, "how": [how(way) for way in ways_of(code)], "source": rule.source,
            "version": version(mine), "fields": used.get(code, 0),
            "change": reverse("admin:consent_retentionrun_period", args=[clinic.pk, code]) if periods.is_free(code) else "",
        }  # fmt: skip


def fields_by_code() -> dict[str, int]:
    """How many stored fields the data map gives each category."""
    counts: dict[str, int] = {}
    for model in entries().values():
        for entry in model.fields.values():
            if entry.retention:
                counts[entry.retention] = counts.get(entry.retention, 0) + 1
    return counts


def least(rule: RetentionRule) -> str:
    return str(rule.minimum) if rule.minimum else "—"


def most(rule: RetentionRule, mine: RetentionPeriod | None) -> str:
    period = mine.period if mine else rule.maximum
    if period is None:
        return _("reviewed, not removed") if rule.minimum else _("stays")
    return str(period)


def bounds(rule: RetentionRule) -> str:
    if rule.floor and rule.highest:
        return _("%(least)s to %(most)s") % {"least": rule.floor, "most": rule.highest}
    if rule.floor:
        return _("at least %(least)s") % {"least": rule.floor}
    return "—"


def version(mine: RetentionPeriod | None) -> str:
    if mine is None:
        return _("table %(n)s") % {"n": CURRENT_RETENTION}
    told = {"n": mine.number, "who": mine.chosen_by, "day": f"{mine.valid_from:%d/%m/%Y}"}
    return _("clinic's version %(n)d, %(who)s, %(day)s") % told


def how(way: Any) -> str:
    """In words, what happens to the category in Ponte."""
    if isinstance(way, Steady | Elsewhere):
        return str(way.says)
    if isinstance(way, Sweep) and way.ending is Ending.REVIEW:
        return _("%(what)s: only reviewed by people") % {"what": way.title}
    if isinstance(way, Sweep) and way.ending is Ending.HAND_OVER:
        return _("%(what)s: handed over for erasure after approval") % {"what": way.title}
    return _("%(what)s: removed after approval") % {"what": way.title}


# Lists, forecast, result ----------------------------------------------------------------------------------------------


def title_of(sweep: str) -> str:
    way = listed().get(sweep)
    return f"{way.code} · {way.title}" if way else sweep


def is_for_people(sweep: str) -> bool:
    way = listed().get(sweep)
    return isinstance(way, Sweep) and way.ending is not Ending.REMOVE


def table(head: Sequence[tuple[str, bool]], rows: Iterable[Sequence[object]]) -> dict[str, Any]:
    """In the shape of admin/insights/table.html."""
    return {
        "head": head,
        "rows": [
            [(name, is_number, value) for (name, is_number), value in zip(head, row, strict=True)] for row in rows
        ],
    }


def counted(counts: Mapping[str, Mapping[str, int]]) -> dict[str, Any]:
    """By category and month in which it became due."""
    rows = [
        (title_of(sweep), month_word(month), n)
        for sweep, by in sorted(counts.items())
        for month, n in sorted(by.items())
    ]
    return table([(_("category"), False), (_("due since"), False), (_("records"), True)], rows)


def forecast(run: RetentionRun, zone: ZoneInfo) -> dict[str, Any]:
    """Twelve months from the present one: what goes after an approval, what people decide."""
    first = run.planned_at.astimezone(zone).date().replace(day=1)
    months = [f"{first + relativedelta(months=n):%Y-%m}" for n in range(12)]
    alone = merged({name: by for name, by in run.forecast.items() if not is_for_people(name)})
    people = merged({name: by for name, by in run.forecast.items() if is_for_people(name)})
    shown = [(month_word(month), alone.get(month, 0), people.get(month, 0)) for month in months]
    head = [(_("month"), False), (_("removed after approval"), True), (_("decided by people"), True)]
    labels = [month for month, _one, _two in shown]
    data = chart(
        labels, (head[1][0], [one for _month, one, _two in shown]), (head[2][0], [two for _month, _one, two in shown])
    )
    has_any = any(one or two for _month, one, two in shown)
    return {"chart": data if has_any else "", "table": table(head, shown), "has_any": has_any}


def month_word(month: str) -> str:
    """2026-11 as people write it: 11/2026."""
    year, _dash, number = month.partition("-")
    return f"{number}/{year}"


def list_card(run: RetentionRun, zone: ZoneInfo, now: datetime) -> dict[str, Any]:
    """A list with its hash and what can be done about it."""
    return {
        "run": run, "planned": clock(run.planned_at, zone, now), "listed": run.listed, "table": counted(run.counts),
        "kept": total(run.conflicts), "is_waiting": run.state == State.PLANNED and run.listed > 0,
        "is_approved": run.state == State.APPROVED, "is_running": run.state == State.RUNNING,
        "approved": clock(run.approved_at, zone, now) if run.approved_at else "",
        "begins": clock(run.begin_at, zone, now) if run.begin_at else "",
        "went": sum(merged(run.done).values()), "people": total({k: v for k, v in run.counts.items() if is_for_people(k)}),
    }  # fmt: skip


def result(run: RetentionRun, zone: ZoneInfo, now: datetime) -> dict[str, Any]:
    """By category: approved, carried out, and the difference."""
    names = sorted({*run.counts, *run.done})
    rows = []
    for name in names:
        approved, done = sum(run.counts.get(name, {}).values()), sum(run.done.get(name, {}).values())
        rows.append((title_of(name), approved, done, approved - done))
    head = [(_("category"), False), (_("approved"), True), (_("carried out"), True), (_("difference"), True)]
    return {
        "run": run, "finished": clock(run.finished_at, zone, now) if run.finished_at else "",
        "table": table(head, rows), "is_exact": run.is_exact, "missing": run.listed - sum(merged(run.done).values()),
        "longest": round(run.longest_ms, 1), "lines": lines(RetentionItem.objects.filter(run=run, was_listed=True)),
    }  # fmt: skip


# What stays, and who waits --------------------------------------------------------------------------------------------


def lines(rows: QuerySet[RetentionItem]) -> list[dict[str, Any]]:
    """Rows that stay, named by their person, in the order of the list."""
    found = list(rows.order_by("id")[:MOST])
    people = {one.pk: one for one in DataSubject.objects.filter(pk__in=[row.subject for row in found if row.subject])}
    masks = masks_of(list(people.values()))
    return [
        {
            "what": title_of(row.sweep), "why": row.get_state_display(), "due": f"{row.due_at:%d/%m/%Y}",
            **person(row.subject, people, masks, row.key),
        }
        for row in found
    ]  # fmt: skip


def person(pk: UUID | None, people: Mapping[UUID, DataSubject], masks: Mapping[UUID, str], key: str) -> dict[str, str]:
    """Mask and address of whom a row is about; of nobody's row its own key."""
    if pk is None or pk not in people:
        return {"who": key[:40], "address": ""}
    return {"who": masks[pk], "address": reverse(PERSON, args=[pk])}


def waiting(clinic: Clinic, kind: str) -> list[dict[str, Any]]:
    found: list[RetentionCase] = list(cases.waiting(clinic, kind)[:MOST])
    masks = masks_of([case.subject for case in found])
    return [
        {
            "case": case, "who": masks[case.subject_id], "address": reverse(PERSON, args=[case.subject_id]),
            "since": f"{case.anchor_at:%d/%m/%Y}", "due": f"{case.due_at:%d/%m/%Y}",
            "what": f"{case.code} · {TABLES[case.table_version].rules[case.code].title}",
        }
        for case in found
    ]  # fmt: skip
