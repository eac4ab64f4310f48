"""A connection's people as planning sees them: no query more without a rule, two with one."""

from datetime import date
from zoneinfo import ZoneInfo

from django.db.models import prefetch_related_objects
from django.utils import timezone

from bridge.mappers.chatwoot_rest import version_of
from bridge.models.connections import Connection
from bridge.models.team import Owner, OwnerLink, OwnerRule
from bridge.team.choose import NOBODY, Owners

Kind = OwnerLink.Kind


def rule_of(connection: Connection) -> OwnerRule | None:
    """The connection's rule; the worker reads it together with the connection."""
    return getattr(connection, "owner_rule", None)


def today_of(connection: Connection) -> date:
    """The day it is in the clinic; absences are counted in its days."""
    return timezone.now().astimezone(ZoneInfo(connection.clinic.time_zone)).date()


def owners_of(connection: Connection) -> Owners:
    """Whom the rule may name today."""
    rule = rule_of(connection)
    if rule is None or (rule.rule == OwnerRule.Rule.KEEP and rule.default_owner_id is None):
        return NOBODY
    prefetch_related_objects([connection], "owners", "owner_links")
    today = today_of(connection)
    people: list[Owner] = list(connection.owners.all())  # type: ignore[attr-defined]
    numbers = {row.pk: row.number for row in people if row.may_get(today)}
    links: list[OwnerLink] = list(connection.owner_links.all())  # type: ignore[attr-defined]
    pairs = {(row.kind, int(row.key)): numbers[row.owner_id] for row in links if row.owner_id in numbers}
    return Owners(
        rule=rule.rule,
        of_agent={number: owner for (kind, number), owner in pairs.items() if kind == Kind.AGENT},
        of_team={number: owner for (kind, number), owner in pairs.items() if kind == Kind.TEAM},
        default=numbers.get(rule.default_owner_id or 0),
        may_get=frozenset(numbers.values()),
        since=version_of(rule.since),
        # A partial edit resets yes/no fields whose values no answer tells (contract Krayin 12.6, 20.7).
        can_move=not connection.lead_booleans,
    )
