"""Health data of a person: masks until somebody opens them with a purpose; writing shows nothing of what stood there."""

from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import admin, messages
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.debug import sensitive_post_parameters

from bridge.admin import cells
from bridge.admin.audit_links import audit_of
from bridge.admin.base import OperationAdmin, actor_of
from bridge.health.opening import HealthRecord, Opened, open_record, record_of
from bridge.health.writing import LONGEST, WriteRefused, activities_of, add_note, write_profile
from bridge.models import LeadHealthProfile, ObservedContact
from bridge.models.health import PROFILE_FIELDS
from bridge.queries.words import Word
from consent.access.recheck import rechecked
from consent.admin.person_reveal import RevealForm
from consent.encryption import RevealDenied, Undecryptable
from consent.identifiers import MASK
from consent.policy import PurposeOfUse
from consent.queries.trail_words import reason_word
from consent.roles import Capability, roles_with

COUNTED = 100
PERSON = "admin:bridge_leadhealthprofile_person"
SEE = roles_with(Capability.REVEAL_CLINICAL, Capability.EXCEPTIONAL_ASK)
WRITE = roles_with(Capability.REVEAL_CLINICAL)
CONTACT_MASK = ObservedContact.objects.filter(subject=models.OuterRef("subject")).order_by("-seen_at")


class ProfileForm(forms.Form):
    """New texts; what is left empty stays as it is. Nothing of what is kept is ever filled in."""

    def __init__(self, data: Any = None, *, filled: list[str]) -> None:
        super().__init__(data, auto_id="ponte-%s")
        for name in PROFILE_FIELDS:
            label = LeadHealthProfile._meta.get_field(name).verbose_name  # type: ignore[union-attr]
            self.fields[name] = forms.CharField(
                label=capfirst(str(label)), required=False, max_length=LONGEST, widget=_box(),
                help_text=_("Replaces what is kept. Left empty, nothing changes.") if name in filled else "",
            )  # fmt: skip
            if name in filled:
                self.fields[f"empty_{name}"] = forms.BooleanField(label=_("Remove what is kept"), required=False)

    @property
    def texts(self) -> dict[str, str | None]:
        """By field what shall be kept from now on; fields that stay are not named."""
        said = self.cleaned_data
        touched = [name for name in PROFILE_FIELDS if said.get(name) or said.get(f"empty_{name}")]
        return {name: said[name] or None for name in touched}


class NoteForm(forms.Form):
    """One more sensitive note."""

    text = forms.CharField(label=gettext_lazy("Sensitive note"), max_length=LONGEST, widget=forms.Textarea)
    activity = forms.TypedChoiceField(label=gettext_lazy("About"), coerce=int, empty_value=None, required=False)

    def __init__(self, data: Any = None, *, contact: ObservedContact) -> None:
        super().__init__(data, auto_id="ponte-note-%s")
        self.fields["text"].widget = _box()
        texts = [
            (activity, _("note %(n)s in Krayin · conversation %(c)s") % {"n": activity, "c": conversation})
            for activity, conversation in activities_of(contact)
        ]
        self.fields["activity"].choices = [("", _("no activity in particular")), *texts]  # type: ignore[attr-defined]


def _box() -> forms.Textarea:
    return forms.Textarea(attrs={"rows": 4, "autocomplete": "off", "spellcheck": "false", "maxlength": LONGEST})


