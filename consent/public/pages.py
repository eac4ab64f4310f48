"""G1: the clinic's privacy page, and what all public pages about requests share."""

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any

from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_cache_control
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from consent.designations import officer_of, today_of
from consent.models import Clinic, InternationalTransfer, TextKind, TextVersion
from consent.requests.rules import rules

# No script, nothing from elsewhere: also not from this host.
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
ANPD = "https://www.gov.br/anpd"
View = Callable[..., HttpResponse]


def clinic_of(slug: str) -> Clinic:
    """`clinica-sol-12` or `12`: the number decides, the words are for people. Raises Http404."""
    number = slug.rpartition("-")[2]
    found = Clinic.objects.filter(pk=number).first() if number.isascii() and number.isdecimal() else None
    if found is None or len(number) > 15:
        raise Http404
    return found


def slug_of(clinic: Clinic) -> str:
    return f"{slugify(clinic.trade_name)}-{clinic.pk}".lstrip("-")


def public(*, personal: bool) -> Callable[[View], View]:
    """Strict headers; what is about one person is stored and indexed nowhere."""

    def around(view: View) -> View:
        @wraps(view)
        def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            response = view(request, *args, **kwargs)
            response.headers["Content-Security-Policy"] = POLICY
            if personal:
                response.headers["X-Robots-Tag"] = "noindex, nofollow, noarchive"
                patch_cache_control(response, no_store=True, private=True)
            return response

        return answered

    return around


def page(
    request: HttpRequest, clinic: Clinic, template: str, title: str, *, status: int = 200, **context: Any
) -> HttpResponse:
    officer = officer_of(clinic, timezone.now())
    # The footer of every page names the officer in force.
    clinic.dpo_name, clinic.dpo_contact = officer.name, officer.contact
    values = {"clinic": clinic, "title": title, "slug": slug_of(clinic), "officer": officer, **context}
    return render(request, template, values, status=status)


@require_safe
@public(personal=False)
def privacy(request: HttpRequest, clinic: str) -> HttpResponse:
    """The notice in force, who answers, the rights, how to ask, transfers, the authority."""
    of, now = clinic_of(clinic), timezone.now()
    versions = list(_versions(of, TextKind.PRIVACY_NOTICE))
    asked = request.GET.get("v", "")
    running = next((one for one in versions if one.is_in_force(now)), None)
    shown = next((one for one in versions if str(one.number) == asked), running)
    transfers = next((one for one in _versions(of, TextKind.TRANSFER_PAGE) if one.is_in_force(now)), None)
    return page(
        request, of, "public/privacy.html", _("Privacy"), notice=shown, is_older=shown is not None and shown != running,
        older=[one for one in versions if one != running], transfers=transfers, abroad=_abroad(of, now),
        rights=rules().rights.values(),
        anpd=ANPD,
    )  # fmt: skip


def _versions(clinic: Clinic, kind: str) -> list[TextVersion]:
    """What was or is in force; drafts, and what has not begun, nobody sees."""
    rows = TextVersion.objects.of_kind(clinic, kind).exclude(state=TextVersion.State.DRAFT)
    return list(rows.filter(valid_from__lte=timezone.now()).order_by("-number"))


def _abroad(clinic: Clinic, now: datetime) -> list[tuple[str, str, str]]:
    """Who outside Brazil gets data, in which country, and what allows it."""
    today = today_of(clinic, now)
    rows = InternationalTransfer.objects.filter(clinic=clinic, started_on__lte=today)
    running = rows.filter(Q(ended_on=None) | Q(ended_on__gte=today))
    return [(one.importer, one.country, str(one.get_mechanism_display())) for one in running]


def privacy_address(clinic: Clinic) -> str:
    return reverse("privacy-page", args=[slug_of(clinic)])
