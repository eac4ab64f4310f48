"""How each category comes to its end: by a sweep that is approved, by steady work, by people, or not in Ponte at all.

Which fields have which category is the data map's business; here stands what then happens. A category of the map without
a way fails a test.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from types import MappingProxyType
from uuid import UUID

from django.utils.functional import Promise

from consent.datamap.retention import Period


class Ending(Enum):
    """What carrying out a row of a list means."""

    REMOVE = auto()  # removed or made anonymous here, at once
    HAND_OVER = auto()  # a person decides; Chatwoot and Krayin are cleaned with it
    REVIEW = auto()  # never on a list: people review it, one by one


@dataclass(frozen=True)
class Row:
    """One row of a list as a sweep gets it back to remove."""

    key: str
    subject: UUID | None
    anchor: datetime
    due_at: datetime


@dataclass(frozen=True)
class Sweep:
    """Rows of one clinic that fall due one by one.

    due: SELECT of `key` (text), `subject` (uuid or null), `number` (text, of the conversation) and `anchor` (timestamptz),
    the start of the period; it knows %(clinic)s, %(period)s (an interval) and %(horizon)s, and has one {only}, where the
    condition `only` limits it to the keys of a batch, %(keys)s (text array). is_whole: any hold on any part of the person
    counts, because the person goes as a whole. models: what of the data map it speaks for.
    remove: takes the rows of a batch inside the transaction that locks their people.
    """

    name: str
    code: str
    title: str | Promise
    due: str
    only: str
    ending: Ending
    models: tuple[str, ...]
    remove: Callable[[Sequence[Row], datetime], None]
    is_whole: bool = False
    holds: tuple[str, ...] = ()  # further categories whose holds keep these rows
    method: str = ""  # name and version of the anonymisation, where that is what remove does (lgpd section 8)

    @property
    def held_codes(self) -> list[str]:
        return [self.code, *self.holds]


@dataclass(frozen=True)
class Found:
    """A whole of the installation that is past its period. `why`: a state of RetentionItem it cannot go for, or empty."""

    key: str
    due_at: datetime
    why: str = ""


class StillNeeded(Exception):
    """It cannot go now after all; the next list has it again."""


@dataclass(frozen=True)
class Wholesale:
    """What leaves as a whole and belongs to no single clinic: partitions, sealed quarters, accounts.

    look: everything past the longest period of the clinics, again right before each removal. remove: one key, without a
    transaction around it, safe to repeat; raises StillNeeded.
    """

    name: str
    code: str
    title: str | Promise
    models: tuple[str, ...]
    look: Callable[[Period, datetime], Iterable[Found]]
    remove: Callable[[str, datetime], None]


@dataclass(frozen=True)
class Steady:
    """Short periods that wait for nobody: an entry of the scheduler does it. `entries` are its names in the settings."""

    code: str
    entries: tuple[str, ...]
    says: str | Promise


@dataclass(frozen=True)
class Elsewhere:
    """A category that no run touches, and why."""

    code: str
    says: str | Promise


Listed = Sweep | Wholesale
_sweeps: dict[str, Sweep] = {}
_wholesales: dict[str, Wholesale] = {}
_others: dict[str, list[Steady | Elsewhere]] = {}


def register(*ways: Sweep | Wholesale | Steady | Elsewhere) -> None:
    """Called in `AppConfig.ready()`; the same again replaces the earlier one."""
    for way in ways:
        if isinstance(way, Sweep):
            _sweeps[way.name] = way
        elif isinstance(way, Wholesale):
            _wholesales[way.name] = way
        elif way not in (held := _others.setdefault(way.code, [])):
            held.append(way)


def sweeps() -> list[Sweep]:
    """In the order of their names, which is the order of every list."""
    return [sweep for _name, sweep in sorted(_sweeps.items())]


def wholesales() -> list[Wholesale]:
    return [one for _name, one in sorted(_wholesales.items())]


def listed() -> Mapping[str, Listed]:
    """What a list may name, by name."""
    return MappingProxyType({**_sweeps, **_wholesales})


def ways_of(code: str) -> list[Sweep | Wholesale | Steady | Elsewhere]:
    """Everything that is done about a category."""
    own = [one for one in listed().values() if one.code == code]
    return [*own, *_others.get(code, [])]


def interval(period: Period) -> str:
    """As PostgreSQL reads it; its calendar counts months and years as Period does."""
    return f"{period.years} years {period.months} months {period.days} days {period.hours} hours"


def longer(one: Period, other: Period) -> Period:
    return other if one.is_shorter_than(other) else one
