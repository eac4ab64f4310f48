"""Keys with which other programs of a clinic read and write through the REST API (screen H3)."""

from datetime import datetime

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class Scope(models.TextChoices):
    """What a key may do. Reading is masked everywhere."""

    READ_CONNECTIONS = "read:connections", _("See connections")
    READ_LINKS = "read:links", _("See links between Chatwoot and Krayin")
    READ_LEADS = "read:leads", _("See opportunities and their conversations")
    READ_STAGES = "read:stages", _("See stage changes")
    WRITE_STAGES = "write:stages", _("Move opportunities to another stage")
    READ_EVENTS = "read:events", _("See received events")
    READ_JOBS = "read:jobs", _("See jobs")
    WRITE_JOBS = "write:jobs", _("Pause, continue and cancel jobs")
    READ_INSIGHTS = "read:insights", _("See numbers of opportunities and of the clinic")
    READ_CONSENTS = "read:consents", _("See what people consented to")
    WRITE_CONSENTS = "write:consents", _("Record what people say about consent")
    READ_EXPORTS = "read:exports", _("See how far copies of people's data are")
    WRITE_EXPORTS = "write:exports", _("Begin, cancel and hand over copies of people's data")


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def live(self, now: datetime) -> "ApiKeyQuerySet":
        """Keys that open the API."""
        return self.filter(revoked_at=None, expires_at__gt=now)


class ApiKey(models.Model):
    """One key of one client program in one clinic. The secret itself is shown once and kept nowhere."""

    class State(models.TextChoices):
        LIVE = "live", _("valid")
        EXPIRED = "expired", _("expired")
        REVOKED = "revoked", _("revoked")

    clinic = models.ForeignKey(
        "consent.Clinic", models.PROTECT, related_name="api_keys", db_index=False, verbose_name=_("clinic")
    )
    client = models.CharField(_("program"), max_length=80, db_comment="Name of the program that uses the key")
    prefix = models.CharField(_("prefix"), max_length=12, unique=True, db_comment="Public part of the key")
    digest = models.BinaryField(db_comment="HMAC-SHA-256 of prefix and secret; the secret is kept nowhere")
    digest_key = models.CharField(max_length=16, db_comment="Which of PONTE_BLIND_KEYS made `digest`")
    scopes = ArrayField(
        models.CharField(max_length=40), verbose_name=_("may"), db_comment="What it may do: bridge.models.Scope"
    )
    origins = ArrayField(
        models.CharField(max_length=200),
        default=list,
        blank=True,
        verbose_name=_("web sites"),
        db_comment="Web sites whose pages may use the key from a browser (CORS)",
    )
    expires_at = models.DateTimeField(_("valid until"), db_comment="From then on the key is refused")
    last_used_at = models.DateTimeField(_("last used"), null=True, db_comment="Written at most once a minute")
    revoked_at = models.DateTimeField(_("revoked"), null=True, db_comment="From then on the key is refused")
    revoked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(_("created"), db_default=Now())
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name=_("created by")
    )

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        db_table = "api_keys"
        db_table_comment = "Keys of the REST API: prefix and keyed hash, never the key"
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        constraints = [
            models.CheckConstraint(name="api_keys_prefix", condition=Q(prefix__regex=r"^[a-z0-9]{10}$")),
            models.CheckConstraint(name="api_keys_some_scope", condition=Q(scopes__len__gt=0)),
        ]
        indexes = [
            # Screen H3: keys of a clinic, newest first; and how many live keys a client has.
            models.Index(fields=["clinic", "-created_at"], name="api_keys_of_clinic")
        ]

    def __str__(self) -> str:
        return f"{self.client} · {self.prefix}"

    def state(self, now: datetime) -> State:
        """Whether it opens the API, and if not, why."""
        if self.revoked_at:
            return self.State.REVOKED
        return self.State.LIVE if now < self.expires_at else self.State.EXPIRED

    def may(self, scope: Scope) -> bool:
        return scope in self.scopes
