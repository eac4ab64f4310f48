"""What an erasure removes outside consent's own rows: each system hands in what it finds and how it removes it.

A removal is repeatable: it looks, removes, reads back, and says what it saw. It runs outside of transactions, and maybe
again after a kill.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Protocol

from consent.models.erasures import Erasure, ErasureNode


class Later(Exception):
    """Not now, and nobody's fault: come back at `until`. `code` is shown, never a value."""

    def __init__(self, until: datetime, code: str) -> None:
        super().__init__(code)
        self.until, self.code = until, code


class NotRemoved(Exception):
    """It is still there, or nobody can tell: this try is spent."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Stays(Exception):
    """It cannot be removed from here: it is told as left. `code` is a refusal code of lgpd 5.4."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Draft:
    """A node to be: what, its numbers at the partner. `stays` is the code of why it stays, empty when it goes.

    `is_record`: part of the clinical record when the person received care.
    """

    kind: str
    remote_ids: tuple[int, ...] = ()
    stays: str = ""
    ref: str = ""
    is_record: bool = False


@dataclass(frozen=True)
class Stay:
    """Something that stays: what (a code of `words`), how many, why, until when."""

    what: str
    count: int
    code: str
    retention: str = ""
    until: date | None = None

    def as_json(self) -> dict[str, Any]:
        until = self.until.isoformat() if self.until else None
        return {
            "what": self.what, "count": self.count, "code": self.code, "retention": self.retention, "until": until,
        }  # fmt: skip


@dataclass
class Scope:
    """What one system has of the person.

    looks_clinical: something may be part of a clinical record; received_care: something certainly is.
    """

    drafts: list[Draft] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    stays: list[Stay] = field(default_factory=list)
    warnings: dict[str, int] = field(default_factory=dict)
    looks_clinical: bool = False
    received_care: bool = False


class System(Protocol):
    """One system, as far as one person is concerned."""

    @property
    def name(self) -> str:
        """Unique for the person: `krayin.2`. Nodes are found by it."""
        ...

    @property
    def title(self) -> str: ...

    def scope(self, now: datetime, *, ask: bool = True) -> Scope:
        """What there is; without `ask` only what Ponte itself knows of it. Raises Later, NotRemoved."""
        ...

    def remove(self, node: ErasureNode, now: datetime) -> str:
        """Remove and read back; the code of what was seen. Raises Later, NotRemoved, Stays."""
        ...


Factory = Callable[[Erasure], Sequence[System]]
_factories: dict[int, list[Factory]] = {}


def register(factory: Factory, *, place: int) -> None:
    """Called in `ready()`. Systems are worked in the order of their places: what feeds others goes before them."""
    held = _factories.setdefault(place, [])
    if factory not in held:
        held.append(factory)


def systems_of(erasure: Erasure) -> list[System]:
    return [system for place in sorted(_factories) for make in _factories[place] for system in make(erasure)]


def by_name(erasure: Erasure) -> Mapping[str, System]:
    return {system.name: system for system in systems_of(erasure)}
