"""The card of retention on the desk of the data protection officer: what waits for approval, review, erasure."""

from datetime import datetime

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from consent.desk import Card
from consent.models import Clinic, RetentionCase, RetentionRun, User
from consent.roles import Capability, roles_with
from consent.scope import clinics_of

SEE = roles_with(Capability.PRIVACY_VIEW)


def card(user: User, clinics: QuerySet[Clinic], now: datetime) -> Card | None:
    """Two queries."""
    seen = clinics_of(user, *SEE).order_by().filter(pk__in=clinics.order_by().values("pk"))
    runs = RetentionRun.objects.filter(clinic__in=seen.values("pk"), state=RetentionRun.State.PLANNED)
    rows = sum(run.listed for run in runs)
    open_cases = RetentionCase.objects.filter(subject__clinic__in=seen.values("pk"), outcome="").count()
    if not rows and not open_cases:
        return None
    told = []
    if rows:
        told.append(
            ngettext("%(n)d record waits for approval to leave.", "%(n)d records wait for approval to leave.", rows)
        )
    if open_cases:
        told.append(
            ngettext("%(c)d person waits for your decision.", "%(c)d people wait for your decision.", open_cases)
        )
    return Card(
        title=gettext_lazy("Retention"),
        count=rows + open_cases,
        address=reverse("admin:consent_retentionrun_changelist"),
        sentence=" ".join(told) % {"n": rows, "c": open_cases},
        button=_("Open retention"),
    )
