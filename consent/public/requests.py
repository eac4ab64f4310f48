"""G2 ask and G3 follow: without script, without sign-in, the same answer whether or not the person exists."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from config.addresses import address_of
from consent.access.lockout import minutes_left, take_try
from consent.encryption import Actor, Undecryptable
from consent.models import Clinic, DataRequest, IdentityCode, RequestItem
from consent.public.pages import clinic_of, page, public, slug_of
from consent.requests import answers, board, filing, following, identity, sending
from consent.requests.channels import CouldNotSend
from consent.requests.contacts import Contact
from consent.requests.deciding import cancel
from consent.requests.moving import person
from consent.requests.rules import Proof, rules
from consent.requests.states import State

RECEIPT_SALT, PASS_SALT = "consent.public.receipt", "consent.public.pass"
RECEIPT_VALID = timedelta(hours=24)
READABLE = frozenset({State.READY.value, State.DELIVERED.value, State.CLOSED.value})


class AskForm(forms.Form):
    """Rights as questions, one way to be reached, own words."""

    rights = forms.MultipleChoiceField(
        label=gettext_lazy("What do you want?"),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": gettext_lazy("Mark at least one question.")},
    )
    contact = forms.CharField(
        label=gettext_lazy("Your e-mail or telephone"),
        max_length=254,
        help_text=gettext_lazy("The one you use with the clinic. We send a code there to be sure that it is you."),
    )
    text = forms.CharField(
        label=gettext_lazy("In your own words (optional)"),
        max_length=filing.LONGEST_TEXT,
        required=False,
        widget=forms.Textarea({"rows": 5}),
    )
    on_behalf = forms.ChoiceField(
        label=gettext_lazy("For whom do you ask?"),
        choices=[("", gettext_lazy("For myself")), ("yes", gettext_lazy("For somebody I represent"))],
        required=False,
        widget=forms.RadioSelect,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        told = rules().rights.values()
        self.fields["rights"].choices = [(one.right.value, one.question) for one in told]  # type: ignore[attr-defined]

    def clean_contact(self) -> Contact:
        contact = Contact.read(self.cleaned_data["contact"])
        if contact is None:
            raise forms.ValidationError(_("Write an e-mail address, or a telephone with area code."))
        return contact


# G2 -------------------------------------------------------------------------------------------------------------------


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
@public(personal=True)
def ask(request: HttpRequest, clinic: str) -> HttpResponse:
    """GET the questions; POST files the request and leads to its protocol."""
    of, now = clinic_of(clinic), timezone.now()
    form = AskForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        contact = form.cleaned_data["contact"]
        until = take_try(f"titular|file|{contact.blind.hex()}", f"titular|{address_of(request.META)}", now)
        if until:
            return _too_many(request, of, until, now)
        return _filed(of, form.cleaned_data, now)
    return page(request, of, "public/ask.html", _("Ask about my data"), form=form)


def _filed(clinic: Clinic, said: dict[str, Any], now: datetime) -> HttpResponse:
    asked = filing.Asked(
        rights=said["rights"], channel=DataRequest.Channel.FORM, received_at=now, text=said["text"],
        contact=said["contact"], by_representative=bool(said["on_behalf"]),
    )  # fmt: skip
    row = filing.file_request(clinic, asked, now=now)
    token = signing.dumps(str(row.pk), salt=RECEIPT_SALT)
    return HttpResponseRedirect(reverse("privacy-receipt", args=[slug_of(clinic), token]))


@require_safe
@public(personal=True)
def receipt(request: HttpRequest, clinic: str, token: str) -> HttpResponse:
    """The protocol, to be written down or printed; names nobody, and is gone after a day."""
    of = clinic_of(clinic)
    row = _held(of, token, RECEIPT_SALT, RECEIPT_VALID)
    zone = ZoneInfo(of.time_zone)
    rights = rules(row.rules_version).rights
    lines = [(rights[item.right], item.due_at.astimezone(zone)) for item in row.items.all()]
    return page(
        request, of, "public/receipt.html", _("Your request was received"), noindex=True, row=row, lines=lines,
        received=row.received_at.astimezone(zone),
    )  # fmt: skip


def _held(clinic: Clinic, token: str, salt: str, valid: timedelta) -> DataRequest:
    """The request a token of ours names. Raises Http404 for forged, old and other clinics' ones."""
    try:
        pk = signing.loads(token, salt=salt, max_age=valid)
    except signing.BadSignature:
        raise Http404 from None
    found: DataRequest | None = _rows(clinic).filter(pk=pk).first()
    if found is None:
        raise Http404
    return found


def _rows(clinic: Clinic) -> Any:
    return DataRequest.objects.filter(clinic=clinic).select_related("clinic", "subject", "holder")


# G3 -------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Visit:
    """One press of a button on the page that follows a request."""

    web: HttpRequest
    clinic: Clinic
    now: datetime

    @property
    def address(self) -> str:
        return address_of(self.web.META)

    def said(self, name: str) -> str:
        return self.web.POST.get(name, "")[: identity.LONGEST_TYPED].strip()

    def show(self, template: str, *, status: int = 200, **context: Any) -> HttpResponse:
        title = _("Follow my request")
        return page(self.web, self.clinic, template, title, status=status, noindex=True, **context)


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
@public(personal=True)
def follow(request: HttpRequest, clinic: str) -> HttpResponse:
    """Protocol, then code, then state, due date and answer. Nothing is remembered between the pages but signed tokens."""
    visit = Visit(request, clinic_of(clinic), timezone.now())
    steps = {"send": _send, "code": _code, "fact": _fact, "second": _second, "cancel": _cancel}
    step = steps.get(visit.said("do")) if request.method == "POST" else None
    if step is None:
        return visit.show("public/follow.html")
    try:
        return step(visit)
    except identity.TooMany as locked:
        return _too_many(request, visit.clinic, locked.until, visit.now)
    except CouldNotSend:
        return visit.show("public/follow.html", error=_("We could not send the code now. Try again in some minutes."))


