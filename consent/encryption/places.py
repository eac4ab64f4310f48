"""Where sealed values live: every SealedField says whose key seals it and which place its rows name.

What has to reach all of a person's values (a new data key, a walk over every field) asks here. A field that nobody
registered stops the start (ponte.E011), so that none is forgotten.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from django.apps import AppConfig, apps
from django.core.checks import CheckMessage, Error, register
from django.db import models

from consent.encryption.fields import SealedField
from consent.encryption.sealed import Context


class Owner(Enum):
    """Whose key seals the values of a field."""

    SUBJECT = auto()
    SYSTEM = auto()
    DAY = auto()


@dataclass(frozen=True)
class Place:
    """One encrypted field. `context_of` gives the associated data of a row; `subject` is the path to the person's id."""

    model: type[models.Model]
    field: str
    owner: Owner
    context_of: Callable[[Any], Context]
    subject: str = ""

    @property
    def label(self) -> str:
        return f"{self.model._meta.label}.{self.field}"


_places: dict[str, Place] = {}


def of_subject(
    model: type[models.Model], field: str, context_of: Callable[[Any], Context], *, subject: str = "subject_id"
) -> None:
    """Register a field sealed with the key of the person whose id is in the row's `subject`; call in `ready()`."""
    _add(Place(model, field, Owner.SUBJECT, context_of, subject))


def of_system(model: type[models.Model], field: str, context_of: Callable[[Any], Context]) -> None:
    """Register an operator secret; call in `ready()`."""
    _add(Place(model, field, Owner.SYSTEM, context_of))


def of_day(model: type[models.Model], field: str, context_of: Callable[[Any], Context]) -> None:
    """Register a field sealed with a per-day key; call in `ready()`."""
    _add(Place(model, field, Owner.DAY, context_of))


def _add(place: Place) -> None:
    _places[place.label] = place


def places(owner: Owner | None = None) -> list[Place]:
    """All registered places, or those of one kind of owner, in the order of their names."""
    return [place for _label, place in sorted(_places.items()) if owner in (None, place.owner)]


def sealed_fields() -> Iterator[str]:
    """Every SealedField of every installed model, as `app.Model.field`."""
    for model in apps.get_models():
        for field in model._meta.local_concrete_fields:
            if isinstance(field, SealedField):
                yield f"{model._meta.label}.{field.name}"


@register()
def every_sealed_field_has_its_place(app_configs: Sequence[AppConfig] | None, **kwargs: object) -> list[CheckMessage]:
    """ponte.E011: an encrypted field would be left out by rotation and by the walks that prove it closed."""
    hint = "Register it with consent.encryption.places in the ready() of its application."
    return [
        Error(f"{label} is encrypted and has no registered place.", hint=hint, id="ponte.E011")
        for label in sealed_fields()
        if label not in _places
    ]
