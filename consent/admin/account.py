"""H2 My account: password, second factor, recovery codes, my sign-ins."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from audit.models import AccessLog, AuditLog, Outcome
from config.times import ago, clock
from consent.access import devices, notes, signing_in
from consent.access.forms import ChangePassword
from consent.access.recheck import rechecked
from consent.access.signing_in import Way
from consent.access.views import keep_session, page, why
from consent.models import User
from consent.scope import signed_in

SHOWN = 20
LOOK_BACK = timedelta(days=180)


@login_required
@never_cache
def mine(request: HttpRequest, form: ChangePassword | None = None) -> HttpResponse:
    """What is true of my account, and what I can change."""
    user, now = signed_in(request), timezone.now()
    is_enrolled = devices.is_enrolled(user)
    context = {
        "form": form or ChangePassword(user),
        "person": user,
        "is_enrolled": is_enrolled,
        "must": user.must_have_second_factor,
        "codes_left": devices.codes_left(user) if is_enrolled else 0,
        "sign_ins": sign_ins(user, now),
        "roles": [str(row) for row in user.memberships.in_force().select_related("clinic").order_by("clinic", "role")],
        **answer(user, is_enrolled=is_enrolled),
    }
    values = {**admin.site.each_context(request), "title": _("My account"), **context}
    return TemplateResponse(request, "account/mine.html", values)


def answer(user: User, *, is_enrolled: bool) -> dict[str, Any]:
    """The sentence on top."""
    if not is_enrolled:
        return {"word": {"value": "waiting"}, "sentence": _("Only a password protects your account.")}
    left = devices.codes_left(user)
    text = ngettext("%(n)d recovery code is left.", "%(n)d recovery codes are left.", left) % {"n": left}
    return {
        "word": {"value": "done" if left > 3 else "waiting"},
        "sentence": f"{_('A second factor protects your account.')} {text}",
    }


def sign_ins(user: User, now: datetime) -> list[dict[str, Any]]:
    """The last times somebody signed in to this account, or tried to. Addresses are known for six months."""
    zone = ZoneInfo(settings.TIME_ZONE)
    rows = AuditLog.objects.filter(
        Q(actor_id=user.pk, outcome=Outcome.OK) | Q(object_type=notes.LABEL, object_id=str(user.pk)),
        action__in=["login", "panel.sign_in"],
        timestamp__gte=now - LOOK_BACK,
    ).order_by("-timestamp")[:SHOWN]
    found = list(rows)
    visits = AccessLog.objects.in_bulk([row.access_ref for row in found if row.access_ref])
    return [
        {
            "told": ago(row.timestamp, now),
            "when": clock(row.timestamp, zone, now),
            "where": _("panel") if row.action == "panel.sign_in" else _("administration"),
            "outcome": row.get_outcome_display(),
            "icon": "done" if row.outcome == Outcome.OK else "failed",
            "ip": visit.ip if (visit := visits.get(row.access_ref)) else "",
            "browser": browser_of(visit.user_agent) if visit else "",
        }
        for row in found
    ]


def browser_of(user_agent: str) -> str:
    """The browser's name, which is what people recognise."""
    for mark, name in (
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ):
        if mark in user_agent:
            return name
    return ""


@sensitive_post_parameters("old", "new", "again")
@login_required
@require_POST
def change_password(request: HttpRequest) -> HttpResponse:
    """The old one, then the new one twice. Sign-ins elsewhere end."""
    user = signed_in(request)
    form = ChangePassword(user, request.POST)
    if form.is_valid():
        step = signing_in.check_again(request, user, form.cleaned_data["old"], takes_code=False)
        if step.way == Way.IN:
            set_password(request, user, form.cleaned_data["new"])
            messages.success(request, _("The password is changed. Every other sign-in has ended."))
            return HttpResponseRedirect(reverse("account"))
        form.add_error("old", why(step, _("This is not your current password.")))
    return mine(request, form)


def set_password(request: HttpRequest, user: User, password: str) -> None:
    with transaction.atomic():
        user.set_password(password)
        user.save(update_fields=["password"])
        devices.end_sign_ins(user)
        notes.done("password.change", user)
    keep_session(request, user)


@login_required
@require_POST
@rechecked
def new_codes(request: HttpRequest) -> HttpResponse:
    """Ten new recovery codes, shown once."""
    user = signed_in(request)
    if not devices.is_enrolled(user):
        return HttpResponseRedirect(reverse("account"))
    with transaction.atomic():
        codes = devices.new_codes(user)
    return page(request, "account/codes.html", _("Recovery codes"), codes=codes, after=reverse("account"))


@login_required
@require_POST
@rechecked
def remove_device(request: HttpRequest) -> HttpResponse:
    """Give the second factor up, where none is demanded."""
    user = signed_in(request)
    if user.must_have_second_factor:
        messages.error(request, _("Your roles demand a second factor: you can replace it, not remove it."))
    else:
        devices.remove(user)
        keep_session(request, user)
        messages.success(request, _("The second factor is removed."))
    return HttpResponseRedirect(reverse("account"))
