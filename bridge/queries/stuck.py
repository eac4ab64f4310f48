"""What stands still and why, in groups: for screen B2, the start page and the badge in the menu."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Count, F, Max, Min, Q, QuerySet, Sum, Value
from django.utils import timezone

from bridge.causes import ADVICE, Cause
from bridge.models import (
    Breaker,
    Connection,
    Effect,
    FailedWebhook,
    FailureGroup,
    IntakeCounter,
    Lane,
    ObservedContact,
    Partner,
    Suggestion,
    WebhookEvent,
)
from bridge.models.inbound import NO_LANE
from bridge.team.troubles import gone_by_connection

REFUSED_WITHIN = timedelta(hours=24)
OWNER = "user_id"  # among the details of a group: the target that is gone is a person
SIGNATURE_REASONS = ("signature missing", "signature wrong", "token missing", "token wrong")


@dataclass(frozen=True)
class PartnerAway:
    """A partner that does not answer or refuses us: one line, however much waits for it."""

    cause: str
    partner: str
    connections: tuple[Connection, ...]
    since: datetime
    next_try: datetime
    waiting: int

    @property
    def heals_itself(self) -> bool:
        return heals_itself(self.cause)


@dataclass(frozen=True)
class Group:
    """Events and steps of one connection that stopped for the same cause."""

    cause: str
    connection: Connection
    events: int = 0
    steps: int = 0
    people: int = 0
    since: datetime | None = None
    last: datetime | None = None
    details: Sequence[str] = ()  # names of refused fields, or codes; never values
    decided: FailureGroup | None = None  # what people decided about it

    @property
    def key(self) -> tuple[int, str]:
        return self.connection.pk, self.cause

    @property
    def total(self) -> int:
        return self.events + self.steps

    @property
    def heals_itself(self) -> bool:
        return heals_itself(self.cause)

    @property
    def is_failure(self) -> bool:
        return self.cause not in Cause.values or ADVICE[Cause(self.cause)].is_failure


@dataclass(frozen=True)
class Stuck:
    """The whole picture: partners away, failures to solve now or later, and what is rightly not sent."""

    away: Sequence[PartnerAway]
    failures: Sequence[Group]
    postponed: Sequence[Group]
    not_sent: Sequence[Group]
    suggestions: int

    @property
    def needs_somebody(self) -> int:
        """How many lines wait for a person: not those that heal by themselves."""
        lines: list[PartnerAway | Group] = [*self.away, *self.failures]
        return sum(not line.heals_itself for line in lines)


def heals_itself(cause: str) -> bool:
    return cause in Cause.values and ADVICE[Cause(cause)].heals_itself


def stuck(connections: Sequence[Connection], *, now: datetime | None = None) -> Stuck:
    """Read the picture for these connections: nine queries, however much is stopped."""
    by_id, now = {row.pk: row for row in connections}, now or timezone.now()
    decided = _decisions(by_id)
    groups = [*_with_owners_gone(by_id, _failed(by_id)), *_unsure(by_id), *_refused_calls(by_id, now)]
    failures = [replace(group, decided=decided.get(group.key)) for group in groups if group.is_failure]
    return Stuck(
        away=partners_away(connections),
        failures=_oldest_first(group for group in failures if not is_postponed(group.decided, now)),
        postponed=_oldest_first(group for group in failures if is_postponed(group.decided, now)),
        not_sent=_oldest_first(
            [*(group for group in groups if not group.is_failure), *_denied(by_id), *_unreachable(by_id)]
        ),
        suggestions=Suggestion.objects.filter(connection__in=by_id, state=Suggestion.State.OPEN).count(),
    )


def _decisions(by_id: dict[int, Connection]) -> dict[tuple[int, str], FailureGroup]:
    """What people decided about groups that are not at their end."""
    rows = FailureGroup.objects.filter(connection__in=by_id, done_at=None).select_related("owner", "noted_by")
    return {(row.connection_id, row.cause): row for row in rows}


def is_postponed(decided: FailureGroup | None, now: datetime) -> bool:
    return decided is not None and decided.postponed_until is not None and decided.postponed_until > now


def _oldest_first(groups: Iterable[Group]) -> list[Group]:
    return sorted(groups, key=lambda group: (group.since is None, group.since or datetime.max, group.cause))


# Partners ------------------------------------------------------------------------------------------------------------


def partner_of(cause: str) -> str:
    """Whose fault a connection's problem is: Chatwoot's, Krayin's, or ours."""
    if cause.startswith("CHATWOOT"):
        return Partner.CHATWOOT.label
    return Partner.KRAYIN.label if cause.startswith("KRAYIN") else "Ponte"


def partners_away(connections: Sequence[Connection]) -> list[PartnerAway]:
    """One line per partner and cause, over all connections that share it; expects `breakers` to be prefetched."""
    troubles = [(row, trouble) for row in connections for trouble in row.troubles]
    if not troubles:
        return []
    waiting = waiting_changes({row.pk for row, _ in troubles})
    grouped: dict[tuple[str, int | str], list[tuple[Connection, Breaker]]] = defaultdict(list)
    for row, trouble in troubles:
        place = row.krayin_id if trouble.problem.startswith("KRAYIN") else row.chatwoot_url
        grouped[trouble.problem, place].append((row, trouble))
    lines = [
        PartnerAway(
            cause=cause,
            partner=partner_of(cause),
            connections=tuple(row for row, _ in found),
            since=min(trouble.since for _, trouble in found),
            next_try=min(trouble.paused_until for _, trouble in found),
            waiting=sum(waiting.get(row.pk, 0) for row, _ in found),
        )
        for (cause, _place), found in grouped.items()
    ]
    return sorted(lines, key=lambda line: line.since)


