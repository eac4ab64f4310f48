"""What people do with suggestions: put aside for the cool-down, or act upon. Nothing is ever sent from here."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from django.db import transaction
from django.utils.dateparse import parse_datetime

from audit.models import ActorType
from audit.services import record
from consent.models import User
from insights.models import Insight, SuggestionSilence
from insights.updating import update_ai_insights


@dataclass(frozen=True)
class Rule:
    """How long a dismissed suggestion stays silent; None: as long as the wait or appointment it is about."""

    silent_for: timedelta | None


RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "reply_now": Rule(None),
        "window_closing": Rule(None),
        "escalate": Rule(timedelta(days=7)),
        "confirm_appointment": Rule(None),
        "use_template": Rule(timedelta(days=1)),
        "no_show_recover": Rule(None),
        "merge_contacts": Rule(timedelta(days=365)),
        "reengage": Rule(timedelta(days=60)),
        "close": Rule(timedelta(days=3)),
    }
)


class NotSuggested(Exception):
    """The current numbers do not suggest it: show them again."""


def dismiss(insight: Insight, suggestion: str, *, by: User, now: datetime) -> None:
    """Put a suggestion aside for its cool-down and compute the opportunity again. Raises NotSuggested."""
    offered = _offered(insight, suggestion)
    rest = RULES[suggestion].silent_for
    with transaction.atomic():
        SuggestionSilence.objects.update_or_create(
            connection_id=insight.connection_id,
            krayin_lead_id=insight.krayin_lead_id,
            suggestion=suggestion,
            defaults={
                "until": now + rest if rest else None,
                "about": None if rest else parse_datetime(offered["because"]["since"]),
                "by": by,
                "created_at": now,
            },
        )
        _write_down(insight, suggestion, "insights.suggestion_dismissed", by)
        update_ai_insights(insight.connection_id, insight.krayin_lead_id, now)


def act_upon(insight: Insight, suggestion: str, *, by: User) -> None:
    """Somebody does what was suggested, elsewhere: leave an audit row. Raises NotSuggested."""
    _offered(insight, suggestion)
    _write_down(insight, suggestion, "insights.suggestion_acted", by)


def _offered(insight: Insight, suggestion: str) -> dict[str, Any]:
    for offered in insight.suggestions or ():
        if offered["id"] == suggestion:
            found: dict[str, Any] = offered
            return found
    raise NotSuggested(suggestion)


def _write_down(insight: Insight, suggestion: str, action: str, by: User) -> None:
    record(
        action=action,
        actor_type=ActorType.STAFF,
        actor_id=str(by.pk),
        clinic_id=insight.connection.clinic_id,
        object_type="insights.Insight",
        object_id=str(insight.pk),
        reason_code=suggestion,
        own_connection=False,
    )
