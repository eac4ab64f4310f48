"""Places in a text that differ from person to person: `{protocolo}`, `{prazo}`. Few, known, and never free wording."""

import re
from collections.abc import Mapping
from types import MappingProxyType

from consent.models.texts import TextKind

PLACE = re.compile(r"\{([^{}\n]{0,40})\}")

# What the texts of each kind may leave open. Everything else about the clinic is written out before approval, so that
# the hash of a notice or a consent text covers exactly what people read.
_REFUSAL = frozenset({"protocolo", "motivo"})
OPEN_VALUES: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        TextKind.PROTOCOL: frozenset({"protocolo", "prazo", "endereco"}),
        TextKind.IDENTITY_CODE: frozenset({"codigo", "minutos"}),
        TextKind.CHANGE_NOTICE: frozenset({"mudanca", "endereco"}),
        TextKind.TURNING_ADULT: frozenset({"endereco"}),
        TextKind.ERASED: frozenset({"protocolo", "motivo"}),
        **{kind: _REFUSAL for kind in TextKind if kind.startswith("refusal_")},
    }
)


class ValuesMissing(Exception):
    """A text may not be shown: it has places nobody gave a value for. `names` says which."""

    def __init__(self, names: list[str]) -> None:
        super().__init__(f"values are missing for: {', '.join(names)}")
        self.names = names


def places(text: str) -> set[str]:
    """Names of the open places of a text."""
    return set(PLACE.findall(text))


def unknown_places(kind: str, text: str) -> list[str]:
    """Open places that texts of this kind do not have: a slip of the pen, or something not written out yet."""
    return sorted(places(text) - OPEN_VALUES.get(kind, frozenset()))


def fill(text: str, values: Mapping[str, str] | None = None) -> str:
    """Put the values in, once: a value that looks like a place stays as it is. Raises ValuesMissing."""
    given = values or {}
    missing = sorted(name for name in places(text) if not given.get(name))
    if missing:
        raise ValuesMissing(missing)
    return PLACE.sub(lambda found: given[found[1]], text)
