"""C1: what the data protection officer has to look at. Every package brings its card in `ready()`."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet
from django.utils.functional import Promise

from consent.models import Clinic, User


@dataclass(frozen=True)
class Card:
    """One card: how many wait, the next date in words, where to go. `is_urgent` puts it in the alarm colour."""

    title: str | Promise
    count: int
    address: str
    sentence: str | Promise
    button: str | Promise
    is_urgent: bool = False


# Asked with the viewer, the clinics seen and the time; None where there is no card for this viewer.
Maker = Callable[[User, QuerySet[Clinic], datetime], Card | None]
_makers: dict[int, list[Maker]] = {}


def register_card(make: Maker, *, place: int) -> None:
    """`place`: in the order of screens C1 (requests 10, incidents 20, erasures and exports 30, texts 40, retention 50,
    holds 60, minors 70, consents 80, registers 90, audit 100, access 110). A card may cost two queries."""
    held = _makers.setdefault(place, [])
    if make not in held:
        held.append(make)


def cards(user: User, clinics: QuerySet[Clinic], now: datetime) -> list[Card]:
    made = (make(user, clinics, now) for place in sorted(_makers) for make in _makers[place])
    return [card for card in made if card is not None]
