"""Why an act about consent is not written down: classes named for what the caller has to do next."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class ActRefused(Exception):
    """Nothing was written. `code` is for programs, the text for people."""

    code = "refused"
    text: str | Promise = _("This cannot be recorded.")

    def __init__(self, text: str | Promise = "") -> None:
        super().__init__(str(text or self.text))


class NotAskedHere(ActRefused):
    """The purpose is unknown, or stands on another legal base: consent for it would be a false one (lgpd 2)."""

    code = "not_consent_based"
    text = _("Consent is not asked for this purpose: it is unknown, or stands on another legal base.")


class TextMissing(ActRefused):
    code = "text_missing"
    text = _("There is no approved text for this purpose. The data protection officer approves one first.")


class ShowTextFirst(ActRefused):
    """The person has not been shown the text in force (lgpd 4: the showing is recorded before the answer)."""

    code = "text_not_shown"
    text = _("The text in force was not shown to this person before the answer.")


class BringEvidence(ActRefused):
    code = "evidence_missing"
    text = _("Something has to prove it: a message, a form, a signed file or a recording.")


class AskGuardian(ActRefused):
    code = "guardian_needed"
    text = _("The person is a minor: a verified guardian has to give it.")


class PersonClosed(ActRefused):
    code = "person_closed"
    text = _("The person's data are blocked or erased.")


class NewerActExists(ActRefused):
    code = "newer_act"
    text = _("The person decided otherwise later.")
