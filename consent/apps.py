"""Consent: clinics, their people, encryption, the decision gate."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class ConsentConfig(AppConfig):
    name = "consent"
    verbose_name = _("Clinics and privacy")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Models exist only now, so neither may be imported with the module.
        from audit.models import audit_changes
        from consent import models
        from consent.encryption.keycheck import remember_after_migrate

        audit_changes(models.Clinic)
        audit_changes(models.Membership)
        audit_changes(models.User, leave_out=["last_login"])
        post_migrate.connect(remember_after_migrate, sender=self, dispatch_uid="consent.remember_keys")
