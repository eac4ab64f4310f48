"""Where the data of a person come from: each system hands its sources to this registry in `ready()`.

The job asks every source for its units, reads each unit once and keeps it, and so can go on after a kill where it
stopped. A unit is repeatable: read twice it gives the same records in the same order, unless the system changed.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from consent.encryption import Opener
from consent.models.subjects import DataSubject


class SourceAway(Exception):
    """The system does not answer. Try later; in the end the package is incomplete. `code` is shown, never a value."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class SourceWaits(Exception):
    """The budget of calls is used up until then: the job goes on with the same unit."""

    def __init__(self, until: datetime) -> None:
        super().__init__(until)
        self.until = until


@dataclass(frozen=True)
class Record:
    """One record of a stream of `consent.export.layout`: JSON values by field name."""

    stream: str
    values: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True)
class LeftOut:
    """Something the package does not hold, told in its exclusions. `what` and `reason_code` are codes of `words`."""

    what: str
    reason_code: str
    count: int = 1


@dataclass(frozen=True)
class Attachment:
    """A file of the message before it. `name` is as the sender called it; `chunks` are read once."""

    name: str = field(repr=False)
    media_type: str
    chunks: Iterator[bytes] = field(repr=False)


Item = Record | LeftOut | Attachment


@dataclass(frozen=True)
class Reading:
    """What a source is given: whose data, an opener that the gate allowed, the moment of the export."""

    subject: DataSubject
    opener: Opener
    now: datetime


class Source(Protocol):
    """One system, as far as one person is concerned. Every method may raise SourceAway and SourceWaits."""

    @property
    def name(self) -> str:
        """Unique for the person: `ponte`, `chatwoot.3`."""
        ...

    @property
    def title(self) -> str:
        """As people know the system."""
        ...

    def version(self) -> str:
        """Of the system's data, as far as known; else empty."""
        ...

    def units(self, reading: Reading) -> Sequence[str]:
        """Names of the units, in the order of the package."""
        ...

    def read(self, reading: Reading, unit: str) -> Iterator[Item]: ...

    def counts(self, reading: Reading) -> Mapping[str, int]:
        """How many records of each stream the system itself counts, where it can say so otherwise than by reading."""
        ...


Factory = Callable[[DataSubject], Sequence[Source]]
_factories: dict[str, Factory] = {}


def register(name: str, factory: Factory) -> None:
    """A system's sources for a person; call in `ready()`. The order of names is the order in the package."""
    _factories[name] = factory


def sources_of(subject: DataSubject) -> list[Source]:
    return [source for _name, factory in sorted(_factories.items()) for source in factory(subject)]
