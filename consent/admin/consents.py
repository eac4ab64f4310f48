"""C4 Consents: did this person say yes to what, when, with what proof, and does it still hold?"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models import Exists, OuterRef
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import action

from audit.services import record as audit
from config.times import ago, clock
from consent.admin.clinic_pages import form_page
from consent.admin.finding import PersonForm, known_person
from consent.admin.holds_person import mask_of
from consent.consents import ActRefused, Evidence, grant, invalidate, refuse, withdraw
from consent.consents.links import Kind as LinkKind
from consent.consents.links import make_link
from consent.consents.mailing import mail_link
from consent.consents.receipts import is_intact, lines
from consent.consents.state import YES, asked_for, asked_types
from consent.encryption import Actor
from consent.models import ConsentEvent, ConsentRecord, DataSubject, Guardianship, ServedText, TextKind
from consent.public.consents import signed_file
from consent.requests.channels import CouldNotSend, NoWay
from consent.roles import Capability, roles_with
from consent.scope import ClinicScopedAdmin, clinics_of, has_role, signed_in
from consent.texts import NoTextInForce, serve, text_in_force

NAME = "consent_consentevent"
LIST, ONE, REGISTER = f"admin:{NAME}_changelist", f"admin:{NAME}_change", f"admin:{NAME}_register"
ACT = roles_with(Capability.PRIVACY_ACT)
State, Channel = ConsentEvent.State, ConsentEvent.Channel
BIGGEST = 20 * 1024 * 1024
SHOWN_HOW = {Channel.IN_PERSON: ServedText.Channel.DESK, Channel.PHONE: ServedText.Channel.PHONE}
REASONS = ConsentEvent.Reason
SIGNS = {
    State.GIVEN: "✓", State.RENEWED: "✓", State.REFUSED: "✕", State.WITHDRAWN: "✕", State.EXPIRED: "!",
    State.INVALIDATED: "!", State.TERMINATED: "!",
}  # fmt: skip


class FindForm(PersonForm):
    """Who is at the desk or on the telephone, and about what."""

    consent_type = forms.ChoiceField(label=gettext_lazy("Purpose"), choices=ConsentRecord.Type.choices)
    channel = forms.ChoiceField(
        label=gettext_lazy("How the person says it"),
        choices=[(Channel.IN_PERSON, Channel.IN_PERSON.label), (Channel.PHONE, Channel.PHONE.label)],
    )


class AnswerForm(forms.Form):
    """What the person answered to the text just read, and what proves it."""

    answer = forms.ChoiceField(
        label=gettext_lazy("What the person said"),
        choices=[("yes", gettext_lazy("Yes")), ("no", gettext_lazy("No"))],
        widget=forms.RadioSelect,
    )
    proof = forms.FileField(
        label=gettext_lazy("Signed paper or recording"),
        help_text=gettext_lazy(
            "At most 20 MB. Ponte keeps the fingerprint of the file, not the file: keep the original in the clinic."
        ),
    )
    served = forms.UUIDField(widget=forms.HiddenInput)
    channel = forms.ChoiceField(choices=Channel.choices, widget=forms.HiddenInput)
    guardian = forms.ModelChoiceField(
        label=gettext_lazy("Verified guardian who answers"), queryset=DataSubject.objects.none(), required=False
    )

    def __init__(self, *args: Any, subject: DataSubject, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        pairs = Guardianship.objects.in_force(timezone.now()).filter(minor=subject)
        self.fields["guardian"].queryset = DataSubject.objects.filter(pk__in=pairs.values("guardian"))  # type: ignore[attr-defined]
        if not subject.is_minor:
            del self.fields["guardian"]

    def clean_proof(self) -> Any:
        proof = self.cleaned_data["proof"]
        if proof.size > BIGGEST:
            raise forms.ValidationError(_("The file is larger than 20 MB."))
        return proof


class StateFilter(admin.SimpleListFilter):
    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(one.value, one.label) for one in State if one in SIGNS]

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> models.QuerySet[Any]:
        now, wanted = timezone.now(), self.value()
        if wanted == State.EXPIRED:
            return queryset.filter(state__in=YES, valid_until__lte=now)
        if wanted in YES:
            return queryset.filter(state=wanted).exclude(valid_until__lte=now)
        return queryset.filter(state=wanted) if wanted else queryset


class NewestActs:
    """Only the newest act of each person and purpose, with the masks of one page in one query."""

    def get_queryset(self, *args: Any, **kwargs: Any) -> models.QuerySet[Any]:
        later = ConsentEvent.objects.filter(
            subject=OuterRef("subject"), consent_type=OuterRef("consent_type"), record__isnull=False,
            recorded_at__gt=OuterRef("recorded_at"),
        )  # fmt: skip
        rows: models.QuerySet[Any] = super().get_queryset(*args, **kwargs)  # type: ignore[misc]
        return rows.filter(~Exists(later), record__isnull=False).prefetch_related("subject__contact_points")


@admin.register(ConsentEvent)
class ConsentAdmin(ClinicScopedAdmin):
    """One row for each person and purpose: the newest act. What came before stands on the row's page."""

    clinic_lookup = "subject__clinic"
    view_roles = roles_with(Capability.PRIVACY_VIEW)
    change_roles = ACT

    question = gettext_lazy("Did this person say yes to what, when, with what proof, and does it still hold?")
    help_text = gettext_lazy(
        "Each row is a person's present will for one purpose. Nothing here is ever changed: a withdrawal is another "
        "act, in force at once. Saying no never affects care, and who said no is not asked again for 90 days."
    )
    list_before_template = "admin/bridge/list_before.html"
    list_display = ("person", "purpose", "present", "since", "until", "channel", "text_read", "proof")
    list_filter = (StateFilter, "consent_type", "channel")
    list_select_related = ("subject__clinic", "text_version")
    list_per_page = 50
    list_max_show_all = 0
    list_disable_select_all = True
    show_full_result_count = False
    ordering = ("-recorded_at",)
    sortable_by = ()
    actions = ()
    actions_list = ("register",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def has_register_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return has_role(request.user, *ACT)

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        return super().get_queryset(request).select_related("subject__clinic", "text_version", "collected_by")

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        context = {"summary": self.summary(request), **(extra_context or {})}
        response: HttpResponse = super().changelist_view(request, context)
        return response

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type:
        return type("NewestActs", (NewestActs, super().get_changelist(request, **kwargs)), {})

    def summary(self, request: HttpRequest) -> dict[str, Any]:
        rows = self.get_queryset(request).filter(state=State.WITHDRAWN, recorded_at__gt=timezone.now() - WEEK)
        told = rows.count()
        if not told:
            return {"word": {"value": "done"}, "sentence": _("Nobody took a consent back in the last seven days.")}
        return {
            "word": {"value": "waiting"},
            "sentence": _("%(n)s acts of the last seven days take a consent back; each was in force at once.")
            % {"n": told},
        }

    # Columns ----------------------------------------------------------------------------------------------------------

    @admin.display(description=gettext_lazy("person"))
    def person(self, row: ConsentEvent) -> str:
        masks = dict.fromkeys(point.mask for point in row.subject.contact_points.all() if point.mask)
        return " ".join([*masks][:2]) or str(row.subject)

    @admin.display(description=gettext_lazy("purpose"))
    def purpose(self, row: ConsentEvent) -> str:
        return row.get_consent_type_display()

    @admin.display(description=gettext_lazy("state"))
    def present(self, row: ConsentEvent) -> str:
        state = present_state(row, timezone.now())
        return f"{SIGNS.get(state, '·')} {state.label}"

    @admin.display(description=gettext_lazy("since"))
    def since(self, row: ConsentEvent) -> SafeString:
        return format_html(
            '<span class="ponte-time" title="{}">{}</span>',
            told(row, row.event_time),
            ago(row.event_time, timezone.now()),
        )

    @admin.display(description=gettext_lazy("valid until"))
    def until(self, row: ConsentEvent) -> str:
        if row.state not in YES:
            return ""
        zone = ZoneInfo(row.subject.clinic.time_zone)
        return f"{row.valid_until.astimezone(zone):%d/%m/%Y}" if row.valid_until else _("until taken back")

    @admin.display(description=gettext_lazy("text"))
    def text_read(self, row: ConsentEvent) -> str:
        return _("version %(n)s") % {"n": row.text_version.number} if row.text_version else ""

    @admin.display(description=gettext_lazy("evidence"), boolean=True)
    def proof(self, row: ConsentEvent) -> bool:
        return bool(row.evidence_kind)

    # One person and purpose -------------------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path("register/", view(self.register_view), name=f"{NAME}_register"),
            path("register/<uuid:subject_id>/<str:consent_type>/", view(self.answer_view), name=f"{NAME}_answer"),
            path("<uuid:object_id>/withdraw/", view(self.withdraw_view), name=f"{NAME}_withdraw"),
            path("<uuid:object_id>/invalidate/", view(self.invalidate_view), name=f"{NAME}_invalidate"),
            path("<uuid:object_id>/receipt/", view(self.receipt_view), name=f"{NAME}_receipt"),
            path("<uuid:object_id>/link/", view(self.link_view), name=f"{NAME}_link"),
        ]
        return [*own, *super().get_urls()]

    def one(self, request: HttpRequest, object_id: UUID | str, *, act: bool = False) -> ConsentEvent:
        """Raises Http404 for another clinic's, PermissionDenied for who only looks."""
        row = self.get_object(request, str(object_id))
        if not isinstance(row, ConsentEvent):
            raise Http404
        if act and not signed_in(request).has_role_in(row.subject.clinic_id, ACT):
            raise PermissionDenied
        return row

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return self.show(request, self.one(request, object_id))

    def show(self, request: HttpRequest, row: ConsentEvent, **more: Any) -> HttpResponse:
        note(request, row, "read")
        history = list(
            ConsentEvent.objects.filter(subject=row.subject, consent_type=row.consent_type)
            .select_related("text_version", "served", "collected_by", "subject__clinic")
            .order_by("-recorded_at")[:50]
        )
        newest = next((one for one in history if one.record_id), row)
        may_act = signed_in(request).has_role_in(row.subject.clinic_id, ACT) and newest.pk == row.pk
        context = {
            "row": row, "facts": self.facts(row), "text": row.text_version, "history": [self.event_line(e) for e in history],
            "may_act": may_act, "is_yes": row.state in YES, "reasons": REASONS.choices, "back": reverse(LIST),
            "newest": None if newest.pk == row.pk else newest, **more,
        }  # fmt: skip
        answer = self.page(request, "admin/consent/consent.html", _("Consent"), **context)
        answer.headers["Cache-Control"] = "no-store"
        return answer

    def facts(self, row: ConsentEvent) -> list[tuple[str, Any]]:
        evidence = (
            f"{row.get_evidence_kind_display()} · {bytes(row.evidence_sha256).hex()}" if row.evidence_sha256 else ""
        )
        intact = _("✓ the record is what was signed") if is_intact(row) else _("✕ the record was altered")
        facts = [
            (_("person"), self.person(row)),
            (_("purpose"), self.purpose(row)),
            (_("state"), self.present(row)),
            (_("when"), told(row, row.event_time)),
            (_("valid until"), self.until(row)),
            (_("channel"), row.get_channel_display()),
            (_("legal base"), row.base),
            (_("text shown"), told(row, row.served.served_at) if row.served else ""),
            (_("evidence"), evidence),
            (_("message or form"), row.evidence_ref),
            (_("reason"), row.get_reason_display()),
            (_("guardian"), _("a verified guardian answered") if row.guardian_id else ""),
            (_("collected by"), str(row.collected_by or "")),
            (_("signature"), intact),
        ]
        return [(name, value) for name, value in facts if value]

    def event_line(self, event: ConsentEvent) -> dict[str, Any]:
        return {
            "at": told(event, event.event_time), "state": event.get_state_display(),
            "channel": event.get_channel_display(), "address": reverse(ONE, args=[event.pk]) if event.record_id else "",
            "version": event.text_version.number if event.text_version else "",
        }  # fmt: skip

    # Acts -------------------------------------------------------------------------------------------------------------

    def withdraw_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """POST `channel`: the person said so at the desk, by telephone or by letter. The form itself is the evidence."""
        row = self.one(request, object_id, act=True)
        channel = request.POST.get("channel", "")
        if request.method == "POST" and channel in {Channel.IN_PERSON, Channel.PHONE, Channel.LETTER}:
            now, user = timezone.now(), signed_in(request)
            form = {"person": str(row.subject_id), "type": row.consent_type, "by": user.pk, "at": now.isoformat()}
            done = withdraw(
                row.subject, row.consent_type, evidence=Evidence.of_form({**form, "channel": channel}), channel=channel,
                actor=Actor.staff(user), now=now,
            )  # fmt: skip
            messages.success(request, _("Taken back: in force now. Tell the person that deletion is a separate right."))
            return HttpResponseRedirect(reverse(ONE, args=[done.pk if done else row.pk]))
        return HttpResponseRedirect(reverse(ONE, args=[row.pk]))

    def invalidate_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """POST `reason`: the consent does not hold, or the clinic ended the purpose."""
        row = self.one(request, object_id, act=True)
        reason = request.POST.get("reason", "")
        if request.method == "POST" and reason in REASONS.values:
            try:
                row = invalidate(
                    row.subject, row.consent_type, reason=reason, by=signed_in(request), now=timezone.now(),
                    ended=reason == REASONS.PURPOSE_ENDED,
                )  # fmt: skip
                messages.success(request, _("The consent no longer counts."))
            except ActRefused as refused:
                messages.error(request, str(refused))
        return HttpResponseRedirect(reverse(ONE, args=[row.pk]))

    def receipt_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """The receipt to read and print; `?file=1` the signed file."""
        row = self.one(request, object_id)
        note(request, row, "print")
        if request.GET.get("file"):
            return signed_file(row)
        context = {"row": row, "lines": lines(row), "back": reverse(ONE, args=[row.pk])}
        return self.page(request, "admin/consent/consent_receipt.html", _("Receipt"), **context)

    def link_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """POST `kind`: make an address for the person, shown once; with `by` sent to the person's e-mail instead."""
        row = self.one(request, object_id, act=True)
        kind = request.POST.get("kind", "")
        if request.method != "POST" or kind not in LinkKind.values:
            return HttpResponseRedirect(reverse(ONE, args=[row.pk]))
        actor = Actor.staff(signed_in(request))
        if request.POST.get("by") == "email":
            return self.mail_link(request, row, kind, actor)
        address = make_link(row.subject, kind, by=actor, now=timezone.now())
        return self.show(request, row, address=address)

    def mail_link(self, request: HttpRequest, row: ConsentEvent, kind: str, actor: Actor) -> HttpResponse:
        try:
            link = mail_link(row.subject, kind, by=actor, now=timezone.now())
        except ActRefused as refused:
            messages.error(request, str(refused))
        except NoWay:
            messages.error(request, _("No letter: the clinic knows no e-mail of this person, or sends none."))
        except CouldNotSend:
            messages.error(request, _("It could not be sent now; nothing was changed. Try again in some minutes."))
        else:
            proof = {"ref": link.sent_ref, "sha256": link.sent_sha256[:16]}
            messages.success(request, _("The letter is sent: %(ref)s · SHA-256 %(sha256)s…") % proof)
        return HttpResponseRedirect(reverse(ONE, args=[row.pk]))

    # Registering ------------------------------------------------------------------------------------------------------

    @action(description=gettext_lazy("Register an answer"), permissions=["register"])  # type: ignore[untyped-decorator]
    def register(self, request: HttpRequest) -> HttpResponse:
        return HttpResponseRedirect(reverse(REGISTER))

    def register_view(self, request: HttpRequest) -> HttpResponse:
        """GET the form; POST finds the person, exactly and audited, and leads to the text that is read out."""
        if not self.has_register_permission(request):
            raise PermissionDenied
        clinics = clinics_of(signed_in(request), *ACT)
        form, known = FindForm(request.POST or None), known_person(request, clinics)
        if known is not None:
            del form.fields["person"]
        if request.method == "POST" and form.is_valid():
            person = known or form.the_one(request, clinics)
            if person is not None:
                return self.ask(request, person, form.cleaned_data["consent_type"], form.cleaned_data["channel"])
        explain = _(
            "Next you see the approved text. Read it to the person before asking; the answer needs a signed paper or a "
            "recording."
        )
        return form_page(
            self, request, _("Register an answer"), form, explain=explain, button=_("Show the text"), back=reverse(LIST),
            person=mask_of(known) if known else "",
        )  # fmt: skip

    def ask(self, request: HttpRequest, subject: DataSubject, consent_type: str, channel: str) -> HttpResponse:
        """Record that the text is shown, then show it with the form for the answer."""
        now = timezone.now()
        try:
            purpose = asked_for(subject, consent_type).purpose
            text = text_in_force(subject.clinic, TextKind.CONSENT, purpose=purpose, now=now)
        except ActRefused as refused:
            messages.error(request, str(refused))
            return HttpResponseRedirect(reverse(REGISTER))
        except NoTextInForce:
            messages.error(
                request, _("There is no approved text for this purpose: approve one under Texts and notices.")
            )
            return HttpResponseRedirect(reverse(REGISTER))
        served = serve(text, subject, channel=SHOWN_HOW[Channel(channel)], now=now)
        form = AnswerForm(initial={"served": served.pk, "channel": channel}, subject=subject)
        return self.answer_page(request, subject, consent_type, form, served)

    def answer_page(
        self, request: HttpRequest, subject: DataSubject, consent_type: str, form: AnswerForm, served: ServedText | None
    ) -> HttpResponse:
        context = {
            "form": form, "text": served.version if served else None, "back": reverse(LIST),
            "address": reverse(f"admin:{NAME}_answer", args=[subject.pk, consent_type]),
        }  # fmt: skip
        return self.page(
            request, "admin/consent/consent_answer.html", _("Read this out, then record the answer"), **context
        )

    def answer_view(self, request: HttpRequest, subject_id: UUID, consent_type: str) -> HttpResponse:
        """POST the answer with its proof."""
        rows = DataSubject.objects.filter(clinic__in=clinics_of(signed_in(request), *ACT).values("pk"))
        subject = rows.select_related("clinic").filter(pk=subject_id).first()
        if subject is None or consent_type not in asked_types(subject):
            raise Http404
        if request.method != "POST":
            return HttpResponseRedirect(reverse(REGISTER))
        form = AnswerForm(request.POST, request.FILES, subject=subject)
        served = self.served(request, subject)
        if form.is_valid():
            said = form.cleaned_data
            kind = audio_or_file(said["proof"])
            write = grant if said["answer"] == "yes" else refuse
            try:
                event = write(
                    subject, consent_type, evidence=Evidence.of_file(said["proof"], kind), served=served,
                    channel=said["channel"], actor=Actor.staff(signed_in(request)), now=timezone.now(),
                    guardian=said.get("guardian"),
                )  # fmt: skip
            except ActRefused as refused:
                form.add_error(None, str(refused))
            else:
                messages.success(request, _("The answer is recorded. Give the person the receipt."))
                return HttpResponseRedirect(reverse(ONE, args=[event.pk]))
        return self.answer_page(request, subject, consent_type, form, served)

    def served(self, request: HttpRequest, subject: DataSubject) -> ServedText | None:
        try:
            pk = UUID(request.POST.get("served", ""))
        except ValueError:
            return None
        return ServedText.objects.filter(pk=pk, subject=subject).select_related("version").first()


WEEK = timedelta(days=7)


def audio_or_file(proof: Any) -> str:
    is_audio = str(proof.content_type or "").startswith("audio/")
    return ConsentEvent.Evidence.AUDIO if is_audio else ConsentEvent.Evidence.FILE


def present_state(row: ConsentEvent, now: datetime) -> ConsentEvent.State:
    """As it counts now: a yes whose time is over is none."""
    state = State(row.state)
    return State.EXPIRED if state in YES and row.valid_until and row.valid_until <= now else state


def told(row: ConsentEvent, when: datetime) -> str:
    return clock(when, ZoneInfo(row.subject.clinic.time_zone), timezone.now())


def note(request: HttpRequest, row: ConsentEvent, what: str) -> None:
    """One row in the trail for each look at a person's consents, written before they are shown."""
    audit(
        action=what, actor_type="staff", actor_id=str(signed_in(request).pk), clinic_id=row.subject.clinic_id,
        subject=row.subject.pseudonym, object_type="consent.ConsentEvent", object_id=str(row.pk), purpose="dpo",
    )  # fmt: skip
