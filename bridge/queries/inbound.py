"""What screen B3 says beside the list of received events."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Sum
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from bridge.models import Effect, IntakeCounter, WebhookBody, WebhookEvent
from bridge.queries.home import last_events
from bridge.queries.words import Word
from config.times import ago

BODY_DAYS = timedelta(days=7)  # after being observed (bridge.sync.retention)
EFFECTS_SHOWN = 50

# Reasons as the intake counts them (bridge.webhooks.views, bridge.webhooks.intake).
REASONS = {
    "signature wrong": gettext_lazy("wrong signature"),
    "signature missing": gettext_lazy("no signature"),
    "token wrong": gettext_lazy("wrong token"),
    "token missing": gettext_lazy("no token"),
    "body too large": gettext_lazy("too large"),
    "connection off": gettext_lazy("connection off"),
    "duplicate": gettext_lazy("repeated"),
    "ignored": gettext_lazy("of no interest"),
    "foreign": gettext_lazy("another inbox"),
    "hint_unknown": gettext_lazy("Krayin record of somebody else"),
}


@dataclass(frozen=True)
class Counted:
    """Deliveries that left no event, by reason."""

    reason: str
    name: str
    count: int


def uncounted_traffic(connection_ids: Iterable[int], *, now: datetime) -> list[Counted]:
    """Deliveries of the last 24 hours that left no event, the most frequent first."""
    rows = IntakeCounter.objects.filter(connection__in=list(connection_ids), hour__gte=now - timedelta(hours=24))
    sums = rows.order_by().values_list("reason").annotate(total=Sum("count")).order_by("-total")
    return [Counted(reason, str(REASONS.get(reason, reason)), total) for reason, total in sums]


def inbound_sentence(connection_ids: Iterable[int], *, now: datetime) -> tuple[Word, str]:
    """Whether anything arrives, waits or is stopped."""
    ids = list(connection_ids)
    newest = max(last_events(ids, now).values(), default=None)
    if newest is None:
        return Word.WAITING, _("Nothing arrived in the last 30 days.")
    events = WebhookEvent.objects.filter(connection__in=ids)
    waiting = events.filter(status=WebhookEvent.Status.RECEIVED).count()
    parked = events.filter(status=WebhookEvent.Status.PARKED).count()
    parts = [_("Last event %(ago)s") % {"ago": ago(newest, now)}]
    if waiting:
        parts.append(ngettext("%(n)d waiting to be read", "%(n)d waiting to be read", waiting) % {"n": waiting})
    if parked:
        parts.append(ngettext("%(n)d stopped", "%(n)d stopped", parked) % {"n": parked})
    if not waiting and not parked:
        parts.append(_("nothing waiting, nothing stopped"))
    return (Word.FAILED if parked else Word.DONE), " · ".join(parts) + "."


@dataclass(frozen=True)
class Body:
    """What may be said about a stored body without opening it."""

    length: int
    digest: str
    headers: dict[str, str]
    is_kept: bool
    kept_until: datetime | None


def body_of(event: WebhookEvent) -> Body | None:
    """The body's particulars; None for events without one or past their time."""
    columns = ("length", "sha256", "headers", "sealed")
    row = WebhookBody.objects.filter(event_id=event.pk, received_at=event.received_at).only(*columns).first()
    if row is None:
        return None
    seen_at = event.observed_at or event.received_at
    is_kept = row.sealed is not None
    return Body(
        length=row.length,
        digest=bytes(row.sha256).hex()[:12],
        headers={str(key): str(value) for key, value in row.headers.items()},
        is_kept=is_kept,
        kept_until=seen_at + BODY_DAYS if is_kept else None,
    )


def effects_after(event: WebhookEvent) -> list[Effect]:
    """Steps of the same contact that were made, or came to their end, after the event arrived."""
    rows = Effect.objects.filter(
        connection_id=event.connection_id, lane_key=event.lane_key, updated_at__gte=event.received_at
    )
    if event.conversation_id:
        rows = rows.filter(conversation_id__in=[event.conversation_id]) | rows.filter(conversation_id=None)
    return list(rows.order_by("-created_at")[:EFFECTS_SHOWN])
