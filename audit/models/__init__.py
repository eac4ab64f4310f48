"""The tables of the audit trail."""

from audit.models.access import AccessLog
from audit.models.seals import Checkpoint, Drop, Seal, Segment, Unsealed, Verification
from audit.models.trail import ActorType, Audited, AuditLog, Outcome, audit_changes, write

__all__ = [
    "AccessLog",
    "ActorType",
    "AuditLog",
    "Audited",
    "Checkpoint",
    "Drop",
    "Outcome",
    "Seal",
    "Segment",
    "Unsealed",
    "Verification",
    "audit_changes",
    "write",
]
