"""What the clinic's settings switch on and off; an application says it in `ready()`, because settings live there."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from consent.datamap import Processing
from consent.models import Clinic


@dataclass(frozen=True)
class Switch:
    """One operation as the settings of a clinic have it.

    facts: codes of what was chosen (`message_text:grouped`), shown in the register as the clinic's documented
    instructions (Art. 39). countries: where its recipients keep the data, two letters, as far as known.
    """

    operation: Processing
    is_on: bool
    facts: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()


Look = Callable[[Clinic], Iterable[Switch]]
_looks: dict[str, Look] = {}


def register(name: str, look: Look) -> None:
    _looks[name] = look


def switches(clinic: Clinic) -> list[Switch]:
    """What every application says about the clinic."""
    return [switch for look in _looks.values() for switch in look(clinic)]
