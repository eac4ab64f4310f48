"""What consent's own tables hold past its period, and the categories nothing has to be done about here."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from uuid import uuid4

from django.contrib.auth.hashers import make_password
from django.db import connection as db
from django.db import models, transaction
from django.utils.translation import gettext_lazy as _

from audit.retention import CannotDrop, drop_quarter
from config.db import catalogue
from consent.datamap.retention import Period
from consent.encryption import destroy_subject_keys
from consent.models import (
    DataRequest,
    DataSubject,
    Decision,
    ExceptionalAccess,
    IdentityCode,
    RecoveryCodes,
    RepresentativeDocument,
    RequestItem,
    RequestNote,
    RequestStep,
    ServedText,
    TotpDevice,
    User,
)
from consent.retention.holding import is_kept, keep
from consent.retention.ways import Elsewhere, Ending, Found, Row, Steady, StillNeeded, Sweep, Wholesale, register

NOBODY = "@ponte.invalid"  # no mail ever reaches such an address (RFC 2606)


def table(model: type[models.Model]) -> str:
    return model._meta.db_table


def unreferenced(model: type[models.Model], found: str, *, besides: Sequence[type[models.Model]] = ()) -> str:
    """Condition: no row of any other table refers to it. What still needs it is kept (lgpd 3.2: never shorter).

    found: FROM and WHERE that lead from `ref.<column>` to the row, with {column}; besides: tables that go with it.
    """
    others = [
        relation.field
        for relation in model._meta.related_objects
        if relation.related_model not in besides and relation.field.column
    ]
    return "".join(
        f" AND NOT EXISTS (SELECT FROM {table(field.model)} ref {found.format(column=field.column)})"
        for field in others
    )


# Proof of consent (R05): as long as the data it supports, and five years more -----------------------------------------

PROOFS = """
SELECT s.id::text AS key, s.id AS subject, '' AS number, s.erased_at AS anchor FROM data_subjects s
WHERE s.clinic_id = %(clinic)s AND s.erased_at + %(period)s::interval <= %(horizon)s AND (
  EXISTS (SELECT FROM consent_records c WHERE c.contact_id = s.id)
  OR EXISTS (SELECT FROM consent_events e WHERE e.subject_id = s.id)
) {only}
"""
SHOWN = "DELETE FROM served_texts x WHERE x.subject_id = ANY(%s)"


def remove_proofs(rows: Sequence[Row], now: datetime) -> None:
    """Everything of the acts; texts that were shown stay while a message of ours points at them."""
    people = [row.subject for row in rows]
    shown = SHOWN + unreferenced(ServedText, "WHERE ref.{column} = x.id")
    with db.cursor() as cursor:
        cursor.execute("DELETE FROM consent_events WHERE subject_id = ANY(%s)", [people])
        cursor.execute("DELETE FROM consent_links WHERE subject_id = ANY(%s)", [people])
        cursor.execute("DELETE FROM consent_records WHERE contact_id = ANY(%s)", [people])
        cursor.execute(shown, [people])


# Request files (R06) ----------------------------------------------------------------------------------------------------

REQUESTS = """
SELECT r.id::text AS key, r.subject_id AS subject, '' AS number, o.over_at AS anchor FROM data_requests r
CROSS JOIN LATERAL (
  SELECT max(s.at) AS over_at, bool_and(i.state IN ('closed', 'cancelled_by_subject')) AS is_over
  FROM data_request_items i LEFT JOIN data_request_steps s ON s.item_id = i.id WHERE i.request_id = r.id
) o
WHERE r.clinic_id = %(clinic)s AND o.is_over AND o.over_at IS NOT NULL {{only}}
"""
FILE = (RequestNote, IdentityCode, RepresentativeDocument)


def requests_sql() -> str:
    """Files that nothing else points at: an erasure that carries out one of its rights keeps it."""
    of_file = unreferenced(DataRequest, "WHERE ref.{column} = r.id", besides=[RequestItem, *FILE])
    through = "JOIN data_request_items i ON i.id = ref.{column} WHERE i.request_id = r.id"
    of_items = unreferenced(RequestItem, through, besides=[RequestStep])
    return REQUESTS.replace("{{only}}", of_file + of_items + " {only}")


def remove_requests(rows: Sequence[Row], now: datetime) -> None:
    """The file with everything in it, and the key that sealed it."""
    keys = [row.key for row in rows]
    for model in FILE:
        model._default_manager.filter(request__pk__in=keys).delete()
    with db.cursor() as cursor:
        cursor.execute(
            "DELETE FROM data_request_steps s USING data_request_items i"
            " WHERE i.id = s.item_id AND i.request_id = ANY(%s::uuid[])",
            [keys],
        )
        cursor.execute("DELETE FROM data_request_items WHERE request_id = ANY(%s::uuid[])", [keys])
        cursor.execute("DELETE FROM data_requests WHERE id = ANY(%s::uuid[]) RETURNING holder_id", [keys])
        holders = [holder for (holder,) in cursor.fetchall()]
    destroy_subject_keys(holders, now=now)
    DataSubject.objects.filter(pk__in=holders).update(erased_at=now, pseudonym=None)


# Erasures belong to the file of the request (R06); their lines in the ledger stay. Incidents (R07) ----------------------

ERASURES = """
SELECT x.id::text AS key, x.subject_id AS subject, '' AS number,
  greatest(x.planned_at, x.erased_at, x.key_destroyed_at, x.answered_at) AS anchor
