"""Audit: what happened, by whom; append-only."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from config.db import partitions


class AuditConfig(AppConfig):
    name = "audit"
    verbose_name = _("Audit")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Kept 20 years for reads of clinical records (lgpd R09); dropping sealed segments is the retention job's work.
        partitions.register(partitions.Partitioned("audit_logs", "created_at", partitions.Step.QUARTER))
