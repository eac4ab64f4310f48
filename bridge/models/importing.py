"""Contacts that a job compares with the people who are in Krayin already (bridge.importing)."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from bridge.models.connections import Connection
from bridge.models.jobs import SyncJob


class ImportedContact(models.Model):
    """One contact of one job, while the job lasts. Numbers only; of people who match nobody nothing is kept.

    As long as it is not judged its lane creates no person, because a search finds fewer spellings than the comparison
    with all people does. Who writes meanwhile does not wait for that.
    """

    class Outcome(models.TextChoices):
        WAITING = ""
        ADOPTED = "adopted"  # linked to the one person it surely is
        ASKED = "asked"  # people decide
        OWN = "own"  # nobody matches: its lane goes on as always
        KEPT = "kept"  # it has a person by now, or wants none

    id = models.BigAutoField(primary_key=True)
    job = models.ForeignKey(SyncJob, models.CASCADE, related_name="+", db_index=False)
    connection = models.ForeignKey(Connection, models.CASCADE, related_name="+", db_index=False)
    chatwoot_contact_id = models.BigIntegerField(db_comment="Chatwoot contact id")
    hits = models.JSONField(
        default=list, db_comment="[[Krayin person id, email or phone, whether the names agree]]: who has the same value"
    )
    outcome = models.CharField(
        max_length=10, choices=Outcome, blank=True, db_comment="Empty until judged; adopted, asked, own or kept"
    )
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "imported_contacts"
        db_table_comment = "Contacts a running import compares with the people in Krayin; removed when it ends"
        constraints = [
            models.UniqueConstraint(fields=["job", "chatwoot_contact_id"], name="imported_contacts_once"),
            models.CheckConstraint(
                name="imported_contacts_outcome", condition=Q(outcome__in=["", "adopted", "asked", "own", "kept"])
            ),
        ]
        indexes = [
            # Does this contact's lane have to wait before it creates a person?
            models.Index(
                fields=["connection", "chatwoot_contact_id"], name="imported_contacts_waiting", condition=Q(outcome="")
            )
        ]

    def __str__(self) -> str:
        return f"{self.job_id} {self.chatwoot_contact_id}"
