"""The data map's shapes: one entry per stored field, grouped per model; one entry per place outside the tables."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from consent.datamap.codes import NONE, Erasure, Export, Processing, Recipient, Source, Why


@dataclass(frozen=True)
class FieldEntry:
    """What the law needs to know about one field (lgpd section 3.1).

    category and retention are codes of `consent.datamap.retention` (or "none" and ""); base is one of section 2, empty
    for what is no personal data. `per_record`: the row's own class decides, and the codes here are the strictest it may
    have (section 3.3). `keys`: the keys of a JSON column, "*" for keys that are data themselves.
    """

    category: str
    sensitive: bool = False
    purposes: tuple[Processing, ...] = ()
    base: str = ""
    source: Source = Source.COMPUTED
    retention: str = ""
    erasure: Erasure = Erasure.KEEP
    export: Export = Export.EXCLUDE
    why: Why | None = None
    sealed: bool = False
    recipients: tuple[Recipient, ...] = ()
    per_record: bool = False
    keys: tuple[str, ...] = ()

    @property
    def is_personal(self) -> bool:
        return self.category != NONE


@dataclass(frozen=True)
class Part:
    """Fields of a model with the same entry; names and keys apart by blanks, so that a model reads as a paragraph."""

    entry: FieldEntry
    fields: str
    keys: str = ""

    def each(self) -> Iterator[tuple[str, FieldEntry]]:
        entry = replace(self.entry, keys=tuple(self.keys.split())) if self.keys else self.entry
        for name in self.fields.split():
            yield name, entry


@dataclass(frozen=True)
class ModelMap:
    """All fields of one model. `label` is `app.Model`."""

    label: str
    parts: tuple[Part, ...]

    @cached_property
    def fields(self) -> Mapping[str, FieldEntry]:
        return dict(pair for part in self.parts for pair in part.each())

    @property
    def doubled(self) -> list[str]:
        """Fields named twice, of which one entry would be lost."""
        names = [name for part in self.parts for name, _entry in part.each()]
        return sorted({name for name in names if names.count(name) > 1})


def model(label: str, *parts: Part) -> ModelMap:
    return ModelMap(label, parts)


@dataclass(frozen=True)
class Place:
    """Personal data outside the columns: a file, the arguments of a task, a cache, a log.

    `where` names it for technicians: a directory setting, a task, a cache key.
    """

    code: str
    where: str
    entry: FieldEntry
