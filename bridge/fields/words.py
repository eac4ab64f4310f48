"""The mapping in plain words."""

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from bridge.fields.check import Found
from bridge.fields.checks import Trouble
from bridge.models import FieldRow

TROUBLE: Mapping[Trouble, str | Promise] = {
    Trouble.CHATWOOT_GONE: _("Chatwoot no longer has this field. Choose another one, or remove the row."),
    Trouble.KRAYIN_GONE: _("Krayin no longer has this field. Choose another one, or remove the row."),
    Trouble.NO_CATEGORY: _("Choose the data category: without it the row cannot be published."),
    Trouble.UNFIT: _("This conversion does not give what the field of Krayin takes. Choose another one."),
    Trouble.NOT_READABLE: _("Krayin's API does not show this field: it can only be written to Krayin."),
    Trouble.NOT_WRITABLE: _("Only custom attributes of contacts take values from Krayin."),
    Trouble.TWICE: _("Another row writes the same field."),
    Trouble.BACK_IS_OFF: _("Nothing goes to Chatwoot while “show the opportunity in Chatwoot” is off."),
    Trouble.ONLY_NEW: _(
        "New opportunities only: this Krayin has yes/no fields on opportunities, and a later change would clear them."
    ),
}
FOUND: Mapping[Found, str | Promise] = {
    Found.TO_KRAYIN: _("would be written to Krayin"),
    Found.TO_CHATWOOT: _("would be written to Chatwoot"),
    Found.NO_RECORD: _("would go with the new record"),
    Found.FAILS: _("cannot be converted"),
    Found.SAME: _("already equal"),
    Found.EMPTY: _("without value"),
    Found.BLOCKED: _("blocked person"),
}
# In the middle of a row: the field of Chatwoot stands before, Krayin's after.
ARROWS = {FieldRow.Direction.KRAYIN: "→", FieldRow.Direction.CHATWOOT: "←", FieldRow.Direction.BOTH: "↔"}
