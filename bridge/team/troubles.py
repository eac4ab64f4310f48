"""Whom a rule names although Krayin no longer has them: screens A9 and B2."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import Count, Exists, Min, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce

from bridge.models import Connection, Owner, OwnerLink, OwnerRule

Rule = OwnerRule.Rule
ASKED_BY = {OwnerLink.Kind.AGENT: Rule.ASSIGNEE, OwnerLink.Kind.TEAM: Rule.TEAM}


def named_but_gone(connections: Iterable[Connection | int]) -> QuerySet[Owner]:
    """Users a rule in force would give opportunities to, were they still there."""
    asked = Q(pk__in=[])
    for kind, rule in ASKED_BY.items():
        asked |= Q(kind=kind, connection__owner_rule__rule=rule)
    links = OwnerLink.objects.filter(asked, owner=OuterRef("pk"))
    defaults = OwnerRule.objects.filter(default_owner=OuterRef("pk"))
    rows = Owner.objects.filter(Q(gone_at__isnull=False) | Q(is_active=False), connection__in=list(connections))
    return rows.filter(Exists(links) | Exists(defaults))


def gone_by_connection(connection_ids: Iterable[int]) -> list[tuple[int, int, datetime]]:
    """Per connection: how many such users, and since when the first is known to be gone. One query."""
    rows: Any = named_but_gone(connection_ids).order_by().values("connection_id")
    found = rows.annotate(n=Count("pk"), since=Min(Coalesce("gone_at", "seen_at")))
    return [(row["connection_id"], row["n"], row["since"]) for row in found]
