"""What people do by hand, for the panel, the screens and the API: one function for each, the same rules for all.

An action stores a wish and marks the contact's lane dirty; planning turns the wish into steps of the ledger, so it
passes the same gate, happens once, and waits while a partner is away. Each checks the permission, writes an audit row
without personal data and returns the wish. Each raises a class of `bridge.actions.errors` when it refuses; then
nothing was stored.
"""

from bridge.actions.contacts import create_opportunity, link, not_this_person, sync_now, unlink
from bridge.actions.conversations import do_not_send, note_to_crm
from bridge.actions.duplicates import different_people, same_person, shared_phone
from bridge.actions.errors import (
    ActionRefused,
    ActivateFirst,
    AskForPermission,
    ChooseAnother,
    LeaveAlone,
    NothingToDo,
    RewordText,
    WaitForFirst,
)
from bridge.actions.places import Target
from bridge.actions.sides import accept_difference, choose_side
from bridge.actions.stages import change_stage
from bridge.actions.wishes import withdraw

__all__ = [
    "ActionRefused",
    "ActivateFirst",
    "AskForPermission",
    "ChooseAnother",
    "LeaveAlone",
    "NothingToDo",
    "RewordText",
    "Target",
    "WaitForFirst",
    "accept_difference",
    "change_stage",
    "choose_side",
    "create_opportunity",
    "different_people",
    "do_not_send",
    "link",
    "not_this_person",
    "note_to_crm",
    "same_person",
    "shared_phone",
    "sync_now",
    "unlink",
    "withdraw",
]
