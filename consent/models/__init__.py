"""Tables of the app; import models from here."""

from consent.encryption.tables import DataKey, KeyCheck
from consent.models.access import ExceptionalAccess, RecoveryCodes, SignInTries, TotpDevice
from consent.models.consents import ConsentEvent, ConsentLink, Suppression
from consent.models.designations import DpoDesignation
from consent.models.erasures import Erasure, ErasureEntry, ErasureNode
from consent.models.exports import ExportLink, ExportPackage, ExportSigningKey
from consent.models.facts import ConsentRecord, Decision, Reason
from consent.models.holds import Guardianship, LegalHold, Minority, Restriction
from consent.models.incidents import Incident, IncidentEntry
from consent.models.registers import Assessment, InternationalTransfer, OperationVersion, Processor
from consent.models.requests import (
    DataRequest,
    DeadlineRegime,
    IdentityCode,
    RepresentativeDocument,
    RequestItem,
    RequestNote,
    RequestStep,
)
from consent.models.retention_runs import RetentionCase, RetentionItem, RetentionPeriod, RetentionRun
from consent.models.staff import Clinic, Membership, User
from consent.models.subjects import ContactPoint, DataSubject
from consent.models.texts import ServedText, TextKind, TextVersion, WithdrawalWords
from consent.roles import Role

__all__ = [
    "Assessment",
    "Clinic",
    "ConsentEvent",
    "ConsentLink",
    "ConsentRecord",
    "ContactPoint",
    "DataKey",
    "DataRequest",
    "DataSubject",
    "DeadlineRegime",
    "Decision",
    "DpoDesignation",
    "Erasure",
    "ErasureEntry",
    "ErasureNode",
    "ExceptionalAccess",
    "ExportLink",
    "ExportPackage",
    "ExportSigningKey",
    "Guardianship",
    "IdentityCode",
    "Incident",
    "IncidentEntry",
    "InternationalTransfer",
    "KeyCheck",
    "LegalHold",
    "Membership",
    "Minority",
    "OperationVersion",
    "Processor",
    "Reason",
    "RecoveryCodes",
    "RepresentativeDocument",
    "RequestItem",
    "RequestNote",
    "RequestStep",
    "Restriction",
    "RetentionCase",
    "RetentionItem",
    "RetentionPeriod",
    "RetentionRun",
    "Role",
    "ServedText",
    "SignInTries",
    "Suppression",
    "TextKind",
    "TextVersion",
    "TotpDevice",
    "User",
    "WithdrawalWords",
]
