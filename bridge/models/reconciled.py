"""What reconciliation found: the webhooks that were missed, and pairs that should not be (DESIGN sections 6 and 8)."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from bridge.models.connections import Connection


class ReconcileDay(models.Model):
    """Numbers of one connection and day: what Chatwoot listed, what was known, what only a poll brought."""

    id = models.BigAutoField(primary_key=True)
    connection = models.ForeignKey(Connection, models.CASCADE, related_name="reconcile_days", db_index=False)
    day = models.DateField()
    listed = models.IntegerField(default=0, db_default=0, db_comment="Conversations listed as changed")
    missed = models.IntegerField(default=0, db_default=0, db_comment="Changes only a poll brought: the gap rate's top")
    gone = models.IntegerField(default=0, db_default=0, db_comment="Objects that no longer exist at a partner")
    by_hand = models.IntegerField(default=0, db_default=0, db_comment="Stages people moved in Krayin")

    class Meta:
        db_table = "reconcile_days"
        db_table_comment = "Per connection and day: what polling listed, knew and found"
        constraints = [models.UniqueConstraint(fields=["connection", "day"], name="reconcile_days_once")]

    def __str__(self) -> str:
        return f"{self.connection_id} {self.day}"


class EqualTitle(models.Model):
    """Two objects in Krayin with one reference: the double nobody can exclude is reported, not hidden."""

    id = models.BigAutoField(primary_key=True)
    connection = models.ForeignKey(Connection, models.CASCADE, related_name="+", db_index=False)
    ref = models.CharField(max_length=80)
    foreign_ids = ArrayField(models.BigIntegerField())
    found_at = models.DateTimeField(db_default=Now())
    solved_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "equal_titles"
        db_table_comment = "Pairs of Krayin records with the same reference, for people to join"
        constraints = [models.UniqueConstraint(fields=["connection", "ref"], name="equal_titles_once")]
        indexes = [
            # Screen B4: open pairs of a connection.
            models.Index(fields=["connection"], name="equal_titles_open", condition=Q(solved_at__isnull=True))
        ]

    def __str__(self) -> str:
        return self.ref
