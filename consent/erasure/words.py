"""Codes of erasures in words."""

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

STAYS: Mapping[str, str | Promise] = {
    "consents": _("Proof of consent"),
    "requests": _("File of the request"),
    "trail": _("Audit trail, without link to the person"),
    "suppression": _("Suppression list, as a digest"),
    "record": _("Clinical record, with who it belongs to"),
    "shared_person": _("Person in Krayin whom somebody else shares"),
    "shared_lead": _("Opportunity in Krayin of another person, too"),
    "files_on_disk": _("Files of activities on Krayin's disk"),
    "organization": _("Company in Krayin"),
    "crm_log": _("Krayin's own log of programs"),
    "mails": _("E-mails in Krayin"),
}
KINDS: Mapping[str, str | Promise] = {
    "queued": _("waiting work"),
    "quotes": _("quotes"),
    "lead": _("opportunity"),
    "mails": _("e-mails"),
    "activities": _("activities and files"),
    "person": _("person"),
    "files": _("messages with files"),
    "conversation": _("conversation"),
    "contact": _("contact"),
    "message": _("messages"),
    "file": _("files"),
    "poll": _("read back until gone"),
    "spool": _("contingency files"),
    "exports": _("export packages"),
    "rows": _("Ponte's own tables"),
    "told": _("recipient told"),
    "key": _("data key"),
}
WARNINGS: Mapping[str, str | Promise] = {
    "open_conversation": _("open conversations: resolve them in Chatwoot first"),
    "contact_online": _("contact online in Chatwoot: it is removed at the next 02:00"),
    "quotes": _("Krayin removes quotes with the person and shows no list: print fiscal documents first"),
    "clinical_words": _("texts that look clinical, or files: a person must look at them before approving"),
    "shared_contact": _("telephone or address that somebody else uses, too"),
}
CODES: Mapping[str, str | Promise] = {
    "": _("not begun"),
    "gone": _("no longer there"),
    "absent": _("was not there"),
    "contact_online": _("contact online in Chatwoot; next try 02:00"),
    "still_there": _("still there; looked at again soon"),
    "server_error": _("the system failed"),
    "timeout": _("no answer in time"),
    "rejected": _("refused"),
    "waiting_work": _("waits for what is being sent at this moment"),
    "paced": _("the budget of calls is used up"),
    "away": _("the system is away"),
    "token-or-rights": _("token without the right to remove: it needs an administrator"),
    "record": _("part of the clinical record, if there is one"),
    "LEGAL_RETENTION": _("the law demands keeping"),
    "THIRD_PARTY": _("belongs to somebody else, too"),
    "IMPOSSIBLE": _("cannot be removed from here"),
    "HOLD": _("legal hold"),
    "waits_for_partners": _("waits for the systems outside"),
    "told": _("told"),
}


def stay_word(code: str) -> str:
    return str(STAYS.get(code) or KINDS.get(code, code))


def kind_word(kind: str) -> str:
    return str(KINDS.get(kind, kind))


def code_word(code: str) -> str:
    return str(CODES.get(code, code))


def warning_word(code: str) -> str:
    return str(WARNINGS.get(code, code))
