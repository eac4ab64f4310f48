"""The audit trail: one row per thing that happened. Rows are inserted and never changed, removed or reworded."""

from collections.abc import Collection, Iterable, Sequence
from contextlib import nullcontext
from typing import Any, ClassVar

from auditlog.models import AbstractLogEntry
from auditlog.registry import auditlog
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import DEFAULT_DB_ALIAS, connections, models, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models.base import ModelBase
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from audit import canonical, context, keys
from audit.models.access import current_access_ref


class ActorType(models.TextChoices):
    STAFF = "staff", _("Staff")
    SYSTEM = "system", _("System")
    REMOTE = "remote", _("Partner system")
    PERSON = "person", _("Data subject")


class Outcome(models.TextChoices):
    OK = "ok", _("Done")
    DENIED = "denied", _("Denied")
    FAILED = "failed", _("Failed")


class AuditLogManager(models.Manager["AuditLog"]):
    """What django-auditlog calls when an audited model changes. Only the names of changed fields are kept."""

    ACTIONS: ClassVar[dict[int, str]] = {
        AbstractLogEntry.Action.CREATE: "create",
        AbstractLogEntry.Action.UPDATE: "update",
        AbstractLogEntry.Action.DELETE: "delete",
        AbstractLogEntry.Action.ACCESS: "read",
    }

    def log_create(
        self, instance: models.Model, force_log: bool = False, *, action: int, changes: dict[str, Any] | None = None
    ) -> "AuditLog | None":
        """Write the row of one change in the caller's transaction; nothing when no audited field changed."""
        if not changes and not force_log:
            return None
        # django-auditlog lists reverse relations, too, when an object is made or deleted.
        own = {field.name for field in instance._meta.concrete_fields if not field.primary_key}
        return self._write(instance, self.ACTIONS[action], sorted(own.intersection(changes or ())))

    def log_m2m_changes(
        self, changed_queryset: Collection[models.Model], instance: models.Model, operation: str, field_name: str
    ) -> "AuditLog | None":
        """Write that a many-to-many field changed; not to which objects."""
        return self._write(instance, "update", [field_name]) if changed_queryset else None

    def get_for_object(self, instance: models.Model) -> models.QuerySet["AuditLog"]:
        return self.filter(object_type=instance._meta.label, object_id=str(instance.pk))

    def get_for_objects(self, queryset: Iterable[models.Model]) -> models.QuerySet["AuditLog"]:
        objects = list(queryset)
        labels = {instance._meta.label for instance in objects}
        return self.filter(object_type__in=labels, object_id__in=[str(instance.pk) for instance in objects])

    def get_for_model(self, model: type[models.Model]) -> models.QuerySet["AuditLog"]:
        return self.filter(object_type=model._meta.label)

    def _write(self, instance: models.Model, action: str, fields: list[str]) -> "AuditLog":
        user_id = context.current_user_id()
        clinic_id = getattr(instance, "audited_clinic_id", None)
        row = AuditLog(
            action=action,
            actor_type=ActorType.STAFF if user_id else ActorType.SYSTEM,
            actor_id=user_id,
            actor_ref=str(user_id or ""),
            clinic_id=clinic_id,
            object_type=instance._meta.label,
            object_id=str(instance.pk),
            fields=fields,
            outcome=Outcome.OK,
            request_id=context.current_request_id(),
        )
        return write([row], using=self.db)[0]


