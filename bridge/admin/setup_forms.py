"""The forms of the setup assistant (A4), one for each step that asks something. Secrets are typed, never shown."""

from collections.abc import Iterable
from typing import Any, ClassVar
from zoneinfo import available_timezones

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminEmailInputWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from bridge.admin.connection_form import STAGE_RULES, ConnectionForm
from bridge.connecting.inboxes import conflict_of
from bridge.connecting.switching import NEXT, STATE_TEXTS
from bridge.connecting.typed import UnusableAddress, chatwoot_address, krayin_address
from bridge.models import Connection, Krayin, Setup
from consent.models import Clinic
from consent.validators import cnpj_normalised, validate_cnpj

State = Connection.State
ZONES = ("America/Sao_Paulo", "America/Manaus", "America/Cuiaba", "America/Rio_Branco", "America/Noronha",
         "America/Belem", "America/Fortaleza", "America/Recife", "America/Bahia", "America/Campo_Grande")  # fmt: skip
NEW = "new"
NEW_CLINIC = ("new_clinic", "new_cnpj", "time_zone")
ZONE_NAMES = {"Sao Paulo": "São Paulo", "Cuiaba": "Cuiabá", "Belem": "Belém", "Noronha": "Fernando de Noronha"}


def zone_name(zone: str) -> str:
    """The city as Brazilians write it."""
    city = zone.split("/")[1].replace("_", " ")
    return ZONE_NAMES.get(city, city)


class StepForm(forms.Form):
    """Labels begin with a capital; errors stand beside their field."""

    # Fields that most people do not need, and the words that unfold them.
    folded: ClassVar[tuple[str, ...]] = ()
    folded_title: ClassVar[Any] = ""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.label = capfirst(str(field.label))

    def plain_fields(self) -> list[forms.BoundField]:
        return [field for field in self if field.name not in self.folded]

    def folded_fields(self) -> list[forms.BoundField]:
        return [field for field in self if field.name in self.folded]


def text_field(
    label: Any, *, help_text: Any = "", required: bool = True, max_length: int = 200, **attrs: str
) -> forms.CharField:
    return forms.CharField(
        label=label, required=required, max_length=max_length, strip=True, help_text=help_text,
        widget=UnfoldAdminTextInputWidget(attrs=attrs),
    )  # fmt: skip


def secret_field(label: Any, *, help_text: Any = "", required: bool = True) -> forms.CharField:
    return forms.CharField(
        label=label, required=required, max_length=500, strip=True, help_text=help_text,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
    )  # fmt: skip


