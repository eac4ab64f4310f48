"""The form of one connection (A4): choices come from what Krayin and Chatwoot showed, never typed numbers."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminSelectWidget,
)

from bridge.connecting.inboxes import RECEIVING, conflict_of
from bridge.connecting.switching import NEXT, STATE_TEXTS
from bridge.models import Connection, KrayinUser, Setup

State = Connection.State
Choice = tuple[Any, Any]

STAGE_RULES = ("stage_on_conversation_created", "stage_on_first_response", "stage_on_conversation_resolved")
# From Krayin to Chatwoot (bridge.back).
BACK_FIELDS = ("krayin_to_chatwoot", "stage_label", "name_source", "email_source", "phone_source")
PLACEHOLDER = re.compile(r"\{[^{}]*\}")
PLACEHOLDERS = frozenset({"{nome}", "{caixa}"})


def krayin_users_of(row: Connection) -> list[KrayinUser]:
    """The connection's Krayin users, read once for a page that asks for them in every part."""
    if not row.pk:
        return []
    held: list[KrayinUser] = row.__dict__.setdefault("_krayin_users_held", [])
    if not held:
        held.extend(row.krayin_users.order_by("email"))
    return held


class ConnectionForm(forms.ModelForm):
    """Everything about a connection that a person decides. Secrets are only ever replaced, never shown."""

    chatwoot_token_new = forms.CharField(
        label=gettext_lazy("replace the Chatwoot token"),
        required=False,
        strip=True,
        max_length=500,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text=gettext_lazy("Access token of an administrator: in Chatwoot, Profile settings → Access token."),
    )
    webhook_secret_new = forms.CharField(
        label=gettext_lazy("replace the webhook secret"),
        required=False,
        strip=True,
        min_length=8,
        max_length=500,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text=gettext_lazy(
            "In Chatwoot: Settings → Integrations → Webhooks. The old one is accepted for 24 hours."
        ),
    )

    class Meta:
        model = Connection
        fields: ClassVar = [
            "name", "state", "preset", "message_text", "sync_to_organization", "title_template", "all_inboxes",
            "inbox_ids", "lead_pipeline_id", "lead_pipeline_stage_id", "lead_source_id", "lead_type_id",
            "shared_person", "stage_progression_enabled", *STAGE_RULES, "note_quiet_s", "note_max_age_s",
            *BACK_FIELDS,
        ]  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        row: Connection = self.instance
        self.krayin_users = krayin_users_of(row)
        makers = {
            "state": state_field,
            "inbox_ids": inbox_field,
            "lead_pipeline_id": pipeline_field,
            "lead_pipeline_stage_id": first_stage_field,
            "lead_source_id": source_field,
            "lead_type_id": type_field,
            **dict.fromkeys(STAGE_RULES, None),
        }
        for name in makers.keys() & self.fields.keys():
            make = makers[name]
            self.fields[name] = make(row) if make else rule_field(row, name)
        for user in self.krayin_users:
            self.fields[password_name(user)] = password_field(user)
        self._explain()
        for field in self.fields.values():
            field.label = capfirst(str(field.label))

    def _explain(self) -> None:
        texts = {
            "preset": gettext_lazy("The DPO answers for the text of messages: with it, health data may reach Krayin."),
            "message_text": gettext_lazy("Only counts with the third choice above."),
            "title_template": gettext_lazy("{nome} is the contact's name, {caixa} the inbox."),
            "all_inboxes": gettext_lazy("Also inboxes that are made later."),
            "sync_to_organization": gettext_lazy("The contact's company becomes the organisation of the person."),
            "shared_person": gettext_lazy(
                "When the person found in Krayin already belongs to another contact, for instance a family's phone."
            ),
            "stage_progression_enabled": gettext_lazy(
                "Only forward, never out of won or lost, and never after a person moved it by hand."
            ),
            "krayin_to_chatwoot": gettext_lazy(
                "Opportunity, stage, value, owner and link appear beside the conversation."
            ),
            "stage_label": gettext_lazy("A label crm-… on the contact. Leave it off where the stage reveals health."),
            "name_source": gettext_lazy("Who wins when both sides changed it."),
            "email_source": gettext_lazy("Who wins when both sides changed it."),
            "phone_source": gettext_lazy("Who wins when both sides changed it."),
            "note_quiet_s": gettext_lazy("Seconds without a new message before the note is written."),
            "note_max_age_s": gettext_lazy("Seconds after which it is written even while messages go on."),
        }
        for name in texts.keys() & self.fields.keys():
            self.fields[name].help_text = texts[name]

    # Checking ---------------------------------------------------------------------------------------------------------

    def clean_state(self) -> str:
        wanted: str = self.cleaned_data["state"]
        if wanted == State.ACTIVE and not self.instance.clinic.has_confirmed_policy:
            raise ValidationError(
                _("The clinic has not confirmed the legal bases yet: until the DPO does (Clinics), shadow is possible.")
            )
        return wanted

    def clean_title_template(self) -> str:
        template: str = self.cleaned_data["title_template"]
        unknown = [name for name in PLACEHOLDER.findall(template) if name not in PLACEHOLDERS]
        if unknown:
            raise ValidationError(_("%(what)s is not known: use {nome} and {caixa}.") % {"what": unknown[0]})
        return template

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        self._check_inboxes(data)
        self._check_stages(data)
        self._check_sharing(data)
        quiet, limit = data.get("note_quiet_s"), data.get("note_max_age_s")
        if quiet is not None and limit is not None and quiet > limit:
            self.add_error("note_max_age_s", _("Must not be shorter than the quiet time."))
        return data

    def _check_inboxes(self, data: Mapping[str, Any]) -> None:
        if "inbox_ids" in self.fields and not data.get("all_inboxes") and not data.get("inbox_ids"):
            self.add_error("inbox_ids", _("Choose at least one inbox, or every inbox of the account."))

    def _check_sharing(self, data: Mapping[str, Any]) -> None:
        """An inbox belongs to one receiving connection."""
        row: Connection = self.instance
        if "inbox_ids" not in self.fields or data.get("state", row.state) not in RECEIVING:
            return
        conflict = conflict_of(
            chatwoot_url=row.chatwoot_url, account_id=row.chatwoot_account_id,
            all_inboxes=bool(data.get("all_inboxes")), inbox_ids=data.get("inbox_ids") or (), but=row.pk,
        )  # fmt: skip
        if conflict:
            same_clinic = conflict.other.clinic_id == row.clinic_id
            field = "all_inboxes" if data.get("all_inboxes") else "inbox_ids"
            self.add_error(field, conflict.told(name_it=same_clinic))

    def _check_stages(self, data: Mapping[str, Any]) -> None:
        """Every chosen stage belongs to the chosen pipeline."""
        if "lead_pipeline_id" not in self.fields:
            return
        row: Connection = self.instance
        pipeline_id = data.get("lead_pipeline_id") or row.default_pipeline_id
        allowed = {stage["id"] for p in row.pipelines if p["id"] == pipeline_id for stage in p["stages"]}
        for name in ("lead_pipeline_stage_id", *STAGE_RULES):
            chosen = data.get(name)
            if chosen is not None and chosen not in allowed:
                self.add_error(name, _("This stage is not one of the chosen pipeline's."))
        is_another = pipeline_id != row.default_pipeline_id
        if is_another and not data.get("lead_pipeline_stage_id"):
            self.add_error("lead_pipeline_stage_id", _("Choose the first stage of this pipeline."))

    # What was entered -------------------------------------------------------------------------------------------------

    def entered(self, name: str) -> str:
        return str(self.cleaned_data.get(name) or "")

    def entered_passwords(self) -> list[tuple[KrayinUser, str]]:
        pairs = [(user, self.entered(password_name(user))) for user in self.krayin_users]
        return [(user, text) for user, text in pairs if text]