class AuditLog(AbstractLogEntry):
    """One audited act. No column can hold personal data.

    django-auditlog's columns for values, object texts, e-mail and network addresses are taken out rather than left
    empty; people appear by a random pseudonym that is destroyed with them.
    """

    content_type = None
    object_pk = None
    object_repr = None
    serialized_data = None
    changes_text = None
    changes = None
    cid = None
    remote_addr = None
    remote_port = None
    additional_data = None
    actor_email = None

    timestamp = models.DateTimeField(_("when"), db_default=Now(), editable=False, db_column="created_at")
    action = models.CharField(_("action"), max_length=50, db_comment="create, update, delete, read, reveal, …")
    actor_type = models.CharField(_("kind of actor"), max_length=8, choices=ActorType)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.DO_NOTHING,
        verbose_name=_("actor"),
        null=True,
        related_name="+",
        db_constraint=False,
        db_index=False,
        db_column="user_id",
        db_comment="Set for staff; without constraint, because the row outlives the account.",
    )
    actor_ref = models.CharField(_("actor's id"), max_length=64, blank=True)
    clinic_id = models.BigIntegerField(_("clinic"), null=True, db_comment="The controller; without constraint.")
    subject = models.UUIDField(_("person"), null=True, db_comment="Pseudonym of consent.DataSubject, never its id.")
    object_type = models.CharField(_("kind of object"), max_length=100, blank=True, db_comment="app.Model")
    object_id = models.CharField(_("object"), max_length=64, blank=True)
    fields = ArrayField(models.CharField(max_length=100), verbose_name=_("fields"), default=list, db_comment="Names.")
    purpose = models.CharField(_("purpose"), max_length=32, blank=True)
    outcome = models.CharField(_("outcome"), max_length=8, choices=Outcome)
    reason_code = models.CharField(_("reason"), max_length=64, blank=True)
    request_id = models.CharField(_("request"), max_length=64, blank=True)
    access_ref = models.UUIDField(null=True, db_comment="Row of access_logs, which lives six months; no constraint.")
    version = models.SmallIntegerField(default=canonical.VERSION, db_comment="Of the canonical form.")
    key_id = models.CharField(max_length=16, db_comment="Key of PONTE_AUDIT_KEYS that made row_mac.")
    row_mac = models.BinaryField(db_comment="HMAC-SHA-256 over all other columns.")

    objects = AuditLogManager()

    class Meta:
        db_table = "audit_logs"
        db_table_comment = "What happened, by whom. Insert only; no personal data. By quarter of created_at."
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit trail")
        ordering: ClassVar = ["-timestamp"]
        get_latest_by = "timestamp"
        default_permissions = ("view",)
        indexes: ClassVar = [
            # What did this person of the staff do?
            models.Index(fields=["actor", "-timestamp"], name="idx_audit_logs_user"),
            # What happened to this object?
            models.Index(fields=["object_type", "object_id", "-timestamp"], name="idx_audit_logs_model"),
            # All reveals, all denials of a period.
            models.Index(fields=["action", "-timestamp"], name="idx_audit_logs_action"),
            # The trail, newest first.
            models.Index(fields=["-timestamp"], name="idx_audit_logs_created_at"),
            # The trail of one clinic, newest first.
            models.Index(fields=["clinic_id", "-timestamp"], name="idx_audit_logs_clinic"),
            # Who saw this person?
            models.Index(fields=["subject", "-timestamp"], name="idx_audit_logs_subject"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(actor_type__in=["staff", "system", "remote", "person"]),
                name="chk_audit_logs_actor_type",
            ),
            models.CheckConstraint(
                condition=models.Q(outcome__in=["ok", "denied", "failed"]), name="chk_audit_logs_outcome"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.object_type} {self.object_id}".strip()

    def columns(self) -> dict[str, Any]:
        """The stored columns by name, as the canonical form takes them."""
        return {column: getattr(self, FIELD_OF.get(column, column)) for column in canonical.COLUMNS}


# Columns whose field has another name.
FIELD_OF = {"created_at": "timestamp", "user_id": "actor_id"}
STORED = (*canonical.COLUMNS, "row_mac")
INSERT = f"INSERT INTO audit_logs ({', '.join(STORED)}) VALUES "  # noqa: S608 - constants
ONE_ROW = f"({', '.join(['%s'] * len(STORED))})"
# The trigger looks at the statement once for each row.
ROWS_PER_STATEMENT = 500
NUMBERS = """
SELECT nextval(pg_get_serial_sequence('audit_logs', 'id')), clock_timestamp() FROM generate_series(1, %s)
"""


def write(rows: Sequence[AuditLog], *, using: str = DEFAULT_DB_ALIAS) -> Sequence[AuditLog]:
    """Number, sign and insert the rows. Raises django.db.DatabaseError: then nothing may be shown or done.

    Ids and times come from the database first, in one query: the MAC covers them.
    """
    access_ref = current_access_ref(using)
    with connections[using].cursor() as cursor:
        cursor.execute(NUMBERS, [len(rows)])
        numbers = cursor.fetchall()
        key_id, key = keys.newest()
        values = []
        for row, (number, now) in zip(rows, numbers, strict=True):
            row.pk, row.timestamp, row.access_ref, row.key_id = number, now, access_ref, key_id
            columns = row.columns()
            row.row_mac = canonical.row_mac(key, canonical.rendered(columns))
            values.append((*columns.values(), row.row_mac))
            row._state.adding, row._state.db = False, using
        insert(cursor, values, using)
    return rows


def insert(cursor: CursorWrapper, values: Sequence[tuple[Any, ...]], using: str) -> None:
    """All or none. Without Django's `bulk_create`, which wraps one statement in a transaction of three."""
    batches = [values[begin : begin + ROWS_PER_STATEMENT] for begin in range(0, len(values), ROWS_PER_STATEMENT)]
    with transaction.atomic(using=using) if len(batches) > 1 else nullcontext():
        for batch in batches:
            cursor.execute(INSERT + ", ".join([ONE_ROW] * len(batch)), [value for row in batch for value in row])


class Audited(models.Model):
    """A model whose changes leave audit rows in the same transaction: no change without its row.

    Register the class with `audit_changes`. Only `save()` and `delete()` are seen; `QuerySet.update()` and
    `bulk_create()` are not. An attribute or property `audited_clinic_id` places the rows in a clinic.
    """

    class Meta:
        abstract = True

    def save(
        self,
        *,
        force_insert: bool | tuple[ModelBase, ...] = False,
        force_update: bool = False,
        using: str | None = None,
        update_fields: Iterable[str] | None = None,
    ) -> None:
        with transaction.atomic(using=using):
            super().save(force_insert=force_insert, force_update=force_update, using=using, update_fields=update_fields)

    def delete(self, using: str | None = None, keep_parents: bool = False) -> tuple[int, dict[str, int]]:
        with transaction.atomic(using=using):
            return super().delete(using=using, keep_parents=keep_parents)


def audit_changes(model: type[models.Model], *, leave_out: Iterable[str] = ()) -> None:
    """Write an audit row, naming the changed fields, whenever an object of the model is saved or deleted.

    `leave_out` names fields that change without anybody deciding anything (last sign-in, caches).
    """
    auditlog.register(model, exclude_fields=list(leave_out))
