"""For each cause: what to do, in one sentence, and where the main button leads."""

from dataclasses import dataclass
from enum import Enum, auto

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from bridge.causes import ADVICE, Cause


class Leads(Enum):
    """Where the main button of a group leads."""

    CONNECTION = auto()  # the connection's settings
    EVENTS = auto()  # the list of received events
    DETAIL = auto()  # the group itself, one line for each person
    TRY_NOW = auto()  # ends the wait for a partner
    FIELDS = auto()  # what becomes which field of the CRM
    CHECK = auto()  # has the people of the group looked at again at once


@dataclass(frozen=True)
class Fix:
    """`place` is where on the page of the connection the right setting is: the id of its field."""

    leads: Leads
    what_to_do: str | Promise
    place: str = ""


FIXES: dict[Cause, Fix] = {
    Cause.KRAYIN_CREDENTIALS: Fix(
        Leads.CONNECTION, _("Enter the user and password of Ponte's Krayin user again in the connection.")
    ),
    Cause.KRAYIN_UNAVAILABLE: Fix(
        Leads.TRY_NOW, _("Nothing to do: Ponte asks again by itself, at most every 5 minutes.")
    ),
    Cause.KRAYIN_PACE: Fix(Leads.CONNECTION, _("Nothing to do: the calls come back every minute.")),
    Cause.KRAYIN_EMAIL_REQUIRED: Fix(
        Leads.CONNECTION,
        _("In Krayin: Settings → Attributes → Emails (persons): not required. Then reprocess this group."),
    ),
    Cause.KRAYIN_DUPLICATE: Fix(
        Leads.DETAIL, _("Compare the persons in Krayin, correct the phone or e-mail there, then reprocess.")
    ),
    Cause.KRAYIN_TARGET_GONE: Fix(
        Leads.CONNECTION,
        _("Choose another pipeline or stage in the connection, then reprocess this group."),
        "id_lead_pipeline_id",
    ),
    Cause.KRAYIN_OBJECT_GONE: Fix(Leads.DETAIL, _("Nothing to do if it was deleted on purpose.")),
    Cause.KRAYIN_VISIBILITY: Fix(
        Leads.CONNECTION, _("In Krayin: Settings → Users → Ponte's user → View permission: Global.")
    ),
    Cause.KRAYIN_REJECTED: Fix(
        Leads.DETAIL, _("See which field was refused, correct it in Chatwoot or Krayin, then reprocess.")
    ),
    Cause.KRAYIN_UNCERTAIN: Fix(Leads.CHECK, _("Nothing to do: Ponte looks in Krayin before it repeats anything.")),
    Cause.KRAYIN_PACKAGE: Fix(
        Leads.CONNECTION, _("Install the REST API package of Krayin's version, or correct Krayin's address.")
    ),
    Cause.CHATWOOT_UNAVAILABLE: Fix(Leads.TRY_NOW, _("Nothing to do: Ponte asks again by itself.")),
    Cause.CHATWOOT_CREDENTIALS: Fix(
        Leads.CONNECTION,
        _("Enter the access token of a Chatwoot administrator in the connection."),
        "id_chatwoot_token_new",
    ),
    Cause.CHATWOOT_RIGHTS: Fix(
        Leads.CONNECTION,
        _("Enter the access token of a Chatwoot administrator in the connection, or make the fields in Chatwoot."),
        "id_chatwoot_token_new",
    ),
    Cause.CHATWOOT_ATTRIBUTES: Fix(
        Leads.CONNECTION, _("Make the custom attributes and labels that the connection names in Chatwoot.")
    ),
    Cause.CHATWOOT_REJECTED: Fix(
        Leads.DETAIL, _("See which field was refused, correct it in Chatwoot, then reprocess this group.")
    ),
    Cause.CHATWOOT_UNCERTAIN: Fix(Leads.CHECK, _("Nothing to do: Ponte looks in Chatwoot before it repeats anything.")),
    Cause.FIELD_FLIPS: Fix(
        Leads.DETAIL, _("Decide which side is right, correct the other one, and let the field go on again.")
    ),
    Cause.CHATWOOT_GONE: Fix(Leads.DETAIL, _("Nothing to do if it was deleted or merged on purpose.")),
    Cause.SIGNATURE: Fix(
        Leads.CONNECTION,
        _("Compare the webhook's secret in Chatwoot with the one kept here. If both agree, somebody else is calling."),
        "id_webhook_secret_new",
    ),
    Cause.UNREADABLE: Fix(
        Leads.EVENTS, _("Keep the event's number and tell the technical team; after an update it can be read again.")
    ),
    Cause.UNKNOWN_TYPE: Fix(Leads.EVENTS, _("Nothing to do: Ponte does not need this type.")),
    Cause.WRONG_ACCOUNT: Fix(
        Leads.CONNECTION, _("The webhook in Chatwoot belongs to another account: compare the account number.")
    ),
    Cause.NO_IDENTIFIER: Fix(Leads.DETAIL, _("Write phone or e-mail into the contact in Chatwoot; it is sent then.")),
    Cause.NOT_ALLOWED: Fix(
        Leads.DETAIL, _("The rule is right, or the DPO changes it; after a change the group can be reprocessed.")
    ),
    Cause.BLOCKED_PERSON: Fix(Leads.DETAIL, _("Only the DPO lifts a block.")),
    Cause.MAPPING: Fix(Leads.FIELDS, _("Correct the field in Chatwoot, then reprocess.")),
    Cause.INTERNAL: Fix(Leads.DETAIL, _("Keep the code and tell the technical team; Ponte tries again every minute.")),
}
# Continuing them changes nothing: there is no step or body to continue, or the outcome is already certain.
NOTHING_TO_REPROCESS = frozenset(
    {
        Cause.KRAYIN_OBJECT_GONE,
        Cause.KRAYIN_UNCERTAIN,
        Cause.CHATWOOT_UNCERTAIN,
        Cause.NO_IDENTIFIER,
        Cause.SIGNATURE,
        Cause.WRONG_ACCOUNT,
    }
)
OWNER_GONE = _("Choose another pair or default owner on the page Team, then reprocess this group.")
UNNAMED = Fix(Leads.DETAIL, _("Nobody has described this cause yet: tell the technical team."))


def fix_of(cause: str) -> Fix:
    return FIXES.get(Cause(cause), UNNAMED) if cause in Cause.values else UNNAMED


def button_of(cause: str) -> str:
    return str(ADVICE[Cause(cause)].button if cause in Cause.values else _("See the group"))


def can_reprocess(cause: str) -> bool:
    return cause not in NOTHING_TO_REPROCESS
