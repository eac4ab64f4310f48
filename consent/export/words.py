"""What the codes of a package are called: what was left out and why, states of systems, causes of failure."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

WHAT: dict[str, str | Promise] = {
    "third_person_phone": _("Telephones of other people in texts, masked"),
    "third_person_email": _("E-mail addresses of other people in texts, masked"),
    "third_person_cpf": _("CPFs of other people in texts, masked"),
    "third_person_message": _("Messages of other people in group conversations, masked"),
    "third_person_participant": _("Other people who took part in an appointment, left out"),
    "attendant": _("Names of attendants: they appear by their role"),
    "internal_note": _("Internal notes of the staff in the chat"),
    "attachment": _("Attachments that no longer could be fetched"),
    "attachment_too_large": _("Attachments larger than a package may hold"),
    "quotes": _("Quotes: Krayin's interface does not hand them over; the clinic adds them if there are any"),
    "emails": _("E-mails in the CRM: this Krayin's interface does not hand them over"),
    "receipt": _("Receipts of consent that are damaged"),
    "custom_attributes": _("Further fields of the CRM: Krayin's interface does not hand them over"),
    "erased_value": _("Values whose key was destroyed"),
}
# Article of the LGPD behind each reason code of lgpd 5.4.
ARTICLES = {
    "THIRD_PARTY": "LGPD Art. 6º", "IMPOSSIBLE": "LGPD Art. 18, § 4º, II", "SECRET": "LGPD Art. 18, V",
    "LEGAL_RETENTION": "LGPD Art. 16, I", "ANONYMISED": "LGPD Art. 18, § 7º",
}  # fmt: skip
SYSTEM_STATES: dict[str, str | Promise] = {
    "ok": _("it answered"),
    "away": _("did not answer"),
    "differs": _("the count does not agree"),
}
RIGHTS_ARTICLES = {
    "T01": "Art. 18, I; Art. 19, I", "T02": "Art. 18, II; Art. 19, II", "T03": "Art. 19, § 3º", "T06": "Art. 18, V",
}  # fmt: skip
CAUSES: dict[str, str | Promise] = {
    "no_key": _("The person's key is destroyed: there is nothing left to hand over."),
    "erased": _("The person's data are erased."),
    "too_large": _("The package would be larger than 4 GB."),
    "disk": _("There is no room on the disk, or the folder for exports cannot be written."),
    "internal": _("An error of ours. The technical team was told."),
    "check_failed": _("The finished package did not pass its own check."),
}
DIRECTIONS: dict[str, str | Promise] = {
    "incoming": _("received"),
    "outgoing": _("sent by the clinic"),
    "template": _("sent by the clinic (template)"),
}
KINDS: dict[str, str | Promise] = {
    "phone": _("telephone"),
    "email": _("e-mail"),
    "identifier": _("identifier"),
}
STATUS: dict[str, str | Promise] = {
    "open": _("open"),
    "resolved": _("resolved"),
    "pending": _("pending"),
    "snoozed": _("snoozed"),
}
AUTHORS: dict[str, str | Promise] = {
    "contact": _("you"),
    "user": _("attendant"),
    "bot": _("automatic reply"),
    "other": _("another person"),
    "": _("unknown"),
}


def what_word(code: str) -> str:
    return str(WHAT.get(code, code))


def cause_word(code: str) -> str:
    return str(CAUSES.get(code, CAUSES["internal"])) if code else ""
