"""Alerts about the way from Chatwoot to Krayin: AL01 to AL09, AL15."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from bridge.alerts.base import MANAGER, MINUTE, TECHNICAL, Found, Rule, clinic_if_one
from bridge.causes import Cause
from bridge.health import measures, readings
from bridge.models import Breaker, Connection, FailureGroup, Severity, WebhookEvent
from bridge.queries.story_lines import cause_text
from bridge.queries.stuck import heals_itself
from consent.roles import Role

HOUR = timedelta(hours=1)
HEALTH = "admin:bridge_runresult_health"
TO_SOLVE = "admin:bridge_failedwebhook_changelist"
CONNECTIONS = "admin:bridge_connection_changelist"
REFUSED_ACCESS = (Cause.KRAYIN_CREDENTIALS.value, Cause.CHATWOOT_CREDENTIALS.value)

OpenNow = Callable[[Collection[int], datetime], Collection[int]]
_open_now: list[OpenNow] = []


def register_hours(ask: OpenNow) -> None:
    """An app that knows opening hours says which of these clinics are open; without one all always are."""
    _open_now.append(ask)


def open_clinics(clinic_ids: Collection[int], now: datetime) -> set[int]:
    found = set(clinic_ids)
    for ask in _open_now:
        found &= set(ask(found, now))
    return found


def iso(when: datetime) -> str:
    return when.isoformat(timespec="seconds")


def named(connection: Connection) -> str:
    return f"{connection.name} · {connection.clinic.trade_name}"


class OldestEvent(Rule):
    code = "AL01"
    title = _("Events wait too long")
    sentence = _("%(name)s: the oldest event has been waiting for %(time)s.")
    advice = _("See under Health whether the lane workers run and whether a partner is away.")
    audience = (*TECHNICAL, *MANAGER)
    severities = (Severity.HIGH,)
    threshold, unit = 5, _("minutes")
    page, then = HEALTH, None
    much = timedelta(minutes=30)

    def look(self, now: datetime, threshold: float) -> Iterator[Found]:
        since = measures.oldest_unread()
        for row in measures.at_work():
            age = now - since.get(row.pk, now)
            if age > threshold * MINUTE:
                facts = {"name": named(row), "since": iso(since[row.pk])}
                yield Found(str(row.pk), row.clinic_id, 2 if age > self.much else 1, facts)


class Silence(Rule):
    code = "AL02"
    title = _("Chatwoot sends nothing, although people write")
    sentence = _("%(name)s: no webhook for %(n)s min, while polling finds new messages.")
    advice = _("Open the connection's checks: address, certificate, webhook in Chatwoot. Polling fetches everything.")
    audience = TECHNICAL
    severities = (Severity.HIGH,)
    threshold, unit = 30, _("minutes")
    page, then = CONNECTIONS, Role.CLINIC_MANAGER

    def look(self, now: datetime, threshold: float) -> Iterator[Found]:
        lately = WebhookEvent.objects.filter(connection=OuterRef("pk"), received_at__gt=now - threshold * MINUTE)
        polled, pushed = lately.filter(arrived_by="poll"), lately.filter(arrived_by="webhook")
        rows = Connection.objects.filter(Exists(polled), ~Exists(pushed), state__in=measures.WORKS, polling_only=False)
        found = list(rows.select_related("clinic"))
        is_open = open_clinics({row.clinic_id for row in found}, now)
        for row in found:
            if row.clinic_id in is_open:
                yield Found(str(row.pk), row.clinic_id, facts={"name": named(row), "n": round(threshold)})


class _Partner(Rule):
    """Partners in trouble, once per installation however many connections share it."""

    page = TO_SOLVE
    sentence = _("%(partner)s (%(names)s): %(problem)s For %(time)s.")

    def is_mine(self, row: Breaker) -> bool:
        return row.problem in REFUSED_ACCESS

    def level(self, age: timedelta) -> int:
        return 1

    def look(self, now: datetime, threshold: float) -> Iterator[Found]:
        rows = Breaker.objects.exclude(partner=Breaker.Of.PONTE).select_related("connection__clinic")
        places: dict[tuple[str, str], list[Breaker]] = defaultdict(list)
        for row in rows.order_by("since", "pk"):
            if self.is_mine(row) and now - row.since > threshold * MINUTE:
                is_krayin = row.partner == Breaker.Of.KRAYIN
                place = str(row.connection.krayin_id) if is_krayin else row.connection.chatwoot_url
                places[row.partner, place].append(row)
        for (partner, place), found in places.items():
            first = found[0]
            names = sorted({row.connection.clinic.trade_name for row in found})
            facts = {
                "partner": str(Breaker.Of(partner).label), "problem": first.problem, "since": iso(first.since),
                "names": ", ".join(names[:3]) + (" …" if len(names) > 3 else ""),
            }  # fmt: skip
            clinic = clinic_if_one(row.connection.clinic_id for row in found)
            yield Found(f"{partner} {place}", clinic, self.level(now - first.since), facts)

    def text(self, facts: Mapping[str, Any], now: datetime) -> str:
        return super().text({**facts, "problem": cause_text(facts["problem"])}, now)


class AccessRefused(_Partner):
    code = "AL03"
    title = _("A partner refuses our access")
    advice = _("Open the connection and enter the access again. Nothing is lost meanwhile.")
    audience = (*TECHNICAL, *MANAGER)
    severities = (Severity.HIGH,)
    threshold, unit = 0, _("minutes")


class PartnerAway(_Partner):
    code = "AL04"
    title = _("A partner cannot be used")
    advice = _("Nothing is lost: Ponte tries by itself. Tell who runs the partner if it lasts.")
    audience = TECHNICAL
    severities = (Severity.MEDIUM, Severity.HIGH)
    threshold, unit = 10, _("minutes")
    then = Role.CLINIC_MANAGER
    again = (HOUR, 6 * HOUR, 24 * HOUR)

    def is_mine(self, row: Breaker) -> bool:
        return row.problem not in REFUSED_ACCESS

    def level(self, age: timedelta) -> int:
        return 1 + sum(age >= one for one in self.again)


class FailureGroups(Rule):
    code = "AL05"
    title = _("Something stopped and needs somebody")
    sentence = _("%(name)s: %(problem)s %(n)s stopped, for %(time)s.")
    advice = _("Open To solve: it says what to do, and takes everything up again afterwards.")
    audience = MANAGER
    severities = (Severity.MEDIUM,)
    threshold, unit = 50, _("more in 10 minutes")
    page, then = TO_SOLVE, None
    within = timedelta(minutes=10)

    def look(self, now: datetime, threshold: float) -> Iterator[Found]:
        sizes = readings.history(readings.GROUP, now, self.within)
        for row in FailureGroup.objects.filter(done_at=None).select_related("connection__clinic"):
            if heals_itself(row.cause):
                continue
            scope = group_scope(row)
            grown = row.most - min(sizes.get(scope, [row.most]))
            facts = {
                "name": named(row.connection), "problem": row.cause, "n": row.most, "since": iso(row.opened_at)
            }  # fmt: skip
            yield Found(scope, row.connection.clinic_id, 2 if grown > threshold else 1, facts)

    def text(self, facts: Mapping[str, Any], now: datetime) -> str:
        return super().text({**facts, "problem": cause_text(facts["problem"])}, now)


def group_scope(row: FailureGroup) -> str:
    return f"{row.connection_id}/{row.cause}"


class Backlog(Rule):
    code = "AL06"
    title = _("Work piles up")
    sentence = _("%(n)s wait in the queue “%(queue)s”.")
    advice = _("Start more lane workers, or see under Health which partner is slow.")
    audience = TECHNICAL
    severities = (Severity.MEDIUM,)
    threshold, unit = 1000, _("waiting")
    page, then = HEALTH, Role.CLINIC_MANAGER
    grows_for, least, looks = timedelta(minutes=15), 100, 10
    names: Mapping[str, str | Promise] = {
        measures.EVENTS: _("received events"),
        measures.LANES: _("people to bring in step"),
        measures.STEPS: _("steps for the partners"),
        measures.JOBS: _("jobs"),
    }

    def look(self, now: datetime, threshold: float) -> Iterator[Found]:
        before = readings.history(readings.WAITING, now, self.grows_for)
        for queue, count in measures.waiting(now).items():
            if count > threshold or self._grows([*before.get(queue, []), count]):
                yield Found(queue, facts={"queue": queue, "n": count})

    def _grows(self, counts: list[float]) -> bool:
        rises = counts == sorted(counts)
        return len(counts) > self.looks and rises and counts[-1] - counts[0] >= self.least

    def text(self, facts: Mapping[str, Any], now: datetime) -> str:
        return super().text({**facts, "queue": str(self.names[facts["queue"]])}, now)


class Errors(Rule):
    code = "AL07"
    title = _("Too many errors, or slow answers")
    sentence = _("%(n)s of the last %(all)s events and steps failed (%(percent)s %%).")
    slow = _("95 %% of the deliveries of the last 10 minutes took up to %(seconds)s s to be stored.")
    advice = _("See under Health what is slow, and under To solve what failed.")
    audience = TECHNICAL
    severities = (Severity.MEDIUM,)
    threshold, unit = 1, _("percent")
    page, then = HEALTH, None
    within, slow_within, slow_s, sample = timedelta(minutes=15), timedelta(minutes=10), 1.0, 100

    def look(self, now: datetime, threshold: float) -> Iterator[Found]:
        share = measures.failed_share(now, self.within)
        if share.whole >= self.sample and share.percent > threshold:
            yield Found("errors", facts={"n": share.part, "all": share.whole, "percent": round(share.percent, 1)})
        count, p95 = measures.ack_p95(now, self.slow_within)
        if p95 is not None and count >= self.sample and p95 > self.slow_s:
            yield Found("slow", facts={"seconds": round(p95, 1)})

    def sentence_for(self, facts: Mapping[str, Any]) -> str | Promise:
        return self.slow if "seconds" in facts else self.sentence


class Signatures(Rule):
    code = "AL08"
    title = _("Calls with a wrong signature")
    sentence = _("%(name)s: %(n)s calls with a wrong signature or token in 10 minutes.")
    advice = _("Compare the secret with Chatwoot's, or Krayin's; if they agree, somebody tries the address out.")
    audience = TECHNICAL
    severities = (Severity.MEDIUM,)
    threshold, unit = 20, _("calls in 10 minutes")
    page, then = CONNECTIONS, None
    within = timedelta(minutes=10)

    def look(self, now: datetime, threshold: float) -> Iterator[Found]:
        before = readings.history(readings.REFUSED, now, self.within)
        counts = {pk: n for pk, n in measures.refused_signatures(now).items() if pk is not None}
        many = {pk: n - min(before.get(str(pk), [n])) for pk, n in counts.items()}
        rows = Connection.objects.filter(pk__in=[pk for pk, n in many.items() if n > threshold])
        for row in rows.select_related("clinic"):
            yield Found(str(row.pk), row.clinic_id, facts={"name": named(row), "n": int(many[row.pk])})


class Gaps(Rule):
    code = "AL09"
    title = _("Webhooks are missing, or a write is in doubt")
    sentence = _("%(name)s: %(n)s of %(all)s changes came only by polling (%(percent)s %%).")
    unsure = _("%(name)s: for %(time)s nobody knows whether Krayin wrote a step.")
    advice = _("Open Daily check: it shows each case. Nothing is repeated before Krayin has been asked.")
    audience = MANAGER
    severities = (Severity.MEDIUM,)
    threshold, unit = 0.5, _("percent in a day")
    page, then = "admin:bridge_reconcileday_changelist", Role.TECHNICAL_ADMIN
    sample, doubt = 20, HOUR

    def look(self, now: datetime, threshold: float) -> Iterator[Found]:
        gaps, doubts = measures.gap_rates(now), measures.unsure_since()
        rows = Connection.objects.filter(pk__in=[*gaps, *doubts], polling_only=False).select_related("clinic")
        for row in rows:
            share = gaps.get(row.pk, measures.Share(0, 0))
            if share.whole >= self.sample and share.percent > threshold:
                facts = {"n": share.part, "all": share.whole, "percent": round(share.percent, 1)}
                yield Found(f"gap {row.pk}", row.clinic_id, facts={"name": named(row), **facts})
        for row in Connection.objects.filter(pk__in=doubts).select_related("clinic"):
            if now - doubts[row.pk] > self.doubt:
                yield Found(
                    f"doubt {row.pk}", row.clinic_id, facts={"name": named(row), "since": iso(doubts[row.pk])}
                )  # fmt: skip

    def sentence_for(self, facts: Mapping[str, Any]) -> str | Promise:
        return self.unsure if "since" in facts else self.sentence


class Spool(Rule):
    code = "AL15"
    title = _("The contingency spool is in use")
    sentence = _("%(host)s: %(n)s deliveries wait on its disk, %(percent)s %% of the room is used.")
    bad = _("%(host)s: %(n)s deliveries in the spool could not be read and were set aside.")
    advice = _("PostgreSQL was away, or the drainer does not run: see Health. Nothing is lost while there is room.")
    audience = TECHNICAL
    severities = (Severity.HIGH, Severity.CRITICAL)
    threshold, unit = 50, _("percent for critical")
    page, then = HEALTH, Role.CLINIC_MANAGER

    def look(self, now: datetime, threshold: float) -> Iterable[Found]:
        names = (readings.SPOOL_RECORDS, readings.SPOOL_SHARE, readings.SPOOL_BAD)
        found = readings.latest(*names, now=now)
        shares = {one.scope: one.value for one in found[readings.SPOOL_SHARE]}
        for one in found[readings.SPOOL_RECORDS]:
            share = shares.get(one.scope, 0.0)
            if one.value > 0 or share > threshold:
                facts = {"host": one.scope, "n": int(one.value), "percent": round(share, 1)}
                yield Found(one.scope, level=2 if share > threshold else 1, facts=facts)
        for one in found[readings.SPOOL_BAD]:
            if one.value > 0:
                yield Found(f"bad {one.scope}", facts={"host": one.scope, "n": int(one.value), "is_bad": 1})

    def sentence_for(self, facts: Mapping[str, Any]) -> str | Promise:
        return self.bad if "is_bad" in facts else self.sentence


RULES = (
    OldestEvent(), Silence(), AccessRefused(), PartnerAway(), FailureGroups(), Backlog(), Errors(), Signatures(), Gaps(),
    Spool(),
)  # fmt: skip
