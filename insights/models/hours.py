"""When a clinic answers: weekly hours and closed days per unit; which inboxes a unit serves."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from consent.validators import validate_time_zone

MINUTES_A_DAY = 1440


class Unit(models.Model):
    """A place of a clinic with hours of its own. Without hours its waits are told by the calendar clock only."""

    clinic = models.ForeignKey("consent.Clinic", models.CASCADE, related_name="units", verbose_name=_("clinic"))
    name = models.CharField(_("name"), max_length=120)
    time_zone = models.CharField(
        _("time zone"),
        max_length=64,
        blank=True,
        validators=[validate_time_zone],
        db_comment="Empty: the clinic's",
    )
    is_default = models.BooleanField(
        _("every other inbox"), default=False, db_comment="Serves the inboxes of the clinic that have no unit"
    )

    class Meta:
        db_table = "units"
        db_table_comment = "Places of a clinic with opening hours of their own"
        verbose_name = _("unit")
        verbose_name_plural = _("units")
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["clinic"], condition=Q(is_default=True), name="units_one_default"),
            models.UniqueConstraint(fields=["clinic", "name"], name="units_name"),
        ]

    def __str__(self) -> str:
        return self.name


class UnitInbox(models.Model):
    """An inbox that a unit answers."""

    unit = models.ForeignKey(Unit, models.CASCADE, related_name="inboxes", verbose_name=_("unit"))
    connection = models.ForeignKey("bridge.Connection", models.CASCADE, related_name="+", db_index=False)
    inbox_id = models.BigIntegerField(_("inbox"), db_comment="Chatwoot inbox")

    class Meta:
        db_table = "unit_inboxes"
        db_table_comment = "Which unit answers an inbox; others belong to the clinic's default unit"
        verbose_name = _("inbox of a unit")
        verbose_name_plural = _("inboxes of units")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["connection", "inbox_id"], name="unit_inboxes_once"),
        ]

    def __str__(self) -> str:
        return f"{self.inbox_id}"


class OpeningHours(models.Model):
    """One stretch of a weekday; lunch breaks make two. Minutes after local midnight, the end excluded."""

    class Weekday(models.IntegerChoices):
        MONDAY = 1, _("Monday")
        TUESDAY = 2, _("Tuesday")
        WEDNESDAY = 3, _("Wednesday")
        THURSDAY = 4, _("Thursday")
        FRIDAY = 5, _("Friday")
        SATURDAY = 6, _("Saturday")
        SUNDAY = 7, _("Sunday")

    unit = models.ForeignKey(Unit, models.CASCADE, related_name="hours", verbose_name=_("unit"), db_index=False)
    weekday = models.SmallIntegerField(_("weekday"), choices=Weekday, db_comment="1 Monday … 7 Sunday")
    opens_min = models.SmallIntegerField(_("opens"), db_comment="Minutes after local midnight")
    closes_min = models.SmallIntegerField(_("closes"), db_comment="Minutes after local midnight, at most 1440")

    class Meta:
        db_table = "opening_hours"
        db_table_comment = "Weekly opening hours of units; stretches of one weekday do not overlap"
        verbose_name = _("opening hours")
        verbose_name_plural = _("opening hours")
        ordering: ClassVar = ["weekday", "opens_min"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["unit", "weekday", "opens_min"], name="opening_hours_once"),
            models.CheckConstraint(name="opening_hours_weekday", condition=Q(weekday__range=(1, 7))),
            models.CheckConstraint(
                name="opening_hours_order",
                condition=Q(opens_min__gte=0, closes_min__gt=F("opens_min"), closes_min__lte=MINUTES_A_DAY),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.weekday}: {self.opens_min}-{self.closes_min}"


class ClosedDay(models.Model):
    """A local day on which a unit does not open."""

    class Kind(models.TextChoices):
        NATIONAL = "national", _("national holiday")
        STATE = "state", _("state holiday")
        MUNICIPAL = "municipal", _("municipal holiday")
        OWN = "own", _("own closure")

    unit = models.ForeignKey(Unit, models.CASCADE, related_name="closed_days", verbose_name=_("unit"), db_index=False)
    day = models.DateField(_("day"), db_comment="Local day of the unit")
    kind = models.CharField(
        _("kind"), max_length=10, choices=Kind, default=Kind.OWN, db_comment="national, state, municipal or own"
    )
    name = models.CharField(_("name"), max_length=120, blank=True)

    class Meta:
        db_table = "closed_days"
        db_table_comment = "Holidays and closures of units"
        verbose_name = _("closed day")
        verbose_name_plural = _("closed days")
        ordering: ClassVar = ["day"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["unit", "day"], name="closed_days_once"),
            models.CheckConstraint(
                name="closed_days_kind", condition=Q(kind__in=["national", "state", "municipal", "own"])
            ),
        ]

    def __str__(self) -> str:
        return f"{self.day}"