FROM erasures x WHERE x.clinic_id = %(clinic)s AND x.state IN ('done', 'cancelled', 'held') {only}
"""
INCIDENTS = """
SELECT x.id::text AS key, NULL::uuid AS subject, '' AS number, e.last_at AS anchor FROM incidents x
CROSS JOIN LATERAL (SELECT max(n.at) AS last_at FROM incident_entries n WHERE n.incident_id = x.id) e
WHERE x.clinic_id = %(clinic)s AND x.closed_at IS NOT NULL AND e.last_at IS NOT NULL {only}
"""
BY_ID = "AND x.id = ANY(%(keys)s::uuid[])"


def remove_erasures(rows: Sequence[Row], now: datetime) -> None:
    keys = [row.key for row in rows]
    with db.cursor() as cursor:
        cursor.execute("DELETE FROM erasure_nodes WHERE erasure_id = ANY(%s::uuid[])", [keys])
        cursor.execute("DELETE FROM erasures WHERE id = ANY(%s::uuid[])", [keys])


def remove_incidents(rows: Sequence[Row], now: datetime) -> None:
    keys = [row.key for row in rows]
    with db.cursor() as cursor:
        cursor.execute("DELETE FROM incident_entries WHERE incident_id = ANY(%s::uuid[])", [keys])
        cursor.execute("DELETE FROM incidents WHERE id = ANY(%s::uuid[])", [keys])


# Decisions of the gate, exceptional access (R09) ------------------------------------------------------------------------

DECISIONS = """
SELECT x.id::text AS key, x.subject_id AS subject, '' AS number, x.decided_at AS anchor
FROM decisions x JOIN data_subjects s ON s.id = x.subject_id AND s.clinic_id = %(clinic)s
WHERE x.decided_at + %(period)s::interval <= %(horizon)s {only}
"""
EXCEPTIONAL = """
SELECT x.id::text AS key, x.subject_id AS subject, '' AS number, greatest(x.until, x.reviewed_at) AS anchor
FROM {table} x WHERE x.clinic_id = %(clinic)s {{only}}
"""


def remove_decisions(rows: Sequence[Row], now: datetime) -> None:
    with db.cursor() as cursor:
        cursor.execute("DELETE FROM decisions WHERE id = ANY(%s::bigint[])", [[row.key for row in rows]])


def remove_exceptional(rows: Sequence[Row], now: datetime) -> None:
    ExceptionalAccess.objects.filter(pk__in=[row.key for row in rows]).delete()


# The trail: whole sealed quarters (R09) ---------------------------------------------------------------------------------


def old_quarters(period: Period, now: datetime) -> Iterator[Found]:
    for one in catalogue.partitions(db, "audit_logs"):
        if one.lower and one.upper and period.after(one.upper) <= now:
            why = "held" if is_kept("R09") else ""
            yield Found(one.lower.date().isoformat(), period.after(one.upper), why)


def drop_old_quarter(key: str, now: datetime) -> None:
    try:
        drop_quarter(date.fromisoformat(key))
    except CannotDrop as error:
        raise StillNeeded(str(error)) from error


# Accounts of who left (R18) ---------------------------------------------------------------------------------------------


def old_accounts(period: Period, now: datetime) -> Iterator[Found]:
    for user in User.objects.filter(ended_at__lt=now).exclude(email__endswith=NOBODY):
        due_at = period.after(user.ended_at.astimezone(UTC)) if user.ended_at else None
        if due_at and due_at <= now:
            yield Found(str(user.pk), due_at, "held" if is_kept("R18") else "")


def anonymise_account(key: str, now: datetime) -> None:
    """The row stays, because acts point at it; nothing in it says who it was."""
    with transaction.atomic():
        for model in (TotpDevice, RecoveryCodes):
            model._default_manager.filter(user=key).delete()
        own = User.objects.filter(pk=key, ended_at__isnull=False)
        own.update(email=f"{uuid4().hex}{NOBODY}", name="", password=make_password(None), last_login=None)


def describe() -> None:
    """Called in `ready()`."""
    register(
        Sweep(
            "consent_proofs", "R05", _("Proof of consent of erased people"), PROOFS,
            "AND s.id = ANY(%(keys)s::uuid[])", Ending.REMOVE,
            ("consent.ConsentEvent", "consent.ConsentRecord", "consent.ServedText", "consent.ConsentLink"), remove_proofs,
        ),
        Sweep(
            "requests", "R06", _("Request files"), requests_sql(), "AND r.id = ANY(%(keys)s::uuid[])", Ending.REMOVE,
            (
                "consent.DataRequest", "consent.RequestItem", "consent.RequestStep", "consent.RequestNote",
                "consent.IdentityCode", "consent.RepresentativeDocument",
            ),
            remove_requests, is_whole=True,
        ),
        Sweep(
            "erasures", "R06", _("Erasures that are over"), ERASURES, BY_ID, Ending.REMOVE,
            ("consent.Erasure", "consent.ErasureNode"), remove_erasures, is_whole=True,
        ),
        Sweep(
            "incidents", "R07", _("Closed incidents"), INCIDENTS, BY_ID, Ending.REMOVE,
            ("consent.Incident", "consent.IncidentEntry"), remove_incidents,
        ),
        Sweep(
            "decisions", "R09", _("Decisions whether data may be used"), DECISIONS, "AND x.id = ANY(%(keys)s::bigint[])",
            Ending.REMOVE, (Decision._meta.label,), remove_decisions,
        ),
        Sweep(
            "exceptional_access", "R09", _("Exceptional accesses"),
            EXCEPTIONAL.format(table=table(ExceptionalAccess)), BY_ID, Ending.REMOVE,
            (ExceptionalAccess._meta.label,), remove_exceptional,
        ),
        Wholesale("audit_quarters", "R09", _("Sealed quarters of the audit trail"), ("audit.AuditLog",),
                  old_quarters, drop_old_quarter),
        Wholesale("staff_accounts", "R18", _("Accounts of people who left"), ("consent.User",), old_accounts,
                  anonymise_account),
        Steady("R08", ("partitions",), _("Access logs leave by whole months; a hold on this category keeps them.")),
        Steady("R11", ("exports-expired",), _("Export packages are destroyed every hour, each at its own time.")),
        Steady("R14", ("representative-documents",), _("Documents leave with the decision, at the latest in the night.")),
        Elsewhere("R01c", _("Ponte keeps no proof that a copy was transferred, so every copy counts as the record (R01).")),
        Elsewhere("R04", _("Ponte keeps no lists or campaigns: a withdrawal stops what would be sent within seconds.")),
        Elsewhere("R04s", _("Kept while the clinic does marketing: without it the person would be written to again.")),
        Elsewhere("R12", _("Quotes and invoices lie in the CRM only; Ponte keeps none.")),
        Elsewhere("R15", _("Backups are destroyed by the backup's own job; erasures are replayed on any restore.")),
        Elsewhere("R16", _("Ponte cannot tell such a record apart: it is kept as long as a patient's record (R01).")),
        Elsewhere("R17", _("Sums over many people are about nobody and stay.")),
        Elsewhere("R19", _("Programs write to standard output; whoever runs them keeps it for 90 days. No personal data.")),
    )  # fmt: skip
    keep("access_logs", "R08")
