"""G4 answer by link, G5 take back by link: without sign-in, without script, one purpose at a time.

A GET changes nothing but the record that a text was shown: programs that preview links do not answer for people.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_http_methods

from config.addresses import address_of
from config.limits import InvalidTraffic
from consent.consents import ActRefused, Evidence, grant, refuse, standing, withdraw
from consent.consents.links import Kind, make_link, read_link
from consent.consents.receipts import lines, receipt
from consent.consents.state import asked_for, standings
from consent.encryption import Actor
from consent.models import ConsentEvent, ConsentLink, ServedText, TextKind
from consent.requests.filing import Asked, file_request
from consent.requests.rules import Right
from consent.texts import NoTextInForce, serve, text_in_force

PER_MINUTE = 60
TITULAR = Actor("person", "")
PAGE = ConsentEvent.Channel.PAGE
traffic = InvalidTraffic(limit=PER_MINUTE)

View = Callable[..., HttpResponse]


@dataclass(frozen=True)
class Box:
    """One purpose to answer: the text as it is shown now, and where its answer is written down."""

    consent_type: str
    label: str
    served: ServedText
    wrong: bool = False

    @property
    def body(self) -> str:
        return self.served.version.body

    @property
    def consequences(self) -> str:
        return self.served.version.consequences


def public(view: View) -> View:
    """In Portuguese, counted per address, never kept by a cache."""

    @wraps(view)
    def counted(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        with translation.override("pt-br"):
            wait_s = traffic.refused(address_of(request.META))
            if wait_s is None:
                return view(request, *args, **kwargs)
            answer = render(
                request, "public/consent_wait.html", {"title": _("One moment"), "noindex": True}, status=429
            )
            answer.headers["Retry-After"] = str(max(1, round(wait_s)))
            return answer

    return never_cache(csrf_protect(require_http_methods(["GET", "HEAD", "POST"])(counted)))


def neutral(request: HttpRequest) -> HttpResponse:
    """The answer to every address that does not open: whether it ever did, or for whom, is not told."""
    return render(
        request, "public/consent_closed.html", {"title": _("This address no longer opens"), "noindex": True}, status=404
    )


# G4 -------------------------------------------------------------------------------------------------------------------


@public
def answer(request: HttpRequest, token: str) -> HttpResponse:
    """GET the boxes; POST the answers, each written down alone. What is left open stays open."""
    now = timezone.now()
    link = read_link(token, Kind.ANSWER, now=now)
    if link is None:
        return neutral(request)
    if request.method != "POST":
        return _ask(request, link, now)
    changed = [kind for kind in link.consent_types if _answered(request, link, kind, now)]
    if changed:
        return _ask(request, link, now, again=changed)
    if not any(request.POST.get(f"answer-{kind}") in {"yes", "no"} for kind in link.consent_types):
        return _ask(request, link, now, empty=True)
    return HttpResponseRedirect(reverse("consent-receipt", args=[token]), status=303)


def _ask(
    request: HttpRequest, link: ConsentLink, now: datetime, *, again: list[str] | None = None, empty: bool = False
) -> HttpResponse:  # fmt: skip
    boxes = [box for kind in link.consent_types if (box := _box(link, kind, now, wrong=kind in (again or [])))]
    context = {
        "title": _("Do you agree?"), "clinic": link.subject.clinic, "noindex": True, "boxes": boxes, "again": again,
        "empty": empty,
    }  # fmt: skip
    return render(request, "public/consent_answer.html", context, status=409 if again else 200)


def _box(link: ConsentLink, consent_type: str, now: datetime, *, wrong: bool) -> Box | None:
    """Showing it is recorded before the page is; a purpose without approved text is not asked."""
    subject = link.subject
    try:
        purpose = asked_for(subject, consent_type).purpose
        text = text_in_force(subject.clinic, TextKind.CONSENT, purpose=purpose, now=now)
    except (NoTextInForce, ActRefused):
        return None
    served = serve(text, subject, channel=ServedText.Channel.PAGE, now=now, reference=str(link.pk))
    return Box(consent_type, str(purpose.label), served, wrong)


def _answered(request: HttpRequest, link: ConsentLink, consent_type: str, now: datetime) -> bool:
    """Write one answer down; True where it could not be, because what was read is no longer what is asked."""
    said = request.POST.get(f"answer-{consent_type}")
    if said not in {"yes", "no"}:
        return False
    served = _served(request.POST.get(f"served-{consent_type}", ""), link)
    form = {"link": str(link.pk), "type": consent_type, "answer": said, "served": str(served.pk) if served else ""}
    write = grant if said == "yes" else refuse
    try:
        write(
            link.subject, consent_type, evidence=Evidence.of_form({**form, "at": now.isoformat()}), served=served,
            channel=PAGE, actor=TITULAR, now=now,
        )  # fmt: skip
    except ActRefused:
        return True
    return False


def _served(pk: str, link: ConsentLink) -> ServedText | None:
    try:
        wanted = UUID(pk)
    except ValueError:
        return None
    rows = ServedText.objects.filter(pk=wanted, subject=link.subject_id, reference=str(link.pk))
    return rows.select_related("version").first()


@public
def shown_receipt(request: HttpRequest, token: str) -> HttpResponse:
    """GET what was recorded, to read, print or keep; `?file=<purpose>` is the signed file."""
    now = timezone.now()
    link = read_link(token, Kind.ANSWER, now=now)
    if link is None:
        return neutral(request)
    found = standings(link.subject, link.consent_types, now=now)
    events = {kind: one.event for kind, one in found.items() if one.event}
    wanted = events.get(request.GET.get("file", ""))
    if wanted is not None:
        return signed_file(wanted)
    if request.method == "POST":
        where = make_link(link.subject, Kind.WITHDRAW, by=TITULAR, now=now, consent_types=link.consent_types)
        return HttpResponseRedirect(where, status=303)
    context = {
        "title": _("Your receipt"), "clinic": link.subject.clinic, "noindex": True,
        "receipts": [(kind, lines(event)) for kind, event in events.items()],
    }  # fmt: skip
    return render(request, "public/consent_receipt.html", context)


def signed_file(event: ConsentEvent) -> HttpResponse:
    answer = JsonResponse(receipt(event), json_dumps_params={"ensure_ascii": False, "indent": 2})
    answer.headers["Content-Disposition"] = f'attachment; filename="comprovante-{str(event.pk)[:8]}.json"'
    return answer


# G5 -------------------------------------------------------------------------------------------------------------------


@public
def take_back(request: HttpRequest, token: str) -> HttpResponse:
    """GET one button; POST stops at once, or (`action=delete`) files a request for deletion, which is another right."""
    now = timezone.now()
    link = read_link(token, Kind.WITHDRAW, now=now)
    if link is None:
        return neutral(request)
    context: dict[str, Any] = {"title": _("Stop"), "clinic": link.subject.clinic, "noindex": True}
    if request.method == "POST" and request.POST.get("action") == "delete":
        context |= {"title": _("Your request was received"), "protocol": _ask_deletion(link, now)}
    elif request.method == "POST":
        context |= {"title": _("Done: it has stopped"), "receipts": _stopped(link, now), "is_done": True}
    else:
        context["purposes"] = [asked_for(link.subject, kind).purpose.label for kind in link.consent_types]
    return render(request, "public/consent_withdraw.html", context)


def _stopped(link: ConsentLink, now: datetime) -> list[tuple[str, list[tuple[str, str]]]]:
    """Every purpose of the link, whether it was given or not; saying it twice writes nothing new."""
    evidence = Evidence.of_form({"link": str(link.pk), "action": "withdraw", "at": now.isoformat()})
    for kind in link.consent_types:
        withdraw(link.subject, kind, evidence=evidence, channel=PAGE, actor=TITULAR, now=now)
    events = [(kind, standing(link.subject, kind, now=now).event) for kind in link.consent_types]
    return [(kind, lines(event)) for kind, event in events if event]


def _ask_deletion(link: ConsentLink, now: datetime) -> str:
    asked = Asked(rights=[Right.ERASURE], channel="form", received_at=now)
    return str(file_request(link.subject.clinic, asked, now=now, subject=link.subject).protocol)