def waiting_changes(connection_ids: Iterable[int]) -> dict[int, int]:
    """Per connection: events not yet read and steps not yet written."""
    ids = list(connection_ids)
    events = WebhookEvent.objects.filter(connection__in=ids, status=WebhookEvent.Status.RECEIVED)
    steps = Effect.objects.filter(connection__in=ids, state__in=[Effect.State.INTENDED, Effect.State.SENT])
    total: dict[int, int] = defaultdict(int)
    for rows in (events, steps):
        for connection_id, count in rows.order_by().values_list("connection_id").annotate(Count("pk")):
            total[connection_id] += count
    return dict(total)


# Groups --------------------------------------------------------------------------------------------------------------


def failed_rows(connection_id: int, cause: str) -> QuerySet[FailedWebhook]:
    """Parked events and refused steps of one group, the newest first."""
    return FailedWebhook.objects.filter(connection_id=connection_id, cause=cause).order_by("-failed_at")


def _failed(by_id: dict[int, Connection]) -> list[Group]:
    rows = FailedWebhook.objects.filter(connection_id__in=by_id).order_by().values("connection_id", "cause")
    rows = rows.annotate(
        events=Count("pk", filter=Q(pk__startswith="e")),
        steps=Count("pk", filter=Q(pk__startswith="s")),
        people=Count("lane_key", distinct=True, filter=~Q(lane_key=NO_LANE)),
        since=Min("failed_at"),
        last=Max("failed_at"),
        details=ArrayAgg("error", distinct=True, filter=~Q(error=""), default=Value([])),
    )
    return _groups(by_id, rows)


def _groups(by_id: dict[int, Connection], rows: Iterable[Mapping[str, Any]], **more: Any) -> list[Group]:
    """Rows of counts, each with its `connection_id`, as groups."""
    return [
        Group(
            connection=by_id[row["connection_id"]],
            **{name: value for name, value in row.items() if name != "connection_id"},
            **more,
        )
        for row in rows
    ]


def _with_owners_gone(by_id: dict[int, Connection], groups: list[Group]) -> list[Group]:
    """Users of Krayin that a rule still names: the same matter as a step refused because of one, in one line."""
    cause = Cause.KRAYIN_TARGET_GONE.value
    found = {group.key: group for group in groups}
    for connection_id, _count, since in gone_by_connection(by_id):
        group = found.get((connection_id, cause)) or Group(cause, by_id[connection_id], since=since, last=since)
        found[group.key] = replace(group, details=[*group.details, OWNER])
    return list(found.values())


def _unsure(by_id: dict[int, Connection]) -> list[Group]:
    """Steps of which nobody knows whether Krayin wrote them; Ponte looks by itself."""
    return _effect_groups(by_id, Effect.State.UNKNOWN)


def _denied(by_id: dict[int, Connection]) -> list[Group]:
    """What the gate refused: not a failure."""
    return _effect_groups(by_id, Effect.State.DENIED)


def _effect_groups(by_id: dict[int, Connection], state: Effect.State) -> list[Group]:
    rows = Effect.objects.filter(connection__in=by_id, state=state).order_by().values("connection_id", "cause")
    rows = rows.annotate(
        steps=Count("pk"), people=Count("lane_key", distinct=True), since=Min("updated_at"), last=Max("updated_at")
    )
    return _groups(by_id, rows)


def unreachable_contacts(connection_ids: Iterable[int]) -> QuerySet[ObservedContact]:
    """Contacts with neither phone nor e-mail nor identifier: kept, not sent."""
    return ObservedContact.objects.filter(
        connection__in=list(connection_ids), has_phone=False, has_email=False, has_identifier=False, gone_at=None
    )


def _unreachable(by_id: dict[int, Connection]) -> list[Group]:
    rows = unreachable_contacts(by_id).order_by().values("connection_id")
    rows = rows.annotate(people=Count("pk"), last=Max("seen_at"), since=Min("seen_at"))
    return _groups(by_id, rows, cause=Cause.NO_IDENTIFIER.value)


def _refused_calls(by_id: dict[int, Connection], now: datetime) -> list[Group]:
    """Calls with a wrong signature or token in the last 24 hours: nothing of them is stored but the count."""
    counters = IntakeCounter.objects.filter(
        connection__in=by_id, hour__gte=now - REFUSED_WITHIN, reason__in=SIGNATURE_REASONS
    )
    rows = counters.order_by().values("connection_id")
    rows = rows.annotate(events=Sum("count"), since=Min("hour"), last=Max("hour"))
    return _groups(by_id, rows, cause=Cause.SIGNATURE.value)


def oldest_waiting(connection_ids: Iterable[int]) -> dict[int, datetime]:
    """Per connection: since when the oldest unread event waits."""
    rows = WebhookEvent.objects.filter(connection__in=list(connection_ids), status=WebhookEvent.Status.RECEIVED)
    return dict(rows.order_by().values_list("connection_id").annotate(Min("received_at")))


def due_lanes(connection_ids: Iterable[int], now: datetime) -> dict[int, int]:
    """Per connection: people whose turn has come."""
    rows = Lane.objects.filter(connection__in=list(connection_ids), run_at__lte=now, dirty__gt=F("clean_to"))
    return dict(rows.order_by().values_list("connection_id").annotate(Count("lane_key")))
