"""The pages before somebody is in: password, code, enrolment, invitation; and the re-check of who is."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth import update_session_auth_hash
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render, resolve_url
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters
from django_otp import DEVICE_ID_SESSION_KEY

from config.addresses import address_of
from consent.access import devices, invitations, lockout, sessions, signing_in
from consent.access.forms import CheckAgain, CodeStep, EnrolStep, NewPassword, PasswordStep
from consent.access.recheck import lead_to_check
from consent.access.signing_in import Step, Way
from consent.models import TotpDevice, User


@sensitive_post_parameters("password")
@csrf_protect
@never_cache
def sign_in(request: HttpRequest) -> HttpResponse:
    """The password. What follows depends on the person: the code, the enrolment of a second factor, or the way on."""
    if "other" in request.GET:
        request.session.pop(sessions.WAITING, None)
    form = PasswordStep(request.POST or None)
    if request.method == "POST" and form.is_valid():
        step = signing_in.password_step(request, form.cleaned_data["username"], form.cleaned_data["password"])
        if step.user and step.way == Way.IN:
            signing_in.complete(request, step.user)
            return go_on(request, step.user)
        if step.user:
            sessions.wait_for_code(request, step.user)
            return to_step("account-code" if step.way == Way.CODE else "account-enrol", request)
        form.add_error(None, why(step, _("E-mail or password is wrong.")))
    elif request.method == "GET" and isinstance(request.user, User) and request.user.is_staff:
        return go_on(request, request.user)
    elif request.method == "GET" and (user := sessions.waiting(request)):
        return to_step("account-code" if devices.is_enrolled(user) else "account-enrol", request)
    return page(request, "admin/login.html", _("Sign in"), form=form)


@csrf_protect
@never_cache
def code(request: HttpRequest) -> HttpResponse:
    """The code of the app, or one of the codes on paper."""
    user = sessions.waiting(request)
    if user is None:
        return to_step("admin:login", request)
    form = CodeStep(request.POST or None)
    if request.method == "POST" and form.is_valid():
        step = signing_in.code_step(request, user, form.cleaned_data["code"])
        if step.way == Way.IN:
            signing_in.complete(request, user, device=step.device)
            warn_of_few_codes(request, user)
            return go_on(request, user)
        form.add_error(None, why(step, _("The code is wrong or was used already. Wait for the next one.")))
    return page(request, "account/code.html", _("Confirm that it is you"), form=form, who=user.email)


def warn_of_few_codes(request: HttpRequest, user: User) -> None:
    left = devices.codes_left(user)
    if left < 4:
        text = ngettext("Only %(n)d recovery code is left.", "Only %(n)d recovery codes are left.", left) % {"n": left}
        messages.warning(request, f"{text} {_('Make new ones under My account.')}")


@csrf_protect
@never_cache
def enrol(request: HttpRequest) -> HttpResponse:
    """Set up the app, on the way in or later. The recovery codes are shown in the answer, and never again."""
    waiting = sessions.waiting(request)
    user = waiting or (request.user if isinstance(request.user, User) else None)
    if user is None:
        return to_step("admin:login", request)
    if waiting and devices.is_enrolled(waiting):
        return to_step("account-code", request)
    if waiting is None and (check := lead_to_check(request)):
        return check
    form = EnrolStep(request.POST or None)
    if request.method == "POST" and form.is_valid():
        codes = devices.confirm(user, form.cleaned_data["code"])
        if codes:
            return enrolled(request, user, codes, on_the_way_in=waiting is not None)
        form.add_error("code", _("The code is wrong. Does the phone show the right time?"))
    context = {
        "form": form,
        "enrolment": devices.enrolment(user),
        "who": user.email,
        "must": user.must_have_second_factor,
    }
    return page(request, "account/enrol.html", _("Second factor"), waiting=waiting is not None, **context)


def enrolled(request: HttpRequest, user: User, codes: list[str], *, on_the_way_in: bool) -> HttpResponse:
    """The new device counts for this session, too; all others have ended."""
    device = TotpDevice.objects.get(user=user, confirmed=True).persistent_id
    if on_the_way_in:
        lockout.forgive(user.email, address_of(request.META), timezone.now())
        signing_in.complete(request, user, device=device)
    else:
        keep_session(request, user)
        request.session[DEVICE_ID_SESSION_KEY] = device
    return page(request, "account/codes.html", _("Recovery codes"), codes=codes, after=address_after(request, user))


def keep_session(request: HttpRequest, user: User) -> None:
    """The account's sign-ins have ended; this one goes on."""
    request.user = user
    update_session_auth_hash(request, user)


@sensitive_post_parameters("secret")
@csrf_protect
@never_cache
def recheck(request: HttpRequest) -> HttpResponse:
    """Who is signed in proves it again, and goes on where it was asked."""
    if not isinstance(request.user, User):
        return to_step("admin:login", request)
    form = CheckAgain(request.POST or None)
    if request.method == "POST" and form.is_valid():
        step = signing_in.check_again(request, request.user, form.cleaned_data["secret"])
        if step.way == Way.IN:
            return go_on(request, request.user)
        form.add_error(None, why(step, _("That is neither your current code nor your password.")))
    return page(request, "account/recheck.html", _("Confirm that it is you"), form=form, who=request.user.email)


@sensitive_post_parameters("new", "again")
@csrf_protect
@never_cache
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """The invited sets a password and goes on to the sign-in."""
    user = invitations.invited(token)
    if user is None:
        answer = page(request, "account/invitation.html", _("Invitation"), is_over=True)
        answer.status_code = 410
        return answer
    form = NewPassword(user, request.POST or None)
    if request.method == "POST" and form.is_valid():
        invitations.accept(user, form.cleaned_data["new"])
        messages.success(request, _("The password is set. Sign in with it."))
        return HttpResponseRedirect(reverse("admin:login"))
    answer = page(request, "account/invitation.html", _("Invitation"), form=form, who=user.email)
    answer["Referrer-Policy"] = "no-referrer"  # the address is the secret
    return answer


# What they share ------------------------------------------------------------------------------------------------------


def page(request: HttpRequest, template: str, title: str, **context: Any) -> HttpResponse:
    """A page without menu; nothing of it is kept by browsers or proxies."""
    values = {**admin.site.each_context(request), "title": title, "next": asked_for(request), **context}
    answer = render(request, template, values)
    answer["Cache-Control"] = "no-store"
    return answer


def why(step: Step, wrong: str) -> str:
    """What the person reads when a step did not succeed."""
    if step.locked_until is None:
        return wrong
    minutes = lockout.minutes_left(step.locked_until, timezone.now())
    return ngettext(
        "Too many wrong tries. Try again in %(n)d minute.", "Too many wrong tries. Try again in %(n)d minutes.", minutes
    ) % {"n": minutes}


def asked_for(request: HttpRequest) -> str:
    """Where the person wanted to go; only addresses of this site count."""
    target = request.POST.get("next") or request.GET.get("next") or ""
    is_ours = url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure())
    return target if is_ours else ""


def address_after(request: HttpRequest, user: User) -> str:
    return asked_for(request) or resolve_url("admin:index" if user.is_staff else "account")


def go_on(request: HttpRequest, user: User) -> HttpResponse:
    return HttpResponseRedirect(address_after(request, user))


def to_step(name: str, request: HttpRequest) -> HttpResponse:
    target = asked_for(request)
    return HttpResponseRedirect(reverse(name) + (f"?{urlencode({'next': target})}" if target else ""))
