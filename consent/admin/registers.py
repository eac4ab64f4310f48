"""C11 Registers: which processing do we do, and what has changed?"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.decorators import action
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from audit.models import ActorType
from audit.services import record
from config.sheets import sheet
from consent.datamap import Processing
from consent.datamap.retention import CURRENT_RETENTION, TABLES
from consent.models import Assessment, Clinic, InternationalTransfer, OperationVersion, Processor
from consent.registers import approval, telling
from consent.registers.approval import ChangedMeanwhile, Completion, Difference, Kind
from consent.registers.operations import OPERATIONS, generate
from consent.registers.papers import Gap, Missing, Papers, missing, papers
from consent.registers.telling import Told, told
from consent.roles import Capability, roles_with
from consent.scope import ClinicScopedAdmin, clinics_of, signed_in

VIEW, ACT = roles_with(Capability.PRIVACY_VIEW), roles_with(Capability.PRIVACY_ACT)
NAME = "consent_operationversion"
LIST = f"admin:{NAME}_changelist"
KINDS = {
    Kind.NEW: gettext_lazy("not approved yet"),
    Kind.CHANGED: gettext_lazy("changed"),
    Kind.ENDED: gettext_lazy("no longer in use"),
    Kind.RESUMED: gettext_lazy("in use again"),
}
GAPS = {
    Gap.TRANSFER: gettext_lazy("Abroad without a registered transfer: %(about)s."),
    Gap.TRANSFER_REVIEW: gettext_lazy("Transfer past its review: %(about)s (%(day)s)."),
    Gap.ASSESSMENT_REVIEW: gettext_lazy("Assessment past its review: %(about)s (%(day)s)."),
    Gap.BALANCING: gettext_lazy("Legitimate interest without an approved balancing test: %(about)s."),
    Gap.IMPACT: gettext_lazy("Health data without an impact report (RIPD): %(about)s."),
}


def tabs(here: type[models.Model]) -> list[dict[str, Any]]:
    """The four registers, one beside the other."""
    pages = (
        (OperationVersion, _("Operations")),
        (InternationalTransfer, _("International transfers")),
        (Processor, _("Processors")),
        (Assessment, _("Impact reports and tests")),
    )
    return [
        {
            "name": name,
            "address": reverse(f"admin:consent_{model._meta.model_name}_changelist"),
            "is_active": model is here,
        }
        for model, name in pages
    ]


def note_export(request: HttpRequest, clinic_id: int | None, model: type[models.Model], how: str) -> None:
    """The trail says who took a register out, before it is given."""
    record(
        action="register.export",
        actor_type=ActorType.STAFF,
        actor_id=str(signed_in(request).pk),
        clinic_id=clinic_id,
        object_type=model._meta.label,
        reason_code=how,
    )


class CompletionForm(forms.ModelForm):
    """What only people know of an operation."""

    class Meta:
        model = OperationVersion
        fields = ("notes", "risk", "volume")
        widgets: ClassVar = {"notes": forms.Textarea({"rows": 4})}

    @property
    def said(self) -> Completion:
        return Completion(**{name: self.cleaned_data[name] for name in ("notes", "risk", "volume")})


@admin.register(OperationVersion)
class OperationVersionAdmin(ClinicScopedAdmin):
    """Drawn by hand: the register of one clinic, what differs from it now, and each operation with its versions."""

    clinic_lookup = "clinic"
    view_roles = VIEW
    change_roles = ACT

    question = gettext_lazy("Which processing do we do, and what has changed?")
    help_text = gettext_lazy(
        "The register of operations is made from what Ponte stores and from the clinic's settings. When the program or "
        "a setting changes the processing, the change waits here until the data protection officer approves it; every "
        "approved version stays. Notes, risk and number of people are added by hand."
    )
    actions = ()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [path("approve/", view(self.approve_view), name=f"{NAME}_approve")]
        return [*own, *super().get_urls()]

    # The register -----------------------------------------------------------------------------------------------------

    def clinic(self, request: HttpRequest, asked: str) -> tuple[list[Clinic], Clinic | None]:
        """The viewer's clinics, and the one asked for, else the first. Raises Http404 for another's."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        clinics = list(clinics_of(signed_in(request), *self.seeing_roles))
        if not asked:
            return clinics, next(iter(clinics), None)
        found = next((one for one in clinics if str(one.pk) == asked), None)
        if found is None:
            raise Http404
        return clinics, found

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """GET clinic, view (complete), role (processor), format (csv)."""
        clinics, chosen = self.clinic(request, request.GET.get("clinic", ""))
        if chosen is None:
            return self.page(request, "admin/consent/registers.html", _("Registers"), tabs=tabs(OperationVersion))
        now = timezone.now()
        is_complete, as_processor = request.GET.get("view") == "complete", request.GET.get("role") == "processor"
        approved, held = approval.newest(chosen), papers(chosen, now)
        in_force = [
            told(chosen, row, held, as_processor=as_processor)
            for operation in Processing
            if (row := approved.get(operation))
        ]
        is_complete = is_complete or as_processor
        if request.GET.get("format") == "csv":
            note_export(request, chosen.pk, OperationVersion, "csv")
            return as_csv(in_force, chosen, held.today.isoformat(), is_complete=is_complete)
        waiting = approval.differences(approved, generate(chosen))
        gaps = missing(held, approved)
        word, sentence = _sentence(approved, waiting, gaps, chosen)
        return self.page(
            request,
            "admin/consent/registers.html",
            _("Registers"),
            tabs=tabs(OperationVersion),
            clinics=clinics,
            chosen=chosen,
            word={"value": word},
            sentence=sentence,
            waiting=[_shown(chosen, one, held, now) for one in waiting],
            gaps=[_gap(one) for one in gaps],
            lines=[(one, one.complete if is_complete else one.eight) for one in in_force],
            views=_views(request, is_complete=is_complete, as_processor=as_processor),
            is_complete=is_complete,
            file=_with(request, format="csv"),
            may_act=signed_in(request).has_role_in(chosen.pk, ACT),
            told_at=now.astimezone(ZoneInfo(chosen.time_zone)),
        )

    def approve_view(self, request: HttpRequest) -> HttpResponse:
        """POST clinic, and `shown` once per difference: `operation:digest`."""
        _clinics, chosen = self.clinic(request, request.POST.get("clinic", ""))
        if request.method != "POST" or chosen is None:
            return HttpResponseRedirect(reverse(LIST))
        if not signed_in(request).has_role_in(chosen.pk, ACT):
            raise PermissionDenied
        back = HttpResponseRedirect(f"{reverse(LIST)}?clinic={chosen.pk}")
        shown = _read(request.POST.getlist("shown"))
        if not shown:
            messages.warning(request, _("Nothing was chosen."))
            return back
        try:
            done = approval.approve(chosen, shown, by=signed_in(request), now=timezone.now())
        except ChangedMeanwhile:
            messages.error(request, _("Something changed meanwhile: nothing was approved. Look at it again."))
            return back
        text = ngettext("%(n)d operation approved.", "%(n)d operations approved.", len(done))
        messages.success(request, text % {"n": len(done)})
        return back

    # One operation ----------------------------------------------------------------------------------------------------

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """GET one version with all versions of its operation; POST notes, risk and volume as the next version."""
        row = self._row(request, object_id)
        newest = approval.newest(row.clinic)[Processing(row.operation)]
        may_act = signed_in(request).has_role_in(row.clinic_id, ACT) and newest.pk == row.pk and row.is_in_use
        form = CompletionForm(request.POST or None, instance=row)
        if request.method == "POST":
            if not may_act:
                raise PermissionDenied
            if form.is_valid():
                return self._complete(request, row, form.said)
        held = papers(row.clinic, timezone.now())
        versions = OperationVersion.objects.filter(clinic=row.clinic, operation=row.operation).order_by("-number")
        return self.page(
            request,
            "admin/consent/registers_operation.html",
            str(row.get_operation_display()),
            row=row,
            one=told(row.clinic, row, held, as_processor=True),
            form=form if may_act else None,
            versions=versions.select_related("approved_by"),
            back=f"{reverse(LIST)}?clinic={row.clinic_id}",
        )

    def _row(self, request: HttpRequest, object_id: str | UUID) -> OperationVersion:
        row = self.get_object(request, str(object_id))
        if not isinstance(row, OperationVersion):
            raise Http404
        return row

    def _complete(self, request: HttpRequest, row: OperationVersion, said: Completion) -> HttpResponse:
        # The form has put the new words on `row`; what is in force is read again.
        try:
            made = approval.complete(
                row.clinic, Processing(row.operation), said, seen=row.number, by=signed_in(request), now=timezone.now()
            )
        except ChangedMeanwhile:
            messages.error(request, _("Something changed meanwhile: nothing was approved. Look at it again."))
            return HttpResponseRedirect(reverse(f"admin:{NAME}_change", args=[row.pk]))
        messages.success(request, _("Saved as version %(n)d.") % {"n": made.number})
        return HttpResponseRedirect(reverse(f"admin:{NAME}_change", args=[made.pk]))


