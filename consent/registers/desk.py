"""The register's card on the desk of the data protection officer: papers past their review."""

from datetime import datetime, timedelta

from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from consent.desk import Card
from consent.models import Assessment, Clinic, InternationalTransfer, User
from consent.roles import Capability, roles_with
from consent.scope import clinics_of

SOON = timedelta(days=30)


def card(user: User, clinics: QuerySet[Clinic], now: datetime) -> Card | None:
    """Transfers in force and assessments whose review is due within a month or late."""
    mine, today = clinics_of(user, *roles_with(Capability.PRIVACY_VIEW)).order_by().values("pk"), now.date()
    due = {"clinic__in": clinics.order_by().filter(pk__in=mine).values("pk"), "review_on__lte": today + SOON}
    runs = Q(ended_on=None) | Q(ended_on__gte=today)
    dates = [
        *InternationalTransfer.objects.filter(runs, **due).values_list("review_on", flat=True),
        *Assessment.objects.filter(**due).values_list("review_on", flat=True),
    ]
    if not dates:
        return None
    first = min(dates)
    return Card(
        title=gettext_lazy("Registers"),
        count=len(dates),
        address=reverse("admin:consent_operationversion_changelist"),
        sentence=_("Transfers, impact reports and tests to review; the first on %(day)s.")
        % {"day": f"{first:%d/%m/%Y}"},
        button=gettext_lazy("Open the registers"),
        is_urgent=first < today,
    )