def _too_many(request: HttpRequest, clinic: Clinic, until: datetime, now: datetime) -> HttpResponse:
    minutes = minutes_left(until, now)
    answer = page(request, clinic, "public/wait.html", _("Wait a moment"), status=429, minutes=minutes, noindex=True)
    answer.headers["Retry-After"] = str(60 * minutes)
    return answer


def _found(visit: Visit) -> DataRequest | None:
    """By protocol. Looking for protocols that do not exist counts as trying, too."""
    protocol = filing.read_protocol(visit.said("protocol"))
    found: DataRequest | None = _rows(visit.clinic).filter(protocol=protocol).first()
    if found is None and (until := take_try(f"titular|protocol|{protocol}", f"titular|{visit.address}", visit.now)):
        raise identity.TooMany(until)
    return found


def _send(visit: Visit) -> HttpResponse:
    row = _found(visit)
    if row is not None:
        identity.send_code(row, address=visit.address, now=visit.now)
    return visit.show("public/follow_code.html", protocol=filing.read_protocol(visit.said("protocol")))


def _code(visit: Visit) -> HttpResponse:
    row = _found(visit)
    typed = visit.said("code")
    if row is None or identity.verify_code(row, typed, address=visit.address, now=visit.now) is identity.Verdict.WRONG:
        protocol = filing.read_protocol(visit.said("protocol"))
        wrong = _("The code is wrong or no longer valid. After five wrong tries it has to be sent again.")
        return visit.show("public/follow_code.html", protocol=protocol, error=wrong)
    following.advance(row, now=visit.now)
    return _state(visit, row)


def _passed(visit: Visit) -> DataRequest:
    """Who typed the right code a moment ago. Raises Http404."""
    return _held(visit.clinic, visit.said("pass"), PASS_SALT, identity.VALID)


def _fact(visit: Visit) -> HttpResponse:
    row = _passed(visit)
    verdict = identity.prove_fact(row, visit.said("fact"), address=visit.address, now=visit.now)
    if verdict is identity.Verdict.WRONG:
        return _state(visit, row, error=_("That does not match what the clinic knows, or was tried too often."))
    following.advance(row, now=visit.now)
    return _state(visit, row)


def _second(visit: Visit) -> HttpResponse:
    row = _passed(visit)
    contact = Contact.read(visit.said("contact"))
    if contact is None:
        return _state(visit, row, error=_("Write an e-mail address, or a telephone with area code."))
    identity.send_code(row, address=visit.address, now=visit.now, contact=contact)
    return visit.show("public/follow_code.html", protocol=row.protocol)


def _cancel(visit: Visit) -> HttpResponse:
    row = _passed(visit)
    item = next((one for one in row.items.all() if str(one.pk) == visit.said("item")), None)
    if item is not None and board.may_be_cancelled(item):
        item.request = row
        cancel(item, actor=person(row), now=visit.now)
    return _state(visit, row)


@dataclass(frozen=True)
class Told:
    """One right as the person sees it."""

    item: RequestItem
    name: str
    state: str
    due: str
    answer: str
    may_cancel: bool


def _state(visit: Visit, row: DataRequest, *, error: str = "") -> HttpResponse:
    reached = identity.proofs(row)
    items = list(row.items.all())
    for item in items:
        item.request = row
    told = [_told(visit, item, reached) for item in items]
    pending = [item for item in items if item.state == State.IDENTITY_PENDING]
    return visit.show(
        "public/follow_state.html", row=row, told=told, error=error, needs_fact=bool(pending),
        needs_second=any(item.has_health_content for item in pending), by_representative=row.by_representative,
        token=signing.dumps(str(row.pk), salt=PASS_SALT),
    )  # fmt: skip


def _told(visit: Visit, item: RequestItem, reached: frozenset[Proof]) -> Told:
    rule, zone = answers.rule_of(item), ZoneInfo(visit.clinic.time_zone)
    # First, because reading changes the state.
    text = _read(visit, item) if item.state in READABLE and _may_read(item, reached) else ""
    due = board.due_words(item, visit.now, zone)
    return Told(item, rule.question, board.said_to_person(item), due, text, board.may_be_cancelled(item))


def _may_read(item: RequestItem, reached: frozenset[Proof]) -> bool:
    """Health data only after codes on two channels; a refusal for want of proof says nothing about anybody."""
    if item.refusal_code in {"IDENTITY", "NOT_CONTROLLER"}:
        return True
    if item.has_health_content:
        return identity.channels_proved(item.request) > 1
    return identity.needed(item.request, item.right, has_health_content=False) in reached


def _read(visit: Visit, item: RequestItem) -> str:
    """The answer; reading it for the first time is its delivery."""
    try:
        text = answers.opened(item, actor=Actor.system("privacy_page"))
    except Undecryptable:
        return ""
    if item.state == State.READY:
        code = item.request.codes.filter(outcome=IdentityCode.Outcome.VERIFIED).order_by("-closed_at").first()
        if code is not None:
            sending.shown(item, text, code_id=str(code.pk), actor=person(item.request), now=visit.now)
    return text
