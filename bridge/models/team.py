"""Who in Chatwoot is who in Krayin, and who gets an opportunity (screen A9)."""

from datetime import date

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from audit.models import Audited
from bridge.models.connections import Connection


class Owner(Audited):
    """A Krayin user of a connection as last read: somebody an opportunity may belong to."""

    connection = models.ForeignKey(Connection, models.CASCADE, related_name="owners", verbose_name=_("connection"))
    number = models.BigIntegerField(_("number"), db_comment="Krayin's user id")
    name = models.CharField(_("name"), max_length=255, db_comment="As shown in Krayin; no e-mail")
    mask = models.CharField(max_length=20, blank=True, db_comment="What screens show of the e-mail")
    is_active = models.BooleanField(default=True, db_comment="May sign in to Krayin")
    takes_turns = models.BooleanField(
        _("in the rotation"), default=False, db_comment="Gets opportunities under the rule round robin"
    )
    is_absent = models.BooleanField(_("absent"), default=False, db_comment="Passed over by every rule")
    absent_until = models.DateField(
        _("absent until"), null=True, blank=True, db_comment="Last day of the absence in the clinic's zone; null: open"
    )
    last_turn = models.BigIntegerField(
        default=0, editable=False, db_comment="Counter of the connection's rule at this person's last turn"
    )
    seen_at = models.DateTimeField(editable=False, db_comment="Last time Krayin listed the user")
    gone_at = models.DateTimeField(null=True, editable=False, db_comment="First time Krayin no longer listed the user")

    class Meta:
        db_table = "owners"
        db_table_comment = "Krayin users as last read: who may own opportunities"
        verbose_name = _("Krayin user")
        verbose_name_plural = _("Krayin users")
        ordering = ["name", "pk"]
        constraints = [models.UniqueConstraint(fields=["connection", "number"], name="owners_once")]

    def __str__(self) -> str:
        return self.name

    @property
    def audited_clinic_id(self) -> int:
        return self.connection.clinic_id

    @property
    def is_there(self) -> bool:
        """Whether Krayin still has the user, and lets the user work."""
        return self.gone_at is None and self.is_active

    def is_away(self, today: date) -> bool:
        return self.is_absent and (self.absent_until is None or today <= self.absent_until)

    def may_get(self, today: date) -> bool:
        """Whether an opportunity may be given to this person on a day of the clinic."""
        return self.is_there and not self.is_away(today)


class OwnerRule(Audited):
    """Who gets the opportunities of a connection. Without a row Ponte names nobody."""

    class Rule(models.TextChoices):
        KEEP = "keep", _("leave it to Krayin")
        ASSIGNEE = "assignee", _("who attends the conversation")
        TEAM = "team", _("the team of the conversation")
        ROUND_ROBIN = "round_robin", _("each in turn")

    connection = models.OneToOneField(
        Connection, models.CASCADE, primary_key=True, related_name="owner_rule", verbose_name=_("connection")
    )
    rule = models.CharField(
        _("owner"), max_length=12, choices=Rule, default=Rule.KEEP, db_comment="keep, assignee, team or round_robin"
    )
    default_owner = models.ForeignKey(
        Owner, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("default owner")
    )
    since = models.DateTimeField(
        db_default=Now(), db_comment="Only what happens in Chatwoot after this time moves an owner"
    )
    turn = models.BigIntegerField(
        default=0, editable=False, db_comment="Turns given so far: the counter of round robin"
    )
    read_at = models.DateTimeField(null=True, editable=False, db_comment="When both lists of people were last read")

    class Meta:
        db_table = "owner_rules"
        db_table_comment = "Per connection: who gets the opportunities"
        verbose_name = _("team")
        verbose_name_plural = _("teams")
        constraints = [
            models.CheckConstraint(
                name="owner_rules_rule", condition=Q(rule__in=["keep", "assignee", "team", "round_robin"])
            )
        ]

    def __str__(self) -> str:
        return self.get_rule_display()

    @property
    def audited_clinic_id(self) -> int:
        return self.connection.clinic_id


class OwnerLink(Audited):
    """A person or team of Chatwoot and its user in Krayin. Made by hand without user: has none, whatever the e-mail."""

    class Kind(models.TextChoices):
        AGENT = "agent", _("person")
        TEAM = "team", _("team")

    class FoundBy(models.TextChoices):
        EMAIL = "email", _("e-mail")
        MANUAL = "manual", _("by hand")

    connection = models.ForeignKey(Connection, models.CASCADE, related_name="owner_links", db_index=False)
    kind = models.CharField(max_length=10, choices=Kind, db_comment="agent or team")
    key = models.CharField(max_length=255, db_comment="Number of the agent or team in Chatwoot")
    owner = models.ForeignKey(
        Owner, models.CASCADE, null=True, related_name="links", db_comment="Krayin user; null: has none, said by hand"
    )
    found_by = models.CharField(max_length=10, choices=FoundBy, db_comment="email or manual")

    class Meta:
        db_table = "owner_links"
        db_table_comment = "Which person or team of Chatwoot is which user of Krayin"
        verbose_name = _("pair")
        verbose_name_plural = _("pairs")
        constraints = [
            models.UniqueConstraint(fields=["connection", "kind", "key"], name="owner_links_once"),
            models.CheckConstraint(name="owner_links_kind", condition=Q(kind__in=["agent", "team"])),
            models.CheckConstraint(name="owner_links_found_by", condition=Q(found_by__in=["email", "manual"])),
            # An e-mail either finds somebody or makes no row.
            models.CheckConstraint(name="owner_links_owner", condition=Q(owner__isnull=False) | Q(found_by="manual")),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.key} → {self.owner_id or '—'}"

    @property
    def audited_clinic_id(self) -> int:
        return self.connection.clinic_id
