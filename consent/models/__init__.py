"""Tables of the app; import models from here."""

from consent.encryption.tables import DataKey, KeyCheck
from consent.models.access import ExceptionalAccess, RecoveryCodes, SignInTries, TotpDevice
from consent.models.facts import ConsentRecord, Decision, Reason
from consent.models.staff import Clinic, Membership, User
from consent.models.subjects import ContactPoint, DataSubject
from consent.roles import Role

__all__ = [
    "Clinic",
    "ConsentRecord",
    "ContactPoint",
    "DataKey",
    "DataSubject",
    "Decision",
    "ExceptionalAccess",
    "KeyCheck",
    "Membership",
    "Reason",
    "RecoveryCodes",
    "Role",
    "SignInTries",
    "TotpDevice",
    "User",
]