def _read(shown: Iterable[str]) -> dict[Processing, str]:
    """`operation:digest` of the form; what names no operation is left out."""
    pairs = (one.partition(":") for one in shown)
    return {Processing(code): digest for code, _colon, digest in pairs if code in Processing.values}


def _sentence(
    approved: Mapping[Processing, OperationVersion], waiting: Sequence[Difference], gaps: Sequence[Missing],
    clinic: Clinic,
) -> tuple[str, str]:  # fmt: skip
    if waiting:
        text = ngettext(
            "%(n)d operation differs from the approved register.",
            "%(n)d operations differ from the approved register.",
            len(waiting),
        )
        return "waiting", text % {"n": len(waiting)}
    if gaps:
        text = ngettext(
            "The register is approved; %(n)d paper is missing or late.",
            "The register is approved; %(n)d papers are missing or late.",
            len(gaps),
        )
        return "waiting", text % {"n": len(gaps)}
    if not approved:
        return "ignored", _("Nothing is stored yet, so there is nothing to register.")
    last = max(row.valid_from for row in approved.values()).astimezone(ZoneInfo(clinic.time_zone))
    text = ngettext(
        "The register is up to date: %(n)d operation, last approval on %(day)s.",
        "The register is up to date: %(n)d operations, last approval on %(day)s.",
        len(approved),
    )
    return "done", text % {"n": len(approved), "day": f"{last:%d/%m/%Y}"}


