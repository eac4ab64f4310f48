"""The band of a page that is drawn while a partner is away: everything opens, from what Ponte holds itself."""

from collections.abc import Iterator

from django.db.models import Min
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from bridge.admin.base import SEE
from bridge.admin.scope import connections_of
from bridge.models import Breaker
from bridge.queries.story_lines import cause_text
from config.theme import Band, register_band
from config.times import amount
from consent.models import User


def partners_away(request: HttpRequest) -> Iterator[Band]:
    """One band for each problem of the viewer's connections, but where the page itself begins with them."""
    viewer = request.user
    to_solve = reverse("admin:bridge_failedwebhook_changelist")
    if not isinstance(viewer, User) or request.path in {reverse("admin:index"), to_solve}:
        return
    now = timezone.now()
    connections = connections_of(viewer, SEE).order_by().values("pk")
    rows = Breaker.objects.filter(connection__in=connections).exclude(partner=Breaker.Of.PONTE)
    for problem, since in rows.values_list("problem").annotate(first=Min("since")).order_by("first"):
        yield Band(
            text=_("For %(time)s: %(problem)s What stands here may be older.")
            % {"problem": cause_text(problem), "time": amount(now - since)},
            address=to_solve,
        )


register_band(partners_away)
