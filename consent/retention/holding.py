"""What lies in whole partitions cannot be kept person by person: a hold on the category, or on everything, keeps it."""

from django.db.models import Q

from config.db.partitions import keep_back
from consent.models import LegalHold

Scope = LegalHold.Scope


def is_kept(*codes: str) -> bool:
    """Whether any clinic has a hold in force on one of the categories as a whole, or on all its data. One query."""
    whole = Q(scope=Scope.ALL) | Q(scope=Scope.CATEGORY, category__in=codes)
    return LegalHold.objects.active().filter(whole).exists()


def keep(table: str, *codes: str) -> None:
    """Let the daily maintenance leave the table's partitions alone while such a hold lasts; called in `ready()`."""
    keep_back(table, lambda: is_kept(*codes))