def _shown(clinic: Clinic, one: Difference, held: Papers, now: datetime) -> dict[str, Any]:
    """A difference as the form shows it; a new one with its eight fields, because there is nothing to compare with."""
    row = OperationVersion(
        clinic=clinic, operation=one.operation, number=1, is_in_use=True, content=dict(one.now.content), valid_from=now
    )
    return {
        "value": f"{one.operation}:{one.digest}",
        "title": one.operation.label,
        "description": OPERATIONS[one.operation].description,
        "kind": KINDS[one.kind],
        "changes": [telling.change_told(change) for change in one.changes],
        "eight": telling.eight_fields(clinic, row, held) if one.kind is Kind.NEW else [],
    }


def _gap(one: Missing) -> str:
    about = Processing(one.about).label if one.about in Processing.values else one.about
    return str(GAPS[one.gap]) % {"about": about, "day": f"{one.since:%d/%m/%Y}" if one.since else ""}


def _views(request: HttpRequest, *, is_complete: bool, as_processor: bool) -> list[dict[str, Any]]:
    return [
        {"name": _("Eight fields (ANPD model)"), "address": _with(request, view=None, role=None),
         "is_active": not is_complete},
        {"name": _("Complete, as controller"), "address": _with(request, view="complete", role=None),
         "is_active": is_complete and not as_processor},
        {"name": _("Complete, as processor"), "address": _with(request, view=None, role="processor"),
         "is_active": as_processor},
    ]  # fmt: skip


def _with(request: HttpRequest, **changed: str | None) -> str:
    """This address with other parameters; None takes one away."""
    query = request.GET.copy()
    for name, value in changed.items():
        query.pop(name, None)
        if value is not None:
            query[name] = value
    return f"?{query.urlencode()}"


def as_csv(register: Sequence[Told], clinic: Clinic, day: str, *, is_complete: bool) -> HttpResponse:
    """One line per operation, one column per field."""
    lines = [(one.title, one.complete if is_complete else one.eight) for one in register]
    header = [_("Operation"), *(name for name, _value in (lines[0][1] if lines else []))]
    rows = [[title, *(value for _name, value in fields)] for title, fields in lines]
    return sheet(f"ponte-registro-{clinic.pk}-{day}", header, rows)


# Kept by hand ---------------------------------------------------------------------------------------------------------


