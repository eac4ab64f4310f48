"""Why somebody is not asked for a consent now, in words for the screens and the panel."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from consent.consents.state import WhyNot

WHY: dict[str, str | Promise] = {
    WhyNot.CLOSED: gettext_lazy("blocked or erased"),
    WhyNot.OPPOSED: gettext_lazy("objected to this purpose"),
    WhyNot.MINOR: gettext_lazy("minor: the guardian has to answer"),
    WhyNot.NO_TEXT: gettext_lazy("no approved text for this purpose"),
    WhyNot.VALID: gettext_lazy("already said yes"),
    WhyNot.SAID_NO: gettext_lazy("said no less than 90 days ago"),
    WhyNot.SUPPRESSED: gettext_lazy("the contact is on the suppression list"),
    WhyNot.ASKED: gettext_lazy("was asked and has not answered yet"),
    "window_closed": gettext_lazy("the conversation takes no messages until the person writes"),
    "not_active": gettext_lazy("the connection is not active"),
}
