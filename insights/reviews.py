"""Human review of a score: who may be affected by numbers may ask a person to look at them (LGPD Art. 20)."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction

from audit.models import ActorType
from audit.services import record
from consent.models import User
from insights.models import Insight, InsightReview
from insights.updating import update_ai_insights

ANSWERED_WITHIN = timedelta(days=15)


class AlreadyAsked(Exception):
    """A review of this opportunity is open: show it."""


class AlreadyDone(Exception):
    """Somebody answered it meanwhile: show the answer."""


@transaction.atomic
def ask(insight: Insight, *, by: User, now: datetime) -> InsightReview:
    """Record the request with its due date. Raises AlreadyAsked."""
    zone = ZoneInfo(insight.connection.clinic.time_zone)
    row, made = InsightReview.objects.get_or_create(
        connection=insight.connection,
        krayin_lead_id=insight.krayin_lead_id,
        done_at=None,
        defaults={
            "score": insight.performance_score,
            "asked_by": by,
            "asked_at": now,
            "due_on": (now + ANSWERED_WITHIN).astimezone(zone).date(),
        },
    )
    if not made:
        raise AlreadyAsked
    _write_down(row, "insights.review_asked", by)
    return row


@transaction.atomic
def conclude(review: InsightReview, outcome: InsightReview.Outcome, *, by: User, now: datetime) -> None:
    """A person looked: keep the outcome and compute the score again from the facts as they are. Raises AlreadyDone."""
    changed = InsightReview.objects.filter(pk=review.pk, done_at=None).update(done_at=now, done_by=by, outcome=outcome)
    if not changed:
        raise AlreadyDone
    _write_down(review, "insights.review_done", by, reason_code=outcome.value)
    update_ai_insights(review.connection_id, review.krayin_lead_id, now)


def _write_down(review: InsightReview, action: str, by: User, *, reason_code: str = "") -> None:
    record(
        action=action,
        actor_type=ActorType.STAFF,
        actor_id=str(by.pk),
        clinic_id=review.connection.clinic_id,
        object_type="insights.InsightReview",
        object_id=str(review.pk),
        reason_code=reason_code,
        own_connection=False,
    )
