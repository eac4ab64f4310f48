"""Reprocess: read stored events again and go on with refused steps, on the one path of every fact (DESIGN section 2).

It cannot double: an event is read again where it stands, a step keeps its key in the ledger, and planning asks only for
what Krayin does not have.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.db import connection as db
from django.db.models import Count, Q, QuerySet
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bridge.causes import Cause
from bridge.jobs.kinds import Cursor, Estimate, Filter, FilterForm, Step
from bridge.models import Connection, Effect, SyncJob, WebhookEvent
from bridge.models.inbound import NO_LANE
from bridge.replay import read_again
from bridge.sync import by_hand
from bridge.sync.clock import database_now
from consent.roles import Capability

Status = WebhookEvent.Status
Kind = Effect.Kind

STOPPED, READ = "stopped", "read"
EVENTS, STEPS = "events", "steps"
BODIES_KEPT = timedelta(days=30)
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
NO_STEP = "00000000-0000-0000-0000-000000000000"

# Calls a step takes at most, look-ups included; those that change Chatwoot take one.
CALLS_OF_STEP = {
    Kind.CREATE_PERSON: 3,
    Kind.CREATE_LEAD: 2,
    Kind.CREATE_NOTE: 1,
    Kind.SET_PERSON: 2,
    Kind.SET_LEAD: 2,
    Kind.SET_STAGE: 2,
    Kind.SET_OWNER: 2,
    Kind.SET_NOTE: 1,
}
CALLS_OF_STOPPED_EVENT = 2.0
CALLS_OF_READ_EVENT = 0.2  # what was read before mostly asks for nothing

FIND = """
SELECT e.id, e.received_at, e.lane_key, b.sealed IS NOT NULL
FROM webhook_events e
LEFT JOIN webhook_bodies b ON b.event_id = e.id AND b.received_at = e.received_at
WHERE e.connection_id = %(connection)s AND e.status = %(status)s AND e.cause <> %(not_ours)s
  AND e.received_at >= %(since)s AND e.received_at < %(until)s
  AND (%(cause)s = '' OR e.cause = %(cause)s) AND (%(type)s = '' OR e.event_type = %(type)s)
"""
PAGE = FIND + "AND (e.received_at, e.id) > (%(after)s, %(after_id)s) ORDER BY e.received_at, e.id LIMIT %(limit)s"
COUNT = f"""
SELECT count(*) FILTER (WHERE has_body), count(DISTINCT lane_key) FILTER (WHERE has_body AND lane_key <> %(no_lane)s),
       count(*) FILTER (WHERE NOT has_body)
