"""The bridge application: what comes in from the partners and what goes out to them."""

from datetime import timedelta

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from config.db.partitions import Partitioned, Step, register
from config.health import register_fallback

# Facts that change by themselves; nobody decides them.
HOT_FIELDS = [
    "updated_at",
    "inbox_names",
    "pipelines",
    "polled_at",
    "field_keys",
    "field_gone",
]


class BridgeConfig(AppConfig):
    name = "bridge"
    verbose_name = _("Operation")

    def ready(self) -> None:
        # Models exist only now, so neither may be imported with the module.
        from audit.models import audit_changes
        from bridge import accounts, alerts, datamap, erasure, export, request_channel, sealed_places, switches
        from bridge.api import cors, joined
        from bridge.consents.stopping import stop
        from bridge.health import runs
        from bridge.models import (
            AlertPlace,
            AlertRule,
            Connection,
            ConnectionInbox,
            FieldRow,
            FieldVersion,
            Owner,
            OwnerLink,
            OwnerRule,
            StageRule,
        )
        from bridge.queries import person
        from bridge.retention import sweeps
        from bridge.spool.health import look
        from consent.consents.hooks import on_no
        from consent.datamap import register as describe

        register_fallback("spool", look)
        audit_changes(Connection, leave_out=HOT_FIELDS)
        audit_changes(ConnectionInbox)
        audit_changes(StageRule)
        audit_changes(FieldRow)
        audit_changes(FieldVersion)
        audit_changes(Owner, leave_out=["last_turn", "seen_at"])
        audit_changes(OwnerLink)
        audit_changes(AlertRule)
        audit_changes(AlertPlace)
        audit_changes(OwnerRule, leave_out=["turn", "read_at"])
        cors.listen()
        joined.join("bridge.api.consents")
        joined.join("bridge.api.exports")
        on_no(stop)
        sealed_places.register()
        describe(datamap.MODELS, datamap.PLACES)
        switches.register()
        export.register()
        person.register()
        erasure.register()
        request_channel.register()
        accounts.register()
        sweeps.describe()
        alerts.register_rules()
        runs.listen()
        register(Partitioned("webhook_events", "received_at", Step.WEEK, keep=timedelta(days=180)))
        register(Partitioned("webhook_bodies", "received_at", Step.DAY, keep=timedelta(days=30)))
        register(Partitioned("activity_mappings", "created_at", Step.MONTH))
        register(Partitioned("stage_change_logs", "created_at", Step.QUARTER))
