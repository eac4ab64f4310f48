"""Correction (T04): the officer says what is right; the systems that hold the value bring it there and say how it stands.

A system registers itself; a value that cannot be one (an address without @) is refused before anything is asked.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db.models import TextChoices
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from consent.encryption import Actor
from consent.identifiers import email_normalised, phone_e164
from consent.models import RequestItem, User
from consent.requests.moving import note
from consent.requests.rules import Right
from consent.requests.states import IllegalTransition, State

LONGEST = 200


class Field(TextChoices):
    NAME = "name", _("name")
    EMAIL = "email", _("e-mail")
    PHONE = "phone", _("telephone")


class Unusable(Exception):
    """No name, no e-mail, no telephone: nothing was asked for."""


class Nowhere(Exception):
    """No system that Ponte writes to holds this person."""


@dataclass(frozen=True)
class Standing:
    """How one field of one system stands: a word of screens section 1.6, and the sentence beside it."""

    system: str
    field: str
    word: str
    text: str | Promise


@dataclass(frozen=True)
class Corrector:
    """`correct` returns in how many places it was asked for; the value is kept sealed until it is written."""

    correct: Callable[[RequestItem, str, str, Actor], int]
    standing: Callable[[RequestItem], Iterator[Standing]]


_correctors: list[Corrector] = []


def register(corrector: Corrector) -> None:
    """Called in an app's `ready()`."""
    _correctors.append(corrector)


@sensitive_variables("value", "usable")
def correct(item: RequestItem, field: str, value: str, *, by: User, now: datetime) -> int:
    """Have the value brought everywhere. Raises Unusable, Nowhere, IllegalTransition."""
    if item.right != Right.CORRECTION or item.state != State.EXECUTING or item.request.subject is None:
        raise IllegalTransition(item.state, State.EXECUTING)
    usable = _usable(field, value.strip())
    places = sum(one.correct(item, field, usable, Actor.staff(by)) for one in _correctors)
    if not places:
        raise Nowhere
    note(item.request, "request.correct", actor=Actor.staff(by), reason=field, item=item)
    return places


@sensitive_variables("value")
def _usable(field: str, value: str) -> str:
    read = {
        Field.NAME.value: lambda text: text if 0 < len(text) <= LONGEST else None,
        Field.EMAIL.value: email_normalised,
        Field.PHONE.value: phone_e164,
    }
    found = read[field](value) if field in read else None
    if not found:
        raise Unusable
    return found


def standing(item: RequestItem) -> list[Standing]:
    """What was asked to be corrected for this right, and whether it arrived."""
    return [one for corrector in _correctors for one in corrector.standing(item)]