# Fields ---------------------------------------------------------------------------------------------------------------


PASSWORDS = "krayin_password_"


def password_name(user: KrayinUser) -> str:
    return f"{PASSWORDS}{user.pk}"


def is_secret(name: str) -> bool:
    """Whether the field of this name takes a token, a secret or a password."""
    return name.endswith("_new") or name.startswith(PASSWORDS)


def password_field(user: KrayinUser) -> forms.CharField:
    return forms.CharField(
        label=_("replace the Krayin password of %(who)s") % {"who": user.email},
        required=False,
        strip=False,
        max_length=200,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text=_("Ponte signs in again with it; every other API token of this Krayin user then stops working."),
    )


def state_field(row: Connection) -> forms.TypedChoiceField:
    names = dict(State.choices)
    offered = [row.state, *NEXT[row.state]]
    return forms.TypedChoiceField(
        label=gettext_lazy("state"),
        choices=[(value, f"{names[value]}: {STATE_TEXTS[value]}") for value in offered],
        widget=UnfoldAdminRadioSelectWidget(),
    )


def inbox_field(row: Connection) -> forms.TypedMultipleChoiceField:
    known = {int(number): name for number, name in row.inbox_names.items()}
    choices = sorted(known.items(), key=lambda pair: str(pair[1]).casefold())
    choices += [(number, gone(number)) for number in row.inbox_ids if number not in known]
    return forms.TypedMultipleChoiceField(
        label=gettext_lazy("inboxes"),
        choices=choices,
        coerce=int,
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
        help_text=gettext_lazy("Conversations of other inboxes are dropped before anything is stored."),
    )


