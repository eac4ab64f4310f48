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
        from consent.datamap import register as describe_more
        from consent.datamap.own import describe
        from consent.desk import register_card
        from consent.encryption.keycheck import remember_after_migrate
        from consent.encryption.places import of_subject, of_system
        from consent.erasure import datamap as erasures
        from consent.erasure import desk as erasure_desk
        from consent.erasure import executing, local
        from consent.export import records as own_records
        from consent.export.sources import register as hand_over
        from consent.incidents import desk as incidents
        from consent.queries import desk_cards
        from consent.registers import desk as registers
        from consent.requests import channels, packages
        from consent.retention import desk as retention
        from consent.retention import own as retention_own

        describe()
        describe_more(erasures.MODELS, erasures.PLACES)
        local.register_own()
        executing.register()
        hand_over("ponte", own_records.sources)
        own_records.register()
        audit_changes(models.Clinic)
        audit_changes(models.Assessment)
        audit_changes(models.InternationalTransfer)
        audit_changes(models.Processor)
        audit_changes(models.Membership)
        audit_changes(models.DpoDesignation)
        audit_changes(models.User, leave_out=["last_login", "access_stamp"])
        of_subject(models.ContactPoint, "value", lambda row: row.value_context)
        of_subject(models.ExceptionalAccess, "explanation", lambda row: row.explanation_context)
        of_subject(models.ExportPackage, "key", lambda row: row.key_context)
        of_system(models.ExportSigningKey, "private", lambda row: row.private_context)
        of_system(models.IncidentEntry, "affected", lambda row: row.affected_context)
        of_subject(models.LegalHold, "explanation", lambda row: row.explanation_context)
        of_system(models.LegalHold, "clinic_explanation", lambda row: row.clinic_explanation_context)
        of_subject(models.DataRequest, "text", lambda row: row.place("text"), subject="holder_id")
        of_subject(models.DataRequest, "contact", lambda row: row.place("contact"), subject="holder_id")
        of_subject(models.RequestItem, "answer", lambda row: row.place("answer"), subject="request__holder_id")
        of_subject(models.RequestNote, "text", lambda row: row.text_context, subject="request__holder_id")
        of_subject(
            models.RepresentativeDocument, "content", lambda row: row.content_context, subject="request__holder_id"
        )
        of_system(models.TotpDevice, "secret", lambda row: row.context)
        channels.register(channels.Mail())
        packages.register()
        desk_cards.register()
        register_card(incidents.card, place=20)
        register_card(registers.card, place=90)
        register_card(erasure_desk.card, place=30)
        register_card(retention.card, place=50)
        retention_own.describe()
        user_logged_out.connect(note_end, dispatch_uid="consent.note_sign_out")
        post_migrate.connect(remember_after_migrate, sender=self, dispatch_uid="consent.remember_keys")
