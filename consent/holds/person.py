"""All that stands between one person's data and their use or removal: for the person's page (C3) and C9."""

from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property

from django.utils import timezone
from django.utils.translation import gettext as _

from consent.holds.guardians import age_band
from consent.models.holds import Guardianship, LegalHold, Minority, Restriction
from consent.models.subjects import DataSubject
from consent.policy import POLICY_PURPOSES


@dataclass(frozen=True)
class PersonState:
    """What is in force now; `history` are restrictions that ended, the newest first."""

    subject: DataSubject
    now: datetime
    holds: list[LegalHold]
    blocks: list[Restriction]
    oppositions: list[Restriction]
    history: list[Restriction]
    minority: Minority | None
    guardians: list[Guardianship]  # of this minor
    wards: list[Guardianship]  # whose guardian this person is

    @cached_property
    def age_band(self) -> str:
        return age_band(self.minority, self.today)

    @property
    def today(self) -> date:
        return timezone.localdate(self.now)

    @property
    def flags(self) -> list[str]:
        """Words to show beside the person's mask, the strongest first."""
        told = (
            (self.subject.erased_at is not None, _("erased")),
            (bool(self.blocks) or self.subject.blocked_at is not None, _("blocked")),
            (bool(self.holds), _("legal hold")),
            (bool(self.oppositions) or bool(self.subject.opposed_purposes), _("opposition")),
            (self.subject.is_minor, _("minor")),
            (self.subject.is_minor and not self.guardians, _("no verified guardian")),
            (bool(self.wards), _("guardian of a minor")),
        )
        return [word for is_so, word in told if is_so]

    @property
    def purposes_open(self) -> list[tuple[str, str]]:
        """Purposes the person has not objected to, as choices."""
        return [(one.value, str(one.label)) for one in POLICY_PURPOSES if one not in self.subject.opposed_purposes]


def person_state(subject: DataSubject, now: datetime) -> PersonState:
    """Four queries."""
    rows = list(
        Restriction.objects.filter(subject=subject).select_related("began_by", "ended_by").order_by("-began_at")
    )
    running = [row for row in rows if row.ended_at is None]
    kin = list(Guardianship.objects.in_force(now).filter(minor=subject).select_related("guardian", "verified_by"))
    wards = list(Guardianship.objects.in_force(now).filter(guardian=subject).select_related("minor"))
    holds = LegalHold.objects.active().touching(subject).select_related("placed_by", "clinic")
    return PersonState(
        subject=subject,
        now=now,
        holds=list(holds),
        blocks=[row for row in running if row.kind == Restriction.Kind.BLOCK],
        oppositions=[row for row in running if row.kind == Restriction.Kind.OPPOSITION],
        history=[row for row in rows if row.ended_at is not None],
        minority=Minority.objects.filter(subject=subject).first(),
        guardians=kin,
        wards=wards,
    )
