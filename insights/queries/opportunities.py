"""Current numbers of opportunities (screen E3, API): whom to call first, who cools down, the best and the worst."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import models
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.utils.translation import gettext_lazy as _

from bridge.models import ContactMapping, ConversationMapping, KrayinLead, ObservedContact, ObservedConversation
from insights.models import Insight, InsightReview
from insights.models.insight import BEST_FIRST, URGENCY, WORST_FIRST
from insights.words import BAND_EDGES, Band

COUNTED = 1000  # beyond it a count is told as "1000+"
TODAY = 80  # suggestions from this priority on are for today
# Whoever was in contact lately can still be won back by a call today; older ones were forgotten and come after.
LATELY = timedelta(days=7)


class Order(models.TextChoices):
    CALL_FIRST = "call", _("call first")
    BEST = "best", _("best score")
    WORST = "worst", _("lowest score")


ORDERS: dict[str, tuple[Any, ...]] = {
    Order.CALL_FIRST: ("-group", URGENCY.desc(nulls_last=True), WORST_FIRST, "krayin_lead_id", "pk"),
    Order.BEST: (BEST_FIRST, "krayin_lead_id", "pk"),
    Order.WORST: (WORST_FIRST, "krayin_lead_id", "pk"),
}


@dataclass(frozen=True)
class Asked:
    """What a list shows. `quiet_from`: last contact in so many days."""

    connections: Sequence[int]
    inbox_id: int | None = None
    band: str = ""
    engagement: str = ""
    trend: str = ""
    days: int | None = None
    order: str = Order.CALL_FIRST


def rows(asked: Asked, now: datetime) -> QuerySet[Insight]:
    """Current rows, each with `mask` of its contact; those without data come last in every order."""
    found = Insight.objects.filter(is_current=True, connection__in=asked.connections)
    if asked.band == Band.NONE:
        found = found.filter(performance_score=None)
    elif asked.band:
        found = found.filter(performance_score__range=BAND_EDGES[Band(asked.band)])
    if asked.engagement:
        # Low is also what a lead without data holds; who asks for low engagement asks about conversations.
        found = found.filter(engagement_level=asked.engagement, total_conversations__gt=0)
    if asked.trend:
        found = found.filter(trend=asked.trend)
    if asked.days:
        found = found.filter(last_interaction_at__gte=now - timedelta(days=asked.days))
    if asked.inbox_id is not None:
        found = found.filter(Exists(_talks_in(asked.inbox_id)))
    return with_people(found.annotate(urgency=URGENCY).annotate(group=_group(now))).order_by(*ORDERS[asked.order])


def _urgent(now: datetime, *, lately: bool = True) -> Q:
    """Something to do today; lately or forgotten since. Wants the annotation `urgency`."""
    there = Q(last_interaction_at__gte=now - LATELY)
    return Q(urgency__gte=TODAY) & (there if lately else ~there)


def _group(now: datetime) -> models.Case:
    """2: call today; 1: something to do, or cooling down; 0: nothing."""
    return models.Case(
        models.When(_urgent(now), then=2),
        models.When(Q(suggestions__isnull=False) | Q(trend=Insight.Trend.DECLINING), then=1),
        default=0,
        output_field=models.SmallIntegerField(),
    )


def _talks_in(inbox_id: int) -> QuerySet[ConversationMapping]:
    there = ObservedConversation.objects.filter(
        connection=OuterRef("connection"),
        chatwoot_conversation_id=OuterRef("chatwoot_conversation_id"),
        inbox_id=inbox_id,
        gone_at=None,
    )
    return ConversationMapping.objects.filter(
        Exists(there), connection=OuterRef("connection"), krayin_lead_id=OuterRef("krayin_lead_id")
    )


def with_people(found: QuerySet[Insight]) -> QuerySet[Insight]:
    """Add `mask` and `contact_pk` of the contact, and whether a review is open."""
    numbers = ContactMapping.objects.filter(
        connection=OuterRef(OuterRef("connection")), krayin_lead_id=OuterRef(OuterRef("krayin_lead_id"))
    )
    contacts = ObservedContact.objects.filter(
        connection=OuterRef("connection"),
        chatwoot_contact_id=Subquery(numbers.order_by("chatwoot_contact_id").values("chatwoot_contact_id")[:1]),
    )
    reviews = InsightReview.objects.filter(
        connection=OuterRef("connection"), krayin_lead_id=OuterRef("krayin_lead_id"), done_at=None
    )
    return found.select_related("connection__clinic", "connection__krayin").annotate(
        mask=Subquery(contacts.values("mask")[:1]),
        contact_pk=Subquery(contacts.values("pk")[:1]),
        review_due=Subquery(reviews.values("due_on")[:1]),
    )


@dataclass(frozen=True)
class Counts:
    """Counted up to `COUNTED`."""

    scored: int
    today: int
    forgotten: int
    declining: int
    reviews: int


def counts(connections: Sequence[int], now: datetime) -> Counts:
    current = Insight.objects.filter(is_current=True, connection__in=connections).annotate(urgency=URGENCY)
    return Counts(
        scored=_some(current.filter(performance_score__isnull=False)),
        today=_some(current.filter(_urgent(now))),
        forgotten=_some(current.filter(_urgent(now, lately=False))),
        declining=_some(current.filter(trend=Insight.Trend.DECLINING)),
        reviews=_some(InsightReview.objects.filter(connection__in=connections, done_at=None)),
    )


def _some(found: QuerySet[Any]) -> int:
    return len(found.order_by().values_list("pk", flat=True)[: COUNTED + 1])


def bands(connections: Sequence[int]) -> dict[Band, int]:
    """How many opportunities are in each band."""
    edges = {band.value: Q(performance_score__range=edge) for band, edge in BAND_EDGES.items()}
    current = Insight.objects.filter(is_current=True, connection__in=connections)
    found = current.aggregate(**{name: models.Count("pk", filter=edge) for name, edge in edges.items()})
    return {Band(name): n for name, n in found.items()}


def history(row: Insight, since: datetime) -> list[tuple[datetime, Any]]:
    """The score of an opportunity over time, oldest first."""
    before = Insight.objects.filter(connection=row.connection_id, krayin_lead_id=row.krayin_lead_id)
    found = before.filter(calculated_at__gte=since, performance_score__isnull=False).order_by("calculated_at")
    return list(found.values_list("calculated_at", "performance_score"))


def newest_conversation(row: Insight) -> ObservedConversation | None:
    numbers = ConversationMapping.objects.filter(connection=row.connection_id, krayin_lead_id=row.krayin_lead_id)
    found = ObservedConversation.objects.filter(
        connection=row.connection_id, chatwoot_conversation_id__in=numbers.values("chatwoot_conversation_id")
    )
    return found.select_related("connection__clinic", "contact__subject").order_by("-last_activity_at").first()


def krayin_lead(row: Insight) -> KrayinLead | None:
    return KrayinLead.objects.filter(krayin=row.connection.krayin_id, lead_id=row.krayin_lead_id, gone_at=None).first()
