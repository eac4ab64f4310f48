"""The card of erasures on the desk of the data protection officer (C1)."""

from datetime import datetime

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext_lazy, ngettext

from consent.desk import Card
from consent.models import Clinic, Erasure, User
from consent.roles import Capability, roles_with
from consent.scope import clinics_of

State = Erasure.State


def card(user: User, clinics: QuerySet[Clinic], now: datetime) -> Card | None:
    """What waits for a decision: approvals, and what could not be removed."""
    mine = clinics_of(user, *roles_with(Capability.PRIVACY_VIEW)).order_by().values("pk")
    waiting = Erasure.objects.filter(
        clinic__in=clinics.order_by().filter(pk__in=mine).values("pk"), state__in=[State.PLANNED, State.LEFT]
    )
    states = list(waiting.order_by().values_list("state", flat=True))
    if not states:
        return None
    left = states.count(State.LEFT)
    sentence = ngettext("%(n)d waits for your approval.", "%(n)d wait for your approval.", len(states))
    if left:
        sentence = ngettext("%(n)d left something behind.", "%(n)d left something behind.", left)
    return Card(
        title=gettext_lazy("Erasures"),
        count=len(states),
        address=reverse("admin:consent_erasure_changelist"),
        sentence=sentence % {"n": left or len(states)},
        button=gettext_lazy("Open the erasures"),
        is_urgent=bool(left),
    )
