"""Audit: what happened, by whom; append-only."""

from datetime import timedelta

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from config.db.partitions import Partitioned, Step, register

# Access logs of an application are kept for six months (Lei 12.965 Art. 15), and no longer (lgpd R08).
SIX_MONTHS = timedelta(days=184)


class AuditConfig(AppConfig):
    name = "audit"
    verbose_name = _("Audit")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Kept 20 years for reads of clinical records (lgpd R09); dropping sealed segments is the retention job's work.
        register(Partitioned("audit_logs", "created_at", Step.QUARTER, insert_only=True))
        register(Partitioned("audit_seals", "created_at", Step.QUARTER, insert_only=True))
        register(Partitioned("access_logs", "created_at", Step.MONTH, keep=SIX_MONTHS))
