"""Why something is stopped or was not sent, in the words a person reads, and what that person can do about it."""

from dataclasses import dataclass

from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class Cause(models.TextChoices):
    """One member per cause; the label is the sentence a person reads. An unknown cause is a bug of ours."""

    KRAYIN_CREDENTIALS = "KRAYIN_CREDENTIALS", _("Krayin no longer accepts Ponte's access.")
    KRAYIN_UNAVAILABLE = "KRAYIN_UNAVAILABLE", _("Krayin does not answer. Nothing is lost; we try again by ourselves.")
    KRAYIN_PACE = "KRAYIN_PACE", _("Krayin's call limit is reached; we go on more slowly.")
    KRAYIN_EMAIL_REQUIRED = "KRAYIN_EMAIL_REQUIRED", _("Krayin demands an e-mail; this contact only has a phone.")
    KRAYIN_DUPLICATE = "KRAYIN_DUPLICATE", _("Another person in Krayin already has this phone or e-mail.")
    KRAYIN_TARGET_GONE = (
        "KRAYIN_TARGET_GONE",
        _("A configured stage, pipeline, source, type or owner no longer exists."),
    )
    KRAYIN_OBJECT_GONE = (
        "KRAYIN_OBJECT_GONE",
        _("Somebody deleted this record in Krayin; Ponte does not make it again."),
    )
    KRAYIN_VISIBILITY = "KRAYIN_VISIBILITY", _("Ponte's user in Krayin does not see all records.")
    KRAYIN_REJECTED = "KRAYIN_REJECTED", _("Krayin refused a field.")
    KRAYIN_UNCERTAIN = "KRAYIN_UNCERTAIN", _("We do not know whether Krayin wrote it. We look before repeating.")
    KRAYIN_PACKAGE = "KRAYIN_PACKAGE", _("Krayin's API is not installed or is of another version.")
    CHATWOOT_UNAVAILABLE = (
        "CHATWOOT_UNAVAILABLE",
        _("Chatwoot does not answer. Nothing is lost; we try again by ourselves."),
    )
    CHATWOOT_CREDENTIALS = "CHATWOOT_CREDENTIALS", _("Chatwoot's token is not valid or not an administrator's.")
    CHATWOOT_RIGHTS = (
        "CHATWOOT_RIGHTS",
        _("Chatwoot lacks fields for the opportunity; only an administrator's token could make them."),
    )
    CHATWOOT_ATTRIBUTES = (
        "CHATWOOT_ATTRIBUTES",
        _("Chatwoot lacks custom attributes or labels in which the opportunity is shown."),
    )
    CHATWOOT_REJECTED = "CHATWOOT_REJECTED", _("Chatwoot refused a field: another contact has it, or it is malformed.")
    CHATWOOT_UNCERTAIN = (
        "CHATWOOT_UNCERTAIN",
        _("We do not know whether Chatwoot wrote it. We look before repeating."),
    )
    FIELD_FLIPS = "FIELD_FLIPS", _("Both sides keep changing the same field; it waits until a person decides.")
    CHATWOOT_GONE = "CHATWOOT_GONE", _("The contact or conversation no longer exists in Chatwoot (deleted or merged).")
    SIGNATURE = "SIGNATURE", _("Something arrived with a wrong signature.")
    UNREADABLE = "UNREADABLE", _("The event could not be read: it is not the JSON Chatwoot documents.")
    UNKNOWN_TYPE = "UNKNOWN_TYPE", _("An event of a type Ponte does not know.")
    WRONG_ACCOUNT = "WRONG_ACCOUNT", _("The event belongs to another Chatwoot account.")
    NO_IDENTIFIER = "NO_IDENTIFIER", _("Contact without phone, e-mail or identifier: kept, not sent.")
    NOT_ALLOWED = "NOT_ALLOWED", _("Not sent because of a privacy rule.")
    BLOCKED_PERSON = "BLOCKED_PERSON", _("The titular is blocked.")
    MAPPING = "MAPPING", _("A field could not be converted.")
    INTERNAL = "INTERNAL", _("Our error. The technical team has been told.")


@dataclass(frozen=True)
class Advice:
    """What the main button says, where it leads, and whether waiting is enough."""

    button: str | Promise
    heals_itself: bool = False
    is_failure: bool = True


ADVICE: dict[Cause, Advice] = {
    Cause.KRAYIN_CREDENTIALS: Advice(_("Sign in again")),
    Cause.KRAYIN_UNAVAILABLE: Advice(_("Test now"), heals_itself=True),
    Cause.KRAYIN_PACE: Advice(_("See the pace"), heals_itself=True),
    Cause.KRAYIN_EMAIL_REQUIRED: Advice(_("Make it optional")),
    Cause.KRAYIN_DUPLICATE: Advice(_("Compare")),
    Cause.KRAYIN_TARGET_GONE: Advice(_("Choose another")),
    Cause.KRAYIN_OBJECT_GONE: Advice(_("See the link"), is_failure=False),
    Cause.KRAYIN_VISIBILITY: Advice(_("How to fix")),
    Cause.KRAYIN_REJECTED: Advice(_("See the fields")),
    Cause.KRAYIN_UNCERTAIN: Advice(_("Check now"), heals_itself=True),
    Cause.KRAYIN_PACKAGE: Advice(_("Instructions")),
    Cause.CHATWOOT_UNAVAILABLE: Advice(_("Test now"), heals_itself=True),
    Cause.CHATWOOT_CREDENTIALS: Advice(_("Replace the token")),
    Cause.CHATWOOT_RIGHTS: Advice(_("Replace the token")),
    Cause.CHATWOOT_ATTRIBUTES: Advice(_("Create them")),
    Cause.CHATWOOT_REJECTED: Advice(_("See the fields")),
    Cause.CHATWOOT_UNCERTAIN: Advice(_("Check now"), heals_itself=True),
    Cause.FIELD_FLIPS: Advice(_("See the fields")),
    Cause.CHATWOOT_GONE: Advice(_("Look for the successor")),
    Cause.SIGNATURE: Advice(_("Check the secret")),
    Cause.UNREADABLE: Advice(_("See the event")),
    Cause.UNKNOWN_TYPE: Advice(_("See the event"), is_failure=False),
    Cause.WRONG_ACCOUNT: Advice(_("Check the account")),
    Cause.NO_IDENTIFIER: Advice(_("Complete"), is_failure=False),
    Cause.NOT_ALLOWED: Advice(_("See the decision"), is_failure=False),
    Cause.BLOCKED_PERSON: Advice(_("See the block"), is_failure=False),
    Cause.MAPPING: Advice(_("See the fields")),
    Cause.INTERNAL: Advice(_("Copy the code")),
}
