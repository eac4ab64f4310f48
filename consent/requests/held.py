"""Which categories of data the clinic holds of a person, and what for: read from the data map, nothing is opened."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db import models

from consent.datamap import Export, ModelMap, Processing, entries, retention
from consent.models import DataSubject

# How rows of a model lead to their person.
PATHS = ("subject", "contact__subject", "conversation__contact__subject")


@dataclass
class Held:
    """Names in the language of the person, in the order of the map."""

    categories: list[str] = field(default_factory=list)
    purposes: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.categories)


def held_of(subject: DataSubject) -> Held:
    """What a confirmation (T01) tells: categories and purposes of what is stored of the person now."""
    codes: dict[str, None] = {}
    purposes: dict[str, None] = {}
    for told in entries().values():
        if not _has_rows(told, subject):
            continue
        for entry in told.fields.values():
            if entry.is_personal and entry.export != Export.EXCLUDE:
                codes[entry.category] = None
                purposes.update(dict.fromkeys(entry.purposes))
    return Held(
        [str(retention(code).title) for code in sorted(codes)],
        [str(one.label) for one in Processing if one in purposes],
    )


def _has_rows(told: ModelMap, subject: DataSubject) -> bool:
    model = apps.get_model(told.label)
    return any(model._default_manager.filter(**{path: subject}).exists() for path in _paths(model))


def _paths(model: type[models.Model]) -> Iterator[str]:
    """The first path that this model has; none for what belongs to nobody."""
    for path in PATHS:
        if _leads_to_person(model, path.split("__")):
            yield path
            return


def _leads_to_person(model: type[models.Model], parts: list[str]) -> bool:
    for name in parts:
        try:
            found = model._meta.get_field(name)
        except FieldDoesNotExist:
            return False
        if not isinstance(found, models.ForeignKey):
            return False
        model = found.related_model
    return model is DataSubject
