"""The start page (A1): one sentence, what needs somebody, how each connection stands, what happened today."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bridge.models import CallBudget, Connection, Effect, KrayinUser, ObservedConversation, WebhookEvent
from bridge.queries.stuck import PartnerAway, Stuck, oldest_waiting, waiting_changes
from bridge.queries.words import Word
from config.times import ago, amount

LOOK_BACK = timedelta(days=30)  # bounds the partitions that are searched for a last event
SLOW_AFTER = timedelta(minutes=5)  # AL01 of the screens: warn

STATE_WORDS = {
    Connection.State.DRAFT: Word.IGNORED,
    Connection.State.SHADOW: Word.POSTPONED,
    Connection.State.ACTIVE: Word.DONE,
    Connection.State.PAUSED: Word.POSTPONED,
    Connection.State.OFF: Word.IGNORED,
}


@dataclass(frozen=True)
class Budget:
    """Calls a Krayin user may make at once now, and how many come back each minute."""

    left: int
    per_minute: int


@dataclass(frozen=True)
class ConnectionLine:
    """How one connection stands."""

    connection: Connection
    last_event: datetime | None
    last_write: datetime | None
    oldest_waiting: datetime | None
    waiting: int
    budget: Budget | None

    @property
    def word(self) -> Word:
        """One of the eight words, for the state of the connection itself."""
        return Word.FAILED if self.connection.problem else STATE_WORDS[Connection.State(self.connection.state)]


@dataclass(frozen=True)
class Today:
    """Counts since midnight in the clinic's zone."""

    conversations: int
    persons: int
    leads: int
    notes: int


def connection_lines(connections: Sequence[Connection], *, now: datetime) -> list[ConnectionLine]:
    """One line per connection: five queries for all of them."""
    ids = [row.pk for row in connections]
    events, writes, budgets = last_events(ids, now), last_writes(ids, now), budgets_of(ids, now)
    oldest, waiting = oldest_waiting(ids), waiting_changes(ids)
    return [
        ConnectionLine(
            connection=row,
            last_event=events.get(row.pk),
            last_write=writes.get(row.pk),
            oldest_waiting=oldest.get(row.pk),
            waiting=waiting.get(row.pk, 0),
            budget=budgets.get(row.pk),
        )
        for row in connections
    ]


def last_events(connection_ids: Iterable[int], now: datetime) -> dict[int, datetime]:
    """Per connection: when the last event came, within 30 days. One look into the index for each."""
    newest = WebhookEvent.objects.filter(connection=OuterRef("pk"), received_at__gte=now - LOOK_BACK)
    return _latest(connection_ids, newest.order_by("-received_at").values("received_at")[:1])


def last_writes(connection_ids: Iterable[int], now: datetime) -> dict[int, datetime]:
    """Per connection: when Krayin last confirmed something, within 30 days."""
    newest = Effect.objects.filter(
        connection=OuterRef("pk"), state=Effect.State.CONFIRMED, confirmed_at__gte=now - LOOK_BACK
    )
    return _latest(connection_ids, newest.order_by("-confirmed_at").values("confirmed_at")[:1])


def _latest(connection_ids: Iterable[int], newest: QuerySet) -> dict[int, datetime]:
    rows = Connection.objects.filter(pk__in=list(connection_ids)).annotate(newest=Subquery(newest))
    return {pk: at for pk, at in rows.values_list("pk", "newest") if at}


def budgets_of(connection_ids: Iterable[int], now: datetime) -> dict[int, Budget]:
    """Per connection: what its Krayin users may call together, as the shared bucket stands now."""
    links = KrayinUser.connections.through.objects.filter(connection__in=list(connection_ids))
    total: dict[int, Budget] = {}
    for link in links.select_related("krayinuser__budget"):
        held, budget = total.get(link.connection_id, Budget(0, 0)), link.krayinuser.budget
        total[link.connection_id] = Budget(held.left + _left(budget, now), held.per_minute + budget.refill_per_minute)
    return total


def _left(budget: CallBudget, now: datetime) -> int:
    """Tokens now: what was left when it was last used, plus what came back since."""
    if budget.blocked_until > now:
        return 0
    back = (now - budget.at).total_seconds() * budget.refill_per_minute / 60
    return int(max(0, min(budget.capacity, budget.tokens + back)))


def today(connections: Sequence[Connection], *, now: datetime) -> Today:
    """What happened since midnight: two queries."""
    zone = ZoneInfo(connections[0].clinic.time_zone) if connections else ZoneInfo("America/Sao_Paulo")
    midnight = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    ids = [row.pk for row in connections]
    done = Effect.objects.filter(connection__in=ids, state=Effect.State.CONFIRMED, confirmed_at__gte=midnight)
    kinds = Effect.Kind
    counts = done.order_by().aggregate(
        persons=Count("pk", filter=Q(kind=kinds.CREATE_PERSON)),
        leads=Count("pk", filter=Q(kind=kinds.CREATE_LEAD)),
        notes=Count("pk", filter=Q(kind__in=[kinds.CREATE_NOTE, kinds.SET_NOTE])),
    )
    started = ObservedConversation.objects.filter(connection__in=ids, started_at__gte=midnight).count()
    return Today(conversations=started, **counts)


def sentence(lines: Sequence[ConnectionLine], found: Stuck, *, now: datetime) -> tuple[Word, str]:
    """The status sentence of the start page."""
    if not lines:
        return Word.IGNORED, _("No connection yet.")
    if found.away:
        return Word.FAILED, away_sentence(found.away[0], now)
    if found.needs_somebody:
        n = found.needs_somebody
        text = ngettext("%(n)d matter waits for you.", "%(n)d matters wait for you.", n) % {"n": n}
        return Word.FAILED, text
    oldest = min((line.oldest_waiting for line in lines if line.oldest_waiting), default=None)
    if oldest and now - oldest > SLOW_AFTER:
        return Word.WAITING, _("The oldest event has been waiting for %(time)s.") % {"time": amount(now - oldest)}
    newest = max((line.last_event for line in lines if line.last_event), default=None)
    if newest is None:
        return Word.WAITING, _("Nothing has arrived yet: write a message to a connected inbox.")
    return Word.DONE, _("All in step: last event %(ago)s, nothing stopped.") % {"ago": ago(newest, now)}


def away_sentence(line: PartnerAway, now: datetime) -> str:
    """`Krayin fora do ar há 2 h · 1.240 alterações esperando · nada se perde`."""
    count = ngettext("%(n)s change waiting", "%(n)s changes waiting", line.waiting)
    waiting = count % {"n": number_format(line.waiting)} if line.waiting else _("no change waiting")
    values = {"partner": line.partner, "time": amount(now - line.since), "waiting": waiting}
    if line.heals_itself:
        return _("%(partner)s away for %(time)s · %(waiting)s · nothing is lost") % values
    return _("%(partner)s needs you for %(time)s · %(waiting)s · nothing is lost") % values