class AddressForm(StepForm):
    """Step 1: whose connection, its name, and whether partners can reach us."""

    clinic = forms.ChoiceField(label=gettext_lazy("clinic"), widget=UnfoldAdminSelectWidget())
    new_clinic = text_field(gettext_lazy("name of the new clinic"), required=False)
    new_cnpj = text_field(gettext_lazy("CNPJ of the new clinic"), required=False, max_length=18)
    time_zone = forms.ChoiceField(
        label=gettext_lazy("time zone of the new clinic"), required=False, widget=UnfoldAdminSelectWidget(),
        choices=[(zone, zone_name(zone)) for zone in ZONES if zone in available_timezones()],
    )  # fmt: skip
    name = text_field(
        gettext_lazy("name of the connection"), max_length=120,
        help_text=gettext_lazy("As people will find it in Ponte, for instance Reception."),
    )  # fmt: skip
    arrives = forms.ChoiceField(
        label=gettext_lazy("how news arrive"), widget=UnfoldAdminRadioSelectWidget(),
        choices=[
            ("webhook", gettext_lazy("Chatwoot calls Ponte at its public address: news within a second")),
            ("poll", gettext_lazy("only polling: Ponte asks Chatwoot each minute; no public address is needed")),
        ],
    )  # fmt: skip

    def __init__(
        self, *args: Any, clinics: QuerySet[Clinic], may_add: bool, setup: Setup | None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.clinics, self.setup = clinics, setup
        if clinics:
            self.folded, self.folded_title = NEW_CLINIC, _("A new clinic")  # type: ignore[misc]
        known = [(str(clinic.pk), clinic.trade_name) for clinic in clinics]
        self.fields["clinic"].choices = [*known, *([(NEW, _("a new clinic"))] if may_add else [])]  # type: ignore[attr-defined]
        if not may_add or (setup and setup.connection_id):
            for name in NEW_CLINIC:
                del self.fields[name]
        if setup and setup.connection_id:
            self.fields["clinic"].choices = [(str(setup.clinic_id), setup.clinic.trade_name)]  # type: ignore[attr-defined]

    def clean_new_cnpj(self) -> str:
        cnpj: str = cnpj_normalised(self.cleaned_data["new_cnpj"])
        if cnpj:
            validate_cnpj(cnpj)
        return cnpj

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if data.get("new_clinic"):
            data["clinic"] = NEW
        elif data.get("clinic") == NEW:
            self.add_error("new_clinic", _("Write the clinic's name."))
        chosen = self.chosen_clinic()
        taken = Connection.objects.filter(clinic=chosen, name=data.get("name")) if chosen else Connection.objects.none()
        if self.setup and self.setup.connection_id:
            taken = taken.exclude(pk=self.setup.connection_id)
        if taken.exists():
            self.add_error("name", _("This clinic already has a connection of this name: choose another."))
        return data

    def chosen_clinic(self) -> Clinic | None:
        pk = self.cleaned_data.get("clinic", "")
        return self.clinics.filter(pk=int(pk)).first() if pk.isdecimal() else None


class ChatwootForm(StepForm):
    """Step 2: address, account, token."""

    address = text_field(
        gettext_lazy("Chatwoot address"), max_length=400, inputmode="url", placeholder="https://chat.clinica.com.br/app/accounts/3",
        help_text=gettext_lazy("Copy it from the browser while Chatwoot is open: the account number is in it."),
    )  # fmt: skip
    account = forms.IntegerField(
        label=gettext_lazy("account number"), required=False, min_value=1, max_value=2**62,
        help_text=gettext_lazy("Only if the address above does not hold it."), localize=False,
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "numeric"}),
    )  # fmt: skip
    token = secret_field(
        gettext_lazy("access token of an administrator"),
        help_text=gettext_lazy(
            "In Chatwoot: Profile settings → Access token. Best of a user of its own, so that nobody's leaving stops Ponte."
        ),
    )

    def __init__(self, *args: Any, has_token: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if has_token:
            self.fields["token"].required = False
            self.fields["token"].help_text = _("A token is kept. Leave this empty to keep it; it is never shown.")

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        try:
            base, account = chatwoot_address(data.get("address") or "")
        except UnusableAddress as error:
            if data.get("address"):
                self.add_error("address", str(error))
            return data
        data["address"] = base
        data["account"] = data.get("account") or account
        if not data["account"] and "account" not in self.errors:
            self.add_error("account", _("Write the account number: in Chatwoot's address it follows …/accounts/"))
        return data


class KrayinEntryForm(StepForm):
    """Step 3: address and a user of its own."""

    address = text_field(
        gettext_lazy("Krayin address"), max_length=400, inputmode="url", placeholder="https://crm.clinica.com.br"
    )
    email = forms.EmailField(
        label=gettext_lazy("e-mail of Ponte's own Krayin user"),
        widget=UnfoldAdminEmailInputWidget(attrs={"autocomplete": "off"}),
    )
    password = secret_field(gettext_lazy("its password"))
    keep_password = forms.BooleanField(
        label=gettext_lazy("keep the password, encrypted, so that Ponte renews its access by itself"),
        required=False, initial=True, widget=UnfoldBooleanWidget(),
    )  # fmt: skip
    same_as = forms.ChoiceField(
        label=gettext_lazy("which installation is this?"), required=False, widget=UnfoldAdminRadioSelectWidget(),
        help_text=gettext_lazy(
            "If a Krayin you connected before moved to this address, say so: otherwise all would be written a second time."
        ),
    )  # fmt: skip

    def __init__(self, *args: Any, known: Iterable[Krayin], has_access: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        others = list(known)
        moved = _("the one that was at %(address)s; it moved here")
        choices = [("", _("a new one, or the one already known at this address"))]
        choices += [(str(row.pk), moved % {"address": row.base_url}) for row in others]
        self.fields["same_as"].choices = choices  # type: ignore[attr-defined]
        if not others:
            del self.fields["same_as"]
        if has_access:
            self.fields["password"].required = False
            self.fields["password"].help_text = _("An access is kept. Leave this empty to keep it; it is never shown.")

    def clean_address(self) -> str:
        try:
            return krayin_address(self.cleaned_data["address"])
        except UnusableAddress as error:
            raise ValidationError(str(error)) from error


class SendForm(ConnectionForm):
    """Step 4 (A6): presets, inboxes, where opportunities go. The DPO's confirmation is its own button."""

    health_ids = forms.TypedMultipleChoiceField(
        label=gettext_lazy("inboxes whose name reveals health"), coerce=int, required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
    )  # fmt: skip

    class Meta(ConnectionForm.Meta):
        fields: ClassVar = [
            "preset", "message_text", "all_inboxes", "inbox_ids", "title_template", "sync_to_organization",
            "lead_pipeline_id", "lead_pipeline_stage_id", "lead_source_id", "lead_type_id", "stage_progression_enabled",
            *STAGE_RULES, "krayin_to_chatwoot",
        ]  # fmt: skip

    def __init__(self, *args: Any, may_know_others: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.may_know_others = may_know_others
        row: Connection = self.instance
        for name in [n for n in self.fields if n.endswith("_new") or n.startswith("krayin_password_")]:
            del self.fields[name]
        self.fields["preset"].widget = UnfoldAdminRadioSelectWidget(choices=Connection.Preset.choices)
        self.fields["health_ids"].choices = [(int(n), name) for n, name in row.inbox_names.items()]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        conflict = conflict_of(
            chatwoot_url=self.instance.chatwoot_url, account_id=self.instance.chatwoot_account_id,
            all_inboxes=bool(data.get("all_inboxes")), inbox_ids=data.get("inbox_ids") or (), but=self.instance.pk,
        )  # fmt: skip
        if conflict:
            field = "all_inboxes" if not conflict.inboxes and data.get("all_inboxes") else "inbox_ids"
            self.add_error(field, conflict.told(name_it=self.may_know_others))
        return data


class SwitchForm(StepForm):
    """Step 8: shadow or active."""

    state = forms.ChoiceField(label=gettext_lazy("state"), widget=UnfoldAdminRadioSelectWidget())

    def __init__(self, *args: Any, connection: Connection, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = dict(State.choices)
        offered = [s for s in (State.SHADOW, State.ACTIVE) if s == connection.state or s in NEXT[connection.state]]
        self.fields["state"].choices = [(s, f"{capfirst(str(names[s]))}: {STATE_TEXTS[s]}") for s in offered]  # type: ignore[attr-defined]
