"""What stands between one person's data and their use: blocking, opposition, minority, guardians, holds (C9, part of C3)."""

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from config.times import clock
from consent import holds
from consent.access.recheck import rechecked
from consent.admin.clinic_pages import ClinicPages
from consent.admin.finding import find, nobody_or_several
from consent.encryption import Actor
from consent.holds import PersonState, Refused, person_state
from consent.models import Clinic, DataSubject, Guardianship, Restriction, User
from consent.policy import POLICY_PURPOSES, Purpose
from consent.queries import people_search
from consent.scope import signed_in

if TYPE_CHECKING:
    Base = ClinicPages
else:
    Base = object

# Those the machinery sets and lifts by itself are not offered to people.
BY_HAND = ("request", "authority", "dpo", "accuracy", "incident")
AGES = {
    "unknown": gettext_lazy("age not known: counts as a child"),
    "child": gettext_lazy("child (under 12)"),
    "adolescent": gettext_lazy("teenager (12 to 17)"),
    "adult": gettext_lazy("18 or older"),
}


class MonthInput(forms.DateInput):
    input_type = "month"


class BlockForm(forms.Form):
    reason = forms.ChoiceField(
        label=gettext_lazy("Why"),
        choices=[(value, label) for value, label in Restriction.Reason.choices if value in BY_HAND],
    )


class MinorForm(forms.Form):
    birth_month = forms.DateField(
        label=gettext_lazy("Month and year of birth"), required=False, input_formats=["%Y-%m", "%m/%Y"],
        widget=MonthInput({"placeholder": "mm/aaaa"}, format="%Y-%m"),
        help_text=gettext_lazy("As mm/yyyy. The day is not asked. Empty when it is not known."),
    )  # fmt: skip


class GuardianForm(forms.Form):
    guardian = forms.CharField(
        label=gettext_lazy("Guardian: phone or e-mail address"), max_length=people_search.LONGEST,
        widget=forms.TextInput({"autocomplete": "off"}),
    )  # fmt: skip
    relation = forms.ChoiceField(label=gettext_lazy("Relation"), choices=Guardianship.Relation.choices)
    method = forms.ChoiceField(label=gettext_lazy("How it was verified"), choices=Guardianship.Method.choices)
    paper = forms.FileField(
        label=gettext_lazy("The paper that proves it"),
        help_text=gettext_lazy("Only its hash is kept; the paper is not stored."),
    )


