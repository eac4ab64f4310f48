"""Whatever else the data map hands over, column by column: nobody has to remember a field here when it is added there."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import models
from django.utils.translation import gettext as _

from consent.datamap import Export, entries
from consent.encryption import Sealed, Undecryptable
from consent.encryption.places import Owner, places
from consent.export.sources import Item, Reading, Record
from consent.models.subjects import DataSubject

Find = Callable[[DataSubject], models.QuerySet[Any]]
CHUNK = 500


@dataclass(frozen=True)
class Rows:
    """Rows of one model, told as records of a stream that has `details`; `fixed` are its other fields."""

    label: str
    stream: str
    find: Find
    fixed: Mapping[str, str]


_rows: dict[str, Rows] = {}
_whole: set[str] = set()


def hand_over(label: str, stream: str, find: Find, **fixed: str) -> None:
    """Every handed-over column of the model's rows about the person; call in `ready()`."""
    _rows[label] = Rows(label, stream, find, fixed)
    handed_whole(label)


def handed_whole(label: str) -> None:
    """A reader gives the `details` of this model's rows itself."""
    _whole.add(label)


def whole_models() -> frozenset[str]:
    return frozenset(_whole)


def registered(app: str) -> list[str]:
    return sorted(label for label in _rows if label.partition(".")[0] == app)


def read(reading: Reading, label: str) -> Iterator[Item]:
    of = _rows[label]
    for row in of.find(reading.subject).order_by("pk").iterator(chunk_size=CHUNK):
        yield Record(of.stream, {**of.fixed, "details": details(reading, row)})


def details(reading: Reading, row: models.Model) -> dict[str, Any]:
    """Handed-over columns by their names in words; sealed ones opened, empty ones left out."""
    label = row._meta.label
    told: dict[str, Any] = {_("record"): str(row._meta.verbose_name)}
    for name, entry in entries()[label].fields.items():
        if not entry.is_personal or entry.category == "R18" or entry.export == Export.EXCLUDE:
            continue
        field = row._meta.get_field(name)
        value = _value(reading, row, field)
        if value not in (None, "", [], {}):
            word = str(getattr(field, "verbose_name", name))
            told[word if word not in told else name] = value
    return told


def _value(reading: Reading, row: models.Model, field: Any) -> Any:
    value = getattr(row, field.attname)
    if isinstance(value, Sealed):
        return _opened(reading, row, field.name, value)
    if isinstance(value, (bytes, memoryview)):
        return bytes(value).hex()
    if field.choices and isinstance(value, str):
        return str(dict(field.flatchoices).get(value, value))
    return value


def _opened(reading: Reading, row: models.Model, name: str, value: Sealed) -> str | None:
    label = f"{row._meta.label}.{name}"
    place = next(one for one in places(Owner.SUBJECT) if one.label == label)
    try:
        return reading.opener.text(value, subject=reading.subject.pk, context=place.context_of(row))
    except Undecryptable:
        return None