FROM ({FIND}) AS f(id, received_at, lane_key, has_body)
"""  # noqa: S608 - constants


@dataclass(frozen=True)
class Range:
    """A filter as conditions; times aware. `until` is never later than the dry run, so that a job comes to an end."""

    connection_id: int
    what: str
    cause: str
    type: str
    since: datetime
    until: datetime

    @classmethod
    def of(cls, connection_id: int, filter: Filter, *, planned_at: datetime) -> "Range":
        since, until = (datetime.fromisoformat(filter[k]) if k in filter else None for k in ("since", "until"))
        return cls(
            connection_id=connection_id,
            what=filter.get("what", STOPPED),
            cause=filter.get("cause", ""),
            type=filter.get("type", ""),
            since=since or LONG_AGO,
            until=min(until or planned_at, planned_at),
        )

    @property
    def events_values(self) -> dict[str, Any]:
        return {
            "connection": self.connection_id,
            "status": (Status.OBSERVED if self.what == READ else Status.PARKED).value,
            "not_ours": Cause.WRONG_ACCOUNT.value,
            # Bodies live 30 days; a bound lets PostgreSQL leave older partitions alone.
            "since": max(self.since, self.until - BODIES_KEPT),
            "until": self.until,
            "cause": "" if self.what == READ else self.cause,
            "type": self.type,
            "no_lane": NO_LANE,
        }

    @property
    def steps(self) -> QuerySet[Effect]:
        if self.what == READ:
            return Effect.objects.none()
        rows = Effect.objects.filter(connection_id=self.connection_id, state__in=by_hand.STOPPED)
        rows = rows.filter(created_at__gte=self.since, created_at__lt=self.until)
        rows = rows.filter(cause=self.cause) if self.cause else rows
        return rows.filter(kind=self.type) if self.type else rows


class ReplayForm(FilterForm):
    what = forms.ChoiceField(
        label=gettext_lazy("What"),
        choices=[
            (STOPPED, gettext_lazy("What stopped: refused steps and events that could not be read")),
            (READ, gettext_lazy("Events that were read already: read them once more")),
        ],
    )
    cause = forms.ChoiceField(
        label=gettext_lazy("Cause"),
        required=False,
        choices=[("", gettext_lazy("any")), *Cause.choices],
        help_text=gettext_lazy("Only for what stopped."),
    )
    type = forms.ChoiceField(
        label=gettext_lazy("Type"),
        required=False,
        choices=[
            ("", gettext_lazy("any")),
            (gettext_lazy("Steps"), Kind.choices),
            (gettext_lazy("Events"), [(name, name) for name in (
                "contact_created", "contact_updated", "conversation_created", "conversation_updated",
                "conversation_status_changed", "message_created", "message_updated",
            )]),
        ],
    )  # fmt: skip
    since = forms.DateField(
        label=gettext_lazy("From the day"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )
    until = forms.DateField(
        label=gettext_lazy("To the day"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        first, last = cleaned.get("since"), cleaned.get("until")
        if first and last and first > last:
            self.add_error("until", _("The last day lies before the first."))
        return cleaned

    def filter(self) -> dict[str, Any]:
        zone = ZoneInfo(self.connection.clinic.time_zone)
        chosen = super().filter()
        if "since" in chosen:
            chosen["since"] = _midnight(chosen["since"], zone)
        if "until" in chosen:
            chosen["until"] = _midnight(chosen["until"] + timedelta(days=1), zone)
        return chosen


def _midnight(day: date, zone: ZoneInfo) -> str:
    return datetime.combine(day, time(), zone).isoformat()


class Replay:
    """See the module. Its cursor names the part, events before steps, and the last row of it."""

    code = "replay"
    label = gettext_lazy("Reprocess")
    explanation = gettext_lazy(
        "Reads stored events again and tries refused steps again. Nothing is written twice: each step keeps its place "
        "in the ledger, and the privacy rules are asked again."
    )
    capability = Capability.OPERATE_ACT
    is_atomic = True
    below_live = True
    asks_partner = False
    form = ReplayForm

    def estimate(self, connection: Connection, filter: Filter) -> Estimate:
        chosen = Range.of(connection.pk, filter, planned_at=database_now())
        with db.cursor() as cursor:
            cursor.execute(COUNT, chosen.events_values)
            events, people, kept_back = cursor.fetchone()
        found = chosen.steps.aggregate(
            people=Count("lane_key", distinct=True), **{kind: Count("pk", filter=Q(kind=kind)) for kind in Kind.values}
        )
        by_kind = {Kind(kind): found[kind] for kind in Kind.values}
        per_event = CALLS_OF_READ_EVENT if chosen.what == READ else CALLS_OF_STOPPED_EVENT
        calls = sum(CALLS_OF_STEP.get(kind, 1) * n for kind, n in by_kind.items()) + per_event * events
        return Estimate(
            items=events + sum(by_kind.values()),
            people=max(people, found["people"]),
            calls=round(calls),
            counts={"events": events, "steps": sum(by_kind.values()), "kept_back": kept_back},
        )

    def step(self, job: SyncJob, cursor: Cursor, limit: int) -> Step:
        chosen = Range.of(job.connection_id, job.filter, planned_at=job.created_at)
        if cursor.get("part", EVENTS) == EVENTS:
            return _events_step(chosen, cursor, limit)
        return _steps_step(chosen, cursor, limit)

    def describe(self, connection: Connection, filter: Filter) -> Sequence[str]:
        zone = ZoneInfo(connection.clinic.time_zone)
        what = dict(ReplayForm.base_fields["what"].choices)[filter.get("what", STOPPED)]  # type: ignore[attr-defined]
        lines = [str(what)]
        if filter.get("cause"):
            lines.append(str(Cause(filter["cause"]).label))
        if filter.get("type"):
            named = {kind.value: str(kind.label) for kind in Kind}
            lines.append(_("Only: %(type)s") % {"type": named.get(filter["type"], filter["type"])})
        if "since" in filter:
            lines.append(_("From %(day)s") % {"day": _day(filter["since"], zone)})
        if "until" in filter:
            lines.append(_("To %(day)s") % {"day": _day(filter["until"], zone, timedelta(days=1))})
        return lines


def _day(text: str, zone: ZoneInfo, back: timedelta = timedelta()) -> str:
    return date_format((datetime.fromisoformat(text).astimezone(zone) - back).date(), "SHORT_DATE_FORMAT")


def _events_step(chosen: Range, cursor: Cursor, limit: int) -> Step:
    values = {
        **chosen.events_values,
        "after": cursor.get("after", LONG_AGO.isoformat()),
        "after_id": cursor.get("id", 0),
        "limit": limit,
    }
    with db.cursor() as found:
        found.execute(PAGE, values)
        rows = found.fetchall()
    if not rows:
        return Step({"part": STEPS})
    readable = [(pk, received_at) for pk, received_at, _, has_body in rows if has_body]
    by_hand.mark(chosen.connection_id, {lane_key for _, _, lane_key, has_body in rows if has_body})
    done = read_again(readable, status=chosen.events_values["status"])
    per_event = CALLS_OF_READ_EVENT if chosen.what == READ else CALLS_OF_STOPPED_EVENT
    return Step(
        cursor={"part": EVENTS, "after": rows[-1][1].isoformat(), "id": rows[-1][0]},
        done=done,
        skipped=len(rows) - done,
        calls=per_event * done,
        counts={"events": done},
    )


def _steps_step(chosen: Range, cursor: Cursor, limit: int) -> Step:
    after = datetime.fromisoformat(cursor["after"]) if "after" in cursor else LONG_AGO
    later = Q(created_at__gt=after) | Q(created_at=after, pk__gt=UUID(cursor.get("id", NO_STEP)))
    rows = chosen.steps.filter(later, created_at__gte=after).order_by("created_at", "pk")[:limit]
    found: list[Mapping[str, Any]] = list(rows.values("pk", "lane_key", "kind", "created_at"))
    if not found:
        return Step({"part": STEPS}, finished=True)
    by_hand.mark(chosen.connection_id, {row["lane_key"] for row in found})
    done = by_hand.go_on(row["pk"] for row in found)
    return Step(
        cursor={"part": STEPS, "after": found[-1]["created_at"].isoformat(), "id": str(found[-1]["pk"])},
        done=done,
        skipped=len(found) - done,
        calls=sum(CALLS_OF_STEP.get(Kind(row["kind"]), 1) for row in found),
        counts={"steps": done},
    )