@admin.register(LeadHealthProfile)
class HealthAdmin(OperationAdmin):
    """The list and the pages of single people; all values are masks until they are opened."""

    clinic_lookup = "subject__clinic"
    view_roles = SEE
    change_roles = WRITE

    question = gettext_lazy("Of whom do we keep health data, and when were they written?")
    help_text = gettext_lazy(
        "Clinical notes, health problems and medicines that your clinic writes down here. They are encrypted with a key "
        "of each person, are never sent to Chatwoot or Krayin, and are shown only after you say what for. Opening and "
        "writing them leave a line in the audit trail, which names the fields and never what stands in them."
    )
    empty_text = gettext_lazy("No health data are kept. Write some from the link of a person.")

    list_display = ("person", "what", "changed")
    ordering = ("-updated_at",)
    sortable_by = ()
    search_fields = ()
    actions = ()

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        rows = super().get_queryset(request).select_related("subject__clinic")
        told: models.QuerySet[Any] = rows.annotate(
            mask=models.Subquery(CONTACT_MASK.values("mask")[:1]),
            contact=models.Subquery(CONTACT_MASK.values("pk")[:1]),
        )
        return told

    def get_urls(self) -> list[URLPattern]:
        view, name = self.admin_site.admin_view, "bridge_leadhealthprofile"
        # What is typed is health data: no report of an error repeats it.
        secret = sensitive_post_parameters()
        own = [
            path("person/<uuid:contact>/", view(self.person_view), name=f"{name}_person"),
            path("person/<uuid:contact>/reveal/", view(rechecked(self.reveal_view)), name=f"{name}_reveal"),
            path("person/<uuid:contact>/write/", view(secret(self.write_view)), name=f"{name}_write"),
            path("person/<uuid:contact>/note/", view(secret(self.note_view)), name=f"{name}_note"),
        ]
        return [*own, *super().get_urls()]

    # The list ---------------------------------------------------------------------------------------------------------

    def summary(self, request: HttpRequest) -> dict[str, Any]:
        kept = self.get_queryset(request).order_by()[: COUNTED + 1].count()
        if not kept:
            return {"word": Word.DONE, "sentence": _("No health data are kept.")}
        if kept > COUNTED:
            return {
                "word": Word.DONE,
                "sentence": _("Health data of more than %(n)d people are kept.") % {"n": COUNTED},
            }
        text = ngettext("Health data of %(n)d person are kept.", "Health data of %(n)d people are kept.", kept)
        return {"word": Word.DONE, "sentence": text % {"n": kept}}

    @admin.display(description=gettext_lazy("person"))
    def person(self, row: Any) -> str:
        return row.mask or str(row)

    @admin.display(description=gettext_lazy("what is kept"))
    def what(self, row: LeadHealthProfile) -> str:
        return ", ".join(_name_of(name) for name in row.filled) or cells.NOTHING

    @admin.display(description=gettext_lazy("changed"))
    def changed(self, row: LeadHealthProfile) -> SafeString:
        return cells.since(row.updated_at, ZoneInfo(row.subject.clinic.time_zone))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        row: Any = self.object_or_404(request, object_id, change=False)
        if row.contact is None:
            raise Http404
        return HttpResponseRedirect(reverse(PERSON, args=[row.contact]))

    # One person -------------------------------------------------------------------------------------------------------

    def contact_or_404(self, request: HttpRequest, pk: UUID, *, write: bool = False) -> ObservedContact:
        rows = ObservedContact.objects.filter(connection__in=self.connections(request, act=write))
        found = rows.select_related("subject", "connection__clinic").filter(pk=pk).first()
        if found is None:
            raise Http404
        return found

    def person_view(self, request: HttpRequest, contact: UUID) -> HttpResponse:
        return self.shown(request, self.contact_or_404(request, contact))

    def reveal_view(self, request: HttpRequest, contact: UUID) -> HttpResponse:
        """POST `purpose` and `reason`: the same page in clear, once; the address never shows it again."""
        row = self.contact_or_404(request, contact)
        if request.method != "POST":
            return self.back(row)
        form = RevealForm(request.POST)
        if not form.is_valid():
            return self.shown(request, row, reveal=form)
        held = record_of(row.subject)
        said = form.cleaned_data
        try:
            opened = open_record(held, actor=actor_of(request), purpose=said["purpose"], reason=said["reason"])
        except RevealDenied as denied:
            form.add_error(None, _("Not opened: %(why)s.") % {"why": reason_word(denied.reason)})
            return self.shown(request, row, reveal=form)
        except Undecryptable:
            form.add_error(None, _("A value cannot be decrypted. Nothing is shown; tell your technical administrator."))
            return self.shown(request, row, reveal=form)
        return self.shown(request, row, held=held, opened=opened, purpose=PurposeOfUse(said["purpose"]).label)

    def write_view(self, request: HttpRequest, contact: UUID) -> HttpResponse:
        """POST texts by field; what is empty stays."""
        row = self.contact_or_404(request, contact, write=True)
        if request.method != "POST":
            return self.back(row)
        held = record_of(row.subject)
        form = ProfileForm(request.POST, filled=held.profile.filled if held.profile else [])
        if not form.is_valid():
            return self.shown(request, row, write=form)
        try:
            changed = write_profile(row.subject, form.texts, actor=actor_of(request))
        except WriteRefused as refused:
            return self.refused(request, row, refused)
        text = ngettext("%(n)d field was written.", "%(n)d fields were written.", len(changed)) % {"n": len(changed)}
        messages.success(request, text if changed else _("Nothing was written: all boxes were empty."))
        return self.back(row)

    def note_view(self, request: HttpRequest, contact: UUID) -> HttpResponse:
        """POST `text` and `activity`: one more note."""
        row = self.contact_or_404(request, contact, write=True)
        if request.method != "POST":
            return self.back(row)
        form = NoteForm(request.POST, contact=row)
        if not form.is_valid():
            return self.shown(request, row, note=form)
        said = form.cleaned_data
        try:
            add_note(row, said["text"], activity_id=said["activity"], actor=actor_of(request))
        except WriteRefused as refused:
            return self.refused(request, row, refused)
        messages.success(request, _("The note is kept."))
        return self.back(row)

    def refused(self, request: HttpRequest, row: ObservedContact, refused: WriteRefused) -> HttpResponse:
        messages.error(request, _("Not written: %(why)s.") % {"why": reason_word(refused.reason)})
        return self.back(row)

    def back(self, row: ObservedContact) -> HttpResponse:
        return HttpResponseRedirect(reverse(PERSON, args=[row.pk]))

    # Drawing ----------------------------------------------------------------------------------------------------------

    def shown(
        self,
        request: HttpRequest,
        contact: ObservedContact,
        *,
        held: HealthRecord | None = None,
        opened: Opened | None = None,
        purpose: Any = "",
        reveal: RevealForm | None = None,
        write: ProfileForm | None = None,
        note: NoteForm | None = None,
    ) -> HttpResponse:
        """The page of one person; `opened` in clear, else masks."""
        held = held or record_of(contact.subject)
        may_write = self.connections(request, act=True).filter(pk=contact.connection_id).exists()
        filled = held.profile.filled if held.profile else []
        name = contact.mask or _("contact %(n)s") % {"n": contact.chatwoot_contact_id}
        response = self.page(
            request,
            "admin/bridge/health.html",
            _("Health data of %(who)s") % {"who": name},
            contact=contact,
            opened=opened,
            purpose=purpose,
            word=Word.DONE,
            sentence=_sentence(held),
            fields=_fields(held, opened),
            notes=_notes(held, opened, contact),
            holds_something=bool(held.places),
            reveal=reveal or RevealForm(auto_id="ponte-%s"),
            write=(write or ProfileForm(filled=filled)) if may_write else None,
            note=(note or NoteForm(contact=contact)) if may_write else None,
            audit=audit_of(request, person=contact.subject.pseudonym),
            trace=reverse("admin:bridge_observedcontact_change", args=[contact.pk]),
            back=reverse("admin:bridge_leadhealthprofile_changelist"),
        )
        response["Cache-Control"] = "no-store"
        return response


