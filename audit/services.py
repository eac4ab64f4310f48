"""Writing explicit audit rows: reveals, denials, sign-ins, exports: what is no change of an audited model."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS

from audit import context
from audit.models import ActorType, AuditLog, Outcome, write

OWN_CONNECTION = "audit"
CODE = re.compile(r"[a-z0-9_.]*")
NAME = re.compile(r"[A-Za-z0-9_.\-]*")
ID = re.compile(r"[A-Za-z0-9_.:\-]*")


@dataclass(frozen=True)
class Entry:
    """One row to write. Codes, names and ids only: free text is refused, because it may hold personal data.

    actor_id: the account's id for staff, else the name of the job, partner or person's pseudonym. subject: the person's
    pseudonym (`DataSubject.pseudonym`), never the id. fields: names of fields. Raises ValueError.
    """

    action: str
    actor_type: str
    actor_id: str = ""
    clinic_id: int | None = None
    subject: UUID | None = None
    object_type: str = ""
    object_id: str = ""
    fields: Sequence[str] = ()
    purpose: str = ""
    outcome: str = Outcome.OK
    reason_code: str = ""

    def __post_init__(self) -> None:
        checks = (
            ("action", self.action, CODE),
            ("actor_id", self.actor_id, ID),
            ("object_type", self.object_type, NAME),
            ("object_id", self.object_id, ID),
            ("purpose", self.purpose, CODE),
            ("reason_code", self.reason_code, CODE),
            *(("fields", name, NAME) for name in self.fields),
        )
        # The offending value is not repeated: it may be what must not be written anywhere.
        wrong = sorted({column for column, value, allowed in checks if not allowed.fullmatch(value)})
        if self.actor_type not in ActorType.values or self.outcome not in Outcome.values or not self.action:
            wrong.append("actor_type, outcome or action")
        if self.actor_type == ActorType.STAFF and not self.actor_id.isdecimal():
            wrong.append("actor_id of staff")
        if wrong:
            raise ValueError(f"An audit row takes codes, names and ids only; unusable: {', '.join(wrong)}.")


def record(
    *,
    action: str,
    actor_type: str,
    actor_id: str = "",
    clinic_id: int | None = None,
    subject: UUID | None = None,
    object_type: str = "",
    object_id: str = "",
    fields: Sequence[str] = (),
    purpose: str = "",
    outcome: str = Outcome.OK,
    reason_code: str = "",
    own_connection: bool = True,
) -> None:
    """Write one row; see `Entry` and `record_many`."""
    entry = Entry(
        action=action,
        actor_type=actor_type,
        actor_id=actor_id,
        clinic_id=clinic_id,
        subject=subject,
        object_type=object_type,
        object_id=object_id,
        fields=fields,
        purpose=purpose,
        outcome=outcome,
        reason_code=reason_code,
    )
    record_many([entry], own_connection=own_connection)


def record_many(entries: Sequence[Entry], *, own_connection: bool = True) -> None:
    """Write the rows, or raise django.db.DatabaseError: then nothing may be shown or done.

    On the audit connection the rows are committed when this returns, whatever becomes of the caller's transaction
    (reads, reveals, denials); with own_connection=False they live and die with that transaction (changes).
    """
    if not entries:
        return
    alias = OWN_CONNECTION if own_connection else DEFAULT_DB_ALIAS
    request_id = context.current_request_id()
    write([row(entry, request_id) for entry in entries], using=alias)


def row(entry: Entry, request_id: str) -> AuditLog:
    return AuditLog(
        action=entry.action,
        actor_type=entry.actor_type,
        actor_id=int(entry.actor_id) if entry.actor_type == ActorType.STAFF else None,
        actor_ref=entry.actor_id,
        clinic_id=entry.clinic_id,
        subject=entry.subject,
        object_type=entry.object_type,
        object_id=entry.object_id,
        fields=list(entry.fields),
        purpose=entry.purpose,
        outcome=entry.outcome,
        reason_code=entry.reason_code,
        request_id=request_id,
    )
