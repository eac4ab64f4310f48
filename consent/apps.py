"""Consent: clinics, their people, encryption, the decision gate."""

from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_out
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
        from consent.access.sessions import note_end
        from consent.encryption.keycheck import remember_after_migrate
        from consent.encryption.places import of_subject, of_system

        audit_changes(models.Clinic)
        audit_changes(models.Membership)
        audit_changes(models.User, leave_out=["last_login", "access_stamp"])
        of_subject(models.ContactPoint, "value", lambda row: row.value_context)
        of_subject(models.ExceptionalAccess, "explanation", lambda row: row.explanation_context)
        of_system(models.TotpDevice, "secret", lambda row: row.context)
        user_logged_out.connect(note_end, dispatch_uid="consent.note_sign_out")
        post_migrate.connect(remember_after_migrate, sender=self, dispatch_uid="consent.remember_keys")
