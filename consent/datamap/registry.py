"""Where the applications put their part of the map, in `AppConfig.ready()`."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from consent.datamap.shapes import FieldEntry, ModelMap, Place

_maps: dict[str, ModelMap] = {}
_places: dict[str, Place] = {}


def register(maps: Iterable[ModelMap], places: Iterable[Place] = ()) -> None:
    """Add the maps of models and the places outside columns; the same label or code again replaces the earlier one."""
    _maps.update({one.label: one for one in maps})
    _places.update({one.code: one for one in places})


def entries() -> Mapping[str, ModelMap]:
    """Every mapped model by its label."""
    return MappingProxyType(_maps)


def entry(model_label: str, field: str) -> FieldEntry:
    """The entry of one field. Raises KeyError for what is not mapped."""
    return _maps[model_label].fields[field]


def places() -> Sequence[Place]:
    """Personal data outside columns, in the order of their codes."""
    return [place for _code, place in sorted(_places.items())]
