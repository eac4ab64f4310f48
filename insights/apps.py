"""The insights application: numbers read from the rest."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from bridge.api import joined


class InsightsConfig(AppConfig):
    name = "insights"
    verbose_name = _("Insights")
    bench = "insights.bench"  # what `manage.py bench insights` measures

    def ready(self) -> None:
        # Models exist only now, so neither may be imported with the module.
        from audit.models import audit_changes
        from bridge.panel import hints as panel
        from consent.datamap import register as describe
        from consent.encryption.places import of_system
        from insights import alerts, datamap, erasure, hints, portability, retention, switches
        from insights.models import LanguageSettings, LanguageStop

        audit_changes(LanguageSettings, leave_out=["failures", "paused_until"])
        audit_changes(LanguageStop)
        of_system(LanguageSettings, "api_key", lambda row: row.key_context)
        describe(datamap.MODELS)
        switches.register()
        alerts.register()
        portability.register()
        erasure.register()
        retention.register()
        panel.register(hints)
        joined.join("insights.api")