class PersonPages(Base):
    """One page that shows it all, and one address that its forms post to."""

    def one_person(self, request: HttpRequest, pk: UUID, *, act: bool = False) -> DataSubject:
        rows = DataSubject.objects.titulares().filter(clinic__in=self.clinics(request, act=act).order_by())
        found = rows.select_related("clinic").filter(pk=pk).first()
        if found is None:
            raise Http404
        return found

    def person_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        return self._person(request, self.one_person(request, pk))

    def _person(self, request: HttpRequest, subject: DataSubject, **forms_with_errors: forms.Form) -> HttpResponse:
        now = timezone.now()
        state = person_state(subject, now)
        kin = [*(row.guardian for row in state.guardians), *(row.minor for row in state.wards)]
        masks = masks_of([subject, *kin])
        context = {
            "subject": subject,
            "state": state,
            "mask": masks[subject.pk],
            "facts": facts_of(state),
            "effects": holds.block_effects(),
            "blocks": [_told(row, state) for row in state.blocks],
            "oppositions": [_told(row, state) for row in state.oppositions],
            "history": [_told(row, state) for row in state.history],
            "guardians": [(row, masks[row.guardian_id]) for row in state.guardians],
            "wards": [(row, masks[row.minor_id]) for row in state.wards],
            "may_act": self.may_act(request, subject.clinic_id) and not subject.erased_at,
            "block_form": BlockForm(),
            "minor_form": MinorForm(initial={"birth_month": state.minority.birth_month if state.minority else None}),
            "guardian_form": GuardianForm(),
            "act": reverse("admin:consent_legalhold_person_act", args=[subject.pk]),
            "page": reverse("admin:consent_datasubject_change", args=[subject.pk]),
            "back": self.list_of(subject.clinic_id),
            **forms_with_errors,
        }
        answer = self.page(request, "admin/consent/person_restrictions.html", _("Restrictions of a person"), **context)
        answer.headers["Cache-Control"] = "no-store"
        return answer

    @rechecked
    def person_act_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """POST `do` from the page: block, unblock, oppose, agree, minor, adult, guardian, end_guardian."""
        subject = self.one_person(request, pk, act=True)
        back = HttpResponseRedirect(reverse("admin:consent_legalhold_person", args=[subject.pk]))
        if request.method != "POST":
            return back
        try:
            answer = self._act(request, subject, request.POST.get("do", ""), signed_in(request))
        except Refused as refused:
            messages.error(request, refused.text)
            return back
        return answer or back

    def _act(self, request: HttpRequest, subject: DataSubject, do: str, by: User) -> HttpResponse | None:
        """A page again where a form has errors."""
        now, actor, said = timezone.now(), Actor.staff(by), request.POST
        if do == "block" and (form := BlockForm(said)).is_valid():
            holds.block(subject, by=actor, reason=form.cleaned_data["reason"], now=now)
            messages.success(request, _("Blocked: from now on nothing uses these data."))
        elif do == "unblock" and said.get("reason") in Restriction.Reason.values:
            if holds.unblock(subject, by=actor, reason=said["reason"], now=now):
                messages.success(request, _("The person's data may be used again."))
            else:
                messages.warning(request, _("Another reason still blocks this person."))
        elif do in {"oppose", "agree"} and said.get("purpose") in POLICY_PURPOSES:
            change = holds.oppose if do == "oppose" else holds.withdraw_opposition
            change(subject, said["purpose"], by=actor, now=now)
            messages.success(request, _("Recorded."))
        elif do == "minor":
            return self._mark_minor(request, subject, by)
        elif do == "adult":
            holds.end_minority(subject, by=by, now=now)
            messages.success(request, _("From now on only the person's own consent counts."))
        elif do == "guardian":
            return self._verify_guardian(request, subject, by)
        elif do == "end_guardian":
            self._end_guardian(request, subject, by)
        else:
            messages.error(request, _("Fill in what is asked; nothing was done."))
        return None

    def _mark_minor(self, request: HttpRequest, subject: DataSubject, by: User) -> HttpResponse | None:
        form = MinorForm(request.POST)
        if not form.is_valid():
            return self._person(request, subject, minor_form=form)
        holds.mark_minor(subject, birth_month=form.cleaned_data["birth_month"], by=by, now=timezone.now())
        messages.success(request, _("Marked as a minor: consent is the guardian's."))
        return None

    def _verify_guardian(self, request: HttpRequest, subject: DataSubject, by: User) -> HttpResponse | None:
        form = GuardianForm(request.POST, request.FILES)
        if not form.is_valid():
            return self._person(request, subject, guardian_form=form)
        said = form.cleaned_data
        # A child is often reached by the same telephone.
        own = Clinic.objects.filter(pk=subject.clinic_id)
        found = [one for one in find(request, said["guardian"], own) if one.pk != subject.pk]
        if len(found) != 1:
            form.add_error("guardian", nobody_or_several(found))
            return self._person(request, subject, guardian_form=form)
        holds.verify_guardian(
            subject, found[0], relation=said["relation"], method=said["method"],
            evidence_sha256=file_sha256(said["paper"]), by=by, now=timezone.now(),
        )  # fmt: skip
        messages.success(request, _("The guardian is verified."))
        return None

    def _end_guardian(self, request: HttpRequest, subject: DataSubject, by: User) -> None:
        wanted = request.POST.get("row", "")
        row = next((one for one in subject.guardianships.filter(ended_at=None) if str(one.pk) == wanted), None)
        if row is None:
            raise Http404
        holds.end_guardianship(row, by=by, now=timezone.now())
        messages.success(request, _("Ended: what this guardian consented to counts no longer."))


def facts_of(state: PersonState) -> list[tuple[str, str]]:
    """The flags in words; also for the head of the person's page (C3)."""
    facts = [(_("clinic"), str(state.subject.clinic)), (_("marks"), ", ".join(state.flags) or _("none"))]
    if state.subject.is_minor:
        month = state.minority.birth_month if state.minority else None
        told = f" · {month:%m/%Y}" if month else ""
        facts.append((_("age"), f"{AGES[state.age_band]}{told}"))
    return facts


def _told(row: Restriction, state: PersonState) -> dict[str, Any]:
    zone = ZoneInfo(state.subject.clinic.time_zone)
    what = Purpose(row.purpose).label if row.purpose else row.get_reason_display()
    return {
        "what": what, "kind": row.get_kind_display(), "reason": row.reason, "purpose": row.purpose,
        "since": clock(row.began_at, zone, state.now), "by": str(row.began_by or _("Ponte")),
        "until": clock(row.ended_at, zone, state.now) if row.ended_at else "",
    }  # fmt: skip


def file_sha256(file: UploadedFile | None) -> str:
    """The hash of an uploaded paper; the paper itself is not kept."""
    if file is None:
        return ""
    digest = hashlib.sha256()
    for chunk in file.chunks():
        digest.update(chunk)
    return digest.hexdigest()


def mask_of(subject: DataSubject) -> str:
    """The mask; of somebody without contact data the beginning of the id."""
    return masks_of([subject])[subject.pk]


def masks_of(subjects: Sequence[DataSubject]) -> dict[UUID, str]:
    """The mask of each; of somebody without contact data the beginning of the id. One query."""
    masks = people_search.masks([one.pseudonym for one in subjects])
    return {one.pk: (masks.get(one.pseudonym, "") if one.pseudonym else "") or str(one) for one in subjects}