def _sentence(held: HealthRecord) -> str:
    """The answer to the page's question, without opening anything."""
    if not held.places:
        return _("Nothing is kept.")
    filled = held.profile.filled if held.profile else []
    fields = ngettext("%(n)d field filled", "%(n)d fields filled", len(filled)) % {"n": len(filled)}
    notes = ngettext("%(n)d sensitive note", "%(n)d sensitive notes", len(held.notes)) % {"n": len(held.notes)}
    return _("%(fields)s, %(notes)s.") % {"fields": fields, "notes": notes}


def _name_of(field: str) -> str:
    return str(LeadHealthProfile._meta.get_field(field).verbose_name)  # type: ignore[union-attr]


def _fields(held: HealthRecord, opened: Opened | None) -> list[dict[str, Any]]:
    """Each field of the profile with its text, its mask, or that it is empty."""
    filled = held.profile.filled if held.profile else []
    return [
        {"name": _name_of(name), "text": opened.profile[name] if opened else MASK, "is_kept": True}
        if name in filled
        else {"name": _name_of(name), "text": _("nothing"), "is_kept": False}
        for name in PROFILE_FIELDS
    ]


def _notes(held: HealthRecord, opened: Opened | None, contact: ObservedContact) -> list[dict[str, Any]]:
    zone = cells.zone_of(contact.connection)
    return [
        {
            "at": cells.since(note.created_at, zone),
            "by": str(note.written_by) if note.written_by else cells.NOTHING,
            "about": _("note %(n)s in Krayin") % {"n": note.krayin_activity_id} if note.krayin_activity_id else "",
            "text": opened.notes[note.pk] if opened else MASK,
        }
        for note in held.notes
    ]
