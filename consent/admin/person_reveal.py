"""Opening what is sealed of a person: what for, and why where the purpose asks for it."""

from django import forms
from django.utils.translation import gettext_lazy

from consent.policy import PurposeOfUse
from consent.queries.trail_words import EXPORT_REASONS, REASONS

PURPOSES = (
    PurposeOfUse.CARE, PurposeOfUse.SCHEDULING, PurposeOfUse.BILLING, PurposeOfUse.LEGAL, PurposeOfUse.DPO,
    PurposeOfUse.SUPPORT,
)  # fmt: skip


class RevealForm(forms.Form):
    purpose = forms.ChoiceField(
        error_messages={"invalid_choice": gettext_lazy("Choose what for.")},
        label=gettext_lazy("What for"),
        choices=[("", gettext_lazy("choose…")), *((p.value, p.label) for p in PURPOSES)],
    )
    reason = forms.ChoiceField(
        label=gettext_lazy("Reason"),
        required=False,
        error_messages={"invalid_choice": gettext_lazy("Choose a reason of the list.")},
        choices=[("", gettext_lazy("none"))] + [(code, REASONS[code]) for code in EXPORT_REASONS if code != "backup"],
        help_text=gettext_lazy("Needed for the purposes legal and support."),
    )