class KeptAdmin(ClinicScopedAdmin):
    """A list kept by hand: what it answers, its form, its file."""

    clinic_lookup = "clinic"
    view_roles = VIEW
    change_roles = ACT
    list_before_template = "admin/bridge/list_before.html"
    list_select_related: ClassVar = ("clinic",)
    list_filter: ClassVar = ("clinic",)
    actions = ()
    actions_list = ("file",)
    columns: ClassVar[tuple[str, ...]]  # of the file

    def get_readonly_fields(self, request: HttpRequest, obj: models.Model | None = None) -> tuple[str, ...]:
        return ("clinic",) if obj else ()

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        context = {"summary": {"tabs": tabs(self.model)}, **(extra_context or {})}
        response: HttpResponse = super().changelist_view(request, context)
        return response

    def has_file_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return self.has_view_permission(request)

    @action(description=gettext_lazy("Download CSV"), permissions=["file"])  # type: ignore[untyped-decorator]
    def file(self, request: HttpRequest) -> HttpResponse:
        rows = list(self.get_queryset(request).select_related("clinic"))
        for clinic_id in sorted({row.clinic_id for row in rows}):
            note_export(request, clinic_id, self.model, "csv")
        header = [self.model._meta.get_field(name).verbose_name for name in self.columns]
        return sheet(
            f"ponte-{self.model._meta.db_table}", header, ([told_value(row, n) for n in self.columns] for row in rows)
        )


def told_value(row: models.Model, name: str) -> str:
    """One field of a row as people read it."""
    display = getattr(row, f"get_{name}_display", None)
    value = display() if display else getattr(row, name)
    if name == "operations":
        return "; ".join(str(Processing(code).label) for code in value if code in Processing.values)
    if isinstance(value, list):
        return "; ".join(value)
    return "" if value is None else str(value)


@admin.register(Processor)
class ProcessorAdmin(KeptAdmin):
    question = gettext_lazy("Who works on the data for the clinic, and where?")
    help_text = gettext_lazy(
        "A processor (operador) handles data by the clinic's instructions: who runs Ponte, hosting, chat, CRM, messaging "
        "channel, mail. One outside Brazil also needs an entry under international transfers."
    )
    fields = (
        "clinic", "name", "kind", "country", "contact", "instructions", "document", "document_sha256", "started_on",
        "ended_on",
    )  # fmt: skip
    list_display = ("name", "kind", "country", "contact", "started_on", "ended_on", "clinic")
    columns = ("clinic", "name", "kind", "country", "contact", "document", "document_sha256", "started_on", "ended_on")


def _categories() -> list[tuple[str, str]]:
    rules = TABLES[CURRENT_RETENTION].rules
    return [(code, f"{code} {rule.title}") for code, rule in rules.items()]


@admin.register(InternationalTransfer)
class InternationalTransferAdmin(KeptAdmin):
    question = gettext_lazy("Which data leave Brazil, and what allows it?")
    help_text = gettext_lazy(
        "Sending data to a provider abroad, or letting it read them from there, is an international transfer. Each has "
        "one mechanism of Art. 33; clauses and certificates are kept as a document whose hash stands here. A review "
        "date makes sure that somebody looks again."
    )
    fields = (
        "clinic", "processor", "importer", "country", "operations", "categories", "mechanism", "document",
        "document_sha256", "onward", "started_on", "ended_on", "review_on",
    )  # fmt: skip
    list_display = ("importer", "country", "mechanism", "review_on", "started_on", "ended_on", "clinic")
    columns = (
        "clinic", "importer", "country", "operations", "categories", "mechanism", "document", "document_sha256",
        "onward", "started_on", "ended_on", "review_on",
    )  # fmt: skip

    def formfield_for_dbfield(self, db_field: models.Field, request: HttpRequest, **kwargs: Any) -> Any:
        known: dict[str, Any] = {"operations": Processing.choices, "categories": _categories()}
        choices = known.get(db_field.name)
        if choices is None:
            return super().formfield_for_dbfield(db_field, request, **kwargs)
        return forms.MultipleChoiceField(
            label=capfirst(db_field.verbose_name), choices=choices, widget=UnfoldAdminCheckboxSelectMultipleWidget
        )


@admin.register(Assessment)
class AssessmentAdmin(KeptAdmin):
    question = gettext_lazy("What have we weighed, how was it decided, and when do we look again?")
    help_text = gettext_lazy(
        "The impact report (RIPD, Art. 38) weighs risks to people; the balancing test (Art. 10) weighs a legitimate "
        "interest against theirs. The document stays with the clinic; here stand its hash, the decision and the date "
        "of the next review."
    )
    fields = (
        "clinic", "kind", "operation", "title", "risk", "document", "document_sha256", "decision", "decided_on",
        "review_on",
    )  # fmt: skip
    list_display = ("title", "kind", "operation", "decision", "decided_on", "review_on", "clinic")
    columns = (
        "clinic", "kind", "operation", "title", "risk", "document", "document_sha256", "decision", "decided_on",
        "review_on",
    )  # fmt: skip
