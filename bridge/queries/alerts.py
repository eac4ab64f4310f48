"""Which alerts a person sees: those the person would be told of, in the clinics where the role counts (screen B11)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bridge.alerts.base import Rule, all_rules, rule_of
from bridge.models import Alert, AlertPlace, AlertRule, Notice, Severity
from bridge.queries.words import Word
from config.times import amount
from consent.models import User
from consent.roles import Capability, Role, roles_with
from consent.scope import clinic_ids_of, has_role, sees_all_clinics

SHOWN = timedelta(days=30)
MOST = 100
PLACES = roles_with(Capability.CLINIC_CHANGE)
MOST_SEVERE = (Severity.CRITICAL, Severity.HIGH)


@dataclass(frozen=True)
class RuleLine:
    """One rule as it holds now: what people changed, else as shipped."""

    rule: Rule
    chosen: AlertRule
    open: int

    @property
    def threshold(self) -> float:
        return self.rule.threshold if self.chosen.threshold is None else self.chosen.threshold

    @property
    def severities(self) -> list[str]:
        """The labels it can have, the mildest first."""
        held = [self.chosen.severity] if self.chosen.severity else dict.fromkeys(self.rule.severities)
        return [str(Severity(one).label) for one in held]


def roles_of(rule: Rule) -> set[Role]:
    """Who is told of it, at the first or the next step, and who looks after the installation."""
    return {*rule.audience, Role.TECHNICAL_ADMIN, *((rule.then,) if rule.then else ())}


def rules_seen(user: User) -> list[Rule]:
    return [rule for rule in all_rules() if has_role(user, *roles_of(rule))]


def visible(user: User) -> QuerySet[Alert]:
    """Alerts of the rules one is told of: of the own clinics, and those that concern no single clinic."""
    allowed = Q(pk__in=[])
    for rule in rules_seen(user):
        roles = roles_of(rule)
        here = Q() if sees_all_clinics(user, *roles) else Q(clinic=None) | Q(clinic__in=clinic_ids_of(user, *roles))
        allowed |= Q(code=rule.code) & here
    return Alert.objects.filter(allowed).select_related("clinic", "seen_by")


def lines(user: User) -> list[RuleLine]:
    """The rules one sees, with what is open of each: two queries."""
    chosen = AlertRule.objects.in_bulk()
    counts = dict(visible(user).filter(ended_at=None).order_by().values_list("code").annotate(Count("pk")))
    return [
        RuleLine(rule, chosen.get(rule.code) or AlertRule(code=rule.code), counts.get(rule.code, 0))
        for rule in rules_seen(user)
    ]


def history(user: User, now: datetime) -> list[Alert]:
    """What ended within 30 days, the latest first."""
    return list(visible(user).filter(ended_at__gt=now - SHOWN).order_by("-ended_at")[:MOST])


def open_alerts(user: User) -> list[Alert]:
    """What is open, the most severe and the oldest first."""
    order = list(reversed(Severity.values))
    rows = visible(user).filter(ended_at=None).order_by("opened_at")[:MOST]
    return sorted(rows, key=lambda row: (order.index(row.severity), row.opened_at))


def places(user: User) -> list[AlertPlace]:
    """Places of the clinics one may set up; those of the installation for who looks after all of it."""
    rows = AlertPlace.objects.select_related("clinic", "connection").order_by("clinic__trade_name", "kind")
    if not sees_all_clinics(user, *PLACES):
        rows = rows.filter(clinic__in=clinic_ids_of(user, *PLACES))
    return list(rows)


def told(alert: Alert) -> list[Notice]:
    """Who was told of an alert, by which way."""
    return list(alert.notices.select_related("user", "place__clinic").order_by("created_at", "channel", "pk")[:MOST])


def words(alert: Alert, now: datetime) -> tuple[str, str]:
    """Title and sentence; the rule of an old alert may be gone."""
    try:
        rule = rule_of(alert.code)
    except KeyError:
        return alert.code, ""
    return str(rule.title), rule.text(alert.facts, alert.ended_at or now)


def sentence(found: Iterable[Alert], now: datetime) -> tuple[Word, str]:
    rows = list(found)
    if not rows:
        return Word.DONE, _("No alert is open.")
    oldest = amount(now - min(row.opened_at for row in rows))
    n = len(rows)
    text = ngettext("%(n)d alert is open, for %(time)s.", "%(n)d alerts are open, the oldest for %(time)s.", n)
    is_severe = any(row.severity in MOST_SEVERE for row in rows)
    return Word.FAILED if is_severe else Word.WAITING, text % {"n": n, "time": oldest}
