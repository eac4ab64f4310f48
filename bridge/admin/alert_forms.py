"""Forms of screen B11: what people change about a rule, and where alerts go besides mail."""

import secrets
from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bridge.alerts.base import Rule
from bridge.alerts.outside import validate_address
from bridge.models import AlertPlace, AlertRule, Connection, Severity
from consent.encryption import seal_system
from consent.models import Clinic, User
from consent.roles import Role

Kind = AlertPlace.Kind
SECRET_BYTES = 32


class RuleForm(forms.ModelForm):  # type: ignore[type-arg]
    """One rule. Empty fields mean: as shipped."""

    class Meta:
        model = AlertRule
        fields = (
            "is_on", "threshold", "severity", "by_mail", "by_chatwoot", "by_webhook", "people", "quiet_from", "quiet_to",
            "escalate_min", "escalate_to",
        )  # fmt: skip
        widgets = {
            "quiet_from": forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
            "quiet_to": forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
        }

    def __init__(self, data: Mapping[str, Any] | None = None, *, rule: Rule, instance: AlertRule) -> None:
        super().__init__(data, instance=instance)
        unit = {"n": f"{rule.threshold:g}", "unit": rule.unit}
        self.fields["threshold"].help_text = _("As shipped: %(n)s %(unit)s.") % unit
        self.fields["threshold"].widget.attrs["min"] = "0"
        shipped = ", ".join(str(one.label) for one in dict.fromkeys(rule.severities))
        self.fields["severity"].choices = [  # type: ignore[attr-defined]
            ("", _("as shipped: %(who)s") % {"who": shipped}), *Severity.choices,
        ]  # fmt: skip
        wait = f"{rule.then_after_min} min" if rule.then else _("no next step")
        self.fields["escalate_min"].help_text = _("As shipped: %(time)s; 0: no next step.") % {"time": wait}
        then = str(rule.then.label) if rule.then else _("nobody")
        self.fields["escalate_to"].choices = [  # type: ignore[attr-defined]
            ("", _("as shipped: %(who)s") % {"who": then}),
            *((role.value, role.label) for role in Role if role not in {Role.ATTENDANT, Role.INTEGRATION}),
        ]
        people = User.objects.filter(is_active=True, memberships__isnull=False).distinct().order_by("name", "email")
        self.fields["people"].queryset = people  # type: ignore[attr-defined]

    def clean_threshold(self) -> float | None:
        given: float | None = self.cleaned_data["threshold"]
        if given is not None and given < 0:
            raise forms.ValidationError(_("Not below zero."))
        return given

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        if (said.get("quiet_from") is None) != (said.get("quiet_to") is None):
            self.add_error("quiet_to", _("Say from when until when, or leave both empty."))
        return said


class PlaceForm(forms.Form):
    """A conversation for private notes, or a program's address. One of each kind per clinic."""

    clinic = forms.ModelChoiceField(Clinic.objects.none(), label=gettext_lazy("For"), required=False)
    kind = forms.ChoiceField(label=gettext_lazy("Where to"), choices=Kind.choices, widget=forms.RadioSelect)
    connection = forms.ModelChoiceField(Connection.objects.none(), label=gettext_lazy("Connection"), required=False)
    conversation_id = forms.IntegerField(
        label=gettext_lazy("Number of the conversation"),
        min_value=1,
        required=False,
        help_text=gettext_lazy(
            "A conversation of your team's own, not one with a patient: all its members see the notes."
        ),
    )
    url = forms.CharField(
        label=gettext_lazy("Address of the program"), max_length=300, required=False, validators=[validate_address]
    )

    def __init__(self, data: Mapping[str, Any] | None = None, *, clinics: Any, connections: Any, may_all: bool) -> None:
        super().__init__(data)
        self.fields["clinic"].queryset = clinics  # type: ignore[attr-defined]
        self.fields["connection"].queryset = connections  # type: ignore[attr-defined]
        self.fields["clinic"].required = not may_all
        self.fields["clinic"].empty_label = _("the whole installation") if may_all else _("choose…")  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        kind, clinic, connection = said.get("kind"), said.get("clinic"), said.get("connection")
        if kind == Kind.CHATWOOT and not (connection and said.get("conversation_id")):
            self.add_error("connection", _("Say which connection and which conversation."))
        elif connection and clinic and connection.clinic_id != clinic.pk:
            self.add_error("connection", _("This connection belongs to another clinic."))
        if kind == Kind.WEBHOOK and not said.get("url") and "url" not in self.errors:
            self.add_error("url", _("Say the address."))
        if kind and "clinic" not in self.errors and AlertPlace.objects.filter(clinic=clinic, kind=kind).exists():
            self.add_error("kind", _("There is one already; remove it first."))
        return said

    def keep(self) -> tuple[AlertPlace, str]:
        """Store the place; return it and, of a program, the secret that signs, which is shown once."""
        said = self.cleaned_data
        place = AlertPlace(clinic=said["clinic"], kind=said["kind"])
        secret = ""
        if place.kind == Kind.CHATWOOT:
            place.connection, place.conversation_id = said["connection"], said["conversation_id"]
        else:
            place.url, secret = said["url"], secrets.token_urlsafe(SECRET_BYTES)
            place.secret = seal_system(secret.encode(), context=place.secret_context)
        place.save()
        return place, secret
