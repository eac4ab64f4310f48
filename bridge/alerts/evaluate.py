"""Every minute: measure, ask every rule, open and end alerts, note whom to tell. The database decides, nothing else.

One evaluator at a time; a second one finds the lock taken and does nothing. An alert, its end and the notices about it
are written in one transaction each, so that a killed evaluator leaves nothing half said.
"""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import connection as db
from django.db import transaction
from django.db.models import Q

from bridge.alerts import notices
from bridge.alerts.base import Found, Rule, all_rules
from bridge.alerts.operation import group_scope
from bridge.health import measures, readings
from bridge.models import Alert, AlertRule, FailureGroup, Notice

logger = logging.getLogger(__name__)

LOCK = "hashtextextended('ponte.alerts', 0)"
KEPT = timedelta(days=365)


def measure(now: datetime) -> None:
    """Keep the numbers whose growth rules ask about, and how this process' own host is."""
    sizes = FailureGroup.objects.filter(done_at=None)
    readings.put(
        [
            *((readings.WAITING, queue, count) for queue, count in measures.waiting(now).items()),
            *((readings.GROUP, group_scope(row), row.most) for row in sizes),
            *((readings.REFUSED, str(pk), count) for pk, count in measures.refused_signatures(now).items() if pk),
        ],
        now,
    )


def evaluate(now: datetime) -> dict[str, int]:
    """Ask every rule once. A rule that fails leaves its alerts as they are and is counted; the others go on."""
    counts = {"open": 0, "raised": 0, "ended": 0, "failed_rules": 0}
    with transaction.atomic():
        with db.cursor() as cursor:
            cursor.execute(f"SELECT pg_try_advisory_xact_lock({LOCK})")
            if not cursor.fetchone()[0]:
                return counts
        settings = {row.code: row for row in AlertRule.objects.prefetch_related("people")}
        for rule in all_rules():
            _ask(rule, settings.get(rule.code) or AlertRule(code=rule.code), now, counts)
        counts["open"] = Alert.objects.filter(ended_at=None).count()
    readings.forget_old(now)
    Alert.objects.filter(ended_at__lt=now - KEPT).delete()
    Notice.objects.filter(alert=None, created_at__lt=now - KEPT).delete()
    return counts


def _ask(rule: Rule, chosen: AlertRule, now: datetime, counts: dict[str, int]) -> None:
    threshold = rule.threshold if chosen.threshold is None else chosen.threshold
    try:
        with transaction.atomic():
            found = list(rule.look(now, threshold)) if chosen.is_on else []
            raised, ended = _settle(rule, chosen, found, now)
    except Exception as error:  # noqa: BLE001 - whatever it is
        # One rule's fault must not silence the nineteen others; its alerts stay as they are.
        logger.error("alert rule failed: code=%s %s", rule.code, type(error).__name__)
        counts["failed_rules"] += 1
        return
    counts["raised"] += raised
    counts["ended"] += ended


def _settle(rule: Rule, chosen: AlertRule, found: Iterable[Found], now: datetime) -> tuple[int, int]:
    """Bring the open alerts of a rule in line with what it found; return how many were raised and ended."""
    known = {row.scope: row for row in Alert.objects.select_for_update().filter(code=rule.code, ended_at=None)}
    seen = {one.scope[:120]: one for one in found}
    raised = 0
    for scope, one in seen.items():
        alert = known.get(scope)
        if alert is None:
            raised += 1
            notices.about(_open(rule, chosen, scope, one, now), Notice.Kind.RAISED, rule, chosen, now)
        elif one.level > alert.level:
            _raise_level(rule, chosen, alert, one)
            notices.about(alert, Notice.Kind.AGAIN, rule, chosen, now)
        else:
            Alert.objects.filter(pk=alert.pk).update(facts=dict(one.facts))
            _escalate(rule, chosen, alert, now)
    gone = [row for scope, row in known.items() if scope not in seen]
    for row in gone:
        row.ended_at = now
        row.save(update_fields=["ended_at"])
        if chosen.is_on:
            notices.about_end(row, chosen, now)
        else:
            notices.drop(row)
    return raised, len(gone)


def _open(rule: Rule, chosen: AlertRule, scope: str, found: Found, now: datetime) -> Alert:
    return Alert.objects.create(
        code=rule.code, scope=scope, clinic_id=found.clinic_id, severity=chosen.severity or rule.severity(found.level),
        level=found.level, facts=dict(found.facts), opened_at=now,
    )  # fmt: skip


def _raise_level(rule: Rule, chosen: AlertRule, alert: Alert, found: Found) -> None:
    alert.level, alert.facts = found.level, dict(found.facts)
    alert.severity = chosen.severity or rule.severity(found.level)
    alert.save(update_fields=["level", "facts", "severity"])


def _escalate(rule: Rule, chosen: AlertRule, alert: Alert, now: datetime) -> None:
    """Tell the next step once, when nobody has looked for the time that was set."""
    wait = rule.then_after_min if chosen.escalate_min is None else chosen.escalate_min
    to = chosen.escalate_to or rule.then
    if not (to and wait) or alert.seen_at or alert.escalated_at or now - alert.opened_at < timedelta(minutes=wait):
        return
    alert.escalated_at = now
    alert.save(update_fields=["escalated_at"])
    notices.about(alert, Notice.Kind.ESCALATED, rule, chosen, now, roles=[to])


def see(alert: Alert, user_id: int, now: datetime) -> None:
    """Somebody looks after it: the next step is not told."""
    Alert.objects.filter(Q(seen_at=None), pk=alert.pk).update(seen_by=user_id, seen_at=now)
