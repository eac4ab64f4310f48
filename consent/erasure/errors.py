"""How the erasure says no."""

from datetime import datetime

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from consent.refusals import Refused

TEXTS: dict[str, str | Promise] = {
    "not_permitted": _("Only the clinic's data protection officer does this."),
    "state": _("It is not in that state any more: look at the page again."),
    "erased": _("The person's data are already erased."),
    "running": _("An erasure of this person is under way already."),
    "hold": _("A legal hold forbids it: nothing is removed, the person is blocked and told so."),
    "open_conversation": _("There is an open conversation: resolve it in Chatwoot first, then look again."),
    "quotes": _("Say that you looked at the quotes: Krayin removes them with the person."),
    "care": _("Say whether the person ever received care at the clinic."),
    "second_person": _("It touches clinical data: somebody else must approve it, too."),
    "reason": _("Say why."),
}


class NotPossible(Refused):
    """Nothing was done."""

    texts = TEXTS


class MustWait(NotPossible):
    """Nobody else may approve: it can be approved alone from `until` on, with a notice (DESIGN section 9)."""

    def __init__(self, until: datetime) -> None:
        super().__init__("second_person")
        self.until = until

    @property
    def text(self) -> str:
        return str(_("Only one person of this clinic may approve it: it can be approved 24 hours from now."))
