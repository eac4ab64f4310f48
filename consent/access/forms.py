"""What people type to prove who they are. Nothing here decides; `signing_in`, `devices` and `people` do."""

from typing import Any

from django import forms
from django.contrib.auth.password_validation import password_validators_help_texts, validate_password
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from consent.models import User

LONGEST = 254


def password_field(label: Any, autocomplete: str, **more: Any) -> forms.CharField:
    attrs = {"autocomplete": autocomplete}
    return forms.CharField(label=label, strip=False, max_length=LONGEST, widget=forms.PasswordInput(attrs), **more)


class PasswordStep(forms.Form):
    username = forms.CharField(
        label=gettext_lazy("E-mail"),
        max_length=LONGEST,
        widget=forms.EmailInput({"autocomplete": "username", "autofocus": True}),
    )
    password = password_field(gettext_lazy("Password"), "current-password")


class CodeStep(forms.Form):
    code = forms.CharField(
        label=gettext_lazy("Code"),
        max_length=64,
        widget=forms.TextInput({"autocomplete": "one-time-code", "autofocus": True, "spellcheck": "false"}),
    )


class EnrolStep(CodeStep):
    code = forms.CharField(
        label=gettext_lazy("Code of 6 digits that the app shows"),
        max_length=12,
        widget=forms.TextInput({"autocomplete": "one-time-code", "inputmode": "numeric", "spellcheck": "false"}),
    )


class CheckAgain(forms.Form):
    secret = forms.CharField(
        label=gettext_lazy("Code of the app, or your password"),
        max_length=LONGEST,
        strip=False,
        widget=forms.PasswordInput({"autocomplete": "one-time-code", "autofocus": True}),
    )


class NewPassword(forms.Form):
    """A password, twice. `user` is the account it will belong to: it must not resemble its name or address."""

    new = password_field(gettext_lazy("New password"), "new-password")
    again = password_field(gettext_lazy("The new password once more"), "new-password")

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        self.fields["new"].help_text = " ".join(password_validators_help_texts())

    def clean_new(self) -> str:
        new: str = self.cleaned_data["new"]
        validate_password(new, self.user)
        return new

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        if said.get("new") and said.get("again") and said["new"] != said["again"]:
            self.add_error("again", ValidationError(_("The two passwords differ.")))
        return said


class ChangePassword(NewPassword):
    old = password_field(gettext_lazy("Current password"), "current-password")
    field_order = ("old", "new", "again")