def pipeline_field(row: Connection) -> forms.TypedChoiceField:
    choices = [(pipeline["id"], pipeline["name"]) for pipeline in row.pipelines]
    return number_field(gettext_lazy("pipeline"), choices, row.lead_pipeline_id, as_found(row.default_pipeline_name))


def first_stage_field(row: Connection) -> forms.TypedChoiceField:
    empty = as_found(row.default_stage_name)
    return number_field(gettext_lazy("first stage"), stages_of(row), row.lead_pipeline_stage_id, empty)


def rule_field(row: Connection, name: str) -> forms.TypedChoiceField:
    label = Connection._meta.get_field(name).verbose_name  # type: ignore[union-attr]
    return number_field(label, stages_of(row), getattr(row, name), _("does not move"))


def source_field(row: Connection) -> forms.TypedChoiceField:
    choices = listed(row, "sources", row.default_source_id, row.default_source_name)
    return number_field(gettext_lazy("source"), choices, row.lead_source_id, as_found(row.default_source_name))


def type_field(row: Connection) -> forms.TypedChoiceField:
    choices = listed(row, "types", row.default_lead_type_id, row.default_lead_type_name)
    return number_field(gettext_lazy("type"), choices, row.lead_type_id, as_found(row.default_lead_type_name))


def listed(row: Connection, name: str, default_id: int | None, default_name: str) -> list[Choice]:
    """What Krayin offered when it was last read; at least the default."""
    lists = Setup.objects.filter(connection=row).values_list("crm_lists", flat=True).first() if row.pk else None
    known = {item["id"]: item["name"] for item in (lists or {}).get(name, [])}
    if default_id is not None:
        known.setdefault(default_id, default_name)
    return list(known.items())


def stages_of(row: Connection) -> list[Choice]:
    """Stages grouped by pipeline, in their order."""
    return [(p["name"], [(stage["id"], stage["name"]) for stage in p["stages"]]) for p in row.pipelines]


def number_field(label: Any, choices: Iterable[Choice], held: int | None, empty: str) -> forms.TypedChoiceField:
    """A choice among Krayin's own objects; one that is held but no longer there stays visible as such."""
    offered = list(choices)
    if held is not None and held not in set(_values(offered)):
        offered.append((held, gone(held)))
    return forms.TypedChoiceField(
        label=label,
        choices=[("", empty), *offered],
        coerce=int,
        empty_value=None,
        required=False,
        widget=UnfoldAdminSelectWidget(),
    )


def _values(choices: Iterable[Choice]) -> Iterable[Any]:
    for value, name in choices:
        if isinstance(name, list):
            yield from (inner for inner, _name in name)
        else:
            yield value


def as_found(name: str) -> str:
    return _("as when connecting: %(name)s") % {"name": name} if name else _("none")


def gone(number: int) -> str:
    return _("number %(n)d: no longer exists") % {"n": number}
