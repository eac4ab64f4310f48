"""Why an action was not taken, named for what the caller must do. `code` is for programs, the text for people."""

from collections.abc import Mapping
from typing import ClassVar

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class ActionRefused(Exception):
    """Nothing was stored. `str()` is one sentence for the person, in the language of the moment."""

    texts: ClassVar[Mapping[str, str | Promise]] = {}

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code

    def __str__(self) -> str:
        return str(self.texts.get(self.code, self.code))


class AskForPermission(ActionRefused):
    """The person's roles in this clinic do not include the action."""

    texts = {"not_permitted": _("Your permissions do not include this. Ask the clinic's management.")}


class ActivateFirst(ActionRefused):
    """The connection writes nothing to Krayin in its present state."""

    texts = {
        "draft": _("The connection is not switched on yet: nothing is written to Krayin."),
        "shadow": _("The connection is in shadow: it shows what it would write, and writes nothing."),
        "off": _("The connection is switched off: nothing is written to Krayin."),
    }


class LeaveAlone(ActionRefused):
    """The person must not be processed: blocked, erased, or no longer in Chatwoot."""

    texts = {
        "blocked": _("This person's data are blocked: nothing may be changed or sent."),
        "erased": _("The person's data were erased."),
        "gone": _("The contact no longer exists in Chatwoot; nothing more is sent."),
        "shared_person": _("Several contacts have this person in Krayin: whose data it shows cannot be told."),
    }


class ChooseAnother(ActionRefused):
    """What was named does not exist or belongs to somebody else."""

    texts = {
        "unknown_stage": _("This stage no longer exists in Krayin. Choose another."),
        "unknown_contact": _("Ponte does not know this contact."),
        "nothing_named": _("Say which person or opportunity of Krayin it is."),
        "other_clinic": _("This record belongs to another clinic."),
        "one_way": _("This connection writes nothing to Chatwoot: correct the contact there."),
        "no_value": _("This side has no value to take over."),
    }


class WaitForFirst(ActionRefused):
    """Something else must come first."""

    texts = {
        "no_opportunity": _("There is no opportunity in Krayin yet."),
        "no_person": _("There is no person in Krayin yet."),
        "decide_first": _("First decide who this contact is in Krayin."),
        "unlinking": _("The contact is being unlinked; try again in a moment."),
        "busy": _("Ponte is working on this person right now: try again in a minute."),
        "compare_first": _("Compare first: Ponte has not read this person in Krayin yet."),
    }


class NothingToDo(ActionRefused):
    """It is so already, or was asked for already."""

    texts = {
        "already_there": _("The opportunity is in this stage already."),
        "already_asked": _("This was asked for already and is waiting for Krayin."),
        "being_created": _("The opportunity is being created."),
        "already_linked": _("The contact is linked to this person already."),
        "already_settled": _("This is settled already."),
    }


class RewordText(ActionRefused):
    """The text of a note is empty or too long."""

    texts = {
        "empty": _("Write something first."),
        "too_long": _("The note is too long: 4,000 characters at most."),
    }
