"""The forms of the register of incidents (C10)."""

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from consent.admin.holds_person import file_sha256
from consent.datamap.retention import CURRENT_RETENTION, TABLES
from consent.incidents import Facts, Reach, Scope, ToAuthority, ToPersons
from consent.incidents.facts import CHOICES, COUNTS, NAMES, TEXTS, Report, Telling
from consent.models import Incident, User

LONGEST = 4000
NO_NAMES = gettext_lazy("No names, telephones, e-mail addresses or CPFs of people.")
HELP = {
    "description": NO_NAMES,
    "may_harm": gettext_lazy("If yes, and it involves one of what follows, the ANPD and the people are told."),
    "unintelligible": gettext_lazy("Yes only if nobody could have got at the keys."),
    "evidence": gettext_lazy("For example: the keys lie on another server, whose trail shows no sign-in."),
    "delay": gettext_lazy("Only if something was told after its day."),
}
CHANNELS = [
    ("chat", gettext_lazy("Chat")), ("email", gettext_lazy("E-mail")), ("letter", gettext_lazy("Letter")),
    ("phone", gettext_lazy("Telephone")), ("page", gettext_lazy("Site, app or social media")),
]  # fmt: skip


def moment(label: Any, **more: Any) -> forms.DateTimeField:
    """A time of the clinic; `in_zone` reads it."""
    widget = forms.DateTimeInput({"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
    return forms.DateTimeField(label=label, widget=widget, **more)


def in_zone(when: datetime | None, zone: ZoneInfo) -> datetime | None:
    """What was typed is the clinic's own time, whatever the zone of the server."""
    return when.replace(tzinfo=zone) if when else None


def shown_in(when: datetime, zone: ZoneInfo) -> datetime:
    """For a field: without zone, else Django would show it in the server's."""
    return when.astimezone(zone).replace(tzinfo=None)


def fact_field(name: str) -> forms.Field:
    label, help_text = capfirst(str(NAMES[name])), HELP.get(name, "")
    if name in TEXTS:
        box = forms.TextInput() if name == "processor" else forms.Textarea({"rows": 3})
        return forms.CharField(
            label=label, help_text=help_text, required=name == "description", max_length=LONGEST, widget=box
        )
    if name in COUNTS:
        return forms.IntegerField(label=label, required=False, min_value=0, max_value=10**9)
    if name == "occurred_on":
        return forms.DateField(label=label, required=False, widget=forms.DateInput({"type": "date"}))
    if name == "categories":
        rules = TABLES[CURRENT_RETENTION].rules.values()
        chosen = [(rule.code, f"{rule.code} · {rule.title}") for rule in rules]
        return forms.MultipleChoiceField(
            label=label, choices=chosen, required=False, widget=forms.CheckboxSelectMultiple
        )
    options = CHOICES[name].choices
    if name in {"aspects", "criteria"}:
        return forms.MultipleChoiceField(
            label=label, choices=options, required=False, widget=forms.CheckboxSelectMultiple, help_text=help_text
        )
    return forms.ChoiceField(label=label, choices=[("", "—"), *options], required=False, help_text=help_text)


class FactsForm(forms.Form):
    """Everything the register, the ANPD and the people are told."""

    names = tuple(NAMES)

    def __init__(self, data: Any = None, *, facts: Facts, **more: Any) -> None:
        super().__init__(data, initial={**_shown(facts), **more.pop("initial", {})}, **more)
        self.facts = facts
        for name in self.names:
            self.fields[name] = fact_field(name)

    @property
    def said(self) -> Facts:
        return self.facts.changed(**{name: _stored(self.cleaned_data[name]) for name in self.names})


class OpenForm(FactsForm):
    """What is known when an incident is entered: the rest is completed later."""

    known_at = moment(
        gettext_lazy("Since when the clinic knows that personal data were affected"),
        help_text=gettext_lazy("The clocks of the law run from here, in business days."),
    )
    source = forms.ChoiceField(label=gettext_lazy("How it was noticed"), choices=Incident.Source.choices)
    names = ("description", "occurred_on", "aspects", "may_harm", "criteria")


def _shown(facts: Facts) -> dict[str, Any]:
    return {**facts.stored(), "occurred_on": date.fromisoformat(facts.occurred_on) if facts.occurred_on else None}


def _stored(value: Any) -> Any:
    """As `Facts` keeps it."""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list):
        return tuple(value)
    return value.strip() if isinstance(value, str) else value if value is not None else None


class EstimateForm(forms.Form):
    reach = forms.ChoiceField(
        label=gettext_lazy("What somebody got at"),
        choices=[
            (Reach.SEEN.value, gettext_lazy("what was opened, searched or exported in Ponte in a period")),
            (Reach.ALL.value, gettext_lazy("everything: the database, a backup, the whole server")),
        ],
        widget=forms.RadioSelect,
        initial=Reach.SEEN.value,
    )
    since = moment(gettext_lazy("From"), required=False)
    until = moment(gettext_lazy("To"), required=False)
    account = forms.ModelChoiceField(
        User.objects.none(), label=gettext_lazy("By this account only"), required=False,
        empty_label=gettext_lazy("anybody"),
    )  # fmt: skip

    def __init__(self, data: Any = None, *, incident: Incident, **more: Any) -> None:
        super().__init__(data, **more)
        self.zone = ZoneInfo(incident.clinic.time_zone)
        accounts = User.objects.filter(memberships__clinic=incident.clinic_id).distinct().order_by("name", "email")
        self.fields["account"].queryset = accounts  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        if said.get("reach") == Reach.SEEN and not said.get("since"):
            self.add_error("since", _("Say from when on."))
        return said

    @property
    def scope(self) -> Scope:
        said = self.cleaned_data
        if said["reach"] == Reach.ALL:
            return Scope(Reach.ALL)
        account = said["account"]
        since, until = in_zone(said["since"], self.zone), in_zone(said["until"], self.zone)
        return Scope(Reach.SEEN, since, until, account.pk if account else None)


class DecideForm(forms.Form):
    report = forms.ChoiceField(
        label=gettext_lazy("Decision"),
        choices=[
            ("yes", gettext_lazy("The ANPD and the people are told")),
            ("no", gettext_lazy("Kept in the register, not reported")),
        ],
        widget=forms.RadioSelect,
    )
    reason = forms.CharField(
        label=gettext_lazy("Reason"), required=False, max_length=LONGEST, widget=forms.Textarea({"rows": 3}),
        help_text=gettext_lazy("Needed for a no. No names."),
    )  # fmt: skip


class SentForm(forms.Form):
    """What proves that something was sent."""

    sent_at = moment(gettext_lazy("Sent"))
    proof = forms.CharField(
        label=gettext_lazy("Number of the receipt"), max_length=200, widget=forms.TextInput({"autocomplete": "off"})
    )
    document = forms.FileField(
        label=gettext_lazy("What was sent, or the receipt"),
        help_text=gettext_lazy("Only its hash is kept; keep the file in the clinic."),
    )

    def __init__(self, data: Any = None, files: Any = None, *, zone: ZoneInfo, **more: Any) -> None:
        super().__init__(data, files, initial={"sent_at": shown_in(timezone.now(), zone)}, **more)
        self.zone = zone

    @property
    def proved(self) -> dict[str, Any]:
        said = self.cleaned_data
        return {
            "sent_at": in_zone(said["sent_at"], self.zone), "proof": said["proof"],
            "document_sha256": file_sha256(said["document"]),
        }  # fmt: skip


class AuthorityForm(SentForm):
    report_type = forms.ChoiceField(label=gettext_lazy("Kind of report"), choices=Report.choices)
    process_number = forms.CharField(
        label=gettext_lazy("Number of the process at the ANPD"), max_length=60, required=False,
        widget=forms.TextInput({"autocomplete": "off"}),
    )  # fmt: skip
    field_order = ("report_type", "sent_at", "process_number")

    @property
    def sent(self) -> ToAuthority:
        said = self.cleaned_data
        return ToAuthority(report_type=said["report_type"], process_number=said["process_number"], **self.proved)


class PersonsForm(SentForm):
    form = forms.ChoiceField(label=gettext_lazy("How they were told"), choices=Telling.choices)
    channel = forms.ChoiceField(label=gettext_lazy("By which way"), choices=CHANNELS)
    people = forms.IntegerField(label=gettext_lazy("To how many people"), required=False, min_value=0, max_value=10**9)
    field_order = ("form", "channel", "people", "sent_at")

    @property
    def sent(self) -> ToPersons:
        said = self.cleaned_data
        return ToPersons(form=said["form"], channel=said["channel"], people=said["people"], **self.proved)


class CloseForm(forms.Form):
    outcome = forms.ChoiceField(label=gettext_lazy("How it ends"), choices=Incident.Outcome.choices)
    reason = forms.CharField(
        label=gettext_lazy("In words"), max_length=LONGEST, widget=forms.Textarea({"rows": 3}), help_text=NO_NAMES
    )
